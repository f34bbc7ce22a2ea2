/* Elements that are over their limit and read without being kept; and tops alone. */
#include "tests/support/check.h"

#include <malloc.h>

#include "xmpp/parser.h"

#define HEAD "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"

static const struct xml_limits skips = { .stanza_bytes = 1000, .skip_bytes = 5000, .elements = 200, .depth = 8, .attributes = 16,
					 .ns_declarations = 8, .name_bytes = 128, .uri_bytes = 256, .value_bytes = 4096,
					 .parser_bytes = 262144, .rescan_factor = 16 };

static struct xml_pool *pool;

struct row {
	const char *in;
	enum stream_error error;
	const char *out;
};

struct seen {
	unsigned elements, oversized; /* elements: all */
	struct buf text;
};

static enum xml_verdict on_header(void *ctx, const struct xml_header *h)
{
	(void)ctx;
	(void)h;
	return XML_GO;
}

static enum xml_verdict on_element(void *ctx, struct stanza *stanza)
{
	struct seen *s = ctx;

	s->elements++;
	stanza_write(&s->text, stanza, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	stanza_unref(stanza);
	return XML_GO;
}

static enum xml_verdict on_oversized(void *ctx, struct stanza *head)
{
	((struct seen *)ctx)->oversized++;
	return on_element(ctx, head);
}

static enum xml_verdict on_end(void *ctx)
{
	(void)ctx;
	return XML_STOP;
}

static const struct xml_sink sink = { on_header, on_element, on_oversized, on_end };

static void open_stream(struct xml_stream *xs, const struct xml_limits *with, struct seen *seen)
{
	size_t used;

	xml_stream_init(xs, with);
	assert_int_equal(xml_stream_feed(xs, pool, SPAN_LIT(HEAD), true, &sink, seen, &used), STREAM_ERROR_NONE);
}

enum chunking { WHOLE, BYTES, RANDOM };

static size_t draw(size_t below)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(state >> 33) % below;
}

static enum stream_error feed_all(struct xml_stream *xs, struct span text, enum chunking how, struct seen *seen)
{
	enum stream_error error = STREAM_ERROR_NONE;

	while (error == STREAM_ERROR_NONE && text.n > 0) {
		size_t n = how == WHOLE ? text.n : how == BYTES ? 1 : 1 + draw(text.n < 90 ? text.n : 90), used;

		error = xml_stream_feed(xs, pool, (struct span){ text.p, n }, how != RANDOM || n == text.n || draw(2), &sink, seen, &used);
		text = (struct span){ text.p + n, text.n - n };
	}
	return error;
}

/* `n` bytes in all: start, filling, the end of <message>. */
static void put_message(struct buf *out, const char *start, const char *filling, const char *end, size_t n)
{
	size_t before = buf_len(out);

	buf_add_text(out, start);
	while (buf_len(out) - before + strlen(filling) + strlen(end) <= n)
		buf_add_text(out, filling);
	while (buf_len(out) - before + strlen(end) < n)
		buf_add_text(out, " "); /* inside the last tag or element: counts like all else */
	buf_add_text(out, end);
	assert_int_equal(buf_len(out) - before, n);
}

#define TOP "<message to='b@localhost' id='1' type='chat' xml:lang='de' x='y'>"
#define HEAD_SHOWN "<message to='b@localhost' type='chat' id='1' xml:lang='de' x='y'/>"

static void an_element_over_its_limit_is_skipped_but_for_its_top(void **state)
{
	static const struct {
		const char *start, *filling, *end;
	} shapes[] = {
		{ TOP "<body>", "a", "</body></message>" },
		{ TOP "<body>", "&lt;\xf0\x9f\x98\x80", "</body></message>" },
		{ TOP "<a><b><c>", "some text in every one of these <d e='f'/>", "</c></b></a></message>" },
		{ TOP "<a xmlns='urn:a'>", "<![CDATA[<stream:error/></message>]]>", "</a></message>" },
		{ TOP, "                              <x>text</x>", "</message>" },
	};
	static const struct {
		size_t n;
		unsigned oversized;
		enum stream_error error;
	} sizes[] = { { 1000, 0, STREAM_ERROR_NONE }, { 1001, 1, STREAM_ERROR_NONE }, { 1010, 1, STREAM_ERROR_NONE },
		      { 3000, 1, STREAM_ERROR_NONE }, { 5000, 1, STREAM_ERROR_NONE }, { 5001, 0, STREAM_ERROR_POLICY_VIOLATION } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes) * ARRAY_LEN(sizes); i++)
		for (int how = WHOLE; how < RANDOM + 4; how++) {
			const size_t n = sizes[i % ARRAY_LEN(sizes)].n;
			struct seen seen = { 0 };
			struct buf text = BUF_INIT;
			struct xml_stream xs;
			enum stream_error error;
			char *shown;

			buf_add_text(&text, "<iq id='0'/>");
			put_message(&text, shapes[i / ARRAY_LEN(sizes)].start, shapes[i / ARRAY_LEN(sizes)].filling,
				    shapes[i / ARRAY_LEN(sizes)].end, n);
			buf_add_text(&text, "<iq id='2'><q xmlns='urn:q'/></iq>");
			open_stream(&xs, &skips, &seen);
			error = feed_all(&xs, buf_span(&text), how < RANDOM ? (enum chunking)how : RANDOM, &seen);
			if (error != sizes[i % ARRAY_LEN(sizes)].error || seen.oversized != sizes[i % ARRAY_LEN(sizes)].oversized)
				fail_msg("shape %zu, %zu bytes, %d: %s, %u", i / ARRAY_LEN(sizes), n, how, stream_error_text(error),
					 seen.oversized);
			shown = buf_take_text(&seen.text);
			if (seen.oversized)
				assert_string_equal(shown, "<iq id='0'/>" HEAD_SHOWN "<iq id='2'><q xmlns='urn:q'/></iq>");
			free(shown);
			buf_fini(&text);
			xml_stream_fini(&xs, pool);
		}
}

