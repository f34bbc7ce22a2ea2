/* Children that enter the sandbox and try what an intruder would. What the kernel or the build does not have is skipped,
 * and said. */
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/process/sandbox.h"

static char base[64]; /* holds readable/file, writable/, outside/file */

static const char *at(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
	return path;
}

static void put(const char *name)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/sandbox-test-XXXXXX");
	assert_non_null(mkdtemp(base));
	mkdir(at("readable"), 0700);
	mkdir(at("writable"), 0700);
	mkdir(at("outside"), 0700);
	put("readable/file");
	put("outside/file");
	put("single");
	assert_int_equal(symlink(at("outside/file"), at("readable/link")), 0);
	return 0;
}
static int teardown(void **state)
{
	static const char *const files[] = { "readable/file", "readable/link", "readable/new", "writable/a", "writable/b",
					     "outside/file", "outside/new", "single" };
	static const char *const directories[] = { "readable", "writable", "outside", "." };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(at(files[i]));
	for (size_t i = 0; i < ARRAY_LEN(directories); i++)
		rmdir(at(directories[i]));
	return 0;
}

/* --- running a child --- */

static struct sandbox_state entered; /* of the child */

/* Exit code of the attempt inside a sandbox, or minus the signal that ended it. An attempt returns 0 or an errno. */
static int try(int (*attempt)(void), bool links)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct sandbox *s = sandbox_new();

		if (links)
			sandbox_may_read_links(s, at("readable"));
		else
			sandbox_may_read(s, at("readable"));
		sandbox_may_write(s, at("writable"));
		sandbox_may_read(s, at("single"));
		sandbox_may_read(s, at("does-not-exist"));
		entered = sandbox_enter(s);
		_exit(attempt());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int tell_landlock(void)
{
	return entered.landlock;
}
static int tell_calls(void)
{
	return entered.calls > 0;
}

static void need_landlock(int version)
{
	int has = try(tell_landlock, false);

	if (has < version) {
		print_message("skipped: Landlock %d is wanted, this kernel has %d\n", version, has);
		skip();
	}
}
static void need_filter(void)
{
	if (!try(tell_calls, false)) {
		print_message("skipped: no filter of system calls in this build or kernel\n");
		skip();
	}
}

/* --- files --- */

static int open_as(const char *name, int how)
{
	int fd = open(at(name), how | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}
static int read_inside(void)
{
	char text[4];
	int fd = open(at("readable/file"), O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, 4) == 4 && memcmp(text, "text", 4) == 0 ? 0 : errno;
}
static int read_single(void)
{
	return open_as("single", O_RDONLY);
}
static int read_outside(void)
{
	return open_as("outside/file", O_RDONLY);
}
static int read_by_link(void)
{
	return open_as("readable/link", O_RDONLY);
}
static int write_where_read(void)
{
	return open_as("readable/file", O_WRONLY);
}
static int make_where_read(void)
{
	return open_as("readable/new", O_WRONLY | O_CREAT);
}
static int make_outside(void)
{
	return open_as("outside/new", O_WRONLY | O_CREAT);
}
static int remove_outside(void)
{
	return unlink(at("outside/file")) == 0 ? 0 : errno;
}
/* All that a store does with its files. */
static int live_inside(void)
{
	int fd = open(at("writable/a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *map;

	if (fd < 0 || write(fd, "text", 4) != 4 || ftruncate(fd, 4096) != 0 || fdatasync(fd) != 0 || lseek(fd, 0, SEEK_SET))
		return errno;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || rename(at("writable/a"), at("writable/b")) != 0)
		return errno;
	if (open(at("writable/b"), O_WRONLY | O_TRUNC | O_CLOEXEC) < 0)
		return errno;
	return unlink(at("writable/b")) == 0 ? 0 : errno;
}
static void files_inside_work(void **state)
{
	(void)state;
	assert_int_equal(try(read_inside, false), 0);
	assert_int_equal(try(read_single, false), 0);
	assert_int_equal(try(live_inside, false), 0);
	assert_int_equal(try(read_by_link, true), 0);
}

static void files_outside_are_refused(void **state)
{
	static int (*const attempts[])(void) = { read_outside,	  read_by_link, write_where_read,
						 make_where_read, make_outside, remove_outside };

	(void)state;
	need_landlock(1);
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (try(attempts[i], false) != EACCES)
			fail_msg("attempt %zu was not refused", i);
	assert_int_equal(open_as("outside/file", O_RDONLY), 0); /* the parent is not fenced in */
}

/* --- sockets and signals --- */

static int bind_port(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 ? 0 : errno;
}
static int connect_out(void)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)) == 0 || errno == ECONNREFUSED ? 0 : errno;
}
static int raw_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 ? 0 : errno;
}
static int signal_out(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 0 : errno;
}
static int signal_inside(void)
{
	return pthread_kill(pthread_self(), 0);
}

