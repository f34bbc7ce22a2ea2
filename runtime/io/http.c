/* Reading requests. */
#include "runtime/io/http.h"

#include <stdlib.h>
#include <strings.h>

#define METHOD_MAX 20u
#define BODY_MAX 0x40000000u /* where no limit is set */
#define CHUNK_LINE_MAX 256u
#define CHUNK_WASTE_MAX 4096u

enum { READ_HEAD, READ_BODY, READ_CHUNK_SIZE, READ_CHUNK_DATA, READ_CHUNK_END, READ_TRAILER };

static bool is_token(struct span s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return true;
}

static bool is_value(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool same_word(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static struct span trim(struct span s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool http_has_token(struct span list, const char *token)
{
	while (list.n) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma ? (size_t)(comma - list.p) : list.n;

		if (same_word(trim((struct span){ list.p, n }), token))
			return true;
		if (!comma)
			return false;
		list = (struct span){ comma + 1, list.n - n - 1 };
	}
	return false;
}

struct span http_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (same_word(r->headers[i].name, name))
			return r->headers[i].value;
	return SPAN_NONE;
}

bool http_next_cookie(const struct http_request *r, struct http_cookie_at *at, struct span *name, struct span *value)
{
	const char *end, *equals;
	struct span pair;

	while (at->rest.n == 0) {
		if (at->header == r->header_count)
			return false;
		if (same_word(r->headers[at->header].name, "cookie"))
			at->rest = r->headers[at->header].value;
		at->header++;
	}
	end = memchr(at->rest.p, ';', at->rest.n);
	pair = trim((struct span){ at->rest.p, end ? (size_t)(end - at->rest.p) : at->rest.n });
	at->rest = end ? (struct span){ end + 1, at->rest.n - (size_t)(end + 1 - at->rest.p) } : SPAN_NONE;
	equals = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
	*name = equals ? (struct span){ pair.p, (size_t)(equals - pair.p) } : (struct span){ pair.p, 0 };
	*value = equals ? (struct span){ equals + 1, pair.n - name->n - 1 } : pair;
	return true;
}

/* --- the head --- */

static enum http_progress refuse(int code, int *status)
{
	*status = code;
	return HTTP_REFUSED;
}

/* What cannot become a request is refused before the rest has come: an endless line, endless headers, no HTTP. */
static int check_unfinished(const struct http_limits *l, const char *bytes, size_t n)
{
	size_t skip = n >= 2 && memcmp(bytes, "\r\n", 2) == 0 ? 2 : 0;
	const char *line = bytes + skip, *end = memchr(line, '\n', n - skip);
	size_t line_n = end ? (size_t)(end - line) : n - skip, rest_n = n - skip - line_n;

	if (line_n && !(*line >= 'A' && *line <= 'Z') && *bytes != '\r')
		return 400;
	if (l->line_bytes && line_n > (size_t)l->line_bytes + 1) /* with its CR */
		return 414;
	if (l->header_bytes && rest_n > (size_t)l->header_bytes + 3) /* with LF ahead and a begun blank line */
		return 431;
	return 0;
}

/* Index behind the blank line, 0 while it has not come, -1 when a line ends in anything but CRLF. Goes on where the
 * last look ended. */
static int64_t find_head_end(struct http_reader *r, const char *bytes, size_t n)
{
	for (size_t i = r->scanned; i < n; i++) {
		bool after_cr = i > 0 && bytes[i - 1] == '\r';

		if ((bytes[i] == '\n') != after_cr || bytes[i] == '\0')
			return -1;
		if (bytes[i] == '\n' && i >= 3 && memcmp(bytes + i - 3, "\r\n\r", 3) == 0)
			return (int64_t)i + 1;
	}
	r->scanned = (uint32_t)n;
	return 0;
}

static int check_method(struct span method)
{
	if (method.n == 0 || *method.p == '-')
		return 400;
	for (size_t i = 0; i < method.n; i++)
		if ((method.p[i] < 'A' || method.p[i] > 'Z') && method.p[i] != '-')
			return 400;
	return method.n > METHOD_MAX ? 501 : 0;
}

/* "http://host:port" of an absolute target, or of length 0. */
static struct span authority_of(struct span target, size_t *skipped)
{
	size_t n = target.n > 7 && strncasecmp(target.p, "http://", 7) == 0    ? 7
		   : target.n > 8 && strncasecmp(target.p, "https://", 8) == 0 ? 8
									       : 0;
	size_t end = n;

	while (n && end < target.n && target.p[end] != '/' && target.p[end] != '?')
		end++;
	*skipped = end;
	return (struct span){ target.p + n, end - n };
}

static int parse_target(struct http_request *out)
{
	size_t skipped;
	struct span rest, authority = authority_of(out->target, &skipped);
	const char *query;

	for (size_t i = 0; i < out->target.n; i++) {
		unsigned char c = (unsigned char)out->target.p[i];

		if (c <= 0x20 || c >= 0x7f || c == '#')
			return 400;
	}
	rest = (struct span){ out->target.p + skipped, out->target.n - skipped };
	if (skipped ? authority.n == 0
		    : *rest.p != '/' && !(span_is(rest, "*") && span_is(out->method, "OPTIONS")))
		return 400;
	query = rest.n ? memchr(rest.p, '?', rest.n) : NULL;
	out->path = (struct span){ rest.p, query ? (size_t)(query - rest.p) : rest.n };
	if (out->path.n == 0)
		out->path = SPAN_LIT("/");
	out->query = query ? (struct span){ query + 1, (size_t)(rest.p + rest.n - query - 1) } : (struct span){ "", 0 };
	return 0;
}

static int parse_line(struct span line, struct http_request *out)
{
	const char *first = line.n ? memchr(line.p, ' ', line.n) : NULL, *second;
	struct span version;
	int status;

	if (!first)
		return 400;
	out->method = (struct span){ line.p, (size_t)(first - line.p) };
	status = check_method(out->method);
	if (status)
		return status;
	second = memchr(first + 1, ' ', line.n - out->method.n - 1);
	if (!second || second == first + 1)
		return 400;
	out->target = (struct span){ first + 1, (size_t)(second - first - 1) };
	version = (struct span){ second + 1, line.n - out->method.n - out->target.n - 2 };
	if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.')
		return 400;
	if (memcmp(version.p, "HTTP/1.", 7) != 0 || (version.p[7] != '0' && version.p[7] != '1'))
		return 505;
	out->minor = (unsigned)(version.p[7] - '0');
	return parse_target(out);
}

static int parse_field(struct span line, struct http_request *out)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	struct http_header *h = &out->headers[out->header_count];

	/* a line that begins with a blank is folding (obs-fold): the name is then no token */
	if (!colon)
		return 400;
	h->name = (struct span){ line.p, (size_t)(colon - line.p) };
	h->value = trim((struct span){ colon + 1, line.n - h->name.n - 1 });
	if (!is_token(h->name) || !is_value(h->value))
		return 400;
	out->header_count++;
	return 0;
}

