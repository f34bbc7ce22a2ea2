/* Streams and documents over expat_one; elements of the plain kind, nearly all there are, over quick. A stream is in one of
 * three states: waiting for its header (a parser of its own reads it), between elements (no parser), inside an element or token
 * that quick did not know or had not all of (a parser, from the pool or private). */
#include "xmpp/parser.h"

#include <stdio.h>
#include <stdlib.h>

#include "xmpp/escape.h"
#include "xmpp/expat_one.h"
#include "xmpp/ns.h"
#include "xmpp/quick.h"
#include "xmpp/utf8.h"

#define POOL_MAX 8u              /* idle parsers kept by a thread */
#define RECYCLE_BYTES 131072u    /* a parser that holds more than this is replaced at the next boundary (E5) */
#define RESCAN_FREE 4096u        /* rescanned bytes nobody counts */

enum { STATE_HEADER, STATE_OPEN, STATE_ENDED, STATE_FAILED };

static const char plain_header[] = "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>";

struct xml_pool {
	struct expat_one *idle[POOL_MAX];
	unsigned count;
	struct builder *scratch;
	struct builder *quick; /* empty but for the time of a quick_element */
};

struct xml_pool *xml_pool_new(void)
{
	struct xml_pool *pool = xcalloc(1, sizeof(*pool));

	pool->scratch = builder_new();
	pool->quick = builder_new();
	return pool;
}

void xml_pool_free(struct xml_pool *pool)
{
	if (!pool)
		return;
	while (pool->count)
		expat_free(pool->idle[--pool->count]);
	builder_free(pool->scratch);
	builder_free(pool->quick);
	free(pool);
}

struct builder *xml_pool_builder(struct xml_pool *pool)
{
	return pool->scratch;
}

static bool over(uint64_t value, uint32_t limit)
{
	return limit && value > limit;
}

static struct expat_one *take_parser(struct xml_stream *xs, struct xml_pool *pool)
{
	struct expat_one *x;

	if (!xs->header && pool->count) {
		x = pool->idle[--pool->count];
	} else {
		x = expat_new(false);
		expat_prime(x, xs->header ? span_of(xs->header) : SPAN_LIT(plain_header));
	}
	expat_begin(x);
	return x;
}

static void give_parser(struct xml_stream *xs, struct xml_pool *pool)
{
	struct expat_one *x = xs->parser;

	xs->parser = NULL;
	if (!x)
		return;
	if (xs->header || pool->count == POOL_MAX || !expat_at_boundary(x) || expat_live_bytes(x) > RECYCLE_BYTES)
		expat_free(x);
	else
		pool->idle[pool->count++] = x;
}

void xml_stream_init(struct xml_stream *xs, const struct xml_limits *limits)
{
	*xs = (struct xml_stream){ .limits = limits, .state = STATE_HEADER };
}

static void drop_parser(struct xml_stream *xs)
{
	expat_free(xs->parser);
	xs->parser = NULL;
}

void xml_stream_fini(struct xml_stream *xs, struct xml_pool *pool)
{
	(void)pool;
	drop_parser(xs);
	free(xs->header);
	xs->header = NULL;
}

void xml_stream_restart(struct xml_stream *xs, struct xml_pool *pool)
{
	const struct xml_limits *limits = xs->limits;

	xml_stream_fini(xs, pool);
	xml_stream_init(xs, limits);
}

/* --- the header --- */

struct header_call {
	struct xml_stream *xs;
	const struct xml_sink *sink;
	void *ctx;
	enum xml_verdict verdict;
	enum stream_error error;
	struct buf others; /* declarations of other prefixes than stream, as XML */
	uint32_t declarations;
	bool client_default;
};

static struct span attribute_of(const char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			return span_of(attributes[1]);
	return SPAN_NONE;
}

/* With prefix triplets switched on, "xml:lang" arrives as namespace, name and prefix. */
static struct span lang_of(const char **attributes)
{
	for (; *attributes; attributes += 2)
		if (strncmp(attributes[0], NS_XML, sizeof(NS_XML) - 1) == 0 &&
		    strncmp(attributes[0] + sizeof(NS_XML), "lang", 4) == 0)
			return span_of(attributes[1]);
	return SPAN_NONE;
}

