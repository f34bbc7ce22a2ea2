#include "actors/edge/bosh_session.h"

#include <stdlib.h>

#include "actors/edge/bosh_answer.h"
#include "actors/edge/budget.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/throttle.h"
#include "runtime/mem/held.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

_Static_assert(sizeof(struct bosh_session) <= 512, "the next size class of the allocator costs each session 128 bytes");

#define QUIET_MS 1000 /* without an open request for this long, a client counts as not polling */
#define DEFAULT_CONTENT "text/xml; charset=utf-8"
#define OWN_MINOR 11 /* we speak version 1.11 */

static struct bosh_session *of_stream(const struct stream *s)
{
	return (struct bosh_session *)((uintptr_t)s - offsetof(struct bosh_session, s));
}

static struct exchange *first_of(const struct list *l)
{
	return list_empty(l) ? NULL : CONTAINER_OF(l->next, struct exchange, waiting);
}

/* --- invariant 4: is anybody there --- */

static bool any_live(const struct list *l)
{
	LIST_EACH(it, l)
		if (CONTAINER_OF(it, struct exchange, waiting)->conn)
			return true;
	return false;
}

static void tell_liveness(struct bosh_session *b, bool alive)
{
	b->quiet = !alive;
	if (b->s.phase == STREAM_BOUND)
		stream_tell_liveness(&b->s, alive);
}

void bosh_session_touch(struct bosh_session *b)
{
	if (b->over)
		return;
	if (any_live(&b->held) || any_live(&b->early)) {
		b->alone_ms = 0;
		if (b->quiet)
			tell_liveness(b, true);
	} else if (!b->alone_ms) {
		b->alone_ms = actor_now_ms();
	}
	stream_rearm(&b->s);
}

/* --- requests that wait --- */

void bosh_session_hold(struct bosh_session *b, struct exchange *x)
{
	x->session = b;
	x->answer_by_ms = actor_now_ms() + b->wait_ms;
	list_push_back(&b->held, &x->waiting);
	b->held_count++;
}

struct exchange *bosh_session_held(struct bosh_session *b, uint64_t rid)
{
	LIST_EACH(it, &b->held) {
		struct exchange *x = CONTAINER_OF(it, struct exchange, waiting);

		if (x->rid == rid)
			return x;
	}
	return NULL;
}

void bosh_session_replace(struct bosh_session *b, struct exchange *old, struct exchange *x)
{
	x->session = b;
	x->key = old->key;
	old->key = NULL;
	x->answer_by_ms = old->answer_by_ms;
	list_push_back(&old->waiting, &x->waiting); /* in front of old: its place */
	/* Which of the two connections is the dead one nobody can tell: the later request may be the stale one. An answer,
	 * an empty one too, would be taken for that of the rid; without one the client asks again. */
	old->session = NULL;
	list_remove(&old->waiting);
	exchange_drop(old);
	bosh_session_touch(b);
}

void bosh_session_early(struct bosh_session *b, struct exchange *x)
{
	struct list *at = &b->early;

	x->session = b;
	/* `wait` is no bound here: a client that lost the request before it sends that again only when it has waited so long
	 * itself. One that never does is as inactive as one that sends nothing. */
	x->answer_by_ms = actor_now_ms() + b->wait_ms + b->inactivity_ms;
	LIST_EACH(it, &b->early) {
		struct exchange *other = CONTAINER_OF(it, struct exchange, waiting);

		if (other->rid == x->rid) {
			bosh_session_replace(b, other, x);
			return;
		}
		if (other->rid > x->rid) {
			at = it;
			break;
		}
	}
	list_push_back(at, &x->waiting); /* in front of the first higher rid */
}

/* --- what the client may be told of --- */

void bosh_session_processed(struct bosh_session *b)
{
	struct bosh_intake *k = b->intake;

	if (!k)
		return;
	if (k->in.handled == k->in.received) {
		k->open_count = 0;
		k->rid = b->rid;
		return;
	}
	/* With too many at once the newest two are told of together. */
	if (k->open_count == BOSH_INTAKE_RIDS)
		k->open_count--;
	k->open[k->open_count].rid = b->rid;
	k->open[k->open_count++].last = k->in.received;
}

