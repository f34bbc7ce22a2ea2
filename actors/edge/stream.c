#include "actors/edge/stream.h"

#include <stdlib.h>

#include "actors/edge/csi.h"
#include "actors/edge/login.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/sm.h"
#include "actors/edge/throttle.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

#define PRESSED_RETRY_MS 50 /* how soon a client is looked at again whose shard or own output is behind */

/* --- slots --- */

static uint32_t grow_slots(struct edge *e)
{
	uint32_t first = e->slot_count, count = first ? first * 2 : 64;

	e->slots = xrealloc(e->slots, count * sizeof(*e->slots));
	for (uint32_t i = first; i < count; i++)
		e->slots[i] = (struct edge_slot){ NULL, 1, i + 1 < count ? i + 1 : STREAM_NO_SLOT };
	e->slot_count = count;
	return first;
}

static void on_timer(struct edge_timer *t);

void stream_enter(struct stream *s)
{
	struct edge *e = s->edge;

	if (e->slot_free == STREAM_NO_SLOT)
		e->slot_free = grow_slots(e);
	s->slot = e->slot_free;
	e->slot_free = e->slots[s->slot].next_free;
	e->slots[s->slot].stream = s;
	s->gen = e->slots[s->slot].gen;
	wheel_node_init(&s->timer.node);
	s->timer.fire = on_timer;
	stream_rearm(s);
}

void stream_leave(struct stream *s)
{
	struct edge *e = s->edge;

	if (s->slot == STREAM_NO_SLOT)
		return;
	edge_timer_set(e, &s->timer, 0);
	e->slots[s->slot] = (struct edge_slot){ NULL, s->gen + 1, e->slot_free };
	e->slot_free = s->slot;
	s->slot = STREAM_NO_SLOT;
}

void stream_arrived(struct stream *s, struct edge *e)
{
	s->edge = e;
	stream_enter(s);
	if (s->paused)
		s->ops->pause(s);
	if (s->phase == STREAM_SETTLING)
		sasl2_go_on(s);
}

void stream_take_over(struct stream *s, struct stream *from)
{
	struct edge *e = s->edge;

	ASSERT(from->bound && !from->reported && !s->bound && !s->pending.first && !from->pending.first);
	stream_leave(s);
	edge_timer_set(e, &from->timer, 0);
	s->slot = from->slot;
	s->gen = from->gen;
	e->slots[s->slot].stream = s;
	from->slot = STREAM_NO_SLOT;
	s->full = from->full;
	s->session = from->session;
	s->sm = from->sm;
	s->intake = from->intake;
	s->csi = from->csi; /* for sm_sleep: what is held goes into the queue of what waits */
	from->csi = NULL;
	s->bound = true;
	from->full = NULL;
	from->sm = NULL;
	from->intake = NULL;
	from->bound = false;
	wheel_node_init(&s->timer.node);
	s->timer.fire = on_timer;
	s->phase = STREAM_BOUND;
}

void stream_rename(struct stream *s)
{
	s->gen = ++s->edge->slots[s->slot].gen;
}

struct link stream_link(const struct stream *s)
{
	return (struct link){ s->edge->self, s->slot, s->gen };
}

void stream_init(struct stream *s, const struct stream_ops *ops, struct edge *e, struct conn *conn,
		 const struct config_listener *listener, const struct address *peer)
{
	*s = (struct stream){
		.ops = ops,
		.edge = e,
		.conn = conn,
		.listener = listener,
		.regime = &e->shared->regimes[REGIME_PREAUTH],
		.phase = STREAM_OPENING,
		.slot = STREAM_NO_SLOT,
		.peer = *peer,
		.heard_ms = actor_now_ms(),
	};
	s->login = login_new(s);
}

void stream_fini(struct stream *s)
{
	struct pending *p;

	while ((p = pending_pop(&s->pending))) {
		packet_clear(&p->packet);
		free(p);
	}
	login_free(s->login);
	csi_free(s->csi);
	s->csi = NULL;
	sm_free(s->sm);
	jid_unref(s->full);
	jid_unref(s->last_to);
	s->last_to = NULL;
	s->login = NULL;
	s->sm = NULL;
	s->full = NULL;
}

/* --- when input waits --- */

void stream_pause(struct stream *s, enum stream_pause why)
{
	bool was = s->paused != 0;

	s->paused |= (uint8_t)why;
	if (!was)
		s->ops->pause(s);
}

void stream_resume(struct stream *s, enum stream_pause why)
{
	if (!(s->paused & why))
		return;
	s->paused &= (uint8_t)~why;
	if (!s->paused && s->phase != STREAM_CLOSING)
		s->ops->resume(s);
}

/* Whoever has to take what this client says next: its shard, or the store, where most of it may end. */
static bool core_is_behind(const struct stream *s)
{
	const struct server *server = s->edge->server;

	return s->phase == STREAM_BOUND && (actor_is_pressed(server_shard(server, s->full)) || actor_is_pressed(server->store));
}

