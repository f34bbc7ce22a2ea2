/* What the quick reader takes it takes as expat does; what is not plain, not complete or beyond a limit it leaves alone. */
#include "tests/support/check.h"

#include "xmpp/expat_one.h"
#include "xmpp/ns.h"
#include "xmpp/quick.h"

static const struct xml_limits limits = { .stanza_bytes = 1000, .elements = 8, .depth = 6, .attributes = 6, .ns_declarations = 2,
					  .name_bytes = 32, .uri_bytes = 64, .value_bytes = 64 };
static struct builder *builder;

static enum expat_stop on_element(void *ctx, struct stanza *s)
{
	*(struct stanza **)ctx = s;
	return EXPAT_PAUSE;
}

/* The first element behind a stream header, or NULL for an error. */
static struct stanza *by_expat(struct span text)
{
	static const struct expat_hooks hooks = { .on_element = on_element };
	struct expat_one *x = expat_new(false);
	struct stanza *s = NULL;

	expat_prime(x, SPAN_LIT("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"));
	expat_begin(x);
	expat_aim(x, &limits, 2, &hooks, &s);
	if (expat_feed(x, text, false) == STREAM_ERROR_NONE && !s)
		(void)expat_flush(x);
	expat_free(x);
	return s;
}

/* From a block of its own size, so that reading past it is caught. */
static struct stanza *by_quick(struct span text, size_t *used)
{
	char *copy = malloc(text.n ? text.n : 1);
	struct stanza *s;

	memcpy(copy, text.p, text.n);
	s = quick_element(builder, (struct span){ copy, text.n }, SPAN_LIT(NS_CLIENT), &limits, used);
	free(copy);
	return s;
}

static void note(struct buf *out, const struct stanza *s)
{
	buf_clear(out);
	buf_addf(out, "%d %d %d ", stanza_kind(s), stanza_type(s), stanza_has_body(s));
	stanza_save(out, s, SPAN_NONE, SPAN_NONE);
	*buf_reserve(out, 1) = '\0';
}

static const char *const plain[] = {
	"<message/>",
	"<message />",
	"<message></message>",
	"<presence\n\ttype='unavailable'\r\n/>",
	"<message to='a@b/c' type=\"chat\" id='1' xml:lang='de'><body>hello</body></message>",
	"<message lang='x' xml:lang='y' xml='z' to='it\"s' id=\"it's\"/>",
	"<message><body>a &lt;b&gt; &amp;amp; &apos;c&apos; &quot;d&quot;&amp;</body></message>",
	"<message><body>tab\tand\nline > [1] ]; ]</body></message>",
	"<message>  <body>mixed</body> text <x xmlns='urn:x'>y<z/></x> end</message>",
	"<message><body>Gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x98\x80 \x7f</body></message>",
	"<message from='\xe5\xae\xa2@b' to=''/>",
	"<iq type='get' id='r'><query xmlns='jabber:iq:roster' ver=''><item jid='a'/></query></iq>",
	"<iq><a.b-c_d1 xmlns='urn:x'><e xmlns='urn:y'/></a.b-c_d1></iq>",
	"<r xmlns='urn:xmpp:sm:3'/>",
	"<message xmlns='jabber:client'/>",
	"<body xmlns='http://jabber.org/protocol/httpbind' rid='1'><message xmlns='jabber:client'><body>x</body></message></body>",
};

static void plain_elements_are_what_expat_makes_of_them(void **state)
{
	struct buf one = BUF_INIT, two = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		struct buf text = BUF_INIT;
		struct stanza *quick, *expat = by_expat(span_of(plain[i]));
		size_t used = 0;

		buf_add_text(&text, plain[i]);
		buf_add_text(&text, "<next/>");
		quick = by_quick(buf_span(&text), &used);
		if (!quick || !expat)
			fail_msg("%s: %s does not take it", plain[i], quick ? "expat" : "quick");
		assert_int_equal(used, strlen(plain[i]));
		note(&one, quick);
		note(&two, expat);
		assert_string_equal(buf_span(&one).p, buf_span(&two).p);
		stanza_unref(quick);
		stanza_unref(expat);
		buf_fini(&text);
	}
	buf_fini(&one);
	buf_fini(&two);
}

static void an_unfinished_element_is_left_alone(void **state)
{
	size_t used;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		for (size_t n = 0; n < strlen(plain[i]); n++)
			assert_null(by_quick((struct span){ plain[i], n }, &used));
}

