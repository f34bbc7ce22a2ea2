#include "tests/support/check.h"

#include "conf/properties.h"

/* One pair in, one pair out. */
static const struct {
	const char *in, *key, *value;
	char type;
} rows[] = {
	/* separators */
	{ "a/b=c", "a/b", "c", 0 },
	{ "a/b:c", "a/b", "c", 0 },
	{ "a/b c", "a/b", "c", 0 },
	{ "a/b\tc", "a/b", "c", 0 },
	{ "a/b\fc", "a/b", "c", 0 },
	{ "a/b = c", "a/b", "c", 0 },
	{ " \t\fa/b \t: \f c", "a/b", "c", 0 },
	{ "a/b==c", "a/b", "=c", 0 },
	{ "a/b=:c", "a/b", ":c", 0 },
	{ "a/b = = c", "a/b", "= c", 0 },
	{ "a/b", "a/b", "", 0 },
	{ "a/b=", "a/b", "", 0 },
	{ "=c", "", "c", 0 },
	{ "a b=c", "a", "b=c", 0 },
	{ "a=b=c:d e", "a", "b=c:d e", 0 },
	{ "--auth-db = tigase-custom", "--auth-db", "tigase-custom", 0 },
	{ "uri=jdbc:mysql://h/db?user=a&password=b", "uri", "jdbc:mysql://h/db?user=a&password=b", 0 },
	/* white space behind the value goes, inside it stays */
	{ "a=b  c \t", "a", "b  c", 0 },
	{ "a=b \\ ", "a", "b", 0 },
	{ "a=\\ b", "a", " b", 0 },
	/* comments only at the start of a line */
	{ "# x\n! y\n  # z\n\t!\na=1#2!3", "a", "1#2!3", 0 },
	{ "#a=b\\\nc=d", "c", "d", 0 },
	{ "\\#a=b", "#a", "b", 0 },
	{ "sess-man/command/http\\://jabber.org/protocol/admin#add-user=LOCAL",
	  "sess-man/command/http://jabber.org/protocol/admin#add-user", "LOCAL", 0 },
	/* escapes */
	{ "a\\=b\\:c\\ d=e", "a=b:c d", "e", 0 },
	{ "a=x\\ty\\nz\\rw\\fv", "a", "x\ty\nz\rw\fv", 0 },
	{ "a=\\x\\\"\\'\\\\", "a", "x\"'\\", 0 },
	{ "a\\\\=b", "a\\", "b", 0 },
	{ "a\\\\\\=b=c", "a\\=b", "c", 0 },
	{ "a=\\u0041\\u00e9\\u5BA2", "a", "Aé客", 0 },
	{ "\\u0061=\\u0062", "a", "b", 0 },
	{ "a=\\ud83d\\ude00", "a", "😀", 0 },
	{ "a=\\uD83D\\uDE00x", "a", "😀x", 0 },
	{ "a=\\ud83dx", "a", "\xef\xbf\xbdx", 0 },
	{ "a=\\ude00", "a", "\xef\xbf\xbd", 0 },
	{ "a=\\ud83d\\u0041", "a", "\xef\xbf\xbd" "A", 0 },
	{ "a=x\\u0000y", "a", "xy", 0 },
	{ "a=\\uffff", "a", "\xef\xbf\xbf", 0 },
	/* continuation: an odd number of backslashes */
	{ "a=b\\\nc", "a", "bc", 0 },
	{ "a=b\\\n  \t c", "a", "bc", 0 },
	{ "a=b \\\n c", "a", "b c", 0 },
	{ "a=b\\\\\\\nc", "a", "b\\c", 0 },
	{ "a=b\\\r\nc", "a", "bc", 0 },
	{ "a=b\\\rc", "a", "bc", 0 },
	{ "a\\\n=b", "a", "b", 0 },
	{ "a\\\nb=c", "ab", "c", 0 },
	{ "a=b\\\n#c", "a", "b#c", 0 },
	{ "\\\na=b", "a", "b", 0 },
	{ "a=1,\\\n  2,\\\n  3", "a", "1,2,3", 0 },
	{ "a=b\\", "a", "b", 0 },
	{ "a=b\\\n", "a", "b", 0 },
	/* line ends, byte order mark */
	{ "a=b\r\n", "a", "b", 0 },
	{ "\r\n\n\ra=b\r", "a", "b", 0 },
	{ "\xef\xbb\xbf" "a=b", "a", "b", 0 },
	{ "\xef\xbb\xbf# x\na=b", "a", "b", 0 },
	{ "a=客服", "a", "客服", 0 },
	{ "a=\xff\xfe", "a", "\xff\xfe", 0 },
	/* a dash that a word processor made */
	{ "\xe2\x80\x93" "cm-see-other-host=none", "--cm-see-other-host", "none", 0 },
	{ "a\xe2\x80\x93=\xe2\x80\x93", "a\xe2\x80\x93", "\xe2\x80\x93", 0 },
	/* types */
	{ "a/b[s]=c", "a/b", "c", 's' },
	{ "a/b[I] = 1", "a/b", "1", 'I' },
	{ "a/b[L]=1", "a/b", "1", 'L' },
	{ "a/b[F]=1", "a/b", "1", 'F' },
	{ "a/b[S]=1", "a/b", "1", 'S' },
	{ "a/b[B]=1", "a/b", "1", 'B' },
	{ "a/b[i]=1", "a/b", "1", 'i' },
	{ "a/b[l]=1", "a/b", "1", 'l' },
	{ "a/b[f]=1", "a/b", "1", 'f' },
	{ "a/b[b]=1", "a/b", "1", 'b' },
	{ "a/b[D]=1", "a/b[D]", "1", 0 },
	{ "a/b[J]=1", "a/b[J]", "1", 0 },
	{ "a/b[x]=1", "a/b[x]", "1", 0 },
	{ "a/b[II]=1", "a/b[II]", "1", 0 },
	{ "a/b[]=1", "a/b[]", "1", 0 },
	{ "a/b[I]c=1", "a/b[I]c", "1", 0 },
	{ "a/b[I][B]=1", "a/b[I]", "1", 'B' },
	{ "a/b [I]=1", "a/b", "[I]=1", 0 },
	{ "[I]=1", "[I]", "1", 0 },
};

