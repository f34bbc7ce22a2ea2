#pragma once
/* Messages that were handed to clients and are not in their hands yet (reliability 5b, docs/decisions/0005-durable-acknowledgements.md).
 * A custody is the shard's record of one of them. It is opened when somebody must learn what becomes of the message: its
 * sender was promised word of it (packet.pledge), or it went to several clients at once, and came back only when none of
 * them got it.
 *
 * Delivery never waits for the disk. When the client has not acknowledged within sess-man/durability-delay, the message
 * gets a row in the PENDING log, and only then the sender hears that it is handled; when the client acknowledges
 * first there is no row. A row exists exactly as long as the message is in memory alone: what the rows hold after a crash
 * has reached nobody for certain (actors/recovery.c). All in the shard's own context.
 *
 * Invariants:
 * 1. The pledge is held until a client has the message, its row is committed, or it went back to be decided anew.
 * 2. A row is deleted after the message was acknowledged, kept elsewhere or answered with an error, never before. */
#include "actors/session/xep.h"

enum custody_row {
	ROW_NONE,    /* none is wanted */
	ROW_WAITS,   /* in users->unsaved: written when nobody acknowledges soon */
	ROW_FAILED,  /* in users->failed: the store could not; SHARD_TICK tries again */
	ROW_SAVING,
	ROW_SAVED,
};

struct custody {
	struct list link;     /* in user->custodies, oldest first */
	struct list to_save;  /* ROW_WAITS, ROW_FAILED */
	struct user *user;
	struct packet packet; /* as delivered; holds the pledge */
	uint64_t receipt;     /* with every copy on its way; CUSTODY_RECEIPT is set */
	uint64_t row, save_at_ms;
	uint64_t time_us;     /* wall clock, when it was first delivered: of its row and of the offline message it may become */
	uint32_t copies;      /* neither acknowledged nor returned */
	uint8_t state;        /* enum custody_row */
	bool written;         /* some client has it */
};

#define CUSTODY_RECEIPT (UINT64_C(1) << 63) /* tells receipts of custodies from row numbers of the offline log */

/* Before the message in passing goes to `copies` clients: NULL when nobody needs to know, else its custody. */
struct custody *custody_open(struct passage *p, unsigned copies);
/* The message in passing waits for its receiver's offline messages: it is on disk as soon as one that is with a client, for
 * its sender must not wait for that client to take them. What is worth no row is handled by now. */
void custody_hold(struct passage *p);
/* Hands a copy to this session of the user; c may be NULL. */
void custody_deliver(struct passage *p, struct custody *c, const struct session *s);

/* The message in passing came back from one client. True when another copy is on its way or has arrived: there is nothing
 * to decide. Else its custody, if it had one, is p->custody until custody_open or custody_leave, and the pledge is in
 * p->packet again. */
bool custody_came_back(struct passage *p);
/* When the message in passing was said, as far as is known: now, or when it was delivered before it came back. */
uint64_t custody_time_us(const struct passage *p);
/* The message in passing came back, and its sender has been told that it is handled. */
bool custody_is_promised(const struct passage *p);
/* The promised message in passing is to be kept elsewhere, and its row stays until custody_moved says that it is. Its receipt; 0 = it
 * was not promised. */
uint64_t custody_move(struct passage *p);
void custody_moved(struct users *u, struct outbox *out, uint64_t receipt);
/* After the message in passing was decided: what is still p->custody ends, its row with it. */
void custody_leave(struct passage *p);

/* A client has acknowledged a copy. The user it was for, to be settled; NULL when unknown (acknowledged twice). */
struct user *custody_acknowledged(struct users *u, struct outbox *out, uint64_t receipt);

/* Writes the rows that are due. The time of the next one that waits; 0 = none. */
uint64_t custody_save_due(struct users *u, struct outbox *out, uint64_t now_ms);
void custody_retry(struct users *u, struct outbox *out); /* those that failed */
void custody_saved(struct users *u, struct outbox *out, const struct store_request *r);

void custody_free_all(struct users *u, struct user *user);
