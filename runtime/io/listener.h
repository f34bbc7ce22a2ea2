#pragma once
/* A listening socket of one worker (SO_REUSEPORT: each worker has its own, the kernel spreads connections). */
#include "runtime/actor/actor.h"
#include "runtime/io/address.h"

struct listener; /* opaque */

/* One connection: the callee owns fd. In the owner's context, on its worker. */
typedef void listener_accept_f(void *ctx, int fd, const struct address *peer);

struct listener_options {
	const char *interface; /* "*" = all, IPv6 and IPv4; else an IP literal */
	uint16_t port;
	int backlog;
	uint32_t accepts_per_second; /* --new-connections-throttling; 0 = no limit; excess is closed at once */
};

/* Binds and listens, does not watch yet. `check`: first make sure no other process has the port (once a port, by the
 * first worker). NULL and a text for the operator ("port 5222 is in use on *: …", owned by the caller). Main thread. */
struct listener *listener_open(const struct listener_options *o, bool check, char **error);
uint16_t listener_port(const struct listener *l); /* where port 0 was asked for: the one the kernel chose */
/* On the owner's worker. Out of descriptors or memory: refuses one connection, pauses accepting for 100 ms, keeps running.
 * Connections that died before they were taken are passed over (F51, F53). */
void listener_start(struct listener *l, listener_accept_f *accept, void *ctx);
void listener_stop(struct listener *l); /* closes the socket; waiting connections are refused by the kernel */
void listener_free(struct listener *l);

/* Simulation: listeners open no socket. A client connects to the port of this worker, as a memory connection with that other
 * end; NULL when nobody listens or the connection is refused. Between simulation steps. */
struct conn;
struct conn_memory_peer;
struct conn *listener_memory_connect(uint16_t port, unsigned worker, const struct address *from,
				     const struct conn_memory_peer *peer, void *ctx);
