#include "runtime/base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Says it without memory and without waiting for whoever reads standard error: a process that must end, ends. */
NO_RETURN static void die(const char *text)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1 || write(STDERR_FILENO, text, strlen(text)) < 0)
		abort(); /* nobody can be told */
	abort();
}

void base_bug(const char *file, int line, const char *what)
{
	char text[512];

	snprintf(text, sizeof(text), "switchboard: bug at %s:%d: %s\n", file, line, what);
	die(text);
}

void base_out_of_memory(void)
{
	die("switchboard: out of memory\n");
}

static void *must(void *p)
{
	if (!p)
		base_out_of_memory();
	return p;
}

void *xmalloc(size_t bytes)
{
	return must(malloc(bytes ? bytes : 1));
}

void *xcalloc(size_t count, size_t bytes)
{
	return must(calloc(count ? count : 1, bytes ? bytes : 1));
}

void *xrealloc(void *old, size_t bytes)
{
	return must(realloc(old, bytes ? bytes : 1));
}

char *xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t bytes)
{
	char *copy = xmalloc(bytes + 1);

	if (bytes) /* NULL has none */
		memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	return copy;
}
