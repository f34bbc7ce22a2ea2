/* What a power cut leaves: of each file what was synced, and of what was written since any part or none. A SQLite VFS
 * between the store and the disk keeps a copy of each file as it was at its last sync; a child process commits and is
 * killed; the parent makes the disk what a cut could have left and looks what is there. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/store_suite.h"

#define OWNER SPAN_LIT("a")
#define SECTOR 512u

/* --- the VFS: every call goes through; a sync leaves PATH.synced as well --- */

struct shim {
	sqlite3_file base;
	const char *path; /* SQLite keeps it as long as the file is open */
	sqlite3_file *real;
};

static struct shim *of(sqlite3_file *f)
{
	return (struct shim *)(void *)f;
}

static void copy_file(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		abort();
	while ((n = read(in, block, sizeof(block))) > 0)
		if (write(out, block, (size_t)n) != n)
			abort();
	close(in);
	close(out);
}

static int s_close(sqlite3_file *f) { return of(f)->real->pMethods->xClose(of(f)->real); }
static int s_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) { return of(f)->real->pMethods->xRead(of(f)->real, p, n, at); }
static int s_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return of(f)->real->pMethods->xWrite(of(f)->real, p, n, at);
}
static int s_truncate(sqlite3_file *f, sqlite3_int64 n) { return of(f)->real->pMethods->xTruncate(of(f)->real, n); }
static int s_sync(sqlite3_file *f, int flags)
{
	char path[256], whole[256];
	int code = of(f)->real->pMethods->xSync(of(f)->real, flags);

	(void)snprintf(path, sizeof(path), "%s.copy", of(f)->path);
	(void)snprintf(whole, sizeof(whole), "%s.synced", of(f)->path);
	copy_file(of(f)->path, path);
	if (rename(path, whole) != 0) /* killed half-way through, the copy before it counts */
		abort();
	return code;
}
static int s_size(sqlite3_file *f, sqlite3_int64 *n) { return of(f)->real->pMethods->xFileSize(of(f)->real, n); }
static int s_lock(sqlite3_file *f, int how) { return of(f)->real->pMethods->xLock(of(f)->real, how); }
static int s_unlock(sqlite3_file *f, int how) { return of(f)->real->pMethods->xUnlock(of(f)->real, how); }
static int s_reserved(sqlite3_file *f, int *out) { return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, out); }
static int s_control(sqlite3_file *f, int op, void *arg) { return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg); }
static int s_sector(sqlite3_file *f UNUSED) { return SECTOR; }
static int s_device(sqlite3_file *f UNUSED) { return 0; } /* no promises about order or atomic writes */
static int s_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, out);
}
static int s_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return of(f)->real->pMethods->xShmLock(of(f)->real, offset, n, flags);
}
static void s_shm_barrier(sqlite3_file *f) { of(f)->real->pMethods->xShmBarrier(of(f)->real); }
static int s_shm_unmap(sqlite3_file *f, int delete_it) { return of(f)->real->pMethods->xShmUnmap(of(f)->real, delete_it); }

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = s_close, .xRead = s_read, .xWrite = s_write, .xTruncate = s_truncate, .xSync = s_sync,
	.xFileSize = s_size, .xLock = s_lock, .xUnlock = s_unlock, .xCheckReservedLock = s_reserved, .xFileControl = s_control,
	.xSectorSize = s_sector, .xDeviceCharacteristics = s_device, .xShmMap = s_shm_map, .xShmLock = s_shm_lock,
	.xShmBarrier = s_shm_barrier, .xShmUnmap = s_shm_unmap,
};

static sqlite3_vfs *below, shim_vfs;

static int vfs_open(sqlite3_vfs *vfs UNUSED, const char *path, sqlite3_file *f, int flags, int *out)
{
	struct shim *s = of(f);
	int code;

	s->path = path;
	s->real = (sqlite3_file *)(void *)(s + 1);
	code = below->xOpen(below, path, s->real, flags, out);
	f->pMethods = code == SQLITE_OK ? &methods : NULL;
	return code;
}

static void install_vfs(void)
{
	below = sqlite3_vfs_find(NULL);
	shim_vfs = *below;
	shim_vfs.zName = "power";
	shim_vfs.szOsFile = (int)sizeof(struct shim) + below->szOsFile;
	shim_vfs.xOpen = vfs_open;
	if (sqlite3_vfs_register(&shim_vfs, 1) != SQLITE_OK)
		abort();
}

/* --- the cut --- */

static uint64_t rng = 1;

static uint32_t roll(uint32_t below_this)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng >> 33) % below_this;
}

static size_t slurp(const char *path, char **out)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	*out = NULL;
	if (fd < 0)
		return 0;
	assert_int_equal(fstat(fd, &st), 0);
	*out = xmalloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, *out, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

/* Each sector is as it was synced, or as it was written last: chance per cut. */
static void cut(const char *path, uint32_t chance)
{
	char copy[256], *synced, *now;
	size_t n, m;
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s.synced", path);
	n = slurp(copy, &synced);
	m = slurp(path, &now);
	if (!synced) { /* never synced: its name may not even be there */
		unlink(path);
		free(now);
		return;
	}
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	for (size_t at = 0; at < n || (at < m && chance); at += SECTOR) {
		bool last = at < m && roll(100) < chance;
		const char *from = last || at >= n ? now : synced;
		size_t end = from == now ? m : n, take = end - at < SECTOR ? end - at : SECTOR;

		if (at >= n && !last)
			continue; /* a hole, or the end */
		assert_int_equal(pwrite(fd, from + at, take, (off_t)at), (ssize_t)take);
	}
	close(fd);
	free(synced);
	free(now);
}

