#pragma once
/* Workers and threads as one whole: start, run, drain, stop. Two ways to run the same actors:
 *   threads    - W workers, each one thread with one libev loop and one run queue;
 *   simulation - one thread, virtual clock, the next runnable actor picked by a seed; a run is a function of it. */
#include "runtime/actor/actor.h"

struct ev_loop;

struct engine_options {
	unsigned workers;    /* 0 = one for each core */
	uint32_t actors_max; /* 0 = 65536 */
	bool simulate;
	uint64_t seed;
	uint64_t elapsed_us; /* simulation: virtual time that has passed already, for an engine that follows another one */
};

void engine_init(const struct engine_options *options);
unsigned engine_workers(void);
/* Threads: starts the workers and returns at once. 0, or the errno of a thread that could not be made: the caller may only stop the
 * engine then. */
int engine_start(void);
/* Waits until every mailbox is empty or `deadline_ms` have passed; true if all were. Main thread. */
bool engine_drain(uint64_t deadline_ms);
/* Stops all actors (on_stop of each), joins the threads, frees everything. Main thread. */
void engine_stop(void);

/* The loop of the worker this thread is; NULL elsewhere. For runtime/io only. */
struct ev_loop *engine_loop(void);
unsigned engine_worker(void); /* index of this worker; UINT_MAX elsewhere */

/* For runtime/io: loop callbacks run in the context of the pinned actor that owns the socket. Between enter and leave
 * actor_self() is that actor, the clock is fresh, and its on_turn_end will be called at the end of this loop turn. On its
 * home worker only; they do not nest. */
void actor_enter(actor_id self);
void actor_leave(void);
/* Called on a worker at the end of each of its turns, after all on_turn_end, before it sleeps (runtime/io flushes its
 * output there). Before engine_start. Under simulation it is called after each slice. */
void engine_on_turn_end(void (*hook)(unsigned worker));

/* Simulation: runs until nothing is runnable at the present virtual time, then moves the clock to the next delayed
 * message if it is due within `advance_ms`; returns the number of messages handled. */
uint64_t engine_sim_run(uint64_t advance_ms);
/* Hash over the order of (actor, message) so far: equal for equal seeds. */
uint64_t engine_sim_hash(void);
/* Messages that the pinned actors of this worker have handled so far: how the load is spread. */
uint64_t engine_sim_handled(unsigned worker);

/* The same in single steps, for a simulator that has events of its own between them. Times are those of outside_mono_us. */
bool engine_is_simulated(void);
bool engine_sim_step(void); /* one slice of one runnable actor; false: nothing is runnable */
uint64_t engine_sim_next_us(void); /* nothing happens by itself before; UINT64_MAX = never */
void engine_sim_advance(uint64_t to_us); /* moves the clock, never back, and sends the delayed messages that are due */
uint64_t engine_sim_elapsed_us(void); /* of struct engine_options */
/* A threaded actor whose thread hangs in a call (a disk that stalls): it is not run before that time. */
void engine_sim_block(actor_id id, uint64_t until_us);
