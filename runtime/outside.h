#pragma once
/* Time and random bytes: all that only the outside world can give. Everything above reads them here and
 * nowhere else, so the simulator can put its own clock and its own seeded bytes in their place. Any thread. */
#include "runtime/base.h"

struct outside {
	uint64_t (*mono_us)(void); /* monotonic clock, microseconds */
	uint64_t (*wall_us)(void); /* UTC, microseconds since 1970 */
	void (*random_bytes)(void *out, size_t bytes);
};

/* Puts another world in place (tests, simulator); NULL restores the real one. Before threads start. */
void outside_replace(const struct outside *world);

uint64_t outside_mono_us(void);
uint64_t outside_mono_ms(void);
uint64_t outside_wall_us(void);
/* Cryptographic random bytes (OpenSSL); a failure of the generator aborts, there is no fallback. */
void outside_random(void *out, size_t bytes);
/* Whether the system gives any (at the start, before anybody relies on it). */
bool outside_random_works(void);
/* `bytes` random bytes as 2*bytes lower-case hex digits and a NUL. */
void outside_random_hex(char *out, size_t bytes);
/* Uniform in 0..limit-1; limit > 0. */
uint64_t outside_random_below(uint64_t limit);
