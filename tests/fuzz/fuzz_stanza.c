/* Whatever the parser accepts, the writer writes so that the parser reads the same again. First byte: how the rest is cut. */
#include <stdlib.h>

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
	xml_stream_init(&xs, data[0] & 128 ? &small : &limits);
	for (size_t step = data[0] % 64 + 1, used; rest.n; rest = (struct span){ rest.p + used, rest.n - used }) {
		struct span piece = { rest.p, step < rest.n ? step : rest.n };

		if (xml_stream_feed(&xs, pool, piece, data[0] & 64, &sink, NULL, &used) != STREAM_ERROR_NONE || used < piece.n)
			break;
	}
	xml_stream_fini(&xs, pool);
	return 0;
}
