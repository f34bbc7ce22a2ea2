#include "tests/support/check.h"

#include "xmpp/datetime.h"
#include "xmpp/jid.h"
#include "xmpp/utf8.h"

static const struct {
	const char *in, *out; /* NULL = refused */
} rows[] = {
	{ "alice@example.com", "alice@example.com" },
	{ "Alice@EXAMPLE.com/Desk", "alice@example.com/Desk" },
	{ "example.com", "example.com" },
	{ "example.com.", "example.com" },
	{ "example.com/a@b/c", "example.com/a@b/c" },
	{ "a@b/r/s", "a@b/r/s" },
	{ "fuß@example.com", "fuss@example.com" },
	{ "ΣΊΣΥΦΟΣ@example.com", "σίσυφοσ@example.com" },
	{ "a@[::1]", "a@[::1]" },
	{ "a@192.0.2.1", "a@192.0.2.1" },
	{ "客服@例子.example", "客服@例子.example" },
	{ "a@b/ x ", "a@b/ x " },
	{ "", NULL },
	{ "@b", NULL },
	{ "a@", NULL },
	{ "a@/r", NULL },
	{ "a@b/", NULL },
	{ "/r", NULL },
	{ "a@b@c", NULL },
	{ "a b@c", NULL },
	{ "a\"b@c", NULL },
	{ "a&b@c", NULL },
	{ "a'b@c", NULL },
	{ "a<b@c", NULL },
	{ "a:b@c", NULL },
	{ "a@b c", NULL },
	{ "a@b..c", NULL },
	{ "a@.b", NULL },
	{ "a@[::1", NULL },
	{ "a@[nonsense]", NULL },
	{ "a@b<c", NULL },
	{ "a@b/\x01", NULL },
	{ "a\xff@b", NULL },
	{ "a\xc0\x80@b", NULL },
	{ "henry\u2163@example.com", "henryiv@example.com" },
};

static void jids_are_prepared_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct jid *j = jid_parse(span_of(rows[i].in));

		if (!rows[i].out) {
			if (j)
				fail_msg("'%s' was accepted as '%s'", rows[i].in, j->text);
			continue;
		}
		if (!j)
			fail_msg("'%s' was refused", rows[i].in);
		assert_string_equal(j->text, rows[i].out);
		jid_unref(j);
	}
	assert_null(jid_parse((struct span){ "a\0b@c", 5 }));
}

static void parts_are_limited_before_and_after_preparation(void **state)
{
	char text[2100];
	struct jid *j;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + 1023, "@b", 3);
	j = jid_parse(span_of(text));
	assert_non_null(j);
	jid_unref(j);
	memcpy(text + 1023, "a@b", 4);
	assert_null(jid_parse(span_of(text)));
	/* U+FDFA becomes 18 letters: 100 of them are 300 bytes and would be 3,300 */
	for (int i = 0; i < 100; i++)
		memcpy(text + 3 * i, "\xef\xb7\xba", 3);
	memcpy(text + 300, "@b", 3);
	assert_null(jid_parse(span_of(text)));
}

static void accessors_and_comparison(void **state)
{
	struct jid *full = jid_parse(span_of("a@b.c/r")), *same = jid_parse(span_of("A@B.c/r")), *other = jid_parse(span_of("a@b.c/R"));
	struct jid *bare = jid_to_bare(full), *with = jid_with_resource(bare, SPAN_LIT("R"));

	(void)state;
	assert_true(span_is(jid_local(full), "a") && span_is(jid_domain(full), "b.c") && span_is(jid_resource(full), "r"));
	assert_true(span_is(jid_bare(full), "a@b.c") && span_is(jid_full(full), "a@b.c/r"));
	assert_true(jid_eq(full, same) && !jid_eq(full, other) && jid_eq_bare(full, other));
	assert_true(jid_is_bare(bare) && !jid_is_bare(full) && jid_eq(with, other));
	assert_true(full->bare_hash == bare->bare_hash);
	assert_null(jid_with_resource(bare, SPAN_LIT("\x01")));
	jid_unref(full);
	jid_unref(same);
	jid_unref(other);
	jid_unref(bare);
	jid_unref(with);
}

static void globs(void **state)
{
	static const struct {
		const char *jid, *glob;
		bool match;
	} table[] = {
		{ "robot1@localhost", "robot*@localhost", true }, { "robot@localhost", "robot*@localhost", true },
		{ "robot1@other", "robot*@localhost", false },	  { "alice@a.example", "*", true },
		{ "alice@a.example", "*@a.example", true },	  { "alice@a.example", "alice@a.example", true },
		{ "alice@a.example/x", "alice@a.example", true }, { "alicex@a.example", "alice@a.example", false },
		{ "alice@a.example", "", false },		  { "a.example", "*@a.example", false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b", "*a*a*a*a*a*a*a*a*a*a*a*a*a*c", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct jid *j = jid_parse(span_of(table[i].jid));

		assert_non_null(j);
		if (jid_matches_glob(j, table[i].glob) != table[i].match)
			fail_msg("%s against %s", table[i].jid, table[i].glob);
		jid_unref(j);
	}
}

static void utf8_is_strict_at_every_split(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} table[] = {
		{ "plain", true }, { "\xc3\xa9", true }, { "\xe6\x82\xa8", true }, { "\xf0\x9f\x98\x80", true }, { "\xef\xbf\xbd", true },
		{ "\x80", false }, { "\xc0\xaf", false }, { "\xc1\xbf", false }, { "\xe0\x9f\xbf", false }, { "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false }, { "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false }, { "\xff", false },
		{ "\xef\xbf\xbe", false }, { "\xef\xbf\xbf", false }, { "\xc3", false }, { "\xe6\x82", false }, { "\xc3(", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct span text = span_of(table[i].text);

		for (size_t cut = 0; cut <= text.n; cut++) {
			struct utf8 u = { 0 };
			bool ok = utf8_feed(&u, (struct span){ text.p, cut }) &&
				  utf8_feed(&u, (struct span){ text.p + cut, text.n - cut }) && u.left == 0;

			assert_int_equal(ok, table[i].ok);
		}
	}
}

static void stamps_go_both_ways(void **state)
{
	char text[DATETIME_MAX];
	uint64_t us;

	(void)state;
	datetime_text(1795521800123000u, text);
	assert_string_equal(text, "2026-11-24T12:03:20.123Z");
	assert_true(datetime_parse(span_of(text), &us) && us == 1795521800123000u);
	assert_true(datetime_parse(span_of("1969-07-21T02:56:15Z"), &us) == false);
	assert_true(datetime_parse(span_of("2000-02-29T00:00:00+01:00"), &us) && us == 951778800000000u);
	for (uint64_t day = 0; day < 40000; day += 13) {
		datetime_text(day * 86400000000u, text);
		assert_true(datetime_parse(span_of(text), &us) && us == day * 86400000000u);
	}
	assert_false(datetime_parse(span_of("2026-13-01T00:00:00Z"), &us));
	assert_false(datetime_parse(span_of("2026-11-24 12:03:20Z"), &us));
	assert_false(datetime_parse(span_of("2026-11-24T12:03:20"), &us));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jids_are_prepared_or_refused),
		cmocka_unit_test(parts_are_limited_before_and_after_preparation),
		cmocka_unit_test(accessors_and_comparison),
		cmocka_unit_test(globs),
		cmocka_unit_test(utf8_is_strict_at_every_split),
		cmocka_unit_test(stamps_go_both_ways),
	};

	return RUN(tests);
}
