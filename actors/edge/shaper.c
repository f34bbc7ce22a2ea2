/* The buckets count microseconds, so that one byte at a megabyte per second still weighs something. */
#include "actors/edge/shaper.h"

#include "actors/edge/limits.h"

static void take(uint64_t *until_us, uint32_t rate, uint64_t now_us, uint64_t amount)
{
	if (!rate || !amount)
		return;
	if (*until_us < now_us)
		*until_us = now_us;
	*until_us += amount * 1000000 / rate;
}

static uint64_t wait_us(uint64_t until_us, uint32_t rate, uint32_t burst, uint64_t now_us)
{
	uint64_t allowance;

	if (!rate)
		return 0;
	allowance = (uint64_t)(burst ? burst : rate) * 1000000 / rate;
	return until_us > now_us + allowance ? until_us - now_us - allowance : 0;
}

void shaper_take(struct shaper *s, const struct regime *r, uint64_t now_ms, uint64_t bytes, uint64_t stanzas)
{
	take(&s->bytes_us, r->byte_rate, now_ms * 1000, bytes);
	take(&s->stanzas_us, r->stanza_rate, now_ms * 1000, stanzas);
}

uint64_t shaper_wait_ms(const struct shaper *s, const struct regime *r, uint64_t now_ms)
{
	uint64_t bytes = wait_us(s->bytes_us, r->byte_rate, r->byte_burst, now_ms * 1000);
	uint64_t stanzas = wait_us(s->stanzas_us, r->stanza_rate, r->stanza_burst, now_ms * 1000);

	return ((bytes > stanzas ? bytes : stanzas) + 999) / 1000;
}