static uint64_t flow_wait_ms(const struct stream *s, uint64_t now)
{
	uint64_t wait = shaper_wait_ms(&s->shaper, s->regime, now);
	bool behind = (s->conn && conn_is_full(s->conn)) || (s->intake && intake_is_behind(s->intake)) ||
		      core_is_behind(s);

	return behind && wait < PRESSED_RETRY_MS ? PRESSED_RETRY_MS : wait;
}

void stream_check_flow(struct stream *s)
{
	uint64_t now = actor_now_ms(), wait = flow_wait_ms(s, now);

	if (!wait || s->phase == STREAM_CLOSING)
		return;
	if (!s->flow_until_ms)
		metric_limit(METRIC_limit_flow);
	s->flow_until_ms = now + wait;
	stream_pause(s, STREAM_PAUSE_FLOW);
	stream_rearm(s);
}

static void flow_due(struct stream *s, uint64_t now)
{
	uint64_t wait;

	if (!s->flow_until_ms || s->flow_until_ms > now)
		return;
	wait = flow_wait_ms(s, now);
	s->flow_until_ms = wait ? now + wait : 0;
	if (!wait)
		stream_resume(s, STREAM_PAUSE_FLOW);
}

/* --- deadlines --- */

static void earliest(uint64_t *at, uint64_t other)
{
	if (other && (!*at || other < *at))
		*at = other;
}

void stream_rearm(struct stream *s)
{
	uint64_t at = 0;

	if (s->slot == STREAM_NO_SLOT)
		return;
	if (s->login) {
		earliest(&at, s->login->bind_by_ms);
		earliest(&at, s->login->check_by_ms);
	}
	if (s->sm)
		earliest(&at, sm_deadline(s->sm));
	earliest(&at, s->flow_until_ms);
	earliest(&at, s->ops->deadline(s));
	/* A deadline that moved away is left to fire and be set again: activity costs no timer work. */
	if (at && (!wheel_is_set(&s->timer.node) || at < s->timer.node.at_ms))
		edge_timer_set(s->edge, &s->timer, at);
}

static void on_timer(struct edge_timer *t)
{
	struct stream *s = CONTAINER_OF(t, struct stream, timer);
	uint64_t now = actor_now_ms();

	flow_due(s, now);
	if (s->login && s->phase != STREAM_CLOSING)
		login_due(s, now);
	if (s->sm)
		sm_due(s, now);
	s->ops->due(s, now);
	stream_rearm(s);
}

/* --- messages on their way out --- */

void pending_add(struct pending_list *l, struct packet *p, uint64_t receipt, uint64_t mark)
{
	struct pending *node = xmalloc(sizeof(*node));

	*node = (struct pending){ NULL, packet_take(p), receipt, mark };
	if (l->last)
		l->last->next = node;
	else
		l->first = node;
	l->last = node;
}

struct pending *pending_pop(struct pending_list *l)
{
	struct pending *node = l->first;

	if (!node)
		return NULL;
	l->first = node->next;
	if (!l->first)
		l->last = NULL;
	return node;
}

void stream_handled(struct stream *s, uint64_t number)
{
	if (s->sm)
		sm_handled(s, number);
	else if (s->intake)
		s->ops->handled(s, number);
}

void stream_tell_written(struct stream *s, uint64_t receipt)
{
	struct shard_written *m;

	if (!receipt || !s->bound || s->reported)
		return;
	m = MSG_NEW(shard_written, shard_written);
	m->session = s->session;
	m->receipt = receipt;
	actor_send(server_shard(s->edge->server, s->full), &m);
}

void stream_tell_liveness(struct stream *s, bool alive)
{
	struct shard_liveness *m = MSG_NEW(shard_liveness, shard_liveness);

	m->session = s->session;
	m->alive = alive;
	actor_send(server_shard(s->edge->server, s->full), &m);
}

static void report_closed(struct stream *s)
{
	struct shard_closed *m;

	if (!s->bound || s->reported)
		return;
	s->reported = true;
	m = MSG_NEW(shard_closed, shard_closed);
	m->session = s->session;
	m->reason = (enum close_reason)s->reason;
	actor_send(server_shard(s->edge->server, s->full), &m);
}

/* An answer of the edge itself has no sender. */
bool stream_is_owed(const struct packet *p)
{
	enum stanza_type type;

	if (!p->stanza || !p->from)
		return false;
	type = stanza_type(p->stanza);
	return stanza_kind(p->stanza) == STANZA_MESSAGE ||
	       (stanza_kind(p->stanza) == STANZA_IQ && (type == STANZA_TYPE_GET || type == STANZA_TYPE_SET));
}

