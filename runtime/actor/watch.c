/* Workers count their turns; the watch looks at the counts. Silence is added up in steps of at most twice the interval,
 * so that a process that was stopped as a whole (SIGSTOP, a suspended machine) is not taken for a stalled worker. */
#include "runtime/actor/watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unwind.h>

#include "runtime/actor/inner.h"
#include "runtime/actor/order.h"
#include "runtime/log.h"
#include "runtime/mem/buf.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

#define FRAMES_MAX 24
#define ANSWER_MS 200 /* a thread that the kernel has stopped does not answer */
#define STACK_SIGNAL SIGUSR2

struct seen {
	uint32_t turn, silent_ms;
	bool stalled;
};

static struct {
	pthread_t thread;
	bool running, stopping; /* stopping: under the lock */
	pthread_mutex_t lock;
	pthread_cond_t woken;
	struct watch_options options;
	struct seen *workers;
	uint32_t interval_ms, untold_ms;
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- where a thread is --- */

/* Written by the signal's handler in the thread asked, read after `answered`. A thread that answers too late answers nobody: another
 * one may have been asked meanwhile. */
static struct {
	uint32_t asked;   /* atomic: `thread` is asked and has not begun */
	pthread_t thread; /* stays as it is while asked */
	uintptr_t frames[FRAMES_MAX];
	unsigned count;
	sem_t answered;
} stack;

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *nothing)
{
	unsigned at = stack.count;

	(void)nothing;
	if (at >= FRAMES_MAX)
		return _URC_END_OF_STACK;
	stack.frames[at] = _Unwind_GetIP(context);
	stack.count = at + 1;
	return _URC_NO_REASON;
}

static void on_stack_signal(int number)
{
	int kept = errno;

	(void)number;
	if (order_load_u32(&stack.asked) && pthread_equal(stack.thread, pthread_self()) && order_swap_u32(&stack.asked, 0)) {
		stack.count = 0;
		_Unwind_Backtrace(add_frame, NULL);
		sem_post(&stack.answered);
	}
	errno = kept;
}

static bool ask_stack(pthread_t thread)
{
	struct timespec until;

	while (sem_trywait(&stack.answered) == 0)
		; /* a late answer to an earlier question */
	stack.thread = thread;
	order_store_u32(&stack.asked, 1); /* pairs with the handler's load: `thread` is set */
	clock_gettime(CLOCK_REALTIME, &until); /* what sem_timedwait counts by */
	until.tv_nsec += ANSWER_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (pthread_kill(thread, STACK_SIGNAL) != 0)
		return false;
	while (sem_timedwait(&stack.answered, &until) != 0)
		if (errno != EINTR) {
			order_store_u32(&stack.asked, 0); /* not waited for any more */
			return false;
		}
	return true;
}

/* File and offset, which addr2line takes; the handler's own two frames are left out. */
static void print_stack(struct buf *out)
{
	for (unsigned i = 2; i < stack.count; i++) {
		Dl_info info;
		const char *slash;

		if (!dladdr((void *)stack.frames[i], &info) || !info.dli_fname)
			continue;
		slash = strrchr(info.dli_fname, '/');
		buf_addf(out, " %s+0x%lx", slash ? slash + 1 : info.dli_fname,
			 (unsigned long)(stack.frames[i] - (uintptr_t)info.dli_fbase));
	}
}

/* --- one look --- */

static void tell_stalled(unsigned index, const struct seen *s)
{
	struct buf where = BUF_INIT;
	char *text;

	if (ask_stack(worker_thread(index)))
		print_stack(&where);
	else
		buf_add_text(&where, " a place it does not tell");
	text = buf_take_text(&where);
	metric_inc(METRIC_worker_stalls);
	LOG_WARNING("watchdog", "worker %u has not come round for %u ms; it is at%s", index, s->silent_ms, text);
	free(text);
}