static void on_handled(struct stream *s, uint64_t number)
{
	struct bosh_intake *k = of_stream(s)->intake;
	unsigned done = 0;

	intake_handled(&k->in, number);
	while (done < k->open_count && k->open[done].last <= k->in.handled)
		k->rid = k->open[done++].rid;
	k->open_count -= done;
	memmove(k->open, k->open + done, k->open_count * sizeof(k->open[0]));
}

void bosh_session_acked(struct bosh_session *b, uint64_t rid)
{
	stream_written(&b->s, rid);
}

void bosh_exchange_lost(struct exchange *x)
{
	struct bosh_session *b = x->session;

	/* What was not processed yet the client sends again; what was gets its answer into the cache. */
	if (b->over || x->rid > b->rid) {
		if (x->rid <= b->rid)
			b->held_count--;
		exchange_free(x);
	}
	bosh_session_touch(b);
}

/* --- the end of the turn --- */

void bosh_session_later(struct bosh_session *b)
{
	if (list_empty(&b->answering) && list_empty(&b->dead))
		list_push_back(&b->s.edge->answering, &b->answering);
}

static void bury(struct bosh_session *b)
{
	struct edge *e = b->s.edge;

	ASSERT(list_empty(&b->dead));
	map_remove(e->bosh, span_of(b->sid));
	edge_timer_set(e, &b->s.timer, 0);
	list_remove(&b->answering);
	list_push_back(&e->dead, &b->dead);
	throttle_release(e->shared->throttle, THROTTLE_BOSH, &b->s.peer);
	metric_add(METRIC_bosh_sessions, -1);
}

/* All who wait hear of the end. When nobody does, the last words are kept for the next request. */
static void answer_over(struct bosh_session *b)
{
	bool told = any_live(&b->held) || any_live(&b->early);
	struct list *node;

	/* The error goes where somebody listens: into the first live one, in rid order. */
	while ((node = list_pop_front(&b->early))) {
		list_push_back(&b->held, node);
		b->held_count++;
	}
	if (told || !b->error || b->s.edge->stopping) {
		LIST_EACH_SAFE(it, tmp, &b->held) {
			struct exchange *x = CONTAINER_OF(it, struct exchange, waiting);

			if (!x->conn) {
				b->held_count--;
				exchange_free(x);
			}
		}
		while (!list_empty(&b->held))
			bosh_answer_oldest(b);
		bury(b);
	} else {
		edge_timer_set(b->s.edge, &b->s.timer, actor_now_ms() + b->inactivity_ms);
	}
}

static void flush(struct bosh_session *b)
{
	if (b->over) {
		answer_over(b);
		return;
	}
	while (!list_empty(&b->held) && (b->queue.first || b->held_count > b->hold || b->answer_all))
		bosh_answer_oldest(b);
	b->answer_all = false;
	bosh_session_touch(b);
}

void bosh_turn_end(struct edge *e)
{
	struct list *node;

	while ((node = list_pop_front(&e->answering)))
		flush(CONTAINER_OF(node, struct bosh_session, answering));
	while ((node = list_pop_front(&e->dead)))
		bosh_session_free(CONTAINER_OF(node, struct bosh_session, dead));
}

/* --- the end --- */

void bosh_session_over(struct bosh_session *b, enum close_reason reason, const char *condition, struct stanza *error)
{
	struct pending_list kept = { 0 };
	struct pending *node;

	if (b->over) {
		stanza_unref(error);
		return;
	}
	b->over = true;
	b->condition = condition;
	b->error = error;
	/* What somebody waits for goes back behind what was answered and not acknowledged; the rest may still be said. */
	while ((node = pending_pop(&b->queue))) {
		bool owed = stream_is_owed(&node->packet);

		pending_add(owed ? &b->s.pending : &kept, &node->packet, 0, UINT64_MAX);
		free(node);
	}
	b->queue = kept;
	stream_gone(&b->s, reason);
	bosh_session_later(b);
}

