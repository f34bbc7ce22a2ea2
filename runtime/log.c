/* Lines go straight out until log_start_writer; then through a bounded ring of whole lines to one writer thread, so that
 * an actor waits for a mutex at most, never for a disk or for whoever reads the log. The writer asks whether the log takes
 * a line before it writes one: only a disk can keep it, a pipe nobody reads cannot. What does not fit any more pushes the
 * oldest line out and is counted. */
#include "runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/metric.h"
#include "runtime/outside.h"

#define LINE_MAX_BYTES 1024
#define RING_LINES 4096u
#define DIRECT_MS 100  /* patience of a line that is written without the writer */
#define WRITER_MS 500  /* how often a writer whose log takes nothing looks whether it should stop */
#define STOP_SECONDS 2 /* for what is in the ring at the end; then it is given up */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t left; /* the writer has ended */
	int fd; /* changed under the lock; while the writer runs its number stays, for the writer uses it without the lock */
	bool running, stopping, ended;
	bool torn; /* half a line was written, the disk was full: the writer's alone */
	pthread_t thread;
	char *ring[RING_LINES];
	uint32_t first, count;
	uint64_t dropped, told;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .left = PTHREAD_COND_INITIALIZER, .fd = STDERR_FILENO };

static int level_now = LOG_LEVEL_INFO; /* read by all threads without a lock: a late change is harmless */

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_set_level(enum log_level level)
{
	__atomic_store_n(&level_now, (int)level, __ATOMIC_RELAXED);
}

enum log_level log_level_now(void)
{
	return (enum log_level)__atomic_load_n(&level_now, __ATOMIC_RELAXED);
}

void log_open(const char *path)
{
	int fresh = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666) : STDERR_FILENO;

	if (fresh < 0) {
		fprintf(stderr, "switchboard: cannot open the log %s: %s\n", path, strerror(errno));
		return;
	}
	pthread_mutex_lock(&sink.lock);
	if (sink.fd != STDERR_FILENO && fresh != STDERR_FILENO && dup3(fresh, sink.fd, O_CLOEXEC) == sink.fd) {
		close(fresh);
	} else {
		if (sink.fd != STDERR_FILENO && !sink.running)
			close(sink.fd);
		sink.fd = fresh;
	}
	pthread_mutex_unlock(&sink.lock);
}

static bool takes_a_line(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, ms) == 1;
}

/* How much of it was written. A pipe that is ready takes a whole line; who took a part of one is asked whether it takes more. */
static size_t put(int fd, const char *bytes, size_t n)
{
	size_t done = 0;

	while (done < n && (!done || takes_a_line(fd, DIRECT_MS))) {
		ssize_t now = write(fd, bytes + done, n - done);

		if (now > 0)
			done += (size_t)now;
		else if (now == 0 || errno != EINTR)
			break;
	}
	return done;
}

/* False: it is lost; half of it may be there, and ends where the next one begins. */
static bool put_line(int fd, const char *line)
{
	size_t n = strlen(line), done;

	if (sink.torn && put(fd, "\n", 1) != 1)
		return false;
	done = put(fd, line, n);
	sink.torn = done > 0 && done < n;
	return done == n;
}

/* Called with the lock held. */
static void count_lost(uint64_t lines)
{
	sink.dropped += lines;
	metric_add(METRIC_log_lost, (int64_t)lines);
}

/* In place of what was lost since it was last said. Called with the lock held; gives it up while writing. */
static void tell_lost(void)
{
	uint64_t dropped = sink.dropped, lost = dropped - sink.told;
	char line[80];
	int fd = sink.fd;
	bool done;

	if (!lost)
		return;
	snprintf(line, sizeof(line), "log: %llu lines lost, the log could not be written fast enough\n", (unsigned long long)lost);
	pthread_mutex_unlock(&sink.lock);
	done = takes_a_line(fd, WRITER_MS) && put_line(fd, line); /* who takes no such line takes no other one either */
	pthread_mutex_lock(&sink.lock);
	if (done)
		sink.told = dropped;
}

/* Called with the lock held; gives it up while writing. */
static void write_one(void)
{
	char *line = sink.ring[sink.first];
	int fd = sink.fd;
	bool done;

	sink.first = (sink.first + 1) % RING_LINES;
	sink.count--;
	pthread_mutex_unlock(&sink.lock);
	done = put_line(fd, line);
	free(line);
	pthread_mutex_lock(&sink.lock);
	if (done)
		tell_lost();
	else
		count_lost(1);
}

