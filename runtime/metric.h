#pragma once
/* Counters and gauges, declared as rows in runtime/metrics.def (name, kind, unit, help). A cell belongs to the
 * thread that writes it (per-thread blocks), so adds are plain stores; readers sum all blocks. A gauge may be
 * raised on one thread and lowered on another: the sum is what counts. */
#include "runtime/base.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

enum metric {
#define METRIC(name, kind, unit, help) METRIC_##name,
#include "runtime/metrics.def"
#undef METRIC
	METRIC_COUNT
};

/* Further ones that are known only at the start (extensions): cells behind those of the table. */
#define METRIC_DECLARED_MAX 256

struct metric_row {
	const char *name; /* lower case with underscores, as shown by /metrics */
	enum metric_kind kind;
	const char *unit;
	const char *help;
};

extern const struct metric_row metric_rows[METRIC_COUNT];

void metric_add(enum metric m, int64_t by); /* any thread; its own cell */
static inline void metric_inc(enum metric m)
{
	metric_add(m, 1);
}
/* A limit refused, closed or slowed down something: counted by itself and in limits_hit. */
static inline void metric_limit(enum metric m)
{
	metric_add(METRIC_limits_hit, 1);
	metric_add(m, 1);
}
/* A metric of no row, for metric_add and metric_read like the others; `name` and `help` are copied. The same name again is the
 * same metric. METRIC_COUNT: there are METRIC_DECLARED_MAX already, or one of another kind has the name. Main thread, before
 * others start. */
enum metric metric_declare(const char *name, enum metric_kind kind, const char *help);
int64_t metric_read(enum metric m); /* sum over threads; any thread */

struct buf;
void metric_print(struct buf *out);           /* Prometheus text form */
void metric_print_reference(struct buf *out); /* docs/reference/metrics.md */
