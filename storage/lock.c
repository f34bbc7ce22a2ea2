#include "storage/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/mem/buf.h"

/* Who holds it, for the one who reads the message; the file may be empty while a server starts. */
static char *holder(int fd, const char *path)
{
	struct buf text = BUF_INIT;
	char who[16];
	ssize_t n = pread(fd, who, sizeof(who) - 1, 0);
	long pid;

	who[n > 0 ? n : 0] = '\0';
	pid = strtol(who, NULL, 10);
	buf_addf(&text, "%s: another server uses this store", path);
	if (pid > 0)
		buf_addf(&text, " (process %ld)", pid);
	buf_add_text(&text, "; stop that one first, or give this one a store of its own with --user-db-uri");
	return buf_take_text(&text);
}

enum status store_lock_take(const char *path, struct store_lock *out, char **error)
{
	struct buf name = BUF_INIT;
	char *file;
	int problem, fd;

	buf_addf(&name, "%s-lock", path);
	file = buf_take_text(&name);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	problem = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 ? errno : 0;
	if (problem == EWOULDBLOCK) {
		*error = holder(fd, path);
	} else if (problem) {
		buf_addf(&name, "%s: %s", file, strerror(problem));
		*error = buf_take_text(&name);
	}
	free(file);
	if (!problem) {
		out->fd = fd;
		return STATUS_OK;
	}
	if (fd >= 0)
		close(fd);
	return problem == EWOULDBLOCK ? STATUS_BUSY : status_from_errno(problem);
}

bool store_lock_is_marked(const struct store_lock *l)
{
	struct stat st;

	return fstat(l->fd, &st) == 0 && st.st_size > 0;
}

void store_lock_mark(const struct store_lock *l)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%-10ld\n", (long)getpid());

	/* Only a hint: on a full disk the lock holds without it. */
	for (ssize_t done = 0, now; done < n; done += now) {
		now = pwrite(l->fd, text + done, (size_t)(n - done), done);
		if (now < 0 && errno == EINTR)
			now = 0;
		else if (now <= 0)
			return;
	}
}

void store_lock_drop(struct store_lock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