static void *run_writer(void *nothing)
{
	(void)nothing;
	pthread_mutex_lock(&sink.lock);
	while (!sink.stopping || sink.count) {
		int fd = sink.fd;
		bool ready;

		if (!sink.count) {
			pthread_cond_wait(&sink.filled, &sink.lock);
			continue;
		}
		pthread_mutex_unlock(&sink.lock);
		ready = takes_a_line(fd, WRITER_MS);
		pthread_mutex_lock(&sink.lock);
		if (ready)
			write_one();
		else if (sink.stopping)
			break;
	}
	sink.ended = true;
	pthread_cond_signal(&sink.left);
	pthread_mutex_unlock(&sink.lock);
	return NULL;
}

int log_start_writer(void)
{
	int problem = 0;

	pthread_mutex_lock(&sink.lock);
	if (!sink.running)
		problem = pthread_create(&sink.thread, NULL, run_writer, NULL);
	sink.running = sink.running || !problem;
	pthread_mutex_unlock(&sink.lock);
	return problem;
}

void log_stop_writer(void)
{
	struct timespec end;
	pthread_t thread;
	bool ended;

	pthread_mutex_lock(&sink.lock);
	if (!sink.running) {
		pthread_mutex_unlock(&sink.lock);
		return;
	}
	sink.stopping = true;
	thread = sink.thread;
	pthread_cond_signal(&sink.filled);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += STOP_SECONDS;
	while (!sink.ended && pthread_cond_timedwait(&sink.left, &sink.lock, &end) == 0)
		;
	ended = sink.ended;
	pthread_mutex_unlock(&sink.lock);
	if (!ended)
		return; /* a disk keeps it: the process ends without it */
	pthread_join(thread, NULL);
	pthread_mutex_lock(&sink.lock);
	while (sink.count) { /* nobody took them */
		free(sink.ring[sink.first]);
		sink.first = (sink.first + 1) % RING_LINES;
		sink.count--;
	}
	sink.running = sink.stopping = sink.ended = false;
	pthread_mutex_unlock(&sink.lock);
}

uint64_t log_dropped(void)
{
	uint64_t n;

	pthread_mutex_lock(&sink.lock);
	n = sink.dropped;
	pthread_mutex_unlock(&sink.lock);
	return n;
}

/* The UTF-8 character at p: its bytes (1 to 4), and the character itself. A byte that is none: 1, and *c UINT32_MAX. */
static size_t read_character(const unsigned char *p, uint32_t *c)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
	uint32_t value = n > 1 ? *p & (0xffu >> (n + 1)) : *p;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) /* the end of the text, too */
			n = 0;
		else
			value = value << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && value < 0x800) || (n == 4 && (value < 0x10000 || value > 0x10ffff)) || (value >= 0xd800 && value <= 0xdfff))
		n = 0;
	*c = n ? value : UINT32_MAX;
	return n ? n : 1;
}

/* What a terminal or a log reader could take for something else: bytes that are no text, C0, DEL, C1, line and paragraph
 * separators, bidirectional controls, noncharacters. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfffe || c == 0xffff || c == UINT32_MAX;
}

static void append_escaped(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	for (const unsigned char *p = (const unsigned char *)text; *p && n + 20 < size;) {
		uint32_t c;
		size_t length = read_character(p, &c);

		for (bool bad = is_harmful(c); length > 0; length--, p++)
			n += bad ? (size_t)snprintf(out + n, size - n, "\\x%02x", *p) : (out[n] = (char)*p, 1u);
	}
	out[n] = '\n';
	out[n + 1] = '\0';
}

static void compose(char *line, size_t size, enum log_level level, const char *area, const char *fmt, va_list args)
{
	uint64_t now = outside_wall_us();
	time_t seconds = (time_t)(now / 1000000u);
	struct tm utc;
	char text[LINE_MAX_BYTES];

	vsnprintf(text, sizeof(text), fmt, args);
	gmtime_r(&seconds, &utc);
	snprintf(line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ %s %s: ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		 utc.tm_hour, utc.tm_min, utc.tm_sec, (unsigned)(now / 1000u % 1000u), level_names[level], area);
	append_escaped(line, size, text);
}

/* Called with the lock held. The newest lines say most about what is wrong. */
static void enqueue(const char *line)
{
	if (sink.count == RING_LINES) {
		free(sink.ring[sink.first]);
		sink.first = (sink.first + 1) % RING_LINES;
		sink.count--;
		count_lost(1);
	}
	sink.ring[(sink.first + sink.count++) % RING_LINES] = xstrdup(line);
	pthread_cond_signal(&sink.filled);
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
	char line[2 * LINE_MAX_BYTES];
	va_list args;

	if (level > log_level_now())
		return;
	va_start(args, fmt);
	compose(line, sizeof(line), level, area, fmt, args);
	va_end(args);
	pthread_mutex_lock(&sink.lock);
	if (sink.running)
		enqueue(line);
	else if (!takes_a_line(sink.fd, DIRECT_MS) || !put_line(sink.fd, line))
		count_lost(1);
	pthread_mutex_unlock(&sink.lock);
}