static void no_new_port_but_connections(void **state)
{
	(void)state;
	assert_int_equal(try(connect_out, false), 0);
	need_landlock(4);
	assert_int_equal(try(bind_port, false), EACCES);
}

static void signals_stay_inside(void **state)
{
	(void)state;
	assert_int_equal(try(signal_inside, false), 0);
	need_landlock(6);
	assert_int_equal(try(signal_out, false), EPERM);
}

/* --- system calls --- */

static void *nothing(void *arg)
{
	return arg;
}
static int start_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, nothing, NULL);

	return error ? error : pthread_join(thread, NULL);
}
static int execute(void)
{
	char *const words[] = { (char *)(uintptr_t)"true", NULL };

	execv("/bin/true", words);
	return errno;
}
static void *execute_there(void *arg)
{
	(void)arg;
	_exit(execute());
}
static int execute_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, execute_there, NULL) == 0)
		pthread_join(thread, NULL);
	return 99;
}
static int trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : errno;
}
static int call(long number)
{
	return syscall(number, 0, 0, 0, 0, 0, 0) >= 0 ? 0 : errno;
}
static int call_bpf(void)
{
	return call(SYS_bpf);
}
static int call_keyctl(void)
{
	return call(SYS_keyctl);
}
static int call_uring(void)
{
	return call(425); /* io_uring_setup */
}
static int call_userfaultfd(void)
{
	return call(SYS_userfaultfd);
}
static int call_mount(void)
{
	return call(SYS_mount);
}
static int call_setuid(void)
{
	return call(SYS_setuid);
}
static int call_unheard_of(void)
{
	return call(SYS_acct);
}
static int executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 0 : errno;
}
static int make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return 99;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
}

static void calls_of_an_intruder_end_the_process(void **state)
{
	static int (*const attempts[])(void) = { execute,   execute_in_thread, trace,	   call_bpf,	call_keyctl,
						 call_uring, call_userfaultfd,	 call_mount, call_setuid };

	(void)state;
	need_filter();
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (try(attempts[i], false) != -SIGSYS)
			fail_msg("attempt %zu went on", i);
}

static void other_calls_fail(void **state)
{
	static int (*const attempts[])(void) = { call_unheard_of, executable_memory, make_executable, raw_packets };

	(void)state;
	need_filter();
	assert_int_equal(try(start_thread, false), 0);
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (try(attempts[i], false) != EPERM)
			fail_msg("attempt %zu was not refused", i);
}

/* What is missing is said; nothing is missing here means nothing is said. */
static int tell_whether_complete(void)
{
	return (entered.landlock == 0 || entered.calls == 0) != (entered.problem != NULL);
}

static void what_is_missing_is_said(void **state)
{
	(void)state;
	assert_int_equal(try(tell_whether_complete, false), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(files_inside_work),
		TEST(files_outside_are_refused),
		TEST(no_new_port_but_connections),
		TEST(signals_stay_inside),
		TEST(calls_of_an_intruder_end_the_process),
		TEST(other_calls_fail),
		TEST(what_is_missing_is_said),
	};

	return RUN(tests);
}
