/* The embedded store. One table a collection, made from collections.def; WAL with synchronous=FULL, so that a commit that
 * returned survives a power cut (reliability E15). One statement for each verb and collection, prepared at first use,
 * parameters bound, never pasted. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/log.h"
#include "runtime/outside.h"
#include "storage/backend.h"
#include "storage/lock.h"

#define SCHEMA_VERSION 1
#define BUSY_MS 5000
#define CHECKPOINT_PAGES 1000
#define CHECK_MS 1000 /* of the start, for looking at what is there: a server is back within two seconds */
#define CHECK_STEPS 10000

enum verb {
	VERB_GET, VERB_PUT, VERB_DELETE, VERB_KEY_GET, VERB_KEY_PUT, VERB_KEY_DELETE, VERB_EACH, VERB_APPEND, VERB_READ, VERB_READ_TAG,
	VERB_REMOVE, VERB_COUNT, VERB_COUNT_TAG, VERB_OWNERS, VERBS
};

/* %s is the table: a name of our own, never anything from outside. */
static const char *const verb_sql[VERBS] = {
	[VERB_GET] = "SELECT value FROM %s WHERE owner=?1",
	[VERB_PUT] = "INSERT INTO %s(owner,value) VALUES(?1,?2) ON CONFLICT(owner) DO UPDATE SET value=excluded.value",
	[VERB_DELETE] = "DELETE FROM %s WHERE owner=?1",
	[VERB_KEY_GET] = "SELECT value FROM %s WHERE owner=?1 AND key=?2",
	[VERB_KEY_PUT] = "INSERT INTO %s(owner,key,value) VALUES(?1,?2,?3) ON CONFLICT(owner,key) DO UPDATE SET value=excluded.value",
	[VERB_KEY_DELETE] = "DELETE FROM %s WHERE owner=?1 AND key=?2",
	[VERB_EACH] = "SELECT key,value FROM %s WHERE owner=?1 ORDER BY key",
	[VERB_APPEND] = "INSERT INTO %s(owner,tag,time,value) VALUES(?1,?2,?3,?4)",
	[VERB_READ] = "SELECT seq,time,tag,value FROM %s WHERE owner=?1 AND seq>?2 ORDER BY seq LIMIT ?3",
	[VERB_READ_TAG] = "SELECT seq,time,tag,value FROM %s WHERE owner=?1 AND seq>?2 AND tag=?4 ORDER BY seq LIMIT ?3",
	[VERB_REMOVE] = "DELETE FROM %s WHERE owner=?1 AND seq BETWEEN ?2 AND ?3",
	[VERB_COUNT] = "SELECT count(*) FROM %s WHERE owner=?1",
	[VERB_COUNT_TAG] = "SELECT count(*) FROM %s WHERE owner=?1 AND tag=?2",
	[VERB_OWNERS] = "SELECT DISTINCT owner FROM %s WHERE owner>?1 ORDER BY owner LIMIT ?2",
};

static const char *const shape_sql[] = {
	[STORE_RECORD] = "CREATE TABLE IF NOT EXISTS %s(owner TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
	[STORE_MAP] = "CREATE TABLE IF NOT EXISTS %s(owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, "
		      "PRIMARY KEY(owner,key)) WITHOUT ROWID",
	/* AUTOINCREMENT: a number is never used twice, so an old receipt cannot delete a new row */
	[STORE_LOG] = "CREATE TABLE IF NOT EXISTS %s(seq INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, tag TEXT NOT NULL, "
		      "time INTEGER NOT NULL, value BLOB NOT NULL)",
};

struct sqlite {
	sqlite3 *db;
	struct store_lock lock;
	bool in_transaction; /* from begin to commit or rollback, even if SQLite has given it up under way */
	sqlite3_stmt *statements[STORE_COLLECTION_COUNT][VERBS];
};

static enum status status_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STATUS_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STATUS_BUSY;
	case SQLITE_FULL:
		return STATUS_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return STATUS_CORRUPT;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return STATUS_DENIED;
	case SQLITE_CANTOPEN:
		return STATUS_UNAVAILABLE;
	case SQLITE_TOOBIG:
		return STATUS_LIMIT;
	default:
		return STATUS_IO;
	}
}

/* --- opening --- */