static void on_header_root(void *ctx, struct span name, struct span prefix, struct span ns, const char **attributes)
{
	struct header_call *call = ctx;
	struct xml_header h = { attribute_of(attributes, "to"), attribute_of(attributes, "from"), attribute_of(attributes, "version"),
				lang_of(attributes), attribute_of(attributes, "id"), false };

	if (call->error != STREAM_ERROR_NONE)
		return;
	if (!span_is(name, "stream") || !span_is(ns, NS_STREAM)) {
		call->error = ns.p ? STREAM_ERROR_INVALID_NAMESPACE : STREAM_ERROR_BAD_FORMAT;
		return;
	}
	if (span_empty(prefix)) { /* the stream namespace as default: stanzas would be in it */
		call->error = STREAM_ERROR_BAD_NAMESPACE_PREFIX;
		return;
	}
	if (!span_is(prefix, "stream") || buf_len(&call->others)) {
		/* Unusual, allowed (RFC 6120 4.8.5): remember how to read this stream's stanzas. */
		struct buf text = BUF_INIT;

		buf_add_text(&text, "<");
		buf_add_span(&text, prefix);
		buf_add_text(&text, ":stream xmlns='" NS_CLIENT "'");
		buf_add_span(&text, buf_span(&call->others));
		buf_add_text(&text, span_is(prefix, "stream") ? " xmlns:stream='" NS_STREAM "'>" : ">");
		call->xs->header = buf_take_text(&text);
	}
	h.content_ns_ok = call->client_default;
	call->verdict = call->sink->on_header(call->ctx, &h);
}

static void on_header_end(void *ctx)
{
	struct header_call *call = ctx;

	if (call->error == STREAM_ERROR_NONE)
		call->error = STREAM_ERROR_NOT_WELL_FORMED;
}

static void on_header_declaration(void *ctx, struct span prefix, struct span uri)
{
	struct header_call *call = ctx;
	char name[80];

	if (over(++call->declarations, call->xs->limits->ns_declarations) || over(uri.n, call->xs->limits->uri_bytes) ||
	    over(prefix.n, 64)) {
		call->error = STREAM_ERROR_POLICY_VIOLATION;
	} else if (!prefix.p) {
		call->client_default = span_is(uri, NS_CLIENT);
	} else if (!span_is(prefix, "stream") || !span_is(uri, NS_STREAM)) {
		snprintf(name, sizeof(name), "xmlns:%.*s", SPAN_FMT(prefix));
		escape_write_attribute(&call->others, name, uri);
	}
}

static bool feed_quick_header(struct xml_stream *xs, struct span bytes, const struct xml_sink *sink, void *ctx, size_t *used, bool *stop)
{
	struct xml_header h;

	if (xs->parser || !quick_header(bytes, xs->limits, &h, used))
		return false;
	xs->state = STATE_OPEN;
	*stop = sink->on_header(ctx, &h) == XML_STOP;
	return true;
}

static enum stream_error feed_header(struct xml_stream *xs, struct span bytes, const struct xml_sink *sink, void *ctx,
				     size_t *used, bool *stop)
{
	static const struct expat_hooks hooks = { .on_root = on_header_root, .on_declaration = on_header_declaration,
						   .on_root_end = on_header_end };
	struct header_call call = { .xs = xs, .sink = sink, .ctx = ctx, .verdict = XML_GO };
	struct expat_one *x = xs->parser;
	uint64_t before;
	enum stream_error error;

	if (!x)
		x = xs->parser = expat_new(true);
	before = expat_fed(x);
	/* More than the limit is not shown to expat at all: an answer to an oversized header would come too early. */
	if (xs->limits->stanza_bytes && bytes.n > xs->limits->stanza_bytes - before)
		bytes.n = xs->limits->stanza_bytes - (size_t)before;
	expat_aim(x, xs->limits, 0, &hooks, &call);
	error = expat_feed(x, bytes, false);
	if (error == STREAM_ERROR_NONE && !expat_is_paused(x))
		error = expat_flush(x); /* the header is short and comes once: no deferral */
	buf_fini(&call.others);
	*used = bytes.n;
	if (call.error != STREAM_ERROR_NONE)
		return call.error;
	if (error != STREAM_ERROR_NONE)
		return error;
	xs->element_bytes = expat_fed(x);
	if (!expat_is_paused(x))
		return xs->limits->stanza_bytes && xs->element_bytes == xs->limits->stanza_bytes ? STREAM_ERROR_POLICY_VIOLATION :
												   STREAM_ERROR_NONE;
	*used = (size_t)(expat_last_event(x) - before);
	drop_parser(xs);
	xs->state = STATE_OPEN;
	xs->element_bytes = 0;
	*stop = call.verdict == XML_STOP;
	return STREAM_ERROR_NONE;
}

