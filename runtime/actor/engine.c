#include "runtime/actor/engine.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "runtime/actor/inner.h"
#include "runtime/actor/order.h"
#include "runtime/outside.h"

void engine_init(const struct engine_options *options)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = options->workers ? options->workers : options->simulate || cores < 1 ? 1 : (unsigned)cores;

	if (options->simulate)
		sim_init(options->seed, options->elapsed_us);
	directory_init(options->actors_max);
	workers_init(workers, options->simulate);
}

unsigned engine_workers(void)
{
	return workers_count();
}

int engine_start(void)
{
	int problem;

	ASSERT(!sim_is_on());
	problem = thread_start_all();
	return problem ? problem : workers_start();
}

struct backlog {
	uint64_t waiting, pushed;
};

static void add_backlog(struct actor *a, void *ctx)
{
	struct backlog *sum = ctx;
	uint32_t pushed = order_load_u32(&a->pushed);

	sum->pushed += pushed;
	sum->waiting += pushed - order_load_u32(&a->handled);
}

bool engine_drain(uint64_t deadline_ms)
{
	const struct timespec pause = { 0, 1000000 };
	uint64_t end = outside_mono_ms() + deadline_ms, last = UINT64_MAX;

	/* Two looks with nothing waiting and nothing sent in between: all is quiet. */
	do {
		struct backlog sum = { 0, 0 };

		directory_each(add_backlog, &sum);
		if (sum.waiting == 0 && sum.pushed == last)
			return true;
		last = sum.waiting == 0 ? sum.pushed : UINT64_MAX;
		if (sim_is_on())
			engine_sim_run(0);
		else
			nanosleep(&pause, NULL);
	} while (outside_mono_ms() <= end);
	return false;
}

static void stop_left(struct actor *a, void *ctx)
{
	(void)ctx;
	if (a->id != ACTOR_NONE) { /* threaded actors under simulation */
		actor_set_current(a, outside_mono_ms());
		actor_end(a);
		actor_set_current(NULL, 0);
	}
}

static void drop_left(struct actor *a, void *ctx)
{
	(void)ctx;
	actor_drop_mailbox(a);
}

void engine_stop(void)
{
	workers_stop();
	thread_stop_all(); /* after the workers: stores still get what was sent to them */
	directory_each(stop_left, NULL);
	directory_each(drop_left, NULL);
	workers_fini();
	directory_fini();
	sim_fini();
}

struct ev_loop *engine_loop(void)
{
	struct worker *w = worker_here();

	return w ? w->loop : NULL;
}

unsigned engine_worker(void)
{
	struct worker *w = worker_here();

	return w ? w->index : UINT_MAX;
}

void actor_enter(actor_id self)
{
	struct actor *a = directory_find(self);

	ASSERT(actor_current() == NULL && a && a->b->placement == ACTOR_PINNED);
	if (sim_is_on() && !worker_here())
		worker_set_here(worker_at(a->home));
	ASSERT(worker_here() && worker_here()->index == a->home);
	actor_set_current(a, outside_mono_ms());
}

void actor_leave(void)
{
	ASSERT(actor_current());
	worker_note_turn(worker_here(), actor_current());
	actor_set_current(NULL, 0);
	if (sim_is_on()) { /* no loop turn will come: this is one */
		worker_end_turns(worker_here());
		worker_set_here(NULL);
	}
}

void engine_on_turn_end(void (*hook)(unsigned worker))
{
	worker_turn_hook = hook;
}
