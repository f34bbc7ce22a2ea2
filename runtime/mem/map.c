/* Open hashing with chains; entries hold the key behind them. Grows by doubling when there are as many entries as
 * chains; shrinks never: maps live as long as their owner. */
#include "runtime/mem/map.h"

#include <pthread.h>
#include <stdlib.h>

#include "runtime/outside.h"

#define FIRST_CHAINS 8u

struct entry {
	struct entry *next;
	uint64_t hash;
	void *value;
	uint32_t key_n;
	char key[];
};

struct map {
	struct entry **chains;
	size_t chain_count, count;
};

static uint64_t key_words[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void draw_key(void)
{
	outside_random(key_words, sizeof(key_words));
}

void map_fix_key(void)
{
	pthread_once(&key_once, draw_key);
	key_words[0] = 0x5377697463686264u;
	key_words[1] = 0x626f6172642e6b65u;
}

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

#define SIP_ROUND(v) \
	do { \
		v[0] += v[1]; v[1] = rotate(v[1], 13) ^ v[0]; v[0] = rotate(v[0], 32); \
		v[2] += v[3]; v[3] = rotate(v[3], 16) ^ v[2]; \
		v[0] += v[3]; v[3] = rotate(v[3], 21) ^ v[0]; \
		v[2] += v[1]; v[1] = rotate(v[1], 17) ^ v[2]; v[2] = rotate(v[2], 32); \
	} while (0)

uint64_t map_siphash(const uint64_t key[2], struct span text)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
			  key[1] ^ 0x7465646279746573u };
	uint64_t word = 0;
	size_t i = 0;

	for (; i + 8 <= text.n; i += 8) {
		memcpy(&word, text.p + i, 8);
		v[3] ^= word;
		SIP_ROUND(v);
		SIP_ROUND(v);
		v[0] ^= word;
	}
	word = (uint64_t)text.n << 56;
	for (unsigned k = 0; i < text.n; i++, k += 8)
		word |= (uint64_t)(unsigned char)text.p[i] << k;
	v[3] ^= word;
	SIP_ROUND(v);
	SIP_ROUND(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int round = 0; round < 4; round++)
		SIP_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t map_hash(struct span key)
{
	pthread_once(&key_once, draw_key);
	return map_siphash(key_words, key);
}

struct map *map_new(void)
{
	return xcalloc(1, sizeof(struct map));
}

void map_free(struct map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->chain_count; i++)
		for (struct entry *e = m->chains[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	free(m->chains);
	free(m);
}

size_t map_count(const struct map *m)
{
	return m->count;
}

static struct entry **slot_of(const struct map *m, uint64_t hash, struct span key)
{
	struct entry **slot = &m->chains[hash & (m->chain_count - 1)];

	while (*slot && ((*slot)->hash != hash || (*slot)->key_n != key.n || memcmp((*slot)->key, key.p, key.n) != 0))
		slot = &(*slot)->next;
	return slot;
}

void *map_find_hashed(const struct map *m, uint64_t hash, struct span key)
{
	struct entry *e = m->count ? *slot_of(m, hash, key) : NULL;

	return e ? e->value : NULL;
}

void *map_find(const struct map *m, struct span key)
{
	return m->count ? map_find_hashed(m, map_hash(key), key) : NULL;
}

static void grow(struct map *m)
{
	size_t wider = m->chain_count ? m->chain_count * 2 : FIRST_CHAINS;
	struct entry **chains = xcalloc(wider, sizeof(*chains));

	for (size_t i = 0; i < m->chain_count; i++)
		for (struct entry *e = m->chains[i], *next; e; e = next) {
			next = e->next;
			e->next = chains[e->hash & (wider - 1)];
			chains[e->hash & (wider - 1)] = e;
		}
	free(m->chains);
	m->chains = chains;
	m->chain_count = wider;
}

void *map_put(struct map *m, struct span key, void *value)
{
	uint64_t hash = map_hash(key);
	struct entry **slot, *e;

	ASSERT(value);
	if (m->count >= m->chain_count)
		grow(m);
	slot = slot_of(m, hash, key);
	if (*slot) {
		void *old = (*slot)->value;

		(*slot)->value = value;
		return old;
	}
	e = xmalloc(sizeof(*e) + key.n);
	e->next = NULL;
	e->hash = hash;
	e->value = value;
	e->key_n = (uint32_t)key.n;
	if (key.n)
		memcpy(e->key, key.p, key.n);
	*slot = e;
	m->count++;
	return NULL;
}

void *map_remove(struct map *m, struct span key)
{
	struct entry **slot, *e;
	void *value;

	if (!m->count)
		return NULL;
	slot = slot_of(m, map_hash(key), key);
	e = *slot;
	if (!e)
		return NULL;
	*slot = e->next;
	value = e->value;
	free(e);
	m->count--;
	return value;
}

void map_each(struct map *m, map_visit_f *visit, void *ctx)
{
	for (size_t i = 0; i < m->chain_count; i++)
		for (struct entry *e = m->chains[i], *next; e; e = next) {
			next = e->next;
			visit(ctx, (struct span){ e->key, e->key_n }, e->value);
		}
}
