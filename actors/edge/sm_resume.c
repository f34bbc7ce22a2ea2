/* The sleep of sessions whose line was lost. A sleeper is a stream without a connection in the slot of the one it had, so
 * that all names of the session stay good. A resuming stream finds it here, on the same worker: since login both live where
 * the shard of their bare JID does. */
#include <stdlib.h>

#include "actors/edge/csi.h"
#include "actors/edge/login.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/sm.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/mutant.h"
#include "xmpp/ns.h"

#define GREET_MS 5000  /* the answer to <resume/> waits this long for what is on its way */
#define GRAVES_MAX 256 /* sessions remembered after their end, to tell their h */

struct sleeper {
	struct stream s;
	struct list link; /* in e->sleepers or e->buried */
};

static struct sleeper *of_stream(struct stream *s)
{
	return CONTAINER_OF(s, struct sleeper, s);
}

/* Ends its session, if it still has one. Freed at the end of the turn: callers are on the stack. */
static void bury(struct stream *s, enum close_reason reason)
{
	struct sleeper *z = of_stream(s);

	stream_gone(s, reason);
	list_remove(&z->link);
	list_push_back(&s->edge->buried, &z->link);
	metric_add(METRIC_sm_asleep, -1);
}

/* --- struct stream_ops --- */

static void no_header(struct stream *s UNUSED, const struct wrap_head *h UNUSED)
{
}

static void no_element(struct stream *s UNUSED, struct stanza *el)
{
	stanza_unref(el);
}

static void no_deliver(struct stream *s UNUSED, struct packet *p UNUSED, uint64_t receipt UNUSED)
{
	BUG("a sleeper has stream management");
}

static void close_stream(struct stream *s, enum stream_error condition, struct stanza *error)
{
	stanza_unref(error);
	bury(s, stream_reason(condition));
}

static void nothing(struct stream *s UNUSED)
{
}

static uint64_t no_deadline(const struct stream *s UNUSED)
{
	return 0;
}

static void no_due(struct stream *s UNUSED, uint64_t now UNUSED)
{
}

static const struct stream_ops ops = {
	.transport = TRANSPORT_TCP,
	.header = no_header,
	.element = no_element,
	.deliver = no_deliver,
	.close = close_stream,
	.pause = nothing,
	.resume = nothing,
	.restart = nothing,
	.deadline = no_deadline,
	.due = no_due,
};

/* --- falling asleep --- */

void sm_sleep(struct stream *s, enum close_reason reason)
{
	struct edge *e = s->edge;
	struct sleeper *z;
	struct sm *m;

	/* What went out before stream management was switched on has no number: it cannot be asked for again. */
	if (!s->sm || !s->sm->window_ms || s->phase != STREAM_BOUND || s->pending.first || e->stopping)
		return;
	z = xcalloc(1, sizeof(*z));
	z->s = (struct stream){
		.ops = &ops,
		.edge = e,
		.listener = s->listener,
		.vhost = s->vhost,
		.regime = s->regime,
		.peer = s->peer,
		.slot = STREAM_NO_SLOT,
		.opened = true,
		.secure = s->secure,
		.reason = (uint8_t)reason,
		.anonymous = s->anonymous, /* counts for its address as long as it sleeps */
	};
	s->anonymous = false;
	stream_take_over(&z->s, s);
	list_push_back(&e->sleepers, &z->link);
	m = z->s.sm;
	map_put(e->resumable, span_of(m->id), &z->s);
	m->until_ms = actor_now_ms() + m->window_ms;
	m->ask_by_ms = 0;
	m->asking = m->greeting = false;
	sasl2_free(m->welcome);
	m->welcome = NULL;
	metric_add(METRIC_sm_asleep, 1);
	stream_tell_liveness(&z->s, false);
	stream_rearm(&z->s);
	csi_active(&z->s);
}

/* --- nobody came --- */

static void remember(struct edge *e, const struct stream *s)
{
	struct sm_grave *g;

	if (!e->graves)
		e->graves = xcalloc(GRAVES_MAX, sizeof(*e->graves));
	g = &e->graves[e->grave_count++ % GRAVES_MAX];
	jid_unref(g->user);
	memcpy(g->id, s->sm->id, sizeof(g->id));
	g->user = jid_ref(s->full);
	g->h = (uint32_t)s->sm->in.handled;
	g->mute = sm_owes_errors(s->sm);
}

static const struct sm_grave *recall(const struct edge *e, struct span id, const struct jid *user)
{
	for (unsigned i = 0; e->graves && i < GRAVES_MAX && i < e->grave_count; i++)
		if (span_is(id, e->graves[i].id) && jid_eq_bare(e->graves[i].user, user))
			return &e->graves[i];
	return NULL;
}