/* --- elements --- */

struct element_call {
	const struct xml_sink *sink;
	void *ctx;
	bool stop, end;
};

static enum expat_stop on_element(void *ctx, struct stanza *s)
{
	struct element_call *call = ctx;

	call->stop = call->sink->on_element(call->ctx, s) == XML_STOP;
	return call->stop ? EXPAT_PAUSE : EXPAT_GO;
}

static enum expat_stop on_oversized(void *ctx, struct stanza *head)
{
	struct element_call *call = ctx;

	call->stop = call->sink->on_oversized(call->ctx, head) == XML_STOP;
	return call->stop ? EXPAT_PAUSE : EXPAT_GO;
}

static void on_stream_end(void *ctx)
{
	((struct element_call *)ctx)->end = true;
}

static size_t count_space(struct span bytes)
{
	size_t n = 0;

	while (n < bytes.n && (bytes.p[n] == ' ' || bytes.p[n] == '\n' || bytes.p[n] == '\r' || bytes.p[n] == '\t'))
		n++;
	return n;
}

/* Tokens that expat holds back come out when nothing more is in the socket and the piece held back has a '>' (E2, E3); what
 * it reads again for that is charged to the element. */
static enum stream_error flush_deferred(struct xml_stream *xs, struct span bytes)
{
	struct expat_one *x = xs->parser;
	uint64_t pending = expat_pending(x);
	size_t tail = pending < bytes.n ? (size_t)pending : bytes.n;
	uint64_t allowed;

	if (pending == 0 || !memchr(bytes.p + bytes.n - tail, '>', tail))
		return STREAM_ERROR_NONE;
	xs->rescanned += (uint32_t)pending;
	allowed = (expat_fed(x) - expat_last_element(x)) * xs->limits->rescan_factor + RESCAN_FREE;
	if (xs->limits->rescan_factor && xs->rescanned > allowed)
		return STREAM_ERROR_POLICY_VIOLATION;
	return expat_flush(x);
}

static bool is_over(const struct xml_stream *xs)
{
	return over(expat_fed(xs->parser) - expat_last_element(xs->parser), xs->limits->stanza_bytes);
}

/* Bytes behind the last event count too, and not only those of whole elements: the one token that is left when nothing is
 * deferred belongs to the element that is open. */
static enum stream_error check_bytes(struct xml_stream *xs)
{
	const struct expat_one *x = xs->parser;
	bool endless = expat_fed(x) - expat_last_element(x) > xs->limits->skip_bytes ||
		       expat_pending(x) > xs->limits->stanza_bytes;

	return is_over(xs) && (endless || !expat_skip(xs->parser)) ? STREAM_ERROR_POLICY_VIOLATION : STREAM_ERROR_NONE;
}

