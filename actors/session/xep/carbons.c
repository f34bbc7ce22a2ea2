/* XEP-0280: a user's clients that ask for it see what the others say and are told. A copy is the message inside a wrapper
 * from the user's own bare JID, for one client: it is acknowledged and resumed like any stanza, but it owes nobody a
 * word, is never kept, and when its client is lost it is lost too, for the message itself is in better hands.
 *
 * What somebody else sends as a copy is taken out before anything looks at it (sanitise.c). <private/> stays where it is:
 * since version 0.13 nobody removes it. All of a user's bound sessions count, with presence or without.
 *
 * Users without such a client, nearly all, cost one comparison a message. */
#include "actors/session/privacy.h"

#include "runtime/metric.h"
#include "xmpp/ns.h"
#include "xmpp/rules/carbon.h"

static enum xep_verdict answer(struct passage *p)
{
	stanza_el child = stanza_first(p->packet.stanza, STANZA_TOP);
	bool enable = span_is(stanza_name(p->packet.stanza, child), "enable");

	if (p->target == TARGET_CONTACT)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Copies are for clients of the account.");
	if (!enable && !span_is(stanza_name(p->packet.stanza, child), "disable"))
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, "Either <enable/> or <disable/>.");
	if (p->session)
		session_set_carbons(p->session, enable);
	passage_result(p);
	return XEP_DONE;
}

static struct stanza *wrap(struct passage *p, const char *name)
{
	const struct packet *q = &p->packet;
	struct builder *b = p->builder;

	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr(b, "type", stanza_type_text(q->stanza));
	builder_attr(b, "id", stanza_id(q->stanza));
	builder_open(b, name, NS_CARBONS);
	builder_open(b, "forwarded", NS_FORWARD);
	builder_copy_under(b, q->stanza, jid_full(q->from), q->to ? jid_full(q->to) : jid_bare(p->user->bare));
	builder_close(b);
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

static bool is_the_senders(const struct passage *p, const struct session *s)
{
	return p->direction == OUTBOUND ? s == p->session : jid_eq(s->full, p->packet.from);
}

/* A privacy list of this client's own keeps the sender away from it. */
static bool is_denied(const struct passage *p, const struct session *s)
{
	return p->direction == INBOUND && !privacy_lets(p, s, privacy_kind_in(p->packet.stanza), p->packet.from);
}

/* To those that ask for it and neither sent the message nor got it. */
static void copy(struct passage *p, const char *name)
{
	struct stanza *wrapped = NULL;

	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);
		struct packet packet;

		if (!s->carbons || is_the_senders(p, s) || outbox_has_for(p->out, p->begin, s) || is_denied(p, s))
			continue;
		if (!wrapped)
			wrapped = wrap(p, name);
		packet = packet_make(stanza_ref(wrapped), p->user->bare, s->full,
				     PACKET_SERVER | PACKET_NO_STORE | PACKET_COPY);
		outbox_deliver(p->out, s, &packet, 0);
		metric_inc(METRIC_carbons_sent);
	}
	stanza_unref(wrapped);
}

/* What came back from a client that closed was copied when it first went out. */
static bool was_copied(const struct packet *q)
{
	return (q->flags & PACKET_RETURNED) && !(q->flags & PACKET_HELD);
}

static enum xep_verdict tap(struct passage *p)
{
	const struct packet *q = &p->packet;

	if (p->user->carbons == 0 || stanza_kind(q->stanza) != STANZA_MESSAGE)
		return XEP_PASS;
	if (p->direction == INBOUND) {
		if (!was_copied(q) && carbon_is_eligible(q->stanza, CARBON_RECEIVED))
			copy(p, "received");
	} else if (p->session && q->to && !jid_eq_bare(q->to, p->user->bare) && /* to oneself it comes in again */
		   carbon_is_eligible(q->stanza, CARBON_SENT)) {
		copy(p, "sent");
	}
	return XEP_PASS;
}

static const char *const features[] = { NS_CARBONS, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_SET, NULL, NS_CARBONS, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), answer },
};
const struct xep xep_carbons = {
	.plugin = CONFIG_PLUGIN_carbons,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.tap = tap,
	.tap_on = XEP_BOTH(STANZA_MESSAGE),
};
