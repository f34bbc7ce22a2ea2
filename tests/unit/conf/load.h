#pragma once
/* A configuration from text, by way of a file, with its problems as text: "3 warning: …". */
#include <sys/stat.h>
#include <unistd.h>

#include "conf/config.h"
#include "runtime/mem/buf.h"
#include "tests/support/check.h"

struct loaded {
	struct config *c;
	struct config_problems problems;
	char path[40];
};

static inline void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static inline void new_path(char path[40])
{
	int fd;

	snprintf(path, 40, "/tmp/switchboard-conf-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

static inline struct loaded load(const char *text)
{
	struct loaded l = { 0 };
	const char *files[1];

	new_path(l.path);
	write_text(l.path, text);
	files[0] = l.path;
	l.c = config_load(files, 1, NULL, 0, &l.problems);
	for (size_t i = 0; i < l.problems.count; i++)
		if (l.problems.items[i].file)
			assert_string_equal(l.problems.items[i].file, l.path);
	return l;
}

static inline void unload(struct loaded *l)
{
	config_free(l->c);
	config_problems_free(&l->problems);
	unlink(l->path);
}

static inline void describe(const struct config_problem *p, char *out, size_t size)
{
	snprintf(out, size, "%u %s: %s", p->line, p->severity == CONFIG_FATAL ? "error" : "warning", p->text);
}

/* Each problem, in order, begins as expected: "3 warning: …". */
static inline void expect_problems(const struct loaded *l, const char *const *wanted, size_t count)
{
	for (size_t i = 0; i < l->problems.count || i < count; i++) {
		char got[1200] = "nothing";

		if (i < l->problems.count)
			describe(&l->problems.items[i], got, sizeof(got));
		if (i >= count || strncmp(got, wanted[i], strlen(wanted[i])) != 0)
			fail_msg("problem %zu:\n  got  %s\n  want %s", i, got, i < count ? wanted[i] : "nothing");
	}
}

/* Loads, compares the problems, gives the configuration back in *l. */
#define EXPECT(l, text, ...) \
	do { \
		static const char *const expect_[] = { __VA_ARGS__ }; \
		(l) = load(text); \
		expect_problems(&(l), expect_, ARRAY_LEN(expect_)); \
	} while (0)
