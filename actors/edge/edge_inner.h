#pragma once
/* What the files of the edge share: the edge itself, timers, the base of everything that owns a socket, and what all
 * edges of the process read together. */
#include "actors/edge/edge.h"
#include "actors/edge/limits.h"
#include "actors/session/shard.h"
#include "runtime/mem/list.h"
#include "runtime/mem/map.h"
#include "runtime/mem/wheel.h"

struct pages;
struct sm_grave;
struct sm_lost;
struct stream;
struct throttle;

/* --- shared by all edges: read-only once the engine runs, except the throttle, which is lock-free --- */
struct edge_shared {
	unsigned users; /* edges; changed with atomics */
	struct regime regimes[REGIMES];
	struct http_limits http;
	struct conn_limits http_conn, http_newcomer;
	uint64_t budget; /* bytes that may be held for clients (budget.h) */
	char *extra_headers; /* lines of conf->bosh_headers_file; NULL = built-in CORS */
	struct address_block *metrics_allow;
	size_t metrics_allow_count;
	struct address_block *register_white, *register_black; /* who may, and who may not, make an account */
	size_t register_white_count, register_black_count;
	struct pages *pages;
	struct throttle *throttle;
};

/* --- deadlines --- */
struct edge_timer {
	struct wheel_node node;
	void (*fire)(struct edge_timer *t);
};

/* --- a worker's connection manager --- */
struct edge_slot {
	struct stream *stream; /* NULL = free */
	uint32_t gen, next_free;
};
struct edge_listener {
	struct listener *listener;
	const struct config_listener *conf;
	struct edge *edge;
};
struct edge {
	const struct server *server;
	const struct config *conf;
	struct edge_shared *shared;
	actor_id self;
	unsigned worker;
	bool stopping;
	struct xml_pool *pool;
	struct buf scratch; /* one WebSocket message being made */
	struct edge_listener *listeners;
	size_t listener_count;
	struct wheel *wheel;
	uint64_t shed_again_ms; /* budget.h */
	unsigned turns;
	uint64_t tick_ms; /* a tick is on its way for this time */
	struct edge_slot *slots; /* streams by link */
	uint32_t slot_count, slot_free;
	struct map *bosh; /* BOSH sessions by sid */
	struct map *resumable; /* streams by id of their stream management (sm.h) */
	struct list sleepers;  /* of those, the ones without a connection */
	struct sm_grave *graves; /* sessions nobody resumed in time; NULL until there is one */
	unsigned grave_count;
	struct sm_lost *lost; /* the records in the store of such sessions, a ring; NULL until there is one */
	uint64_t lost_count;
	struct list connections;
	struct list unauthenticated; /* of those, oldest first */
	unsigned unauthenticated_count;
	unsigned zip_count; /* streams with compression */
	/* Work of the end of the turn, when no callback of the object is on the stack. */
	struct list leaving;  /* connections that move to another worker */
	struct list answering; /* BOSH sessions that may have something to answer */
	struct list dead;     /* BOSH sessions to free */
	struct list buried;   /* sleepers to free */
};

/* Sets or moves a deadline; 0 clears it. */
void edge_timer_set(struct edge *e, struct edge_timer *t, uint64_t at_ms);

/* --- whatever owns a socket: a TCP stream, a WebSocket stream, an HTTP connection --- */
struct connection_kind {
	const struct conn_events *events; /* ctx: the struct edge_connection */
	const struct conn_limits *(*limits)(struct edge_connection *c);
	void (*arrived)(struct edge_connection *c);  /* on a new worker; conn is attached */
	void (*departing)(struct edge_connection *c); /* give up slots and timers of this worker */
	void (*shut)(struct edge_connection *c);     /* the server stops */
	void (*release)(struct edge_connection *c);  /* free everything but the base; any thread when detached */
};
struct edge_connection {
	struct list all, unauthenticated, leaving;
	const struct connection_kind *kind;
	struct edge *edge;
	struct conn *conn;
	const struct config_listener *listener;
	uint16_t leave_for; /* worker */
	bool counts_unauthenticated, is_leaving;
};

/* A connection accepted by this edge; false when a limit of its address refused it (fd is closed). fd -1: without a
 * socket (tests); the connection is in *out_conn. */
bool edge_accept(struct edge *e, const struct config_listener *listener, int fd, const struct address *peer,
		 struct conn **out_conn);
void connection_init(struct edge_connection *c, const struct connection_kind *kind, struct edge *e,
		     const struct config_listener *listener);
/* The conn goes on under another object (WebSocket upgrade); `from` is freed without it. */
void connection_succeed(struct edge_connection *from, struct edge_connection *to);
/* No longer one of the strangers that limits before login count: it has logged in or, over HTTP, sent a whole request. */
void connection_admitted(struct edge_connection *c);
/* One of them again: an HTTP connection that becomes a WebSocket, on which nobody has logged in. False: too many. */
bool connection_expects_login(struct edge_connection *c);
/* Moves to another worker at the end of the turn; nothing is read until it is there. */
void connection_leave(struct edge_connection *c, unsigned worker);
/* Frees it, socket and all. */
void connection_free(struct edge_connection *c);

struct stream *edge_find(const struct edge *e, uint32_t slot, uint32_t gen);

/* edge_spawn in two steps, for tests: the edge (its listeners opened), then the actor. */
struct edge *edge_new(const struct server *server, unsigned worker, char **error);
actor_id edge_start(struct edge *e);

struct edge_shared *edge_shared_new(const struct config *conf);
void edge_shared_free(struct edge_shared *s);
