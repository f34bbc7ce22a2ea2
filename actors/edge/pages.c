#include "actors/edge/pages.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/log.h"
#include "runtime/mem/buf.h"

#define PAGES_MAX 64
#define PAGE_BYTES_MAX (1024 * 1024)

struct pages {
	struct page rows[PAGES_MAX];
	size_t count;
};

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".ico", "image/x-icon" },
};

static const char *type_of(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t ending = strlen(types[i].ending);

		if (n > ending && strcmp(name + n - ending, types[i].ending) == 0)
			return types[i].type;
	}
	return NULL;
}

static void set_etag(struct page *p)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)p->bytes, p->n, digest);
	p->etag[0] = '"';
	for (size_t i = 0; i < 8; i++)
		snprintf(p->etag + 1 + 2 * i, 3, "%02x", digest[i]);
	memcpy(p->etag + 17, "\"", 2);
}

static bool read_file(const char *path, struct page *out)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	bool ok = false;

	if (!file)
		return false;
	if (fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= PAGE_BYTES_MAX) {
		out->n = (size_t)st.st_size;
		out->bytes = xmalloc(out->n);
		ok = fread(out->bytes, 1, out->n, file) == out->n;
		if (!ok)
			free(out->bytes);
	}
	fclose(file);
	return ok;
}

static void add_page(struct pages *p, const char *directory, const char *name)
{
	struct buf path = BUF_INIT;
	struct page row = { .type = type_of(name) };
	char *text;

	if (!row.type)
		return;
	buf_addf(&path, "%s/%s", directory, name);
	text = buf_take_text(&path);
	if (p->count == PAGES_MAX) {
		LOG_WARNING("http", "more than %d pages, %s is left out", PAGES_MAX, text);
	} else if (!read_file(text, &row)) {
		LOG_WARNING("http", "page %s cannot be read or is over %d bytes", text, PAGE_BYTES_MAX);
	} else {
		row.name = xstrdup(name);
		set_etag(&row);
		p->rows[p->count++] = row;
	}
	free(text);
}

struct pages *pages_load(const char *directory)
{
	struct pages *p = xcalloc(1, sizeof(*p));
	struct dirent *entry;
	DIR *dir;

	if (!directory)
		return p;
	dir = opendir(directory);
	if (!dir) {
		LOG_WARNING("http", "no pages: %s: %s", directory, strerror(errno));
		return p;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add_page(p, directory, entry->d_name);
	closedir(dir);
	return p;
}

void pages_free(struct pages *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->rows[i].name);
		free(p->rows[i].bytes);
	}
	free(p);
}

const struct page *pages_find(const struct pages *p, struct span name)
{
	for (size_t i = 0; i < p->count; i++)
		if (span_is(name, p->rows[i].name))
			return &p->rows[i];
	return NULL;
}

size_t pages_count(const struct pages *p)
{
	return p->count;
}
