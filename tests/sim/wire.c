#include "tests/sim/wire.h"

#include <stdlib.h>

#include "tests/sim/server.h"
#include "tests/sim/sim.h"
#include "tests/sim/trace.h"

#define WINDOW 65536u      /* bytes both systems hold for a client that does not read */
#define STALL_US (30 * SIM_S) /* as sess-man/limits/<who>/output-stall, which no loop measures here */
#define LATE_US (40 * SIM_S)  /* at most, until the server learns that a line is dead */

struct piece { /* on its way; bytes follow */
	size_t n;
	char bytes[];
};

struct wire {
	struct wire *next;
	struct conn *conn;                /* NULL: the server has let go */
	struct trace *trace;
	const struct wire_client *client; /* NULL: the client has */
	void *ctx;
	uint64_t up_us, down_us; /* the last piece of each direction arrives then */
	size_t in_flight;        /* to the client, not read yet */
	uint64_t full_us;        /* since when the window is full; 0 = it is not */
	struct buf unread;       /* arrived while the client did not read */
	bool dead;               /* nothing passes */
	bool resting;            /* the client does not read */
	bool fin;                /* the server's end has arrived behind `unread` */
};

static struct {
	struct wire *all;
	uint64_t latency_us;
} net;

void wires_begin(uint64_t latency_most_us)
{
	net.latency_us = latency_most_us;
	net.all = NULL;
	traces_begin();
}

void wires_end(void)
{
	while (net.all) {
		struct wire *w = net.all;

		net.all = w->next;
		buf_fini(&w->unread);
		free(w);
	}
	traces_end();
}

/* --- to the client --- */

static void end_at_client(struct wire *w)
{
	const struct wire_client *client = w->client;

	w->client = NULL;
	if (client)
		client->ended(w->ctx);
}

static void read_some(struct wire *w, struct span bytes)
{
	if (!w->client)
		return;
	sim_mix(bytes.p, bytes.n);
	w->client->input(w->ctx, bytes);
}

/* The window opens again. */
static void took(struct wire *w, size_t n)
{
	bool was_full = w->in_flight >= WINDOW;

	w->in_flight -= n;
	if (!was_full || w->in_flight >= WINDOW)
		return;
	w->full_us = 0;
	if (w->conn && !w->dead)
		conn_memory_go_on(w->conn);
}

static void on_piece(void *ctx, uint64_t arg UNUSED, void *owned)
{
	struct wire *w = ctx;
	struct piece *p = owned;

	if (!w->dead && w->resting) {
		buf_add(&w->unread, p->bytes, p->n);
	} else if (!w->dead) {
		read_some(w, (struct span){ p->bytes, p->n });
		took(w, p->n);
	}
	free(p);
}

static void on_server_fin(void *ctx, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct wire *w = ctx;

	if (w->dead)
		return;
	if (w->resting)
		w->fin = true;
	else
		end_at_client(w);
}

static uint64_t arrival(uint64_t *last_us)
{
	uint64_t at = sim_now() + 50 + sim_draw(net.latency_us);

	if (at < *last_us)
		at = *last_us;
	*last_us = at;
	return at;
}

static struct piece *cut_piece(struct span *bytes)
{
	size_t n = bytes->n > 1 && sim_chance(150) ? 1 + sim_draw(bytes->n - 1) : bytes->n;
	struct piece *p = xmalloc(sizeof(*p) + n);

	p->n = n;
	memcpy(p->bytes, bytes->p, n);
	bytes->p += n;
	bytes->n -= n;
	return p;
}

/* --- struct conn_memory_peer --- */

static void on_stalled(void *ctx, uint64_t since_us, void *owned UNUSED)
{
	struct wire *w = ctx;

	if (w->conn && w->full_us == since_us)
		conn_memory_end(w->conn, CONN_END_STALLED);
}

static size_t take_output(void *ctx, struct span bytes)
{
	struct wire *w = ctx;
	size_t room = w->in_flight < WINDOW ? WINDOW - w->in_flight : 0;
	size_t taken = bytes.n < room ? bytes.n : room;

	if (!server_is_up())
		return 0; /* it is dying: nothing gets out */
	bytes.n = taken;
	w->in_flight += taken;
	trace_written(w->trace, bytes);
	while (bytes.n) {
		struct piece *p = cut_piece(&bytes);

		sim_at(arrival(&w->down_us), on_piece, w, 0, p);
	}
	if (w->in_flight >= WINDOW && !w->full_us) {
		w->full_us = sim_now() + 1;
		sim_after(STALL_US, on_stalled, w, w->full_us);
	}
	return taken;
}

static void server_closed(void *ctx)
{
	struct wire *w = ctx;

	w->conn = NULL;
	sim_at(arrival(&w->down_us), on_server_fin, w, 0, NULL);
}

static const struct conn_memory_peer peer = { take_output, server_closed };

struct wire *wire_connect(const struct wire_client *client, void *ctx)
{
	static const struct address from = { .ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 }, .port = 40000 };
	struct wire *w = xcalloc(1, sizeof(*w));

	w->client = client;
	w->ctx = ctx;
	w->trace = trace_new();
	w->next = net.all;
	net.all = w;
	w->conn = server_connect(&from, &peer, w);
	return w->conn ? w : NULL;
}

/* --- to the server --- */

static void on_arrival(void *ctx, uint64_t arg UNUSED, void *owned)
{
	struct wire *w = ctx;
	struct piece *p = owned;

	if (w->conn && !w->dead) {
		sim_mix(p->bytes, p->n);
		trace_arrived(w->trace, (struct span){ p->bytes, p->n });
		conn_memory_feed(w->conn, (struct span){ p->bytes, p->n });
	}
	free(p);
}

void wire_send(struct wire *w, struct span bytes)
{
	while (bytes.n) {
		struct piece *p = cut_piece(&bytes);

		sim_at(arrival(&w->up_us), on_arrival, w, 0, p);
	}
}

static void on_reset(void *ctx, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct wire *w = ctx;

	if (w->conn)
		conn_memory_end(w->conn, CONN_END_RESET);
}

static void on_client_fin(void *ctx, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct wire *w = ctx;

	if (w->conn && !w->dead)
		conn_memory_finish(w->conn);
}

void wire_cut(struct wire *w, enum wire_cut how)
{
	w->client = NULL;
	if (how == WIRE_FIN) {
		w->resting = false;
		sim_at(arrival(&w->up_us), on_client_fin, w, 0, NULL);
		return;
	}
	w->dead = true;
	sim_after(how == WIRE_RESET ? sim_draw(50 * SIM_MS) : sim_draw(LATE_US), on_reset, w, 0);
}

void wire_stop_reading(struct wire *w, bool stop)
{
	struct buf unread = w->unread;

	w->resting = stop;
	if (stop || w->dead)
		return;
	w->unread = BUF_INIT;
	read_some(w, buf_span(&unread));
	took(w, buf_len(&unread));
	buf_fini(&unread);
	if (w->fin)
		end_at_client(w);
}
