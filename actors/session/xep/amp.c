/* Messages to a user of this server: who of its clients gets them (RFC 6121 8.5), and what happens when nobody does
 * (XEP-0160). The plugin bears Tigase's name for that; rules of XEP-0079 are not evaluated, a message with rules is
 * an ordinary one. */
#include "actors/session/custody.h"
#include "actors/session/offline.h"
#include "actors/session/privacy.h"
#include "xmpp/ns.h"

static bool takes(const struct passage *p, const struct session *s)
{
	return session_is_available(p->users, s) && session_priority(p->users, s) >= 0 && !privacy_skips(p, s);
}

static unsigned count_takers(const struct passage *p)
{
	unsigned takers = 0;

	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		takers += takes(p, s);
	}
	return takers;
}

/* To every resource with priority >= 0. Several copies are tracked as one message, so that it comes back only when
 * none of them arrived. */
static void deliver_to_takers(struct passage *p)
{
	struct custody *c = custody_open(p, count_takers(p));

	LIST_EACH(it, &p->user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		if (takes(p, s))
			custody_deliver(p, c, s);
	}
}

/* A visitor's message that the desk gave to a seat or robot: the desk knows a better place for it than an offline
 * store. */
static bool is_the_desks(const struct passage *p)
{
	return p->server->desk_on && (p->packet.flags & PACKET_FROM_DESK) &&
	       (p->user->class == CLASS_SEAT || p->user->class == CLASS_ROBOT) &&
	       server_class(p->server, p->packet.from) == CLASS_VISITOR;
}

/* For this one decision. */
static enum stanza_type type_for(const struct passage *p)
{
	enum stanza_type type = stanza_type(p->packet.stanza);

	/* It was accepted for a client that died: any other will do (chat), not "no such resource". */
	if ((p->packet.flags & PACKET_RETURNED) &&
	    (type == STANZA_TYPE_NONE || type == STANZA_TYPE_NORMAL || type == STANZA_TYPE_UNKNOWN))
		return STANZA_TYPE_CHAT;
	/* The desk does not know which client of a seat sent what failed: all of them get the error. */
	if ((p->packet.flags & PACKET_FROM_DESK) && type == STANZA_TYPE_ERROR)
		return STANZA_TYPE_HEADLINE;
	return type;
}

static enum xep_verdict handle(struct passage *p)
{
	enum delivery_target target;
	enum delivery_verdict v;

	if (!passage_is(p, INBOUND, STANZA_MESSAGE))
		return XEP_PASS;
	if ((p->packet.flags & PACKET_RETURNED) && (p->packet.flags & PACKET_FROM_STORE))
		return XEP_REFUSED; /* its row is still there */
	if (offline_hold(p))
		return XEP_REFUSED;
	target = jid_is_bare(p->packet.to) ? DELIVERY_BARE : p->session ? DELIVERY_FULL_HERE : DELIVERY_FULL_GONE;
	v = delivery_decide(STANZA_MESSAGE, type_for(p), target, user_resources(p->users, p->user));
	if (v == DELIVERY_TO_RESOURCE) {
		custody_deliver(p, custody_open(p, 1), p->session);
		return XEP_DONE;
	}
	if (is_the_desks(p) && (target == DELIVERY_FULL_GONE || v != DELIVERY_TO_NON_NEGATIVE))
		return p->packet.flags & PACKET_NO_STORE ? XEP_REFUSED : passage_give_back(p);
	switch (v) {
	case DELIVERY_TO_NON_NEGATIVE:
		deliver_to_takers(p);
		return XEP_DONE;
	case DELIVERY_STORE:
		return XEP_PASS;
	case DELIVERY_IGNORE:
		return XEP_REFUSED;
	default:
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	}
}

static enum xep_verdict undelivered(struct passage *p)
{
	return passage_is(p, INBOUND, STANZA_MESSAGE) ? offline_keep(p) : XEP_PASS;
}

/* XEP-0160 3: the first presence that shows interest in messages brings the stored ones. */
static enum xep_verdict tap(struct passage *p)
{
	struct session *s = p->session;
	bool takes;

	if (!passage_is(p, OUTBOUND, STANZA_PRESENCE) || p->packet.to || !s)
		return XEP_PASS;
	takes = stanza_type(p->packet.stanza) == STANZA_TYPE_NONE && session_priority(p->users, s) >= 0;
	if (takes && !s->takes_offline)
		offline_begin(p, s);
	s->takes_offline = takes;
	return XEP_PASS;
}

static void closed(struct passage *p, enum close_reason reason UNUSED)
{
	offline_session_gone(p, p->session);
}

static const char *const features[] = { NS_MSGOFFLINE, NULL };
const struct xep xep_amp = {
	.plugin = CONFIG_PLUGIN_amp,
	.features = features,
	.handle = handle,
	.handle_on = XEP_IN(STANZA_MESSAGE),
	.undelivered = undelivered,
	.undelivered_on = XEP_IN(STANZA_MESSAGE),
	.tap = tap,
	.tap_on = XEP_OUT(STANZA_PRESENCE),
	.closed = closed,
};
