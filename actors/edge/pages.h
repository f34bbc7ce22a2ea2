#pragma once
/* The static files of conf->pages_dir, in memory since the start: a name is looked up in a table, never in the file
 * system, so there is no path to traverse. */
#include "runtime/mem/span.h"

#define PAGES_ETAG_MAX 20

struct page {
	char *name; /* "widget.js" */
	const char *type;
	char etag[PAGES_ETAG_MAX]; /* quoted */
	char *bytes;
	size_t n;
};
struct pages; /* opaque; immutable */

struct pages *pages_load(const char *directory); /* an unreadable directory is empty pages and a warning */
void pages_free(struct pages *p);
const struct page *pages_find(const struct pages *p, struct span name);
size_t pages_count(const struct pages *p);