/* Some of them expat takes, some it refuses: its business. */
static const char *const others[] = {
	"x", "</message>", "<>", "< message/>", "<1/>", "<-/>", "<.a/>", "<message", "<message/", "<message/ >", "<message//>",
	"<?pi x?>", "<!-- c -->", "<!DOCTYPE x>", "<![CDATA[x]]>",
	"<message><!-- c --></message>", "<message><?pi x?></message>", "<message><![CDATA[x]]></message>",
	"<message><body>&foo;</body></message>", "<message><body>&#65;</body></message>", "<message><body>&;</body></message>",
	"<message><body>&lt</body></message>", "<message><body>&LT;</body></message>",
	"<message><body>a]]>b</body></message>", "<message><body>a]]b</body></message>",
	"<message><body>a\rb</body></message>", "<message><body>\x01</body></message>", "<message><body>\x1b</body></message>",
	"<message to='a&amp;b'/>", "<message to='a<b'/>", "<message to='a\tb'/>", "<message to='a\nb'/>", "<message to='\x02'/>",
	"<message to = 'a'/>", "<message to=a/>", "<message to/>", "<message to='a'id='b'/>", "<message to='a\"/>", "<message ='a'/>",
	"<message to='a' to='b'/>", "<message xml:lang='a' xml:lang='b'/>", "<message xmlns='urn:a' xmlns='urn:b'/>",
	"<message xml:space='preserve'/>", "<message xml:='a'/>", "<message xml:lang:x='a'/>",
	"<p:message xmlns:p='jabber:client'/>", "<message xmlns:p='urn:p'/>", "<message p:a='b'/>", "<message:x/>",
	"<message><stream:error/></message>", "<message xmlns=''/>", "<message><x xmlns=''/></message>",
	"<x xmlns='http://www.w3.org/XML/1998/namespace'/>", "<x xmlns='http://www.w3.org/2000/xmlns/'/>",
	"<message></message >", "<message></ message>", "<message></messages>", "<message></iq>", "<message><body></message></body>",
	"<m\xc3\xa4ssage/>", "<message \xc3\xa4='b'/>",
	/* forbidden inside a stanza (V12) */
	"<message><x xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></message>", "<iq><x xmlns='urn:xmpp:sm:3'/></iq>",
	"<message><a><x xmlns='http://etherx.jabber.org/streams'/></a></message>",
	"<body xmlns='http://jabber.org/protocol/httpbind'><iq xmlns='jabber:client'><r xmlns='urn:xmpp:sm:3'/></iq></body>",
	/* beyond a limit */
	"<a><a/><a/><a/><a/><a/><a/><a/><a/></a>", "<a><a><a><a><a><a><a/></a></a></a></a></a></a>",
	"<a b='' c='' d='' e='' f='' g='' h=''/>", "<a xmlns='urn:1'><a xmlns='urn:2'/><a xmlns='urn:3'/></a>",
	"<abcdefghijklmnopqrstuvwxyzabcdefg/>", "<a abcdefghijklmnopqrstuvwxyzabcdefg=''/>",
	"<a b='0123456789012345678901234567890123456789012345678901234567890123456789'/>",
	"<a xmlns='urn:0123456789012345678901234567890123456789012345678901234567890'/>",
};

static void what_is_not_plain_is_left_to_expat(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		size_t used;

		if (by_quick(span_of(others[i]), &used))
			fail_msg("taken: %s", others[i]);
	}
}

static void an_element_longer_than_the_limit_is_left_to_expat(void **state)
{
	struct buf text = BUF_INIT;
	size_t used;

	(void)state;
	buf_add_text(&text, "<message><body>");
	while (buf_len(&text) < 1000 - strlen("</body></message>"))
		buf_add_text(&text, "x");
	buf_add_text(&text, "</body></message>");
	stanza_unref(by_quick(buf_span(&text), &used));
	assert_int_equal(used, 1000);
	buf_clear(&text);
	buf_add_text(&text, "<message><body>");
	while (buf_len(&text) < 1001 - strlen("</body></message>"))
		buf_add_text(&text, "x");
	buf_add_text(&text, "</body></message>");
	assert_null(by_quick(buf_span(&text), &used));
	buf_fini(&text);
}

