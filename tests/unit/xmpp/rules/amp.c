#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/parser.h"
#include "xmpp/rules/amp.h"

#define RULE(action, condition, value) "<rule action='" action "' condition='" condition "' value='" value "'/>"
#define AMP(attributes, rules) "<amp xmlns='http://jabber.org/protocol/amp'" attributes ">" rules "</amp>"

static struct stanza *message(const char *children)
{
	static const struct xml_limits no_limits;
	struct xml_pool *xml = xml_pool_new();
	struct buf text = BUF_INIT;
	struct stanza *s = NULL;

	buf_addf(&text, "<message xmlns='jabber:client'>%s</message>", children);
	assert_int_equal(xml_parse_document(xml, buf_span(&text), &no_limits, &s), STREAM_ERROR_NONE);
	buf_fini(&text);
	xml_pool_free(xml);
	return s;
}

/* XEP-0079 6 and 8.1: what is read of it, and how many rules that is. */
static const struct {
	const char *children;
	enum amp_problem problem;
	unsigned count;
} readings[] = {
	{ "<body>x</body>", AMP_FINE, 0 },
	{ AMP("", ""), AMP_FINE, 0 },
	{ AMP(" status='alert'", RULE("x", "y", "z")), AMP_FINE, 0 },
	{ AMP("", RULE("drop", "expire-at", "2004-01-01T00:00:00Z")), AMP_FINE, 1 },
	{ AMP("", RULE("drop", "expire-at", "2004-01-01T00:00:00.123Z")), AMP_FINE, 1 },
	{ AMP("", RULE("alert", "deliver", "direct") RULE("error", "deliver", "stored") RULE("notify", "deliver", "none")), AMP_FINE, 3 },
	{ AMP("", RULE("drop", "deliver", "forward") RULE("drop", "deliver", "gateway")), AMP_FINE, 2 },
	{ AMP("", RULE("store", "match-resource", "any") RULE("deliver", "match-resource", "exact")), AMP_FINE, 2 },
	{ AMP("", RULE("explode", "deliver", "direct")), AMP_UNSUPPORTED_ACTIONS, 1 },
	{ AMP("", "<rule condition='deliver' value='direct'/>"), AMP_UNSUPPORTED_ACTIONS, 1 },
	{ AMP("", RULE("drop", "moon", "full")), AMP_UNSUPPORTED_CONDITIONS, 1 },
	{ AMP("", RULE("drop", "moon", "full") RULE("drop", "deliver", "direct") RULE("drop", "sun", "up")), AMP_UNSUPPORTED_CONDITIONS, 2 },
	{ AMP("", RULE("drop", "moon", "full") RULE("explode", "deliver", "direct")), AMP_UNSUPPORTED_ACTIONS, 1 },
	{ AMP("", RULE("drop", "deliver", "soon")), AMP_INVALID_RULES, 1 },
	{ AMP("", RULE("drop", "deliver", "")), AMP_INVALID_RULES, 1 },
	{ AMP("", "<rule action='drop' condition='deliver'/>"), AMP_INVALID_RULES, 1 },
	{ AMP("", RULE("drop", "match-resource", "some")), AMP_INVALID_RULES, 1 },
	{ AMP("", RULE("drop", "expire-at", "tomorrow")), AMP_INVALID_RULES, 1 },
	{ AMP("", RULE("drop", "expire-at", "2004-01-01T00:00:00+01:00")), AMP_INVALID_RULES, 1 }, /* must be UTC */
	{ AMP("", "<other/>" RULE("drop", "deliver", "none")), AMP_FINE, 1 },
};

static void rules_are_read_or_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
		struct stanza *s = message(readings[i].children);
		struct amp_rules rules;
		enum amp_problem problem = amp_read(s, &rules);

		if (problem != readings[i].problem || rules.count != readings[i].count)
			fail_msg("row %zu: problem %d, %u rules", i, problem, rules.count);
		stanza_unref(s);
	}
}

static void more_than_sixteen_are_too_many(void **state)
{
	struct buf text = BUF_INIT;
	struct amp_rules rules;
	struct stanza *s;
	char *owned;

	(void)state;
	buf_add_text(&text, "<amp xmlns='http://jabber.org/protocol/amp'>");
	for (unsigned i = 0; i < AMP_RULES_MAX + 1; i++)
		buf_add_text(&text, RULE("drop", "deliver", "none"));
	buf_add_text(&text, "</amp>");
	owned = buf_take_text(&text);
	s = message(owned);
	assert_int_equal(amp_read(s, &rules), AMP_INVALID_RULES);
	assert_int_equal(rules.count, 1);
	stanza_unref(s);
	free(owned);
}

#define T2004 UINT64_C(1072915200000000) /* 2004-01-01T00:00:00Z */
#define NONE AMP_ACTIONS

