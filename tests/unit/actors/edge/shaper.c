#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/edge/limits.h"
#include "actors/edge/shaper.h"

static const struct regime slow = { .byte_rate = 1000, .byte_burst = 2000, .stanza_rate = 2, .stanza_burst = 4 };
static const struct regime open = { 0 };

static void a_burst_passes_and_then_the_rate_holds(void **state)
{
	struct shaper s = { 0 };

	(void)state;
	shaper_take(&s, &slow, 10000, 2000, 0);
	assert_int_equal(shaper_wait_ms(&s, &slow, 10000), 0);
	shaper_take(&s, &slow, 10000, 500, 0);
	assert_int_equal(shaper_wait_ms(&s, &slow, 10000), 500);
	assert_int_equal(shaper_wait_ms(&s, &slow, 10500), 0);
}

static void stanzas_have_a_bucket_of_their_own(void **state)
{
	struct shaper s = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		shaper_take(&s, &slow, 10000, 1, 1);
	assert_int_equal(shaper_wait_ms(&s, &slow, 10000), 0);
	shaper_take(&s, &slow, 10000, 1, 1);
	assert_int_equal(shaper_wait_ms(&s, &slow, 10000), 500);
}

static void single_bytes_add_up(void **state)
{
	struct shaper s = { 0 };

	(void)state;
	for (int i = 0; i < 3000; i++)
		shaper_take(&s, &slow, 10000, 1, 0);
	assert_int_equal(shaper_wait_ms(&s, &slow, 10000), 1000);
}

static void a_rate_of_zero_never_waits(void **state)
{
	struct shaper s = { 0 };

	(void)state;
	shaper_take(&s, &open, 10000, 1000000000, 1000000);
	assert_int_equal(shaper_wait_ms(&s, &open, 10000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_passes_and_then_the_rate_holds),
		cmocka_unit_test(stanzas_have_a_bucket_of_their_own),
		cmocka_unit_test(single_bytes_add_up),
		cmocka_unit_test(a_rate_of_zero_never_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
