#include "actors/session/amp_rules.h"

#include <stdio.h>

#include "actors/session/contacts.h"
#include "actors/session/deliver.h"
#include "actors/session/offline.h"
#include "actors/session/privacy.h"
#include "actors/session/resent.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"
#include "xmpp/rules/amp.h"

bool amp_rules_are_on(const struct config *conf)
{
	return conf->plugins[CONFIG_PLUGIN_amp] && conf->components[CONFIG_COMPONENT_amp];
}

/* --- what the sender is told --- */

/* From the server, to the client that sent the message in passing. What it is owed for the message comes behind it. */
static void answer(struct passage *p, struct stanza *s, bool instead)
{
	struct jid *server = jid_make(SPAN_NONE, jid_domain(p->user->bare), SPAN_NONE);
	struct packet out = packet_make(s, server, p->packet.from, PACKET_SERVER | PACKET_NO_STORE);

	if (instead) {
		out.pledge = p->packet.pledge;
		p->packet.pledge = NULL;
	}
	metric_inc(METRIC_amp_answers);
	if (p->direction == INBOUND)
		outbox_route(p->out, &out);
	else if (p->session)
		outbox_deliver(p->out, p->session, &out, 0);
	packet_clear(&out);
	jid_unref(server);
}

/* In the namespace of what they are put into: that is how the XEP shows <failed-rules/>. */
static void copy_rules(struct builder *b, const struct stanza *s, const struct amp_rule *rules, unsigned count)
{
	static const char *const attributes[] = { "action", "condition", "value" };

	for (unsigned i = 0; i < count; i++) {
		builder_open(b, "rule", NULL);
		for (size_t k = 0; k < ARRAY_LEN(attributes); k++)
			builder_attr(b, attributes[k], stanza_attr(s, rules[i].el, attributes[k]));
		builder_close(b);
	}
}

static void open_message(struct builder *b, const struct stanza *s, const char *type)
{
	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr_text(b, "type", type);
	builder_attr(b, "id", stanza_id(s));
}

/* 2.2.5: whose message it was, and the rule that was met. */
static void put_amp(struct builder *b, const struct packet *q, const struct amp_rule *rule)
{
	builder_open(b, "amp", NS_AMP);
	builder_attr_text(b, "status", amp_action_names[rule->action]);
	builder_attr(b, "from", jid_full(q->from));
	builder_attr(b, "to", jid_full(q->to));
	builder_copy(b, q->stanza, rule->el);
	builder_close(b);
}

static void put_error(struct builder *b, const struct stanza *s, enum stanza_error condition, const char *name, const char *ns,
		      const struct amp_rule *rules, unsigned count)
{
	char code[12];

	(void)snprintf(code, sizeof(code), "%d", stanza_error_code(condition));
	builder_open(b, "error", NULL);
	builder_attr_text(b, "type", "modify");
	builder_attr_text(b, "code", code);
	builder_leaf(b, stanza_error_text(condition), NS_STANZAS, SPAN_NONE);
	builder_open(b, name, ns);
	copy_rules(b, s, rules, count);
	builder_close(b);
	builder_close(b);
}

/* The words the message was remembered by, so that it may be sent again (resent.h). */
static void put_origin_id(struct builder *b, const struct stanza *s)
{
	stanza_el el = stanza_child(s, STANZA_TOP, "origin-id", NS_SID);

	if (el != STANZA_NO_EL)
		builder_copy(b, s, el);
}

static void report(struct passage *p, const struct amp_rule *rule)
{
	struct builder *b = p->builder;
	const struct stanza *s = p->packet.stanza;

	open_message(b, s, rule->action == AMP_ERROR ? "error" : NULL);
	put_amp(b, &p->packet, rule);
	if (rule->action == AMP_ERROR) {
		put_origin_id(b, s);
		put_error(b, s, STANZA_ERROR_UNDEFINED_CONDITION, "failed-rules", NS_AMP_ERRORS, rule, 1);
	}
	builder_close(b);
	answer(p, builder_finish(b), rule->action != AMP_NOTIFY);
}

