#include "storage/store.h"

#include <stdlib.h>

#include "storage/backend.h"

struct store {
	const struct store_backend *backend;
	void *db;
	uint64_t writes;
	bool relaxed;
};

#define RECORD STORE_RECORD
#define MAP STORE_MAP
#define LOG STORE_LOG
const struct store_collection_row store_collections[STORE_COLLECTION_COUNT] = {
#define COLLECTION(NAME, shape, table, life, owner, doc) { table, shape, STORE_##life, owner, doc },
#include "storage/collections.def"
#undef COLLECTION
};

static const struct store_backend *const backends[] = { &store_sqlite, &store_memory };
static const struct store_backend *brought;

void store_bring(const struct store_backend *own)
{
	brought = own;
}

static const struct store_backend *find_backend(struct span scheme)
{
	if (brought && span_is(scheme, brought->scheme))
		return brought;
	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		if (span_is(scheme, backends[i]->scheme))
			return backends[i];
	return NULL;
}

enum status store_open(const char *uri, enum store_access access, struct store **out, char **error)
{
	const char *colon = strchr(uri, ':');
	const struct store_backend *backend = colon ? find_backend((struct span){ uri, (size_t)(colon - uri) }) : NULL;
	struct store *s;
	enum status st;

	*out = NULL;
	if (!backend) {
		*error = xstrdup("no such kind of store; write sqlite:PATH");
		return STATUS_UNSUPPORTED;
	}
	s = xcalloc(1, sizeof(*s));
	s->backend = backend;
	st = backend->open(colon + 1, access, &s->db, error);
	if (st == STATUS_OK)
		*out = s;
	else
		free(s);
	return st;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	s->backend->close(s->db);
	free(s);
}

enum status store_begin(struct store *s)
{
	return s->backend->begin(s->db);
}

enum status store_commit(struct store *s)
{
	return s->backend->commit(s->db);
}

void store_rollback(struct store *s)
{
	s->backend->rollback(s->db);
}

void store_relax(struct store *s, bool relaxed)
{
	if (s->relaxed != relaxed && s->backend->relax)
		s->backend->relax(s->db, relaxed);
	s->relaxed = relaxed;
}

static void check(enum store_collection c, enum store_shape shape)
{
	ASSERT(store_collections[c].shape == shape);
}

enum status store_get(struct store *s, enum store_collection c, struct span owner, struct buf *out)
{
	check(c, STORE_RECORD);
	return s->backend->get(s->db, c, owner, out);
}

enum status store_put(struct store *s, enum store_collection c, struct span owner, struct span value)
{
	check(c, STORE_RECORD);
	s->writes++;
	return s->backend->put(s->db, c, owner, value);
}

enum status store_delete(struct store *s, enum store_collection c, struct span owner)
{
	s->writes++;
	return s->backend->delete_owner(s->db, c, owner);
}

enum status store_map_get(struct store *s, enum store_collection c, struct span owner, struct span key, struct buf *out)
{
	check(c, STORE_MAP);
	return s->backend->map_get(s->db, c, owner, key, out);
}

enum status store_map_put(struct store *s, enum store_collection c, struct span owner, struct span key, struct span value)
{
	check(c, STORE_MAP);
	s->writes++;
	return s->backend->map_put(s->db, c, owner, key, value);
}

enum status store_map_delete(struct store *s, enum store_collection c, struct span owner, struct span key)
{
	check(c, STORE_MAP);
	s->writes++;
	return s->backend->map_delete(s->db, c, owner, key);
}

enum status store_map_each(struct store *s, enum store_collection c, struct span owner, store_pair_f *visit, void *ctx)
{
	check(c, STORE_MAP);
	return s->backend->map_each(s->db, c, owner, visit, ctx);
}

/* The single writer makes counting and appending one step. */
static enum status within_limit(struct store *s, enum store_collection c, struct span owner, struct span tag, uint64_t limit)
{
	uint64_t count;
	enum status st;

	if (limit == 0)
		return STATUS_OK;
	st = s->backend->log_count(s->db, c, owner, tag, &count);
	if (st != STATUS_OK)
		return st;
	return count < limit ? STATUS_OK : STATUS_LIMIT;
}

enum status store_log_append(struct store *s, enum store_collection c, struct span owner, struct span tag, uint64_t time_us,
			     struct span value, uint64_t per_tag, uint64_t total, uint64_t *seq)
{
	struct store_log_row row = { 0, time_us, tag.p ? tag : SPAN_LIT(""), value };
	enum status st;

	check(c, STORE_LOG);
	st = within_limit(s, c, owner, row.tag, per_tag);
	if (st == STATUS_OK)
		st = within_limit(s, c, owner, SPAN_NONE, total);
	if (st != STATUS_OK)
		return st;
	s->writes++;
	return s->backend->log_append(s->db, c, owner, &row, seq);
}

enum status store_log_read(struct store *s, enum store_collection c, struct span owner, struct span tag, uint64_t after,
			   uint64_t limit, store_row_f *visit, void *ctx)
{
	check(c, STORE_LOG);
	return s->backend->log_read(s->db, c, owner, tag, after, limit, visit, ctx);
}

enum status store_log_delete(struct store *s, enum store_collection c, struct span owner, uint64_t seq)
{
	check(c, STORE_LOG);
	s->writes++;
	return s->backend->log_delete(s->db, c, owner, seq, seq);
}

enum status store_log_delete_upto(struct store *s, enum store_collection c, struct span owner, uint64_t seq)
{
	check(c, STORE_LOG);
	s->writes++;
	return s->backend->log_delete(s->db, c, owner, 0, seq);
}

enum status store_log_count(struct store *s, enum store_collection c, struct span owner, uint64_t *out)
{
	check(c, STORE_LOG);
	return s->backend->log_count(s->db, c, owner, SPAN_NONE, out);
}

enum status store_owners(struct store *s, enum store_collection c, struct span after, uint64_t limit, store_owner_f *visit, void *ctx)
{
	return s->backend->owners(s->db, c, after, limit, visit, ctx);
}

uint64_t store_writes(const struct store *s)
{
	return s->writes;
}
