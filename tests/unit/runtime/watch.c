/* Workers that are blocked until the test lets them go. What the watchdog says is read from its log, a pipe: every wait is
 * for a line, none for a time. */
#include "tests/support/io.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/actor/watch.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/process/sandbox.h"

static struct {
	char directory[32], path[64];
	FILE *lines;
} journal;

static sem_t go, told;

static void tell(void)
{
	sem_post(&told);
}

static int setup(void **state)
{
	(void)state;
	snprintf(journal.directory, sizeof(journal.directory), "/tmp/watch-test-XXXXXX");
	assert_non_null(mkdtemp(journal.directory));
	snprintf(journal.path, sizeof(journal.path), "%s/log", journal.directory);
	assert_int_equal(mkfifo(journal.path, 0600), 0);
	journal.lines = fopen(journal.path, "r+e"); /* both ways, so that nobody waits for the other side */
	assert_non_null(journal.lines);
	log_open(journal.path);
	log_set_level(LOG_LEVEL_WARNING);
	sem_init(&go, 0, 0);
	sem_init(&told, 0, 0);
	return 0;
}
static int teardown(void **state)
{
	(void)state;
	log_open(NULL);
	fclose(journal.lines);
	unlink(journal.path);
	rmdir(journal.directory);
	return 0;
}

/* The next line with these words; the test's own time limit ends a wait for nothing. */
static const char *line_with(const char *words)
{
	static char line[4096];

	while (fgets(line, sizeof(line), journal.lines))
		if (strstr(line, words))
			return line;
	fail_msg("no line with '%s'", words);
	return NULL;
}

static bool is_silent(void)
{
	struct pollfd p = { fileno(journal.lines), POLLIN, 0 };

	return poll(&p, 1, 0) == 0;
}

static void wait_told(void)
{
	while (sem_wait(&told) != 0)
		;
}

__attribute__((noinline)) static void block(void *arg)
{
	(void)arg;
	while (sem_wait(&go) != 0) /* the watchdog's question interrupts */
		;
}

static void raise_engine(void)
{
	engine_init(&(struct engine_options){ .workers = 2 });
	for (unsigned i = 0; i < 2; i++)
		hired[i] = actor_spawn(&worker_behaviour, NULL, i);
	engine_start();
}

static void a_worker_that_stalls_is_named_with_its_place(void **state)
{
	int64_t before = metric_read(METRIC_worker_stalls);
	const char *line;
	sem_t done;

	(void)state;
	sem_init(&done, 0, 0);
	raise_engine();
	watch_start(&(struct watch_options){ .warn_ms = 300 });
	io_send_call(1, block, NULL, &done);
	line = line_with("worker 1 has not come round");
	assert_non_null(strstr(line, "runtime_watch+0x")); /* this program: block() */
	assert_true(metric_read(METRIC_worker_stalls) > before);
	sem_post(&go);
	line_with("worker 1 goes on");
	while (sem_wait(&done) != 0)
		;
	watch_stop();
	engine_stop();
	sem_destroy(&done);
}

static void sleeping_workers_are_well(void **state)
{
	(void)state;
	raise_engine();
	watch_start(&(struct watch_options){ .warn_ms = 2000, .tell_ms = 2, .tell = tell });
	for (int i = 0; i < 100; i++)
		wait_told();
	watch_stop();
	engine_stop();
	assert_true(is_silent());
}

static void nobody_is_told_while_one_is_stalled(void **state)
{
	sem_t done;

	(void)state;
	sem_init(&done, 0, 0);
	raise_engine();
	watch_start(&(struct watch_options){ .warn_ms = 300, .tell_ms = 2, .tell = tell });
	wait_told();
	io_send_call(0, block, NULL, &done);
	line_with("worker 0 has not come round");
	while (sem_trywait(&told) == 0)
		; /* from before */
	io_send_call(1, block, NULL, NULL); /* a second one: when it is named too, looks were taken meanwhile */
	line_with("worker 1 has not come round");
	assert_int_equal(sem_trywait(&told), -1);
	sem_post(&go);
	sem_post(&go);
	wait_told();
	watch_stop();
	engine_stop();
	sem_destroy(&done);
}

/* In a child, and inside the sandbox as in the server: it ends by SIGABRT, after it was warned of with its place. */
static void a_worker_that_stays_away_ends_the_process(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct sandbox *nothing = sandbox_new();

		sandbox_enter(nothing);
		raise_engine();
		watch_start(&(struct watch_options){ .warn_ms = 300, .abort_ms = 900 });
		io_send_call(0, block, NULL, NULL);
		for (;;)
			pause();
	}
	assert_non_null(strstr(line_with("worker 0 has not come round"), "runtime_watch+0x"));
	line_with("giving up");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* Stopped and continued as a whole: the clock has moved on, no worker is to blame. */
static void a_process_that_was_stopped_blames_nobody(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		raise_engine();
		watch_start(&(struct watch_options){ .warn_ms = 1000, .abort_ms = 2000, .tell_ms = 50, .tell = tell });
		for (int i = 0; i < 3; i++)
			wait_told();
		raise(SIGSTOP);
		for (int i = 0; i < 3; i++)
			wait_told();
		watch_stop();
		engine_stop();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	nanosleep(&(struct timespec){ 2, 500000000 }, NULL); /* longer than the limit: this is the fault, not a wait */
	kill(child, SIGCONT);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(is_silent());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_worker_that_stalls_is_named_with_its_place),
		TEST(sleeping_workers_are_well),
		TEST(nobody_is_told_while_one_is_stalled),
		TEST(a_worker_that_stays_away_ends_the_process),
		TEST(a_process_that_was_stopped_blames_nobody),
	};

	return RUN(tests);
}