static int parse_head(const struct http_limits *l, const char *bytes, size_t head_n, struct http_request *out)
{
	struct span rest = { bytes, head_n - 2 }; /* without the blank line */
	bool first = true;
	int status;

	out->header_count = 0;
	out->body = SPAN_NONE;
	/* One blank line ahead is a relic of the request before (RFC 9112 2.2). */
	if (rest.n >= 2 && memcmp(rest.p, "\r\n", 2) == 0)
		rest = (struct span){ rest.p + 2, rest.n - 2 };
	while (rest.n) {
		const char *end = memchr(rest.p, '\r', rest.n);
		struct span line;

		if (!end || (size_t)(end - rest.p) + 1 >= rest.n || end[1] != '\n')
			return 400;
		line = (struct span){ rest.p, (size_t)(end - rest.p) };
		if (memchr(line.p, '\n', line.n) || memchr(line.p, 0, line.n))
			return 400;
		rest = (struct span){ end + 2, rest.n - line.n - 2 };
		if (first && l->line_bytes && line.n > l->line_bytes)
			return 414;
		if (!first && (out->header_count >= HTTP_HEADERS_MAX ||
			       (l->header_count && out->header_count >= l->header_count)))
			return 431;
		status = first ? parse_line(line, out) : parse_field(line, out);
		if (status)
			return status;
		if (first && l->header_bytes && rest.n > l->header_bytes)
			return 431;
		first = false;
	}
	return first ? 400 : 0;
}

