/* What a committed transaction survives: the process killed at any moment, a disk that has no room. Each attempt runs in a child
 * process; the parent opens what it left. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/store_suite.h"

#define OWNER SPAN_LIT("a")
#define ROWS 3 /* of one transaction */

static char folder[64], uri[STORE_SUITE_URI];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/switchboard-durability-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(uri, sizeof(uri), "sqlite:%s/db", folder);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* In a child: leaves with the line that was not true. */
#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1); \
		} \
	} while (0)

static struct store *must_open(const char *at)
{
	struct store *s = NULL;
	char *error = NULL;

	MUST(store_open(at, STORE_WRITER, &s, &error) == STATUS_OK);
	return s;
}

static void must_succeed(pid_t child)
{
	int status;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- kill -9 --- */

/* Commits transactions of ROWS rows; writes the number of each one's last row once it is committed. */
NO_RETURN static void commit_for_ever(int acks)
{
	struct store *s = must_open(uri);

	for (;;) {
		uint64_t seq = 0;

		MUST(store_begin(s) == STATUS_OK);
		for (int i = 0; i < ROWS; i++)
			MUST(store_log_append(s, STORE_OFFLINE, OWNER, SPAN_LIT("t"), 0, SPAN_LIT("value"), 0, 0, &seq) == STATUS_OK);
		MUST(store_commit(s) == STATUS_OK);
		MUST(write(acks, &seq, sizeof(seq)) == sizeof(seq));
	}
}

static uint64_t read_acks(int acks, unsigned most)
{
	uint64_t seq, last = 0;

	for (unsigned i = 0; i < most && read(acks, &seq, sizeof(seq)) == sizeof(seq); i++)
		last = seq;
	return last;
}

struct rows {
	uint64_t count, last;
};

static bool count_row(void *ctx, const struct store_log_row *row)
{
	struct rows *rows = ctx;

	assert_true(row->seq == rows->last + 1); /* none is missing */
	rows->last = row->seq;
	rows->count++;
	return true;
}

static void every_acknowledged_row_survives_kill_9(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		struct rows rows = { 0 };
		uint64_t acknowledged;
		struct store *s;
		pid_t child;
		int pipes[2];

		assert_int_equal(pipe(pipes), 0);
		child = fork();
		if (child == 0) {
			close(pipes[0]);
			commit_for_ever(pipes[1]);
		}
		assert_true(child > 0);
		close(pipes[1]);
		acknowledged = read_acks(pipes[0], 20 + 7 * round);
		assert_true(acknowledged > before);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		before = read_acks(pipes[0], UINT32_MAX); /* what it still wrote before it died */
		if (before > acknowledged)
			acknowledged = before;
		close(pipes[0]);

		s = store_suite_open(uri, STORE_WRITER);
		assert_int_equal(store_log_read(s, STORE_OFFLINE, OWNER, SPAN_NONE, 0, 0, count_row, &rows), STATUS_OK);
		store_close(s);
		assert_true(rows.last >= acknowledged);
		assert_int_equal(rows.count % ROWS, 0); /* whole transactions only */
		before = rows.last;
	}
}

/* --- no room --- */

static enum status put_big(struct store *s, unsigned number, size_t bytes)
{
	char *value = xcalloc(1, bytes), name[16];
	enum status st;

	snprintf(name, sizeof(name), "%u", number);
	st = store_put(s, STORE_ACCOUNT, span_of(name), (struct span){ value, bytes });
	free(value);
	return st;
}

static bool is_there(struct store *s, unsigned number)
{
	struct buf out = BUF_INIT;
	char name[16];
	enum status st;

	snprintf(name, sizeof(name), "%u", number);
	st = store_get(s, STORE_ACCOUNT, span_of(name), &out);
	MUST(st == STATUS_OK || st == STATUS_NOT_FOUND);
	buf_fini(&out);
	return st == STATUS_OK;
}

/* Fills the disk transaction by transaction until one fails; nothing of that one and all of the others is there. */
static void fill(struct store *s, enum status wanted)
{
	enum status st = STATUS_OK;
	unsigned good = 0;

	while (good < 10000) {
		MUST(store_begin(s) == STATUS_OK);
		st = put_big(s, 2 * good, 20000);
		if (st == STATUS_OK)
			st = put_big(s, 2 * good + 1, 20000);
		if (st == STATUS_OK)
			st = store_commit(s);
		else
			store_rollback(s);
		if (st != STATUS_OK)
			break;
		good++;
	}
	MUST(st == wanted);
	MUST(good > 3);
	for (unsigned i = 0; i < 2 * good; i++)
		MUST(is_there(s, i));
	MUST(!is_there(s, 2 * good) && !is_there(s, 2 * good + 1));
}

/* A statement too big for memory and disk makes SQLite give the transaction up; what follows must not slip through. */
static void overfill(struct store *s)
{
	MUST(store_begin(s) == STATUS_OK);
	MUST(store_put(s, STORE_META, SPAN_LIT("first"), SPAN_LIT("1")) == STATUS_OK);
	MUST(put_big(s, 99999, 6 * 1024 * 1024) != STATUS_OK);
	MUST(store_put(s, STORE_META, SPAN_LIT("last"), SPAN_LIT("1")) != STATUS_OK);
	MUST(store_commit(s) != STATUS_OK);
}

static void must_be_clean(const char *at)
{
	static const char *const names[] = { "first", "last" };
	struct store *s = must_open(at);
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		MUST(store_get(s, STORE_META, span_of(names[i]), &out) == STATUS_NOT_FOUND);
	MUST(!is_there(s, 99999));
	MUST(store_put(s, STORE_META, SPAN_LIT("after"), SPAN_LIT("1")) == STATUS_OK);
	store_close(s);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	MUST(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = bytes;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

NO_RETURN static void fill_up_to_a_limit(void (*work)(void))
{
	signal(SIGXFSZ, SIG_IGN);
	work();
	fflush(NULL);
	_exit(0);
}

static void fill_limited(void)
{
	struct store *s = must_open(uri);

	limit_files(1024 * 1024);
	fill(s, STATUS_IO);
	limit_files(RLIM_INFINITY);
	MUST(store_put(s, STORE_META, SPAN_LIT("after"), SPAN_LIT("1")) == STATUS_OK);
	store_close(s);
}

static void overfill_limited(void)
{
	struct store *s = must_open(uri);

	limit_files(1024 * 1024);
	overfill(s);
	limit_files(RLIM_INFINITY);
	store_close(s);
	must_be_clean(uri);
}

static void a_failed_commit_leaves_nothing_behind(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		fill_up_to_a_limit(fill_limited);
	must_succeed(child);
}

static void a_transaction_that_was_given_up_takes_nothing_more(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		fill_up_to_a_limit(overfill_limited);
	must_succeed(child);
}

/* A file system of 1 MiB of its own, seen by this child alone; 77 where that is not allowed. */
static void fill_small_disk(void)
{
	struct store *s;

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0)
		_exit(77);
	s = must_open(uri);
	overfill(s);
	fill(s, STATUS_FULL);
	store_close(s);
	s = must_open(uri);
	MUST(is_there(s, 1));
	store_close(s);
}

static void a_full_disk_is_told_and_harms_nothing(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		fill_up_to_a_limit(fill_small_disk);
	must_succeed(child);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(every_acknowledged_row_survives_kill_9),
		CASE(a_failed_commit_leaves_nothing_behind),
		CASE(a_transaction_that_was_given_up_takes_nothing_more),
		CASE(a_full_disk_is_told_and_harms_nothing),
	};
#undef CASE

	return RUN(tests);
}
