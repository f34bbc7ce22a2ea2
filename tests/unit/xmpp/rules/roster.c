#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/rules/roster.h"

/* RFC 6121 appendix A, written down as there: state, then for each table whether the stanza passes and the new state.
 */
#define NONE ROSTER_NONE
#define NONE_O ROSTER_NONE_OUT
#define NONE_I ROSTER_NONE_IN
#define NONE_OI ROSTER_NONE_OUT_IN
#define TO ROSTER_TO
#define TO_I ROSTER_TO_IN
#define FROM ROSTER_FROM
#define FROM_O ROSTER_FROM_OUT
#define BOTH ROSTER_BOTH

struct row {
	enum roster_verb verb;
	bool inbound;
	enum roster_state before;
	bool pass;
	enum roster_state after;
};

static const struct row rows[] = {
	/* A.2.1 outbound subscribe */
	{ ROSTER_SUBSCRIBE, false, NONE, true, NONE_O },
	{ ROSTER_SUBSCRIBE, false, NONE_O, true, NONE_O },
	{ ROSTER_SUBSCRIBE, false, NONE_I, true, NONE_OI },
	{ ROSTER_SUBSCRIBE, false, NONE_OI, true, NONE_OI },
	{ ROSTER_SUBSCRIBE, false, TO, true, TO },
	{ ROSTER_SUBSCRIBE, false, TO_I, true, TO_I },
	{ ROSTER_SUBSCRIBE, false, FROM, true, FROM_O },
	{ ROSTER_SUBSCRIBE, false, FROM_O, true, FROM_O },
	{ ROSTER_SUBSCRIBE, false, BOTH, true, BOTH },
	/* A.2.2 outbound unsubscribe */
	{ ROSTER_UNSUBSCRIBE, false, NONE, true, NONE },
	{ ROSTER_UNSUBSCRIBE, false, NONE_O, true, NONE },
	{ ROSTER_UNSUBSCRIBE, false, NONE_I, true, NONE_I },
	{ ROSTER_UNSUBSCRIBE, false, NONE_OI, true, NONE_I },
	{ ROSTER_UNSUBSCRIBE, false, TO, true, NONE },
	{ ROSTER_UNSUBSCRIBE, false, TO_I, true, NONE_I },
	{ ROSTER_UNSUBSCRIBE, false, FROM, true, FROM },
	{ ROSTER_UNSUBSCRIBE, false, FROM_O, true, FROM },
	{ ROSTER_UNSUBSCRIBE, false, BOTH, true, FROM },
	/* A.2.3 outbound subscribed */
	{ ROSTER_SUBSCRIBED, false, NONE, false, NONE },
	{ ROSTER_SUBSCRIBED, false, NONE_O, false, NONE_O },
	{ ROSTER_SUBSCRIBED, false, NONE_I, true, FROM },
	{ ROSTER_SUBSCRIBED, false, NONE_OI, true, FROM_O },
	{ ROSTER_SUBSCRIBED, false, TO, false, TO },
	{ ROSTER_SUBSCRIBED, false, TO_I, true, BOTH },
	{ ROSTER_SUBSCRIBED, false, FROM, false, FROM },
	{ ROSTER_SUBSCRIBED, false, FROM_O, false, FROM_O },
	{ ROSTER_SUBSCRIBED, false, BOTH, false, BOTH },
	/* A.2.4 outbound unsubscribed */
	{ ROSTER_UNSUBSCRIBED, false, NONE, false, NONE },
	{ ROSTER_UNSUBSCRIBED, false, NONE_O, false, NONE_O },
	{ ROSTER_UNSUBSCRIBED, false, NONE_I, true, NONE },
	{ ROSTER_UNSUBSCRIBED, false, NONE_OI, true, NONE_O },
	{ ROSTER_UNSUBSCRIBED, false, TO, false, TO },
	{ ROSTER_UNSUBSCRIBED, false, TO_I, true, TO },
	{ ROSTER_UNSUBSCRIBED, false, FROM, true, NONE },
	{ ROSTER_UNSUBSCRIBED, false, FROM_O, true, NONE_O },
	{ ROSTER_UNSUBSCRIBED, false, BOTH, true, TO },
	/* A.3.1 inbound subscribe */
	{ ROSTER_SUBSCRIBE, true, NONE, true, NONE_I },
	{ ROSTER_SUBSCRIBE, true, NONE_O, true, NONE_OI },
	{ ROSTER_SUBSCRIBE, true, NONE_I, false, NONE_I },
	{ ROSTER_SUBSCRIBE, true, NONE_OI, false, NONE_OI },
	{ ROSTER_SUBSCRIBE, true, TO, true, TO_I },
	{ ROSTER_SUBSCRIBE, true, TO_I, false, TO_I },
	{ ROSTER_SUBSCRIBE, true, FROM, false, FROM },
	{ ROSTER_SUBSCRIBE, true, FROM_O, false, FROM_O },
	{ ROSTER_SUBSCRIBE, true, BOTH, false, BOTH },
	/* A.3.2 inbound unsubscribe */
	{ ROSTER_UNSUBSCRIBE, true, NONE, false, NONE },
	{ ROSTER_UNSUBSCRIBE, true, NONE_O, false, NONE_O },
	{ ROSTER_UNSUBSCRIBE, true, NONE_I, true, NONE },
	{ ROSTER_UNSUBSCRIBE, true, NONE_OI, true, NONE_O },
	{ ROSTER_UNSUBSCRIBE, true, TO, false, TO },
	{ ROSTER_UNSUBSCRIBE, true, TO_I, true, TO },
	{ ROSTER_UNSUBSCRIBE, true, FROM, true, NONE },
	{ ROSTER_UNSUBSCRIBE, true, FROM_O, true, NONE_O },
	{ ROSTER_UNSUBSCRIBE, true, BOTH, true, TO },
	/* A.3.3 inbound subscribed */
	{ ROSTER_SUBSCRIBED, true, NONE, false, NONE },
	{ ROSTER_SUBSCRIBED, true, NONE_O, true, TO },
	{ ROSTER_SUBSCRIBED, true, NONE_I, false, NONE_I },
	{ ROSTER_SUBSCRIBED, true, NONE_OI, true, TO_I },
	{ ROSTER_SUBSCRIBED, true, TO, false, TO },
	{ ROSTER_SUBSCRIBED, true, TO_I, false, TO_I },
	{ ROSTER_SUBSCRIBED, true, FROM, false, FROM },
	{ ROSTER_SUBSCRIBED, true, FROM_O, true, BOTH },
	{ ROSTER_SUBSCRIBED, true, BOTH, false, BOTH },
	/* A.3.4 inbound unsubscribed */
	{ ROSTER_UNSUBSCRIBED, true, NONE, false, NONE },
	{ ROSTER_UNSUBSCRIBED, true, NONE_O, true, NONE },
	{ ROSTER_UNSUBSCRIBED, true, NONE_I, false, NONE_I },
	{ ROSTER_UNSUBSCRIBED, true, NONE_OI, true, NONE_I },
	{ ROSTER_UNSUBSCRIBED, true, TO, true, NONE },
	{ ROSTER_UNSUBSCRIBED, true, TO_I, true, NONE_I },
	{ ROSTER_UNSUBSCRIBED, true, FROM, false, FROM },
	{ ROSTER_UNSUBSCRIBED, true, FROM_O, true, FROM },
	{ ROSTER_UNSUBSCRIBED, true, BOTH, true, FROM },
};