static unsigned count_headers(const struct http_request *r, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->header_count; i++)
		n += same_word(r->headers[i].name, name);
	return n;
}

static bool parse_length(struct span text, uint64_t *out)
{
	*out = 0;
	if (text.n == 0 || text.n > 18)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(text.p[i] - '0');
	}
	return true;
}

static uint64_t body_max(const struct http_limits *l)
{
	return l->body_bytes && l->body_bytes < BODY_MAX ? l->body_bytes : BODY_MAX;
}

/* Where the body ends must not be a matter of opinion (V85). */
static int judge_body(struct http_reader *r, const struct http_limits *l, const struct http_request *out)
{
	unsigned lengths = count_headers(out, "content-length"), codings = count_headers(out, "transfer-encoding");

	if (lengths > 1 || codings > 1 || (lengths && codings))
		return 400;
	if (codings) {
		if (out->minor == 0)
			return 400;
		if (!same_word(http_header(out, "transfer-encoding"), "chunked"))
			return 501;
		r->chunked = true;
	}
	if (lengths && !parse_length(http_header(out, "content-length"), &r->content_length))
		return 400;
	return r->content_length > body_max(l) ? 413 : 0;
}

static bool is_host(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z') && (!c || !strchr(".-_:[]%", c)))
			return false;
	}
	return s.n > 0;
}

/* Whom the request is for must not be a matter of opinion either. */
static int judge_host(const struct http_request *out)
{
	unsigned hosts = count_headers(out, "host");
	struct span host = http_header(out, "host"), authority;
	size_t skipped;

	if (hosts > 1 || (hosts == 0 && out->minor == 1) || (hosts == 1 && !is_host(host)))
		return 400;
	authority = authority_of(out->target, &skipped);
	if (authority.n && hosts && (authority.n != host.n || strncasecmp(authority.p, host.p, host.n) != 0))
		return 400;
	return 0;
}

static bool connection_has(const struct http_request *r, const char *token)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (same_word(r->headers[i].name, "connection") && http_has_token(r->headers[i].value, token))
			return true;
	return false;
}

static int judge_connection(struct http_request *out)
{
	struct span expect = http_header(out, "expect");

	out->keep_alive = !connection_has(out, "close") && (out->minor == 1 || connection_has(out, "keep-alive"));
	out->upgrade = connection_has(out, "upgrade") && http_header(out, "upgrade").p;
	out->expect_continue = expect.p && out->minor == 1 && same_word(expect, "100-continue");
	return expect.p && out->minor == 1 && !out->expect_continue ? 417 : 0;
}

/* --- the body --- */

