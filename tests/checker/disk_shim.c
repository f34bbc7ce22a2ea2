/* Preloaded into the server under test: what a disk can do to it. The folder $CHECKER_DISK tells, now and not at start:
 *   eio    fsync and fdatasync fail with EIO while the file is there
 *   slow   they take as many milliseconds longer as the file's text says
 * The kernel cannot be made to do either on a machine that is not ours alone. Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

/* The file's text as a number; -1 when it is not there. Not by stdio: errno and locks of the caller stay as they are. */
static long told(const char *name)
{
	const char *folder = getenv("CHECKER_DISK");
	char path[4096], text[16] = { 0 };
	ssize_t n;
	int fd;

	if (!folder || snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int sync_by(long number, int fd)
{
	long ms = told("slow");
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	if (ms > 0)
		nanosleep(&pause, NULL);
	if (told("eio") >= 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_by(SYS_fdatasync, fd);
}
