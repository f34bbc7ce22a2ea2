/* Streams and documents: every row whole, byte by byte and in random pieces must end the same way. */
#include "tests/support/check.h"

#include <pthread.h>

#include "xmpp/ns.h"
#include "xmpp/parser.h"

#define HEAD "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"
#define DECL "<?xml version='1.0'?>"

static const struct xml_limits limits = { .stanza_bytes = 10000, .elements = 32, .depth = 8, .attributes = 16, .ns_declarations = 8,
					  .name_bytes = 128, .uri_bytes = 256, .value_bytes = 4096, .parser_bytes = 262144,
					  .rescan_factor = 16 };
static struct xml_pool *pool;

struct seen {
	unsigned headers, elements, ends;
	bool content_ok;
	struct buf text;
	bool stop_at_element;
};

static enum xml_verdict on_header(void *ctx, const struct xml_header *h)
{
	struct seen *s = ctx;

	s->headers++;
	s->content_ok = h->content_ns_ok;
	return XML_GO;
}

static enum xml_verdict on_element(void *ctx, struct stanza *stanza)
{
	struct seen *s = ctx;

	s->elements++;
	stanza_write(&s->text, stanza, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	stanza_unref(stanza);
	return s->stop_at_element ? XML_STOP : XML_GO;
}

static enum xml_verdict on_end(void *ctx)
{
	((struct seen *)ctx)->ends++;
	return XML_STOP;
}

static const struct xml_sink sink = { .on_header = on_header, .on_element = on_element, .on_end = on_end };

static uint64_t rng_state;
static size_t draw(size_t below)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(rng_state >> 33) % below;
}

enum chunking { WHOLE, BYTES, RANDOM };

static enum stream_error feed_all(struct xml_stream *xs, struct span text, enum chunking how, struct seen *seen)
{
	while (text.n > 0) {
		size_t n = how == WHOLE ? text.n : how == BYTES ? 1 : 1 + draw(text.n < 20 ? text.n : 20), used;
		/* a copy of its own size, so that reading past it is caught */
		char *piece = malloc(n);
		enum stream_error error;

		memcpy(piece, text.p, n);
		error = xml_stream_feed(xs, pool, (struct span){ piece, n }, true, &sink, seen, &used);
		free(piece);
		if (error != STREAM_ERROR_NONE)
			return error;
		if (used < n)
			return STREAM_ERROR_NONE; /* the stream is over */
		text = (struct span){ text.p + n, text.n - n };
	}
	return STREAM_ERROR_NONE;
}

struct row {
	const char *in;
	enum stream_error error;
	const char *out; /* all elements, canonical */
};

