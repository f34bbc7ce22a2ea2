#pragma once
/* Many deadlines of one owner (idle limits, BOSH waits, graces): a hierarchical timer wheel of intrusive nodes. Setting,
 * moving and clearing cost O(1); a deadline fires at most one tick late, never early. Knows no clock: the owner passes
 * the time. One owner, no locks. */
#include "runtime/mem/list.h"

struct wheel_node {
	struct list link;
	uint64_t at_ms; /* 0 = not set */
};

struct wheel; /* opaque */

struct wheel *wheel_new(uint64_t now_ms, uint32_t tick_ms);
void wheel_free(struct wheel *w); /* nodes still set are left unset */
void wheel_node_init(struct wheel_node *n);
/* Sets or moves; a time in the past fires at the next wheel_pop. */
void wheel_set(struct wheel *w, struct wheel_node *n, uint64_t at_ms);
void wheel_clear(struct wheel *w, struct wheel_node *n); /* safe when not set */
static inline bool wheel_is_set(const struct wheel_node *n)
{
	return n->at_ms != 0;
}
/* The next node due at `now_ms`, unset; NULL when none is. `now_ms` never goes back. */
struct wheel_node *wheel_pop(struct wheel *w, uint64_t now_ms);
/* When wheel_pop must be called next: a time not later than the earliest deadline; UINT64_MAX when empty. */
uint64_t wheel_next_ms(const struct wheel *w);
