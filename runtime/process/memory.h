#pragma once
/* How much memory there is for this process. */
#include <stdint.h>

/* Bytes: what the machine has, or what its control group (version 2) allows if that is less. Looked up anew each time; where a
 * limit cannot be read there is none. Blocks for a moment: not on a worker that serves. */
uint64_t memory_available(void);
