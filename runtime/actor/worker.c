/* A worker: one thread, one libev loop, one run queue. A turn: take what others left in the remote mailbox, run each
 * queued actor for a slice, fire delayed messages, end the turns, look at the sockets; sleep only when nothing is left.
 *
 * Sleeping and waking (rules as in actor.c): the worker says `sleeping` first and looks into its remote mailbox and the
 * floating queue afterwards; a waker pushes first and looks at `sleeping` afterwards. */
#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/actor/inner.h"
#include "runtime/actor/order.h"
#include "runtime/outside.h"

/* One cache line border between two workers: `clock` is written at each sleep, `wake` by those who wake. */
struct worker_watchers {
	_Alignas(64) ev_async wake;
	ev_timer clock;
	pthread_t thread;
};

static struct {
	struct worker *all;
	struct worker_watchers *watchers;
	unsigned count, started; /* workers; threads of theirs that run */
	bool simulate;
	uint32_t stopping;
	/* floating actors that are scheduled, for whoever is free; on lines of its own: all above is read for each message */
	_Alignas(64) pthread_mutex_t lock;
	struct actor *first, *last;
	uint32_t waiting;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local struct worker *here;
void (*worker_turn_hook)(unsigned worker);

static const struct msg_kind note_kind = { "WAKE", sizeof(struct wake_note), 0, NULL, "Run an actor or keep a message." };

struct delayed {
	struct wheel_node node;
	struct msg *m;
};

unsigned workers_count(void)
{
	return pool.count;
}

struct worker *worker_at(unsigned index)
{
	return &pool.all[index];
}

struct worker *worker_here(void)
{
	return here;
}

void worker_set_here(struct worker *w)
{
	here = w;
}

pthread_t worker_thread(unsigned index)
{
	return pool.watchers[index].thread;
}

void worker_poke(unsigned index)
{
	ev_async_send(pool.all[index].loop, &pool.watchers[index].wake);
}

static void on_wake(struct ev_loop *loop, ev_async *w, int events)
{
	(void)loop;
	(void)w;
	(void)events;
}

static void on_clock(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)w;
	(void)events; /* the turn that follows fires what is due */
}

/* libev would end the process with words of its own. */
static void *loop_memory(void *old, long bytes)
{
	if (bytes)
		return xrealloc(old, (size_t)bytes);
	free(old);
	return NULL;
}

void workers_init(unsigned count, bool simulate)
{
	pool.count = count;
	pool.simulate = simulate;
	pool.started = 0;
	pool.stopping = 0;
	pool.first = pool.last = NULL;
	pool.waiting = 0;
	ev_set_allocator(loop_memory);
	pool.all = aligned_alloc(64, count * sizeof(struct worker));
	pool.watchers = aligned_alloc(64, count * sizeof(*pool.watchers));
	if (!pool.all || !pool.watchers)
		base_out_of_memory();
	memset(pool.all, 0, count * sizeof(struct worker));
	memset(pool.watchers, 0, count * sizeof(*pool.watchers));
	for (unsigned i = 0; i < count; i++) {
		struct worker *w = &pool.all[i];

		w->index = i;
		mailbox_init(&w->remote);
		w->delayed = wheel_new(outside_mono_ms(), CLOCK_TICK_MS);
		if (simulate)
			continue;
		w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
		if (!w->loop)
			BUG("no event loop");
		ev_async_init(&pool.watchers[i].wake, on_wake);
		ev_async_start(w->loop, &pool.watchers[i].wake);
		ev_timer_init(&pool.watchers[i].clock, on_clock, 0., 0.);
	}
}

/* --- run queues --- */

static void enqueue(struct worker *w, struct actor *a)
{
	a->run_next = NULL;
	if (w->last)
		w->last->run_next = a;
	else
		w->first = a;
	w->last = a;
}

static void wake(struct worker *w)
{
	/* Pairs with the store of `sleeping` in sleep_or_poll. Swapping it spares the other wakers their write. */
	if (!pool.simulate && order_load_u32(&w->sleeping) && order_swap_u32(&w->sleeping, 0))
		ev_async_send(w->loop, &pool.watchers[w->index].wake);
}

static void send_note(struct worker *w, struct actor *a, struct msg *delayed, uint64_t at_ms)
{
	struct wake_note *note = (struct wake_note *)(void *)msg_new(&note_kind);

	note->actor = a;
	note->delayed = delayed;
	note->at_ms = at_ms;
	mailbox_push(&w->remote, &note->m);
	wake(w);
}