static void what_is_skipped_is_bad_all_the_same(void **state)
{
	static const struct row bad[] = {
		{ "</iq>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
		{ "&foo;", STREAM_ERROR_RESTRICTED_XML, NULL },
		{ "<!-- c -->", STREAM_ERROR_RESTRICTED_XML, NULL },
		{ "<x xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", STREAM_ERROR_POLICY_VIOLATION, NULL },
		{ "<a><a><a><a><a><a><a><a><a>", STREAM_ERROR_POLICY_VIOLATION, NULL },
		{ "\xff", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (int how = WHOLE; how <= RANDOM; how++) {
			struct seen seen = { 0 };
			struct buf text = BUF_INIT;
			struct xml_stream xs;

			put_message(&text, TOP, "a", "", 2000);
			buf_add_text(&text, bad[i].in);
			buf_add_text(&text, "</message>");
			open_stream(&xs, &skips, &seen);
			assert_int_equal(feed_all(&xs, buf_span(&text), (enum chunking)how, &seen), bad[i].error);
			assert_int_equal(seen.elements, 0);
			buf_fini(&text);
			xml_stream_fini(&xs, pool);
		}
}

/* A start tag, or any token, that is over the limit by itself would have to be kept: it ends the stream. */
static void an_endless_token_is_not_skipped(void **state)
{
	static const char *const starts[] = { "<message id='", "<message><body>x</body><x y='" };
	static char filling[3000];

	(void)state;
	memset(filling, 'a', sizeof(filling));
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		for (int how = WHOLE; how <= RANDOM; how++) {
			struct seen seen = { 0 };
			struct xml_stream xs;

			open_stream(&xs, &skips, &seen);
			assert_int_equal(feed_all(&xs, span_of(starts[i]), (enum chunking)how, &seen), STREAM_ERROR_NONE);
			assert_int_equal(feed_all(&xs, (struct span){ filling, sizeof(filling) }, (enum chunking)how, &seen),
					 STREAM_ERROR_POLICY_VIOLATION);
			xml_stream_fini(&xs, pool);
		}
}

static void what_is_skipped_is_not_kept(void **state)
{
	static char piece[4096];
	struct xml_limits wide = skips;
	struct seen seen = { 0 };
	struct xml_stream xs;
	size_t used, before, most = 0;

	(void)state;
	wide.skip_bytes = 64u << 20;
	memset(piece, 'a', sizeof(piece));
	open_stream(&xs, &wide, &seen);
	before = mallinfo2().uordblks;
	assert_int_equal(xml_stream_feed(&xs, pool, SPAN_LIT(TOP "<body>"), true, &sink, &seen, &used), STREAM_ERROR_NONE);
	for (int i = 0; i < 4000; i++) {
		size_t held;

		assert_int_equal(xml_stream_feed(&xs, pool, (struct span){ piece, sizeof(piece) }, i % 2, &sink, &seen, &used),
				 STREAM_ERROR_NONE);
		held = mallinfo2().uordblks - before;
		most = held > most ? held : most;
	}
	assert_int_equal(xml_stream_feed(&xs, pool, SPAN_LIT("</body></message>"), true, &sink, &seen, &used), STREAM_ERROR_NONE);
	assert_int_equal(seen.oversized, 1);
	assert_true(most < 64 * 1024); /* a parser's own tables and two pieces, of 16 MB */
	buf_fini(&seen.text);
	xml_stream_fini(&xs, pool);
}

static void a_head_is_read_and_nothing_behind_it(void **state)
{
	static const struct row heads[] = {
		{ "<message xmlns='jabber:client' id='1' to='a'><body>not fin", STREAM_ERROR_NONE, "<message to='a' id='1'/>" },
		{ "<iq xmlns='jabber:client' id='1'/> and then", STREAM_ERROR_NONE, "<iq id='1'/>" },
		{ "<iq xmlns='jabber:client'></iq></iq>", STREAM_ERROR_NONE, "<iq/>" },
		{ "<iq xmlns='jabber:client'>\xf0\x9f", STREAM_ERROR_NONE, "<iq/>" },
		{ "<iq xmlns='jabber:client' id='1", STREAM_ERROR_POLICY_VIOLATION, NULL },
		{ "<!DOCTYPE a><iq xmlns='jabber:client'/>", STREAM_ERROR_RESTRICTED_XML, NULL },
		{ "<iq a='1' a='2'>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
		{ "<iq>\xff", STREAM_ERROR_NOT_WELL_FORMED, NULL },
		{ "text", STREAM_ERROR_NOT_WELL_FORMED, NULL },
		{ "", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct buf text = BUF_INIT;
		struct stanza *head;
		char *shown;

		assert_int_equal(xml_parse_head(pool, span_of(heads[i].in), &skips, &head), heads[i].error);
		if (!head) {
			assert_null(heads[i].out);
			continue;
		}
		stanza_write(&text, head, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
		shown = buf_take_text(&text);
		assert_string_equal(shown, heads[i].out);
		free(shown);
		stanza_unref(head);
	}
}

static int set_up(void **state)
{
	(void)state;
	pool = xml_pool_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	xml_pool_free(pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_element_over_its_limit_is_skipped_but_for_its_top),
		cmocka_unit_test(what_is_skipped_is_bad_all_the_same),
		cmocka_unit_test(an_endless_token_is_not_skipped),
		cmocka_unit_test(what_is_skipped_is_not_kept),
		cmocka_unit_test(a_head_is_read_and_nothing_behind_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