static void look_at(unsigned index, uint32_t elapsed_ms)
{
	struct seen *s = &watch.workers[index];
	uint32_t turn = order_load_u32(&worker_at(index)->turn);

	if (turn != s->turn) {
		if (s->stalled)
			LOG_WARNING("watchdog", "worker %u goes on after about %u ms", index, s->silent_ms);
		*s = (struct seen){ .turn = turn };
	} else {
		s->silent_ms += elapsed_ms;
	}
	if (s->silent_ms >= watch.options.warn_ms && !s->stalled) {
		s->stalled = true;
		tell_stalled(index, s);
	}
	if (watch.options.abort_ms && s->silent_ms >= watch.options.abort_ms) {
		LOG_ERROR("watchdog", "worker %u has not come round for %u ms: giving up", index, s->silent_ms);
		BUG("a worker is stalled, see basic-conf/watchdog-abort");
	}
	worker_poke(index);
}

static void look(uint32_t elapsed_ms)
{
	bool all_well = true;

	for (unsigned i = 0; i < workers_count(); i++) {
		look_at(i, elapsed_ms);
		all_well = all_well && !watch.workers[i].stalled;
	}
	watch.untold_ms += elapsed_ms;
	if (watch.options.tell_ms && all_well && watch.untold_ms + watch.interval_ms > watch.options.tell_ms) {
		watch.untold_ms = 0;
		watch.options.tell();
	}
}

/* --- the thread --- */

/* False when the watch is to end. */
static bool wait_interval(void)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(watch.interval_ms % 1000) * 1000000L;
	until.tv_sec += watch.interval_ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&watch.lock);
	while (!watch.stopping && pthread_cond_timedwait(&watch.woken, &watch.lock, &until) == 0)
		;
	go_on = !watch.stopping;
	pthread_mutex_unlock(&watch.lock);
	return go_on;
}

static void *run_watch(void *nothing)
{
	uint64_t last_ms = outside_mono_ms();

	pthread_setname_np(pthread_self(), "watchdog");
	while (wait_interval()) {
		uint64_t now_ms = outside_mono_ms(), most = 2ull * watch.interval_ms;

		look((uint32_t)(now_ms - last_ms < most ? now_ms - last_ms : most));
		last_ms = now_ms;
	}
	return nothing;
}

static void take_signal(void)
{
	struct sigaction action = { .sa_handler = on_stack_signal, .sa_flags = SA_RESTART };

	sem_init(&stack.answered, 0, 0);
	sigemptyset(&action.sa_mask);
	sigaction(STACK_SIGNAL, &action, NULL);
}

static void free_watch(void)
{
	pthread_cond_destroy(&watch.woken);
	free(watch.workers);
	watch.workers = NULL;
}

int watch_start(const struct watch_options *options)
{
	pthread_condattr_t monotonic;
	int problem;

	ASSERT(!watch.running && options->warn_ms > 0 && (!options->tell_ms || options->tell));
	watch.options = *options;
	watch.interval_ms = options->warn_ms / 4 ? options->warn_ms / 4 : 1;
	if (options->tell_ms && watch.interval_ms > options->tell_ms / 2)
		watch.interval_ms = options->tell_ms / 2 ? options->tell_ms / 2 : 1;
	watch.workers = xcalloc(workers_count(), sizeof(*watch.workers));
	watch.untold_ms = options->tell_ms; /* the first look tells */
	take_signal();
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watch.woken, &monotonic);
	pthread_condattr_destroy(&monotonic);
	watch.stopping = false;
	problem = pthread_create(&watch.thread, NULL, run_watch, NULL);
	watch.running = problem == 0;
	if (problem)
		free_watch();
	return problem;
}

void watch_stop(void)
{
	if (!watch.running)
		return;
	pthread_mutex_lock(&watch.lock);
	watch.stopping = true;
	pthread_cond_signal(&watch.woken);
	pthread_mutex_unlock(&watch.lock);
	pthread_join(watch.thread, NULL);
	free_watch();
	watch.running = false;
}
