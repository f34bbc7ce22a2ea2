#pragma once
/* When an account was last there, and what it said when it went (XEP-0012). In memory, of the accounts of one shard that left
 * last: no more than `most`; the one that left first is forgotten for one more. Nothing is written at logout unless
 * sess-man/db-write-online-status says so; then the record is kept in the store, too, and outlives a restart. The shard's own. */
#include "runtime/mem/buf.h"
#include "xmpp/jid.h"

/* Longer status messages are kept without their end. */
#define LAST_SEEN_STATUS_MAX 255u

struct last_seen; /* opaque */

struct last_seen *last_seen_new(uint64_t most); /* 0 = none are remembered */
void last_seen_free(struct last_seen *l);       /* NULL allowed */
void last_seen_note(struct last_seen *l, const struct jid *account, uint64_t wall_us, struct span status);
void last_seen_forget(struct last_seen *l, const struct jid *account);
/* False: not known. *status lives until the next note. */
bool last_seen_find(const struct last_seen *l, const struct jid *account, uint64_t *wall_us, struct span *status);

/* What is kept in the store, and back; false when the bytes are damaged. */
void last_seen_save(struct buf *out, uint64_t wall_us, struct span status);
bool last_seen_load(struct span saved, uint64_t *wall_us, struct span *status);
