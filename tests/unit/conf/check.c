/* Rules between settings. */
#include "tests/support/check.h"

#include "tests/unit/conf/load.h"

/* An operator who knows one limit only is not held by the other. */
static void the_limit_of_all_senders_follows_that_of_a_pair(void **state)
{
	static const struct {
		const char *text;
		int64_t total;
		const char *problem;
	} rows[] = {
		{ "", 1000, NULL },
		{ "amp/store-limit[L]=2", 1000, NULL },
		{ "amp/store-limit[L]=2000", 2000, NULL },
		{ "sess-man/plugins-conf/amp/store-limit[L]=0", 0, NULL },
		{ "amp/store-limit-total[L]=500", 500, NULL },
		{ "amp/store-limit-total[L]=0\namp/store-limit[L]=2000", 0, NULL },
		{ "amp/store-limit[L]=2000\namp/store-limit-total[L]=500", 500, "1 warning: amp/store-limit (2000) is more than" },
		{ "amp/store-limit[L]=0\namp/store-limit-total[L]=500", 500, "1 warning: 0 is no limit for a pair of users, but "
										"amp/store-limit-total keeps 500 messages" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		assert_int_equal(l.c->store_limit_total, rows[i].total);
		expect_problems(&l, &rows[i].problem, rows[i].problem != NULL);
		unload(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_of_all_senders_follows_that_of_a_pair),
	};

	return RUN(tests);
}
