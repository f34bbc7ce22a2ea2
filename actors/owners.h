#pragma once
/* Which accounts have anything in a collection of the store: asked once at the start, so that nobody need ask for the others. A
 * set of the hashes of bare JIDs, eight bytes or so for each; a hash met by chance costs one look into the store and nothing else.
 * Accounts may be added, none is taken out. One owner; a set that nobody changes may be read by any thread. */
#include "storage/store.h"

struct owners; /* opaque */

struct owners *owners_new(void);
void owners_free(struct owners *o); /* NULL allowed */
void owners_add(struct owners *o, uint64_t hash);        /* hash: struct jid's bare_hash */
bool owners_has(const struct owners *o, uint64_t hash);  /* NULL: has none */
/* Adds all of the store's. Blocks; when the server starts. */
enum status owners_read(struct owners *o, struct store *s, enum store_collection c) MUST_CHECK;
