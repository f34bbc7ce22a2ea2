/* Routing and classing: functions over the immutable facts in struct server, called by any actor on its own thread.
 * They send at most one message. */
#include "actors/server.h"

#include "actors/desk/desk.h"
#include "actors/extension/extension.h"
#include "actors/session/shard.h"
#include "runtime/log.h"

#define ANONYMOUS_LOCAL_BYTES (sizeof(VISITOR_LOCAL_PREFIX) - 1 + 20)

unsigned server_shard_index(const struct server *s, const struct jid *j)
{
	return (unsigned)(j->bare_hash % s->shards);
}

actor_id server_shard(const struct server *s, const struct jid *j)
{
	return s->shard[server_shard_index(s, j)];
}

unsigned server_shard_worker(const struct server *s, unsigned shard_index)
{
	return shard_index % s->workers;
}

actor_id server_desk(const struct server *s, const struct jid *visitor)
{
	return s->desk[visitor->bare_hash % s->desks];
}

bool server_is_local(const struct server *s, struct span domain)
{
	return config_vhost(s->conf, domain) != NULL;
}

bool server_is_anonymous_local(struct span local)
{
	if (local.n != ANONYMOUS_LOCAL_BYTES ||
	    memcmp(local.p, VISITOR_LOCAL_PREFIX, sizeof(VISITOR_LOCAL_PREFIX) - 1) != 0)
		return false;
	for (size_t i = sizeof(VISITOR_LOCAL_PREFIX) - 1; i < local.n; i++) {
		char c = local.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')))
			return false;
	}
	return true;
}

static bool matches_any(const struct jid *j, const struct config_list *globs)
{
	for (size_t i = 0; i < globs->count; i++)
		if (jid_matches_glob(j, globs->items[i]))
			return true;
	return false;
}

enum client_class server_class(const struct server *s, const struct jid *j)
{
	if (j->local_n == 0 || !server_is_local(s, jid_domain(j)))
		return CLASS_USER;
	if (server_is_anonymous_local(jid_local(j)))
		return CLASS_VISITOR;
	if (matches_any(j, &s->conf->desk_seats))
		return CLASS_SEAT;
	if (matches_any(j, &s->conf->desk_robots))
		return CLASS_ROBOT;
	if (matches_any(j, &s->conf->desk_visitors))
		return CLASS_VISITOR;
	return CLASS_USER;
}

bool server_is_desk(const struct server *s, const struct jid *j)
{
	return s->desk_on && span_is(jid_local(j), s->conf->desk_name) && server_is_local(s, jid_domain(j));
}

bool server_component_serves(const struct server *s, const struct server_component *c, struct span domain)
{
	const struct config_vhost *v = config_vhost(s->conf, domain);
	bool named = v && v->components.count == 0;

	for (size_t i = 0; v && i < v->components.count; i++)
		named |= strcmp(v->components.items[i], c->name) == 0;
	return named;
}

actor_id server_component(const struct server *s, const struct jid *j)
{
	struct span domain = jid_domain(j);

	for (unsigned i = 0; i < s->component_count; i++) {
		const struct server_component *c = &s->components[i];
		size_t n = strlen(c->name);

		if (j->local_n && span_is(jid_local(j), c->name) && server_component_serves(s, c, domain))
			return c->id;
		if (domain.n > n + 1 && memcmp(domain.p, c->name, n) == 0 && domain.p[n] == '.' &&
		    server_component_serves(s, c, (struct span){ domain.p + n + 1, domain.n - n - 1 }))
			return c->id;
	}
	return ACTOR_NONE;
}

bool server_is_reserved(const struct server *s, struct span local)
{
	return span_is(local, s->conf->desk_name) || span_is(local, SERVER_SESS_MAN) || span_is(local, SERVER_VHOST_MAN);
}

static void send_packet(actor_id to, const struct msg_kind *kind, struct packet *p)
{
	struct packet_msg *m = (struct packet_msg *)(void *)msg_new(kind);

	m->packet = packet_take(p);
	actor_send(to, &m);
}

/* A stanza we cannot place goes back as an error; errors and results end here (RFC 6120 8.3.1). */
static void bounce(const struct server *s, struct packet *p, enum stanza_error condition)
{
	struct builder *b = builder_new();
	struct stanza *error = stanza_make_error(b, p->stanza, jid_full(p->to), jid_full(p->from), condition, NULL);

	builder_free(b);
	if (error) {
		struct packet reply = packet_make(error, p->to, p->from, PACKET_SERVER | PACKET_FROM_DESK);

		reply.pledge = p->pledge; /* see passage_reply */
		p->pledge = NULL;
		if (s->component_count && server_component(s, p->from) != ACTOR_NONE)
			send_packet(server_component(s, p->from), &component_stanza_kind, &reply);
		else
			send_packet(server_shard(s, p->from), &shard_route_kind, &reply);
	}
	packet_clear(p);
}

void server_route(const struct server *s, struct packet *p)
{
	ASSERT(p->stanza && p->from && p->to);
	if (s->component_count) {
		actor_id component = server_component(s, p->to);

		if (component != ACTOR_NONE) {
			send_packet(component, &component_stanza_kind, p);
			return;
		}
	}
	if (!server_is_local(s, jid_domain(p->to))) {
		if (server_is_local(s, jid_domain(p->from)) || (s->component_count && server_component(s, p->from) != ACTOR_NONE))
			bounce(s, p, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND);
		else
			packet_clear(p);
		return;
	}
	if (s->desk_on && !(p->flags & PACKET_FROM_DESK) && p->to->local_n) {
		if (server_class(s, p->to) == CLASS_VISITOR) {
			send_packet(server_desk(s, p->to), &desk_to_visitor_kind, p);
			return;
		}
		if (server_is_desk(s, p->to) && server_class(s, p->from) == CLASS_VISITOR) {
			send_packet(server_desk(s, p->from), &desk_from_visitor_kind, p);
			return;
		}
	}
	send_packet(server_shard(s, p->to), &shard_route_kind, p);
}
