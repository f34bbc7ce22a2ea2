/* The embedded store under the contract of all stores, and what is its own: files, modes, versions, two handles at once. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/store_suite.h"

static void fresh(char uri[STORE_SUITE_URI])
{
	char folder[] = "/tmp/switchboard-store-XXXXXX";

	assert_non_null(mkdtemp(folder));
	snprintf(uri, STORE_SUITE_URI, "sqlite:%s/db", folder);
}

static const char *path_of(const char *uri)
{
	return uri + strlen("sqlite:");
}

static void forget(const char *uri)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
	char path[STORE_SUITE_URI];

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof(path), "%.100s%s", path_of(uri), ends[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%.100s", path_of(uri));
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
}

/* The failure's text names the file. */
static enum status refused(const char *uri, enum store_access access)
{
	struct store *s;
	char *error = NULL;
	enum status st = store_open(uri, access, &s, &error);

	assert_null(s);
	assert_non_null(error);
	if (!strstr(error, path_of(uri)))
		fail_msg("'%s' does not name %s", error, path_of(uri));
	free(error);
	return st;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		fail_msg("%s is missing", path);
	return st.st_mode & 0777;
}

static void files_and_directories_are_for_the_owner_alone(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char folder[] = "/tmp/switchboard-store-XXXXXX", uri[STORE_SUITE_URI], path[STORE_SUITE_URI];
	mode_t before = umask(0);
	struct store *s;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(uri, sizeof(uri), "sqlite:%s/a/b/db", folder);
	s = store_suite_open(uri, STORE_WRITER);
	assert_int_equal(store_put(s, STORE_ACCOUNT, SPAN_LIT("a"), SPAN_LIT("1")), STATUS_OK);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof(path), "%.100s%s", path_of(uri), ends[i]);
		assert_int_equal(mode_of(path), 0600);
	}
	store_close(s);
	forget(uri);
	snprintf(path, sizeof(path), "%s/a", folder);
	assert_int_equal(mode_of(path), 0700);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
	umask(before);
}

static void a_place_that_cannot_be_used_is_named(void **state)
{
	char uri[STORE_SUITE_URI];

	(void)state;
	assert_int_not_equal(refused("sqlite:/dev/null/x/db", STORE_WRITER), STATUS_OK);
	assert_int_not_equal(refused("sqlite:/tmp", STORE_WRITER), STATUS_OK);
	assert_int_equal(refused("sqlite:/nonexistent/db", STORE_READER), STATUS_UNAVAILABLE);
	fresh(uri); /* a reader makes nothing */
	assert_int_equal(refused(uri, STORE_READER), STATUS_UNAVAILABLE);
	assert_int_equal(access(path_of(uri), F_OK), -1);
	forget(uri);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
	char uri[STORE_SUITE_URI], text[4096] = "this is no database", again[sizeof(text)];
	FILE *file;

	(void)state;
	fresh(uri);
	file = fopen(path_of(uri), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, sizeof(text), file), sizeof(text));
	fclose(file);
	assert_int_equal(refused(uri, STORE_WRITER), STATUS_CORRUPT);
	assert_int_equal(refused(uri, STORE_READER), STATUS_CORRUPT);
	file = fopen(path_of(uri), "r");
	assert_non_null(file);
	assert_int_equal(fread(again, 1, sizeof(again), file), sizeof(again));
	assert_memory_equal(text, again, sizeof(text));
	fclose(file);
	forget(uri);
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_newer_database_is_refused(void **state)
{
	char uri[STORE_SUITE_URI];

	(void)state;
	fresh(uri);
	store_close(store_suite_open(uri, STORE_WRITER));
	run_sql(path_of(uri), "PRAGMA user_version=2");
	assert_int_equal(refused(uri, STORE_WRITER), STATUS_UNSUPPORTED);
	assert_int_equal(refused(uri, STORE_READER), STATUS_UNSUPPORTED);
	run_sql(path_of(uri), "PRAGMA user_version=1");
	store_close(store_suite_open(uri, STORE_WRITER));
	forget(uri);
}

static void a_store_has_one_owner(void **state)
{
	char uri[STORE_SUITE_URI];
	struct store *owner;

	(void)state;
	fresh(uri);
	owner = store_suite_open(uri, STORE_OWNER);
	assert_int_equal(refused(uri, STORE_OWNER), STATUS_BUSY);
	store_close(store_suite_open(uri, STORE_WRITER)); /* the command line works beside it */
	assert_int_equal(refused(uri, STORE_OWNER), STATUS_BUSY); /* and takes nothing from its lock */
	store_close(owner);
	store_close(store_suite_open(uri, STORE_OWNER));
	forget(uri);
}

static void an_emptied_store_is_refused_to_its_owner(void **state)
{
	char uri[STORE_SUITE_URI];

	(void)state;
	fresh(uri);
	store_close(store_suite_open(uri, STORE_OWNER));
	assert_int_equal(truncate(path_of(uri), 0), 0);
	assert_int_equal(refused(uri, STORE_OWNER), STATUS_CORRUPT);
	assert_int_equal(unlink(path_of(uri)), 0);
	store_close(store_suite_open(uri, STORE_OWNER));
	forget(uri);
}

