#pragma once
/* What is kept, in three shapes: record (owner -> value), map (owner -> key -> value), log (owner -> rows in order).
 * Knows nothing of XMPP or actors. Every call may block: only store threads and tools call it. A handle belongs to one
 * thread. Back ends are a struct of functions each (storage/backend.h) and must pass tests/support/store_suite. */
#include "runtime/mem/buf.h"
#include "runtime/status.h"

enum store_shape { STORE_RECORD, STORE_MAP, STORE_LOG };
enum store_collection {
#define COLLECTION(NAME, shape, table, life, owner, doc) STORE_##NAME,
#include "storage/collections.def"
#undef COLLECTION
	STORE_COLLECTION_COUNT
};
enum store_life { STORE_WITH_ACCOUNT, STORE_APART };
struct store_collection_row {
	const char *table;
	enum store_shape shape;
	enum store_life life;
	const char *owner, *doc;
};
extern const struct store_collection_row store_collections[STORE_COLLECTION_COUNT];

struct store; /* opaque */

enum store_access { STORE_WRITER, STORE_READER, STORE_OWNER };

/* Opens by URI: "sqlite:PATH", "memory:" (tests; all handles of one process with the same URI share it). A writer creates
 * what is missing, with its directories (mode 0700) and files (0600). An owner is the writer of a server: one process at a
 * time (STATUS_BUSY for the second; other processes may still be writers), and what is there is checked for damage. A store
 * that is damaged or emptied is refused, never replaced. On failure *error names the path and the reason (owned by the caller). */
enum status store_open(const char *uri, enum store_access access, struct store **out, char **error) MUST_CHECK;
void store_close(struct store *s);

/* Everything between begin and commit is one transaction, durable when commit returns (reliability D2). After a failed
 * commit nothing of it has happened. Without begin each call is its own. */
enum status store_begin(struct store *s) MUST_CHECK;
enum status store_commit(struct store *s) MUST_CHECK;
void store_rollback(struct store *s);
/* Transactions begun from now on survive the death of the process, but need not survive a power cut (reliability D1); the
 * next one that is not relaxed makes them durable too. Not inside a transaction. */
void store_relax(struct store *s, bool relaxed);

/* Owner and key: bytes without NUL. Values: any bytes. */
enum status store_get(struct store *s, enum store_collection c, struct span owner, struct buf *out) MUST_CHECK;
enum status store_put(struct store *s, enum store_collection c, struct span owner, struct span value) MUST_CHECK;
enum status store_delete(struct store *s, enum store_collection c, struct span owner) MUST_CHECK; /* any shape: all of owner; NOT_FOUND when nothing was there */

/* The visitor returns false to stop. It must not call the store. */
typedef bool store_pair_f(void *ctx, struct span key, struct span value);
enum status store_map_get(struct store *s, enum store_collection c, struct span owner, struct span key, struct buf *out) MUST_CHECK;
enum status store_map_put(struct store *s, enum store_collection c, struct span owner, struct span key, struct span value) MUST_CHECK;
enum status store_map_delete(struct store *s, enum store_collection c, struct span owner, struct span key) MUST_CHECK;
enum status store_map_each(struct store *s, enum store_collection c, struct span owner, store_pair_f *visit, void *ctx) MUST_CHECK;

struct store_log_row {
	uint64_t seq, time_us;
	struct span tag, value;
};
typedef bool store_row_f(void *ctx, const struct store_log_row *row);
/* *seq is unique and rising within the collection, and rows become visible in its order: who reads on after the last one it
 * saw misses none. per_tag, total: refuse with STATUS_LIMIT when owner has as many rows with
 * this tag, or at all, already (0 = no limit). */
enum status store_log_append(struct store *s, enum store_collection c, struct span owner, struct span tag, uint64_t time_us,
			     struct span value, uint64_t per_tag, uint64_t total, uint64_t *seq) MUST_CHECK;
/* Rows with seq > after, in order, at most limit (0 = all). tag p NULL = any. */
enum status store_log_read(struct store *s, enum store_collection c, struct span owner, struct span tag, uint64_t after,
			   uint64_t limit, store_row_f *visit, void *ctx) MUST_CHECK;
enum status store_log_delete(struct store *s, enum store_collection c, struct span owner, uint64_t seq) MUST_CHECK;
enum status store_log_delete_upto(struct store *s, enum store_collection c, struct span owner, uint64_t seq) MUST_CHECK;
enum status store_log_count(struct store *s, enum store_collection c, struct span owner, uint64_t *out) MUST_CHECK;

/* Owners that have anything in the collection, sorted, after `after`, at most limit. */
typedef bool store_owner_f(void *ctx, struct span owner);
enum status store_owners(struct store *s, enum store_collection c, struct span after, uint64_t limit, store_owner_f *visit,
			 void *ctx) MUST_CHECK;

/* Writes executed so far through this handle (the "no write at login" test reads it). */
uint64_t store_writes(const struct store *s);
