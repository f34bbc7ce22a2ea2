#pragma once
/* One client socket, plain or TLS, owned by a pinned actor and living on that actor's worker. All callbacks run on that
 * worker in the owner's context (actor_self() is the owner). Input comes through a scratch buffer of the worker, so an
 * idle connection holds no buffer; what the owner does not consume is kept. Output is collected and written once at the
 * end of the loop turn. A memory connection has the same face and no socket: tests and the simulator use it. */
#include "runtime/actor/actor.h"
#include "runtime/io/address.h"
#include "runtime/io/tls.h"
#include "runtime/mem/buf.h"

struct conn; /* opaque */

/* Once for an engine, on the main thread between engine_init and engine_start: makes output leave at the end of each
 * turn. listener_open and, under simulation, conn_memory_new do it by themselves. */
void conn_prepare(void);

enum conn_end {
	CONN_END_PEER,      /* orderly FIN (or TLS close_notify) from the peer */
	CONN_END_RESET,     /* reset or another socket error */
	CONN_END_TLS,       /* handshake or record error */
	CONN_END_STALLED,   /* output not taken for stall_ms, or beyond the hard bound */
	CONN_END_CLOSED,    /* we closed: everything written was handed to the kernel, or the linger time is over */
};

struct conn_events {
	/* Bytes arrived (or wait from before, after conn_resume). Returns how many were consumed; the rest is kept and
	 * shown again, in front of what comes next, at the next input or conn_resume. `drained`: nothing more waits in
	 * the socket. May call conn_close, conn_pause, conn_start_tls (then nothing is shown until the handshake is
	 * done, and bytes not consumed count as injected plaintext: the connection ends with CONN_END_TLS). */
	size_t (*on_input)(void *ctx, struct span bytes, bool drained);
	/* The handshake is done. May be NULL. */
	void (*on_secure)(void *ctx);
	/* Output was handed to the kernel; `sent` is the running total of conn_queue()d bytes so far. May be NULL. */
	void (*on_sent)(void *ctx, uint64_t sent);
	/* The last event. The owner must conn_free the connection, here or later. */
	void (*on_end)(void *ctx, enum conn_end why);
};

struct conn_limits { /* 0 = no limit */
	uint32_t out_soft;  /* conn_is_full() from here on */
	uint32_t out_hard;  /* beyond: CONN_END_STALLED */
	uint32_t stall_ms;  /* output waits and the peer takes none of it for this long */
	uint32_t handshake_ms;
	uint32_t linger_ms; /* after conn_close: to flush and to see the peer close */
	/* Nobody yet: served behind the others, a few connections a turn, so that a crowd at the door does not hold up who is in. */
	bool newcomer;
};

/* Takes the file descriptor. The caller is the owner actor on its worker. */
struct conn *conn_new(int fd, const struct address *peer, const struct conn_limits *limits,
		      const struct conn_events *events, void *ctx);
/* No more callbacks; closes the socket at once if still open. Safe inside callbacks (freed when they return). A
 * detached one may be freed by any thread. */
void conn_free(struct conn *c);
void conn_set_events(struct conn *c, const struct conn_events *events, void *ctx);
void conn_set_limits(struct conn *c, const struct conn_limits *limits); /* borrowed, must outlive c */

/* Starts a server handshake, with the certificate of the name the client asks for (SNI), else that of `host` (a
 * stream's `to`; NULL = the default). What was written before leaves in clear text first; what is written meanwhile
 * waits for the end of the handshake. `alpn`: comma list of protocols we speak ("xmpp-client" or "http/1.1"), borrowed
 * for the life of c; a client that offers only others is refused. Store NULL, on a memory connection: it succeeds at
 * the end of the turn and nothing is encrypted. */
void conn_start_tls(struct conn *c, struct tls_store *store, const char *host, const char *alpn);
bool conn_is_secure(const struct conn *c);
struct span conn_server_name(const struct conn *c); /* SNI, empty when none */
/* Channel bindings (RFC 9266, RFC 5929); bytes written, 0 when this connection has none. tls-exporter: TLS 1.3 only. */
size_t conn_binding_exporter(const struct conn *c, uint8_t out[TLS_BINDING_MAX]);
size_t conn_binding_end_point(const struct conn *c, uint8_t out[TLS_BINDING_MAX]);

/* Names of the client's certificate: UTF-8 otherNames of this type (an OID in digits) in its subjectAltName, each followed by
 * NUL. False: it showed none, or none that the authorities of tls_store_ask_clients vouch for. */
bool conn_peer_names(const struct conn *c, const char *oid, struct buf *out);

/* Where to append output; call conn_flush_later after appending. */
struct buf *conn_out(struct conn *c);
void conn_flush_later(struct conn *c);
void conn_write(struct conn *c, struct span bytes); /* append and flush later */
uint64_t conn_queued(const struct conn *c); /* bytes appended since the start; compare with on_sent */
size_t conn_unsent(const struct conn *c);
bool conn_is_full(const struct conn *c);

/* Stops and resumes reading (back-pressure, shaping, waiting for an answer). Kept bytes are shown after resume, from
 * the loop, not inside this call. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* Flushes, shuts down (close_notify, FIN), lingers briefly, then on_end(CONN_END_CLOSED). Input is no longer shown. */
void conn_close(struct conn *c);
/* Ends with this turn (CONN_END_STALLED), whatever waits: nobody can wait for the peer to take it. */
void conn_cut(struct conn *c);
const struct address *conn_peer(const struct conn *c);

/* Moving to another worker: detach on the old one (no callbacks any more), hand the pointer over in a message, attach
 * on the new one as the new owner. Kept input and unsent output travel along. */
void conn_detach(struct conn *c);
void conn_attach(struct conn *c, const struct conn_events *events, void *ctx);

/* A connection without a socket. Written bytes are collected; on_sent fires at the end of the turn. Test or simulator,
 * from the owner's context (actor_enter) or, but for the first, between simulation steps. Under simulation no deadline
 * of conn_limits runs; the bounds hold. Without a peer to wait for, conn_close ends with the turn. */
struct conn *conn_memory_new(const struct address *peer, const struct conn_limits *limits,
			     const struct conn_events *events, void *ctx);
void conn_memory_feed(struct conn *c, struct span bytes);  /* as if received: calls on_input in here, unless paused */
void conn_memory_end(struct conn *c, enum conn_end why);   /* as if the peer had gone */
void conn_memory_take(struct conn *c, struct buf *out);    /* what was written so far */
void conn_memory_stall(struct conn *c, bool stalled);      /* the peer stops reading */
void conn_memory_finish(struct conn *c);                   /* the peer sends no more: FIN behind what was fed; it still reads */

/* The simulator's end of a memory connection. Both are called from inside the server's work: note it down, call nothing. */
struct conn_memory_peer {
	size_t (*receive)(void *ctx, struct span bytes); /* how many of them the peer's system takes now */
	void (*closed)(void *ctx);                       /* the last call: the connection is gone, c is not valid any more */
};
/* The next memory connection made gets this peer, and what it writes goes there. */
void conn_memory_expect(const struct conn_memory_peer *peer, void *ctx);
struct conn *conn_memory_made(void); /* that connection; NULL: none was made, or it is gone again */
void conn_memory_go_on(struct conn *c); /* the peer would take more */
