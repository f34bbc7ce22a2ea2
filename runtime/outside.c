#include "runtime/outside.h"

#include <openssl/rand.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t real_mono_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t real_wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

bool outside_random_works(void)
{
	uint8_t byte;

	return RAND_bytes(&byte, 1) == 1;
}

static void draw(void *out, size_t bytes)
{
	if (RAND_bytes(out, (int)bytes) != 1)
		BUG("the random generator failed");
}

#define POOL_BYTES 512u
#define POOL_SERVES 64u /* longer wishes are drawn for themselves */

/* A draw costs ten thousand instructions, nearly the same for 8 bytes and for 512: ids are cut from a supply of each thread, which
 * is wiped as it is used. */
static void real_random(void *out, size_t bytes)
{
	static _Thread_local uint8_t pool[POOL_BYTES];
	static _Thread_local size_t left;

	if (bytes > POOL_SERVES) {
		draw(out, bytes);
		return;
	}
	if (left < bytes) {
		draw(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= bytes;
	memcpy(out, pool + left, bytes);
	explicit_bzero(pool + left, bytes);
}

static const struct outside real = { real_mono_us, real_wall_us, real_random };
static struct outside world = { real_mono_us, real_wall_us, real_random };

void outside_replace(const struct outside *other)
{
	world = other ? *other : real;
}

uint64_t outside_mono_us(void)
{
	return world.mono_us();
}

uint64_t outside_mono_ms(void)
{
	return world.mono_us() / 1000u;
}

uint64_t outside_wall_us(void)
{
	return world.wall_us();
}

void outside_random(void *out, size_t bytes)
{
	world.random_bytes(out, bytes);
}

void outside_random_hex(char *out, size_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t piece[32];

	for (size_t done = 0; done < bytes;) {
		size_t n = bytes - done < sizeof(piece) ? bytes - done : sizeof(piece);

		outside_random(piece, n);
		for (size_t i = 0; i < n; i++, done++) {
			out[2 * done] = digits[piece[i] >> 4];
			out[2 * done + 1] = digits[piece[i] & 15];
		}
	}
	out[2 * bytes] = '\0';
}

uint64_t outside_random_below(uint64_t limit)
{
	uint64_t value, least = -limit % limit; /* 2^64 mod limit: below it the remainder would be biased */

	ASSERT(limit > 0);
	do
		outside_random(&value, sizeof(value));
	while (value < least);
	return value % limit;
}