static const struct row rows[] = {
	{ DECL HEAD, STREAM_ERROR_NONE, "" },
	{ "\xef\xbb\xbf" HEAD, STREAM_ERROR_NONE, "" },
	{ DECL HEAD "<message><body>a &amp; b</body></message> \n <presence/>", STREAM_ERROR_NONE,
	  "<message><body>a &amp; b</body></message><presence/>" },
	{ DECL HEAD "<iq id='x'/>" "<iq id='y'></iq></stream:stream>", STREAM_ERROR_NONE, "<iq id='x'/><iq id='y'/>" },
	{ "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' to='a'><iq/><s:x/></s:stream>", STREAM_ERROR_NONE,
	  "<iq/><stream:x/>" },
	{ "<stream:stream xmlns:e='urn:e' xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'><iq><e:x/></iq>",
	  STREAM_ERROR_NONE, "<iq><x xmlns='urn:e'/></iq>" },
	{ "GET / HTTP/1.1\r\n\r\n", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ " " HEAD, STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ "\xff\xfe<\0s", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ "</stream:stream>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ "<foo/>", STREAM_ERROR_BAD_FORMAT, NULL },
	{ "<stream xmlns='urn:x'>", STREAM_ERROR_INVALID_NAMESPACE, NULL },
	{ "<stream:stream xmlns:stream='urn:wrong'>", STREAM_ERROR_INVALID_NAMESPACE, NULL },
	{ "<stream xmlns='http://etherx.jabber.org/streams'>", STREAM_ERROR_BAD_NAMESPACE_PREFIX, NULL },
	{ "<stream:stream>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ "<?xml version='1.1'?>" HEAD, STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ "<?xml version='1.0' encoding='ISO-8859-1'?>" HEAD, STREAM_ERROR_UNSUPPORTED_ENCODING, NULL },
	{ "<?xml version='1.0' standalone='no'?>" HEAD, STREAM_ERROR_RESTRICTED_XML, NULL },
	{ "<!DOCTYPE x [<!ENTITY a 'aaa'>]>" HEAD, STREAM_ERROR_RESTRICTED_XML, NULL },
	{ "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>" HEAD, STREAM_ERROR_RESTRICTED_XML, NULL },
	{ HEAD "<!-- c --><iq/>", STREAM_ERROR_RESTRICTED_XML, NULL },
	{ HEAD "<?pi x?><iq/>", STREAM_ERROR_RESTRICTED_XML, NULL },
	{ HEAD "<iq><?pi x?></iq>", STREAM_ERROR_RESTRICTED_XML, NULL },
	{ HEAD "<message><body>&foo;</body></message>", STREAM_ERROR_RESTRICTED_XML, NULL },
	{ HEAD "<message><body>\xff</body></message>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "<message><body>\xc0\xaf</body></message>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "<message><body>\xed\xa0\x80</body></message>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "<message><body>\x01</body></message>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "<message></iq>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "<p:message/>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "<message a='1' a='2'/>", STREAM_ERROR_NOT_WELL_FORMED, NULL },
	{ HEAD "hello", STREAM_ERROR_BAD_FORMAT, NULL },
	{ HEAD "<iq/>hello<iq/>", STREAM_ERROR_BAD_FORMAT, NULL },
	{ HEAD "<message><stream:error/></message>", STREAM_ERROR_POLICY_VIOLATION, NULL },
	{ HEAD "<message><x xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></message>", STREAM_ERROR_POLICY_VIOLATION, NULL },
	{ HEAD "<a><a><a><a><a><a><a><a><a>", STREAM_ERROR_POLICY_VIOLATION, NULL },
	{ HEAD "<a b='1' c='1' d='1' e='1' f='1' g='1' h='1' i='1' j='1' k='1' l='1' m='1' n='1' o='1' p='1' q='1' r='1'/>",
	  STREAM_ERROR_POLICY_VIOLATION, NULL },
};

static void every_row_ends_the_same_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int how = WHOLE; how < RANDOM + 10; how++) {
			struct seen seen = { 0 };
			struct xml_stream xs;
			enum stream_error error;
			char *text;

			xml_stream_init(&xs, &limits);
			error = feed_all(&xs, span_of(rows[i].in), how < RANDOM ? (enum chunking)how : RANDOM, &seen);
			if (error != rows[i].error)
				fail_msg("%s (%d): %s instead of %s", rows[i].in, how, stream_error_text(error),
					 stream_error_text(rows[i].error));
			text = buf_take_text(&seen.text);
			if (rows[i].out)
				assert_string_equal(text, rows[i].out);
			free(text);
			xml_stream_fini(&xs, pool);
		}
}

static void open_stream(struct xml_stream *xs, const struct xml_limits *with, struct seen *seen)
{
	size_t used;

	xml_stream_init(xs, with);
	assert_int_equal(xml_stream_feed(xs, pool, SPAN_LIT(HEAD), true, &sink, seen, &used), STREAM_ERROR_NONE);
	assert_int_equal(seen->headers, 1);
}

static void an_idle_stream_holds_no_parser(void **state)
{
	struct seen seen = { 0 };
	struct xml_stream xs;
	size_t used;

	(void)state;
	open_stream(&xs, &limits, &seen);
	assert_null(xs.parser);
	xml_stream_feed(&xs, pool, SPAN_LIT("<message><bo"), true, &sink, &seen, &used);
	assert_non_null(xs.parser);
	xml_stream_feed(&xs, pool, SPAN_LIT("dy/></message>\n"), true, &sink, &seen, &used);
	assert_null(xs.parser);
	assert_int_equal(seen.elements, 1);
	xml_stream_feed(&xs, pool, SPAN_LIT("   \n"), true, &sink, &seen, &used);
	assert_null(xs.parser);
	buf_fini(&seen.text);
	xml_stream_fini(&xs, pool);
}

/* The end of a stanza in a packet of its own: expat would hold it back (E2). */
static void nothing_is_held_back_when_the_socket_is_empty(void **state)
{
	struct seen seen = { 0 };
	struct xml_stream xs;
	size_t used;

	(void)state;
	open_stream(&xs, &limits, &seen);
	xml_stream_feed(&xs, pool, SPAN_LIT("<presence id='x'"), true, &sink, &seen, &used);
	xml_stream_feed(&xs, pool, SPAN_LIT("/>"), true, &sink, &seen, &used);
	assert_int_equal(seen.elements, 1);
	buf_fini(&seen.text);
	xml_stream_fini(&xs, pool);
}

