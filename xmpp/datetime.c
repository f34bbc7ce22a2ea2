#include "xmpp/datetime.h"

#include <stdio.h>

/* Days since 1970-01-01 and back (civil calendar, by 400-year eras). */
static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400, doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t days, int *y, unsigned *m, unsigned *d)
{
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*d = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

void datetime_text(uint64_t wall_us, char out[DATETIME_MAX])
{
	uint64_t ms = wall_us / 1000, s = ms / 1000;
	unsigned month, day;
	int year;

	civil_from_days((int64_t)(s / 86400), &year, &month, &day);
	snprintf(out, DATETIME_MAX, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000, month, day, (unsigned)(s % 86400 / 3600),
		 (unsigned)(s % 3600 / 60), (unsigned)(s % 60), (unsigned)(ms % 1000));
}

static bool digits(const char *p, unsigned n, unsigned *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*out = *out * 10 + (unsigned)(p[i] - '0');
	}
	return true;
}

/* Whether the month has that day. */
static bool is_date(unsigned y, unsigned m, unsigned d)
{
	unsigned month, day;
	int year;

	if (m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	civil_from_days(days_from_civil(y, m, d), &year, &month, &day);
	return month == m && day == d;
}

static bool parse_offset(const char *p, size_t n, int64_t *seconds)
{
	unsigned h, m;

	if (n == 1 && *p == 'Z') {
		*seconds = 0;
		return true;
	}
	if (n != 6 || (*p != '+' && *p != '-') || p[3] != ':' || !digits(p + 1, 2, &h) || !digits(p + 4, 2, &m) || h > 14 || m > 59)
		return false;
	*seconds = (int64_t)(h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
	return true;
}

bool datetime_parse(struct span t, uint64_t *wall_us)
{
	unsigned y, mo, d, h, mi, s;
	uint64_t fraction = 0, scale = 100000;
	size_t at = 19;
	int64_t offset, total;

	if (t.n < 20 || t.n >= 64 || t.p[4] != '-' || t.p[7] != '-' || t.p[10] != 'T' || t.p[13] != ':' || t.p[16] != ':' ||
	    !digits(t.p, 4, &y) || !digits(t.p + 5, 2, &mo) || !digits(t.p + 8, 2, &d) || !digits(t.p + 11, 2, &h) ||
	    !digits(t.p + 14, 2, &mi) || !digits(t.p + 17, 2, &s))
		return false;
	if (!is_date(y, mo, d) || h > 23 || mi > 59 || s > 60) /* 60: a leap second */
		return false;
	if (t.p[at] == '.')
		for (at++; at < t.n && t.p[at] >= '0' && t.p[at] <= '9'; at++, scale /= 10)
			fraction += (uint64_t)(t.p[at] - '0') * scale;
	if (at >= t.n || !parse_offset(t.p + at, t.n - at, &offset))
		return false;
	total = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset;
	if (total < 0)
		return false;
	*wall_us = (uint64_t)total * 1000000u + fraction;
	return true;
}
