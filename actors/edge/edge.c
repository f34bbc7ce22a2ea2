/* The connection manager of one worker. It owns the listeners, every client socket accepted by or moved to this
 * worker, the BOSH sessions that were created here, and the deadlines of all of them.
 *
 * It promises the shards: a link names one stream for ever (slot and generation); what is sent to a stale link
 * changes nothing, but a message or request in it comes back as undelivered. It takes the messages of EDGE_PROTOCOL; it sends
 * SHARD_BIND, SHARD_INBOUND, SHARD_WRITTEN, SHARD_UNDELIVERED, SHARD_CLOSED, SHARD_LIVENESS, AUTH_REQUEST,
 * COOKIE_REQUEST and, to the edges of other workers, EDGE_MOVE.
 *
 * Objects are freed only where none of their callbacks can be on the stack: a connection in its conn's on_end (or
 * when it turns into a WebSocket), a BOSH session at the end of the turn. */
#include "actors/edge/edge_inner.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/edge/bosh_session.h"
#include "actors/edge/budget.h"
#include "actors/edge/login.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/register.h"
#include "actors/edge/sm.h"
#include "actors/edge/stream.h"
#include "runtime/io/listener.h"
#include "runtime/log.h"
#include "runtime/metric.h"

#define TICK_MS 50 /* accuracy of deadlines; the shortest one is the resumption of a shaped client */
#define BACKLOG 1024
#define NO_TICK UINT64_MAX

/* --- deadlines --- */

static void arm(struct edge *e)
{
	uint64_t next = wheel_next_ms(e->wheel), now = actor_now_ms();
	struct edge_signal *tick;

	if (next >= e->tick_ms)
		return;
	tick = MSG_NEW(edge_tick, edge_signal);
	tick->behind_ms = e->tick_ms;
	e->tick_ms = next;
	actor_send_after(e->self, &tick, next > now ? next - now : 0);
}

void edge_timer_set(struct edge *e, struct edge_timer *t, uint64_t at_ms)
{
	if (at_ms == 0) {
		wheel_clear(e->wheel, &t->node);
		return;
	}
	/* A deadline that has passed already is for the next tick: one whose owner can do nothing about it yet must not keep
	 * this turn from ending. */
	if (at_ms <= actor_now_ms())
		at_ms = actor_now_ms() + TICK_MS;
	wheel_set(e->wheel, &t->node, at_ms);
	arm(e);
}

/* A tick is only sent for an earlier time than all that are on their way: behind this one comes the one before it. Were that
 * forgotten, each short deadline would leave one more tick for the same distant time. */
static void on_edge_tick(struct edge *e, struct edge_signal *m)
{
	struct wheel_node *node;
	uint64_t now = actor_now_ms();

	e->tick_ms = m->behind_ms > now ? m->behind_ms : NO_TICK; /* else it has come already, or comes in vain */
	while ((node = wheel_pop(e->wheel, now))) {
		struct edge_timer *t = CONTAINER_OF(node, struct edge_timer, node);

		t->fire(t);
	}
	arm(e);
}

/* --- streams by link --- */

struct stream *edge_find(const struct edge *e, uint32_t slot, uint32_t gen)
{
	return slot < e->slot_count && e->slots[slot].gen == gen ? e->slots[slot].stream : NULL;
}

static void on_edge_deliver(struct edge *e, struct edge_deliver *m)
{
	struct stream *s = edge_find(e, m->link.slot, m->link.gen);
	struct packet p = packet_take(&m->packet);
	struct packet_msg *back;

	if (s) {
		stream_deliver(s, &p, m->receipt);
		return;
	}
	if (!stream_is_owed(&p)) {
		packet_clear(&p);
		return;
	}
	/* It crossed the end of its stream: the shard decides again. */
	p.flags |= PACKET_RETURNED;
	back = MSG_NEW(shard_undelivered, packet_msg);
	back->packet = p;
	actor_send(p.to ? server_shard(e->server, p.to) : m->m.from, &back);
}

static void on_edge_handled(struct edge *e, struct edge_handled *m)
{
	struct stream *s = edge_find(e, m->slot, m->gen);

	if (s)
		stream_handled(s, m->number);
}

