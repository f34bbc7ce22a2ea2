#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/parser.h"

static const struct xml_limits none;
static struct xml_pool *pool;

static struct stanza *parse(const char *text)
{
	struct stanza *s = NULL;
	enum stream_error error = xml_parse_document(pool, span_of(text), &none, &s);

	if (error != STREAM_ERROR_NONE)
		fail_msg("%s: %s", text, stream_error_text(error));
	return s;
}

static void check_text(const struct stanza *s, enum stanza_form form, const char *want)
{
	struct buf out = BUF_INIT;
	char *text;

	stanza_write(&out, s, SPAN_NONE, SPAN_NONE, form);
	text = buf_take_text(&out);
	assert_string_equal(text, want);
	free(text);
}

static void canonical_form_is_what_is_forwarded(void **state)
{
	static const struct {
		const char *in, *stream;
	} rows[] = {
		{ "<message xmlns='jabber:client' to='b@c' id=\"1\"><body>hi</body></message>",
		  "<message to='b@c' id='1'><body>hi</body></message>" },
		{ "<message xmlns='jabber:client'/>", "<message/>" },
		{ "<message xmlns='jabber:client'><body></body></message>", "<message><body/></message>" },
		{ "<message xmlns='jabber:client'><body><![CDATA[<&>]]></body></message>",
		  "<message><body>&lt;&amp;&gt;</body></message>" },
		{ "<message xmlns='jabber:client'><x xmlns='urn:x'><y/><z xmlns='urn:z' a='1'/></x></message>",
		  "<message><x xmlns='urn:x'><y/><z xmlns='urn:z' a='1'/></x></message>" },
		{ "<c:message xmlns:c='jabber:client' xmlns:x='urn:x'><x:a><c:b/></x:a></c:message>",
		  "<message><a xmlns='urn:x'><b xmlns='jabber:client'/></a></message>" },
		{ "<message xmlns='jabber:client' id='a&apos;/>&#10;&quot;&lt;'/>", "<message id='a&apos;/&gt;&#10;&quot;&lt;'/>" },
		{ "<message xmlns='jabber:client' xml:lang='de' custom='1'><body xml:lang='fr'>x</body></message>",
		  "<message xml:lang='de' custom='1'><body xml:lang='fr'>x</body></message>" },
		{ "<iq xmlns='jabber:client' type='get'><q xmlns='urn:q' xmlns:p='urn:p' p:v='1'>a<b/>c</q></iq>",
		  "<iq type='get'><q xmlns='urn:q' xmlns:p3='urn:p' p3:v='1'>a<b/>c</q></iq>" },
		{ "<message xmlns='jabber:client'><body>您好 &#x1F600;</body></message>", "<message><body>您好 😀</body></message>" },
		{ "<x xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'><s:a><s:b/><c/></s:a></x>",
		  "<x><stream:a xmlns:stream='http://etherx.jabber.org/streams'><stream:b/><c xmlns='jabber:client'/></stream:a>"
		  "</x>" },
		{ "<message xmlns='jabber:client'><a xmlns=''/></message>", "<message><a xmlns=''/></message>" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stanza *s = parse(rows[i].in), *again;
		struct buf saved = BUF_INIT;

		check_text(s, STANZA_FORM_STREAM, rows[i].stream);
		/* what was saved reads back as the same */
		stanza_save(&saved, s, SPAN_NONE, SPAN_NONE);
		assert_int_equal(xml_parse_document(pool, buf_span(&saved), &none, &again), STREAM_ERROR_NONE);
		check_text(again, STANZA_FORM_STREAM, rows[i].stream);
		buf_fini(&saved);
		stanza_unref(again);
		stanza_unref(s);
	}
}

static void accessors_give_unescaped_values(void **state)
{
	struct stanza *s = parse("<message xmlns='jabber:client' to='a@b/&apos;r&apos;' type='chat' id='&lt;1&gt;' other='&amp;o'>"
				 "<subject>s</subject><body>one &amp; two</body><x xmlns='urn:x'>p<q>r</q>t&lt;<q k='v'/>u</x></message>");
	stanza_el x, q;

	(void)state;
	assert_true(span_is(stanza_to(s), "a@b/'r'") && span_is(stanza_id(s), "<1>") && stanza_from(s).p == NULL);
	assert_true(span_is(stanza_attr(s, STANZA_TOP, "other"), "&o") && span_is(stanza_attr(s, STANZA_TOP, "type"), "chat"));
	assert_int_equal(stanza_kind(s), STANZA_MESSAGE);
	assert_int_equal(stanza_type(s), STANZA_TYPE_CHAT);
	assert_true(stanza_has_body(s) && span_is(stanza_child_text(s, "body", NS_CLIENT), "one & two"));
	x = stanza_child(s, STANZA_TOP, NULL, "urn:x");
	assert_true(x != STANZA_NO_EL && span_is(stanza_text(s, x), "pt<u") && stanza_next(s, x) == STANZA_NO_EL);
	q = stanza_first(s, x);
	assert_true(span_is(stanza_text(s, q), "r") && span_is(stanza_ns(s, q), "urn:x") && stanza_first(s, q) == STANZA_NO_EL);
	q = stanza_next(s, q);
	assert_true(span_is(stanza_attr(s, q, "k"), "v") && stanza_attr(s, q, "to").p == NULL && stanza_next(s, q) == STANZA_NO_EL);
	assert_int_equal(stanza_child(s, STANZA_TOP, "nothing", NULL), STANZA_NO_EL);
	stanza_unref(s);
}

static void text_belongs_to_the_element_it_stands_in(void **state)
{
	static const char *const rows[] = {
		"<message><body>hi</body>AFTER</message>", "<message>a<b/>c<b>d</b>e</message>", "<message>a&amp;<b>&lt;</b>&gt;c</message>",
		"<message><x><y>1</y>2<y>3</y></x>4</message>",
	};
	static const char *const texts[] = { "AFTER", "ace", "a&>c", "4" };
	struct builder *b = builder_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf in = BUF_INIT;
		struct stanza *s, *copy;
		char *text;

		buf_addf(&in, "<message xmlns='jabber:client'%s", rows[i] + 8);
		text = buf_take_text(&in);
		s = parse(text);
		assert_true(span_is(stanza_text(s, STANZA_TOP), texts[i]));
		builder_reset(b);
		builder_copy(b, s, STANZA_TOP);
		copy = builder_finish(b);
		check_text(copy, STANZA_FORM_STREAM, rows[i]);
		assert_true(span_is(stanza_text(copy, STANZA_TOP), texts[i]));
		stanza_unref(copy);
		stanza_unref(s);
		free(text);
	}
	builder_free(b);
}

