/* Linked into the test build `switchboard-faults` in front of the C library, so that every library of the process is hit as
 * well: a wall clock that jumps, a disk that answers with an error, memory that runs out. A test steers it through a file of
 * struct faults, named by $SWITCHBOARD_FAULTS and mapped by both. tests/support/faults.py has the other side.
 *
 * Memory: while `armed`, allocations are counted, and number `fail_at` (the first is 1) gets NULL; with `persistent` all later
 * ones do too; with `least` only those of as many bytes count. `hits` says how often one failed. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct faults {
	int64_t wall_offset_s;
	int64_t write_errno; /* pwrite to any file; 0 = works */
	int64_t armed;
	int64_t fail_at, persistent, least;
	int64_t count, hits;
};

static struct faults none, *faults = &none;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

__attribute__((constructor)) static void find_file(void)
{
	const char *path = getenv("SWITCHBOARD_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		faults = map;
}

static bool fails(size_t bytes)
{
	int64_t n;

	if (!__atomic_load_n(&faults->armed, __ATOMIC_RELAXED) || (int64_t)bytes < faults->least)
		return false;
	n = __atomic_add_fetch(&faults->count, 1, __ATOMIC_RELAXED);
	if (n != faults->fail_at && !(faults->persistent && faults->fail_at && n > faults->fail_at))
		return false;
	__atomic_add_fetch(&faults->hits, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return fails(bytes) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails(count * bytes) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	return fails(bytes) ? NULL : __libc_realloc(old, bytes);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	long done = syscall(SYS_clock_gettime, clock, out);

	if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		out->tv_sec += __atomic_load_n(&faults->wall_offset_s, __ATOMIC_RELAXED);
	return (int)done;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	int problem = (int)__atomic_load_n(&faults->write_errno, __ATOMIC_RELAXED);

	if (problem) {
		errno = problem;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, bytes, n, at);
}
