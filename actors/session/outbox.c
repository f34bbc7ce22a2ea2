#include "actors/session/outbox.h"

#include <stdlib.h>

/* A burst (a presence of somebody with a thousand contacts) is not kept as memory for ever. */
#define KEEP_ITEMS 1024u

void outbox_fini(struct outbox *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		if (o->items[i].m)
			msg_free(o->items[i].m);
		packet_clear(&o->items[i].packet);
	}
	free(o->items);
	*o = (struct outbox){ 0 };
}

static struct outbox_item *add(struct outbox *o)
{
	if (o->count == o->size) {
		o->size = o->size ? o->size * 2 : 16;
		o->items = xrealloc(o->items, o->size * sizeof(*o->items));
	}
	o->items[o->count] = (struct outbox_item){ 0 };
	return &o->items[o->count++];
}

void outbox_add_msg(struct outbox *o, actor_id to, struct msg *m)
{
	struct outbox_item *item = add(o);

	item->to = to;
	item->m = m;
}

void outbox_route(struct outbox *o, struct packet *p)
{
	ASSERT(p->stanza && p->from && p->to);
	add(o)->packet = packet_take(p);
}

void outbox_deliver(struct outbox *o, const struct session *s, struct packet *p, uint64_t receipt)
{
	struct edge_deliver *m = MSG_NEW(edge_deliver, edge_deliver);

	ASSERT(p->stanza && p->to);
	m->link = s->client;
	m->packet = packet_take(p);
	m->receipt = receipt;
	outbox_add(o, s->client.edge, m);
}

bool outbox_has_for(const struct outbox *o, unsigned from, const struct session *s)
{
	for (unsigned i = from; i < o->count; i++) {
		const struct msg *m = o->items[i].m;
		const struct link *link;

		if (!m || m->kind != &edge_deliver_kind)
			continue;
		link = &((const struct edge_deliver *)(const void *)m)->link;
		if (link->edge == s->client.edge && link->slot == s->client.slot && link->gen == s->client.gen)
			return true;
	}
	return false;
}

void outbox_store(struct outbox *o, const struct server *server, struct user *user, struct store_request *r)
{
	r->reply = user ? &shard_stored_kind : NULL;
	if (user)
		user->pending++;
	outbox_add(o, server->store, r);
}

void outbox_send(struct outbox *o, const struct server *server)
{
	for (unsigned i = 0; i < o->count; i++) {
		struct outbox_item *item = &o->items[i];

		if (item->m)
			actor_send_msg(item->to, &item->m);
		else
			server_route(server, &item->packet);
	}
	o->count = 0;
	if (o->size > KEEP_ITEMS) {
		free(o->items);
		*o = (struct outbox){ 0 };
	}
}
