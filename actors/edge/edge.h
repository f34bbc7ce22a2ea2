#pragma once
/* The connection manager: one actor for each worker, owner of every client socket there. Connections are plain objects
 * inside it, named from outside by struct link. It speaks TCP (c2s), BOSH and WebSocket; what it hands to the shards
 * is the same for all three. */
#include "actors/auth.h"
#include "actors/packet.h"
#include "actors/store.h"

struct server;
struct edge_connection; /* a connection on its way to another worker */

/* A connection (TCP, WebSocket) or BOSH session as others name it; stale ones are ignored. */
struct link {
	actor_id edge;
	uint32_t slot, gen;
};

enum transport { TRANSPORT_TCP, TRANSPORT_BOSH, TRANSPORT_WEBSOCKET };

struct edge_deliver {
	struct msg m;
	struct link link;
	struct packet packet;
	uint64_t receipt; /* not 0: tell the shard (SHARD_WRITTEN) when this has been written out: TCP and WebSocket
			     handed to the kernel; BOSH and stream management acknowledged by the client */
};
struct edge_handled { /* a stanza of this client, by its number in the stream (actors/pledge.h) */
	struct msg m;
	uint32_t slot, gen;
	uint64_t number;
};
struct edge_bound { /* answer to SHARD_BIND */
	struct msg m;
	struct link link;
	enum stanza_error error; /* STANZA_ERROR_NONE = bound */
	struct jid *full;        /* counted */
	uint64_t session;        /* the shard's handle */
};
struct edge_close { /* end this stream; NONE = a plain stream end */
	struct msg m;
	struct link link;
	enum stream_error error;
	const char *text; /* static or NULL */
};
struct edge_move { /* a connection, or a request for a BOSH session, arrives from another worker */
	struct msg m;
	struct edge_connection *connection; /* owned */
	void (*drop)(struct edge_connection *connection); /* how to free it when nobody takes it */
};
struct edge_signal {
	struct msg m;
	uint64_t behind_ms; /* EDGE_TICK: when the tick that was on its way before this one comes */
};

void edge_deliver_drop(struct msg *m);
void edge_bound_drop(struct msg *m);
void edge_move_drop(struct msg *m);

#define EDGE_PROTOCOL(M) \
	M(EDGE_DELIVER, edge_deliver, edge_deliver, edge_deliver_drop, "Write a stanza to this client.") \
	M(EDGE_BOUND, edge_bound, edge_bound, edge_bound_drop, "The shard has bound (or refused) a resource.") \
	M(EDGE_HANDLED, edge_handled, edge_handled, NULL, \
	  "A stanza of a client with stream management is stored, in its receiver's queue, or answered.") \
	M(EDGE_CLOSE, edge_close, edge_close, NULL, "Close this client's stream, with a stream error or without.") \
	M(EDGE_MOVE, edge_move, edge_move, edge_move_drop, "Take over a connection from another worker.") \
	M(EDGE_STORED, edge_stored, store_request, store_request_drop, "The store tells what it knows of a session to be resumed.") \
	M(EDGE_AUTH, edge_auth, auth_request, auth_request_drop, "A login check comes home.") \
	M(EDGE_ACCOUNT, edge_account, account_request, account_request_drop, "What became of a registration.") \
	M(EDGE_TICK, edge_tick, edge_signal, NULL, "Sweep deadlines; sent by the edge to itself.") \
	M(EDGE_SHUTDOWN, edge_shutdown, edge_signal, NULL, "Stop accepting, close all streams with system-shutdown.")
MSG_DECLARE(edge, EDGE_PROTOCOL)

/* Opens the listeners of this worker too; NULL *error or a text to show (port in use). */
actor_id edge_spawn(const struct server *server, unsigned worker, char **error);
