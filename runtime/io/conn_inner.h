#pragma once
/* What the files of a connection share; nobody else includes this.
 *
 * Invariants:
 *   1. A callback runs only between conn_worker_enter and conn_worker_leave, which also hold `busy`: until it falls the
 *      struct belongs to this thread, even when a callback freed the connection or sent it to another worker.
 *   2. Functions the owner calls never call back. What they cause happens at the end of the turn: they put the
 *      connection into the worker's list of those with something to do (conn_worker_todo).
 *   3. sent + unsent = queued: a byte of output is in `out`, or in the ciphertext that stands for it, or was sent.
 *   4. `kept` is only changed outside on_input, because on_input may be looking at it. */
#include "runtime/io/conn.h"
#include "runtime/mem/list.h"
#include "runtime/mem/wheel.h"

#define CONN_SCRATCH_BYTES 65536u

struct conn_tls;

enum conn_phase {
	CONN_OPEN,
	CONN_CLOSING, /* output is being flushed */
	CONN_SHUT,    /* it was, and the peer knows; waiting for its end */
	CONN_ENDED,   /* on_end was called; no socket any more */
};

/* What carries the bytes. receive and transmit: bytes moved, 0 = not now, negative = conn_failure(). */
struct conn_carrier {
	int (*receive)(struct conn *c, char *to, size_t room, bool *more); /* more: it would be worth asking again */
	int (*transmit)(struct conn *c, struct span bytes);
	void (*watch)(struct conn *c); /* what is waited for has changed */
	void (*ready)(struct conn *c, uint32_t events); /* the kernel says so; calls back. Sockets only */
	void (*shut)(struct conn *c);  /* no output will follow */
	void (*limited)(struct conn *c); /* c->limits are others; NULL = nothing to do */
	void (*close)(struct conn *c); /* the end, at once */
	void (*fini)(struct conn *c);  /* before the memory goes; NULL = nothing */
	bool simulated;                /* nobody listens: TLS without a store will do */
};

struct conn {
	struct list link; /* the worker's todo list */
	struct wheel_node deadline; /* of the handshake, of a stall, or of lingering: see conn_due */
	const struct conn_carrier *carrier;
	const struct conn_events *events;
	void *ctx;
	actor_id owner;
	const struct conn_limits *limits;
	struct conn_tls *tls; /* NULL = plain */
	struct buf out, kept;
	uint64_t sent;
	struct address peer;
	int fd; /* sockets only */
	uint16_t worker;
	uint8_t phase;   /* enum conn_phase */
	uint8_t doomed;  /* 1 + enum conn_end: ends at the end of the turn; 0 = not */
	uint8_t busy;    /* atomic; see invariant 1 */
	bool attached : 1, freed : 1, paused : 1, handshaking : 1, secure : 1;
	bool in_input : 1; /* on_input is on the stack */
	bool show : 1;     /* at the end of the turn: read, and show what is kept even if nothing came */
	bool blocked : 1;  /* the carrier did not take all output */
	bool took : 1;     /* it took some since the stall deadline was set */
	bool moved : 1;    /* `sent` has grown since on_sent */
	bool eof : 1;      /* the peer sends no more */
	bool fin : 1;      /* and what it sent before is still being shown; the end follows */
	uint8_t watched; /* EPOLLIN, EPOLLOUT: what the kernel was asked to tell */
	bool at_door;    /* by which set: of those who come and go, or of those who stay */
};

static inline int conn_failure(enum conn_end why)
{
	return -1 - (int)why;
}
static inline enum conn_end conn_failure_of(int n)
{
	return (enum conn_end)(-1 - n);
}

/* --- conn.c --- */
void conn_init(struct conn *c, const struct conn_carrier *carrier, const struct address *peer,
	       const struct conn_limits *limits, const struct conn_events *events, void *ctx);
void conn_destroy(struct conn *c);
static inline bool conn_is_live(const struct conn *c) /* callbacks may still happen, here and now */
{
	return c->attached && !c->freed && c->phase != CONN_ENDED;
}
bool conn_wants_input(const struct conn *c);
/* The following call back: between conn_worker_enter and conn_worker_leave. */
void conn_service(struct conn *c); /* something to do, at the end of a turn */
void conn_read(struct conn *c, bool show); /* show: what is kept, too, if nothing arrives */
void conn_flush(struct conn *c);
void conn_due(struct conn *c); /* the deadline has come */
void conn_deliver(struct conn *c, const char *bytes, size_t n, bool drained); /* received bytes */
void conn_secured(struct conn *c);
void conn_end(struct conn *c, enum conn_end why);
/* Of the output, `n` bytes reached the carrier. */
void conn_count_sent(struct conn *c, size_t n);

/* --- conn_worker.c --- */
void conn_worker_join(struct conn *c); /* c now lives on this worker */
void conn_worker_part(struct conn *c);
void conn_worker_todo(struct conn *c);
/* False: this thread is in the owner's context already, and stays in it. */
bool conn_worker_enter(struct conn *c);
void conn_worker_leave(struct conn *c, bool entered); /* c may be gone afterwards */
bool conn_worker_is_entered(const struct conn *c);    /* by this or another connection of the worker */
void conn_worker_turn_end(unsigned worker);
/* `ms` from now, 0 = none. There are no deadlines under simulation. */
void conn_worker_set_deadline(struct conn *c, uint32_t ms);
char *conn_worker_scratch(const struct conn *c);        /* CONN_SCRATCH_BYTES */
char *conn_worker_cipher_scratch(const struct conn *c); /* as many; what was received under TLS */
bool conn_worker_has_loop(const struct conn *c);        /* false under simulation */
/* Asks the kernel to tell of these EPOLL events of c->fd, and of no others; 0 = none. With EPOLLIN it also tells, by
 * EPOLLRDHUP, when the peer sends no more. */
void conn_worker_watch(struct conn *c, uint32_t events);
/* Among those who come and go, or those who stay. */
void conn_worker_place(struct conn *c, bool at_door);

/* --- conn_tls.c --- */
struct conn_tls *conn_tls_new(struct conn *c, struct tls_store *store, const char *host, const char *alpn);
void conn_tls_free(struct conn_tls *t);
int conn_tls_receive(struct conn *c, char *to, bool *more); /* room for CONN_SCRATCH_BYTES */
int conn_tls_transmit(struct conn *c);
size_t conn_tls_unsent(const struct conn_tls *t); /* bytes of output that are ciphertext now */
bool conn_tls_is_flushed(const struct conn_tls *t);
void conn_tls_say_goodbye(struct conn *c); /* close_notify, once */
