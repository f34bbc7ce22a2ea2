#pragma once
/* What somebody is owed for one stanza: the word that it is handled. A pledge rides in the packet. Every copy holds it;
 * whoever takes the stanza over for good (a store that has committed it, a client that has acknowledged it) lets it go, and
 * so does whoever answers or drops it. When the last holder lets go, the one who made it is told. Any thread.
 *
 * Edges make one for each stanza of a client with stream management (XEP-0198) or BOSH acknowledgements; desks for what they
 * give to seats and robots and keep until it is there. */
#include "runtime/actor/actor.h"
#include "xmpp/jid.h"

struct pledge; /* opaque, counted */

/* EDGE_HANDLED goes to the edge. */
struct pledge *pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number);
/* DESK_HANDLED goes to the desk of this visitor. */
struct pledge *pledge_of_desk(actor_id desk, struct jid *visitor, uint64_t number);
struct pledge *pledge_ref(struct pledge *p); /* NULL allowed */
/* Lets go and clears the holder's pointer. */
void pledge_drop(struct pledge **p);

/* A watch holds nothing up: it only remembers which pledge it was. NULL allowed. */
struct pledge *pledge_watch(struct pledge *p);
void pledge_unwatch(struct pledge **watched);        /* clears the watcher's pointer */
bool pledge_is_over(const struct pledge *watched);   /* all have let go */
/* Takes *mine: it is let go when the watched one is; at once if that is over. Never in a circle. */
void pledge_follow(struct pledge *watched, struct pledge **mine);
