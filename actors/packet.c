#include "actors/packet.h"

#include <stdlib.h>

struct packet packet_make(struct stanza *stanza, struct jid *from, struct jid *to, uint32_t flags)
{
	return (struct packet){ .stanza = stanza, .from = jid_ref(from), .to = jid_ref(to), .flags = flags };
}

struct packet packet_copy(const struct packet *p)
{
	return (struct packet){
		.stanza = stanza_ref(p->stanza),
		.from = jid_ref(p->from),
		.to = jid_ref(p->to),
		.flags = p->flags,
		.pledge = pledge_ref(p->pledge),
	};
}

void packet_clear(struct packet *p)
{
	stanza_unref(p->stanza);
	jid_unref(p->from);
	jid_unref(p->to);
	if (p->pledge)
		pledge_drop(&p->pledge);
	*p = (struct packet){ 0 };
}

struct packet_note *packet_note_new(struct packet *p)
{
	struct packet_note *n = xmalloc(sizeof(*n));

	n->packet = packet_take(p);
	return n;
}

void packet_note_free(struct packet_note *n)
{
	if (!n)
		return;
	packet_clear(&n->packet);
	free(n);
}

struct packet packet_take(struct packet *p)
{
	struct packet taken = *p;

	*p = (struct packet){ 0 };
	return taken;
}
