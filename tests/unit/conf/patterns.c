#include "tests/support/check.h"

#include "conf/inner.h"
#include "tests/unit/conf/load.h"

static void two_patterns_meet_when_a_text_fits_both(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} rows[] = {
		{ "", "", true }, { "", "*", true }, { "", "a", false }, { "**", "", true },
		{ "a", "a", true }, { "a", "b", false }, { "a", "ab", false }, { "*", "anything", true },
		{ "a*", "*b", true }, { "a*", "b*", false }, { "*a", "*b", false }, { "a*c", "ab*", true },
		{ "a*b*c", "axbyc", true }, { "a*b*c", "axbyd", false }, { "*x*", "y*y", true }, { "x*x", "x", false },
		{ "guest-*@a.example", "alice@a.example", false }, { "*@a.example", "alice@a.example", true },
		{ "*@a.example", "alice@b.example", false }, { "g*@*.example", "*t@a.*", true },
		{ "v-*@a", "v*@a", true }, { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*a*a*a*a*c", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (patterns_meet(rows[i].a, rows[i].b) != rows[i].meet || patterns_meet(rows[i].b, rows[i].a) != rows[i].meet)
			fail_msg("'%s' and '%s'", rows[i].a, rows[i].b);
}

/* Against every text of up to six letters out of two. */
static void meeting_agrees_with_matching(void **state)
{
	static const char *const patterns[] = { "*", "a", "a*", "*a", "a*b", "*ab*", "b*b", "ab", "ba*", "*b*a", "aa*b", "*a*a*" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		for (size_t k = 0; k < ARRAY_LEN(patterns); k++) {
			bool common = false;

			for (unsigned n = 0; n <= 6; n++)
				for (unsigned bits = 0; bits < 1u << n; bits++) {
					char text[8] = "";

					for (unsigned at = 0; at < n; at++)
						text[at] = bits >> at & 1 ? 'b' : 'a';
					common |= option_matches(patterns[i], text) && option_matches(patterns[k], text);
				}
			if (patterns_meet(patterns[i], patterns[k]) != common)
				fail_msg("'%s' and '%s'", patterns[i], patterns[k]);
		}
}

static void an_address_that_is_none_is_an_error_with_its_line(void **state)
{
	static const char *const keys[] = { "--admins", "sess-man/desk/seats[s]", "sess-man/desk/robots[s]",
					    "sess-man/desk/visitors[s]" };
	static const struct {
		const char *item, *problem;
	} rows[] = {
		{ "al ice@localhost", "'al ice@localhost' is no address: there is white space in it; write name@domain" },
		{ "al@x@y", "'al@x@y' is no address: there is more than one @ in it" },
		{ "@", "'@' is no address: nothing stands before the @" },
		{ "@localhost", "'@localhost' is no address: nothing stands before the @" },
		{ "a@", "'a@' is no address: no domain stands behind the @" },
		{ "alice", "'alice' is no address: it has no @" },
		{ "al:ice@localhost", "'al:ice@localhost' is no address: one of \"&':<> is in it" },
		{ "<a@localhost>", "'<a@localhost>' is no address: one of" },
		{ "a@.localhost", "'a@.localhost' is no address: its domain is none" },
		{ "a@local..host", "'a@local..host' is no address: its domain is none" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			char text[200], wanted[200];
			const char *problem = wanted;
			struct loaded l;

			snprintf(text, sizeof(text), "\n%s=%s", keys[k], rows[i].item);
			snprintf(wanted, sizeof(wanted), "2 error: %s", rows[i].problem);
			l = load(text);
			expect_problems(&l, &problem, 1);
			unload(&l);
		}
}

static void each_bad_one_of_a_list_is_named(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l, "sess-man/desk/seats[s]=alice@localhost,al ice@x@y,@,a@,bob@localhost", "1 error: 'al ice@x@y' is no address",
	       "1 error: '@' is no address", "1 error: 'a@' is no address");
	unload(&l);
}

static void patterns_that_catch_the_wrong_people(void **state)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{ "sess-man/desk/seats[s]=*", NULL },
		{ "sess-man/desk/seats[s]=a@localhost/r", "1 warning: 'a@localhost/r' has a resource" },
		{ "sess-man/desk/seats[s]=a@elsewhere", "1 warning: 'a@elsewhere' matches no address of a domain in --virt-hosts" },
		{ "--virt-hosts=a.example,b.example\nsess-man/desk/seats[s]=*@*.example,al*,x@b.*", NULL },
		{ "--admins=root@elsewhere", NULL },
		{ "--admins=*@localhost", "1 error: '*@localhost' is a pattern; name each administrator" },
		{ "sess-man/desk/seats[s]=desk@localhost", "1 error: 'desk@localhost' is the desk's own address" },
		{ "sess-man/desk/name=chat\nsess-man/desk/robots[s]=chat@localhost", "2 error: 'chat@localhost' is the desk's own address" },
		{ "sess-man/desk/name=chat\nsess-man/desk/robots[s]=desk@localhost", NULL },
		{ "sess-man/desk/seats[s]=x1@localhost\nsess-man/desk/robots[s]=x*@localhost",
		  "2 warning: robots 'x*@localhost' and seats 'x1@localhost' can be one address; it counts as a seat" },
		{ "sess-man/desk/visitors[s]=guest-*@localhost\nsess-man/desk/seats[s]=alice@localhost", NULL },
		{ "sess-man/desk/visitors[s]=g*@localhost\nsess-man/desk/seats[s]=greta@localhost",
		  "1 error: visitors 'g*@localhost' and seats 'greta@localhost' can be one address, and a visitor needs no password" },
		{ "sess-man/desk/seats[s]=*a@localhost\nsess-man/desk/visitors[s]=v*@localhost",
		  "2 error: visitors 'v*@localhost' and seats '*a@localhost' can be one address" },
		{ "sess-man/desk/robots[s]=guest-robot@localhost\nsess-man/desk/visitors[s]=guest-*@localhost",
		  "2 error: visitors 'guest-*@localhost' and robots 'guest-robot@localhost' can be one address" },
		{ "--admins=guest-root@localhost\nsess-man/desk/visitors[s]=guest-*@localhost",
		  "2 error: visitors 'guest-*@localhost' and admins 'guest-root@localhost' can be one address" },
		{ "sess-man/desk/visitors[s]=*@localhost", "1 warning: visitors '*@localhost' are all names of a domain" },
		{ "sess-man/desk/visitors[s]=*", "1 warning: visitors '*' are all names of a domain" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		expect_problems(&l, &rows[i].problem, rows[i].problem != NULL);
		unload(&l);
	}
}

/* Whoever logs in has been put into lower case: Alice@localhost as written would match nobody. */
static void addresses_are_taken_in_lower_case(void **state)
{
	struct loaded l = load("sess-man/desk/seats[s]=Alice@LocalHost");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_string_equal(l.c->desk_seats.items[0], "alice@localhost");
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_patterns_meet_when_a_text_fits_both),
		cmocka_unit_test(meeting_agrees_with_matching),
		cmocka_unit_test(an_address_that_is_none_is_an_error_with_its_line),
		cmocka_unit_test(each_bad_one_of_a_list_is_named),
		cmocka_unit_test(patterns_that_catch_the_wrong_people),
		cmocka_unit_test(addresses_are_taken_in_lower_case),
	};

	return RUN(tests);
}
