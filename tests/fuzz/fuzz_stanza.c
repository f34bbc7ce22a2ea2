/* dict xmpp: Whatever the parser accepts, the writer writes so that the parser reads the same again. And what quick.c reads it reads as
 * expat would: a document is parsed by both; a stream is read twice, once under a header with a prefix of its own, whose elements
 * quick leaves to expat; a header is read as a whole and in two pieces. First byte: how the rest is cut. */
#include <stdlib.h>

#include "xmpp/expat_one.h"
#include "xmpp/parser.h"

static const struct xml_limits limits = { .stanza_bytes = 65536, .skip_bytes = 131072, .elements = 500, .depth = 32, .attributes = 32, .ns_declarations = 32,
					  .name_bytes = 256, .uri_bytes = 512, .value_bytes = 16384, .parser_bytes = 2097152,
					  .rescan_factor = 16 };
/* So that inputs of a few bytes are too big. */
static const struct xml_limits small = { .stanza_bytes = 40, .skip_bytes = 200, .elements = 50, .depth = 8, .attributes = 8,
					 .rescan_factor = 16 };
static struct xml_pool *pool;

static void check(struct stanza *s)
{
	static struct builder *b;
	struct buf one = BUF_INIT, two = BUF_INIT, three = BUF_INIT;
	struct stanza *again, *copy;

	if (!b)
		b = builder_new();

	stanza_save(&one, s, SPAN_NONE, SPAN_NONE);
	if (xml_parse_document(pool, buf_span(&one), &(struct xml_limits){ 0 }, &again) != STREAM_ERROR_NONE)
		BUG("what was written does not parse");
	stanza_save(&two, again, SPAN_NONE, SPAN_NONE);
	ASSERT(span_eq(buf_span(&one), buf_span(&two)) && stanza_kind(s) == stanza_kind(again));
	builder_reset(b);
	builder_copy(b, again, STANZA_TOP);
	copy = builder_finish(b);
	stanza_save(&three, copy, SPAN_NONE, SPAN_NONE);
	ASSERT(buf_len(&three) == buf_len(&two) && span_eq(stanza_text(copy, STANZA_TOP), stanza_text(again, STANZA_TOP)));
	buf_fini(&one);
	buf_fini(&two);
	buf_fini(&three);
	stanza_unref(copy);
	stanza_unref(again);
	stanza_unref(s);
}

static enum xml_verdict on_header(void *ctx, const struct xml_header *h)
{
	(void)ctx;
	(void)h;
	return XML_GO;
}

static enum xml_verdict on_element(void *ctx, struct stanza *s)
{
	(void)ctx;
	check(s);
	return XML_GO;
}

static enum xml_verdict on_oversized(void *ctx, struct stanza *head)
{
	(void)ctx;
	check(head);
	return XML_GO;
}

static enum xml_verdict on_end(void *ctx)
{
	(void)ctx;
	return XML_STOP;
}

/* --- quick and expat side by side --- */

static void note(struct buf *out, const struct stanza *s)
{
	buf_addf(out, "[%d %d %d %u]", stanza_kind(s), stanza_type(s), stanza_has_body(s), (unsigned)stanza_text(s, STANZA_TOP).n);
	stanza_save(out, s, SPAN_NONE, SPAN_NONE);
}

static enum expat_stop on_document(void *ctx, struct stanza *s)
{
	*(struct stanza **)ctx = s;
	return EXPAT_GO;
}

static void compare_document(struct span text)
{
	static const struct expat_hooks hooks = { .on_element = on_document };
	struct stanza *one = NULL, *two = NULL;
	struct expat_one *x;
	enum stream_error error, expected;
	struct buf a = BUF_INIT, b = BUF_INIT;

	if (!text.n || *text.p != '<' || memchr(text.p, 0, text.n) || !utf8_is_valid(text))
		return;
	error = xml_parse_document(pool, text, &limits, &one);
	x = expat_new(false);
	expat_aim(x, &limits, 1, &hooks, &two);
	expected = expat_feed(x, text, true);
	expat_free(x);
	ASSERT(error == expected);
	if (error == STREAM_ERROR_NONE) {
		note(&a, one);
		note(&b, two);
		ASSERT(span_eq(buf_span(&a), buf_span(&b)));
	}
	stanza_unref(one);
	stanza_unref(two);
	buf_fini(&a);
	buf_fini(&b);
}

