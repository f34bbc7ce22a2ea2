#pragma once
/* Bytes in memory that grow with what clients send and do not take: stanzas, buffers, connections; over all threads. What the
 * process has resident says less: an allocator keeps what was freed. */
#include <stdint.h>

/* What things cost that are not counted byte by byte, about: tests/bench/run has the figures. */
#define HELD_CONNECTION 1800
#define HELD_TLS 15000
#define HELD_SESSION 2500 /* of BOSH, which has no connection of its own */

/* Any thread. One may add what another takes off. */
void held_add(int64_t bytes);
int64_t held_bytes(void); /* the sum: a look at each thread's count */
