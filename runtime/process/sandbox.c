/* Landlock, by its system calls: Debian's C library has no functions for them, and its headers know the first two
 * versions of the interface only. */
#include "runtime/process/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/mem/buf.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
/* Version 2 and on, where the header is older. */
#define ACCESS_REFER (1ull << 13)
#define ACCESS_TRUNCATE (1ull << 14)
#define ACCESS_IOCTL_DEVICE (1ull << 15)
#define ACCESS_BIND_TCP (1ull << 0)
#define SCOPE_ABSTRACT_SOCKET (1ull << 0)
#define SCOPE_SIGNAL (1ull << 1)

#define ACCESS_FIRST ((1ull << 13) - 1) /* all of version 1 */
#define ACCESS_FILE_READ LANDLOCK_ACCESS_FS_READ_FILE
#define ACCESS_FILE_WRITE (ACCESS_FILE_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)
#define ACCESS_IN_READ (ACCESS_FILE_READ | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_IN_WRITE \
	(ACCESS_IN_READ | ACCESS_FILE_WRITE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

struct allowed {
	char *path;
	bool write;
};

struct sandbox {
	struct allowed *items;
	size_t count;
};

/* struct landlock_ruleset_attr as it is since version 6; older kernels take the beginning. */
struct ruleset {
	uint64_t files, ports, scopes;
};

struct sandbox *sandbox_new(void)
{
	return xcalloc(1, sizeof(struct sandbox));
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].path);
	free(s->items);
	free(s);
}

/* --- what is allowed --- */

static void allow(struct sandbox *s, char *path, bool write)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].write == write && strcmp(s->items[i].path, path) == 0) {
			free(path);
			return;
		}
	s->items = xrealloc(s->items, (s->count + 1) * sizeof(*s->items));
	s->items[s->count++] = (struct allowed){ path, write };
}

void sandbox_may_read(struct sandbox *s, const char *path)
{
	allow(s, xstrdup(path), false);
}

void sandbox_may_write(struct sandbox *s, const char *path)
{
	allow(s, xstrdup(path), true);
}

static char *parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static void allow_beside(struct sandbox *s, const char *file, bool write)
{
	char *real = realpath(file, NULL);

	allow(s, parent(file), write);
	if (real)
		allow(s, parent(real), write);
	free(real);
}

void sandbox_may_read_beside(struct sandbox *s, const char *file)
{
	allow_beside(s, file, false);
}

void sandbox_may_write_beside(struct sandbox *s, const char *file)
{
	allow_beside(s, file, true);
}

void sandbox_may_read_links(struct sandbox *s, const char *directory)
{
	DIR *dir = opendir(directory);

	sandbox_may_read(s, directory);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct buf path = BUF_INIT;
		struct stat st;
		char *text;

		buf_addf(&path, "%s/%s", directory, e->d_name);
		text = buf_take_text(&path);
		if (lstat(text, &st) == 0 && S_ISLNK(st.st_mode))
			sandbox_may_read_beside(s, text);
		free(text);
	}
	if (dir)
		closedir(dir);
}

/* --- Landlock --- */

static uint64_t known_accesses(int version)
{
	return ACCESS_FIRST | (version >= 2 ? ACCESS_REFER : 0) | (version >= 3 ? ACCESS_TRUNCATE : 0) |
	       (version >= 5 ? ACCESS_IOCTL_DEVICE : 0);
}

static int make_ruleset(int version)
{
	struct ruleset r = { .files = known_accesses(version) };
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;

	if (version >= 4)
		r.ports = ACCESS_BIND_TCP; /* all ports are open by now, and no more will be */
	if (version >= 6)
		r.scopes = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static void add_rule(int ruleset, int version, const struct allowed *a)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = open(a->path, O_PATH | O_CLOEXEC) };
	struct stat st;

	if (rule.parent_fd < 0)
		return;
	if (fstat(rule.parent_fd, &st) == 0) {
		uint64_t wanted = S_ISDIR(st.st_mode) ? (a->write ? ACCESS_IN_WRITE : ACCESS_IN_READ)
						      : (a->write ? ACCESS_FILE_WRITE : ACCESS_FILE_READ);

		rule.allowed_access = wanted & known_accesses(version);
		/* A rule that is refused allows nothing: the fence is narrower, never wider. */
		(void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	close(rule.parent_fd);
}

static int fence_files(const struct sandbox *s, const char **problem)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), ruleset;

	if (version <= 0) {
		*problem = errno == EOPNOTSUPP ? "Landlock is off in this kernel (boot parameter lsm=)"
					       : "this kernel has no Landlock";
		return 0;
	}
	ruleset = make_ruleset(version);
	if (ruleset < 0) {
		*problem = "Landlock takes no rules";
		return 0;
	}
	for (size_t i = 0; i < s->count; i++)
		add_rule(ruleset, version, &s->items[i]);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
		*problem = "Landlock cannot be entered";
		version = 0;
	}
	close(ruleset);
	return version;
}

struct sandbox_state sandbox_enter(const struct sandbox *s)
{
	struct sandbox_state state = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) { /* both want it */
		state.problem = "new privileges cannot be given up";
		return state;
	}
	state.landlock = fence_files(s, &state.problem);
	state.calls = sandbox_filter_calls(&state.problem);
	return state;
}