static void what_goes_deeper_than_the_stack_is_left_to_expat(void **state)
{
	static const struct xml_limits none;
	struct buf text = BUF_INIT;
	size_t used;

	(void)state;
	for (unsigned depth = QUICK_DEPTH; depth <= QUICK_DEPTH + 1; depth++) {
		struct stanza *s;

		buf_clear(&text);
		for (unsigned i = 0; i < depth; i++)
			buf_add_text(&text, "<a>");
		for (unsigned i = 0; i < depth; i++)
			buf_add_text(&text, "</a>");
		s = quick_element(builder, buf_span(&text), SPAN_LIT(NS_CLIENT), &none, &used);
		assert_true((s != NULL) == (depth <= QUICK_DEPTH));
		stanza_unref(s);
	}
	buf_fini(&text);
}

/* --- headers --- */

#define NS "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"

static bool header(const char *text, struct xml_header *h, size_t *used)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	bool taken;

	memcpy(copy, text, n);
	taken = quick_header((struct span){ copy, n }, &limits, h, used);
	free(copy);
	return taken;
}

static void a_usual_header_is_read(void **state)
{
	static const char *const usual[] = {
		"<stream:stream to='localhost' version='1.0' xml:lang='de' id='i' from='a@b' " NS ">",
		"<stream:stream " NS " from='a@b' id='i' xml:lang='de' version='1.0' to='localhost'>",
		"<?xml version='1.0'?><stream:stream to='localhost'\n" NS "\tversion=\"1.0\" xml:lang='de' id='i' from='a@b'>",
		"<?xml version=\"1.0\" encoding='UTF-8'?>\n <stream:stream id='i' from='a@b' to='localhost' " NS
		" version='1.0' xml:lang='de'>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		struct span text = span_of(usual[i]);
		struct xml_header h;
		size_t used;

		assert_true(quick_header(text, &limits, &h, &used));
		assert_int_equal(used, text.n);
		assert_true(span_is(h.to, "localhost") && span_is(h.from, "a@b") && span_is(h.version, "1.0") && span_is(h.lang, "de") &&
			    span_is(h.id, "i") && h.content_ns_ok);
		for (size_t n = 0; n < text.n; n++)
			assert_false(quick_header((struct span){ text.p, n }, &limits, &h, &used));
	}
}

static void an_unusual_header_is_left_to_expat(void **state)
{
	static const char *const unusual[] = {
		"", "<", "<presence/>", "<stream:stream>", "<stream:stream xmlns='jabber:client'>",
		"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "<s:stream " NS ">", "<stream " NS ">",
		"<stream:stream " NS "/>", "<stream:streams " NS ">", "<stream:stream" NS ">", "<stream:stream " NS " to='a' to='b'>",
		"<stream:stream " NS " xmlns='jabber:client'>", "<stream:stream " NS " xmlns:x='urn:x'>", "<stream:stream " NS " x='y'>",
		"<stream:stream " NS " to='a&amp;b'>", "<stream:stream " NS " to='a\nb'>", "<stream:stream " NS " stream:to='a'>",
		"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
		"<stream:stream xmlns='jabber:client' xmlns:stream='urn:x'>", "<stream:stream " NS " >x",
		"<?xml version='1.1'?><stream:stream " NS ">", "<?xml version='1.0' encoding='ISO-8859-1'?><stream:stream " NS ">",
		"<?xml version='1.0' standalone='no'?><stream:stream " NS ">", "<?xml?><stream:stream " NS ">",
		"<?xml version='1.0' ?><stream:stream " NS ">", "<?xml version='1.0'?><?xml version='1.0'?><stream:stream " NS ">",
		"<!DOCTYPE x><stream:stream " NS ">", "<!-- --><stream:stream " NS ">",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unusual); i++) {
		struct xml_header h;
		size_t used;

		if (header(unusual[i], &h, &used))
			fail_msg("taken: %s", unusual[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_elements_are_what_expat_makes_of_them),
		cmocka_unit_test(an_unfinished_element_is_left_alone),
		cmocka_unit_test(what_is_not_plain_is_left_to_expat),
		cmocka_unit_test(an_element_longer_than_the_limit_is_left_to_expat),
		cmocka_unit_test(what_goes_deeper_than_the_stack_is_left_to_expat),
		cmocka_unit_test(a_usual_header_is_read),
		cmocka_unit_test(an_unusual_header_is_left_to_expat),
	};
	int failed;

	builder = builder_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	builder_free(builder);
	return failed;
}