static void pairs_are_read_as_java_reads_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct properties p;

		properties_parse(span_of(rows[i].in), &p);
		if (p.count != 1)
			fail_msg("row %zu, '%s': %zu pairs", i, rows[i].in, p.count);
		if (strcmp(p.items[0].key, rows[i].key) != 0 || strcmp(p.items[0].value, rows[i].value) != 0 ||
		    p.items[0].type != rows[i].type)
			fail_msg("row %zu, '%s': '%s' = '%s', type %d", i, rows[i].in, p.items[0].key, p.items[0].value,
				 p.items[0].type);
		properties_free(&p);
	}
}

static void an_even_number_of_backslashes_does_not_continue(void **state)
{
	struct properties p;

	(void)state;
	properties_parse(span_of("a=b\\\\\nc=d\ne=f\\\\\\\\\ng=h"), &p);
	assert_int_equal(p.count, 4);
	assert_string_equal(p.items[0].value, "b\\");
	assert_string_equal(p.items[1].key, "c");
	assert_string_equal(p.items[2].value, "f\\\\");
	assert_string_equal(p.items[3].value, "h");
	properties_free(&p);
}

static void a_blank_line_ends_a_continuation(void **state)
{
	struct properties p;

	(void)state;
	properties_parse(span_of("a=b\\\n   \nc=d"), &p);
	assert_int_equal(p.count, 2);
	assert_string_equal(p.items[0].value, "b");
	assert_string_equal(p.items[1].key, "c");
	properties_free(&p);
}

