#pragma once
/* Hash map from byte strings to pointers, SipHash-keyed per process, because keys come from peers.
 * The key is copied. Values are borrowed: the map never frees them. One owner, no locks. */
#include "runtime/mem/span.h"

struct map; /* opaque */

struct map *map_new(void);
void map_free(struct map *m);
size_t map_count(const struct map *m);
void *map_find(const struct map *m, struct span key); /* NULL when absent */
void *map_find_hashed(const struct map *m, uint64_t hash, struct span key); /* hash: map_hash(key), known already */
void *map_put(struct map *m, struct span key, void *value); /* value not NULL; returns the one replaced or NULL */
void *map_remove(struct map *m, struct span key); /* returns the value or NULL */
/* Visits all entries in no particular order; the visitor may remove the entry it is shown and no other. */
typedef void map_visit_f(void *ctx, struct span key, void *value);
void map_each(struct map *m, map_visit_f *visit, void *ctx);

/* SipHash-2-4 under the process key (random per start, from outside_random; fixed under simulation). */
uint64_t map_hash(struct span key);
uint64_t map_siphash(const uint64_t key[2], struct span text); /* SipHash-2-4 under a given key */
void map_fix_key(void); /* simulation: a constant key. Before anything was hashed that is kept. */
