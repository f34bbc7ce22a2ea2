#pragma once
/* XEP-0082 stamps. */
#include "runtime/mem/span.h"

#define DATETIME_MAX 32
/* "2026-11-24T12:03:20.123Z" from microseconds since 1970 UTC. */
void datetime_text(uint64_t wall_us, char out[DATETIME_MAX]);
bool datetime_parse(struct span text, uint64_t *wall_us); /* with or without fraction, Z or offset */