static void the_tables_are_those_of_appendix_a(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(rows), 2 * ROSTER_VERBS * ROSTER_STATES);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct roster_step s = r->inbound ? roster_inbound(r->before, r->verb) : roster_outbound(r->before, r->verb);

		if (s.next != r->after || s.pass != r->pass)
			fail_msg("row %zu: next %d, pass %d", i, s.next, s.pass);
	}
}

/* 3.1.3: who is subscribed and asks again gets his answer from the server. */
static void only_subscribers_who_ask_again_are_answered(void **state)
{
	(void)state;
	for (unsigned s = 0; s < ROSTER_STATES; s++)
		for (unsigned v = 0; v < ROSTER_VERBS; v++) {
			assert_false(roster_outbound((enum roster_state)s, (enum roster_verb)v).answer);
			assert_int_equal(roster_inbound((enum roster_state)s, (enum roster_verb)v).answer,
					 v == ROSTER_SUBSCRIBE && roster_shows((enum roster_state)s));
		}
}

static void states_say_what_clients_see(void **state)
{
	static const struct {
		enum roster_state state;
		const char *text;
		bool shows, sees, asks, is_asked;
	} facts[] = {
		{ NONE, "none", false, false, false, false }, { NONE_O, "none", false, false, true, false },
		{ NONE_I, "none", false, false, false, true }, { NONE_OI, "none", false, false, true, true },
		{ TO, "to", false, true, false, false },       { TO_I, "to", false, true, false, true },
		{ FROM, "from", true, false, false, false },   { FROM_O, "from", true, false, true, false },
		{ BOTH, "both", true, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		assert_string_equal(roster_state_text(facts[i].state), facts[i].text);
		assert_int_equal(roster_shows(facts[i].state), facts[i].shows);
		assert_int_equal(roster_sees(facts[i].state), facts[i].sees);
		assert_int_equal(roster_asks(facts[i].state), facts[i].asks);
		assert_int_equal(roster_is_asked(facts[i].state), facts[i].is_asked);
	}
}

static void stanza_types_are_verbs_or_not(void **state)
{
	enum roster_verb verb;

	(void)state;
	for (unsigned v = 0; v < ROSTER_VERBS; v++) {
		assert_true(roster_verb_of(roster_verb_type((enum roster_verb)v), &verb));
		assert_int_equal(verb, v);
	}
	assert_false(roster_verb_of(STANZA_TYPE_PROBE, &verb));
	assert_false(roster_verb_of(STANZA_TYPE_NONE, &verb));
	assert_false(roster_verb_of(STANZA_TYPE_UNAVAILABLE, &verb));
}

static stanza_el open_item(struct builder *b, struct stanza **out, const char *jid, const char *name, const char *subscription,
			   const char *const *groups)
{
	builder_reset(b);
	builder_open(b, "iq", NULL);
	builder_open(b, "query", NS_ROSTER);
	builder_open(b, "item", NULL);
	builder_attr_text(b, "jid", jid);
	builder_attr_text(b, "name", name);
	builder_attr_text(b, "subscription", subscription);
	for (; groups && *groups; groups++)
		builder_leaf(b, "group", NULL, span_of(*groups));
	builder_close(b);
	builder_close(b);
	builder_close(b);
	*out = builder_finish(b);
	return stanza_first(*out, stanza_first(*out, STANZA_TOP));
}

static void a_kept_item_comes_back_the_same(void **state)
{
	static const char *const groups[] = { "Friends & family", "同事", NULL };
	struct builder *b = builder_new();
	struct stanza *s;
	stanza_el el = open_item(b, &s, "Bob@example.com", "Bob <the> builder", "both", groups);
	struct roster_item *i, *back;
	struct buf saved = BUF_INIT;
	bool remove;

	(void)state;
	assert_int_equal(roster_item_read(s, el, &i, &remove), STANZA_ERROR_NONE);
	assert_false(remove);
	assert_int_equal(i->state, ROSTER_NONE); /* what a client says of the subscription does not count */
	i->state = ROSTER_TO_IN;
	i->request = xstrdup("<presence type='subscribe'/>");
	roster_item_save(i, &saved);
	back = roster_item_load(SPAN_LIT("bob@example.com"), buf_span(&saved));
	assert_non_null(back);
	assert_string_equal(back->jid->text, "bob@example.com");
	assert_string_equal(back->name, "Bob <the> builder");
	assert_int_equal(back->state, ROSTER_TO_IN);
	assert_true(back->listed);
	assert_string_equal(back->request, "<presence type='subscribe'/>");
	assert_int_equal(back->group_count, 2);
	assert_string_equal(back->groups[1], "同事");
	roster_item_free(back);
	/* any shorter run of bytes is damaged */
	for (size_t n = 0; n < buf_len(&saved); n++)
		assert_null(roster_item_load(SPAN_LIT("bob@example.com"), (struct span){ buf_span(&saved).p, n }));
	assert_null(roster_item_load(SPAN_LIT("@"), buf_span(&saved)));
	buf_fini(&saved);
	roster_item_free(i);
	stanza_unref(s);
	builder_free(b);
}

static void bad_items_are_refused(void **state)
{
	static const char *const twice[] = { "a", "a", NULL }, *const empty[] = { "", NULL };
	static const char *const many[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17",
					    NULL };
	static char long_name[JID_PART_MAX + 2];
	const struct {
		const char *jid, *name;
		const char *const *groups;
		enum stanza_error error;
	} bad[] = {
		{ NULL, NULL, NULL, STANZA_ERROR_BAD_REQUEST },
		{ "@", NULL, NULL, STANZA_ERROR_BAD_REQUEST },
		{ "b@c", NULL, twice, STANZA_ERROR_BAD_REQUEST },
		{ "b@c", NULL, empty, STANZA_ERROR_NOT_ACCEPTABLE },
		{ "b@c", NULL, many, STANZA_ERROR_NOT_ACCEPTABLE },
		{ "b@c", long_name, NULL, STANZA_ERROR_NOT_ACCEPTABLE },
	};
	struct builder *b = builder_new();

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct stanza *s;
		stanza_el el = open_item(b, &s, bad[i].jid, bad[i].name, NULL, bad[i].groups);
		struct roster_item *item;
		bool remove;

		assert_int_equal(roster_item_read(s, el, &item, &remove), bad[i].error);
		assert_null(item);
		stanza_unref(s);
	}
	builder_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tables_are_those_of_appendix_a),
		cmocka_unit_test(only_subscribers_who_ask_again_are_answered),
		cmocka_unit_test(states_say_what_clients_see),
		cmocka_unit_test(stanza_types_are_verbs_or_not),
		cmocka_unit_test(a_kept_item_comes_back_the_same),
		cmocka_unit_test(bad_items_are_refused),
	};

	return RUN(tests);
}
