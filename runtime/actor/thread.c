/* Actors that may block: each has a thread, sleeps on a condition, takes its mailbox in batches. */
#include <pthread.h>
#include <stdlib.h>

#include "runtime/actor/inner.h"
#include "runtime/actor/order.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

#define BATCH_MESSAGES 1024u

struct actor_thread {
	struct actor_thread *next;
	struct actor *actor;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool signalled, started; /* under the lock */
};

static struct actor_thread *threads;
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static bool running;
static uint32_t stopping;

static void run_batch(struct actor *a)
{
	const struct behaviour *b = a->b;
	void *state = a->state;
	bool alive = a->id != ACTOR_NONE;

	if (alive && b->on_batch_begin) {
		actor_set_current(a, outside_mono_ms());
		b->on_batch_begin(state);
	}
	actor_run_slice(a, BATCH_MESSAGES);
	if (alive && b->on_batch_end && a->id != ACTOR_NONE) {
		actor_set_current(a, outside_mono_ms());
		b->on_batch_end(state);
	}
	actor_set_current(NULL, 0);
}

static void *run_thread(void *opaque)
{
	struct actor_thread *t = opaque;
	struct actor *a = t->actor;

	for (;;) {
		pthread_mutex_lock(&t->lock);
		while (!t->signalled && !order_load_u32(&stopping))
			pthread_cond_wait(&t->woken, &t->lock);
		t->signalled = false;
		pthread_mutex_unlock(&t->lock);
		do
			while (!mailbox_is_empty(&a->mailbox))
				run_batch(a);
		while (actor_rest(a));
		if (order_load_u32(&stopping) && mailbox_is_empty(&a->mailbox))
			break;
	}
	if (a->id != ACTOR_NONE) {
		actor_set_current(a, outside_mono_ms());
		actor_end(a);
		actor_set_current(NULL, 0);
	}
	return NULL;
}

static int start(struct actor_thread *t)
{
	int problem = pthread_create(&t->thread, NULL, run_thread, t);

	t->started = problem == 0;
	return problem;
}

void thread_attach(struct actor *a)
{
	struct actor_thread *t = xcalloc(1, sizeof(*t));

	t->actor = a;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->woken, NULL);
	a->thread = t;
	pthread_mutex_lock(&threads_lock);
	t->next = threads;
	threads = t;
	if (running && start(t) != 0)
		BUG("cannot start a thread");
	pthread_mutex_unlock(&threads_lock);
}

int thread_start_all(void)
{
	int problem = 0;

	pthread_mutex_lock(&threads_lock);
	running = true;
	for (struct actor_thread *t = threads; t && !problem; t = t->next)
		problem = start(t);
	pthread_mutex_unlock(&threads_lock);
	return problem;
}

void thread_wake(struct actor *a)
{
	pthread_mutex_lock(&a->thread->lock);
	a->thread->signalled = true;
	pthread_mutex_unlock(&a->thread->lock);
	/* Behind the lock, or the woken one would sleep again at once for it. The struct outlives its senders. */
	pthread_cond_signal(&a->thread->woken);
}

static void end_thread(struct actor_thread *t)
{
	thread_wake(t->actor);
	if (t->started) {
		pthread_join(t->thread, NULL);
	} else if (t->actor->id != ACTOR_NONE) {
		actor_set_current(t->actor, outside_mono_ms());
		actor_end(t->actor);
		actor_set_current(NULL, 0);
	}
}

void thread_stop_all(void)
{
	order_store_u32(&stopping, 1);
	for (struct actor_thread *t = threads; t; t = t->next)
		end_thread(t);
	/* Only now: until its own end each of them may have woken another one. */
	for (struct actor_thread *t = threads, *next; t; t = next) {
		next = t->next;
		t->actor->thread = NULL;
		pthread_mutex_destroy(&t->lock);
		pthread_cond_destroy(&t->woken);
		free(t);
	}
	threads = NULL;
	running = false;
	stopping = 0;
}