static void a_damaged_page_is_found_by_the_owner(void **state)
{
	char uri[STORE_SUITE_URI], junk[4096] = { 0 };
	struct store *s;
	struct stat st;
	int fd;

	(void)state;
	fresh(uri);
	s = store_suite_open(uri, STORE_OWNER);
	for (unsigned i = 0; i < 200; i++) {
		char name[16];
		struct span owner = { name, (size_t)snprintf(name, sizeof(name), "user%u", i) };

		assert_int_equal(store_put(s, STORE_ACCOUNT, owner, (struct span){ junk, 512 }), STATUS_OK);
	}
	store_close(s);
	fd = open(path_of(uri), O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	memset(junk, 0xa5, sizeof(junk));
	assert_int_equal(pwrite(fd, junk, sizeof(junk), st.st_size - (off_t)sizeof(junk)), sizeof(junk));
	close(fd);
	assert_int_equal(refused(uri, STORE_OWNER), STATUS_CORRUPT);
	forget(uri);
}

static void a_reader_cannot_write(void **state)
{
	char uri[STORE_SUITE_URI];
	struct store *writer, *reader;
	struct buf out = BUF_INIT;
	uint64_t seq;

	(void)state;
	fresh(uri);
	writer = store_suite_open(uri, STORE_WRITER);
	reader = store_suite_open(uri, STORE_READER);
	assert_int_equal(store_put(reader, STORE_ACCOUNT, SPAN_LIT("a"), SPAN_LIT("1")), STATUS_DENIED);
	assert_int_equal(store_log_append(reader, STORE_OFFLINE, SPAN_LIT("a"), SPAN_LIT("t"), 0, SPAN_LIT("1"), 0, 0, &seq),
			 STATUS_DENIED);
	assert_int_equal(store_get(writer, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_NOT_FOUND);
	store_close(reader);
	store_close(writer);
	forget(uri);
}

static void a_reader_sees_nothing_before_the_commit(void **state)
{
	char uri[STORE_SUITE_URI];
	struct store *writer, *reader;
	struct buf out = BUF_INIT;

	(void)state;
	fresh(uri);
	writer = store_suite_open(uri, STORE_WRITER);
	reader = store_suite_open(uri, STORE_READER);
	assert_int_equal(store_begin(writer), STATUS_OK);
	assert_int_equal(store_put(writer, STORE_ACCOUNT, SPAN_LIT("a"), SPAN_LIT("1")), STATUS_OK);
	assert_int_equal(store_get(reader, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_NOT_FOUND);
	assert_int_equal(store_commit(writer), STATUS_OK);
	assert_int_equal(store_get(reader, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_OK);
	buf_fini(&out);
	store_close(reader);
	store_close(writer);
	forget(uri);
}

/* --- a writer and a reader in two threads --- */

#define ROUNDS 200

static void *write_pairs(void *opaque)
{
	struct store *s = opaque;

	for (unsigned i = 1; i <= ROUNDS; i++) {
		char text[16];
		struct span value = { text, (size_t)snprintf(text, sizeof(text), "%u", i) };

		if (store_begin(s) != STATUS_OK || store_map_put(s, STORE_ROSTER, SPAN_LIT("a"), SPAN_LIT("x"), value) != STATUS_OK ||
		    store_map_put(s, STORE_ROSTER, SPAN_LIT("a"), SPAN_LIT("y"), value) != STATUS_OK || store_commit(s) != STATUS_OK)
			return s; /* failed */
	}
	return NULL;
}

struct pair {
	unsigned values[2], count;
};

static bool see(void *ctx, struct span key, struct span value)
{
	struct pair *p = ctx;

	(void)key;
	p->values[p->count++] = (unsigned)strtoul(value.p, NULL, 10);
	return true;
}

static void a_reader_sees_whole_transactions_while_a_writer_writes(void **state)
{
	char uri[STORE_SUITE_URI];
	struct store *writer, *reader;
	unsigned last = 0;
	pthread_t thread;
	void *failed;

	(void)state;
	fresh(uri);
	writer = store_suite_open(uri, STORE_WRITER);
	reader = store_suite_open(uri, STORE_READER);
	assert_int_equal(pthread_create(&thread, NULL, write_pairs, writer), 0);
	while (last < ROUNDS) {
		struct pair p = { 0 };

		assert_int_equal(store_map_each(reader, STORE_ROSTER, SPAN_LIT("a"), see, &p), STATUS_OK);
		assert_true(p.count == 0 || p.count == 2);
		assert_int_equal(p.values[0], p.values[1]);
		assert_true(p.values[0] >= last);
		last = p.values[0];
	}
	pthread_join(thread, &failed);
	assert_null(failed);
	store_close(reader);
	store_close(writer);
	forget(uri);
}

int main(void)
{
	static const struct store_suite suite = { .fresh = fresh, .forget = forget, .keeps = true };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_directories_are_for_the_owner_alone),
		cmocka_unit_test(a_place_that_cannot_be_used_is_named),
		cmocka_unit_test(a_file_that_is_no_database_is_refused_and_left_alone),
		cmocka_unit_test(a_newer_database_is_refused),
		cmocka_unit_test(a_store_has_one_owner),
		cmocka_unit_test(an_emptied_store_is_refused_to_its_owner),
		cmocka_unit_test(a_damaged_page_is_found_by_the_owner),
		cmocka_unit_test(a_reader_cannot_write),
		cmocka_unit_test(a_reader_sees_nothing_before_the_commit),
		cmocka_unit_test(a_reader_sees_whole_transactions_while_a_writer_writes),
	};

	return store_suite_run(&suite) + RUN(tests);
}
