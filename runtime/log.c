/* Lines go straight out until log_start_writer; then through a bounded ring of whole lines to one writer thread, so that
 * an actor waits for a mutex at most, never for a disk. */
#include "runtime/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/outside.h"

#define LINE_MAX_BYTES 1024
#define RING_LINES 4096u

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	FILE *file; /* NULL = stderr */
	bool running, stopping;
	pthread_t thread;
	char *ring[RING_LINES];
	uint32_t first, count;
	uint64_t dropped, told;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

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
	FILE *fresh = path ? fopen(path, "ae") : NULL;
	FILE *old;

	if (path && !fresh) {
		fprintf(stderr, "switchboard: cannot open the log %s: %s\n", path, strerror(errno));
		return;
	}
	pthread_mutex_lock(&sink.lock);
	old = sink.file;
	sink.file = fresh;
	pthread_mutex_unlock(&sink.lock);
	if (old)
		fclose(old);
}

static void put_line(const char *line)
{
	FILE *out = sink.file ? sink.file : stderr;

	fputs(line, out);
	fflush(out);
}

/* Called with the lock held; gives it up while writing. */
static void write_out(void)
{
	while (sink.count) {
		char *line = sink.ring[sink.first];
		uint64_t lost = sink.dropped - sink.told;

		sink.first = (sink.first + 1) % RING_LINES;
		sink.count--;
		sink.told = sink.dropped;
		pthread_mutex_unlock(&sink.lock);
		put_line(line);
		free(line);
		if (lost)
			fprintf(sink.file ? sink.file : stderr, "log: %llu lines lost, the log could not be written fast enough\n",
				(unsigned long long)lost);
		pthread_mutex_lock(&sink.lock);
	}
}

static void *run_writer(void *nothing)
{
	(void)nothing;
	pthread_mutex_lock(&sink.lock);
	while (!sink.stopping || sink.count) {
		if (!sink.count)
			pthread_cond_wait(&sink.filled, &sink.lock);
		write_out();
	}
	pthread_mutex_unlock(&sink.lock);
	return NULL;
}

void log_start_writer(void)
{
	pthread_mutex_lock(&sink.lock);
	if (!sink.running && pthread_create(&sink.thread, NULL, run_writer, NULL) == 0)
		sink.running = true;
	pthread_mutex_unlock(&sink.lock);
}

void log_stop_writer(void)
{
	pthread_mutex_lock(&sink.lock);
	if (!sink.running) {
		pthread_mutex_unlock(&sink.lock);
		return;
	}
	sink.stopping = true;
	pthread_cond_signal(&sink.filled);
	pthread_mutex_unlock(&sink.lock);
	pthread_join(sink.thread, NULL);
	sink.running = sink.stopping = false;
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
	if (!sink.running) {
		put_line(line);
	} else if (sink.count == RING_LINES) {
		sink.dropped++;
	} else {
		sink.ring[(sink.first + sink.count++) % RING_LINES] = xstrdup(line);
		pthread_cond_signal(&sink.filled);
	}
	pthread_mutex_unlock(&sink.lock);
}
