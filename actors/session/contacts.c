#include "actors/session/contacts.h"

#include <stdlib.h>

#include "runtime/log.h"
#include "runtime/metric.h"

/* --- loading --- */

void contacts_begin(struct user *user)
{
	user->roster = FACT_YES;
}

void contacts_ask(struct outbox *o, const struct server *server, struct user *user)
{
	struct store_request *r =
		store_request_new(STORE_OP_MAP_ALL, STORE_ROSTER, jid_bare(user->bare), SPAN_NONE, &shard_stored_kind);

	user->roster = FACT_ASKED;
	outbox_store(o, server, user, r);
}

static void pack(struct user *user, const struct roster_item *i)
{
	struct buf saved = BUF_INIT;

	roster_item_save(i, &saved);
	roster_list_put(&user->items, i->jid, buf_span(&saved));
	buf_fini(&saved);
}

void contacts_loaded(struct user *user, const struct store_request *r)
{
	ASSERT(user->roster == FACT_ASKED && user->items.count == 0);
	user->roster = r->status == STATUS_OK || r->status == STATUS_NOT_FOUND ? FACT_YES : FACT_LOST;
	for (size_t k = 0; k < r->row_count; k++) {
		const struct store_row *row = &r->rows[k];
		struct roster_item *i = roster_item_load(span_of(row->key), (struct span){ row->bytes, row->n });
		struct span saved;

		if (!i) {
			LOG_ERROR("roster", "%.*s: the record of %s is damaged", SPAN_FMT(jid_bare(user->bare)),
				  row->key);
		} else if (!roster_list_find(&user->items, i->jid, &saved)) {
			pack(user, i);
			user->listed += i->listed;
		}
		roster_item_free(i);
	}
	roster_list_trim(&user->items);
}

void contacts_settle(struct user *user)
{
	while (user->open) {
		struct roster_item *i = user->open;

		user->open = i->next;
		roster_item_free(i);
	}
}

void contacts_forget(struct user *user)
{
	contacts_settle(user);
	roster_list_fini(&user->items);
	user->listed = 0;
	user->roster = FACT_UNKNOWN;
}

void contacts_end(struct user *user)
{
	contacts_forget(user);
	contacts_hide_all(user);
}

/* --- records --- */

static struct roster_item *open_item(struct user *user, struct roster_item *i)
{
	i->next = user->open;
	user->open = i;
	return i;
}

struct roster_item *contacts_find(struct user *user, const struct jid *contact)
{
	struct span saved;
	struct roster_item *i;

	for (i = user->open; i; i = i->next)
		if (jid_eq_bare(i->jid, contact))
			return i;
	if (!roster_list_find(&user->items, contact, &saved))
		return NULL;
	i = roster_item_load(jid_bare(contact), saved);
	ASSERT(i); /* it was packed here */
	return open_item(user, i);
}

enum roster_state contacts_state(const struct user *user, const struct jid *contact)
{
	enum roster_state state = ROSTER_NONE;
	struct span saved;
	bool listed;

	if (roster_list_find(&user->items, contact, &saved))
		roster_item_peek(saved, &state, &listed);
	return state;
}

bool contacts_is_full(const struct passage *p)
{
	int64_t most = p->server->conf->roster_max;

	return most && p->user->listed >= (uint64_t)most;
}

struct roster_item *contacts_get(struct passage *p, struct jid *contact)
{
	int64_t most = p->server->conf->roster_max;
	struct roster_item *i = contacts_find(p->user, contact);

	if (i)
		return i;
	/* As many again for requests of strangers, which clients see as requests and not as items. */
	if (most && p->user->items.count >= 2 * (uint64_t)most) {
		metric_limit(METRIC_limit_roster);
		return NULL;
	}
	return open_item(p->user, roster_item_new(contact));
}

/* Visitors' records live in memory only. */
static void write_behind(struct passage *p, struct store_request *r, struct packet *request)
{
	if (p->user->class == CLASS_VISITOR) {
		msg_free(&r->m);
		return;
	}
	p->user->unwritten++;
	if (request) {
		r->note[0] = p->session ? p->session->handle : 0;
		r->packet = packet_note_new(request);
	}
	outbox_store(p->out, p->server, p->user, r);
}

void contacts_list(struct passage *p, struct roster_item *i)
{
	p->user->listed += !i->listed;
	i->listed = true;
}

void contacts_save(struct passage *p, struct roster_item *i, struct packet *request)
{
	struct span owner = jid_bare(p->user->bare);
	struct store_request *r;

	if (!i->listed && i->state == ROSTER_NONE) {
		contacts_erase(p, i, request);
		return;
	}
	r = store_request_new(STORE_OP_MAP_PUT, STORE_ROSTER, owner, jid_bare(i->jid), &shard_stored_kind);
	roster_item_save(i, &r->value);
	roster_list_put(&p->user->items, i->jid, buf_span(&r->value));
	write_behind(p, r, request);
}

static void forget_item(struct user *user, struct roster_item *i)
{
	struct roster_item **link = &user->open;

	while (*link != i)
		link = &(*link)->next;
	*link = i->next;
	(void)roster_list_remove(&user->items, i->jid);
	roster_item_free(i);
}

void contacts_erase(struct passage *p, struct roster_item *i, struct packet *request)
{
	struct span owner = jid_bare(p->user->bare);
	struct store_request *r =
		store_request_new(STORE_OP_MAP_DELETE, STORE_ROSTER, owner, jid_bare(i->jid), &shard_stored_kind);

	p->user->listed -= i->listed;
	forget_item(p->user, i);
	write_behind(p, r, request);
}

void contacts_written(struct passage *p, struct store_request *r)
{
	struct jid *contact;
	struct roster_item *i;

	p->user->unwritten--;
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND) {
		if (p->user->roster == FACT_YES) /* else it is being read again already */
			contacts_forget(p->user);
		if (r->packet)
			passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	if (!r->packet)
		return;
	contact = jid_parse(span_of(r->key));
	i = contacts_find(p->user, contact);
	if (i && i->listed)
		contacts_push(p, i);
	else if (r->op == STORE_OP_MAP_DELETE)
		contacts_push_removed(p, contact);
	jid_unref(contact);
	passage_result(p);
}

static bool passes(contacts_test_f *test, enum roster_state state)
{
	return !test || test(state);
}

void contacts_each(struct passage *p, contacts_test_f *test, contacts_visit_f *visit, void *ctx)
{
	struct roster_list_entry e;

	for (uint32_t at = 0; roster_list_next(&p->user->items, &at, &e);) {
		struct roster_item *i = passes(test, e.state) ? roster_item_load(e.contact, e.saved) : NULL;

		if (i)
			visit(p, i, ctx);
		roster_item_free(i);
	}
}

void contacts_each_jid(struct passage *p, contacts_test_f *test, contacts_visit_jid_f *visit, void *ctx)
{
	struct roster_list_entry e;

	for (uint32_t at = 0; roster_list_next(&p->user->items, &at, &e);) {
		struct jid *contact = passes(test, e.state) ? jid_parse(e.contact) : NULL;

		if (contact)
			visit(p, contact, ctx);
		jid_unref(contact);
	}
}
