/* What no other plugin took: passed on to its receiver, given to the client that is named, or answered. Every request
 * is answered, by somebody; so is every message that goes nowhere. */
#include "actors/session/privacy.h"
#include "runtime/metric.h"

/* --- outbound --- */

static enum xep_verdict forward(struct passage *p)
{
	struct packet copy = packet_copy(&p->packet);

	if (!copy.to)
		copy.to = jid_ref(p->user->bare);
	if (stanza_kind(copy.stanza) == STANZA_MESSAGE)
		metric_inc(METRIC_messages_routed);
	outbox_route(p->out, &copy);
	return XEP_DONE;
}

static bool is_subscription(enum stanza_type type)
{
	return type >= STANZA_TYPE_SUBSCRIBE && type <= STANZA_TYPE_UNSUBSCRIBED;
}

static enum xep_verdict presence_out(struct passage *p)
{
	enum stanza_type type = stanza_type(p->packet.stanza);

	if (p->packet.to && p->target != TARGET_SERVER && !is_subscription(type))
		return forward(p);
	if (is_subscription(type) && !p->packet.to)
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	if (is_subscription(type)) /* without presence-subscription, or to the server */
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	/* Without presence-state nobody is told; what the client shows still says whether a seat takes chats. */
	if (!p->packet.to && p->session && type != STANZA_TYPE_ERROR && type != STANZA_TYPE_PROBE)
		session_note_presence(p->users, p->session, p->packet.stanza);
	return XEP_DONE;
}

/* Mail for the server (RFC 6121 8.2) is for those who run it: --admins, as with Tigase. Each gets it as if it were sent to
 * him; who they are its sender learns neither from an error nor from rules, which are not followed. Visitors have the desk; without a
 * reader it comes back. */
static enum xep_verdict to_the_admins(struct passage *p)
{
	const struct config_list *admins = &p->server->conf->admins;
	enum stanza_type type = stanza_type(p->packet.stanza);
	bool read = false;

	if (p->user->class != CLASS_VISITOR && type != STANZA_TYPE_ERROR && type != STANZA_TYPE_GROUPCHAT &&
	    stanza_has_body(p->packet.stanza)) {
		for (size_t i = 0; i < admins->count; i++) {
			struct jid *admin = jid_parse(span_of(admins->items[i]));
			struct packet copy;

			if (admin && server_is_local(p->server, jid_domain(admin))) {
				copy = packet_copy(&p->packet);
				jid_unref(copy.to);
				copy.to = jid_ref(admin);
				copy.flags = (copy.flags & ~(uint32_t)PACKET_RULES) | PACKET_TO_SERVER;
				outbox_route(p->out, &copy);
				read = true;
			}
			jid_unref(admin);
		}
	}
	if (!read)
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	metric_inc(METRIC_messages_routed);
	return XEP_DONE;
}

static enum xep_verdict outbound(struct passage *p)
{
	switch (stanza_kind(p->packet.stanza)) {
	case STANZA_MESSAGE:
		return p->target == TARGET_SERVER ? to_the_admins(p) : forward(p);
	case STANZA_PRESENCE:
		return presence_out(p);
	default: /* requests to the account or the server were claimed; answers to our pushes and pings end here */
		return p->target == TARGET_OTHER ? forward(p) : XEP_DONE;
	}
}

/* --- inbound --- */

static void deliver_to_available(struct passage *p, int least_priority)
{
	LIST_EACH(it, &p->user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		if (session_is_available(p->users, s) && session_priority(p->users, s) >= least_priority &&
		    !privacy_skips(p, s))
			passage_deliver(p, s);
	}
}

static enum xep_verdict inbound(struct passage *p)
{
	enum delivery_target target =
		jid_is_bare(p->packet.to) ? DELIVERY_BARE : p->session ? DELIVERY_FULL_HERE : DELIVERY_FULL_GONE;
	enum stanza_kind kind = stanza_kind(p->packet.stanza);

	switch (delivery_decide(kind, stanza_type(p->packet.stanza), target, user_resources(p->users, p->user))) {
	case DELIVERY_TO_RESOURCE:
		passage_deliver(p, p->session);
		return XEP_DONE;
	case DELIVERY_TO_AVAILABLE:
		deliver_to_available(p, -128);
		return XEP_DONE;
	case DELIVERY_TO_NON_NEGATIVE:
		deliver_to_available(p, 0);
		return XEP_DONE;
	case DELIVERY_IGNORE:
		return XEP_REFUSED;
	case DELIVERY_TO_ACCOUNT:
		if (kind == STANZA_PRESENCE) /* a subscription nobody here deals with */
			return XEP_REFUSED;
		break;
	case DELIVERY_STORE:
	case DELIVERY_BOUNCE:
		break;
	}
	return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

static enum xep_verdict otherwise(struct passage *p)
{
	return p->direction == OUTBOUND ? outbound(p) : inbound(p);
}

const struct xep xep_default_handler = { .plugin = CONFIG_PLUGIN_default_handler, .otherwise = otherwise };
