#include "tests/sim/sim.h"

#include <stdlib.h>

#include "tests/sim/server.h"

#define SLICE_MAX_US 60 /* what a slice of an actor takes at most: time passes, so packets arrive between two of them */

struct event {
	uint64_t at_us, number; /* number: of equal times the one that was planned first */
	sim_event_f *happen;
	void *ctx;
	uint64_t arg;
	void *owned;
};

static struct {
	uint64_t seed, state, now_us, hash, planned;
	struct event *heap;
	size_t count, room;
} sim;

void sim_begin(uint64_t seed)
{
	sim.seed = seed;
	sim.state = seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
	sim.now_us = sim.planned = 0;
	sim.hash = 0xcbf29ce484222325u;
	sim.count = 0;
}

void sim_end(void)
{
	for (size_t i = 0; i < sim.count; i++)
		free(sim.heap[i].owned);
	free(sim.heap);
	sim.heap = NULL;
	sim.count = sim.room = 0;
}

uint64_t sim_seed(void)
{
	return sim.seed;
}

/* --- chance --- */

uint64_t sim_draw(uint64_t below)
{
	uint64_t z = (sim.state += 0x9e3779b97f4a7c15u); /* SplitMix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

uint64_t sim_between(uint64_t least, uint64_t most)
{
	return least + sim_draw(most - least + 1);
}

bool sim_chance(unsigned permille)
{
	return sim_draw(1000) < permille;
}

/* --- the hash --- */

void sim_mix(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		sim.hash = (sim.hash ^ p[i]) * 0x100000001b3u;
	sim.hash ^= sim.hash >> 31;
}

void sim_mix_number(uint64_t number)
{
	sim_mix(&number, sizeof(number));
}

uint64_t sim_hash(void)
{
	return sim.hash;
}

/* --- what will happen --- */

static bool before(const struct event *a, const struct event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void swap(size_t i, size_t k)
{
	struct event e = sim.heap[i];

	sim.heap[i] = sim.heap[k];
	sim.heap[k] = e;
}

void sim_at(uint64_t at_us, sim_event_f *happen, void *ctx, uint64_t arg, void *owned)
{
	size_t i = sim.count;

	if (sim.count == sim.room) {
		sim.room = sim.room ? 2 * sim.room : 256;
		sim.heap = xrealloc(sim.heap, sim.room * sizeof(*sim.heap));
	}
	if (at_us < sim.now_us)
		at_us = sim.now_us;
	sim.heap[sim.count++] = (struct event){ at_us, sim.planned++, happen, ctx, arg, owned };
	while (i > 0 && before(&sim.heap[i], &sim.heap[(i - 1) / 2])) {
		swap(i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static struct event take_first(void)
{
	struct event first = sim.heap[0];
	size_t i = 0, least = 0;

	sim.heap[0] = sim.heap[--sim.count];
	for (;;) {
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim.count; child++)
			if (before(&sim.heap[child], &sim.heap[least]))
				least = child;
		if (least == i)
			return first;
		swap(i, least);
		i = least;
	}
}

uint64_t sim_now(void)
{
	return sim.now_us;
}

static bool happen_one(void)
{
	struct event e;

	if (!sim.count || sim.heap[0].at_us > sim.now_us)
		return false;
	e = take_first();
	e.happen(e.ctx, e.arg, e.owned);
	return true;
}

void sim_run_until(uint64_t at_us)
{
	for (;;) {
		uint64_t next;

		server_advance(sim.now_us);
		if (happen_one()) {
			server_die_if_told();
			/* then perhaps the next event, perhaps an actor */
			if (sim_chance(500))
				continue;
		}
		if (server_step()) {
			sim.now_us += sim_draw(SLICE_MAX_US);
			server_die_if_told();
			continue;
		}
		next = server_next_us();
		if (sim.count && sim.heap[0].at_us < next)
			next = sim.heap[0].at_us;
		if (next > at_us)
			break;
		if (next > sim.now_us)
			sim.now_us = next;
	}
	if (at_us > sim.now_us)
		sim.now_us = at_us;
}