void stream_give_back(struct stream *s, struct packet *p)
{
	struct packet_msg *m;

	if (!stream_is_owed(p) || !s->full) {
		packet_clear(p);
		return;
	}
	m = MSG_NEW(shard_undelivered, packet_msg);
	m->packet = packet_take(p);
	m->packet.flags |= PACKET_RETURNED;
	m->session = s->session;
	actor_send(server_shard(s->edge->server, s->full), &m);
}

void stream_deliver(struct stream *s, struct packet *p, uint64_t receipt)
{
	if (s->phase == STREAM_BOUND && s->csi && csi_holds(s, p, receipt))
		return;
	if (s->phase == STREAM_BOUND) {
		metric_inc(METRIC_stanzas_out);
		pledge_drop(&p->pledge); /* it is in its receiver's queue */
		if (s->sm)
			sm_deliver(s, p, receipt);
		else
			s->ops->deliver(s, p, receipt);
	} else if (s->pending.first) {
		pending_add(&s->pending, p, 0, UINT64_MAX); /* goes back in order behind those before it */
	} else {
		stream_give_back(s, p);
	}
}

void stream_track(struct stream *s, struct packet *p, uint64_t receipt, uint64_t mark)
{
	if (receipt || stanza_kind(p->stanza) == STANZA_MESSAGE)
		pending_add(&s->pending, p, receipt, mark);
	else
		packet_clear(p);
}

void stream_written(struct stream *s, uint64_t mark)
{
	while (s->pending.first && s->pending.first->mark <= mark) {
		struct pending *node = pending_pop(&s->pending);

		stream_tell_written(s, node->receipt);
		packet_clear(&node->packet);
		free(node);
	}
	if (s->phase == STREAM_CLOSING && !s->pending.first)
		report_closed(s);
}

/* --- the end --- */

enum close_reason stream_reason(enum stream_error error)
{
	switch (error) {
	case STREAM_ERROR_NONE: return CLOSE_STREAM_END;
	case STREAM_ERROR_CONFLICT: return CLOSE_REPLACED;
	case STREAM_ERROR_CONNECTION_TIMEOUT: return CLOSE_INACTIVITY;
	case STREAM_ERROR_SYSTEM_SHUTDOWN: return CLOSE_SHUTDOWN;
	default: return CLOSE_ERROR;
	}
}

static struct stanza *make_error(struct edge *e, enum stream_error error, const char *text, const struct stanza *detail)
{
	struct builder *b = xml_pool_builder(e->pool);

	builder_reset(b);
	builder_open(b, "error", NS_STREAM);
	builder_leaf(b, stream_error_text(error), NS_STREAMS, SPAN_NONE);
	if (text)
		builder_leaf(b, "text", NS_STREAMS, span_of(text));
	if (detail)
		builder_copy(b, detail, STANZA_TOP);
	builder_close(b);
	return builder_finish(b);
}

static void fail(struct stream *s, enum stream_error error, const char *text, const struct stanza *detail)
{
	char peer[ADDRESS_TEXT_MAX];

	if (s->phase == STREAM_CLOSING)
		return;
	if (error == STREAM_ERROR_NONE) {
		s->ops->close(s, error, NULL);
	} else {
		metric_inc(METRIC_stream_errors);
		if (error == STREAM_ERROR_POLICY_VIOLATION)
			metric_limit(METRIC_limit_policy);
		else if (error == STREAM_ERROR_RESOURCE_CONSTRAINT)
			metric_limit(METRIC_limit_resources);
		address_text(&s->peer, peer);
		LOG_DEBUG("edge", "stream of %s (%s) ends: %s", s->full ? s->full->text : "nobody", peer,
			  stream_error_text(error));
		s->ops->close(s, error, make_error(s->edge, error, text, detail));
	}
	stream_end(s, stream_reason(error));
}

void stream_fail(struct stream *s, enum stream_error error, const char *text)
{
	fail(s, error, text, NULL);
}

void stream_fail_detail(struct stream *s, enum stream_error error, struct stanza *detail)
{
	fail(s, error, NULL, detail);
	stanza_unref(detail);
}

void stream_end(struct stream *s, enum close_reason reason)
{
	if (s->phase == STREAM_CLOSING)
		return;
	s->phase = STREAM_CLOSING;
	s->reason = (uint8_t)reason;
	s->flow_until_ms = 0;
	login_free(s->login);
	s->login = NULL;
	csi_free(s->csi);
	s->csi = NULL;
	if (s->anonymous) {
		s->anonymous = false;
		throttle_release(s->edge->shared->throttle, THROTTLE_ANONYMOUS, &s->peer);
	}
	if (s->sm)
		sm_end(s);
	if (!s->pending.first)
		report_closed(s);
}

void stream_gone(struct stream *s, enum close_reason reason)
{
	struct pending *node;

	stream_end(s, reason);
	while ((node = pending_pop(&s->pending))) {
		stream_give_back(s, &node->packet);
		free(node);
	}
	report_closed(s);
	stream_leave(s);
}
