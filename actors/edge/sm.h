#pragma once
/* Stream management (XEP-0198) of a TCP or WebSocket stream: counting in both directions, acknowledgements, the queue of
 * what the client has not acknowledged, and the sleep of a session whose line was lost until it is resumed
 * (docs/decisions/0004-stream-management.md).
 *
 * Invariants:
 * 1. `queue` holds the stanzas acked + 1 … sent, in order. A receipt is told to the shard when its stanza leaves it.
 * 2. h never passes a stanza that is not handled: stored, acknowledged by its receiver, or answered (actors/pledge.h).
 * 3. A session is awake (on a connection) or asleep (a struct stream in e->sleepers, without one), under the same link; its
 *    shard hears only that it fell silent and spoke again.
 * 4. Only a lost line leads to sleep. A stream that was ended by either side, for whatever reason, is over.
 * Counters have 64 bits; h on the wire is the lower 32. */
#include "actors/edge/stream.h"

#define SM_ID_MAX 33       /* 128 random bits and NUL */

struct sm_grave { /* of a session that nobody resumed in time */
	char id[SM_ID_MAX];
	struct jid *user; /* counted */
	uint32_t h;
	bool mute; /* h says nothing */
};

struct sm {
	char id[SM_ID_MAX]; /* "" = cannot be resumed */
	struct intake in;   /* what the client sent; in.handled is h */
	uint64_t owed;      /* the client asked when h was short of this; 0 = it was not */
	uint64_t sent, acked;
	struct pending_list queue;
	uint64_t queued_bytes;
	uint64_t noted;     /* in.handled when its record was written last */
	uint64_t note_by_ms; /* 0 = it need not be written */
	uint64_t asked;    /* `sent` when we asked last */
	uint64_t ask_by_ms; /* 0 = nothing to ask */
	uint64_t until_ms;  /* asleep: the end; resumed, not greeted yet: it is at the latest then; 0 else */
	uint32_t window_ms; /* for sleep */
	bool asking, greeting;
	struct sasl2 *welcome; /* resumed with a login by SASL2: what its <success/> says beside; until greeted */
	bool recorded; /* a record of it exists */
};

/* --- sm.c --- */
bool sm_possible(const struct stream *s); /* offered on this stream */
/* Switches it on for a stream just bound, and says so: <enabled/>. max: how long it is wished to wait, as the client wrote it. */
void sm_enable(struct stream *s, struct builder *b, bool resumable, struct span max);
/* <failed/>, and <resumed/>. */
void sm_add_failed(struct builder *b, enum stanza_error condition, const struct sm_grave *grave);
void sm_add_resumed(const struct sm *m, struct builder *b);
/* An element of NS_SM from the client of a bound stream. The caller keeps it. */
void sm_element(struct stream *s, const struct stanza *el);
/* <failed/> with this condition; grave: h of the session that is gone, or NULL. Into <success/> while a login by SASL2 settles. */
void sm_refuse(struct stream *s, enum stanza_error condition, const struct sm_grave *grave);

void sm_handled(struct stream *s, uint64_t number);
/* Writes the stanza if somebody is there, and keeps it. Takes *p. */
void sm_deliver(struct stream *s, struct packet *p, uint64_t receipt);
bool sm_read_number(struct span text, uint32_t *out); /* false: none, or no number of 32 bits */
bool sm_h_is_possible(const struct sm *m, uint32_t h); /* false: more than was sent */
void sm_too_high(struct stream *s, const struct sm *m, uint32_t h); /* ends s with that error */
/* h must be possible; one of the past changes nothing. */
void sm_acknowledge(struct stream *s, uint32_t h);
void sm_ask_soon(struct stream *s);

uint64_t sm_deadline(const struct sm *m);
void sm_due(struct stream *s, uint64_t now_ms);

/* An answer that said no to one of the client's stanzas has not reached it and dies with the session: h would promise what
 * was not kept. */
bool sm_owes_errors(const struct sm *m);
/* The client is about to be told an h that is short of what came in, on a new line, where it sends the rest again. */
void sm_void_on_its_way(struct sm *m);
/* The session is over: all that was not acknowledged goes back to the shard, in order. */
void sm_end(struct stream *s);
void sm_free(struct sm *m); /* NULL allowed */

/* --- sm_resume.c --- */
/* The line of s is lost. If its session can be resumed it sleeps from now on, s has none any more, and whatever the
 * caller does to s is no concern of the session. If not, nothing happens. */
void sm_sleep(struct stream *s, enum close_reason reason);
/* <resume/> on an authenticated stream without a resource; h NULL: it has none that can be read. */
void sm_resume(struct stream *s, struct span previd, const uint32_t *h);
void sm_greet(struct stream *s); /* answers it: <resumed/> and all that was not acknowledged */
void sm_expire(struct stream *s); /* nobody came */

/* --- sm_state.c --- */
void sm_state_later(struct stream *s); /* h has changed */
void sm_state_write(struct stream *s);
void sm_state_end(struct stream *s);   /* the session is over */
/* <resume/> for a session that nobody here remembers: the store may. Answered later. */
void sm_state_ask(struct stream *s, struct span previd);
void sm_state_answer(struct edge *e, struct store_request *r);
/* False when it is no such record. */
bool sm_state_read(struct span text, uint64_t *written_s, uint32_t *h, struct span *bare);

void sm_shut(struct edge *e);     /* the server stops: sleepers end */
void sm_turn_end(struct edge *e); /* frees what is buried */
void sm_free_all(struct edge *e);
