/* Addresses and blocks of them. */
#include "tests/support/check.h"

#include "runtime/io/address.h"

static void literals_are_read_and_printed_canonically(void **state)
{
	static const struct {
		const char *text, *printed; /* NULL: refused */
	} rows[] = {
		{ "203.0.113.9", "203.0.113.9" }, { "::1", "::1" },	    { "2001:DB8::1", "2001:db8::1" },
		{ "::ffff:10.0.0.1", "10.0.0.1" }, { "10.0.0", NULL },	    { "10.0.0.256", NULL },
		{ "", NULL },			   { "localhost", NULL },   { "1.2.3.4/8", NULL },
		{ "[::1]", NULL },		   { " 1.2.3.4", NULL },    { "0x7f.1", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address a;
		char text[ADDRESS_TEXT_MAX];
		bool ok = address_parse(span_of(rows[i].text), &a);

		assert_int_equal(ok, rows[i].printed != NULL);
		if (!ok)
			continue;
		address_text(&a, text);
		assert_string_equal(text, rows[i].printed);
	}
}

static void a_literal_with_a_nul_is_refused(void **state)
{
	struct address a;

	(void)state;
	assert_false(address_parse((struct span){ "1.2.3.4\0x", 9 }, &a));
}

static void blocks_hold_what_they_should(void **state)
{
	static const struct {
		const char *block, *address;
		int in; /* -1: the block is refused */
	} rows[] = {
		{ "10.0.0.0/8", "10.255.1.2", 1 },     { "10.0.0.0/8", "11.0.0.0", 0 },
		{ "10.0.0.0/9", "10.127.0.1", 1 },     { "10.0.0.0/9", "10.128.0.1", 0 },
		{ "203.0.113.9", "203.0.113.9", 1 },   { "203.0.113.9", "203.0.113.8", 0 },
		{ "0.0.0.0/0", "8.8.8.8", 1 },	       { "0.0.0.0/0", "2001:db8::1", 0 },
		{ "::/0", "2001:db8::1", 1 },	       { "::1", "::1", 1 },
		{ "2001:db8::/33", "2001:db8:7fff::1", 1 }, { "2001:db8::/33", "2001:db8:8000::1", 0 },
		{ "127.0.0.0/8", "::ffff:127.0.0.1", 1 },
		{ "10.0.0.0/33", "", -1 },	       { "::/129", "", -1 },
		{ "10.0.0.0/", "", -1 },	       { "10.0.0.0/8x", "", -1 },
		{ "10.0.0.0/-1", "", -1 },	       { "/8", "", -1 },
		{ "x/8", "", -1 },		       { "10.0.0.0/0008", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address_block b;
		struct address a;

		assert_int_equal(address_block_parse(span_of(rows[i].block), &b), rows[i].in >= 0);
		if (rows[i].in < 0)
			continue;
		assert_true(address_parse(span_of(rows[i].address), &a));
		assert_int_equal(address_in(&a, &b), rows[i].in);
	}
}

static void limits_count_a_whole_ipv4_address_and_a_slash_64(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "2001:db8::1", "2001:db8::ffff:1:2:3", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address a, b;
		struct address_block ua, ub;

		assert_true(address_parse(span_of(rows[i].one), &a) && address_parse(span_of(rows[i].other), &b));
		ua = address_limit_unit(&a);
		ub = address_limit_unit(&b);
		assert_int_equal(memcmp(&ua, &ub, sizeof(ua)) == 0, rows[i].same);
		assert_int_equal(address_in(&b, &ua), rows[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_are_read_and_printed_canonically),
		cmocka_unit_test(a_literal_with_a_nul_is_refused),
		cmocka_unit_test(blocks_hold_what_they_should),
		cmocka_unit_test(limits_count_a_whole_ipv4_address_and_a_slash_64),
	};

	return RUN(tests);
}
