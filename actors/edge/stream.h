#pragma once
/* One client's XMPP stream, whatever carries it: what a struct link names. TCP, WebSocket and BOSH embed one and
 * give it their struct stream_ops; negotiation and login work on streams alone. Here: its life, its place in the
 * slot table, the messages that are not written out yet, and when its input waits.
 *
 * Invariants:
 * 1. A message handed to the stream is owned by its pending list (or the transport's queue) until it was written out
 *    (TCP, WebSocket) or acknowledged (BOSH, stream management); when the stream ends before that, it goes back to the
 *    shard, in order.
 * 2. A bound session is reported closed exactly once, after its returned messages.
 * 3. Once the stream is STREAM_CLOSING no input reaches the shard. */
#include "actors/edge/edge_inner.h"
#include "actors/edge/intake.h"
#include "actors/edge/shaper.h"

enum stream_phase {
	STREAM_OPENING,  /* a stream header is expected; authenticated already when login->user is set */
	STREAM_LOGIN,    /* features are out: starttls, auth */
	STREAM_SECURING, /* TLS handshake */
	STREAM_EXCHANGE, /* a SASL challenge is out */
	STREAM_CHECKING, /* an auth or cookie actor was asked */
	STREAM_SETTLING, /* logged in by SASL2; what was asked for beside is being done, then comes <success/> (sasl2.h) */
	STREAM_UNBOUND,  /* authenticated, features are out: bind */
	STREAM_BINDING,  /* the shard was asked */
	STREAM_BOUND,
	STREAM_CLOSING,
};

enum stream_pause { STREAM_PAUSE_ANSWER = 1, /* login check or bind */ STREAM_PAUSE_FLOW = 2 /* rate, pressure */ };

struct wrap_head;

struct stream_ops {
	enum transport transport;
	/* Opens the stream in this direction: stream header, <open/>, nothing in BOSH. */
	void (*header)(struct stream *s, const struct wrap_head *h);
	void (*element)(struct stream *s, struct stanza *el); /* server-made; takes el */
	void (*deliver)(struct stream *s, struct packet *p, uint64_t receipt); /* takes *p */
	/* Writes a stanza and remembers nothing: under stream management sm.c does that. NULL: no stream management. */
	void (*write)(struct stream *s, const struct packet *p);
	/* A stanza of the client is handled: for transports with an intake of their own. */
	void (*handled)(struct stream *s, uint64_t number);
	/* Writes `error` (NULL = none; takes it) and the end of the stream, then ends the connection in an orderly
	 * way. */
	void (*close)(struct stream *s, enum stream_error condition, struct stanza *error);
	void (*pause)(struct stream *s);
	void (*resume)(struct stream *s);
	void (*restart)(struct stream *s); /* logged in: the next input is a new stream; the regime has changed */
	/* Logged in, and the stream goes on where its session will live; the regime has changed. True: it is on its way to
	 * another worker, where stream_arrived is called; it is paused until then. */
	bool (*go_home)(struct stream *s);
	void (*admitted)(struct stream *s); /* logged in, and the stream goes on: the regime has changed. May be NULL */
	/* Writes go_ahead; from then on both directions are compressed, and the next input is a new stream. False: it cannot, and
	 * go_ahead is still the caller's. NULL: not on this transport. */
	bool (*compress)(struct stream *s, struct stanza *go_ahead);
	uint64_t (*held)(const struct stream *s); /* bytes that wait for the client; NULL: what conn has not sent */
	uint64_t (*deadline)(const struct stream *s); /* of the transport's own, 0 = none */
	void (*due)(struct stream *s, uint64_t now_ms);
};

struct pending {
	struct pending *next;
	struct packet packet;
	uint64_t receipt;
	uint64_t mark; /* written out when the transport's counter passes this */
};
struct pending_list {
	struct pending *first, *last;
};

struct login; /* only until the resource is bound */
struct csi;
struct sm;

#define STREAM_NO_SLOT UINT32_MAX

