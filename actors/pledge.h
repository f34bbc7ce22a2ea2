#pragma once
/* What a client with stream management (XEP-0198) is owed for one stanza: the word that it is handled. A pledge rides in
 * the packet. Every copy holds it; whoever takes the stanza over for good (a store that has committed it, the queue of its
 * receiver) lets it go, and so does whoever answers or drops it. When the last holder lets go, the edge hears
 * EDGE_HANDLED. Packets of clients without stream management carry none. Any thread. */
#include "runtime/actor/actor.h"

struct pledge; /* opaque, counted */

struct pledge *pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number);
struct pledge *pledge_ref(struct pledge *p); /* NULL allowed */
/* Lets go and clears the holder's pointer. */
void pledge_drop(struct pledge **p);
