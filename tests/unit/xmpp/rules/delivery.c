#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/rules/delivery.h"

/* RFC 6121 8.5 whole: each stanza of each type to each kind of address, by what resources the account has. A letter says who
 * gets it: D the resource that is named, M all with priority >= 0, A all available ones, S the server for the account, O the
 * offline store, E nobody and an error goes back, - nobody and nothing does. The RFC's own table (8.5.4) is rows 1 to 5, with
 * "silently ignore or error" decided. Columns: account missing; none, negative, some. */
static const struct {
	enum stanza_kind kind;
	enum stanza_type type;
	const char *bare, *here, *gone;
} rows[] = {
	/* 8.5.1, 8.5.2.1.1, 8.5.2.2.1, 8.5.3.1, 8.5.3.2.1 */
	{ STANZA_MESSAGE, STANZA_TYPE_NORMAL,    "EOOM", " DDD", "EEEE" },
	{ STANZA_MESSAGE, STANZA_TYPE_CHAT,      "EOOM", " DDD", "EOOM" },
	{ STANZA_MESSAGE, STANZA_TYPE_GROUPCHAT, "EEEE", " DDD", "EEEE" },
	{ STANZA_MESSAGE, STANZA_TYPE_HEADLINE,  "E--M", " DDD", "EEEE" },
	{ STANZA_MESSAGE, STANZA_TYPE_ERROR,     "----", " DDD", "----" },
	/* 5.2.2: no type, and any that is not known, is a normal one */
	{ STANZA_MESSAGE, STANZA_TYPE_NONE,      "EOOM", " DDD", "EEEE" },
	{ STANZA_MESSAGE, STANZA_TYPE_UNKNOWN,   "EOOM", " DDD", "EEEE" },
	{ STANZA_MESSAGE, STANZA_TYPE_GET,       "EOOM", " DDD", "EEEE" },
	{ STANZA_MESSAGE, STANZA_TYPE_SUBSCRIBE, "EOOM", " DDD", "EEEE" },
	/* presence: 8.5.1, 8.5.2.1.2, 8.5.2.2.2, 8.5.3.1, 8.5.3.2.2 */
	{ STANZA_PRESENCE, STANZA_TYPE_NONE,         "--AA", " DDD", "----" },
	{ STANZA_PRESENCE, STANZA_TYPE_UNAVAILABLE,  "--AA", " DDD", "----" },
	{ STANZA_PRESENCE, STANZA_TYPE_ERROR,        "--AA", " DDD", "----" },
	{ STANZA_PRESENCE, STANZA_TYPE_SUBSCRIBE,    "-SSS", " SSS", "-SSS" },
	{ STANZA_PRESENCE, STANZA_TYPE_SUBSCRIBED,   "-SSS", " SSS", "-SSS" },
	{ STANZA_PRESENCE, STANZA_TYPE_UNSUBSCRIBE,  "-SSS", " SSS", "-SSS" },
	{ STANZA_PRESENCE, STANZA_TYPE_UNSUBSCRIBED, "-SSS", " SSS", "-SSS" },
	{ STANZA_PRESENCE, STANZA_TYPE_PROBE,        "-SSS", " SSS", "-SSS" },
	/* iq: 8.5.1, 8.5.2.1.3, 8.5.2.2.3, 8.5.3.1, 8.5.3.2.3 */
	{ STANZA_IQ, STANZA_TYPE_GET,    "ESSS", " DDD", "EEEE" },
	{ STANZA_IQ, STANZA_TYPE_SET,    "ESSS", " DDD", "EEEE" },
	{ STANZA_IQ, STANZA_TYPE_RESULT, "----", " DDD", "----" },
	{ STANZA_IQ, STANZA_TYPE_ERROR,  "----", " DDD", "----" },
};

static char letter(enum delivery_verdict v)
{
	switch (v) {
	case DELIVERY_TO_RESOURCE: return 'D';
	case DELIVERY_TO_NON_NEGATIVE: return 'M';
	case DELIVERY_TO_AVAILABLE: return 'A';
	case DELIVERY_TO_ACCOUNT: return 'S';
	case DELIVERY_STORE: return 'O';
	case DELIVERY_BOUNCE: return 'E';
	case DELIVERY_IGNORE: return '-';
	}
	return '?';
}

