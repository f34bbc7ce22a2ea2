/* The gate between visitors and the rest: a visitor reaches its desk, its server and itself, nobody else. Also the
 * eye of the desk on seats and robots: their own presence says whether they take chats. */
#include "actors/session/desk_link.h"
#include "actors/session/offline.h"
#include "actors/session/amp_rules.h"
#include "xmpp/ns.h"

static enum xep_verdict send_to_desk(struct passage *p, const struct msg_kind *kind)
{
	struct packet_msg *m = (struct packet_msg *)(void *)msg_new(kind);

	m->packet = packet_copy(&p->packet);
	outbox_add(p->out, server_desk(p->server, p->user->bare), m);
	return XEP_DONE;
}

static bool is_roster(const struct stanza *s)
{
	return stanza_kind(s) == STANZA_IQ && stanza_child(s, STANZA_TOP, "query", NS_ROSTER) != STANZA_NO_EL;
}

/* The desk answers with whom it has chosen. The widget is ready now: what was kept for it comes too, for many never
 * send presence. */
static enum xep_verdict roster_request(struct passage *p)
{
	if (stanza_type(p->packet.stanza) == STANZA_TYPE_SET)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, NULL);
	if (stanza_type(p->packet.stanza) != STANZA_TYPE_GET)
		return XEP_PASS;
	if (p->session && !p->session->takes_offline) {
		p->session->takes_offline = true;
		offline_begin(p, p->session);
	}
	return send_to_desk(p, &desk_roster_get_kind);
}

static bool is_own_ground(const struct passage *p)
{
	const struct jid *to = p->packet.to;

	if (p->target == TARGET_SELF)
		return true;
	if (p->target == TARGET_SERVER)
		return span_eq(jid_domain(to), jid_domain(p->user->bare));
	return jid_eq_bare(to, p->user->bare);
}

static enum xep_verdict gate(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;

	if (p->direction != OUTBOUND || !p->server->desk_on || p->user->class != CLASS_VISITOR)
		return XEP_PASS;
	if (stanza_kind(s) == STANZA_PRESENCE && stanza_type(s) >= STANZA_TYPE_SUBSCRIBE &&
	    stanza_type(s) <= STANZA_TYPE_UNSUBSCRIBED)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, NULL);
	if ((p->packet.flags & PACKET_RULES) && amp_rules_check_visitor(p) != XEP_PASS)
		return XEP_REFUSED;
	if (!is_own_ground(p))
		return send_to_desk(p, &desk_from_visitor_kind);
	/* A visitor's words are for its owner; a page that sends them to itself, or to nobody, is told so. */
	if (stanza_kind(s) == STANZA_MESSAGE && p->target != TARGET_SERVER)
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	return p->target == TARGET_SELF && is_roster(s) ? roster_request(p) : XEP_PASS;
}

static enum xep_verdict tap(struct passage *p)
{
	if (passage_is(p, OUTBOUND, STANZA_PRESENCE) && !p->packet.to)
		desk_link_agent(p, AGENT_SIGNED_OUT);
	return XEP_PASS;
}

const struct xep xep_desk = {
	.plugin = CONFIG_PLUGIN_desk,
	.gate = gate,
	.gate_on = XEP_OUT(STANZA_MESSAGE) | XEP_OUT(STANZA_PRESENCE) | XEP_OUT(STANZA_IQ),
	.tap = tap,
	.tap_on = XEP_OUT(STANZA_PRESENCE),
};
