#include "actors/packet.h"

#include <stdlib.h>

struct packet packet_make(struct stanza *stanza, struct jid *from, struct jid *to, uint32_t flags)
{
	return (struct packet){ stanza, jid_ref(from), jid_ref(to), flags };
}

struct packet packet_copy(const struct packet *p)
{
	return (struct packet){ stanza_ref(p->stanza), jid_ref(p->from), jid_ref(p->to), p->flags };
}

void packet_clear(struct packet *p)
{
	stanza_unref(p->stanza);
	jid_unref(p->from);
	jid_unref(p->to);
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
