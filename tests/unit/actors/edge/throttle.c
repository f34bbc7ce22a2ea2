#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/edge/throttle.h"

static char exempt_block[] = "10.0.0.0/8";
static char *exempt_list[] = { exempt_block };

static struct config conf(void)
{
	struct config c = { 0 };

	c.limit_exempt = (struct config_list){ exempt_list, 1 };
	c.limit_connections_address = 3;
	c.limit_unauth_address = 0;
	c.limit_connection_rate = 2;
	c.limit_sasl_address = 5;
	c.limit_sasl_account = 3;
	c.limit_sasl_penalty = 900;
	return c;
}

static struct address address(const char *text)
{
	struct address a;

	assert_true(address_parse(span_of(text), &a));
	return a;
}

static int setup(void **state)
{
	struct config c = conf();

	*state = throttle_new(&c);
	return 0;
}

static int teardown(void **state)
{
	throttle_free(*state);
	return 0;
}

static void the_limit_is_per_address_and_released_places_are_free_again(void **state)
{
	struct address a = address("203.0.113.1"), b = address("203.0.113.2");

	for (int i = 0; i < 3; i++)
		assert_true(throttle_take(*state, THROTTLE_OPEN, &a));
	assert_false(throttle_take(*state, THROTTLE_OPEN, &a));
	assert_true(throttle_take(*state, THROTTLE_OPEN, &b));

	throttle_release(*state, THROTTLE_OPEN, &a);
	assert_true(throttle_take(*state, THROTTLE_OPEN, &a));
	assert_false(throttle_take(*state, THROTTLE_OPEN, &a));
}

static void one_ipv6_network_counts_as_one(void **state)
{
	struct address a = address("2001:db8::1"), b = address("2001:db8::ffff:1"), c = address("2001:db8:0:1::1");

	assert_true(throttle_take(*state, THROTTLE_OPEN, &a));
	assert_true(throttle_take(*state, THROTTLE_OPEN, &b));
	assert_true(throttle_take(*state, THROTTLE_OPEN, &b));
	assert_false(throttle_take(*state, THROTTLE_OPEN, &a));
	assert_true(throttle_take(*state, THROTTLE_OPEN, &c));
}

static void a_limit_of_zero_is_none(void **state)
{
	struct address a = address("203.0.113.1");

	for (int i = 0; i < 1000; i++)
		assert_true(throttle_take(*state, THROTTLE_UNAUTH, &a));
}

static void exempt_addresses_are_never_refused(void **state)
{
	struct address a = address("10.1.2.3");

	for (int i = 0; i < 100; i++) {
		assert_true(throttle_take(*state, THROTTLE_OPEN, &a));
		assert_true(throttle_connection(*state, &a, 1000));
		throttle_failure(*state, &a, SPAN_LIT("alice@localhost"), 1000);
	}
	assert_false(throttle_refuses(*state, &a, SPAN_LIT("alice@localhost"), 1000));
}

static void connections_come_in_bursts_of_five_seconds(void **state)
{
	struct address a = address("203.0.113.1"), b = address("203.0.113.2");
	int allowed = 0;

	for (int i = 0; i < 100; i++)
		allowed += throttle_connection(*state, &a, 100000);
	assert_int_equal(allowed, 10);
	assert_true(throttle_connection(*state, &b, 100000));

	assert_true(throttle_connection(*state, &a, 100500));
	assert_false(throttle_connection(*state, &a, 100500));
}

static void failures_bar_an_address_for_one_account_only(void **state)
{
	struct address a = address("203.0.113.1"), b = address("203.0.113.2");
	struct span alice = SPAN_LIT("alice@localhost"), bob = SPAN_LIT("bob@localhost");

	for (int i = 0; i < 3; i++) {
		assert_false(throttle_refuses(*state, &a, alice, 5000));
		throttle_failure(*state, &a, alice, 5000);
	}
	assert_true(throttle_refuses(*state, &a, alice, 5000));
	assert_false(throttle_refuses(*state, &a, bob, 5000));
	assert_false(throttle_refuses(*state, &b, alice, 5000));
	assert_true(throttle_refuses(*state, &a, alice, 5000 + 899 * 1000));
	assert_false(throttle_refuses(*state, &a, alice, 5000 + 900 * 1000));
}

static void failures_over_many_accounts_bar_the_address(void **state)
{
	struct address a = address("203.0.113.1");
	const char *names[] = { "a@localhost", "b@localhost", "c@localhost", "d@localhost", "e@localhost" };

	for (int i = 0; i < 5; i++)
		throttle_failure(*state, &a, span_of(names[i]), 5000);
	assert_true(throttle_refuses(*state, &a, SPAN_LIT("f@localhost"), 5000));
}

static void old_failures_are_forgotten(void **state)
{
	struct address a = address("203.0.113.1");
	struct span alice = SPAN_LIT("alice@localhost");

	throttle_failure(*state, &a, alice, 5000);
	throttle_failure(*state, &a, alice, 5000);
	throttle_failure(*state, &a, alice, 5000 + 901 * 1000);
	assert_false(throttle_refuses(*state, &a, alice, 5000 + 901 * 1000));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_limit_is_per_address_and_released_places_are_free_again),
		TEST(one_ipv6_network_counts_as_one),
		TEST(a_limit_of_zero_is_none),
		TEST(exempt_addresses_are_never_refused),
		TEST(connections_come_in_bursts_of_five_seconds),
		TEST(failures_bar_an_address_for_one_account_only),
		TEST(failures_over_many_accounts_bar_the_address),
		TEST(old_failures_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