static void a_stop_leaves_the_rest_unread(void **state)
{
	struct seen seen = { .stop_at_element = true };
	struct xml_stream xs;
	size_t used;

	(void)state;
	open_stream(&xs, &limits, &seen);
	assert_int_equal(xml_stream_feed(&xs, pool, SPAN_LIT("<auth/>rest"), true, &sink, &seen, &used), STREAM_ERROR_NONE);
	assert_int_equal(used, 7);
	assert_int_equal(seen.elements, 1);
	assert_int_equal(xml_stream_feed(&xs, pool, SPAN_LIT("<a/><b/>"), true, &sink, &seen, &used), STREAM_ERROR_NONE);
	assert_int_equal(used, 4);
	xml_stream_restart(&xs, pool);
	assert_int_equal(xml_stream_feed(&xs, pool, SPAN_LIT(DECL HEAD), true, &sink, &seen, &used), STREAM_ERROR_NONE);
	assert_int_equal(seen.headers, 2);
	buf_fini(&seen.text);
	xml_stream_fini(&xs, pool);
}

static void an_oversized_or_endless_stanza_is_refused(void **state)
{
	static char big[70000];
	const char *starts[] = { "<message><body>", "<message a='", "<", "<message>   " };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		for (size_t step = 100; step <= 60000; step *= 600) {
			struct seen seen = { 0 };
			struct xml_stream xs;
			enum stream_error error = STREAM_ERROR_NONE;
			size_t used, sent = 0;

			open_stream(&xs, &limits, &seen);
			error = xml_stream_feed(&xs, pool, span_of(starts[i]), true, &sink, &seen, &used);
			memset(big, 'a', sizeof(big));
			for (; error == STREAM_ERROR_NONE && sent < 65000; sent += step)
				error = xml_stream_feed(&xs, pool, (struct span){ big, step }, true, &sink, &seen, &used);
			assert_int_equal(error, STREAM_ERROR_POLICY_VIOLATION);
			assert_true(sent <= 10000 + step);
			xml_stream_fini(&xs, pool);
		}
}

/* '>' in an attribute value, a byte at a time: each would make expat read the value again (E3). */
static void rescanning_has_a_budget(void **state)
{
	struct xml_limits wide = limits;
	struct seen seen = { 0 };
	struct xml_stream xs;
	enum stream_error error = STREAM_ERROR_NONE;
	size_t used, sent = 0;

	(void)state;
	wide.stanza_bytes = 262144;
	wide.value_bytes = 0;
	open_stream(&xs, &wide, &seen);
	xml_stream_feed(&xs, pool, SPAN_LIT("<message a='"), true, &sink, &seen, &used);
	for (; error == STREAM_ERROR_NONE && sent < 200000; sent++)
		error = xml_stream_feed(&xs, pool, SPAN_LIT(">"), true, &sink, &seen, &used);
	assert_int_equal(error, STREAM_ERROR_POLICY_VIOLATION);
	assert_true(sent < 1000);
	xml_stream_fini(&xs, pool);
}

static void names_that_never_repeat_do_not_pile_up(void **state)
{
	struct seen seen = { 0 };
	struct xml_limits own = limits;
	struct xml_stream xs;
	char text[128];
	size_t used;

	(void)state;
	own.parser_bytes = 256 * 1024; /* a parser that kept all names would run into this */
	open_stream(&xs, &own, &seen);
	for (int i = 0; i < 200000; i++) {
		snprintf(text, sizeof(text), "<p%d:n%d xmlns:p%d='urn:x' a%d='1'/>", i, i, i, i);
		assert_int_equal(xml_stream_feed(&xs, pool, span_of(text), true, &sink, &seen, &used), STREAM_ERROR_NONE);
		buf_clear(&seen.text);
	}
	assert_int_equal(seen.elements, 200000);
	buf_fini(&seen.text);
	xml_stream_fini(&xs, pool);
}

/* Open elements cost expat nearly fifty times their bytes (E4), so bytes alone are no limit. */
static void open_elements_are_paid_for_in_memory(void **state)
{
	static const char *const shapes[] = { "<a>", "<a b='1' c='2' d='3' e='4'>", "<a xmlns:p='urn:p' xmlns:q='urn:q'>" };
	struct xml_limits own = { .parser_bytes = 262144 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		enum stream_error error = STREAM_ERROR_NONE;
		struct seen seen = { 0 };
		struct xml_stream xs;
		size_t used, sent = 0;

		open_stream(&xs, &own, &seen);
		for (; error == STREAM_ERROR_NONE && sent < 1000000; sent += strlen(shapes[i]))
			error = xml_stream_feed(&xs, pool, span_of(shapes[i]), true, &sink, &seen, &used);
		assert_int_equal(error, STREAM_ERROR_POLICY_VIOLATION);
		assert_true(sent < 262144);
		xml_stream_fini(&xs, pool);
	}
}

