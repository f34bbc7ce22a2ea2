/* A connection's life, whatever carries its bytes: showing input, collecting and flushing output, limits, the end. */
#include "runtime/io/conn.h"

#include <sched.h>
#include <stdlib.h>

#include "runtime/actor/engine.h"
#include "runtime/io/conn_inner.h"
#include "runtime/mem/held.h"

#define READ_TURN_BYTES 262144u /* then others have their turn */

/* --- life --- */

void conn_init(struct conn *c, const struct conn_carrier *carrier, const struct address *peer,
	       const struct conn_limits *limits, const struct conn_events *events, void *ctx)
{
	*c = (struct conn){ .carrier = carrier, .events = events, .ctx = ctx, .owner = actor_self(), .limits = limits,
			    .peer = *peer, .attached = true };
	ASSERT(c->owner != ACTOR_NONE);
	held_add(HELD_CONNECTION);
	list_init(&c->link);
	wheel_node_init(&c->deadline);
	conn_worker_join(c);
}

/* No events from now on; the memory stays. */
static void cut(struct conn *c)
{
	if (c->phase == CONN_ENDED)
		return;
	c->phase = CONN_ENDED;
	if (c->attached) {
		list_remove(&c->link);
		conn_worker_set_deadline(c, 0);
	}
	c->carrier->close(c);
}

void conn_destroy(struct conn *c)
{
	cut(c);
	if (c->attached)
		conn_worker_part(c);
	held_add(-HELD_CONNECTION);
	conn_tls_free(c->tls);
	buf_fini(&c->out);
	buf_fini(&c->kept);
	if (c->carrier->fini)
		c->carrier->fini(c);
	free(c);
}

/* A callback on the worker it left may still be on its way back; it does not take longer than a handler. */
static void wait_until_idle(struct conn *c)
{
	while (__atomic_load_n(&c->busy, __ATOMIC_ACQUIRE)) { /* pairs with the release in conn_worker_leave */
		ASSERT(c->worker != engine_worker());
		sched_yield();
	}
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	if (!c->attached) {
		wait_until_idle(c);
		conn_destroy(c);
	} else if (c->busy) {
		c->freed = true;
		cut(c);
	} else {
		conn_destroy(c);
	}
}

static void transmit(struct conn *c);

void conn_end(struct conn *c, enum conn_end why)
{
	if (!conn_is_live(c))
		return;
	if (why == CONN_END_PEER || why == CONN_END_TLS)
		transmit(c); /* an answer for one who only ended his side; the alert */
	cut(c);
	c->events->on_end(c->ctx, why);
}

static void end_later(struct conn *c, enum conn_end why)
{
	if (!c->doomed)
		c->doomed = (uint8_t)(1 + why);
	conn_worker_todo(c);
}

void conn_due(struct conn *c)
{
	conn_end(c, c->phase != CONN_OPEN ? CONN_END_CLOSED : c->handshaking ? CONN_END_TLS : CONN_END_STALLED);
}

/* --- input --- */

bool conn_wants_input(const struct conn *c)
{
	return conn_is_live(c) && !c->eof && (c->handshaking || c->phase != CONN_OPEN || !c->paused);
}

static bool shows_input(const struct conn *c)
{
	return conn_is_live(c) && c->phase == CONN_OPEN && !c->paused && !c->handshaking;
}

/* What the owner has not taken yet. No memory for it: this connection alone pays. */
static bool keep(struct conn *c, const char *bytes, size_t n)
{
	if (!buf_try_reserve(&c->kept, n)) {
		end_later(c, CONN_END_RESET);
		return false;
	}
	buf_add(&c->kept, bytes, n);
	return true;
}

void conn_deliver(struct conn *c, const char *bytes, size_t n, bool drained)
{
	struct span shown = { bytes, n };
	bool from_kept = buf_len(&c->kept) > 0 || !shows_input(c);
	size_t used;

	if (c->phase != CONN_OPEN || c->freed)
		return;
	if (from_kept) {
		if (!keep(c, bytes, n))
			return;
		shown = buf_span(&c->kept);
	}
	if (!shows_input(c))
		return;
	c->in_input = true;
	used = c->events->on_input(c->ctx, shown, drained);
	c->in_input = false;
	ASSERT(used <= shown.n);
	if (c->phase != CONN_OPEN)
		buf_fini(&c->kept);
	else if (from_kept)
		buf_consume(&c->kept, used);
	else if (!keep(c, bytes + used, n - used))
		return;
	/* Clear text behind the request for TLS was put there by someone in the middle (V24). */
	if (c->handshaking && buf_len(&c->kept)) {
		c->doomed = 1 + CONN_END_TLS;
		conn_end(c, CONN_END_TLS);
	}
}

