/* The filter of system calls, made by libseccomp where the build has it. A short list is let through, a shorter one ends
 * the process, everything else fails with EPERM. Calls are allowed by number alone wherever that is enough: the kernel
 * keeps those in a bitmap and runs no filter for them. */
#include "runtime/process/sandbox.h"

#if defined(HAVE_SECCOMP) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* By name: those an architecture does not have are passed over. */
static const char *const let_through[] = {
	/* sockets, pipes, events */
	"read", "write", "readv", "writev", "pread64", "pwrite64", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg",
	"sendmmsg", "accept4", "connect", "bind", "listen", "shutdown", "getsockname", "getpeername", "getsockopt",
	"setsockopt", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select",
	"pselect6", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "pipe2", "dup", "dup2", "dup3",
	/* files */
	"open", "openat", "openat2", "close", "close_range", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs",
	"access", "faccessat", "faccessat2", "lseek", "fcntl", "flock", "ftruncate", "fallocate", "fsync", "fdatasync",
	"sync_file_range", "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "mkdir", "mkdirat",
	"getdents64", "getcwd", "readlink", "readlinkat", "fchmod", "fchown", "chmod", "utimensat", "umask", "fadvise64",
	/* memory */
	"munmap", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock", "mincore", "membarrier", "msync",
	/* threads, time, signals to itself */
	"clone", "clone3", "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid",
	"getpid", "getppid", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getcpu", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigpending", "sigaltstack", "tgkill",
	"restart_syscall", "exit", "exit_group",
	/* the rest of what libraries ask */
	"getrandom", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getrlimit", "getrusage", "sysinfo",
	"uname", "times", "arch_prctl",
};

/* Nothing of ours, nor of a library, ever calls these: an exploit does. */
static const char *const deadly[] = {
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "mount",
	"umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "pivot_root", "chroot", "setns", "unshare", "bpf",
	"perf_event_open", "keyctl", "add_key", "request_key", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
	"swapon", "swapoff", "iopl", "ioperm", "open_by_handle_at", "setuid", "setreuid", "setresuid", "setgid", "setregid",
	"setresgid", "setgroups", "capset", "personality", "modify_ldt",
};

static bool add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count, unsigned *added)
{
	for (size_t i = 0; i < count; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);

		if (call < 0)
			continue;
		if (seccomp_rule_add(filter, action, call, 0) != 0)
			return false;
		++*added;
	}
	return true;
}

static bool add_one(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp test)
{
	int call = seccomp_syscall_resolve_name(name);

	return call < 0 || seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &test) == 0;
}

/* Calls that depend on what they are asked for. Memory is never executable once the program runs, sockets are of the
 * internet or local (netlink: the C library asks which addresses this machine has), prctl only names, prlimit64 and
 * kill reach nobody else, ioctl only asks how much can be read and whether this is a terminal. */
static bool add_conditional(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
	static const unsigned long prctls[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, 0x53564d41 /* PR_SET_VMA */ };
	static const unsigned long ioctls[] = { 0x541b /* FIONREAD */, 0x5421 /* FIONBIO */, 0x5401 /* TCGETS */ };
	bool ok = add_one(filter, "mmap", SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
		  add_one(filter, "mprotect", SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
		  add_one(filter, "prlimit64", SCMP_A2_64(SCMP_CMP_EQ, 0));

	for (size_t i = 0; ok && i < ARRAY_LEN(families); i++)
		ok = add_one(filter, "socket", SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)families[i]));
	for (size_t i = 0; ok && i < ARRAY_LEN(prctls); i++)
		ok = add_one(filter, "prctl", SCMP_A0_64(SCMP_CMP_EQ, prctls[i]));
	for (size_t i = 0; ok && i < ARRAY_LEN(ioctls); i++)
		ok = add_one(filter, "ioctl", SCMP_A1_32(SCMP_CMP_EQ, (uint32_t)ioctls[i]));
	return ok && add_one(filter, "socketpair", SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
}

unsigned sandbox_filter_calls(const char **problem)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	unsigned allowed = 0, refused = 0;
	bool ok;

	if (!filter) {
		*problem = "libseccomp makes no filter";
		return 0;
	}
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, where the library can */
	ok = add_all(filter, SCMP_ACT_ALLOW, let_through, ARRAY_LEN(let_through), &allowed) &&
	     add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly), &refused) && add_conditional(filter) &&
	     seccomp_load(filter) == 0;
	seccomp_release(filter);
	if (!ok)
		*problem = "this kernel takes no filter of system calls";
	return ok ? allowed : 0;
}

#else

unsigned sandbox_filter_calls(const char **problem)
{
	*problem = "built without the filter of system calls (libseccomp)";
	return 0;
}

#endif