void sm_expire(struct stream *s)
{
	metric_inc(METRIC_sm_expired);
	LOG_DEBUG("edge", "%s was not resumed in time", s->full->text);
	remember(s->edge, s);
	bury(s, (enum close_reason)s->reason);
}

/* --- resuming --- */

/* The session `previd` of this stream's user, on a connection or asleep. */
static struct stream *find(const struct stream *s, struct span previd)
{
	struct stream *found = previd.n == SM_ID_MAX - 1 ? map_find(s->edge->resumable, previd) : NULL;

	if (!found || !jid_eq_bare(found->full, s->login->user))
		return NULL;
	if (!found->pending.first)
		return found;
	stream_fail(found, STREAM_ERROR_CONFLICT, NULL); /* see sm_sleep */
	return NULL;
}

static void take(struct stream *s, struct stream *from)
{
	bool asleep = !from->conn;

	stream_take_over(s, from);
	map_put(s->edge->resumable, span_of(s->sm->id), s);
	sasl2_free(s->sm->welcome); /* of one that was not greeted yet */
	s->sm->welcome = s->login->two;
	s->login->two = NULL;
	if (asleep) {
		bury(from, CLOSE_REPLACED);
		stream_tell_liveness(s, true);
	} else {
		stream_fail(from, STREAM_ERROR_CONFLICT, "Resumed by another connection");
	}
	login_free(s->login);
	s->login = NULL;
}

void sm_resume(struct stream *s, struct span previd, const uint32_t *given)
{
	struct stream *from = find(s, previd);
	struct sm *m;
	uint32_t h = given ? *given : 0;

	if (!from || !given) {
		const struct sm_grave *grave = recall(s->edge, previd, s->login->user);

		metric_inc(METRIC_sm_refused);
		if (!from && !grave && previd.n == SM_ID_MAX - 1)
			sm_state_ask(s, previd);
		else
			sm_refuse(s, from ? STANZA_ERROR_BAD_REQUEST : STANZA_ERROR_ITEM_NOT_FOUND, grave);
		return;
	}
	m = from->sm;
	if (!sm_h_is_possible(m, h)) {
		sm_too_high(s, m, h);
		return;
	}
	csi_active(from); /* the state is not resumed (XEP-0352 5.2) */
	if (!from->sm) { /* what was held is more than its queue takes: it has ended */
		metric_inc(METRIC_sm_refused);
		sm_refuse(s, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
		return;
	}
	take(s, from);
	if (!MUTANT(resend_without_h))
		sm_acknowledge(s, h);
	m->asking = false;
	m->ask_by_ms = 0;
	m->owed = 0;
	/* What came in and is on its way yet would be sent again if h left it out. */
	m->greeting = true;
	m->until_ms = actor_now_ms() + GREET_MS;
	stream_pause(s, STREAM_PAUSE_ANSWER);
	if (m->in.handled == m->in.received)
		sm_greet(s);
	else
		stream_rearm(s);
}

static void tell_resumed(struct stream *s)
{
	struct builder *b = xml_pool_builder(s->edge->pool);
	struct sasl2 *x = s->sm->welcome;

	s->sm->welcome = NULL;
	if (x) {
		sasl2_resumed(s, x);
		return;
	}
	builder_reset(b);
	sm_add_resumed(s->sm, b);
	s->ops->element(s, builder_finish(b));
}

void sm_greet(struct stream *s)
{
	struct sm *m = s->sm;

	m->greeting = false;
	m->until_ms = 0;
	metric_inc(METRIC_sm_resumed);
	tell_resumed(s);
	sm_void_on_its_way(m);
	for (const struct pending *node = m->queue.first; node; node = node->next)
		s->ops->write(s, &node->packet);
	sm_ask_soon(s);
	stream_check_flow(s);
	stream_rearm(s);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}

/* --- the end of the edge --- */

void sm_shut(struct edge *e)
{
	LIST_EACH_SAFE(it, tmp, &e->sleepers)
		stream_fail(&CONTAINER_OF(it, struct sleeper, link)->s, STREAM_ERROR_SYSTEM_SHUTDOWN, NULL);
}

static void free_list(struct list *l)
{
	struct list *node;

	while ((node = list_pop_front(l))) {
		struct sleeper *z = CONTAINER_OF(node, struct sleeper, link);

		stream_leave(&z->s);
		stream_fini(&z->s);
		free(z);
	}
}

void sm_turn_end(struct edge *e)
{
	free_list(&e->buried);
}

void sm_free_all(struct edge *e)
{
	LIST_EACH(it, &e->sleepers)
		metric_add(METRIC_sm_asleep, -1);
	free_list(&e->sleepers);
	free_list(&e->buried);
	for (unsigned i = 0; e->graves && i < GRAVES_MAX; i++)
		jid_unref(e->graves[i].user);
	free(e->graves);
	free(e->lost);
	e->graves = NULL;
	e->lost = NULL;
}