static enum status exec(struct sqlite *s, const char *sql)
{
	return status_of(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static enum status exec_table(struct sqlite *s, const char *fmt, const char *table)
{
	struct buf sql = BUF_INIT;
	enum status st;
	char *text;

	for (; *fmt; fmt++)
		if (fmt[0] == '%' && fmt[1] == 's') {
			buf_add_text(&sql, table);
			fmt++;
		} else {
			buf_add(&sql, fmt, 1);
		}
	text = buf_take_text(&sql);
	st = exec(s, text);
	free(text);
	return st;
}

static int user_version(struct sqlite *s)
{
	sqlite3_stmt *st;
	int version = -1;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return version;
}

static enum status make_tables(struct sqlite *s)
{
	enum status st = exec(s, "BEGIN IMMEDIATE");

	for (int c = 0; st == STATUS_OK && c < STORE_COLLECTION_COUNT; c++) {
		const struct store_collection_row *row = &store_collections[c];

		st = exec_table(s, shape_sql[row->shape], row->table);
		if (st == STATUS_OK && row->shape == STORE_LOG)
			st = exec_table(s, "CREATE INDEX IF NOT EXISTS %s_owner ON %s(owner,seq)", row->table);
		if (st == STATUS_OK && row->shape == STORE_LOG)
			st = exec_table(s, "CREATE INDEX IF NOT EXISTS %s_tag ON %s(owner,tag)", row->table);
	}
	if (st == STATUS_OK)
		st = exec(s, "PRAGMA user_version=1");
	return st == STATUS_OK ? exec(s, "COMMIT") : st;
}

static char *explain(const char *path, const char *why)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s: %s", path, why);
	return buf_take_text(&text);
}

static void make_directories(const char *path)
{
	char *copy = xstrdup(path);

	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(copy, 0700);
		*p = '/';
	}
	free(copy);
}

/* The file is made by us, so that nobody else can read it, whatever the umask. */
static enum status make_file(const char *path, char **error)
{
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		*error = explain(path, strerror(errno));
		return status_from_errno(errno);
	}
	close(fd);
	return STATUS_OK;
}

static void close_all(void *db)
{
	struct sqlite *s = db;

	for (int c = 0; c < STORE_COLLECTION_COUNT; c++)
		for (int v = 0; v < VERBS; v++)
			sqlite3_finalize(s->statements[c][v]);
	sqlite3_close(s->db);
	store_lock_drop(&s->lock);
	free(s);
}

/* --- damage --- */

static int is_late(void *deadline_ms)
{
	return outside_mono_ms() > *(const uint64_t *)deadline_ms;
}

/* Reads the whole file, for no longer than CHECK_MS: a large store is not checked to its end. */
static enum status check_pages(struct sqlite *s, const char *path, char **error)
{
	uint64_t deadline = outside_mono_ms() + CHECK_MS;
	sqlite3_stmt *st = NULL;
	enum status result = STATUS_OK;
	int code;

	sqlite3_progress_handler(s->db, CHECK_STEPS, is_late, &deadline);
	code = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if ((code & 0xff) == SQLITE_INTERRUPT) {
		LOG_INFO("store", "%s is too large to be checked at every start; PRAGMA quick_check checks all of it", path);
	} else if (code != SQLITE_ROW) {
		result = status_of(code);
		*error = explain(path, sqlite3_errmsg(s->db));
	} else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0) {
		struct buf text = BUF_INIT;

		buf_addf(&text, "%s: damaged: %s; put a backup in its place", path, (const char *)sqlite3_column_text(st, 0));
		*error = buf_take_text(&text);
		result = STATUS_CORRUPT;
	}
	sqlite3_finalize(st);
	sqlite3_progress_handler(s->db, 0, NULL, NULL);
	return result;
}

/* A store that was here and is an empty file now: SQLite would take it for a new one. */
static enum status refuse_emptied(const struct store_lock *lock, const char *path, char **error)
{
	struct stat st;
	struct buf text = BUF_INIT;

	if (!store_lock_is_marked(lock) || stat(path, &st) != 0 || st.st_size > 0)
		return STATUS_OK;
	buf_addf(&text, "%s: an empty file, but it held a store before; put a backup in its place, or remove it to start anew", path);
	*error = buf_take_text(&text);
	return STATUS_CORRUPT;
}

static enum status configure(struct sqlite *s, enum store_access access, const char *path, char **error)
{
	int version;
	enum status st;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_extended_result_codes(s->db, 1);
	st = exec(s, "PRAGMA journal_mode=WAL");
	if (st == STATUS_OK)
		st = exec(s, "PRAGMA synchronous=FULL");
	if (st == STATUS_OK)
		st = exec(s, "PRAGMA temp_store=MEMORY");
	version = user_version(s);
	if (version > SCHEMA_VERSION) {
		*error = explain(path, "made by a newer version of this program; use that one");
		return STATUS_UNSUPPORTED;
	}
	sqlite3_wal_autocheckpoint(s->db, CHECKPOINT_PAGES);
	if (st == STATUS_OK && access == STORE_OWNER)
		st = check_pages(s, path, error);
	if (st == STATUS_OK && access != STORE_READER)
		st = make_tables(s);
	if (st == STATUS_OK && access == STORE_READER)
		st = exec(s, "PRAGMA query_only=ON");
	if (st != STATUS_OK && !*error)
		*error = explain(path, sqlite3_errmsg(s->db));
	return st;
}

