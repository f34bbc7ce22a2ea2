#pragma once
/* A BOSH session: requests that wait for their answer, elements that wait for a request, the cache of answers, and
 * the deadlines between them.
 *
 * Invariants:
 * 1. Requests are answered in rid order, each exactly once; an answer whose connection is gone goes into the cache,
 *    where the repeated request finds it.
 * 2. `held` has the requests processed and not answered, oldest first; `early` those that wait for a lower rid or
 *    for the stream to listen again.
 * 3. The cache holds the last window + 1 answers, byte by byte.
 * 4. A session is alone (alone_ms != 0) exactly while no live connection waits in held or early. */
#include "actors/edge/bosh.h"
#include "actors/edge/login.h"
#include "actors/edge/stream.h"

#define BOSH_SID_MAX 35 /* 2 hex digits of the worker, 128 random bits, NUL */

struct bosh_answer {
	uint64_t rid; /* 0 = unused */
	struct buf body;
	char *key;
	bool with_cookie;
};

#define BOSH_INTAKE_RIDS 16

/* Of a client that asked for acknowledgements: which requests it may be told of (XEP-0124 9.1). */
struct bosh_intake {
	struct intake in;
	struct {
		uint64_t rid, last; /* processed; its last stanza */
	} open[BOSH_INTAKE_RIDS]; /* requests with stanzas that are not handled, oldest first */
	unsigned open_count;
	uint64_t rid; /* all up to this are handled */
};

struct bosh_session {
	struct stream s;
	struct bosh_intake *intake; /* NULL: the client did not ask for acknowledgements */
	struct list answering, dead; /* of the edge */
	char sid[BOSH_SID_MAX];
	char *content; /* Content-Type of answers */
	char *key;     /* what the next key must hash to; NULL = no key sequence */
	uint64_t rid;  /* the highest processed, with all below */
	uint32_t wait_ms, inactivity_ms, pause_ms;
	uint8_t hold, window, minor; /* window: `requests` */
	bool greeting, answer_all, with_cookie;
	bool quiet; /* the shard was told that nobody polls */
	bool over;  /* the stream has ended; only the terminate body is still to be told */
	char cookie_local[VISITOR_LOCAL_MAX];
	struct list held, early;
	unsigned held_count;
	bool was_empty;     /* the last request in turn brought nothing */
	uint64_t alone_ms;  /* no request has been open since */
	uint64_t calm_us;   /* overactivity: time at which the bucket of empty requests is empty again */
	struct stanza *payload; /* of the request being processed, while the stream does not listen */
	stanza_el payload_at;
	bool payload_last; /* terminates */
	struct pending_list queue; /* not in an answer yet */
	uint32_t queued;
	uint64_t queued_bytes;
	struct stanza *error; /* last words */
	const char *condition;
	struct bosh_answer *cache; /* window + 1 */
};

/* What the client asked for, within what the server allows. */
struct bosh_wishes {
	uint32_t wait_s, hold;
	unsigned minor; /* of ver 1.minor */
	bool acks;
	struct span content, newkey;
};
/* NULL when the client's address has too many, or too much memory is held (budget.h). */
struct bosh_session *bosh_session_new(struct edge *e, struct exchange *x, const struct bosh_wishes *wishes,
				      uint64_t rid);
struct bosh_session *bosh_session_find(struct edge *e, struct span sid);

void bosh_session_hold(struct bosh_session *b, struct exchange *x);  /* processed now */
void bosh_session_early(struct bosh_session *b, struct exchange *x); /* not yet; replaces one with the same rid */
struct exchange *bosh_session_held(struct bosh_session *b, uint64_t rid);
/* x takes the place of `old`, whose connection is closed without an answer. */
void bosh_session_replace(struct bosh_session *b, struct exchange *old, struct exchange *x);
/* The request in turn was processed to its end. */
void bosh_session_processed(struct bosh_session *b);
/* All answers up to rid were received. */
void bosh_session_acked(struct bosh_session *b, uint64_t rid);
void bosh_session_later(struct bosh_session *b); /* answer what can be answered at the end of this turn */
/* Ends it: `condition` NULL for a plain end. All waiting requests are answered with the terminate body. */
void bosh_session_over(struct bosh_session *b, enum close_reason reason, const char *condition, struct stanza *error);
void bosh_session_touch(struct bosh_session *b); /* a request came, went or was answered: invariant 4 */
void bosh_session_free(struct bosh_session *b);

/* Processes what is in order, as long as the stream listens (bosh.c). */
void bosh_advance(struct bosh_session *b);
/* End of the turn: answers, then frees what is over. */
void bosh_turn_end(struct edge *e);
/* A terminate body that belongs to no session. */
void bosh_refuse(struct exchange *x, const char *condition);
