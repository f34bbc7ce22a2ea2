#include "xmpp/rules/amp.h"

#include "xmpp/datetime.h"
#include "xmpp/ns.h"

const char *const amp_action_names[AMP_ACTIONS + 1] = { "alert", "deliver", "drop", "error", "notify", "store", NULL };
const char *const amp_condition_names[AMP_CONDITIONS + 1] = { "deliver", "expire-at", "match-resource", NULL };
static const char *const fate_names[AMP_FATES + 1] = { "direct", "stored", "none", "forward", "gateway", NULL };
static const char *const match_names[AMP_MATCHES + 1] = { "any", "exact", "other", NULL };

/* Its place among the names; their number when it is none of them. */
static unsigned place_of(struct span text, const char *const *names)
{
	unsigned i = 0;

	while (names[i] && !span_is(text, names[i]))
		i++;
	return i;
}

/* XEP-0082 in UTC. */
static bool read_time(struct span text, uint64_t *us)
{
	return text.n > 0 && text.p[text.n - 1] == 'Z' && datetime_parse(text, us);
}

static bool read_value(struct span value, struct amp_rule *rule)
{
	switch (rule->condition) {
	case AMP_IF_DELIVER:
		return (rule->value = place_of(value, fate_names)) < AMP_FATES;
	case AMP_IF_MATCH_RESOURCE:
		return (rule->value = place_of(value, match_names)) < AMP_MATCHES;
	default:
		return read_time(value, &rule->at_us);
	}
}

static enum amp_problem read_rule(const struct stanza *s, stanza_el el, struct amp_rule *rule)
{
	unsigned action = place_of(stanza_attr(s, el, "action"), amp_action_names),
		 condition = place_of(stanza_attr(s, el, "condition"), amp_condition_names);

	*rule = (struct amp_rule){ .el = el };
	if (action == AMP_ACTIONS)
		return AMP_UNSUPPORTED_ACTIONS;
	if (condition == AMP_CONDITIONS)
		return AMP_UNSUPPORTED_CONDITIONS;
	rule->action = (enum amp_action)action;
	rule->condition = (enum amp_condition)condition;
	return read_value(stanza_attr(s, el, "value"), rule) ? AMP_FINE : AMP_INVALID_RULES;
}

/* Those with this problem are kept, or all when there is none. */
static void collect(const struct stanza *s, stanza_el amp, enum amp_problem problem, struct amp_rules *out)
{
	unsigned seen = 0;

	out->count = 0;
	for (stanza_el el = stanza_first(s, amp); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		struct amp_rule rule;
		enum amp_problem own;

		if (!stanza_el_is(s, el, "rule", NS_AMP))
			continue;
		own = read_rule(s, el, &rule);
		if (seen++ >= AMP_RULES_MAX && own == AMP_FINE)
			own = AMP_INVALID_RULES;
		if (own == problem && out->count < AMP_RULES_MAX)
			out->rules[out->count++] = rule;
	}
}

enum amp_problem amp_read(const struct stanza *message, struct amp_rules *out)
{
	stanza_el amp = stanza_child(message, STANZA_TOP, "amp", NS_AMP);

	*out = (struct amp_rules){ .count = 0 };
	if (amp == STANZA_NO_EL || stanza_attr(message, amp, "status").p)
		return AMP_FINE;
	out->per_hop = span_is(stanza_attr(message, amp, "per-hop"), "true");
	for (enum amp_problem p = AMP_UNSUPPORTED_ACTIONS; p <= AMP_INVALID_RULES; p++) {
		collect(message, amp, p, out);
		if (out->count)
			return p;
	}
	collect(message, amp, AMP_FINE, out);
	return AMP_FINE;
}

bool amp_reveals(const struct amp_rules *rules)
{
	for (unsigned i = 0; i < rules->count; i++) {
		enum amp_action a = rules->rules[i].action;

		if (a == AMP_ALERT || a == AMP_ERROR || a == AMP_NOTIFY || a == AMP_DELIVER)
			return true;
	}
	return false;
}

static bool is_met(const struct amp_rules *rules, const struct amp_rule *rule, const struct amp_situation *s)
{
	switch (rule->condition) {
	case AMP_IF_EXPIRE_AT: /* "on or after": what cannot be delivered at all does not expire */
		return s->fate != AMP_NONE && s->now_us >= rule->at_us;
	case AMP_IF_DELIVER:
		return !s->is_late && rule->value == (unsigned)s->fate;
	default: /* 3.3.3: with per-hop it is ignored */
		return !s->is_late && !rules->per_hop && s->fate != AMP_NONE &&
		       (rule->value == AMP_ANY || rule->value == (unsigned)s->where);
	}
}

const struct amp_rule *amp_first_met(const struct amp_rules *rules, const struct amp_situation *situation)
{
	for (unsigned i = 0; i < rules->count; i++)
		if (is_met(rules, &rules->rules[i], situation))
			return &rules->rules[i];
	return NULL;
}
