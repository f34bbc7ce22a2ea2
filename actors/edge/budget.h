#pragma once
/* The budget of memory of the whole process (sess-man/limits/memory): each client's queues are bounded, this bounds their sum. At
 * 80 % of it newcomers are refused; at 90 % each worker ends, once a second, the session that holds the most, whose messages go
 * back to be stored. */
#include "actors/edge/edge_inner.h"

uint64_t budget_bytes(const struct config *conf); /* UINT64_MAX: no bound. Before the workers start */
/* False: there is no room for one more. Logged and counted. */
bool budget_admits(const struct edge *e);
void budget_turn_end(struct edge *e);
