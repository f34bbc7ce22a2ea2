#pragma once
/* What a stanza makes happen. Handlers only append; the shard sends when the handler of its message returns, in
 * order, in one place (outbox_send). So plugins run in tests without threads, and nothing leaves half-way through a
 * decision. */
#include "actors/session/user.h"

struct outbox_item {
	actor_id to;
	struct msg *m;        /* NULL: a packet for server_route */
	struct packet packet;
};
struct outbox {
	struct outbox_item *items;
	unsigned count, size;
};

void outbox_fini(struct outbox *o); /* drops what was not sent */
void outbox_add_msg(struct outbox *o, actor_id to, struct msg *m);
#define outbox_add(o, to, typed) outbox_add_msg((o), (to), &(typed)->m)
/* A stanza to whoever is responsible for its `to`. Takes *p. */
void outbox_route(struct outbox *o, struct packet *p);
/* A stanza to a bound session. Takes *p; `to` must be set. receipt: see struct edge_deliver. */
void outbox_deliver(struct outbox *o, const struct session *s, struct packet *p, uint64_t receipt);
/* Something for this session is among what was added since there were `from` things. */
bool outbox_has_for(const struct outbox *o, unsigned from, const struct session *s);
/* A request to the store that comes home as SHARD_STORED and keeps the user until then; `user` NULL: no answer
 * wanted. */
void outbox_store(struct outbox *o, const struct server *server, struct user *user, struct store_request *r);
/* Sends all. Inside a handler of an actor. */
void outbox_send(struct outbox *o, const struct server *server);
