#pragma once
/* Two token buckets in 16 bytes: bytes and stanzas of one client, by the generic cell rate algorithm (each holds the
 * time at which it would be empty again). A value; knows no clock. */
#include "runtime/base.h"

struct regime;

struct shaper {
	uint64_t bytes_us, stanzas_us;
};

void shaper_take(struct shaper *s, const struct regime *r, uint64_t now_ms, uint64_t bytes, uint64_t stanzas);
/* 0, or how long reading has to wait until the client is within its rates again. */
uint64_t shaper_wait_ms(const struct shaper *s, const struct regime *r, uint64_t now_ms);