/* Rules that cannot be followed (8.1). */
static enum xep_verdict refuse(struct passage *p, enum stanza_error condition, const char *name, const struct amp_rules *which)
{
	struct builder *b = p->builder;
	const struct stanza *s = p->packet.stanza;
	stanza_el amp = stanza_child(s, STANZA_TOP, "amp", NS_AMP);
	struct stanza *error;

	open_message(b, s, "error");
	builder_copy(b, s, amp);
	put_origin_id(b, s);
	put_error(b, s, condition, name, NS_AMP, which->rules, which->count);
	builder_close(b);
	error = builder_finish(b);
	if (p->direction == OUTBOUND)
		resent_forget(p->resent, p->user->bare, error);
	answer(p, error, true);
	return XEP_REFUSED;
}

/* --- at the sender --- */

/* 5.1: whose message it was to be, in the <amp/> itself. */
static void stamp(struct passage *p)
{
	struct stanza *s = p->packet.stanza;
	struct builder *b = p->builder;
	stanza_el amp = stanza_child(s, STANZA_TOP, "amp", NS_AMP);

	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		if (el != amp) {
			builder_copy(b, s, el);
			continue;
		}
		builder_open(b, "amp", NS_AMP);
		builder_attr(b, "per-hop", stanza_attr(s, el, "per-hop"));
		builder_attr(b, "from", jid_full(p->packet.from));
		builder_attr(b, "to", p->packet.to ? jid_full(p->packet.to) : jid_bare(p->user->bare));
		builder_copy_children(b, s, el);
		builder_close(b);
	}
	builder_close(b);
	p->packet.stanza = builder_finish(b);
	stanza_unref(s);
}

enum xep_verdict amp_rules_check(struct passage *p)
{
	struct amp_rules rules;

	switch (amp_read(p->packet.stanza, &rules)) {
	case AMP_UNSUPPORTED_ACTIONS:
		return refuse(p, STANZA_ERROR_BAD_REQUEST, "unsupported-actions", &rules);
	case AMP_UNSUPPORTED_CONDITIONS:
		return refuse(p, STANZA_ERROR_BAD_REQUEST, "unsupported-conditions", &rules);
	case AMP_INVALID_RULES:
		return refuse(p, STANZA_ERROR_NOT_ACCEPTABLE, "invalid-rules", &rules);
	default:
		break;
	}
	if (rules.count == 0) {
		p->packet.flags &= ~(uint32_t)PACKET_RULES;
		return XEP_PASS;
	}
	if (span_empty(stanza_id(p->packet.stanza)))
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, "A message with rules needs an id.");
	stamp(p);
	return XEP_PASS;
}

enum xep_verdict amp_rules_check_visitor(struct passage *p)
{
	struct amp_rules rules;

	if (!amp_rules_are_on(p->server->conf) || p->server->conf->amp_security == CONFIG_AMP_NONE ||
	    amp_read(p->packet.stanza, &rules) != AMP_FINE || !amp_reveals(&rules))
		return XEP_PASS;
	return refuse(p, STANZA_ERROR_NOT_ACCEPTABLE, "invalid-rules", &rules);
}

/* --- at the receiver --- */

/* 11: who may not see whether the receiver is there may not learn it in this way. XEP_PASS: he may. */
static enum xep_verdict may_ask(struct passage *p, const struct amp_rules *rules)
{
	int level = p->server->conf->amp_security;

	if (level == CONFIG_AMP_NONE || !amp_reveals(rules))
		return XEP_PASS;
	if (level == CONFIG_AMP_STRICT) {
		if (jid_eq_bare(p->packet.from, p->user->bare))
			return XEP_PASS;
		if (!passage_knows_roster(p))
			return XEP_WAIT;
		if (p->user->roster == FACT_LOST)
			return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
		if (roster_shows(contacts_state(p->user, p->packet.from)) && privacy_shows(p, p->session, p->packet.from))
			return XEP_PASS;
	}
	return refuse(p, STANZA_ERROR_NOT_ACCEPTABLE, "invalid-rules", rules);
}