void bosh_session_free(struct bosh_session *b)
{
	struct list *lists[] = { &b->held, &b->early };
	struct pending *node;

	held_add(-HELD_SESSION);
	stream_leave(&b->s);
	edge_timer_set(b->s.edge, &b->s.timer, 0);
	list_remove(&b->answering);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		while (!list_empty(lists[i])) {
			struct exchange *x = first_of(lists[i]);

			ASSERT(!x->conn);
			exchange_free(x);
		}
	while ((node = pending_pop(&b->queue))) {
		packet_clear(&node->packet);
		free(node);
	}
	for (unsigned i = 0; i <= b->window; i++) {
		buf_fini(&b->cache[i].body);
		free(b->cache[i].key);
	}
	stanza_unref(b->payload);
	stanza_unref(b->error);
	stream_fini(&b->s);
	free(b->cache);
	free(b->intake);
	free(b->content);
	free(b->key);
	free(b);
}

/* --- struct stream_ops --- */

static void write_header(struct stream *s UNUSED, const struct wrap_head *h UNUSED)
{
	/* The greeting says it. */
}

static void enqueue(struct bosh_session *b, struct packet *p, uint64_t receipt)
{
	b->queued++;
	b->queued_bytes += stanza_bytes(p->stanza);
	pending_add(&b->queue, p, receipt, 0);
	bosh_session_later(b);
}

static void write_element(struct stream *s, struct stanza *el)
{
	struct packet p = { .stanza = el };

	enqueue(of_stream(s), &p, 0);
}

static void deliver(struct stream *s, struct packet *p, uint64_t receipt)
{
	struct bosh_session *b = of_stream(s);
	uint32_t bytes_max = s->regime->conn.out_hard;

	enqueue(b, p, receipt);
	if (b->queued > s->edge->conf->bosh_waiting_packets || (bytes_max && b->queued_bytes > bytes_max))
		stream_fail(s, STREAM_ERROR_RESOURCE_CONSTRAINT, NULL);
}

static void close_stream(struct stream *s, enum stream_error condition, struct stanza *error)
{
	const char *text = !error ? NULL : condition == STREAM_ERROR_SYSTEM_SHUTDOWN ? "system-shutdown" :
										   "remote-stream-error";

	bosh_session_over(of_stream(s), stream_reason(condition), text, error);
}

static void pause_input(struct stream *s UNUSED)
{
	/* Requests wait in `early`. */
}

static void resume_input(struct stream *s)
{
	bosh_advance(of_stream(s));
}

static void restart(struct stream *s)
{
	struct bosh_session *b = of_stream(s);
	struct span local = jid_local(s->login->user);

	if (!s->anonymous || !s->edge->conf->visitor_cookie_lifetime)
		return;
	ASSERT(local.n < sizeof(b->cookie_local));
	memcpy(b->cookie_local, local.p, local.n);
	b->cookie_local[local.n] = '\0';
	b->with_cookie = true;
}

/* Requests find it by its worker: it stays there. */
static bool go_home(struct stream *s)
{
	restart(s);
	return false;
}

static uint64_t held(const struct stream *s)
{
	return of_stream(s)->queued_bytes;
}

static uint64_t deadline(const struct stream *s)
{
	const struct bosh_session *b = of_stream(s);
	const struct exchange *held = first_of(&b->held), *early = first_of(&b->early);
	uint64_t at = held ? held->answer_by_ms : UINT64_MAX, alone = UINT64_MAX;

	if (early && stream_listens(s) && early->answer_by_ms < at)
		at = early->answer_by_ms;
	if (b->alone_ms && !b->quiet)
		alone = b->alone_ms + QUIET_MS;
	else if (b->alone_ms)
		alone = b->alone_ms + (b->pause_ms ? b->pause_ms : b->inactivity_ms);
	if (alone < at)
		at = alone;
	return at == UINT64_MAX ? 0 : at;
}

static void due(struct stream *s, uint64_t now)
{
	struct bosh_session *b = of_stream(s);
	const struct exchange *x;

	if (b->over) {
		if (list_empty(&b->answering)) /* else this turn's end still tells those who wait */
			bury(b); /* nobody came for the last words */
		return;
	}
	while ((x = first_of(&b->held)) && x->answer_by_ms <= now)
		bosh_answer_oldest(b);
	x = first_of(&b->early);
	if (x && x->answer_by_ms <= now && stream_listens(s)) {
		bosh_session_over(b, CLOSE_ERROR, "item-not-found", NULL); /* the rid before it never came */
		return;
	}
	bosh_session_touch(b);
	if (!b->alone_ms)
		return;
	if (!b->quiet && now >= b->alone_ms + QUIET_MS)
		tell_liveness(b, false);
	if (b->quiet && now >= b->alone_ms + (b->pause_ms ? b->pause_ms : b->inactivity_ms))
		bosh_session_over(b, CLOSE_INACTIVITY, NULL, NULL);
}

