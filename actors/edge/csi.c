#include "actors/edge/csi.h"

#include <stdlib.h>

#include "runtime/metric.h"
#include "xmpp/ns.h"

struct held {
	struct list link; /* in csi->held, the one that changed last at the end */
	struct packet packet;
};
struct csi {
	struct list held;
	uint64_t bytes;
	unsigned count;
};

static void forget(struct csi *c, struct held *h)
{
	list_remove(&h->link);
	c->count--;
	if (h->packet.stanza)
		c->bytes -= stanza_bytes(h->packet.stanza);
	packet_clear(&h->packet);
	free(h);
}

void csi_free(struct csi *c)
{
	if (!c)
		return;
	while (!list_empty(&c->held))
		forget(c, CONTAINER_OF(c->held.next, struct held, link));
	free(c);
}

void csi_inactive(struct stream *s)
{
	if (s->csi)
		return;
	s->csi = xcalloc(1, sizeof(*s->csi));
	list_init(&s->csi->held);
}

/* In order. The stream is not inactive meanwhile. */
static void send_all(struct stream *s)
{
	struct csi *c = s->csi;

	s->csi = NULL;
	while (!list_empty(&c->held)) {
		struct held *h = CONTAINER_OF(c->held.next, struct held, link);
		struct packet p;

		c->bytes -= stanza_bytes(h->packet.stanza);
		p = packet_take(&h->packet);
		forget(c, h);
		stream_deliver(s, &p, 0);
	}
	if (s->phase == STREAM_BOUND && !s->csi)
		s->csi = c;
	else
		csi_free(c);
}

void csi_active(struct stream *s)
{
	if (!s->csi)
		return;
	send_all(s);
	csi_free(s->csi);
	s->csi = NULL;
}

bool csi_element(struct stream *s, const struct stanza *el)
{
	if (stanza_el_is(el, STANZA_TOP, "inactive", NS_CSI))
		csi_inactive(s);
	else if (stanza_el_is(el, STANZA_TOP, "active", NS_CSI))
		csi_active(s);
	else
		return false;
	return true;
}

/* What a chat state may travel with and still say nothing more. */
static bool is_chat_state(const struct stanza *s)
{
	bool found = false;

	if (stanza_type(s) == STANZA_TYPE_ERROR || stanza_type(s) == STANZA_TYPE_GROUPCHAT)
		return false;
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		if (stanza_el_is(s, el, NULL, NS_CHATSTATES))
			found = true;
		else if (!stanza_el_is(s, el, NULL, NS_HINTS) && !stanza_el_is(s, el, "thread", NS_CLIENT))
			return false;
	}
	return found;
}

/* Whether one is in a room, or was thrown out, is no matter of availability. */
static bool is_availability(const struct stanza *s)
{
	return (stanza_type(s) == STANZA_TYPE_NONE || stanza_type(s) == STANZA_TYPE_UNAVAILABLE) &&
	       stanza_child(s, STANZA_TOP, "x", NS_MUC_USER) == STANZA_NO_EL;
}

static bool is_unimportant(const struct packet *p, uint64_t receipt)
{
	if (receipt || !p->from || (p->flags & (PACKET_FROM_STORE | PACKET_RETURNED | PACKET_KEPT | PACKET_CUSTODY)))
		return false;
	switch (stanza_kind(p->stanza)) {
	case STANZA_PRESENCE: return is_availability(p->stanza);
	case STANZA_MESSAGE: return is_chat_state(p->stanza);
	default: return false;
	}
}

/* The same sender's last word of the same kind. */
static struct held *find(const struct csi *c, const struct packet *p)
{
	LIST_EACH(it, &c->held) {
		struct held *h = CONTAINER_OF(it, struct held, link);

		if (stanza_kind(h->packet.stanza) == stanza_kind(p->stanza) && jid_eq(h->packet.from, p->from))
			return h;
	}
	return NULL;
}

static bool is_full(const struct stream *s)
{
	uint32_t bytes = s->regime->conn.out_soft;

	return s->csi->count >= (uint64_t)s->edge->conf->csi_held || (bytes && s->csi->bytes > bytes);
}

bool csi_holds(struct stream *s, struct packet *p, uint64_t receipt)
{
	struct held *h;

	if (!is_unimportant(p, receipt)) {
		send_all(s);
		return false;
	}
	h = find(s->csi, p);
	if (h) {
		metric_inc(METRIC_csi_spared);
		forget(s->csi, h);
	} else if (is_full(s)) {
		send_all(s);
		if (!s->csi)
			return false;
	}
	pledge_drop(&p->pledge); /* it is in its receiver's queue */
	h = xcalloc(1, sizeof(*h));
	h->packet = packet_take(p);
	s->csi->bytes += stanza_bytes(h->packet.stanza);
	s->csi->count++;
	list_push_back(&s->csi->held, &h->link);
	return true;
}
