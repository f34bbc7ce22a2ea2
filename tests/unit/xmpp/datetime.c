/* XEP-0082 stamps: every day of four centuries, the ends of 32-bit clocks, leap seconds, what is no stamp. */
#include "tests/support/check.h"

#include "xmpp/datetime.h"

#define US 1000000u

static uint64_t parsed(const char *text)
{
	uint64_t us = UINT64_MAX;

	return datetime_parse(span_of(text), &us) ? us : UINT64_MAX;
}

static void moments_have_their_text(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 951782400, "2000-02-29T00:00:00.000Z" },
		{ 1483228799, "2016-12-31T23:59:59.000Z" }, /* the second before a leap second */
		{ 1483228800, "2017-01-01T00:00:00.000Z" },
		{ 2147483647, "2038-01-19T03:14:07.000Z" }, /* the last one of a signed 32-bit clock */
		{ 2147483648, "2038-01-19T03:14:08.000Z" },
		{ 4107542399, "2100-02-28T23:59:59.000Z" }, /* no leap year */
		{ 4107542400, "2100-03-01T00:00:00.000Z" },
		{ 4294967295, "2106-02-07T06:28:15.000Z" }, /* the last one of an unsigned one */
		{ 4294967296, "2106-02-07T06:28:16.000Z" },
		{ 253402300799, "9999-12-31T23:59:59.000Z" },
	};
	char text[DATETIME_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		datetime_text(rows[i].seconds * US, text);
		assert_string_equal(text, rows[i].text);
		assert_true(parsed(rows[i].text) == rows[i].seconds * US);
	}
}

static void every_day_of_four_centuries_goes_both_ways(void **state)
{
	char text[DATETIME_MAX];

	(void)state;
	for (uint64_t day = 0; day < 146097; day++) {
		uint64_t us = day * 86400 * US + 999000;

		datetime_text(us, text);
		assert_true(parsed(text) == us);
	}
}

/* The hour that summer time repeats or leaves out is an hour like others in UTC, whatever the zone. */
static void no_time_zone_is_asked(void **state)
{
	static const char *const zones[] = { "Europe/Berlin", "America/New_York", "right/UTC", "XYZ-14ABC", ":", "no such zone" };
	char text[DATETIME_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		setenv("TZ", zones[i], 1);
		for (uint64_t s = 1774746000 - 7200; s < 1774746000 + 7200; s += 1800) { /* 2026-03-29T01:00:00Z, CET to CEST */
			datetime_text(s * US, text);
			assert_true(parsed(text) == s * US);
		}
		assert_true(parsed("2026-03-29T02:30:00+02:00") == (1774746000 - 1800) * (uint64_t)US);
	}
	unsetenv("TZ");
}

/* XEP-0082 has them: the 61st second is the first one of the next minute. */
static void a_leap_second_is_read(void **state)
{
	(void)state;
	assert_true(parsed("2016-12-31T23:59:60Z") == 1483228800 * (uint64_t)US);
	assert_true(parsed("2016-12-31T23:59:60.500Z") == 1483228800 * (uint64_t)US + 500000);
	assert_true(parsed("2016-12-31T23:59:61Z") == UINT64_MAX);
}

static void what_is_no_stamp_is_refused(void **state)
{
	static const char *const rows[] = { "", "2026", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00z", "2026-01-01t00:00:00Z",
		"2026-01-01T00:00:00+15:00", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00.", "1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01", "+2026-01-01T00:00:00Z", "2026-01-01T00:00:00ZZ" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (parsed(rows[i]) != UINT64_MAX)
			fail_msg("taken for a stamp: %s", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_have_their_text),
		cmocka_unit_test(every_day_of_four_centuries_goes_both_ways),
		cmocka_unit_test(no_time_zone_is_asked),
		cmocka_unit_test(a_leap_second_is_read),
		cmocka_unit_test(what_is_no_stamp_is_refused),
	};

	return RUN(tests);
}