/* The owner has seen all there was, or has left it: now the end may be told. While it pauses, the end waits. */
static void show_last(struct conn *c)
{
	conn_deliver(c, "", 0, true);
	if (c->fin && c->phase == CONN_OPEN && conn_is_live(c) && (!c->paused || buf_len(&c->kept) == 0))
		conn_end(c, CONN_END_PEER);
}

static void input_ended(struct conn *c, enum conn_end why)
{
	if (c->phase == CONN_CLOSING && why == CONN_END_PEER) {
		c->eof = true; /* he may still read */
	} else if (c->phase == CONN_OPEN && why == CONN_END_PEER && !c->handshaking && buf_len(&c->kept)) {
		c->eof = c->fin = true;
		show_last(c);
	} else {
		conn_end(c, c->phase == CONN_SHUT ? CONN_END_CLOSED : why);
	}
}

void conn_read(struct conn *c, bool show)
{
	size_t total = 0;
	bool more = true;

	/* After a pause what is kept comes first: reading more before it is dealt with would let it grow with every resume. */
	if (show && buf_len(&c->kept) >= CONN_SCRATCH_BYTES) {
		conn_deliver(c, "", 0, false);
		show = false;
	}
	while (more && total < READ_TURN_BYTES && conn_wants_input(c)) {
		char *scratch = conn_worker_scratch(c);
		int n = c->tls && c->phase == CONN_OPEN ? conn_tls_receive(c, scratch, &more)
							: c->carrier->receive(c, scratch, CONN_SCRATCH_BYTES, &more);

		if (n < 0) {
			input_ended(c, conn_failure_of(n));
			return;
		}
		total += (size_t)n;
		if (n > 0 || (show && buf_len(&c->kept)))
			conn_deliver(c, scratch, (size_t)n, !more);
		show = false;
	}
}

void conn_secured(struct conn *c)
{
	c->handshaking = false;
	c->secure = true;
	conn_worker_set_deadline(c, 0);
	if (c->events->on_secure)
		c->events->on_secure(c->ctx);
}

void conn_pause(struct conn *c)
{
	c->paused = true;
	if (conn_is_live(c))
		c->carrier->watch(c);
}

void conn_resume(struct conn *c)
{
	c->paused = false;
	c->show = true;
	if (!conn_is_live(c))
		return;
	c->carrier->watch(c);
	conn_worker_todo(c);
}

/* --- output --- */

void conn_count_sent(struct conn *c, size_t n)
{
	c->sent += n;
	c->moved |= n > 0;
}

/* Hands over what the carrier takes; no callbacks. */
static void transmit(struct conn *c)
{
	int n = 0;

	if (c->tls) {
		n = conn_tls_transmit(c);
	} else if (buf_len(&c->out)) {
		n = c->carrier->transmit(c, buf_span(&c->out));
		if (n > 0) {
			buf_consume(&c->out, (size_t)n);
			conn_count_sent(c, (size_t)n);
			c->took = true;
		}
		c->blocked = buf_len(&c->out) > 0;
	}
	if (n < 0)
		end_later(c, conn_failure_of(n));
}

static bool is_flushed(const struct conn *c)
{
	return buf_len(&c->out) == 0 && (!c->tls || conn_tls_is_flushed(c->tls));
}

static bool is_beyond(const struct conn *c)
{
	return c->limits->out_hard && conn_unsent(c) > c->limits->out_hard;
}

static void shut(struct conn *c)
{
	if (c->secure && c->tls) {
		conn_tls_say_goodbye(c);
		transmit(c);
		if (!is_flushed(c))
			return;
	}
	c->phase = CONN_SHUT;
	c->carrier->shut(c);
	if (c->eof)
		conn_end(c, CONN_END_CLOSED);
}

/* A peer that takes some of it gets the whole time again. */
static void set_stall_deadline(struct conn *c)
{
	if (c->phase != CONN_OPEN || c->handshaking)
		return; /* those have deadlines of their own */
	if (!c->blocked)
		conn_worker_set_deadline(c, 0);
	else if (c->took || !wheel_is_set(&c->deadline))
		conn_worker_set_deadline(c, c->limits->stall_ms);
	c->took = false;
}

void conn_flush(struct conn *c)
{
	transmit(c);
	if (c->moved && conn_is_live(c)) {
		c->moved = false;
		if (c->events->on_sent)
			c->events->on_sent(c->ctx, c->sent);
	}
	if (c->doomed)
		conn_end(c, (enum conn_end)(c->doomed - 1));
	else if (is_beyond(c))
		conn_end(c, CONN_END_STALLED);
	else if (c->phase == CONN_CLOSING && conn_is_live(c) && is_flushed(c))
		shut(c);
	if (!conn_is_live(c))
		return;
	if (c->doomed) { /* the goodbye failed */
		conn_end(c, (enum conn_end)(c->doomed - 1));
		return;
	}
	set_stall_deadline(c);
	c->carrier->watch(c);
}