static bool goes_out(enum delivery_verdict v)
{
	return v == DELIVERY_TO_RESOURCE || v == DELIVERY_TO_NON_NEGATIVE;
}

/* False: a fact is missing. */
static bool look_around(struct passage *p, enum delivery_verdict v, struct amp_situation *s)
{
	bool named = !jid_is_bare(p->packet.to);

	s->now_us = outside_wall_us();
	s->fate = goes_out(v) ? AMP_DIRECT : AMP_NONE;
	if (v == DELIVERY_STORE) {
		enum xep_verdict kept = offline_would_keep(p);

		if (kept == XEP_WAIT)
			return false;
		s->fate = kept == XEP_DONE ? AMP_STORED : AMP_NONE;
	}
	/* 3.3.3: what is kept goes to an address without a resource */
	s->where = (named ? v == DELIVERY_TO_RESOURCE : s->fate == AMP_STORED) ? AMP_EXACT : AMP_OTHER;
	return true;
}

static enum xep_verdict follow(struct passage *p, const struct amp_rule *rule, enum delivery_verdict v)
{
	switch (rule->action) {
	case AMP_ALERT:
	case AMP_ERROR:
		report(p, rule);
		return XEP_REFUSED;
	case AMP_DROP:
		return XEP_REFUSED;
	case AMP_DELIVER: /* now or not at all */
		return v == DELIVERY_STORE ? passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL) : deliver_as(p, v);
	case AMP_STORE: /* for later, whoever is there */
		return goes_out(v) && offline_would_keep(p) != XEP_REFUSED ? offline_keep(p) : deliver_as(p, v);
	default:
		report(p, rule);
		return deliver_as(p, v);
	}
}

enum xep_verdict amp_rules_deliver(struct passage *p)
{
	struct amp_situation situation = { .is_late = false };
	struct amp_rules rules;
	const struct amp_rule *met;
	enum delivery_verdict v;
	enum xep_verdict may;

	if (deliver_waits(p))
		return XEP_REFUSED;
	v = deliver_decide(p);
	if (deliver_is_the_desks(p) || amp_read(p->packet.stanza, &rules) != AMP_FINE || rules.count == 0)
		return deliver_as(p, v);
	may = may_ask(p, &rules);
	if (may != XEP_PASS)
		return may;
	if (!look_around(p, v, &situation))
		return XEP_WAIT;
	/* From a client that died to another one: its rules have had their turn. */
	situation.is_late = situation.fate == AMP_DIRECT && (p->packet.flags & PACKET_RETURNED) && !(p->packet.flags & PACKET_HELD);
	met = amp_first_met(&rules, &situation);
	return met ? follow(p, met, v) : deliver_as(p, v);
}

bool amp_rules_expired(struct passage *p, struct stanza *message, struct jid *from, bool given_out)
{
	struct amp_situation situation = { .fate = AMP_DIRECT, .now_us = outside_wall_us(), .is_late = true };
	struct packet before = packet_take(&p->packet);
	struct amp_rules rules;
	const struct amp_rule *met = NULL;
	bool over = false;

	if (amp_rules_are_on(p->server->conf) && amp_read(message, &rules) == AMP_FINE)
		met = amp_first_met(&rules, &situation);
	if (met && met->action != AMP_DELIVER && met->action != AMP_STORE && (given_out || met->action != AMP_NOTIFY)) {
		p->packet = packet_make(stanza_ref(message), from, p->user->bare, 0);
		p->direction = INBOUND;
		if (met->action != AMP_DROP)
			report(p, met);
		over = met->action != AMP_NOTIFY;
		packet_clear(&p->packet);
	}
	p->packet = packet_take(&before);
	return over;
}