#define LEVELS 1000 /* what the parser lets pass at most, whatever is configured */

/* Every walk over a stanza is a loop: the deepest one fits a stack of 64 KiB; one deeper is refused (E9). */
static void *walk_deep_stanza(void *unused)
{
	static const struct xml_limits none;
	struct buf text = BUF_INIT, once = BUF_INIT, twice = BUF_INIT;
	struct builder *b = xml_pool_builder(pool);
	struct stanza *s, *copy;

	for (int i = 0; i < LEVELS; i++)
		buf_add_text(&text, "<a>");
	for (int i = 0; i < LEVELS; i++)
		buf_add_text(&text, "</a>");
	if (xml_parse_document(pool, buf_span(&text), &none, &s) != STREAM_ERROR_NONE)
		return unused;
	buf_add_text(&once, "<a>");
	buf_add_span(&once, buf_span(&text));
	buf_add_text(&once, "</a>");
	if (xml_parse_document(pool, buf_span(&once), &none, &copy) != STREAM_ERROR_POLICY_VIOLATION)
		return unused;
	buf_clear(&once);
	builder_reset(b);
	builder_copy(b, s, STANZA_TOP);
	copy = builder_finish(b);
	stanza_save(&once, s, SPAN_NONE, SPAN_NONE);
	stanza_save(&twice, copy, SPAN_NONE, SPAN_NONE);
	if (span_eq(buf_span(&once), buf_span(&twice)) && stanza_child(copy, STANZA_TOP, "nobody", NULL) == STANZA_NO_EL)
		unused = NULL;
	stanza_unref(copy);
	stanza_unref(s);
	buf_fini(&text);
	buf_fini(&once);
	buf_fini(&twice);
	return unused;
}

static void depth_needs_no_stack(void **state)
{
	pthread_attr_t small;
	pthread_t thread;
	int failed = 1;
	void *result = &failed;

	(void)state;
	pthread_attr_init(&small);
	assert_int_equal(pthread_attr_setstacksize(&small, 64 * 1024), 0);
	assert_int_equal(pthread_create(&thread, &small, walk_deep_stanza, &failed), 0);
	pthread_join(thread, &result);
	pthread_attr_destroy(&small);
	assert_null(result);
}

/* What one stream left in a parser is not the next one's: white space behind a stanza was once charged to whoever came next. */
static void a_pooled_parser_charges_nobody_for_the_last_stream(void **state)
{
	static char spaces[20001];
	struct seen one = { 0 }, two = { 0 };
	struct xml_limits wide = limits;
	struct xml_stream a, b;
	size_t used;

	(void)state;
	wide.stanza_bytes = 100000;
	open_stream(&a, &wide, &one);
	open_stream(&b, &limits, &two);
	memset(spaces, ' ', 20000);
	memcpy(spaces, "<presence/>", 11);
	assert_int_equal(xml_stream_feed(&a, pool, span_of(spaces), true, &sink, &one, &used), STREAM_ERROR_NONE);
	assert_int_equal(xml_stream_feed(&b, pool, SPAN_LIT("<iq/>"), true, &sink, &two, &used), STREAM_ERROR_NONE);
	assert_int_equal(two.elements, 1);
	buf_fini(&one.text);
	buf_fini(&two.text);
	xml_stream_fini(&a, pool);
	xml_stream_fini(&b, pool);
}

