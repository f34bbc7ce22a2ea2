/* The table of domains served now. Any thread reads it while one thread changes it, without locks: entries are only ever
 * added, each to the front of its bucket and to the end of the list of all, and what an entry points to is replaced whole. A domain
 * that is dropped or replaced stays in memory until the table goes, since streams hold it; that is a few hundred bytes
 * for each change an administrator makes. */
#include <stdlib.h>

#include "conf/inner.h"
#include "runtime/actor/order.h"

#define BUCKETS 1024u /* thousands of tenants are a few steps each */

struct entry {
	const struct config_vhost *now; /* atomic; NULL = not served */
	struct entry *same;             /* of the same bucket; set before the entry can be found */
	struct entry *next;             /* atomic; in the order of adding */
	size_t n;
	char name[];
};

struct owned { /* a domain the table must free */
	struct config_vhost *v;
	struct owned *next;
};

struct config_hosts {
	struct entry *buckets[BUCKETS]; /* atomic */
	struct entry *first, *last;     /* atomic; the writer's */
	struct owned *owned;            /* the writer's */
};

struct config_hosts *hosts_new(void)
{
	return xcalloc(1, sizeof(struct config_hosts));
}

/* Names are short and differ at their beginning or, as hosts of one parent, in their length: the ends, mixed. */
static unsigned bucket_of(struct span name)
{
	uint64_t head = 0, tail = 0;
	size_t n = name.n < 8 ? name.n : 8;

	memcpy(&head, name.p, n);
	memcpy(&tail, name.p + name.n - n, n);
	return (unsigned)(((head ^ (tail << 1) ^ name.n) * UINT64_C(0x9e3779b97f4a7c15)) >> 54);
}
_Static_assert(BUCKETS == 1u << 10, "the upper ten bits choose the bucket");

static struct entry *find(const struct config_hosts *t, struct span name)
{
	struct entry *e = name.n ? order_load_ptr(&t->buckets[bucket_of(name)]) : NULL; /* pairs with add's store */

	while (e && (e->n != name.n || memcmp(e->name, name.p, name.n) != 0))
		e = e->same;
	return e;
}

static void add(struct config_hosts *t, const struct config_vhost *v)
{
	struct span name = span_of(v->name);
	struct entry **bucket = &t->buckets[bucket_of(name)], *e = xcalloc(1, sizeof(*e) + name.n + 1);

	e->now = v;
	e->n = name.n;
	memcpy(e->name, name.p, name.n);
	e->same = *bucket;
	order_store_ptr(bucket, e); /* pairs with find's load: the entry is whole */
	order_store_ptr(t->last ? &t->last->next : &t->first, e); /* pairs with the loads of config_each_vhost */
	t->last = e;
}

void hosts_add_static(struct config_hosts *t, const struct config_vhost *v)
{
	add(t, v);
}

void hosts_free(struct config_hosts *t)
{
	if (!t)
		return;
	for (struct entry *e = t->first, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	for (struct owned *o = t->owned, *next; o; o = next) {
		next = o->next;
		config_vhost_free(o->v);
		free(o);
	}
	free(t);
}

void config_serve(const struct config *c, struct config_vhost *v)
{
	struct entry *e = find(c->hosts, span_of(v->name));
	struct owned *o = xcalloc(1, sizeof(*o));

	o->v = v;
	o->next = c->hosts->owned;
	c->hosts->owned = o;
	if (e)
		order_store_ptr(&e->now, v); /* pairs with the load in config_vhost: the domain is whole */
	else
		add(c->hosts, v);
}

bool config_unserve(const struct config *c, struct span domain)
{
	struct entry *e = find(c->hosts, domain);

	if (!e || !e->now)
		return false;
	order_store_ptr(&e->now, (struct config_vhost *)(uintptr_t)config_vhost_of_file(c, domain));
	return true;
}

const struct config_vhost *config_vhost(const struct config *c, struct span domain)
{
	struct entry *e = find(c->hosts, domain);

	return e ? order_load_ptr(&e->now) : NULL; /* pairs with the stores of config_serve and config_unserve */
}

void config_each_vhost(const struct config *c, config_vhost_f *visit, void *ctx)
{
	for (struct entry *e = order_load_ptr(&c->hosts->first); e; e = order_load_ptr(&e->next)) {
		const struct config_vhost *v = order_load_ptr(&e->now);

		if (v)
			visit(ctx, v);
	}
}

const struct config_vhost *config_vhost_of_file(const struct config *c, struct span domain)
{
	for (size_t i = 0; i < c->vhost_count; i++)
		if (span_is(domain, c->vhosts[i].name))
			return &c->vhosts[i];
	return NULL;
}

bool config_was_served(const struct config *c, struct span domain)
{
	return find(c->hosts, domain) != NULL;
}