static void float_push(struct actor *a)
{
	pthread_mutex_lock(&pool.lock);
	a->run_next = NULL;
	if (pool.last)
		pool.last->run_next = a;
	else
		pool.first = a;
	pool.last = a;
	order_store_u32(&pool.waiting, pool.waiting + 1);
	pthread_mutex_unlock(&pool.lock);
	order_fence(); /* pairs with the fence in sleep_or_poll */
	/* This worker takes it itself at its next turn, unless it is busy and another one sleeps. */
	if (here && !here->first)
		return;
	for (unsigned i = 0; i < pool.count; i++)
		if (&pool.all[i] != here && order_load_u32(&pool.all[i].sleeping)) {
			wake(&pool.all[i]);
			return;
		}
}

static struct actor *float_pop(void)
{
	struct actor *a;

	if (order_load_u32(&pool.waiting) == 0)
		return NULL;
	pthread_mutex_lock(&pool.lock);
	a = pool.first;
	if (a) {
		pool.first = a->run_next;
		if (!pool.first)
			pool.last = NULL;
		order_store_u32(&pool.waiting, pool.waiting - 1);
	}
	pthread_mutex_unlock(&pool.lock);
	return a;
}

/* A wake-up costs more than most requests: from a worker it comes at the end of the turn, one for all that the turn has to
 * ask. `scheduled` of the actor is 1 until its thread rests, so it is in one list at most. */
static void schedule_threaded(struct actor *a)
{
	if (!here) {
		thread_wake(a);
		return;
	}
	a->run_next = here->wakes;
	here->wakes = a;
}

static void wake_threads(struct worker *w)
{
	struct actor *a;

	while ((a = w->wakes)) {
		w->wakes = a->run_next; /* from the wake-up on it may be in another list */
		thread_wake(a);
	}
}

void worker_schedule(struct actor *a)
{
	if (pool.simulate) {
		enqueue(worker_at(a->home), a);
	} else if (a->b->placement == ACTOR_THREADED) {
		schedule_threaded(a);
	} else if (a->b->placement == ACTOR_FLOATING) {
		float_push(a);
	} else if (here && here->index == a->home) {
		enqueue(here, a);
	} else {
		send_note(worker_at(a->home), a, NULL, 0);
	}
}

/* --- delayed messages --- */

static void keep_until(struct worker *w, struct msg *m, uint64_t at_ms)
{
	struct delayed *d = xmalloc(sizeof(*d));

	wheel_node_init(&d->node);
	d->m = m;
	wheel_set(w->delayed, &d->node, at_ms);
}

void worker_delay(struct msg *m, uint64_t at_ms)
{
	if (here)
		keep_until(here, m, at_ms);
	else if (pool.simulate)
		keep_until(worker_at(0), m, at_ms);
	else
		send_note(worker_at(0), NULL, m, at_ms);
}

bool worker_fire_delayed(struct worker *w, uint64_t now_ms)
{
	struct wheel_node *node;
	bool any = false;

	while ((node = wheel_pop(w->delayed, now_ms))) {
		struct delayed *d = CONTAINER_OF(node, struct delayed, node);
		struct msg *m = d->m;

		free(d);
		actor_deliver(m);
		any = true;
	}
	return any;
}

/* --- turns --- */

void worker_note_turn(struct worker *w, struct actor *a)
{
	if (a->in_turn || !a->b->on_turn_end || a->b->placement != ACTOR_PINNED || a->id == ACTOR_NONE)
		return;
	a->in_turn = true;
	a->turn_next = w->turns;
	w->turns = a;
}

void worker_end_turns(struct worker *w)
{
	while (w->turns) {
		struct actor *a = w->turns;

		w->turns = a->turn_next;
		a->in_turn = false;
		if (a->id == ACTOR_NONE)
			continue;
		actor_set_current(a, outside_mono_ms());
		a->b->on_turn_end(a->state);
		actor_set_current(NULL, 0);
	}
	if (worker_turn_hook)
		worker_turn_hook(w->index);
}

static void take_notes(struct worker *w)
{
	struct msg *m;

	while ((m = mailbox_pop(&w->remote))) {
		struct wake_note *note = (struct wake_note *)(void *)m;

		if (note->actor)
			enqueue(w, note->actor);
		else
			keep_until(w, note->delayed, note->at_ms);
		free(note);
	}
}

static void run_one(struct worker *w, struct actor *a)
{
	bool more;

	/* A slot that was used again can be found in the queue of its former life. */
	if (a->b->placement == ACTOR_PINNED && a->home != w->index) {
		send_note(worker_at(a->home), a, NULL, 0);
		return;
	}
	more = actor_run_slice(a, SLICE_MESSAGES);
	worker_note_turn(w, a);
	if (more || actor_rest(a)) {
		if (a->b->placement == ACTOR_FLOATING)
			float_push(a);
		else
			enqueue(w, a);
	} else if (a->id == ACTOR_NONE) {
		directory_recycle(a);
	}
}

