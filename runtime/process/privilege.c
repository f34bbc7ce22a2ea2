#include "runtime/process/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/log.h"
#include "runtime/mem/buf.h"

#define BIND_PORTS (1u << CAP_NET_BIND_SERVICE)

void privilege_open_standard_files(void)
{
	for (int fd = 0; fd <= 2; fd++)
		/* the lowest free number is the one asked about */
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
			_exit(1);
}

static char *problem(const char *what, const char *name, int error)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s%s%s%s", what, name ? name : "", error ? ": " : "", error ? strerror(error) : "");
	return buf_take_text(&text);
}

/* Only those of the lower 32, which is where CAP_NET_BIND_SERVICE is; all others go. */
static bool set_capabilities(uint32_t kept)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { kept, kept, 0 } };

	return syscall(SYS_capset, &header, data) == 0;
}

static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	if (syscall(SYS_capget, &header, data) != 0)
		return true;
	return (data[0].permitted | data[1].permitted | data[0].effective | data[1].effective) != 0;
}

static char *find_group(const char *group, gid_t *gid)
{
	const struct group *entry;

	if (!*group)
		return NULL;
	errno = 0;
	entry = getgrnam(group);
	if (!entry)
		return problem("--group: this machine has no group ", group, errno);
	*gid = entry->gr_gid;
	return NULL;
}

/* Groups first: without root they cannot be changed any more. */
static char *become(const char *user, uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return problem("cannot keep the capability to bind ports", NULL, errno);
	if (initgroups(user, gid) != 0 || setresgid(gid, gid, gid) != 0)
		return problem("cannot take the groups of ", user, errno);
	if (setresuid(uid, uid, uid) != 0)
		return problem("cannot become ", user, errno);
	if (!set_capabilities(BIND_PORTS))
		return problem("cannot give up root's capabilities", NULL, errno);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return NULL;
}

char *privilege_drop(const char *user, const char *group)
{
	const struct passwd *entry;
	gid_t gid;
	uid_t uid;
	char *wrong;

	if (!*user)
		return *group ? problem("--group needs --user", NULL, 0) : NULL;
	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return problem("--user: this machine has no user ", user, errno);
	uid = entry->pw_uid;
	gid = entry->pw_gid;
	if (uid == 0)
		return problem("--user: a server that stays root gains nothing; name another user than ", user, 0);
	wrong = find_group(group, &gid);
	if (wrong)
		return wrong;
	if (geteuid() == 0)
		return become(user, uid, gid);
	return uid == geteuid() ? NULL : problem("--user: only root can start the server as another user; this is not ", user, 0);
}

/* Every way that was ever one: if any works, the drop was none. */
static bool can_be_root(void)
{
	return setresuid(0, 0, 0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
	       (getgid() != 0 && setresgid(0, 0, 0) == 0);
}

char *privilege_seal(void)
{
	uid_t real, effective, saved;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return problem("cannot give up new privileges", NULL, errno);
	if (getresuid(&real, &effective, &saved) != 0)
		return problem("cannot ask who this is", NULL, errno);
	if (real == 0 || effective == 0 || saved == 0) {
		LOG_WARNING("main", "running as root: whoever breaks in has the whole machine; set --user");
		return NULL;
	}
	if (!set_capabilities(0) || has_capabilities())
		return problem("cannot give up capabilities", NULL, errno);
	if (can_be_root())
		return problem("root's privileges were given up and could be taken back", NULL, 0);
	return NULL;
}

void privilege_allow_dumps(bool allow)
{
	const struct rlimit none = { 0, 0 };

	if (!allow && setrlimit(RLIMIT_CORE, &none) != 0)
		LOG_WARNING("main", "cannot forbid core files: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, allow, 0, 0, 0) != 0)
		LOG_WARNING("main", "cannot %s core files: %s", allow ? "allow" : "forbid", strerror(errno));
}
