/* Copies for an address that a domain names: of each message its users send (flag mess-forw), wrapped as XEP-0297 shows, from the
 * domain; of each presence they announce, and of their leaving (pres-forw), as to somebody who sees them. Visitors' presence is the
 * desk's alone. A copy is lost when nobody is there to take it, and owes nobody an answer; what the address itself sends, or is
 * sent, is not copied to it. Domains that name none cost two looks at their flags. */
#include "actors/session/xep.h"
#include "xmpp/ns.h"

#define COPY_FLAGS (PACKET_SERVER | PACKET_NO_STORE | PACKET_COPY)

/* A new reference, where the domain names an address; NULL: none, or it is the user's own. */
static struct jid *reader_of(const struct passage *p, const char *address)
{
	struct jid *reader = *address ? jid_parse(span_of(address)) : NULL;

	if (!reader || !jid_eq_bare(reader, p->user->bare))
		return reader;
	jid_unref(reader);
	return NULL;
}

static struct stanza *wrap(struct passage *p)
{
	const struct packet *q = &p->packet;
	struct builder *b = p->builder;

	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr(b, "type", stanza_type_text(q->stanza));
	builder_open(b, "forwarded", NS_FORWARD);
	builder_copy_under(b, q->stanza, jid_full(q->from), q->to ? jid_full(q->to) : jid_bare(p->user->bare));
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

static void copy_message(struct passage *p, struct jid *reader)
{
	struct jid *domain;

	if (stanza_type(p->packet.stanza) == STANZA_TYPE_ERROR || (p->packet.to && jid_eq_bare(p->packet.to, reader)))
		return;
	domain = jid_make(SPAN_NONE, jid_domain(p->user->bare), SPAN_NONE);
	passage_send(p, wrap(p), domain, reader, COPY_FLAGS);
	jid_unref(domain);
}

static enum xep_verdict message(struct passage *p)
{
	struct jid *reader;

	if (stanza_kind(p->packet.stanza) != STANZA_MESSAGE || !p->user->host || !*p->user->host->message_forward)
		return XEP_PASS;
	reader = reader_of(p, p->user->host->message_forward);
	if (reader)
		copy_message(p, reader);
	jid_unref(reader);
	return XEP_PASS;
}

static void copy_presence(struct passage *p, struct stanza *presence)
{
	struct jid *reader = p->user->class == CLASS_VISITOR || !p->user->host ? NULL : reader_of(p, p->user->host->presence_forward);

	if (reader)
		passage_send(p, stanza_ref(presence), p->session->full, reader, COPY_FLAGS);
	jid_unref(reader);
}

/* One that waits for its turn (pace.h) is not announced yet. */
static enum xep_verdict tap(struct passage *p)
{
	struct stanza *s = p->packet.stanza;

	if (stanza_kind(s) != STANZA_PRESENCE)
		return message(p);
	if (p->session && !p->packet.to && (p->session->presence == s || stanza_type(s) == STANZA_TYPE_UNAVAILABLE))
		copy_presence(p, s);
	return XEP_PASS;
}

static void closed(struct passage *p, enum close_reason reason UNUSED)
{
	struct stanza *gone;

	if (!p->session->presence)
		return;
	gone = passage_make_presence(p, "unavailable");
	copy_presence(p, gone);
	stanza_unref(gone);
}

const struct xep xep_forward = {
	.plugin = CONFIG_PLUGIN_forward,
	.tap = tap,
	.tap_on = XEP_OUT(STANZA_MESSAGE) | XEP_OUT(STANZA_PRESENCE),
	.closed = closed,
};
