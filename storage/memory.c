/* A store in memory: the oracle of the conformance suite and the store of unit tests. All handles of a process that name the
 * same URI share their data under one mutex. A sorted array of rows, searched from the front: it is meant to be obviously
 * right, not fast. A transaction works on a copy. */
#include <pthread.h>
#include <stdlib.h>

#include "storage/backend.h"

struct row {
	enum store_collection collection;
	char *owner, *key; /* key: map key or log tag */
	size_t owner_n, key_n;
	uint64_t seq, time_us;
	char *value;
	size_t value_n;
};

struct rows {
	struct row *items;
	size_t count;
	uint64_t next_seq;
};

struct shared {
	struct shared *next;
	char *name;
	unsigned handles;
	struct rows rows, before; /* before: what a rollback returns to */
	bool in_transaction;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shared *all;

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->items[i].owner);
		free(rows->items[i].key);
		free(rows->items[i].value);
	}
	free(rows->items);
	*rows = (struct rows){ 0 };
}

static struct row copy_row(const struct row *r)
{
	struct row copy = *r;

	copy.owner = xstrndup(r->owner, r->owner_n);
	copy.key = xstrndup(r->key, r->key_n);
	copy.value = xstrndup(r->value, r->value_n);
	return copy;
}

static enum status memory_open(const char *name, enum store_access access, void **out, char **error)
{
	struct shared *s;

	(void)access;
	(void)error;
	pthread_mutex_lock(&lock);
	for (s = all; s && strcmp(s->name, name) != 0; s = s->next)
		;
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->name = xstrdup(name);
		s->rows.next_seq = 1;
		s->next = all;
		all = s;
	}
	s->handles++;
	pthread_mutex_unlock(&lock);
	*out = s;
	return STATUS_OK;
}

static void memory_close(void *db)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	if (--s->handles == 0) {
		struct shared **link = &all;

		while (*link != s)
			link = &(*link)->next;
		*link = s->next;
		free_rows(&s->rows);
		free_rows(&s->before);
		free(s->name);
		free(s);
	}
	pthread_mutex_unlock(&lock);
}

static enum status memory_begin(void *db)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	ASSERT(!s->in_transaction);
	s->in_transaction = true;
	s->before.items = xcalloc(s->rows.count, sizeof(struct row));
	s->before.count = s->rows.count;
	s->before.next_seq = s->rows.next_seq;
	for (size_t i = 0; i < s->rows.count; i++)
		s->before.items[i] = copy_row(&s->rows.items[i]);
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_commit(void *db)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	ASSERT(s->in_transaction);
	s->in_transaction = false;
	free_rows(&s->before);
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static void memory_rollback(void *db)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	if (s->in_transaction) {
		s->in_transaction = false;
		free_rows(&s->rows);
		s->rows = s->before;
		s->before = (struct rows){ 0 };
	}
	pthread_mutex_unlock(&lock);
}

static bool is(const struct row *r, enum store_collection c, struct span owner)
{
	return r->collection == c && span_eq((struct span){ r->owner, r->owner_n }, owner);
}

static bool has_key(const struct row *r, struct span key)
{
	return span_eq((struct span){ r->key, r->key_n }, key);
}

static void remove_at(struct rows *rows, size_t i)
{
	free(rows->items[i].owner);
	free(rows->items[i].key);
	free(rows->items[i].value);
	memmove(&rows->items[i], &rows->items[i + 1], (--rows->count - i) * sizeof(struct row));
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order;

	if (x->collection != y->collection)
		return x->collection < y->collection ? -1 : 1;
	order = strcmp(x->owner, y->owner);
	if (order == 0)
		order = x->seq == y->seq ? 0 : x->seq < y->seq ? -1 : 1;
	return order ? order : strcmp(x->key, y->key);
}

static void add(struct shared *s, enum store_collection c, struct span owner, struct span key, uint64_t seq, uint64_t time_us,
		struct span value)
{
	struct rows *rows = &s->rows;

	rows->items = xrealloc(rows->items, (rows->count + 1) * sizeof(struct row));
	rows->items[rows->count++] = (struct row){ c, xstrndup(owner.p, owner.n), xstrndup(key.p ? key.p : "", key.n), owner.n, key.n, seq,
						   time_us, xstrndup(value.p ? value.p : "", value.n), value.n };
	qsort(rows->items, rows->count, sizeof(struct row), compare_rows);
}

