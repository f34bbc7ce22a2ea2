#pragma once
/* The store actor: a thread that owns the writing handle. It drains its mailbox, runs the whole batch as one
 * transaction and only then sends the answers home (group commit). One request struct serves all operations and comes
 * back to its sender under the kind named in `reply` (a row of the sender's own protocol using struct store_request).
 * A failed commit answers every request of the batch with its status. Deletions from logs that nobody waits for are tried again until
 * the store takes them, for what they leave behind would be given out once more; row numbers are never used twice, so late is as good
 * as in time. */
#include "runtime/actor/actor.h"
#include "runtime/mem/buf.h"
#include "storage/store.h"

/* After a batch with a failed commit every request is answered with that status: the writers of its stanzas bounce them. */
enum store_op {
	STORE_OP_GET, STORE_OP_PUT, STORE_OP_DELETE,                             /* record */
	STORE_OP_MAP_ALL, STORE_OP_MAP_GET, STORE_OP_MAP_PUT, STORE_OP_MAP_DELETE,                  /* map: owner -> key -> value */
	STORE_OP_LOG_APPEND, STORE_OP_LOG_READ, STORE_OP_LOG_DELETE_UPTO, STORE_OP_LOG_DELETE_ONE, STORE_OP_LOG_COUNT,
	STORE_OP_OWNERS, /* any shape: rows with the owners behind `key` in order, `limit` at most; `owner` is not looked at */
};

struct store_row {
	uint64_t seq;     /* logs */
	uint64_t time_us; /* logs */
	char *key;        /* maps: key; logs: tag. NUL-terminated, owned */
	char *bytes;      /* owned */
	size_t n;
};

struct store_request {
	struct msg m;
	const struct msg_kind *reply; /* NULL = no answer wanted */
	enum store_op op;
	enum store_collection collection; /* storage/collections.def */
	char *owner, *key;  /* owned, NUL-terminated; key = map key or log tag */
	struct buf value;   /* PUT, APPEND: what to write; GET, MAP_GET: the answer */
	uint64_t seq;       /* READ: after this; DELETE_*: which; APPEND answers the new one */
	uint64_t time_us;   /* APPEND */
	uint64_t limit;     /* READ: rows at most; APPEND: refuse with STATUS_LIMIT when owner already has this many rows
			       with this tag (0 = no limit); COUNT answers in seq */
	uint64_t bytes;     /* READ: no further row once the rows have so many bytes (0 = no limit) */
	uint64_t total;     /* APPEND: the same for all rows of owner */
	bool again;         /* the store actor's own: failed before */
	bool relaxed;       /* survives the death of the process, but need not survive a power cut (D1) */
	/* answer */
	enum status status;
	struct store_row *rows; /* owned */
	size_t row_count;
	bool cut;           /* READ: `bytes` was reached, there may be more */
	/* the sender's own notes, carried untouched */
	uint64_t note[3];
	struct packet_note *packet; /* owned through packet_note_free when not NULL: a packet waiting for this write */
};

#define STORE_PROTOCOL(M) M(STORE_REQUEST, store_request, store_request, store_request_drop, "One store operation.")
MSG_DECLARE(store, STORE_PROTOCOL)

struct packet_note; /* a heap struct packet, defined in actors/packet.h */
void store_request_drop(struct msg *m);
struct store_request *store_request_new(enum store_op op, enum store_collection c, struct span owner, struct span key,
					const struct msg_kind *reply);
actor_id store_spawn(struct store *writer); /* takes the handle */