static enum stream_error feed_elements(struct xml_stream *xs, struct xml_pool *pool, struct span bytes, bool drained,
				       const struct xml_sink *sink, void *ctx, size_t *used, bool *stop)
{
	static const struct expat_hooks hooks = { .on_element = on_element, .on_oversized = on_oversized,
						   .on_root_end = on_stream_end };
	struct element_call call = { .sink = sink, .ctx = ctx };
	struct expat_one *x = xs->parser;
	enum stream_error error;
	uint64_t before, last;

	if (!x)
		x = xs->parser = take_parser(xs, pool);
	before = expat_fed(x);
	last = expat_last_element(x);
	expat_aim(x, xs->limits, 2, &hooks, &call);
	error = expat_feed(x, bytes, false);
	if (error == STREAM_ERROR_NONE && !expat_is_paused(x) && !call.end) {
		if (is_over(xs) && !expat_is_skipping(x))
			error = expat_flush(x); /* once for an element: is it really over, or only held back */
		else if (drained)
			error = flush_deferred(xs, bytes);
	}
	*used = bytes.n;
	if (error != STREAM_ERROR_NONE)
		return error;
	if (expat_last_element(x) != last)
		xs->rescanned = 0;
	if (call.end) {
		*used = (size_t)(expat_last_event(x) - before);
		drop_parser(xs);
		xs->state = STATE_ENDED;
		*stop = true;
		(void)sink->on_end(ctx);
		return STREAM_ERROR_NONE;
	}
	if (call.stop) {
		*used = (size_t)(expat_last_event(x) - before);
		drop_parser(xs); /* the rest of the bytes is inside it */
		*stop = true;
		return STREAM_ERROR_NONE;
	}
	error = check_bytes(xs);
	if (error == STREAM_ERROR_NONE && expat_at_boundary(x))
		give_parser(xs, pool);
	return error;
}

/* The element that begins here, if it is of the plain kind and complete; false: for expat to look at. */
static bool feed_quick(struct xml_stream *xs, struct xml_pool *pool, struct span bytes, const struct xml_sink *sink, void *ctx,
		       size_t *used, bool *stop)
{
	struct stanza *s = xs->header ? NULL : quick_element(pool->quick, bytes, SPAN_LIT(NS_CLIENT), xs->limits, used);

	if (!s)
		return false;
	xs->rescanned = 0;
	*stop = sink->on_element(ctx, s) == XML_STOP;
	return true;
}

static enum stream_error feed_once(struct xml_stream *xs, struct xml_pool *pool, struct span bytes, bool drained,
				   const struct xml_sink *sink, void *ctx, size_t *used, bool *stop)
{
	size_t space;

	if (xs->state == STATE_HEADER && feed_quick_header(xs, bytes, sink, ctx, used, stop))
		return STREAM_ERROR_NONE;
	if (xs->state == STATE_HEADER)
		return feed_header(xs, bytes, sink, ctx, used, stop);
	if (xs->parser)
		return feed_elements(xs, pool, bytes, drained, sink, ctx, used, stop);
	space = count_space(bytes);
	if (space) {
		*used = space;
		return STREAM_ERROR_NONE;
	}
	if (*bytes.p != '<')
		return STREAM_ERROR_BAD_FORMAT;
	if (feed_quick(xs, pool, bytes, sink, ctx, used, stop))
		return STREAM_ERROR_NONE;
	return feed_elements(xs, pool, bytes, drained, sink, ctx, used, stop);
}

/* A byte order mark is allowed in front of the very first byte and nowhere else; then comes '<', nothing before it. */
static enum stream_error check_first(struct xml_stream *xs, struct span *bytes, size_t *skipped)
{
	static const char bom[3] = { '\xef', '\xbb', '\xbf' };

	if (xs->state != STATE_HEADER || xs->parser)
		return STREAM_ERROR_NONE;
	while (xs->bom < 3 && bytes->n && *bytes->p == bom[xs->bom]) {
		xs->bom++;
		(*skipped)++;
		*bytes = (struct span){ bytes->p + 1, bytes->n - 1 };
	}
	if (bytes->n && (*bytes->p != '<' || (xs->bom != 0 && xs->bom != 3)))
		return STREAM_ERROR_NOT_WELL_FORMED;
	return STREAM_ERROR_NONE;
}

