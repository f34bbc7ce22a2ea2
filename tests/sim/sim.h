#pragma once
/* The ground of the simulator: one seed, one virtual clock, one queue of what will happen. Everything that is drawn, waits or
 * is worth remembering goes through here, so that a run is a function of its seed. One thread.
 *
 * Three streams of numbers come from the seed: the engine's (which actor runs next, random bytes of the server), and here
 * one for the world. The hash covers what clients and server saw of each other, byte by byte, and every entry of the history. */
#include "runtime/mem/buf.h"

#define SIM_MS UINT64_C(1000)
#define SIM_S UINT64_C(1000000)

void sim_begin(uint64_t seed);
void sim_end(void); /* drops what has not happened */
uint64_t sim_seed(void);

/* --- chance --- */
uint64_t sim_draw(uint64_t below); /* 0..below-1; below > 0 */
uint64_t sim_between(uint64_t least, uint64_t most); /* both included */
bool sim_chance(unsigned permille);

/* --- time: microseconds since the start of the run --- */
uint64_t sim_now(void);
/* `happen` is called at that time, between two slices of the server. `owned` goes to it, or is freed at the end. */
typedef void sim_event_f(void *ctx, uint64_t arg, void *owned);
void sim_at(uint64_t at_us, sim_event_f *happen, void *ctx, uint64_t arg, void *owned);
static inline void sim_after(uint64_t us, sim_event_f *happen, void *ctx, uint64_t arg)
{
	sim_at(sim_now() + us, happen, ctx, arg, NULL);
}
/* Lets events and the server run until that time. */
void sim_run_until(uint64_t at_us);

/* --- the hash --- */
void sim_mix(const void *bytes, size_t n);
void sim_mix_number(uint64_t number);
uint64_t sim_hash(void);