static void on_edge_stored(struct edge *e, struct store_request *r)
{
	sm_state_answer(e, r);
}

static void on_edge_bound(struct edge *e, struct edge_bound *m)
{
	struct stream *s = edge_find(e, m->link.slot, m->link.gen);
	struct shard_closed *closed;

	if (s && s->phase == STREAM_BINDING) {
		negotiation_bound(s, m);
		return;
	}
	if (m->error != STANZA_ERROR_NONE)
		return;
	/* The client left while the shard bound it. */
	closed = MSG_NEW(shard_closed, shard_closed);
	closed->session = m->session;
	closed->reason = CLOSE_SOCKET_LOST;
	actor_send(m->m.from, &closed);
}

static void on_edge_close(struct edge *e, struct edge_close *m)
{
	struct stream *s = edge_find(e, m->link.slot, m->link.gen);

	if (s)
		stream_fail(s, m->error, m->text);
}

static void on_edge_auth(struct edge *e, struct auth_request *m)
{
	struct stream *s = edge_find(e, m->slot, m->gen);

	if (s && s->phase == STREAM_CHECKING)
		login_checked(s, m);
}

static void on_edge_account(struct edge *e, struct account_request *m)
{
	struct stream *s = edge_find(e, m->slot, m->gen);

	if (s && s->phase == STREAM_CHECKING)
		register_answered(s, m);
}

/* --- connections from other workers --- */

static void on_edge_move(struct edge *e, struct edge_move *m)
{
	struct edge_connection *c = m->connection;

	m->connection = NULL;
	c->edge = e;
	if (e->stopping) {
		connection_free(c);
		return;
	}
	list_push_back(&e->connections, &c->all);
	if (c->counts_unauthenticated) {
		list_push_back(&e->unauthenticated, &c->unauthenticated);
		e->unauthenticated_count++;
	}
	conn_attach(c->conn, c->kind->events, c);
	conn_resume(c->conn);
	c->kind->arrived(c); /* may pause it again */
}

static void send_leaving(struct edge *e)
{
	struct list *node;

	while ((node = list_pop_front(&e->leaving))) {
		struct edge_connection *c = CONTAINER_OF(node, struct edge_connection, leaving);
		struct edge_move *m;

		if (e->stopping) {
			c->is_leaving = false;
			conn_close(c->conn);
			continue;
		}
		c->kind->departing(c);
		list_remove(&c->all);
		if (c->counts_unauthenticated) {
			list_remove(&c->unauthenticated);
			e->unauthenticated_count--;
		}
		conn_detach(c->conn);
		c->is_leaving = false;
		c->edge = NULL;
		m = MSG_NEW(edge_move, edge_move);
		m->connection = c;
		m->drop = connection_free;
		actor_send(e->server->edge[c->leave_for], &m);
	}
}

/* --- the end --- */

static void close_session(void *ctx UNUSED, struct span sid UNUSED, void *value)
{
	struct bosh_session *b = value;

	stream_fail(&b->s, STREAM_ERROR_SYSTEM_SHUTDOWN, NULL);
}

static void on_edge_shutdown(struct edge *e, struct edge_signal *m UNUSED)
{
	if (e->stopping)
		return;
	e->stopping = true;
	for (size_t i = 0; i < e->listener_count; i++)
		listener_stop(e->listeners[i].listener);
	map_each(e->bosh, close_session, NULL);
	sm_shut(e);
	LIST_EACH_SAFE(it, tmp, &e->connections) {
		struct edge_connection *c = CONTAINER_OF(it, struct edge_connection, all);

		c->kind->shut(c);
	}
}

MSG_RECEIVE(edge, struct edge, EDGE_PROTOCOL)

static void on_turn_end(void *state)
{
	struct edge *e = state;

	budget_turn_end(e);
	bosh_turn_end(e);
	sm_turn_end(e);
	send_leaving(e);
}

static void on_accept(void *ctx, int fd, const struct address *peer)
{
	struct edge_listener *l = ctx;

	edge_accept(l->edge, l->conf, fd, peer, NULL);
}

