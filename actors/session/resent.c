#include "actors/session/resent.h"

#include <stdlib.h>

#include "runtime/mem/buf.h"
#include "runtime/mem/map.h"
#include "xmpp/ns.h"

#define FORGOTTEN UINT64_C(0) /* as content */
#define PROMISED UINT64_C(1)  /* the lowest bit of a content: its sender was promised word of it */

/* Open addressing, never full by half, nothing is ever taken out: old ones go with their whole generation. */
struct generation {
	uint64_t *ids, *contents; /* hashes; id 0 = free */
	size_t size, count;
};

/* A first copy whose sender waits for word of it, as far as is known. */
struct owed {
	uint64_t id;
	struct pledge *watched;
};

struct resent {
	struct generation young, old;
	uint64_t most;
	struct owed *owed; /* oldest first */
	size_t owed_count, owed_room;
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
	for (size_t i = 0; i < r->owed_count; i++)
		pledge_unwatch(&r->owed[i].watched);
	free(r->owed);
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

/* --- what is owed for the first copies --- */

static void forget_those_over(struct resent *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->owed_count; i++) {
		if (pledge_is_over(r->owed[i].watched))
			pledge_unwatch(&r->owed[i].watched);
		else
			r->owed[kept++] = r->owed[i];
	}
	r->owed_count = kept;
}

/* Looks through all of them only when there is no room left: most are over soon. */
static void watch(struct resent *r, uint64_t id, struct pledge *pledge)
{
	if (r->owed_count == r->owed_room) {
		forget_those_over(r);
		if (2 * r->owed_count >= r->owed_room) {
			r->owed_room = r->owed_room ? 2 * r->owed_room : 64;
			r->owed = xrealloc(r->owed, r->owed_room * sizeof(*r->owed));
		}
	}
	r->owed[r->owed_count++] = (struct owed){ id, pledge_watch(pledge) };
}

static void follow(struct resent *r, uint64_t id, struct pledge **pledge)
{
	for (size_t i = r->owed_count; *pledge && i-- > 0;)
		if (r->owed[i].id == id)
			pledge_follow(r->owed[i].watched, pledge);
	pledge_drop(pledge); /* that of the first is over */
}

/* --- sent before? --- */

bool resent_is(struct resent *r, const struct jid *sender, const struct stanza *message, struct pledge **pledge)
{
	struct span id_text = r->most && stanza_type(message) != STANZA_TYPE_ERROR && stanza_is_echoed(message) ?
				      origin_id(message) : SPAN_NONE;
	uint64_t id, content, *known;

	if (span_empty(id_text))
		return false;
	id = hash_of(jid_bare(sender), id_text);
	content = (hash_of(stanza_to(message), stanza_child_text(message, "body", NULL)) | 2) & ~PROMISED;
	known = find_any(r, id);
	if (known && (*known & ~PROMISED) == content && (!*pledge || (*known & PROMISED))) {
		follow(r, id, pledge);
		return true;
	}
	if (*pledge) {
		content |= PROMISED;
		watch(r, id, *pledge);
	}
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
