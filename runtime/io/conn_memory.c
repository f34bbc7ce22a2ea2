/* Connections without a socket, for tests and the simulator: what is fed arrives, what is written is collected. */
#include "runtime/actor/engine.h"
#include "runtime/io/conn_inner.h"

struct conn_memory {
	struct conn c; /* first: freed as one */
	struct buf arrived; /* fed and not read yet */
	struct buf written;
	bool stalled, finished;
	const struct conn_memory_peer *peer; /* NULL = what is written is kept */
	void *peer_ctx;
};

static struct {
	const struct conn_memory_peer *peer;
	void *ctx;
	struct conn *made;
} expected;

static struct conn_memory *memory_of(struct conn *c)
{
	return CONTAINER_OF(c, struct conn_memory, c);
}

static int memory_receive(struct conn *c, char *to, size_t room, bool *more)
{
	struct conn_memory *m = memory_of(c);
	size_t n = buf_len(&m->arrived) < room ? buf_len(&m->arrived) : room;

	*more = n < buf_len(&m->arrived);
	if (n == 0 && m->finished)
		return conn_failure(CONN_END_PEER);
	if (n) {
		memcpy(to, buf_span(&m->arrived).p, n);
		buf_consume(&m->arrived, n);
	}
	return (int)n;
}

static int memory_transmit(struct conn *c, struct span bytes)
{
	struct conn_memory *m = memory_of(c);

	if (m->stalled)
		return 0;
	if (m->peer)
		return (int)m->peer->receive(m->peer_ctx, bytes);
	buf_add_span(&m->written, bytes);
	return (int)bytes.n;
}

static void memory_watch(struct conn *c)
{
	if (conn_wants_input(c) && (buf_len(&memory_of(c)->arrived) || memory_of(c)->finished)) {
		c->show = true;
		conn_worker_todo(c);
	}
}

static void memory_shut(struct conn *c)
{
	c->eof = true; /* there is no peer to wait for */
}

static void memory_close(struct conn *c)
{
	struct conn_memory *m = memory_of(c);

	buf_fini(&m->arrived);
	if (m->peer)
		m->peer->closed(m->peer_ctx);
	m->peer = NULL;
	if (expected.made == c)
		expected.made = NULL;
}

static void memory_fini(struct conn *c)
{
	buf_fini(&memory_of(c)->written);
}

static const struct conn_carrier carrier = {
	.receive = memory_receive,
	.transmit = memory_transmit,
	.watch = memory_watch,
	.shut = memory_shut,
	.close = memory_close,
	.fini = memory_fini,
	.simulated = true,
};

struct conn *conn_memory_new(const struct address *peer, const struct conn_limits *limits,
			     const struct conn_events *events, void *ctx)
{
	struct conn_memory *m = xcalloc(1, sizeof(*m));

	if (!engine_loop())
		conn_prepare(); /* one thread: it cannot be too late */
	if (expected.peer) {
		m->peer = expected.peer;
		m->peer_ctx = expected.ctx;
		expected.peer = NULL;
		expected.made = &m->c;
	}
	conn_init(&m->c, &carrier, peer, limits, events, ctx);
	return &m->c;
}

/* Something to read has come; outside of all turns it is read here and now. */
static void arrive(struct conn *c)
{
	bool entered;

	if (conn_worker_is_entered(c) || !conn_wants_input(c)) {
		c->show = true;
		conn_worker_todo(c);
		return;
	}
	entered = conn_worker_enter(c);
	conn_read(c, false);
	if (conn_is_live(c))
		memory_watch(c);
	conn_worker_leave(c, entered);
}

void conn_memory_feed(struct conn *c, struct span bytes)
{
	ASSERT(c->carrier == &carrier && !memory_of(c)->finished);
	if (c->phase != CONN_OPEN)
		return;
	buf_add_span(&memory_of(c)->arrived, bytes);
	arrive(c);
}

void conn_memory_finish(struct conn *c)
{
	ASSERT(c->carrier == &carrier);
	if (c->phase != CONN_OPEN)
		return;
	memory_of(c)->finished = true;
	arrive(c);
}

void conn_memory_end(struct conn *c, enum conn_end why)
{
	bool entered;

	ASSERT(c->carrier == &carrier);
	if (conn_worker_is_entered(c) || !c->attached) { /* on its way to another worker: there */
		c->doomed = (uint8_t)(1 + why);
		conn_worker_todo(c);
		return;
	}
	if (!conn_is_live(c))
		return;
	entered = conn_worker_enter(c);
	conn_end(c, why);
	conn_worker_leave(c, entered);
}

void conn_memory_take(struct conn *c, struct buf *out)
{
	struct conn_memory *m = memory_of(c);

	ASSERT(c->carrier == &carrier);
	buf_add_span(out, buf_span(&m->written));
	buf_fini(&m->written);
}

void conn_memory_expect(const struct conn_memory_peer *peer, void *ctx)
{
	expected.peer = peer;
	expected.ctx = ctx;
	expected.made = NULL;
}

struct conn *conn_memory_made(void)
{
	return expected.made;
}

void conn_memory_stall(struct conn *c, bool stalled)
{
	memory_of(c)->stalled = stalled;
	conn_memory_go_on(c);
}

void conn_memory_go_on(struct conn *c)
{
	ASSERT(c->carrier == &carrier);
	conn_worker_todo(c);
	/* Outside of all turns there is no end of one to wait for. */
	if (actor_self() == ACTOR_NONE && !engine_loop())
		conn_worker_turn_end(c->worker);
}
