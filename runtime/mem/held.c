#include "runtime/mem/held.h"

#include "runtime/metric.h"

void held_add(int64_t bytes)
{
	metric_add(METRIC_held_bytes, bytes);
}

int64_t held_bytes(void)
{
	return metric_read(METRIC_held_bytes);
}
