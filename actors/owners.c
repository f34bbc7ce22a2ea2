#include "actors/owners.h"

#include <stdlib.h>

#include "runtime/mem/map.h"

#define OWNERS_AT_ONCE 1000u

struct owners { /* open addressing, at most half full; 0 = free */
	uint64_t *hashes;
	size_t size, count;
};

struct owners *owners_new(void)
{
	return xcalloc(1, sizeof(struct owners));
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	free(o->hashes);
	free(o);
}

/* 0 stands for a free place. */
static uint64_t marked(uint64_t hash)
{
	return hash ? hash : 1;
}

static size_t slot_of(const struct owners *o, uint64_t hash)
{
	size_t at = hash & (o->size - 1);

	while (o->hashes[at] && o->hashes[at] != hash)
		at = (at + 1) & (o->size - 1);
	return at;
}

static void grow(struct owners *o)
{
	struct owners bigger = { .size = o->size ? 2 * o->size : 64, .count = o->count };

	bigger.hashes = xcalloc(bigger.size, sizeof(*bigger.hashes));
	for (size_t i = 0; i < o->size; i++)
		if (o->hashes[i])
			bigger.hashes[slot_of(&bigger, o->hashes[i])] = o->hashes[i];
	free(o->hashes);
	*o = bigger;
}

void owners_add(struct owners *o, uint64_t hash)
{
	size_t at;

	if (2 * (o->count + 1) > o->size)
		grow(o);
	at = slot_of(o, marked(hash));
	o->count += o->hashes[at] == 0;
	o->hashes[at] = marked(hash);
}

bool owners_has(const struct owners *o, uint64_t hash)
{
	return o && o->count && o->hashes[slot_of(o, marked(hash))] != 0;
}

struct page {
	struct owners *all;
	char *last; /* owned */
	uint64_t count;
};

static bool add(void *ctx, struct span owner)
{
	struct page *page = ctx;

	owners_add(page->all, map_hash(owner));
	free(page->last);
	page->last = xstrndup(owner.p, owner.n);
	page->count++;
	return true;
}

enum status owners_read(struct owners *o, struct store *s, enum store_collection c)
{
	struct page page = { o, NULL, 0 };
	enum status st;

	do {
		char *after = page.last;

		page.last = NULL;
		page.count = 0;
		st = store_owners(s, c, span_of(after), OWNERS_AT_ONCE, add, &page);
		if (st == STATUS_NOT_FOUND)
			st = STATUS_OK;
		free(after);
	} while (st == STATUS_OK && page.count == OWNERS_AT_ONCE);
	free(page.last);
	return st;
}
