/* Linked into the test build `switchboard-faults` in front of the C library, so that every library of the process is hit as
 * well: a wall clock that jumps, a disk that answers with an error, memory that runs out, calls that do half of what they were
 * asked. A test steers it through a file of
 * struct faults, named by $SWITCHBOARD_FAULTS and mapped by both. tests/support/faults.py has the other side.
 *
 * Memory: while `armed`, allocations are counted, and number `fail_at` (the first is 1) gets NULL; with `persistent` all later
 * ones do too; with `least` only those of as many bytes count. `hits` says how often one failed; `live` how many blocks are held, counted all the time.
 *
 * Half measures: of `flaky` in a hundred calls that move bytes some move fewer than they could, some are interrupted (EINTR), and
 * those that may not wait have nothing to move (EAGAIN). Only what a kernel may answer: a regular file is never EAGAIN, and
 * descriptors that only count (eventfd, on which libev wakes) are left alone. `flaked` says how often. */
#undef _FILE_OFFSET_BITS /* which makes one name of two functions that are both defined here */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
	int64_t flaky, flaked;
	int64_t live;
};

static struct faults none, *faults = &none;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t border, size_t bytes);
void __libc_free(void *block);

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

static void *counted(void *block)
{
	if (block)
		__atomic_add_fetch(&faults->live, 1, __ATOMIC_RELAXED);
	return block;
}

void *malloc(size_t bytes)
{
	return fails(bytes) ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
	return fails(count * bytes) ? NULL : counted(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
	void *fresh = fails(bytes) ? NULL : __libc_realloc(old, bytes);

	if (!old)
		return counted(fresh);
	if (!fresh && bytes == 0) /* that freed it */
		__atomic_sub_fetch(&faults->live, 1, __ATOMIC_RELAXED);
	return fresh;
}

void *memalign(size_t border, size_t bytes)
{
	return fails(bytes) ? NULL : counted(__libc_memalign(border, bytes));
}

void *aligned_alloc(size_t border, size_t bytes)
{
	return memalign(border, bytes);
}

int posix_memalign(void **out, size_t border, size_t bytes)
{
	*out = memalign(border, bytes);
	return *out ? 0 : ENOMEM;
}

void free(void *block)
{
	if (block)
		__atomic_sub_fetch(&faults->live, 1, __ATOMIC_RELAXED);
	__libc_free(block);
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

/* --- half measures --- */

static uint64_t draw(void)
{
	static _Thread_local uint64_t state;

	if (!state)
		state = (uint64_t)(uintptr_t)&state | 1; /* another one in each thread */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static bool flakes(void)
{
	if ((int64_t)(draw() >> 16) % 100 >= __atomic_load_n(&faults->flaky, __ATOMIC_RELAXED))
		return false;
	__atomic_add_fetch(&faults->flaked, 1, __ATOMIC_RELAXED);
	return true;
}

static bool moves_bytes(int fd, bool *file)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	*file = S_ISREG(st.st_mode);
	return *file || S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode);
}

static bool is_datagram(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type != SOCK_STREAM;
}

/* What is to become of a call that wants to move n bytes: false, it fails with errno set; otherwise it moves *n. */
static bool halve(int fd, size_t *n, bool may_wait)
{
	bool file = false;

	if (!__atomic_load_n(&faults->flaky, __ATOMIC_RELAXED) || *n == 0 || !moves_bytes(fd, &file) || !flakes())
		return true;
	switch (draw() >> 20 & 3) {
	case 0:
		errno = EINTR;
		return false;
	case 1:
		if (file || (may_wait && !(fcntl(fd, F_GETFL) & O_NONBLOCK)))
			break;
		errno = EAGAIN;
		return false;
	default:
		break;
	}
	if (file || !is_datagram(fd))
		*n = 1 + (size_t)(draw() >> 20) % *n;
	return true;
}

ssize_t read(int fd, void *to, size_t n)
{
	return halve(fd, &n, true) ? syscall(SYS_read, fd, to, n) : -1;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	return halve(fd, &n, true) ? syscall(SYS_write, fd, bytes, n) : -1;
}

ssize_t recv(int fd, void *to, size_t n, int flags)
{
	return halve(fd, &n, !(flags & MSG_DONTWAIT)) ? syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL) : -1;
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
	return halve(fd, &n, !(flags & MSG_DONTWAIT)) ? syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0) : -1;
}

ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
	return halve(fd, &n, true) ? syscall(SYS_pread64, fd, to, n, at) : -1;
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	return pread64(fd, to, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	int problem = (int)__atomic_load_n(&faults->write_errno, __ATOMIC_RELAXED);

	if (problem) {
		errno = problem;
		return -1;
	}
	return halve(fd, &n, true) ? syscall(SYS_pwrite64, fd, bytes, n, at) : -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

int accept4(int fd, struct sockaddr *address, socklen_t *n, int flags)
{
	if (flakes()) {
		errno = draw() >> 20 & 1 ? EINTR : EAGAIN;
		return -1;
	}
	return (int)syscall(SYS_accept4, fd, address, n, flags);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int ms)
{
	if (flakes()) {
		errno = EINTR;
		return -1;
	}
	return (int)syscall(SYS_epoll_wait, fd, events, most, ms);
}
