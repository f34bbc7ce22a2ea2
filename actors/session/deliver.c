#include "actors/session/deliver.h"

#include "actors/session/custody.h"
#include "actors/session/offline.h"
#include "actors/session/privacy.h"

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

bool deliver_is_the_desks(const struct passage *p)
{
	return p->server->desk_on && (p->packet.flags & PACKET_FROM_DESK) &&
	       (p->user->class == CLASS_SEAT || p->user->class == CLASS_ROBOT) &&
	       server_class(p->server, p->packet.from) == CLASS_VISITOR;
}

bool deliver_waits(struct passage *p)
{
	if ((p->packet.flags & PACKET_RETURNED) && (p->packet.flags & PACKET_FROM_STORE))
		return true;
	return offline_hold(p);
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

/* What this server does differently from the table when it is told to (delivery-rules, silently-ignore-message); not with
 * what a client died over, for that was accepted. */
static enum delivery_verdict to_a_dead_resource(const struct passage *p, enum delivery_verdict v)
{
	const struct config *conf = p->server->conf;

	if (p->packet.flags & PACKET_RETURNED)
		return v;
	if (conf->delivery_rules == CONFIG_DELIVERY_STRICT && (v == DELIVERY_STORE || v == DELIVERY_TO_NON_NEGATIVE))
		return DELIVERY_BOUNCE;
	return v == DELIVERY_BOUNCE && conf->silently_ignore_message ? DELIVERY_IGNORE : v;
}

enum delivery_verdict deliver_decide(const struct passage *p)
{
	enum delivery_target target =
		jid_is_bare(p->packet.to) ? DELIVERY_BARE : p->session ? DELIVERY_FULL_HERE : DELIVERY_FULL_GONE;
	enum delivery_verdict v =
		delivery_decide(STANZA_MESSAGE, type_for(p), target, user_resources(p->users, p->user));

	return target == DELIVERY_FULL_GONE ? to_a_dead_resource(p, v) : v;
}

enum xep_verdict deliver_as(struct passage *p, enum delivery_verdict v)
{
	bool gone = !jid_is_bare(p->packet.to) && !p->session;

	if (v == DELIVERY_TO_RESOURCE) {
		custody_deliver(p, custody_open(p, 1), p->session);
		return XEP_DONE;
	}
	if (deliver_is_the_desks(p) && (gone || v != DELIVERY_TO_NON_NEGATIVE))
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

enum xep_verdict deliver_message(struct passage *p)
{
	return deliver_waits(p) ? XEP_REFUSED : deliver_as(p, deliver_decide(p));
}