struct stream {
	const struct stream_ops *ops;
	struct edge *edge;
	struct conn *conn; /* NULL: BOSH */
	const struct config_listener *listener;
	const struct config_vhost *vhost; /* pinned by the first header */
	const struct regime *regime;
	struct login *login;
	struct sm *sm; /* stream management; NULL = off */
	struct csi *csi; /* the client is inactive: what it need not see now; NULL = it is active */
	struct intake *intake; /* of sm, or of the transport; NULL = the client asks for no acknowledgements */
	struct jid *full; /* from bind on */
	struct jid *last_to; /* whom the last stanza went to: most go there again; NULL = nobody yet */
	uint64_t session;
	struct pending_list pending;
	struct shaper shaper;
	struct edge_timer timer;
	uint64_t heard_ms, flow_until_ms;
	uint64_t oversize_ms; /* the bucket of stanzas that were too big is empty again */
	struct address peer;
	uint32_t slot, gen;
	uint8_t phase, paused, reason;
	bool secure, compressed, opened, bound, reported, anonymous;
	bool astray; /* its worker is not that of its shard: nobody would look for it here to resume it */
};

void stream_init(struct stream *s, const struct stream_ops *ops, struct edge *e, struct conn *conn,
		 const struct config_listener *listener, const struct address *peer);
/* A place in the slot table of s->edge and its deadlines; and giving both up. */
void stream_enter(struct stream *s);
void stream_leave(struct stream *s);
/* On another worker, whose edge this is; its connection is attached and reads. */
void stream_arrived(struct stream *s, struct edge *e);
/* The other names of this stream become stale: answers still on their way do not reach it. */
void stream_rename(struct stream *s);
struct link stream_link(const struct stream *s);
/* The bound session of `from` goes on in s: its names, its link and what waits for acknowledgements. Neither has a
 * pending message. `from` is an unbound stream afterwards; the caller ends it. */
void stream_take_over(struct stream *s, struct stream *from);
/* After stream_gone. */
void stream_fini(struct stream *s);

/* True while input may be taken. */
static inline bool stream_listens(const struct stream *s)
{
	return !s->paused && s->phase != STREAM_CLOSING && s->phase != STREAM_SECURING;
}
void stream_pause(struct stream *s, enum stream_pause why);
void stream_resume(struct stream *s, enum stream_pause why);
/* Pauses when the client is over its rates, its shard is behind or it does not take its output; goes on by itself. */
void stream_check_flow(struct stream *s);
void stream_rearm(struct stream *s);

/* Taken by the edge's message handler: writes, queues or gives back. */
void stream_deliver(struct stream *s, struct packet *p, uint64_t receipt);
/* Remembers what was written but is not out yet; forgets all else. Takes *p. */
void stream_track(struct stream *s, struct packet *p, uint64_t receipt, uint64_t mark);
void stream_written(struct stream *s, uint64_t mark); /* all up to mark are out */
bool stream_is_owed(const struct packet *p); /* a message, or a request that needs an answer: somebody waits for what becomes of it */
/* What is owed, to its shard as undelivered; takes *p. */
void stream_give_back(struct stream *s, struct packet *p);
void stream_handled(struct stream *s, uint64_t number); /* one of s->intake */
void stream_tell_written(struct stream *s, uint64_t receipt);
void stream_tell_liveness(struct stream *s, bool alive);

void pending_add(struct pending_list *l, struct packet *p, uint64_t receipt, uint64_t mark); /* takes *p */
struct pending *pending_pop(struct pending_list *l);

enum close_reason stream_reason(enum stream_error error);
/* Ends the stream with an error or (STREAM_ERROR_NONE) without. */
void stream_fail(struct stream *s, enum stream_error error, const char *text);
/* The same with a condition of an application's own in it. Takes detail, an element without content. */
void stream_fail_detail(struct stream *s, enum stream_error error, struct stanza *detail);
/* The stream is over; what was written may still go out. */
void stream_end(struct stream *s, enum close_reason reason);
/* The transport is gone: everything not written out goes back, the session is reported closed, the slot is free. */
void stream_gone(struct stream *s, enum close_reason reason);
