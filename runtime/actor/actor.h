#pragma once
/* Actors: private state, a mailbox, handlers that run one at a time. An actor is addressed by an id with a
 * generation; a message to one that is gone becomes a dead letter (dropped, counted, logged at debug).
 *
 * Three placements:
 *   pinned   - runs on its home worker for life (connection managers, session shards);
 *   floating - runs on whichever worker is free (desks, rooms): no state outside its own struct;
 *   threaded - has a thread of its own and may block (stores, caches, slow hashing); gets its mailbox in batches.
 *
 * Handlers run for at most a slice (64 messages or 2 ms) and then yield. */
#include "runtime/actor/msg.h"

typedef void actor_receive_f(void *state, struct msg *m);

enum actor_placement { ACTOR_PINNED, ACTOR_FLOATING, ACTOR_THREADED };

struct behaviour {
	const char *name;
	enum actor_placement placement;
	actor_receive_f *receive;
	/* Both in the actor's own context. on_stop frees the state; it is called exactly once. May be NULL. */
	void (*on_start)(void *state, actor_id self);
	void (*on_stop)(void *state);
	/* Threaded actors only, optional: called before the first and after the last message of a batch. */
	void (*on_batch_begin)(void *state);
	void (*on_batch_end)(void *state);
	/* Pinned actors only, optional: called once at the end of each turn of the home worker in which this actor
	 * ran (connection managers write out what was queued). */
	void (*on_turn_end)(void *state);
	uint32_t mailbox_max; /* messages; 0 = 65536. Beyond it actor_send refuses (see actor_try_send). */
};

/* Starts an actor; `state` is owned by it from now on. `worker` is the home of a pinned actor (0..W-1), ignored
 * for the others. Any thread while the engine is up, or before engine_run. */
actor_id actor_spawn(const struct behaviour *b, void *state, unsigned worker);
/* Asks the actor to stop after the messages already in its mailbox. Any thread. */
void actor_stop(actor_id id);

/* Takes *m (sets it NULL) and delivers it. Order is kept for each sender-receiver pair. Never blocks and never
 * fails: beyond mailbox_max the message is still queued and counted (senders that can slow down ask
 * actor_is_pressed first). Any thread. */
void actor_send_msg(actor_id to, struct msg **m);
#define actor_send(to, typed) \
	do { \
		actor_id actor_send_to_ = (to); /* may be a field of *typed */ \
		struct msg *actor_send_m_ = &(*(typed))->m; \
		*(typed) = NULL; \
		actor_send_msg(actor_send_to_, &actor_send_m_); \
	} while (0)
/* As actor_send, after `delay_ms`. There is no cancel: receivers compare a token of their own. */
void actor_send_after_msg(actor_id to, struct msg **m, uint64_t delay_ms);
#define actor_send_after(to, typed, delay_ms) \
	do { \
		actor_id actor_send_to_ = (to); \
		struct msg *actor_send_m_ = &(*(typed))->m; \
		*(typed) = NULL; \
		actor_send_after_msg(actor_send_to_, &actor_send_m_, (delay_ms)); \
	} while (0)
/* Inside a handler: hand the message being handled to another actor (same kind must be in its protocol), or send
 * it back to its sender as `kind` (struct type must be the same). The runtime will not free it. */
void actor_forward(actor_id to, struct msg *m);
void actor_reply_as(struct msg *m, const struct msg_kind *kind);

/* Inside a handler: the handler keeps the message itself; the runtime will not free it. Free with msg_free or send it on
 * (actor_send_msg) later. */
void actor_keep(struct msg *m);

/* The actor whose handler runs on this thread, ACTOR_NONE outside handlers. */
actor_id actor_self(void);
/* Milliseconds on the monotonic clock, read once per slice: the clock handlers use. */
uint64_t actor_now_ms(void);

/* Messages waiting. Approximate, any thread. */
uint32_t actor_backlog(actor_id id);
/* True while the receiver is behind (3/4 of its mailbox_max, until it falls under 1/4). Senders that own sockets
 * stop reading while this holds. Any thread. */
bool actor_is_pressed(actor_id id);
