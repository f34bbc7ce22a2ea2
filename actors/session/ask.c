#include "actors/session/ask.h"

#include <stdlib.h>

struct looking {
	struct shard_ask *m;
	struct users *u;
	struct outbox *out;
	const struct jid *domain;
	struct jid **found; /* ask_users_of */
	size_t count, size;
};

/* There, and neither away nor busy (RFC 6121 4.7.2.1). */
static bool is_active(const struct users *u, const struct user *user)
{
	LIST_EACH(it, &user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (session_is_available(u, s) && !s->is_busy && !session_is_asleep(s))
			return true;
	}
	return false;
}

static bool is_of_domain(const struct user *user, const struct jid *domain)
{
	return span_eq(jid_domain(user->bare), jid_domain(domain));
}

/* The answer holds no more lines than were asked for; the count is of all. */
static void add_line(struct shard_ask *m, struct span text)
{
	if (m->count++ >= m->limit)
		return;
	buf_add_span(&m->lines, text);
	buf_add_text(&m->lines, "\n");
}

static void look(void *ctx, struct span bare, void *value)
{
	struct looking *l = ctx;
	const struct user *user = value;

	if (user->class == CLASS_VISITOR || user->session_count == 0 || !is_of_domain(user, l->m->about))
		return;
	if (l->m->op == SHARD_ASK_ONLINE || (l->m->op == SHARD_ASK_ACTIVE) == is_active(l->u, user))
		add_line(l->m, bare);
}

static void announce(void *ctx, struct span bare UNUSED, void *value)
{
	struct looking *l = ctx;
	const struct user *user = value;

	if (user->class == CLASS_VISITOR || !is_of_domain(user, l->m->about))
		return;
	LIST_EACH(it, &user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);
		struct packet packet;

		if (!session_is_available(l->u, s) || session_priority(l->u, s) < 0)
			continue;
		packet = packet_make(stanza_ref(l->m->stanza), l->m->about, s->full, PACKET_SERVER | PACKET_NO_STORE);
		outbox_deliver(l->out, s, &packet, 0);
		l->m->count++;
	}
}

static void list_resources(struct shard_ask *m, const struct users *u, const struct user *user)
{
	LIST_EACH(it, &user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);
		struct buf line = BUF_INIT;

		buf_addf(&line, "%.*s (%s, %s)", SPAN_FMT(jid_resource(s->full)),
			 s->transport == TRANSPORT_TCP ? "TCP" : s->transport == TRANSPORT_BOSH ? "BOSH" : "WebSocket",
			 session_is_asleep(s) ? "waits to be resumed" : !session_is_available(u, s) ? "not available" :
			 s->is_busy ? "away or busy" : "available");
		add_line(m, buf_span(&line));
		buf_fini(&line);
	}
}

void ask_answer(struct shard_ask *m, struct users *u, struct outbox *out)
{
	struct looking l = { .m = m, .u = u, .out = out };
	const struct user *user;

	if (m->op == SHARD_ASK_ANNOUNCE) {
		map_each(u->by_bare, announce, &l);
	} else if (m->op == SHARD_ASK_RESOURCES) {
		user = users_find(u, m->about);
		if (user)
			list_resources(m, u, user);
	} else {
		map_each(u->by_bare, look, &l);
	}
}

static void gather(void *ctx, struct span bare UNUSED, void *value)
{
	struct looking *l = ctx;
	const struct user *user = value;

	if (user->session_count == 0 || !is_of_domain(user, l->domain))
		return;
	if (l->count == l->size) {
		l->size = l->size ? 2 * l->size : 64;
		l->found = xrealloc(l->found, l->size * sizeof(*l->found));
	}
	l->found[l->count++] = jid_ref(user->bare);
}

struct jid **ask_users_of(struct users *u, const struct jid *domain, size_t *count)
{
	struct looking l = { .domain = domain };

	map_each(u->by_bare, gather, &l);
	*count = l.count;
	return l.found;
}