enum stream_error xml_stream_feed(struct xml_stream *xs, struct xml_pool *pool, struct span bytes, bool drained,
				  const struct xml_sink *sink, void *ctx, size_t *used)
{
	struct utf8 text = xs->utf8;
	struct span all;
	enum stream_error error;
	bool stop = false;

	*used = 0;
	ASSERT(xs->state != STATE_FAILED);
	/* No XML has a NUL; expat takes one beside the first '<' for UTF-16, whatever encoding it was told. */
	error = bytes.n && memchr(bytes.p, 0, bytes.n) ? STREAM_ERROR_NOT_WELL_FORMED : check_first(xs, &bytes, used);
	all = bytes;
	if (error == STREAM_ERROR_NONE && !utf8_feed(&text, all))
		error = STREAM_ERROR_NOT_WELL_FORMED;
	while (error == STREAM_ERROR_NONE && bytes.n > 0 && !stop && xs->state != STATE_ENDED) {
		size_t taken = 0;

		error = feed_once(xs, pool, bytes, drained, sink, ctx, &taken, &stop);
		bytes = (struct span){ bytes.p + taken, bytes.n - taken };
	}
	*used += all.n - bytes.n;
	if (bytes.n == 0)
		xs->utf8 = text;
	else
		utf8_feed(&xs->utf8, (struct span){ all.p, all.n - bytes.n });
	if (error != STREAM_ERROR_NONE) {
		drop_parser(xs);
		xs->state = STATE_FAILED;
	}
	return error;
}

/* --- documents --- */

struct document_call {
	struct stanza *stanza;
};

static enum expat_stop on_document(void *ctx, struct stanza *s)
{
	((struct document_call *)ctx)->stanza = s;
	return EXPAT_GO;
}

enum stream_error xml_parse_document(struct xml_pool *pool, struct span bytes, const struct xml_limits *limits, struct stanza **out)
{
	static const struct expat_hooks hooks = { .on_element = on_document };
	struct document_call call = { NULL };
	struct expat_one *x;
	enum stream_error error;
	size_t used;

	*out = NULL;
	if (limits->stanza_bytes && bytes.n > limits->stanza_bytes)
		return STREAM_ERROR_POLICY_VIOLATION;
	if (bytes.n == 0 || *bytes.p != '<' || memchr(bytes.p, 0, bytes.n) || !utf8_is_valid(bytes))
		return STREAM_ERROR_NOT_WELL_FORMED;
	*out = quick_element(pool->quick, bytes, (struct span){ "", 0 }, limits, &used);
	if (*out && used == bytes.n)
		return STREAM_ERROR_NONE;
	stanza_unref(*out); /* something follows */
	*out = NULL;
	x = expat_new(false);
	expat_aim(x, limits, 1, &hooks, &call);
	error = expat_feed(x, bytes, true);
	expat_free(x);
	if (error == STREAM_ERROR_NONE && call.stanza) {
		*out = call.stanza;
		return STREAM_ERROR_NONE;
	}
	stanza_unref(call.stanza);
	return error == STREAM_ERROR_NONE ? STREAM_ERROR_NOT_WELL_FORMED : error;
}

enum stream_error xml_parse_head(struct xml_pool *pool, struct span begin, const struct xml_limits *limits, struct stanza **out)
{
	static const struct expat_hooks hooks = { .stop_at_head = true };
	struct utf8 text = { 0 };
	struct expat_one *x;
	enum stream_error error;

	(void)pool;
	*out = NULL;
	if (limits->stanza_bytes && begin.n > limits->stanza_bytes)
		begin.n = limits->stanza_bytes;
	if (begin.n == 0 || *begin.p != '<' || memchr(begin.p, 0, begin.n) || !utf8_feed(&text, begin))
		return STREAM_ERROR_NOT_WELL_FORMED;
	x = expat_new(false);
	expat_aim(x, limits, 1, &hooks, NULL);
	error = expat_feed(x, begin, false);
	if (error == STREAM_ERROR_NONE && !expat_is_paused(x))
		error = expat_flush(x);
	if (error == STREAM_ERROR_NONE && !expat_is_paused(x))
		error = STREAM_ERROR_POLICY_VIOLATION; /* a start tag without end */
	if (error == STREAM_ERROR_NONE)
		*out = expat_take_head(x);
	expat_free(x);
	return error;
}