/* Many runs of text between children: joined once, not again for each (a quadratic builder would take gigabytes). */
static void mixed_content_costs_its_own_length(void **state)
{
	struct builder *b = builder_new();
	struct stanza *s;

	(void)state;
	builder_open(b, "message", NULL);
	for (int i = 0; i < 20000; i++) {
		builder_text(b, SPAN_LIT("0123456789<"));
		builder_open(b, "b", NULL);
		builder_attr(b, "a", SPAN_LIT("<"));
		builder_close(b);
	}
	builder_close(b);
	s = builder_finish(b);
	assert_int_equal(stanza_text(s, STANZA_TOP).n, 20000 * 11);
	assert_true(stanza_bytes(s) < 20000 * 300);
	stanza_unref(s);
	builder_free(b);
}

static void heads_are_replaced_without_touching_the_body(void **state)
{
	struct stanza *s = parse("<message xmlns='jabber:client' from='x' to='y'><body>b</body></message>");
	struct buf out = BUF_INIT;
	char *text;

	(void)state;
	stanza_write(&out, s, SPAN_LIT("a@b/it's"), (struct span){ "", 0 }, STANZA_FORM_ALONE);
	text = buf_take_text(&out);
	assert_string_equal(text, "<message xmlns='jabber:client' from='a@b/it&apos;s'><body>b</body></message>");
	free(text);
	stanza_unref(s);
}

static void stream_elements_carry_their_prefix(void **state)
{
	struct builder *b = builder_new();
	struct stanza *s;

	(void)state;
	builder_open(b, "features", NS_STREAM);
	builder_open(b, "mechanisms", NS_SASL);
	builder_leaf(b, "mechanism", NULL, SPAN_LIT("PLAIN"));
	builder_close(b);
	builder_close(b);
	s = builder_finish(b);
	check_text(s, STANZA_FORM_STREAM,
		   "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
		   "</stream:features>");
	check_text(s, STANZA_FORM_ALONE,
		   "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms "
		   "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>");
	stanza_unref(s);
	builder_free(b);
}

static void errors_echo_the_original_and_answer_no_error(void **state)
{
	struct builder *b = builder_new();
	struct stanza *s = parse("<message xmlns='jabber:client' id='1' type='chat'><body>x</body></message>");
	struct stanza *e = stanza_make_error(b, s, SPAN_LIT("b@c"), SPAN_LIT("a@c/r"), STANZA_ERROR_SERVICE_UNAVAILABLE, "why");

	(void)state;
	check_text(e, STANZA_FORM_STREAM,
		   "<message from='b@c' to='a@c/r' type='error' id='1'><body>x</body><error type='cancel' code='503'>"
		   "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text "
		   "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>why</text></error></message>");
	assert_null(stanza_make_error(b, e, SPAN_NONE, SPAN_NONE, STANZA_ERROR_CONFLICT, NULL));
	assert_null(stanza_make_too_big(b, e, SPAN_NONE, SPAN_NONE, 1));
	stanza_unref(e);
	stanza_unref(s);
	s = parse("<message xmlns='jabber:client' id='1'><body>x</body><k xmlns='urn:k'><b/></k>text<k xmlns='urn:k'/></message>");
	e = stanza_without(b, s, "k", "urn:k");
	check_text(e, STANZA_FORM_STREAM, "<message id='1'><body>x</body>text</message>");
	stanza_unref(e);
	e = stanza_from_child(b, s, stanza_child(s, STANZA_TOP, "k", NULL));
	check_text(e, STANZA_FORM_STREAM, "<k xmlns='urn:k'><b/></k>");
	stanza_unref(e);
	stanza_unref(s);
	builder_free(b);
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
		cmocka_unit_test(canonical_form_is_what_is_forwarded),
		cmocka_unit_test(accessors_give_unescaped_values),
		cmocka_unit_test(text_belongs_to_the_element_it_stands_in),
		cmocka_unit_test(mixed_content_costs_its_own_length),
		cmocka_unit_test(heads_are_replaced_without_touching_the_body),
		cmocka_unit_test(stream_elements_carry_their_prefix),
		cmocka_unit_test(errors_echo_the_original_and_answer_no_error),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