/* Which rule is met: by what the server would do (4.3), the first one counts (3.2.3). */
static const struct {
	const char *attributes, *rules;
	enum amp_fate fate;
	enum amp_match where;
	uint64_t now_us;
	bool is_late;
	unsigned action; /* of the rule that is met */
} meetings[] = {
	{ "", RULE("alert", "deliver", "direct"), AMP_DIRECT, AMP_EXACT, 0, false, AMP_ALERT },
	{ "", RULE("alert", "deliver", "direct"), AMP_STORED, AMP_EXACT, 0, false, NONE },
	{ "", RULE("error", "deliver", "stored"), AMP_STORED, AMP_EXACT, 0, false, AMP_ERROR },
	{ "", RULE("error", "deliver", "stored"), AMP_DIRECT, AMP_EXACT, 0, false, NONE },
	{ "", RULE("notify", "deliver", "none"), AMP_NONE, AMP_OTHER, 0, false, AMP_NOTIFY },
	{ "", RULE("drop", "deliver", "forward"), AMP_DIRECT, AMP_EXACT, 0, false, NONE },
	{ "", RULE("drop", "deliver", "gateway"), AMP_STORED, AMP_EXACT, 0, false, NONE },
	{ "", RULE("drop", "expire-at", "2004-01-01T00:00:00Z"), AMP_DIRECT, AMP_EXACT, T2004 - 1, false, NONE },
	{ "", RULE("drop", "expire-at", "2004-01-01T00:00:00Z"), AMP_DIRECT, AMP_EXACT, T2004, false, AMP_DROP },
	{ "", RULE("drop", "expire-at", "2004-01-01T00:00:00Z"), AMP_STORED, AMP_EXACT, T2004 + 1, false, AMP_DROP },
	{ "", RULE("drop", "expire-at", "2004-01-01T00:00:00Z"), AMP_NONE, AMP_OTHER, T2004 + 1, false, NONE },
	{ "", RULE("drop", "match-resource", "any"), AMP_DIRECT, AMP_OTHER, 0, false, AMP_DROP },
	{ "", RULE("drop", "match-resource", "any"), AMP_STORED, AMP_OTHER, 0, false, AMP_DROP },
	{ "", RULE("drop", "match-resource", "any"), AMP_NONE, AMP_OTHER, 0, false, NONE },
	{ "", RULE("drop", "match-resource", "exact"), AMP_DIRECT, AMP_EXACT, 0, false, AMP_DROP },
	{ "", RULE("drop", "match-resource", "exact"), AMP_DIRECT, AMP_OTHER, 0, false, NONE },
	{ "", RULE("drop", "match-resource", "other"), AMP_DIRECT, AMP_OTHER, 0, false, AMP_DROP },
	{ "", RULE("drop", "match-resource", "other"), AMP_DIRECT, AMP_EXACT, 0, false, NONE },
	{ " per-hop='true'", RULE("drop", "match-resource", "any"), AMP_DIRECT, AMP_EXACT, 0, false, NONE },
	{ " per-hop='true'", RULE("drop", "deliver", "direct"), AMP_DIRECT, AMP_EXACT, 0, false, AMP_DROP },
	{ "", RULE("notify", "deliver", "stored") RULE("drop", "deliver", "direct") RULE("error", "match-resource", "any"), AMP_DIRECT,
	  AMP_EXACT, 0, false, AMP_DROP },
	/* kept, and given out later */
	{ "", RULE("alert", "deliver", "direct"), AMP_DIRECT, AMP_EXACT, T2004, true, NONE },
	{ "", RULE("alert", "deliver", "direct") RULE("drop", "expire-at", "2004-01-01T00:00:00Z"), AMP_DIRECT, AMP_EXACT, T2004, true,
	  AMP_DROP },
};

static void the_first_rule_that_is_met_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(meetings); i++) {
		struct amp_situation now = { meetings[i].fate, meetings[i].where, meetings[i].now_us, meetings[i].is_late };
		const struct amp_rule *met;
		struct amp_rules rules;
		struct buf text = BUF_INIT;
		struct stanza *s;
		char *owned;

		buf_addf(&text, "<amp xmlns='http://jabber.org/protocol/amp'%s>%s</amp>", meetings[i].attributes, meetings[i].rules);
		owned = buf_take_text(&text);
		s = message(owned);
		assert_int_equal(amp_read(s, &rules), AMP_FINE);
		met = amp_first_met(&rules, &now);
		if ((met ? (unsigned)met->action : (unsigned)NONE) != meetings[i].action)
			fail_msg("row %zu: %s", i, met ? amp_action_names[met->action] : "none");
		stanza_unref(s);
		free(owned);
	}
}

static void what_comes_back_reveals(void **state)
{
	(void)state;
	for (unsigned a = 0; a < AMP_ACTIONS; a++) {
		struct amp_rules rules = { .count = 2, .rules = { { .action = AMP_DROP }, { .action = (enum amp_action)a } } };

		assert_int_equal(amp_reveals(&rules), a == AMP_ALERT || a == AMP_ERROR || a == AMP_NOTIFY || a == AMP_DELIVER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_or_named),
		cmocka_unit_test(more_than_sixteen_are_too_many),
		cmocka_unit_test(the_first_rule_that_is_met_counts),
		cmocka_unit_test(what_comes_back_reveals),
	};

	return RUN(tests);
}