static void on_start(void *state, actor_id self)
{
	struct edge *e = state;

	e->self = self;
	e->pool = xml_pool_new();
	e->wheel = wheel_new(actor_now_ms(), TICK_MS);
	for (size_t i = 0; i < e->listener_count; i++)
		listener_start(e->listeners[i].listener, on_accept, &e->listeners[i]);
}

static void free_session(void *ctx, struct span sid UNUSED, void *value)
{
	struct bosh_session *b = value;
	struct list *doomed = ctx;

	list_remove(&b->dead);
	list_push_back(doomed, &b->dead);
}

static void free_sessions(struct edge *e)
{
	struct list *node, doomed;

	list_init(&doomed);
	map_each(e->bosh, free_session, &doomed);
	while ((node = list_pop_front(&doomed)))
		bosh_session_free(CONTAINER_OF(node, struct bosh_session, dead));
	while ((node = list_pop_front(&e->dead)))
		bosh_session_free(CONTAINER_OF(node, struct bosh_session, dead));
}

static void edge_free(struct edge *e)
{
	for (size_t i = 0; i < e->listener_count; i++)
		listener_free(e->listeners[i].listener);
	free(e->listeners);
	map_free(e->bosh);
	map_free(e->resumable);
	edge_shared_free(e->shared);
	buf_fini(&e->scratch);
	free(e->slots);
	free(e);
}

static void on_stop(void *state)
{
	struct edge *e = state;

	while (!list_empty(&e->connections))
		connection_free(CONTAINER_OF(e->connections.next, struct edge_connection, all));
	free_sessions(e);
	sm_free_all(e);
	if (e->pool) { /* it has started */
		wheel_free(e->wheel);
		xml_pool_free(e->pool);
	}
	edge_free(e);
}

static bool open_listeners(struct edge *e, char **error)
{
	const struct config *conf = e->conf;
	unsigned workers = e->server->workers;
	size_t room = 0;

	for (size_t i = 0; i < conf->listener_count; i++)
		room += conf->listeners[i].interfaces.count;
	e->listeners = xcalloc(room + 1, sizeof(*e->listeners));
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct config_listener *c = &conf->listeners[i];

		for (size_t k = 0; k < c->interfaces.count; k++) {
			struct listener_options o = {
				.interface = c->interfaces.items[k],
				.port = c->port,
				.backlog = BACKLOG,
				.accepts_per_second = (c->accepts_per_second + workers - 1) / workers,
			};
			struct edge_listener *l = &e->listeners[e->listener_count];

			*l = (struct edge_listener){ listener_open(&o, e->worker == 0, error), c, e };
			if (!l->listener)
				return false;
			e->listener_count++;
		}
	}
	return true;
}

struct edge *edge_new(const struct server *server, unsigned worker, char **error)
{
	struct edge *e = xcalloc(1, sizeof(*e));

	e->server = server;
	e->conf = server->conf;
	e->worker = worker;
	e->tick_ms = NO_TICK;
	e->slot_free = UINT32_MAX;
	e->bosh = map_new();
	e->resumable = map_new();
	e->shared = edge_shared_new(server->conf);
	list_init(&e->connections);
	list_init(&e->unauthenticated);
	list_init(&e->leaving);
	list_init(&e->answering);
	list_init(&e->dead);
	list_init(&e->sleepers);
	list_init(&e->buried);
	if (!open_listeners(e, error)) {
		edge_free(e);
		return NULL;
	}
	return e;
}

actor_id edge_start(struct edge *e)
{
	/* Written before the engine runs, then only read. */
	static struct behaviour behaviour = {
		.name = "edge",
		.placement = ACTOR_PINNED,
		.receive = edge_receive,
		.on_start = on_start,
		.on_stop = on_stop,
		.on_turn_end = on_turn_end,
	};

	behaviour.mailbox_max = (uint32_t)e->conf->mailbox_max;
	return actor_spawn(&behaviour, e, e->worker);
}

actor_id edge_spawn(const struct server *server, unsigned worker, char **error)
{
	struct edge *e = edge_new(server, worker, error);

	return e ? edge_start(e) : ACTOR_NONE;
}