static enum status sqlite_open(const char *path, enum store_access access, void **out, char **error)
{
	struct sqlite *s = xcalloc(1, sizeof(*s));
	enum status st = STATUS_OK;

	s->lock = STORE_LOCK_NONE;
	*error = NULL;
	if (access != STORE_READER)
		make_directories(path);
	if (access == STORE_OWNER)
		st = store_lock_take(path, &s->lock, error);
	if (st == STATUS_OK && access == STORE_OWNER)
		st = refuse_emptied(&s->lock, path, error);
	if (st == STATUS_OK && access != STORE_READER)
		st = make_file(path, error);
	if (st != STATUS_OK) {
		close_all(s);
		return st;
	}
	/* One thread uses a handle: SQLite's own locks are not needed. */
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		*error = explain(path, s->db ? sqlite3_errmsg(s->db) : "out of memory");
		st = STATUS_UNAVAILABLE;
	} else {
		st = configure(s, access, path, error);
	}
	if (st != STATUS_OK) {
		close_all(s);
		return st;
	}
	if (access == STORE_OWNER)
		store_lock_mark(&s->lock);
	*out = s;
	return STATUS_OK;
}

/* --- transactions --- */

static enum status sqlite_begin(void *db)
{
	struct sqlite *s = db;
	enum status st = exec(s, "BEGIN IMMEDIATE");

	if (st == STATUS_OK)
		s->in_transaction = true;
	return st;
}

/* SQLite rolls back by itself on a full disk or an I/O error. What came after would then be a transaction of its own each. */
static bool is_lost(const struct sqlite *s)
{
	return s->in_transaction && sqlite3_get_autocommit(s->db);
}

static void sqlite_rollback(void *db)
{
	struct sqlite *s = db;

	s->in_transaction = false;
	if (!sqlite3_get_autocommit(s->db))
		(void)exec(s, "ROLLBACK");
}

static enum status sqlite_commit(void *db)
{
	struct sqlite *s = db;
	enum status st = is_lost(s) ? STATUS_IO : exec(s, "COMMIT");

	if (st != STATUS_OK)
		sqlite_rollback(s);
	s->in_transaction = false;
	return st;
}

/* In WAL mode NORMAL leaves out the sync at commit and nothing else: the file stays consistent, and the next FULL commit
 * syncs all that came before it. */
static void sqlite_relax(void *db, bool relaxed)
{
	(void)exec(db, relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
}

/* --- statements --- */

static sqlite3_stmt *statement(struct sqlite *s, enum store_collection c, enum verb v)
{
	sqlite3_stmt **slot = &s->statements[c][v];
	struct buf sql = BUF_INIT;
	char *text;

	if (*slot)
		return *slot;
	for (const char *p = verb_sql[v]; *p; p++)
		if (p[0] == '%' && p[1] == 's') {
			buf_add_text(&sql, store_collections[c].table);
			p++;
		} else {
			buf_add(&sql, p, 1);
		}
	text = buf_take_text(&sql);
	if (sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL) != SQLITE_OK)
		*slot = NULL;
	free(text);
	return *slot;
}