void conn_service(struct conn *c)
{
	bool show = c->show;

	c->show = false;
	if (c->handshaking && !c->tls && !c->doomed)
		conn_secured(c); /* a memory connection: nothing to agree upon */
	if (show && !c->doomed && c->fin)
		show_last(c);
	else if (show && !c->doomed)
		conn_read(c, true);
	if (conn_is_live(c))
		conn_flush(c);
}

struct buf *conn_out(struct conn *c)
{
	return &c->out;
}

void conn_flush_later(struct conn *c)
{
	if (c->phase >= CONN_SHUT) {
		buf_fini(&c->out);
		return;
	}
	if (c->doomed)
		return; /* it ends this turn; what is appended counts as queued, not as sent */
	/* A burst beyond the bound within one turn is no reason to end: the peer had no chance to take it. */
	if (is_beyond(c) && c->attached)
		transmit(c);
	if (is_beyond(c) && c->attached)
		end_later(c, CONN_END_STALLED);
	conn_worker_todo(c);
}

void conn_write(struct conn *c, struct span bytes)
{
	if (!buf_try_reserve(&c->out, bytes.n)) { /* this connection alone pays; what it does not get goes back */
		end_later(c, CONN_END_STALLED);
		conn_worker_todo(c);
		return;
	}
	buf_add_span(&c->out, bytes);
	conn_flush_later(c);
}

size_t conn_unsent(const struct conn *c)
{
	return buf_len(&c->out) + (c->tls ? conn_tls_unsent(c->tls) : 0);
}

uint64_t conn_queued(const struct conn *c)
{
	return c->sent + conn_unsent(c);
}

bool conn_is_full(const struct conn *c)
{
	return c->limits->out_soft && conn_unsent(c) >= c->limits->out_soft;
}

void conn_close(struct conn *c)
{
	if (c->phase != CONN_OPEN)
		return;
	c->phase = CONN_CLOSING;
	if (c->handshaking) { /* what waits for its end will not be sent */
		c->handshaking = false;
		buf_fini(&c->out);
	}
	if (!c->in_input)
		buf_fini(&c->kept);
	if (!conn_is_live(c))
		return;
	conn_worker_set_deadline(c, c->limits->linger_ms);
	c->carrier->watch(c);
	conn_worker_todo(c);
}

void conn_cut(struct conn *c)
{
	if (conn_is_live(c))
		end_later(c, CONN_END_STALLED);
}

/* --- TLS --- */

void conn_start_tls(struct conn *c, struct tls_store *store, const char *host, const char *alpn)
{
	if (c->phase != CONN_OPEN || c->doomed)
		return;
	ASSERT(!c->handshaking && !c->secure && (store || c->carrier->simulated));
	c->tls = store ? conn_tls_new(c, store, host, alpn) : NULL;
	c->handshaking = true;
	if (!c->in_input && buf_len(&c->kept)) /* in on_input: judged when it returns */
		end_later(c, CONN_END_TLS);
	conn_worker_set_deadline(c, c->limits->handshake_ms);
	c->carrier->watch(c);
	conn_worker_todo(c);
}

bool conn_is_secure(const struct conn *c)
{
	return c->secure;
}

/* --- the rest of the owner's side --- */

void conn_set_events(struct conn *c, const struct conn_events *events, void *ctx)
{
	c->events = events;
	c->ctx = ctx;
}

void conn_set_limits(struct conn *c, const struct conn_limits *limits)
{
	bool others = c->limits->stall_ms != limits->stall_ms || c->limits->newcomer != limits->newcomer;

	c->limits = limits;
	if (others && c->phase != CONN_ENDED && c->carrier->limited)
		c->carrier->limited(c);
}

const struct address *conn_peer(const struct conn *c)
{
	return &c->peer;
}

void conn_detach(struct conn *c)
{
	ASSERT(c->attached);
	c->attached = false;
	if (c->phase != CONN_ENDED)
		c->carrier->watch(c); /* nothing any more */
	conn_worker_part(c);
}

void conn_attach(struct conn *c, const struct conn_events *events, void *ctx)
{
	wait_until_idle(c);
	ASSERT(!c->attached && actor_self() != ACTOR_NONE);
	c->events = events;
	c->ctx = ctx;
	c->owner = actor_self();
	conn_worker_join(c);
	c->attached = true;
	if (c->phase == CONN_ENDED)
		return;
	if (c->phase != CONN_OPEN)
		conn_worker_set_deadline(c, c->limits->linger_ms);
	else if (c->handshaking)
		conn_worker_set_deadline(c, c->limits->handshake_ms);
	c->show = true;
	c->carrier->watch(c);
	conn_worker_todo(c);
}
