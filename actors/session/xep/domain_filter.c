/* Which domains an account may talk to, both ways: the flag domain-filter of its domain, else --domain-filter-policy, else LOCAL for
 * visitors and ALL for accounts. The account itself and its domain's server are always reached. Visitors of a desk reach nobody else anyhow:
 * the desk is their wall, and what it carries between a seat and its visitors is not looked at. */
#include "actors/session/xep.h"
#include "runtime/metric.h"
#include "xmpp/rules/domain_filter.h"

static const enum domain_policy policies[] = {
	[CONFIG_FILTER_ALL] = DOMAIN_ALL, [CONFIG_FILTER_LOCAL] = DOMAIN_LOCAL, [CONFIG_FILTER_OWN] = DOMAIN_OWN,
	[CONFIG_FILTER_BLOCK] = DOMAIN_BLOCK, [CONFIG_FILTER_LIST] = DOMAIN_LIST, [CONFIG_FILTER_BLACKLIST] = DOMAIN_BLACKLIST,
	[CONFIG_FILTER_CUSTOM] = DOMAIN_CUSTOM,
};

static enum xep_verdict refuse(struct passage *p, enum domain_policy policy)
{
	metric_inc(METRIC_domain_filtered);
	if (p->direction == OUTBOUND)
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, domain_filter_text(policy));
	/* Who is outside learns nothing; a request is answered all the same (RFC 6120 8.2.3). */
	return stanza_kind(p->packet.stanza) == STANZA_IQ ? passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL) : XEP_REFUSED;
}

static bool is_local(const struct passage *p, const struct jid *other)
{
	return span_eq(jid_domain(other), jid_domain(p->user->bare)) || server_is_local(p->server, jid_domain(other)) ||
	       server_component(p->server, other) != ACTOR_NONE;
}

static enum xep_verdict gate(struct passage *p)
{
	const struct jid *own = p->user->bare, *other = p->direction == OUTBOUND ? p->packet.to : p->packet.from;
	const struct config_vhost *v = p->user->host;
	enum config_filter filter;
	enum domain_policy policy;
	bool same;

	if (!other || (p->packet.flags & PACKET_FROM_DESK) || (p->server->desk_on && p->user->class == CLASS_VISITOR))
		return XEP_PASS;
	filter = v ? v->filter : CONFIG_FILTER_DEFAULT;
	if (filter == CONFIG_FILTER_DEFAULT)
		filter = (enum config_filter)p->server->conf->domain_filter_policy;
	if (filter == CONFIG_FILTER_DEFAULT)
		filter = p->user->class == CLASS_VISITOR ? CONFIG_FILTER_LOCAL : CONFIG_FILTER_ALL;
	policy = policies[filter];
	if (policy == DOMAIN_ALL)
		return XEP_PASS;
	same = span_eq(jid_domain(own), jid_domain(other));
	if (same && (policy == DOMAIN_LOCAL || policy == DOMAIN_OWN || other->local_n == 0 || jid_eq_bare(own, other)))
		return XEP_PASS;
	if (domain_filter_allows(policy, v ? v->filter_items.items : NULL, v ? v->filter_items.count : 0,
				 &(struct domain_question){ own, other, is_local(p, other) }))
		return XEP_PASS;
	return refuse(p, policy);
}

const struct xep xep_domain_filter = { .plugin = CONFIG_PLUGIN_domain_filter, .gate = gate };
