/* Conversations on disk: who has whom, in the map DESK_CONVERSATION (owner = the tenant's domain, key = the visitor's bare
 * JID). Written when a conversation changes hands, deleted when it ends; a login or a message writes nothing here. After a
 * restart a conversation waits for its own seat as if that seat's line had been lost (live-chat 4.1): for the hold,
 * under its old id and epoch. The words in it come from the log of left messages (left.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/desk/state.h"
#include "runtime/log.h"
#include "runtime/outside.h"

/* Notices of the last run may have had any number up to one by one from the saved one; ids must not come again. */
#define NOTICES_SKIPPED 1000u
#define BARE_MAX (2 * JID_PART_MAX + 2)

static struct store_request *request(struct desk *self, const struct conversation *c, enum store_op op)
{
	struct store_request *r = store_request_new(op, STORE_DESK_CONVERSATION, jid_domain(c->visitor), jid_bare(c->visitor), NULL);

	r->relaxed = config_durability(self->server->conf, jid_domain(c->visitor)) != CONFIG_DURABILITY_D2;
	return r;
}

static const char *text_of(const struct jid *j)
{
	return j ? jid_bare(j).p : "-";
}

void remember_state(struct desk *self, struct conversation *c)
{
	struct store_request *r = request(self, c, STORE_OP_MAP_PUT);

	buf_addf(&r->value, "%s %" PRIu32 " %" PRIu32 " %s %s %s", c->id, c->epoch, c->notices, c->owner ? "owned" : "free",
		 text_of(c->seat), text_of(c->robot));
	c->remembered = true;
	actor_send(self->server->store, &r);
}

void remember_not(struct desk *self, struct conversation *c)
{
	struct store_request *r;

	if (!c->remembered)
		return;
	r = request(self, c, STORE_OP_MAP_DELETE);
	c->remembered = false;
	actor_send(self->server->store, &r);
}

/* --- after a restart --- */

static struct store_request *read_all(struct span domain)
{
	return store_request_new(STORE_OP_MAP_ALL, STORE_DESK_CONVERSATION, domain, SPAN_NONE, &desk_stored_kind);
}

void remember_load(struct desk *self, struct span domain)
{
	struct store_request *r = read_all(domain);

	actor_send(self->server->store, &r);
}

struct memory {
	char id[CONVERSATION_ID_MAX], state[8], seat[BARE_MAX], robot[BARE_MAX];
	uint32_t epoch, notices;
};

/* The next word of the text, which it cuts off; false when there is none or it does not fit. */
static bool next_word(struct span *rest, char *out, size_t room)
{
	const char *space = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
	size_t n = space ? (size_t)(space - rest->p) : rest->n;

	if (n == 0 || n >= room)
		return false;
	memcpy(out, rest->p, n);
	out[n] = '\0';
	rest->p += space ? n + 1 : n;
	rest->n -= space ? n + 1 : n;
	return true;
}

static bool next_number(struct span *rest, uint32_t *out)
{
	char text[12], *end;
	unsigned long value;

	if (!next_word(rest, text, sizeof(text)))
		return false;
	value = strtoul(text, &end, 10);
	*out = (uint32_t)value;
	return *end == '\0' && value < UINT32_MAX;
}

static bool read_memory(struct span text, struct memory *m)
{
	return next_word(&text, m->id, sizeof(m->id)) && next_number(&text, &m->epoch) && next_number(&text, &m->notices) &&
	       next_word(&text, m->state, sizeof(m->state)) && next_word(&text, m->seat, sizeof(m->seat)) && next_word(&text, m->robot, sizeof(m->robot)) && text.n == 0;
}

static struct jid *agent_jid(struct desk *self, const char *text, enum client_class class)
{
	struct jid *j = strcmp(text, "-") == 0 ? NULL : jid_parse(span_of(text));

	if (j && server_class(self->server, j) == class)
		return j;
	jid_unref(j); /* the patterns have changed: no agent any more */
	return NULL;
}