static const struct stream_ops ops = {
	.transport = TRANSPORT_BOSH,
	.header = write_header,
	.element = write_element,
	.deliver = deliver,
	.close = close_stream,
	.pause = pause_input,
	.resume = resume_input,
	.restart = restart,
	.go_home = go_home,
	.handled = on_handled,
	.held = held,
	.deadline = deadline,
	.due = due,
};

/* --- the beginning --- */

static bool in_parameter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("; =-", c));
}

/* XEP-0124 7.1: the client chooses the Content-Type of answers; only types that no browser renders. */
static char *content_type(struct span wanted)
{
	static const char *const allowed[] = { "text/xml", "application/xml", "text/plain" };

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		size_t n = strlen(allowed[i]);

		if (wanted.n < n || wanted.n > 64 || memcmp(wanted.p, allowed[i], n) != 0)
			continue;
		for (; n < wanted.n; n++)
			if (!in_parameter(wanted.p[n]))
				return xstrdup(DEFAULT_CONTENT);
		return xstrndup(wanted.p, wanted.n);
	}
	return xstrdup(DEFAULT_CONTENT);
}

static uint32_t lower(uint64_t a, int64_t b)
{
	return (uint32_t)(a < (uint64_t)b ? a : (uint64_t)b);
}

static void settle(struct bosh_session *b, const struct bosh_wishes *w)
{
	const struct config *conf = b->s.edge->conf;
	uint32_t wait_s = lower(w->wait_s, conf->bosh_max_wait), hold = lower(w->hold, conf->bosh_hold);

	b->wait_ms = wait_s * 1000;
	b->window = (uint8_t)conf->bosh_requests;
	b->hold = (uint8_t)(wait_s ? lower(hold, conf->bosh_requests - 1) : 0); /* one stays free for sending */
	b->inactivity_ms = (uint32_t)conf->bosh_max_inactivity * 1000;
	b->minor = (uint8_t)lower(w->minor, OWN_MINOR);
	if (w->acks) {
		b->intake = xcalloc(1, sizeof(*b->intake));
		b->s.intake = &b->intake->in;
	}
	b->content = content_type(w->content);
	b->key = w->newkey.p ? xstrndup(w->newkey.p, w->newkey.n) : NULL;
	b->cache = xcalloc(b->window + 1u, sizeof(*b->cache));
}

struct bosh_session *bosh_session_new(struct edge *e, struct exchange *x, const struct bosh_wishes *wishes,
				      uint64_t rid)
{
	static const char digits[] = "0123456789abcdef";
	const struct address *peer = conn_peer(x->conn->c.conn);
	struct bosh_session *b;

	if (!budget_admits(e))
		return NULL;
	if (!throttle_take(e->shared->throttle, THROTTLE_BOSH, peer)) {
		metric_limit(METRIC_limit_bosh_sessions);
		return NULL;
	}
	metric_inc(METRIC_bosh_sessions);
	b = xcalloc(1, sizeof(*b));
	held_add(HELD_SESSION);
	stream_init(&b->s, &ops, e, NULL, x->conn->c.listener, peer);
	b->s.secure = x->secure;
	list_init(&b->answering);
	list_init(&b->dead);
	list_init(&b->held);
	list_init(&b->early);
	settle(b, wishes);
	b->rid = rid;
	b->greeting = true;
	b->sid[0] = digits[e->worker >> 4 & 15];
	b->sid[1] = digits[e->worker & 15];
	outside_random_hex(b->sid + 2, 16);
	map_put(e->bosh, span_of(b->sid), b);
	stream_enter(&b->s);
	return b;
}

struct bosh_session *bosh_session_find(struct edge *e, struct span sid)
{
	return sid.n == BOSH_SID_MAX - 1 ? map_find(e->bosh, sid) : NULL;
}
