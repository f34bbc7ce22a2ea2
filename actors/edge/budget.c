#include "actors/edge/budget.h"

#include "actors/edge/sm.h"
#include "actors/edge/stream.h"
#include "runtime/log.h"
#include "runtime/mem/held.h"
#include "runtime/metric.h"
#include "runtime/process/memory.h"

#define MIB (1024u * 1024u)
#define TURNS_A_LOOK 64u
#define SHED_EVERY_MS 1000u /* what is ended needs a while to be gone */
#define WARN_EVERY_MS 10000u
#define WORTH_IT 65536u     /* who holds less than that is not the trouble */

uint64_t budget_bytes(const struct config *conf)
{
	return conf->limit_memory ? (uint64_t)conf->limit_memory * MIB : memory_available() / 4 * 3;
}

static uint64_t part(const struct edge *e, unsigned percent)
{
	return e->shared->budget / 100 * percent;
}

/* told_ms: of all edges; whichever is faster tells it. */
static void warn(const char *what, uint64_t *told_ms, int64_t held, const struct edge *e)
{
	uint64_t now = actor_now_ms(), before = __atomic_load_n(told_ms, __ATOMIC_RELAXED);

	if ((before && now - before < WARN_EVERY_MS) ||
	    !__atomic_compare_exchange_n(told_ms, &before, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	LOG_WARNING("edge", "%lld MiB are held for clients, of %llu MiB allowed (sess-man/limits/memory): %s", (long long)(held / MIB),
		    (unsigned long long)(e->shared->budget / MIB), what);
}

bool budget_admits(const struct edge *e)
{
	static uint64_t told_ms;
	int64_t held = held_bytes();

	if (held < 0 || (uint64_t)held < part(e, 80))
		return true;
	metric_limit(METRIC_limit_memory);
	warn("newcomers are refused", &told_ms, held, e);
	return false;
}

static uint64_t holds(const struct stream *s)
{
	return (s->ops->held ? s->ops->held(s) : s->conn ? conn_unsent(s->conn) : 0) + (s->sm ? s->sm->queued_bytes : 0);
}

static struct stream *largest(const struct edge *e, uint64_t *bytes)
{
	struct stream *found = NULL;

	*bytes = 0;
	for (uint32_t i = 0; i < e->slot_count; i++) {
		struct stream *s = e->slots[i].stream;
		uint64_t n = s && s->bound && s->phase != STREAM_CLOSING ? holds(s) : 0;

		if (n > *bytes) {
			*bytes = n;
			found = s;
		}
	}
	return found;
}

/* Between two looks a worker takes in what some turns can bring; nothing needs a clock of its own while nobody is there. */
void budget_turn_end(struct edge *e)
{
	static uint64_t told_ms;
	uint64_t bytes;
	struct stream *s;
	struct conn *conn;
	int64_t held;

	if (++e->turns % TURNS_A_LOOK || actor_now_ms() < e->shed_again_ms)
		return;
	held = held_bytes();
	if (held < 0 || (uint64_t)held < part(e, 90))
		return;
	e->shed_again_ms = actor_now_ms() + SHED_EVERY_MS;
	s = largest(e, &bytes);
	if (!s || bytes < WORTH_IT)
		return;
	metric_limit(METRIC_limit_memory);
	warn("the sessions that hold the most are ended", &told_ms, held, e);
	conn = s->conn; /* NULL: it sleeps, or is of BOSH */
	stream_fail(s, STREAM_ERROR_RESOURCE_CONSTRAINT, NULL);
	if (conn)
		conn_cut(conn); /* one who does not read would hold it until the end of lingering */
}