/* Its sessions died with the server: it has as long to come back as its seat. */
static void expect_visitor(struct desk *self, struct conversation *c)
{
	struct conversation_times times;
	uint64_t now_ms = actor_now_ms();

	desk_times(self, &times);
	conversation_silent(c, now_ms, outside_wall_us(), &times);
	if (times.hold_ms > times.notify_grace_ms)
		c->due[DUE_GRACE] = now_ms + times.hold_ms;
}

static void restore(struct desk *self, struct jid *visitor, const struct memory *m)
{
	bool known = desk_find(self, visitor) != NULL; /* was quicker than the store */
	struct conversation *c = desk_open(self, visitor);

	c->remembered = true;
	if (known && (c->owner || c->asked != ASKED_NOTHING || c->epoch > m->epoch))
		return;
	memcpy(c->id, m->id, sizeof(c->id));
	c->epoch = m->epoch;
	c->notices = m->notices + NOTICES_SKIPPED;
	jid_unref(c->seat);
	jid_unref(c->robot);
	c->seat = agent_jid(self, m->seat, CLASS_SEAT);
	c->robot = agent_jid(self, m->robot, CLASS_ROBOT);
	c->talked = true;
	if (!known || c->visitor_phase != VISITOR_PHASE_HERE) { /* a seat's word may have been the one that was quicker */
		(void)conversation_came(c);
		expect_visitor(self, c);
		desk_place(self, c); /* no more one of those who left */
	}
	if (c->seat && strcmp(m->state, "owned") == 0) {
		self->restored += c->restored_until_ms == 0;
		c->restored_until_ms = actor_now_ms() + (uint64_t)self->server->conf->desk_hold * 1000;
	}
	c->reason = REASON_SEAT_RETURNED;
	owner_seek(self, c);
	desk_schedule(self, c);
}

void remember_on_read(struct desk *self, struct store_request *r)
{
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND) {
		struct store_request *again = read_all(span_of(r->owner));

		LOG_ERROR("desk", "conversations of %s cannot be read, trying again in %u s: %s", r->owner, DESK_READ_AGAIN_MS / 1000,
			  status_text(r->status));
		actor_send_after(self->server->store, &again, DESK_READ_AGAIN_MS);
		return;
	}
	for (size_t i = 0; i < r->row_count; i++) {
		struct jid *visitor = jid_parse(span_of(r->rows[i].key));
		struct memory *m = xcalloc(1, sizeof(*m));

		if (!visitor || !read_memory((struct span){ r->rows[i].bytes, r->rows[i].n }, m))
			LOG_ERROR("desk", "the conversation of %s cannot be read; it begins anew", r->rows[i].key);
		else if (server_desk(self->server, visitor) == self->self)
			restore(self, visitor, m);
		free(m);
		jid_unref(visitor);
	}
}

bool remember_waits(struct desk *self, struct conversation *c)
{
	struct agent *seat;
	uint64_t now_ms = actor_now_ms();

	if (!c->restored_until_ms)
		return false;
	seat = c->seat ? desk_find_agent(self, c->seat) : NULL;
	if (!c->seat || (seat && seat->state == AGENT_HERE) || c->restored_until_ms <= now_ms) {
		c->restored_until_ms = 0;
		self->restored--;
		return false;
	}
	c->due[DUE_RETRY] = c->restored_until_ms;
	return true;
}

struct returning {
	struct desk *self;
	struct agent *seat;
};

static void take_back(void *ctx, struct span key UNUSED, void *value)
{
	struct returning *r = ctx;
	struct conversation *c = value;

	if (!c->restored_until_ms || !c->seat || !jid_eq_bare(c->seat, r->seat->bare) || c->asked != ASKED_NOTHING)
		return;
	(void)remember_waits(r->self, c); /* it waits no more */
	if (conversation_is_owed(c))
		owner_seek(r->self, c);
	else if (!c->owner)
		owner_claim(r->self, c, r->seat->bare);
	desk_schedule(r->self, c);
}

void remember_seat_came(struct desk *self, struct agent *seat)
{
	struct returning r = { self, seat };

	if (self->restored)
		map_each(self->conversations, take_back, &r);
}