static void each_cell_says_what_the_rfc_says(void **state)
{
	static const enum delivery_resources resources[] = { DELIVERY_NO_ACCOUNT, DELIVERY_NOBODY, DELIVERY_NEGATIVE,
							     DELIVERY_SOMEBODY };
	static const enum delivery_target targets[] = { DELIVERY_BARE, DELIVERY_FULL_HERE, DELIVERY_FULL_GONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const wanted[] = { rows[i].bare, rows[i].here, rows[i].gone };

		for (size_t t = 0; t < ARRAY_LEN(targets); t++)
			for (size_t r = 0; r < ARRAY_LEN(resources); r++) {
				char got = wanted[t][r] == ' ' ? ' ' :
					   letter(delivery_decide(rows[i].kind, rows[i].type, targets[t], resources[r]));

				if (got != wanted[t][r])
					fail_msg("row %zu, address %zu, resources %zu: %c instead of %c", i, t, r, got,
						 wanted[t][r]);
			}
	}
}

struct content {
	const char *type, *name, *ns, *text;
	bool storable;
};

static const struct content contents[] = {
	{ "chat", "body", NULL, "hello", true },
	{ NULL, "body", NULL, "hello", true },
	{ "normal", "body", NULL, "hello", true },
	{ "odd", "body", NULL, "hello", true },
	{ "chat", "body", NULL, NULL, false },
	{ "chat", "composing", NS_CHATSTATES, NULL, false },
	{ "chat", "received", NS_RECEIPTS, NULL, true },
	{ "chat", "store", NS_HINTS, NULL, true },
	{ "headline", "body", NULL, "hello", false },
	{ "groupchat", "body", NULL, "hello", false },
	{ "error", "body", NULL, "hello", false },
};

static struct stanza *message(struct builder *b, const struct content *c, bool no_store)
{
	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr_text(b, "type", c->type);
	builder_leaf(b, c->name, c->ns, span_of(c->text));
	if (no_store)
		builder_leaf(b, "no-store", NS_HINTS, SPAN_NONE);
	builder_close(b);
	return builder_finish(b);
}

static void only_what_can_be_read_later_is_storable(void **state)
{
	struct builder *b = builder_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		struct stanza *s = message(b, &contents[i], false);

		assert_int_equal(delivery_is_storable(s, NULL, 0), contents[i].storable);
		stanza_unref(s);
		s = message(b, &contents[i], true);
		assert_false(delivery_is_storable(s, NULL, 0));
		stanza_unref(s);
	}
	builder_free(b);
}

static void paths_say_what_is_storable_instead(void **state)
{
	static char never[] = "-/message/private[urn:xmpp:carbons:2]", event[] = "/message/event[urn:e]", header[] = "/message/header";
	static char *const paths[] = { never, event, header };
	static const struct {
		const char *type, *one, *one_ns, *two, *two_ns;
		bool storable;
	} cases[] = {
		{ "chat", "event", "urn:e", "other", NULL, true },
		{ "chat", "event", "urn:f", "other", NULL, false },
		{ "chat", "other", NULL, "header", "urn:any", true },
		{ "chat", "body", NULL, "other", NULL, false },
		{ "chat", "event", "urn:e", "private", NS_CARBONS, false }, /* the first path decides, not the first child */
		{ "headline", "event", "urn:e", "other", NULL, false },
		{ "chat", "event", "urn:e", "no-store", NS_HINTS, false },
	};
	struct builder *b = builder_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stanza *s;

		builder_reset(b);
		builder_open(b, "message", NULL);
		builder_attr_text(b, "type", cases[i].type);
		builder_leaf(b, cases[i].one, cases[i].one_ns, SPAN_LIT("x"));
		builder_leaf(b, cases[i].two, cases[i].two_ns, SPAN_NONE);
		builder_close(b);
		s = builder_finish(b);
		if (delivery_is_storable(s, paths, ARRAY_LEN(paths)) != cases[i].storable)
			fail_msg("row %zu", i);
		stanza_unref(s);
	}
	builder_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cell_says_what_the_rfc_says),
		cmocka_unit_test(only_what_can_be_read_later_is_storable),
		cmocka_unit_test(paths_say_what_is_storable_instead),
	};

	return RUN(tests);
}