/* Each actor that is queued now runs once; those queued meanwhile wait for the next turn. */
static void run_queued(struct worker *w)
{
	struct actor *a = w->first, *next, *drifting;

	w->first = w->last = NULL;
	for (; a; a = next) {
		next = a->run_next;
		run_one(w, a);
	}
	drifting = float_pop();
	if (drifting)
		run_one(w, drifting);
}

static void sleep_or_poll(struct worker *w)
{
	struct worker_watchers *watch = &pool.watchers[w->index];
	uint64_t next_ms = wheel_next_ms(w->delayed), now_ms = outside_mono_ms();

	if (w->first || w->turns) { /* the turn's end may have made work */
		ev_run(w->loop, EVRUN_NOWAIT);
		return;
	}
	order_store_u32(&w->sleeping, 1);
	order_fence(); /* pairs with the fences in mailbox_push and float_push */
	if (!mailbox_is_empty(&w->remote) || order_load_u32(&pool.waiting) || order_load_u32(&pool.stopping) ||
	    next_ms <= now_ms) {
		order_store_u32(&w->sleeping, 0);
		ev_run(w->loop, EVRUN_NOWAIT);
		return;
	}
	if (next_ms != UINT64_MAX) {
		ev_timer_set(&watch->clock, (double)(next_ms - now_ms) / 1000. + 0.0005, 0.);
		ev_now_update(w->loop);
		ev_timer_start(w->loop, &watch->clock);
	}
	ev_run(w->loop, EVRUN_ONCE);
	ev_timer_stop(w->loop, &watch->clock);
	order_store_u32(&w->sleeping, 0);
}

static void stop_own(struct actor *a, void *ctx)
{
	struct worker *w = ctx;
	bool mine = a->b->placement == ACTOR_PINNED ? a->home == w->index : a->b->placement == ACTOR_FLOATING && w->index == 0;

	if (!mine || a->id == ACTOR_NONE)
		return;
	actor_set_current(a, outside_mono_ms());
	actor_end(a);
	actor_set_current(NULL, 0);
}

static void *run_worker(void *opaque)
{
	struct worker *w = opaque;
	char name[16];

	snprintf(name, sizeof(name), "worker %u", w->index);
	pthread_setname_np(pthread_self(), name);
	here = w;
	while (!order_load_u32(&pool.stopping)) {
		order_store_u32(&w->turn, w->turn + 1);
		take_notes(w);
		run_queued(w);
		worker_fire_delayed(w, outside_mono_ms());
		worker_end_turns(w);
		wake_threads(w);
		sleep_or_poll(w);
	}
	wake_threads(w);
	return NULL;
}

int workers_start(void)
{
	for (unsigned i = 0; i < pool.count; i++, pool.started++) {
		int problem = pthread_create(&pool.watchers[i].thread, NULL, run_worker, worker_at(i));

		if (problem)
			return problem;
	}
	return 0;
}

void workers_stop(void)
{
	if (pool.started) {
		order_store_u32(&pool.stopping, 1);
		order_fence();
		for (unsigned i = 0; i < pool.started; i++)
			ev_async_send(pool.all[i].loop, &pool.watchers[i].wake);
		for (unsigned i = 0; i < pool.started; i++)
			pthread_join(pool.watchers[i].thread, NULL);
	}
	/* The threads are gone: what they owned is this thread's now, floating actors included. */
	for (unsigned i = 0; i < pool.count; i++) {
		here = worker_at(i);
		directory_each(stop_own, here);
		wake_threads(here);
		here = NULL;
	}
}

void workers_fini(void)
{
	struct msg *m;

	for (unsigned i = 0; i < pool.count; i++) {
		struct worker *w = worker_at(i);
		struct wheel_node *node;

		take_notes(w);
		while ((node = wheel_pop(w->delayed, UINT64_MAX / 4))) {
			struct delayed *d = CONTAINER_OF(node, struct delayed, node);

			msg_free(d->m);
			free(d);
		}
		wheel_free(w->delayed);
		while ((m = mailbox_pop(&w->remote)))
			free(m);
		if (w->loop)
			ev_loop_destroy(w->loop);
	}
	free(pool.all);
	free(pool.watchers);
	pool.all = NULL;
	pool.watchers = NULL;
	pool.count = 0;
	worker_turn_hook = NULL;
}