static void nothing_and_comments_are_no_pairs(void **state)
{
	static const char *const texts[] = { "", "\n", "\r", "  \t\f ", "#", "!x=y", "# a\n\n ! b\r\n", "\xef\xbb\xbf" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct properties p;

		properties_parse(span_of(texts[i]), &p);
		assert_int_equal(p.count, 0);
		assert_int_equal(p.note_count, 0);
		properties_free(&p);
	}
}

static void a_pair_has_the_line_of_its_key(void **state)
{
	static const unsigned lines[] = { 1, 3, 6, 8, 9 };
	struct properties p;

	(void)state;
	properties_parse(span_of("a=1\r\n# x\r\nb=1,\\\r\n 2,\\\r\n 3\r\nc=1\r\r\nd=1\re=1"), &p);
	assert_int_equal(p.count, ARRAY_LEN(lines));
	for (size_t i = 0; i < p.count; i++)
		assert_int_equal(p.items[i].line, lines[i]);
	properties_free(&p);
}

static void duplicates_are_kept_in_order(void **state)
{
	struct properties p;

	(void)state;
	properties_parse(span_of("a=1\na=2"), &p);
	assert_int_equal(p.count, 2);
	assert_string_equal(p.items[0].value, "1");
	assert_string_equal(p.items[1].value, "2");
	properties_free(&p);
}

static void odd_things_are_noted_with_their_line(void **state)
{
	static const struct {
		const char *in, *value;
	} broken[] = {
		{ "#\na=\\u12", "u12" }, { "#\na=\\u12g4", "u12g4" }, { "#\na=\\u", "u" },
		{ "#\na=\\u\x11\x12\x13\x14", "u\x11\x12\x13\x14" },
		{ "#\na=\\u 123", "u 123" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct properties p;

		properties_parse(span_of(broken[i].in), &p);
		assert_int_equal(p.count, 1);
		assert_string_equal(p.items[0].value, broken[i].value);
		assert_int_equal(p.note_count, 1);
		assert_int_equal(p.notes[0].line, 2);
		assert_non_null(strstr(p.notes[0].text, "hexadecimal"));
		properties_free(&p);
	}
}

static void an_en_dash_is_noted(void **state)
{
	struct properties p;

	(void)state;
	properties_parse(span_of("a=b\n\xe2\x80\x93x=y"), &p);
	assert_int_equal(p.note_count, 1);
	assert_int_equal(p.notes[0].line, 2);
	properties_free(&p);
}

/* Any bytes: a small generator of the interesting ones; the sanitizer build watches. */
static void no_input_is_an_error(void **state)
{
	static const char alphabet[] = "a=:\\\n\r \tu0dD8[]I#!\xe2\x80\x93\xff";
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[24];
		struct properties p;
		size_t n;

		seed = seed * 1664525u + 1013904223u;
		n = (seed >> 16) % sizeof(text);
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = alphabet[(seed >> 16) % sizeof(alphabet)]; /* with its NUL */
		}
		properties_parse((struct span){ text, n }, &p);
		for (size_t i = 0; i < p.count; i++) {
			assert_non_null(p.items[i].key);
			assert_non_null(p.items[i].value);
			assert_in_range(p.items[i].line, 1, n + 1);
		}
		properties_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_read_as_java_reads_them),
		cmocka_unit_test(an_even_number_of_backslashes_does_not_continue),
		cmocka_unit_test(a_blank_line_ends_a_continuation),
		cmocka_unit_test(nothing_and_comments_are_no_pairs),
		cmocka_unit_test(a_pair_has_the_line_of_its_key),
		cmocka_unit_test(duplicates_are_kept_in_order),
		cmocka_unit_test(odd_things_are_noted_with_their_line),
		cmocka_unit_test(an_en_dash_is_noted),
		cmocka_unit_test(no_input_is_an_error),
	};

	return RUN(tests);
}
