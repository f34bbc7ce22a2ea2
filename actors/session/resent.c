#include "actors/session/resent.h"

#include <stdlib.h>

#include "runtime/mem/buf.h"
#include "runtime/mem/map.h"
#include "xmpp/ns.h"

#define FORGOTTEN 0 /* as content */

/* Open addressing, never full by half, nothing is ever taken out: old ones go with their whole generation. */
struct generation {
	uint64_t *ids, *contents; /* hashes; id 0 = free */
	size_t size, count;
};

struct resent {
	struct generation young, old;
	uint64_t most;
};

static void generation_free(struct generation *g)
{
	free(g->ids);
	free(g->contents);
	*g = (struct generation){ 0 };
}

/* Where this id is, or would be. */
static size_t slot_of(const struct generation *g, uint64_t id)
{
	size_t at = id & (g->size - 1);

	while (g->ids[at] && g->ids[at] != id)
		at = (at + 1) & (g->size - 1);
	return at;
}

static void put(struct generation *g, uint64_t id, uint64_t content)
{
	size_t at = slot_of(g, id);

	g->count += g->ids[at] == 0;
	g->ids[at] = id;
	g->contents[at] = content;
}

static void grow(struct generation *g)
{
	struct generation bigger = { .size = g->size ? 2 * g->size : 64 };

	bigger.ids = xcalloc(bigger.size, sizeof(uint64_t));
	bigger.contents = xcalloc(bigger.size, sizeof(uint64_t));
	for (size_t i = 0; i < g->size; i++)
		if (g->ids[i])
			put(&bigger, g->ids[i], g->contents[i]);
	generation_free(g);
	*g = bigger;
}

static uint64_t *find(struct generation *g, uint64_t id)
{
	size_t at;

	if (g->size == 0)
		return NULL;
	at = slot_of(g, id);
	return g->ids[at] ? &g->contents[at] : NULL;
}

static uint64_t *find_any(struct resent *r, uint64_t id)
{
	uint64_t *content = find(&r->young, id);

	return content ? content : find(&r->old, id);
}

struct resent *resent_new(uint64_t most)
{
	struct resent *r = xcalloc(1, sizeof(*r));

	r->most = most;
	return r;
}

void resent_free(struct resent *r)
{
	if (!r)
		return;
	generation_free(&r->young);
	generation_free(&r->old);
	free(r);
}

/* Never 0. The hash is keyed: nobody makes two ids meet. */
static uint64_t hash_of(struct span a, struct span b)
{
	struct buf text = BUF_INIT;
	uint64_t hash;

	buf_add_span(&text, a);
	buf_add(&text, "", 1);
	buf_add_span(&text, b);
	hash = map_hash(buf_span(&text));
	buf_fini(&text);
	return hash ? hash : 1;
}

static struct span origin_id(const struct stanza *s)
{
	stanza_el el = stanza_child(s, STANZA_TOP, "origin-id", NS_SID);

	return el == STANZA_NO_EL ? SPAN_NONE : stanza_attr(s, el, "id");
}

bool resent_is(struct resent *r, const struct jid *sender, const struct stanza *message)
{
	struct span id_text = r->most && stanza_is_echoed(message) ? origin_id(message) : SPAN_NONE;
	uint64_t id, content, *known;

	if (span_empty(id_text))
		return false;
	id = hash_of(jid_bare(sender), id_text);
	content = hash_of(stanza_to(message), stanza_child_text(message, "body", NULL));
	known = find_any(r, id);
	if (known && *known == content)
		return true;
	if (r->young.count >= r->most) {
		generation_free(&r->old);
		r->old = r->young;
		r->young = (struct generation){ 0 };
	}
	if (2 * (r->young.count + 1) > r->young.size)
		grow(&r->young);
	put(&r->young, id, content);
	return false;
}

void resent_forget(struct resent *r, const struct jid *sender, const struct stanza *error)
{
	struct span id = origin_id(error);
	uint64_t *known = span_empty(id) ? NULL : find_any(r, hash_of(jid_bare(sender), id));

	if (known)
		*known = FORGOTTEN;
}