static void bind_text(sqlite3_stmt *st, int at, struct span s)
{
	sqlite3_bind_text(st, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *st, int at, struct span s)
{
	sqlite3_bind_blob(st, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *st, int at, uint64_t value)
{
	sqlite3_bind_int64(st, at, value > INT64_MAX ? INT64_MAX : (sqlite3_int64)value);
}

static struct span column(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);

	return (struct span){ p ? p : "", (size_t)sqlite3_column_bytes(st, at) };
}

static enum status finish(sqlite3_stmt *st, int code)
{
	enum status result = status_of(code);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return result;
}

static enum status run(struct sqlite *s, sqlite3_stmt *st)
{
	return finish(st, is_lost(s) ? SQLITE_IOERR : sqlite3_step(st));
}

static enum status run_delete(struct sqlite *s, sqlite3_stmt *st)
{
	enum status result = run(s, st);

	return result == STATUS_OK && sqlite3_changes(s->db) == 0 ? STATUS_NOT_FOUND : result;
}

static enum status fetch_one(sqlite3_stmt *st, struct buf *out)
{
	int code = sqlite3_step(st);
	enum status result;

	if (code == SQLITE_ROW)
		buf_add_span(out, column(st, 0));
	result = finish(st, code);
	return code == SQLITE_DONE ? STATUS_NOT_FOUND : result;
}

#define PREPARE(verb) \
	struct sqlite *s = db; \
	sqlite3_stmt *st = statement(s, c, verb); \
	if (!st) \
		return status_of(sqlite3_errcode(s->db)); \
	bind_text(st, 1, owner)

static enum status sqlite_get(void *db, enum store_collection c, struct span owner, struct buf *out)
{
	PREPARE(VERB_GET);
	return fetch_one(st, out);
}

static enum status sqlite_put(void *db, enum store_collection c, struct span owner, struct span value)
{
	PREPARE(VERB_PUT);
	bind_blob(st, 2, value);
	return run(s, st);
}

static enum status sqlite_delete(void *db, enum store_collection c, struct span owner)
{
	PREPARE(VERB_DELETE);
	return run_delete(s, st);
}

static enum status sqlite_map_get(void *db, enum store_collection c, struct span owner, struct span key, struct buf *out)
{
	PREPARE(VERB_KEY_GET);
	bind_text(st, 2, key);
	return fetch_one(st, out);
}

static enum status sqlite_map_put(void *db, enum store_collection c, struct span owner, struct span key, struct span value)
{
	PREPARE(VERB_KEY_PUT);
	bind_text(st, 2, key);
	bind_blob(st, 3, value);
	return run(s, st);
}

static enum status sqlite_map_delete(void *db, enum store_collection c, struct span owner, struct span key)
{
	PREPARE(VERB_KEY_DELETE);
	bind_text(st, 2, key);
	return run_delete(s, st);
}

static enum status sqlite_map_each(void *db, enum store_collection c, struct span owner, store_pair_f *visit, void *ctx)
{
	int code;

	PREPARE(VERB_EACH);
	while ((code = sqlite3_step(st)) == SQLITE_ROW)
		if (!visit(ctx, column(st, 0), column(st, 1)))
			break;
	return finish(st, code);
}

static enum status sqlite_log_append(void *db, enum store_collection c, struct span owner, const struct store_log_row *row,
				     uint64_t *seq)
{
	enum status result;

	PREPARE(VERB_APPEND);
	bind_text(st, 2, row->tag);
	bind_number(st, 3, row->time_us);
	bind_blob(st, 4, row->value);
	result = run(s, st);
	if (result == STATUS_OK)
		*seq = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return result;
}

static enum status sqlite_log_read(void *db, enum store_collection c, struct span owner, struct span tag, uint64_t after,
				   uint64_t limit, store_row_f *visit, void *ctx)
{
	int code;

	PREPARE(tag.p ? VERB_READ_TAG : VERB_READ);
	bind_number(st, 2, after);
	bind_number(st, 3, limit ? limit : UINT64_MAX);
	if (tag.p)
		bind_text(st, 4, tag);
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_log_row row = { (uint64_t)sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1), column(st, 2),
					     column(st, 3) };

		if (!visit(ctx, &row))
			break;
	}
	return finish(st, code);
}

static enum status sqlite_log_delete(void *db, enum store_collection c, struct span owner, uint64_t first, uint64_t last)
{
	PREPARE(VERB_REMOVE);
	bind_number(st, 2, first);
	bind_number(st, 3, last);
	return run_delete(s, st);
}

static enum status sqlite_log_count(void *db, enum store_collection c, struct span owner, struct span tag, uint64_t *out)
{
	int code;

	PREPARE(tag.p ? VERB_COUNT_TAG : VERB_COUNT);
	if (tag.p)
		bind_text(st, 2, tag);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*out = (uint64_t)sqlite3_column_int64(st, 0);
	return finish(st, code);
}

static enum status sqlite_owners(void *db, enum store_collection c, struct span owner, uint64_t limit, store_owner_f *visit,
				 void *ctx)
{
	int code;

	PREPARE(VERB_OWNERS);
	bind_number(st, 2, limit ? limit : UINT64_MAX);
	while ((code = sqlite3_step(st)) == SQLITE_ROW)
		if (!visit(ctx, column(st, 0)))
			break;
	return finish(st, code);
}

const struct store_backend store_sqlite = {
	.scheme = "sqlite",
	.open = sqlite_open,
	.close = close_all,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.relax = sqlite_relax,
	.get = sqlite_get,
	.put = sqlite_put,
	.delete_owner = sqlite_delete,
	.map_get = sqlite_map_get,
	.map_put = sqlite_map_put,
	.map_delete = sqlite_map_delete,
	.map_each = sqlite_map_each,
	.log_append = sqlite_log_append,
	.log_read = sqlite_log_read,
	.log_delete = sqlite_log_delete,
	.log_count = sqlite_log_count,
	.owners = sqlite_owners,
};
