#pragma once
/* What the files of runtime/actor share; nobody else includes this. */
#include <pthread.h>
#include <stddef.h>

#include "runtime/actor/actor.h"
#include "runtime/actor/engine.h"
#include "runtime/actor/mailbox.h"
#include "runtime/mem/wheel.h"

#define SLICE_MESSAGES 64u
#define SLICE_US 2000u
#define MAILBOX_MAX 65536u
#define CLOCK_TICK_MS 5u

struct actor_thread;

/* Fields stand in groups by who writes them, each group on cache lines of its own: what a sender only reads must not lie
 * beside what a runner writes for each slice. */
struct actor {
	/* written at spawn and at the end; id by the owner, read by senders */
	const struct behaviour *b;
	void *state;
	actor_id id; /* 0 while the slot is free */
	uint32_t generation;
	unsigned home;             /* pinned: worker index */
	uint32_t mailbox_max;
	struct actor_thread *thread; /* threaded only */
	bool released;             /* ended, slot not given back yet; under the directory's lock */
	uint32_t released_index;
	/* written by senders */
	_Alignas(64) uint32_t scheduled; /* 1: in a run queue or running */
	uint32_t pushed;
	uint32_t pressed;
	struct mailbox mailbox;
	/* written by the one that runs it */
	_Alignas(64) uint32_t handled;
	bool stopping, in_turn;
	struct actor *run_next;    /* link of whichever run queue holds it: one at a time, guarded by `scheduled` */
	struct actor *turn_next;   /* link of its worker's list of actors with a turn to end */
	uint64_t blocked_until_us; /* simulation only */
};
/* What senders only read is one line; then theirs, the mailbox's two, the runner's. */
_Static_assert(offsetof(struct actor, scheduled) == 64, "an actor's facts fit a cache line");
_Static_assert(offsetof(struct actor, mailbox) % 64 == 0 && offsetof(struct actor, handled) % 64 == 0, "groups do not share lines");

struct worker {
	unsigned index;
	struct ev_loop *loop; /* NULL under simulation */
	struct actor *first, *last; /* own run queue */
	struct actor *turns;        /* actors whose on_turn_end is due */
	struct actor *wakes;        /* threaded actors to wake at the end of the turn, by run_next */
	struct wheel *delayed;
	uint32_t turn; /* counts its turns, for the watch */
	uint64_t handled; /* messages handled here; simulation only */
	/* written by other threads */
	_Alignas(64) struct mailbox remote; /* of struct wake_note */
	/* read by each sender to another worker, written when the worker goes to sleep: not beside the mailbox's head, which
	 * it writes for each note */
	_Alignas(64) uint32_t sleeping;
};
_Static_assert(sizeof(struct worker) % 64 == 0, "workers do not share lines");

/* Travels through a worker's remote mailbox: "run this actor", or "keep this message until its time". */
struct wake_note {
	struct msg m;
	struct actor *actor;
	struct msg *delayed;
	uint64_t at_ms;
};

/* --- directory.c --- */
void directory_init(uint32_t actors_max);
void directory_fini(void);
struct actor *directory_find(actor_id id); /* NULL when gone */
struct actor *directory_new(const struct behaviour *b, void *state, unsigned home);
void directory_release(struct actor *a); /* the id becomes stale, the struct stays */
void directory_recycle(struct actor *a); /* its runner left it idle: the slot may serve again */
typedef void directory_visit_f(struct actor *a, void *ctx);
void directory_each(directory_visit_f *visit, void *ctx); /* every struct ever used */

/* --- actor.c --- */
/* Handles at most `most` messages of the actor (or for a slice's time); true when more wait. Sets the thread's notion of
 * the running actor and clock. */
bool actor_run_slice(struct actor *a, uint32_t most);
void actor_deliver(struct msg *m); /* to and from are set */
/* The run is over: idle unless a message came meanwhile; true = put it into a run queue again. */
bool actor_rest(struct actor *a);
void actor_end(struct actor *a);        /* on_stop, id stale; messages left are dead letters */
void actor_drop_mailbox(struct actor *a);
void actor_set_current(struct actor *a, uint64_t now_ms); /* for simulation and io; NULL = none */
struct actor *actor_current(void);

/* --- worker.c --- */
void workers_init(unsigned count, bool simulate);
int workers_start(void); /* 0, or the errno of a thread that could not be made */
void workers_stop(void); /* joins */
void workers_fini(void);
unsigned workers_count(void);
struct worker *worker_at(unsigned index);
struct worker *worker_here(void); /* NULL outside workers */
void worker_set_here(struct worker *w); /* simulation */
pthread_t worker_thread(unsigned index);
void worker_poke(unsigned index); /* makes it come round, asleep or not; any thread */
void worker_schedule(struct actor *a); /* a was found idle: any thread */
void worker_delay(struct msg *m, uint64_t at_ms); /* any thread */
void worker_note_turn(struct worker *w, struct actor *a);
void worker_end_turns(struct worker *w);
bool worker_fire_delayed(struct worker *w, uint64_t now_ms); /* true when something was sent */
extern void (*worker_turn_hook)(unsigned worker);

/* --- thread.c: actors with a thread of their own --- */
void thread_attach(struct actor *a);  /* at spawn */
int thread_start_all(void); /* as workers_start */
void thread_wake(struct actor *a);
void thread_stop_all(void); /* each handles what is in its mailbox, then ends */

/* --- sim.c --- */
void sim_init(uint64_t seed, uint64_t elapsed_us);
void sim_fini(void);
bool sim_is_on(void);
void sim_note(struct actor *a, const struct msg *m); /* into the hash */