static enum status take(struct shared *s, enum store_collection c, struct span owner, const struct span *key, struct buf *out)
{
	enum status st = STATUS_NOT_FOUND;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < s->rows.count; i++) {
		struct row *r = &s->rows.items[i];

		if (is(r, c, owner) && (!key || has_key(r, *key))) {
			buf_add(out, r->value, r->value_n);
			st = STATUS_OK;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return st;
}

/* Removes all rows that fit; key NULL: any; first..last: of logs. */
static enum status drop(struct shared *s, enum store_collection c, struct span owner, const struct span *key, uint64_t first,
			uint64_t last)
{
	enum status st = STATUS_NOT_FOUND;

	for (size_t i = 0; i < s->rows.count;) {
		struct row *r = &s->rows.items[i];

		if (is(r, c, owner) && (!key || has_key(r, *key)) && r->seq >= first && r->seq <= last) {
			remove_at(&s->rows, i);
			st = STATUS_OK;
		} else {
			i++;
		}
	}
	return st;
}

static enum status memory_get(void *db, enum store_collection c, struct span owner, struct buf *out)
{
	return take(db, c, owner, NULL, out);
}

static enum status memory_put(void *db, enum store_collection c, struct span owner, struct span value)
{
	pthread_mutex_lock(&lock);
	(void)drop(db, c, owner, NULL, 0, UINT64_MAX);
	add(db, c, owner, SPAN_NONE, 0, 0, value);
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_delete(void *db, enum store_collection c, struct span owner)
{
	enum status st;

	pthread_mutex_lock(&lock);
	st = drop(db, c, owner, NULL, 0, UINT64_MAX);
	pthread_mutex_unlock(&lock);
	return st;
}

static enum status memory_map_get(void *db, enum store_collection c, struct span owner, struct span key, struct buf *out)
{
	return take(db, c, owner, &key, out);
}

static enum status memory_map_put(void *db, enum store_collection c, struct span owner, struct span key, struct span value)
{
	pthread_mutex_lock(&lock);
	(void)drop(db, c, owner, &key, 0, UINT64_MAX);
	add(db, c, owner, key, 0, 0, value);
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_map_delete(void *db, enum store_collection c, struct span owner, struct span key)
{
	enum status st;

	pthread_mutex_lock(&lock);
	st = drop(db, c, owner, &key, 0, UINT64_MAX);
	pthread_mutex_unlock(&lock);
	return st;
}

static enum status memory_map_each(void *db, enum store_collection c, struct span owner, store_pair_f *visit, void *ctx)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < s->rows.count; i++) {
		struct row *r = &s->rows.items[i];

		if (is(r, c, owner) && !visit(ctx, (struct span){ r->key, r->key_n }, (struct span){ r->value, r->value_n }))
			break;
	}
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_log_append(void *db, enum store_collection c, struct span owner, const struct store_log_row *row,
				     uint64_t *seq)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	*seq = s->rows.next_seq++;
	add(s, c, owner, row->tag, *seq, row->time_us, row->value);
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_log_read(void *db, enum store_collection c, struct span owner, struct span tag, uint64_t after,
				   uint64_t limit, store_row_f *visit, void *ctx)
{
	struct shared *s = db;
	uint64_t seen = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < s->rows.count && (limit == 0 || seen < limit); i++) {
		struct row *r = &s->rows.items[i];
		struct store_log_row shown = { r->seq, r->time_us, { r->key, r->key_n }, { r->value, r->value_n } };

		if (!is(r, c, owner) || r->seq <= after || (tag.p && !has_key(r, tag)))
			continue;
		seen++;
		if (!visit(ctx, &shown))
			break;
	}
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_log_delete(void *db, enum store_collection c, struct span owner, uint64_t first, uint64_t last)
{
	enum status st;

	pthread_mutex_lock(&lock);
	st = drop(db, c, owner, NULL, first, last);
	pthread_mutex_unlock(&lock);
	return st;
}

static enum status memory_log_count(void *db, enum store_collection c, struct span owner, struct span tag, uint64_t *out)
{
	struct shared *s = db;

	pthread_mutex_lock(&lock);
	*out = 0;
	for (size_t i = 0; i < s->rows.count; i++)
		*out += is(&s->rows.items[i], c, owner) && (!tag.p || has_key(&s->rows.items[i], tag));
	pthread_mutex_unlock(&lock);
	return STATUS_OK;
}

static enum status memory_owners(void *db, enum store_collection c, struct span after, uint64_t limit, store_owner_f *visit,
				 void *ctx)
{
	struct shared *s = db;
	const char *last = NULL;
	uint64_t seen = 0;
	char *from = xstrndup(after.p ? after.p : "", after.n);

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < s->rows.count && (limit == 0 || seen < limit); i++) {
		struct row *r = &s->rows.items[i];

		if (r->collection != c || strcmp(r->owner, from) <= 0 || (last && strcmp(last, r->owner) == 0))
			continue;
		last = r->owner;
		seen++;
		if (!visit(ctx, (struct span){ r->owner, r->owner_n }))
			break;
	}
	pthread_mutex_unlock(&lock);
	free(from);
	return STATUS_OK;
}

const struct store_backend store_memory = {
	.scheme = "memory",
	.open = memory_open,
	.close = memory_close,
	.begin = memory_begin,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.get = memory_get,
	.put = memory_put,
	.delete_owner = memory_delete,
	.map_get = memory_map_get,
	.map_put = memory_map_put,
	.map_delete = memory_map_delete,
	.map_each = memory_map_each,
	.log_append = memory_log_append,
	.log_read = memory_log_read,
	.log_delete = memory_log_delete,
	.log_count = memory_log_count,
	.owners = memory_owners,
};
