#pragma once
/* Deadlines of an actor: a timer wheel and one delayed message to itself. Call ticker_arm at the end of every
 * handler that may have set a deadline, and ticker_wakes in the tick's handler. One owner. */
#include "actors/desk/inner.h"
#include "runtime/mem/wheel.h"

struct ticker {
	struct wheel *wheel;
	const struct msg_kind *kind; /* of the tick: one with struct desk_tick */
	uint64_t armed_at_ms;        /* when the tick that counts will come; 0 = none */
};

void ticker_init(struct ticker *t, const struct msg_kind *kind); /* in the actor's own context */
void ticker_fini(struct ticker *t);
void ticker_arm(struct ticker *t);
/* False for a tick that a newer, earlier one has replaced; true: pop what is due, then ticker_arm. */
bool ticker_wakes(struct ticker *t, const struct desk_tick *m);