static enum xml_verdict on_noted(void *ctx, struct stanza *s)
{
	note(ctx, s);
	stanza_unref(s);
	return XML_GO;
}

static enum xml_verdict on_noted_header(void *ctx, const struct xml_header *h)
{
	const struct span fields[] = { h->to, h->from, h->version, h->lang, h->id };

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_addf(ctx, "(%d %.*s)", fields[i].p != NULL, SPAN_FMT(fields[i]));
	buf_addf(ctx, "%d", h->content_ns_ok);
	return XML_GO;
}

/* first: how many bytes come at first; the rest at once. */
static enum stream_error run_stream(struct span text, size_t first, struct buf *out)
{
	/* Without the limits that depend on how the bytes come. */
	static const struct xml_limits same = { .elements = 50, .depth = 12, .attributes = 8, .ns_declarations = 6, .name_bytes = 64,
						.uri_bytes = 64, .value_bytes = 256 };
	static const struct xml_sink noting = { on_noted_header, on_noted, on_oversized, on_end };
	enum stream_error error = STREAM_ERROR_NONE;
	struct xml_stream xs;

	xml_stream_init(&xs, &same);
	while (error == STREAM_ERROR_NONE && text.n) {
		struct span piece = { text.p, first < text.n ? first : text.n };
		size_t used;

		first = SIZE_MAX;
		error = xml_stream_feed(&xs, pool, piece, true, &noting, out, &used);
		if (used < piece.n)
			break;
		text = (struct span){ text.p + used, text.n - used };
	}
	xml_stream_fini(&xs, pool);
	return error;
}

#define HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"

static void compare_stream(struct span rest)
{
	struct buf text = BUF_INIT, one = BUF_INIT, two = BUF_INIT;
	enum stream_error error, expected;

	buf_add_text(&text, HEADER ">");
	buf_add_span(&text, rest);
	error = run_stream(buf_span(&text), SIZE_MAX, &one);
	buf_clear(&text);
	buf_add_text(&text, HEADER " xmlns:qqqqqqqq='q'>");
	buf_add_span(&text, rest);
	expected = run_stream(buf_span(&text), SIZE_MAX, &two);
	/* What stands between two elements and is no white space is an error at once, where expat may wait for more of it. */
	ASSERT((error != STREAM_ERROR_NONE || expected == STREAM_ERROR_NONE) && span_eq(buf_span(&one), buf_span(&two)));
	buf_fini(&text);
	buf_fini(&one);
	buf_fini(&two);
}

/* A header that came in two pieces is expat's. */
static void compare_header(struct span text)
{
	struct buf one = BUF_INIT, two = BUF_INIT;
	enum stream_error error = run_stream(text, SIZE_MAX, &one), expected = run_stream(text, 1, &two);

	if (!memchr(text.p, 0, text.n) && utf8_is_valid(text))
		ASSERT((error == STREAM_ERROR_NONE) == (expected == STREAM_ERROR_NONE) && span_eq(buf_span(&one), buf_span(&two)));
	buf_fini(&one);
	buf_fini(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xml_sink sink = { on_header, on_element, on_oversized, on_end };
	struct span rest = { (const char *)data + 1, size - 1 };
	struct xml_stream xs;
	struct stanza *s;

	if (!pool)
		pool = xml_pool_new();
	if (size < 2)
		return 0;
	if (xml_parse_document(pool, rest, &limits, &s) == STREAM_ERROR_NONE)
		check(s);
	if (xml_parse_head(pool, rest, &limits, &s) == STREAM_ERROR_NONE)
		check(s);
	compare_document(rest);
	compare_stream(rest);
	compare_header(rest);
	xml_stream_init(&xs, data[0] & 128 ? &small : &limits);
	for (size_t step = data[0] % 64 + 1, used; rest.n; rest = (struct span){ rest.p + used, rest.n - used }) {
		struct span piece = { rest.p, step < rest.n ? step : rest.n };

		if (xml_stream_feed(&xs, pool, piece, data[0] & 64, &sink, NULL, &used) != STREAM_ERROR_NONE || used < piece.n)
			break;
	}
	xml_stream_fini(&xs, pool);
	return 0;
}
