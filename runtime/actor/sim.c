/* The seeded scheduler: the same actors, one thread, a virtual clock. Which runnable actor goes next and how many of its
 * messages it handles is drawn from the seed; so are all random bytes; time moves only when nothing is runnable. */
#include "runtime/actor/inner.h"
#include "runtime/mem/map.h"
#include "runtime/outside.h"

#define EPOCH_WALL_US 1767225600000000u /* 2026-01-01T00:00:00Z */
#define EPOCH_MONO_US 1000000000u

static struct {
	bool on;
	uint64_t state, bytes_state; /* two generators, so that drawing bytes does not change the schedule */
	uint64_t elapsed_us, hash;
} sim;

/* SplitMix64. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t virtual_mono_us(void)
{
	return EPOCH_MONO_US + sim.elapsed_us;
}

static uint64_t virtual_wall_us(void)
{
	return EPOCH_WALL_US + sim.elapsed_us;
}

static void seeded_bytes(void *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)out)[i] = (uint8_t)(draw(&sim.bytes_state) >> 32);
}

void sim_init(uint64_t seed, uint64_t elapsed_us)
{
	static const struct outside world = { virtual_mono_us, virtual_wall_us, seeded_bytes };

	sim.on = true;
	sim.state = seed;
	sim.bytes_state = ~seed;
	sim.elapsed_us = elapsed_us;
	sim.hash = 0xcbf29ce484222325u;
	map_fix_key();
	outside_replace(&world);
}

void sim_fini(void)
{
	if (sim.on)
		outside_replace(NULL);
	sim.on = false;
}

bool sim_is_on(void)
{
	return sim.on;
}

bool engine_is_simulated(void)
{
	return sim.on;
}

static void mix(uint64_t word)
{
	sim.hash = (sim.hash ^ word) * 0x100000001b3u;
	sim.hash ^= sim.hash >> 29;
}

void sim_note(struct actor *a, const struct msg *m)
{
	mix(a->id);
	mix(m->kind->number);
	mix(sim.elapsed_us);
	for (const char *p = m->kind->name; *p; p++)
		mix((uint64_t)(unsigned char)*p);
}

uint64_t engine_sim_handled(unsigned worker)
{
	return worker_at(worker)->handled;
}

uint64_t engine_sim_hash(void)
{
	return sim.hash;
}

static bool is_blocked(const struct actor *a)
{
	return a->blocked_until_us > virtual_mono_us();
}

/* Takes one actor out of the run queues, each that is not blocked with the same chance. */
static struct actor *pick(struct worker **home)
{
	uint64_t runnable = 0, choice;

	for (unsigned i = 0; i < workers_count(); i++)
		for (struct actor *a = worker_at(i)->first; a; a = a->run_next)
			runnable += !is_blocked(a);
	if (runnable == 0)
		return NULL;
	choice = draw(&sim.state) % runnable;
	for (unsigned i = 0; i < workers_count(); i++) {
		struct worker *w = worker_at(i);
		struct actor *before = NULL;

		for (struct actor *a = w->first; a; before = a, a = a->run_next) {
			if (is_blocked(a) || choice-- > 0)
				continue;
			if (before)
				before->run_next = a->run_next;
			else
				w->first = a->run_next;
			if (w->last == a)
				w->last = before;
			*home = w;
			return a;
		}
	}
	BUG("an actor vanished from a run queue");
}

static void run(struct actor *a, struct worker *w)
{
	bool batch = a->b->placement == ACTOR_THREADED && a->id != ACTOR_NONE;
	bool pinned = a->b->placement == ACTOR_PINNED;
	uint32_t before = a->handled;

	worker_set_here(w);
	if (batch && a->b->on_batch_begin) {
		actor_set_current(a, virtual_mono_us() / 1000);
		a->b->on_batch_begin(a->state);
	}
	actor_run_slice(a, 1 + (uint32_t)(draw(&sim.state) % 8));
	if (pinned)
		w->handled += a->handled - before;
	if (batch && a->id != ACTOR_NONE && a->b->on_batch_end) {
		actor_set_current(a, virtual_mono_us() / 1000);
		a->b->on_batch_end(a->state);
	}
	actor_set_current(NULL, 0);
	worker_note_turn(w, a);
	if (actor_rest(a))
		worker_schedule(a);
	else if (a->id == ACTOR_NONE)
		directory_recycle(a);
	worker_end_turns(w);
	worker_set_here(NULL);
}

static void fire(void)
{
	for (unsigned i = 0; i < workers_count(); i++) {
		worker_set_here(worker_at(i));
		worker_fire_delayed(worker_at(i), virtual_mono_us() / 1000);
	}
	worker_set_here(NULL);
}

bool engine_sim_step(void)
{
	struct worker *home;
	struct actor *a = pick(&home);

	ASSERT(sim.on);
	if (a)
		run(a, home);
	return a != NULL;
}

uint64_t engine_sim_next_us(void)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < workers_count(); i++) {
		uint64_t ms = wheel_next_ms(worker_at(i)->delayed);

		if (ms != UINT64_MAX && ms * 1000 < next)
			next = ms * 1000;
		for (struct actor *a = worker_at(i)->first; a; a = a->run_next)
			if (is_blocked(a) && a->blocked_until_us < next)
				next = a->blocked_until_us;
	}
	return next;
}

void engine_sim_advance(uint64_t to_us)
{
	ASSERT(sim.on);
	if (to_us > virtual_mono_us())
		sim.elapsed_us = to_us - EPOCH_MONO_US;
	fire();
}

uint64_t engine_sim_elapsed_us(void)
{
	return sim.elapsed_us;
}

void engine_sim_block(actor_id id, uint64_t until_us)
{
	struct actor *a = directory_find(id);

	ASSERT(sim.on && a && a->b->placement == ACTOR_THREADED);
	a->blocked_until_us = until_us;
}

uint64_t engine_sim_run(uint64_t advance_ms)
{
	uint64_t until = virtual_mono_us() + advance_ms * 1000, slices = 0, due;

	ASSERT(sim.on);
	for (;;) {
		while (engine_sim_step())
			slices++;
		due = engine_sim_next_us();
		if (due == UINT64_MAX || due > until)
			break;
		engine_sim_advance(due);
	}
	engine_sim_advance(until);
	while (engine_sim_step())
		slices++;
	return slices;
}
