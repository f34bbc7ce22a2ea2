/* One block of cells for each thread that ever counted; blocks live for ever, so a thread that ended keeps its counts. */
#include "runtime/metric.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mem/buf.h"

/* On cache lines of its own, and of whole lines: two threads that count must not write the same one. */
struct metric_block {
	_Alignas(64) struct metric_block *next;
	int64_t cells[METRIC_COUNT + 1 + METRIC_DECLARED_MAX]; /* written by one thread, read by all */
};

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric_block *blocks;
static _Thread_local struct metric_block *own;

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC(name, kind, unit, help) { #name, kind, unit, help },
#include "runtime/metrics.def"
#undef METRIC
};

static struct metric_row declared[METRIC_DECLARED_MAX]; /* number METRIC_COUNT + 1 and on */
static unsigned declared_count;

static const struct metric_row *row_of(unsigned m)
{
	return m < METRIC_COUNT ? &metric_rows[m] : &declared[m - METRIC_COUNT - 1];
}

enum metric metric_declare(const char *name, enum metric_kind kind, const char *help)
{
	for (unsigned i = 0; i < declared_count; i++)
		if (strcmp(declared[i].name, name) == 0)
			return declared[i].kind == kind ? (enum metric)(METRIC_COUNT + 1 + i) : METRIC_COUNT;
	if (declared_count == METRIC_DECLARED_MAX)
		return METRIC_COUNT;
	declared[declared_count] = (struct metric_row){ xstrdup(name), kind, "", xstrdup(help) };
	return (enum metric)(METRIC_COUNT + 1 + declared_count++);
}

static struct metric_block *new_block(void)
{
	own = aligned_alloc(64, sizeof(*own));
	if (!own)
		base_out_of_memory();
	memset(own, 0, sizeof(*own));
	pthread_mutex_lock(&blocks_lock);
	own->next = blocks;
	blocks = own;
	pthread_mutex_unlock(&blocks_lock);
	return own;
}

void metric_add(enum metric m, int64_t by)
{
	struct metric_block *block = own ? own : new_block();

	/* single writer: a plain add, stored so that readers never see half a value */
	__atomic_store_n(&block->cells[m], block->cells[m] + by, __ATOMIC_RELAXED);
}

int64_t metric_read(enum metric m)
{
	int64_t sum = 0;

	pthread_mutex_lock(&blocks_lock);
	for (struct metric_block *block = blocks; block; block = block->next)
		sum += __atomic_load_n(&block->cells[m], __ATOMIC_RELAXED);
	pthread_mutex_unlock(&blocks_lock);
	return sum;
}

static const char *kind_text(enum metric_kind kind)
{
	return kind == METRIC_COUNTER ? "counter" : "gauge";
}

void metric_print(struct buf *out)
{
	for (unsigned i = 0; i < METRIC_COUNT + 1 + declared_count; i++) {
		const struct metric_row *row;

		if (i == METRIC_COUNT)
			continue;
		row = row_of(i);
		buf_addf(out, "# HELP switchboard_%s %s\n# TYPE switchboard_%s %s\nswitchboard_%s %lld\n", row->name, row->help,
			 row->name, kind_text(row->kind), row->name, (long long)metric_read((enum metric)i));
	}
}

void metric_print_reference(struct buf *out)
{
	buf_add_text(out, "# Metrics\n\nPrinted by `switchboard --print-reference metrics`; do not edit. They are at `/metrics` on "
			  "the HTTP ports, in Prometheus form.\n\n| metric | kind | unit | meaning |\n|---|---|---|---|\n");
	for (unsigned i = 0; i < METRIC_COUNT; i++)
		buf_addf(out, "| `switchboard_%s` | %s | %s | %s |\n", metric_rows[i].name, kind_text(metric_rows[i].kind),
			 metric_rows[i].unit, metric_rows[i].help);
}
