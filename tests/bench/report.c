/* Latency and results, one a line: "name value". */
#include "loadgen.h"

#include <stdio.h>
#include <string.h>

/* Latency in microseconds: exact below 64, then 32 steps for each power of two (3 % wide). */
#define EXACT 64u
#define STEPS 32u
#define CELLS (EXACT + 40u * STEPS)
static uint64_t histogram[CELLS];

void report_forget(void)
{
	memset(histogram, 0, sizeof(histogram));
}

void report_reset(void)
{
	report_forget();
	received = 0;
}

void report_latency(uint64_t us)
{
	unsigned power;

	if (us < EXACT) {
		histogram[us]++;
		return;
	}
	power = 63u - (unsigned)__builtin_clzll(us) - 5u; /* us >> power is in 32..63 */
	histogram[EXACT + (power - 1) * STEPS + ((us >> power) - STEPS)]++;
}

static uint64_t cell_us(size_t cell)
{
	if (cell < EXACT)
		return cell;
	return (STEPS + (cell - EXACT) % STEPS) << ((cell - EXACT) / STEPS + 1);
}

static double percentile_ms(double p)
{
	uint64_t total = 0, seen = 0;

	for (size_t i = 0; i < CELLS; i++)
		total += histogram[i];
	for (size_t i = 0; i < CELLS; i++) {
		seen += histogram[i];
		if (total && (double)seen >= (double)total * p)
			return (double)cell_us(i) / 1000.0;
	}
	return 0;
}

void report_percentiles(const char *of)
{
	printf("%s_p50_ms %.3f\n%s_p99_ms %.3f\n%s_max_ms %.3f\n", of, percentile_ms(0.50), of, percentile_ms(0.99), of, percentile_ms(1.0));
}

void report_messages(uint64_t begin_us)
{
	printf("messages %llu\n", (unsigned long long)received);
	printf("messages_per_s %.0f\n", (double)received * 1e6 / (double)(now_us() - begin_us));
	report_percentiles("latency");
	fflush(stdout); /* who watches the server's CPU ends here, before the connections are closed */
}