/* --- the test --- */

static char folder[64], db[96];

static struct store *open_it(void)
{
	char uri[STORE_SUITE_URI];

	(void)snprintf(uri, sizeof(uri), "sqlite:%s", db);
	return store_suite_open(uri, STORE_WRITER);
}

static uint64_t append(struct store *s, bool relaxed)
{
	char value[700] = "value"; /* rows of different sizes reach over sectors and pages */
	uint64_t seq = 0;

	store_relax(s, relaxed);
	if (store_begin(s) != STATUS_OK)
		abort();
	for (unsigned i = 0; i < 3; i++)
		if (store_log_append(s, STORE_PENDING, OWNER, SPAN_LIT("t"), 0, (struct span){ value, 5 + roll(690) }, 0, 0, &seq) !=
		    STATUS_OK)
			abort();
	if (store_commit(s) != STATUS_OK)
		abort();
	return seq;
}

/* Commits until it is killed; tells the last row of each transaction that a cut must not take. relaxed_of: of 10. */
NO_RETURN static void work(int acks, uint32_t relaxed_of)
{
	struct store *s;

	install_vfs();
	s = open_it();
	for (;;) {
		bool relaxed = roll(10) < relaxed_of;
		uint64_t seq = append(s, relaxed);

		if (!relaxed && write(acks, &seq, sizeof(seq)) != sizeof(seq))
			_exit(1);
	}
}

struct rows {
	uint64_t last, count;
};

static bool next_row(void *ctx, const struct store_log_row *row)
{
	struct rows *r = ctx;

	assert_true(row->seq == r->last + 1);
	r->last = row->seq;
	r->count++;
	return true;
}

static void one_cut(uint32_t relaxed_of, uint32_t chance, unsigned acks_wanted)
{
	static const char *const parts[] = { "", "-wal" };
	struct rows rows = { 0 };
	uint64_t seq, acknowledged = 0;
	struct store *s;
	char path[128];
	int pipes[2];
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		close(pipes[0]);
		work(pipes[1], relaxed_of);
	}
	assert_true(child > 0);
	close(pipes[1]);
	for (unsigned i = 0; i < acks_wanted && read(pipes[0], &seq, sizeof(seq)) == sizeof(seq); i++)
		acknowledged = seq;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	while (read(pipes[0], &seq, sizeof(seq)) == sizeof(seq))
		acknowledged = seq;
	close(pipes[0]);
	assert_true(acknowledged > 0);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", db, parts[i]);
		cut(path, chance);
	}
	(void)snprintf(path, sizeof(path), "%s-shm", db);
	unlink(path);
	s = open_it();
	assert_int_equal(store_log_read(s, STORE_PENDING, OWNER, SPAN_NONE, 0, 0, next_row, &rows), STATUS_OK);
	store_close(s);
	assert_true(rows.last >= acknowledged);
	assert_int_equal(rows.count % 3, 0);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/switchboard-power-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(db, sizeof(db), "%s/db", folder);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "", "-wal", "-shm", "-journal", ".synced", "-wal.synced", "-journal.synced", ".copy", "-wal.copy",
					     "-journal.copy" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", db, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void every_durable_commit_survives(void **state)
{
	static const uint32_t chances[] = { 0, 0, 30, 50, 90, 100 };

	rng = 42;
	for (unsigned round = 0; round < ARRAY_LEN(chances); round++) {
		assert_int_equal(set_up(state), 0);
		one_cut(0, chances[round], 10 + 40 * round); /* some pass a checkpoint or two */
		assert_int_equal(tear_down(state), 0);
	}
}

/* A durable commit carries the relaxed ones before it. */
static void relaxed_ones_before_it_too(void **state)
{
	rng = 43;
	for (unsigned round = 0; round < 4; round++) {
		assert_int_equal(set_up(state), 0);
		one_cut(8, 25 * round, 10 + 20 * round);
		assert_int_equal(tear_down(state), 0);
	}
}

/* The instrument: what was not synced is indeed lost. */
static void a_relaxed_commit_does_not_survive(void **state)
{
	struct rows rows = { 0 };
	struct store *s;
	char path[128];
	pid_t child;
	int status;

	assert_int_equal(set_up(state), 0);
	child = fork();
	if (child == 0) {
		install_vfs();
		s = open_it();
		(void)append(s, false);
		(void)append(s, true);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	cut(db, 0);
	(void)snprintf(path, sizeof(path), "%s-wal", db);
	cut(path, 0);
	(void)snprintf(path, sizeof(path), "%s-shm", db);
	unlink(path);
	s = open_it();
	assert_int_equal(store_log_read(s, STORE_PENDING, OWNER, SPAN_NONE, 0, 0, next_row, &rows), STATUS_OK);
	store_close(s);
	assert_int_equal(rows.count, 3);
	assert_int_equal(tear_down(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_durable_commit_survives),
		cmocka_unit_test(relaxed_ones_before_it_too),
		cmocka_unit_test(a_relaxed_commit_does_not_survive),
	};

	return RUN(tests);
}