static void a_header_has_limits_too(void **state)
{
	struct buf text = BUF_INIT;
	struct seen seen = { 0 };
	struct xml_stream xs;
	size_t used;

	(void)state;
	buf_add_text(&text, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'");
	for (int i = 0; i < 20; i++)
		buf_addf(&text, " xmlns:a%d='u'", i);
	buf_add_text(&text, ">");
	xml_stream_init(&xs, &limits);
	assert_int_equal(xml_stream_feed(&xs, pool, buf_span(&text), true, &sink, &seen, &used), STREAM_ERROR_POLICY_VIOLATION);
	xml_stream_fini(&xs, pool);
	buf_clear(&text);
	buf_add_text(&text, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='");
	for (int i = 0; i < 11000; i++)
		buf_add_text(&text, "a");
	buf_add_text(&text, "'>");
	xml_stream_init(&xs, &limits);
	assert_int_equal(xml_stream_feed(&xs, pool, buf_span(&text), true, &sink, &seen, &used), STREAM_ERROR_POLICY_VIOLATION);
	xml_stream_fini(&xs, pool);
	buf_fini(&text);
	assert_int_equal(seen.headers, 0);
}

static void two_streams_share_parsers_without_mixing(void **state)
{
	struct seen one = { 0 }, two = { 0 };
	struct xml_stream a, b;
	char *text;

	(void)state;
	open_stream(&a, &limits, &one);
	open_stream(&b, &limits, &two);
	for (int i = 0; i < 100; i++) {
		struct span x = SPAN_LIT("<message><body>from a</body></message>"), y = SPAN_LIT("<iq id='b'><q xmlns='urn:b'/></iq>");
		size_t cut = draw(x.n), cut2 = draw(y.n);

		assert_int_equal(feed_all(&a, (struct span){ x.p, cut }, RANDOM, &one), STREAM_ERROR_NONE);
		assert_int_equal(feed_all(&b, (struct span){ y.p, cut2 }, RANDOM, &two), STREAM_ERROR_NONE);
		assert_int_equal(feed_all(&a, (struct span){ x.p + cut, x.n - cut }, RANDOM, &one), STREAM_ERROR_NONE);
		assert_int_equal(feed_all(&b, (struct span){ y.p + cut2, y.n - cut2 }, RANDOM, &two), STREAM_ERROR_NONE);
	}
	assert_int_equal(one.elements + two.elements, 200);
	text = buf_take_text(&one.text);
	assert_null(strstr(text, "urn:b"));
	free(text);
	buf_fini(&two.text);
	xml_stream_fini(&a, pool);
	xml_stream_fini(&b, pool);
}

static void a_document_is_one_element(void **state)
{
	static const struct {
		const char *text;
		enum stream_error error;
	} table[] = {
		{ "<a/>", STREAM_ERROR_NONE },	       { "<a>x</a>", STREAM_ERROR_NONE },
		{ "<a/><b/>", STREAM_ERROR_NOT_WELL_FORMED }, { "<a>", STREAM_ERROR_NOT_WELL_FORMED },
		{ " <a/>", STREAM_ERROR_NOT_WELL_FORMED }, { "", STREAM_ERROR_NOT_WELL_FORMED },
		{ "<!DOCTYPE a><a/>", STREAM_ERROR_RESTRICTED_XML }, { "<?xml version='1.0'?><a/>", STREAM_ERROR_NONE },
		{ "<a>\xff</a>", STREAM_ERROR_NOT_WELL_FORMED },
		/* stream-level elements inside a stanza, whatever carries it (V12) */
		{ "<message xmlns='jabber:client'><s:error xmlns:s='http://etherx.jabber.org/streams'/></message>",
		  STREAM_ERROR_POLICY_VIOLATION },
		{ "<body xmlns='http://jabber.org/protocol/httpbind'><iq xmlns='jabber:client'><x xmlns='urn:xmpp:sm:3'/></iq></body>",
		  STREAM_ERROR_POLICY_VIOLATION },
		{ "<body xmlns='http://jabber.org/protocol/httpbind'><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></body>",
		  STREAM_ERROR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct stanza *s;

		assert_int_equal(xml_parse_document(pool, span_of(table[i].text), &limits, &s), table[i].error);
		stanza_unref(s);
	}
}

static int set_up(void **state)
{
	(void)state;
	assert_null(xml_library_problem());
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
		cmocka_unit_test(every_row_ends_the_same_however_it_is_cut),
		cmocka_unit_test(an_idle_stream_holds_no_parser),
		cmocka_unit_test(nothing_is_held_back_when_the_socket_is_empty),
		cmocka_unit_test(a_stop_leaves_the_rest_unread),
		cmocka_unit_test(an_oversized_or_endless_stanza_is_refused),
		cmocka_unit_test(rescanning_has_a_budget),
		cmocka_unit_test(names_that_never_repeat_do_not_pile_up),
		cmocka_unit_test(open_elements_are_paid_for_in_memory),
		cmocka_unit_test(depth_needs_no_stack),
		cmocka_unit_test(a_pooled_parser_charges_nobody_for_the_last_stream),
		cmocka_unit_test(a_header_has_limits_too),
		cmocka_unit_test(two_streams_share_parsers_without_mixing),
		cmocka_unit_test(a_document_is_one_element),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
