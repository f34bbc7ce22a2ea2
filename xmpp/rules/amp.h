#pragma once
/* XEP-0079, the rules a sender gives its message: what they are, whether they can be followed, and which one is met. Pure; what
 * a rule does is carried out by actors/session/amp_rules. */
#include "xmpp/stanza.h"

#define AMP_RULES_MAX 16u /* of one message: more are invalid */

enum amp_action { AMP_ALERT, AMP_DELIVER, AMP_DROP, AMP_ERROR, AMP_NOTIFY, AMP_STORE, AMP_ACTIONS };
enum amp_condition { AMP_IF_DELIVER, AMP_IF_EXPIRE_AT, AMP_IF_MATCH_RESOURCE, AMP_CONDITIONS };
extern const char *const amp_action_names[AMP_ACTIONS + 1]; /* ends with NULL */
extern const char *const amp_condition_names[AMP_CONDITIONS + 1];

enum amp_fate { AMP_DIRECT, AMP_STORED, AMP_NONE, AMP_FORWARD, AMP_GATEWAY, AMP_FATES };
enum amp_match { AMP_ANY, AMP_EXACT, AMP_OTHER, AMP_MATCHES };

struct amp_rule {
	stanza_el el; /* the <rule/> of the message */
	enum amp_action action;
	enum amp_condition condition;
	unsigned value; /* enum amp_fate or amp_match */
	uint64_t at_us; /* of expire-at, since 1970 */
};
struct amp_rules {
	struct amp_rule rules[AMP_RULES_MAX];
	unsigned count; /* 0: a message without rules */
	bool per_hop;
};

enum amp_problem { AMP_FINE, AMP_UNSUPPORTED_ACTIONS, AMP_UNSUPPORTED_CONDITIONS, AMP_INVALID_RULES };
/* Reads <amp/>; one with a status tells of rules and has none. With a problem *out holds the rules that have it (only el is
 * set), the first kind of problem in the order of the enum. */
enum amp_problem amp_read(const struct stanza *message, struct amp_rules *out);

/* Some rule lets its sender know whether the receiver is there: it answers, or it is `deliver` (now or not at all), which comes back
 * when he is not. */
bool amp_reveals(const struct amp_rules *rules);

/* What the server is about to do. */
struct amp_situation {
	enum amp_fate fate;
	enum amp_match where; /* EXACT: to the resource that is named, or to none as named; OTHER */
	uint64_t now_us;
	bool is_late; /* it was kept, and its other rules have had their turn: only expire-at counts */
};
/* The first rule that is met; NULL = none, the server does what it does. */
const struct amp_rule *amp_first_met(const struct amp_rules *rules, const struct amp_situation *situation);