static enum http_progress read_plain_body(struct http_reader *r, size_t n, size_t *used)
{
	if (n - r->header_end < r->content_length)
		return HTTP_MORE;
	r->body_read = (uint32_t)r->content_length;
	*used = r->header_end + (size_t)r->content_length;
	return HTTP_DONE;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "1a3;extension\r\n" at `at`: the size; `next` is behind the line. -1: wrong, -2: not complete. */
static int64_t chunk_size(const char *bytes, size_t n, size_t at, size_t *next)
{
	const char *end = at < n ? memchr(bytes + at, '\n', n - at) : NULL;
	int64_t size = 0;
	size_t i = at;

	if (!end)
		return n - at > CHUNK_LINE_MAX ? -1 : -2;
	if (end == bytes + at || end[-1] != '\r')
		return -1;
	for (; i < n && hex(bytes[i]) >= 0; i++) {
		size = size * 16 + hex(bytes[i]);
		if (size > INT32_MAX)
			return -1;
	}
	if (i == at || (bytes[i] != '\r' && bytes[i] != ';') || (size_t)(end - bytes) - at > CHUNK_LINE_MAX ||
	    !is_value((struct span){ bytes + i, (size_t)(end - bytes) - i - 1 }))
		return -1;
	*next = (size_t)(end - bytes) + 1;
	return size;
}

/* Chunk data is moved down behind the head; `body_read` bytes are there, `chunk_left` of the present chunk are missing,
 * and r->scanned is where the unread part begins. */
static enum http_progress read_chunked_body(struct http_reader *r, const struct http_limits *l, char *bytes, size_t n,
					    size_t *used, int *status)
{
	for (;;) {
		size_t at = r->scanned, take;
		int64_t size;

		switch (r->state) {
		case READ_CHUNK_SIZE:
			size = chunk_size(bytes, n, at, &at);
			if (size == -2)
				return HTTP_MORE;
			/* What is no data stays in the caller's buffer: tiny chunks must not fill it with theirs. */
			if (size < 0 || at - r->header_end - r->body_read > body_max(l) + CHUNK_WASTE_MAX)
				return refuse(400, status);
			if (r->body_read + (uint64_t)size > body_max(l))
				return refuse(413, status);
			r->scanned = (uint32_t)at;
			r->chunk_left = (uint32_t)size;
			r->state = size ? READ_CHUNK_DATA : READ_TRAILER;
			break;
		case READ_CHUNK_DATA:
			take = n - at < r->chunk_left ? n - at : r->chunk_left;
			memmove(bytes + r->header_end + r->body_read, bytes + at, take);
			r->body_read += (uint32_t)take;
			r->chunk_left -= (uint32_t)take;
			r->scanned += (uint32_t)take;
			if (r->chunk_left)
				return HTTP_MORE;
			r->state = READ_CHUNK_END;
			break;
		case READ_CHUNK_END:
			if (n - at < 2)
				return HTTP_MORE;
			if (memcmp(bytes + at, "\r\n", 2) != 0)
				return refuse(400, status);
			r->scanned += 2;
			r->state = READ_CHUNK_SIZE;
			break;
		default: /* trailers are not understood: only an empty section is taken */
			if (n - at < 2)
				return HTTP_MORE;
			if (memcmp(bytes + at, "\r\n", 2) != 0)
				return refuse(400, status);
			*used = at + 2;
			return HTTP_DONE;
		}
	}
}

static enum http_progress read_head(struct http_reader *r, const struct http_limits *l, const char *bytes, size_t n,
				    struct http_request *out, int *status)
{
	int64_t head = find_head_end(r, bytes, n);

	*status = head < 0 ? 400 : head == 0 ? check_unfinished(l, bytes, n) : parse_head(l, bytes, (size_t)head, out);
	if (head > 0 && !*status)
		*status = judge_host(out);
	if (head > 0 && !*status)
		*status = judge_body(r, l, out);
	if (head > 0 && !*status)
		*status = judge_connection(out);
	if (*status || head == 0)
		return *status ? HTTP_REFUSED : HTTP_MORE;
	r->header_end = r->scanned = (uint32_t)head;
	r->state = r->chunked ? READ_CHUNK_SIZE : READ_BODY;
	return HTTP_DONE;
}

enum http_progress http_read(struct http_reader *r, const struct http_limits *l, char *bytes, size_t n,
			     struct http_request *out, size_t *used, int *status)
{
	bool fresh = r->header_end == 0;
	enum http_progress progress;

	*used = 0;
	if (fresh) {
		progress = read_head(r, l, bytes, n, out, status);
		if (progress != HTTP_DONE)
			return progress;
		if (out->expect_continue && n == r->header_end && (r->chunked || r->content_length))
			return HTTP_CONTINUE;
	}
	progress = r->chunked ? read_chunked_body(r, l, bytes, n, used, status) : read_plain_body(r, n, used);
	if (progress != HTTP_DONE)
		return progress;
	if (!fresh) { /* the head came with an earlier call, and the bytes may have moved since */
		*status = parse_head(l, bytes, r->header_end, out);
		if (*status)
			return HTTP_REFUSED;
		(void)judge_connection(out);
	}
	out->body = (struct span){ bytes + r->header_end, r->body_read };
	return HTTP_DONE;
}
