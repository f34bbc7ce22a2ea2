/* What all edges of the process read: made by the first edge before the threads start, freed by the last one. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/edge/budget.h"
#include "actors/edge/edge_inner.h"
#include "actors/edge/pages.h"
#include "actors/edge/throttle.h"
#include "runtime/log.h"

#define HEADERS_FILE_MAX 16384

/* Set on the main thread while nothing runs; the count is what threads touch. */
static struct edge_shared *shared;

/* One that the writer of answers takes: NAME: VALUE, printable (runtime/io/http_answer.c). */
static bool is_header_line(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);

	if (!colon || colon == line || memchr(line, ' ', (size_t)(colon - line)))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	return true;
}

/* Of a line that was too long to be read at once: it is no header of its own. */
static void skip_rest(FILE *file, bool whole)
{
	int c = whole ? EOF : 0;

	while (c != EOF && c != '\n')
		c = fgetc(file);
}

/* The file's lines, each ended by CRLF; NULL when there is no such file. */
static char *load_headers(const char *path)
{
	struct buf out = BUF_INIT;
	char line[1024];
	FILE *file = path && *path ? fopen(path, "re") : NULL;

	if (!file)
		return NULL;
	for (unsigned number = 1; fgets(line, sizeof(line), file) && buf_len(&out) < HEADERS_FILE_MAX; number++) {
		size_t n = strcspn(line, "\r\n");
		bool whole = line[n] || feof(file);

		if (whole && (n == 0 || line[0] == '#'))
			continue;
		if (whole && is_header_line(line, n)) {
			buf_add(&out, line, n);
			buf_add_text(&out, "\r\n");
		} else {
			LOG_WARNING("http", "%s, line %u: left out; a header is NAME: VALUE, without tabs, in less than %zu bytes", path, number,
				    sizeof(line) - 1);
		}
		skip_rest(file, whole);
	}
	fclose(file);
	return buf_take_text(&out);
}

static struct address_block *load_blocks(const struct config_list *texts, size_t *count)
{
	struct address_block *blocks = xcalloc(texts->count + 1, sizeof(*blocks));

	for (size_t i = 0; i < texts->count; i++)
		*count += address_block_parse(span_of(texts->items[i]), &blocks[*count]);
	return blocks;
}

static struct edge_shared *load(const struct config *conf)
{
	struct edge_shared *s = xcalloc(1, sizeof(*s));

	limits_regimes(conf, s->regimes);
	limits_http(conf, &s->http);
	limits_http_conn(conf, false, &s->http_conn);
	limits_http_conn(conf, true, &s->http_newcomer);
	s->extra_headers = load_headers(conf->bosh_headers_file);
	s->metrics_allow = load_blocks(&conf->metrics_allow, &s->metrics_allow_count);
	s->register_white = load_blocks(&conf->register_whitelist, &s->register_white_count);
	s->register_black = load_blocks(&conf->register_blacklist, &s->register_black_count);
	s->pages = pages_load(conf->pages ? conf->pages_dir : NULL);
	s->throttle = throttle_new(conf);
	s->budget = budget_bytes(conf);
	return s;
}

struct edge_shared *edge_shared_new(const struct config *conf)
{
	if (!shared)
		shared = load(conf);
	__atomic_add_fetch(&shared->users, 1, __ATOMIC_RELAXED);
	return shared;
}

void edge_shared_free(struct edge_shared *s)
{
	/* Pairs with the same operation of the other edges: the last one sees all their uses done. */
	if (__atomic_sub_fetch(&s->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	throttle_free(s->throttle);
	pages_free(s->pages);
	free(s->metrics_allow);
	free(s->register_white);
	free(s->register_black);
	free(s->extra_headers);
	free(s);
	shared = NULL;
}
