#pragma once
/* How often a client's presence is announced (XEP-0205 4): each announcement goes to every contact. Beyond the rate it waits, and
 * of those that wait the last one counts. */
#include "actors/session/xep.h"

/* True: the client's own presence in passing waits, in place of one that waited. */
bool pace_holds(struct passage *p);
/* The first session whose presence may go on now, out of the list; *held is the caller's. NULL: none; *next_ms is when there
 * will be one, 0 = never. */
struct session *pace_due(struct users *u, uint64_t now_ms, struct stanza **held, uint64_t *next_ms);
void pace_forget(struct session *s); /* nothing of it waits any more */
