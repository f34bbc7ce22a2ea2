/* Data forms: what is written is XEP-0004's, and what is read is held against the rows. */
#include "tests/support/check.h"

#include "xmpp/parser.h"
#include "xmpp/rules/dataform.h"

static const struct form_field fields[] = {
	{ .var = "name", .label = "Name", .type = FORM_TEXT_SINGLE, .required = true },
	{ .var = "secret", .label = "Secret", .type = FORM_TEXT_PRIVATE },
	{ .var = "on", .label = "Switch", .type = FORM_BOOLEAN, .value = "true" },
	{ .var = "who", .label = "Who", .type = FORM_JID_MULTI, .value = "a@b\nc@d" },
	{ .var = "one", .label = "One", .type = FORM_LIST_SINGLE, .value = "x", .options = "x|y", .about = "x or y" },
};

static void a_form_is_written_as_the_xep_has_it(void **state)
{
	struct builder *b = builder_new();
	struct buf out = BUF_INIT;
	struct stanza *s;
	char *text;

	(void)state;
	builder_open(b, "iq", NULL);
	form_open(b, "form", "Title", "Fill it in");
	form_kind(b, "urn:example:kind");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		form_add(b, &fields[i]);
	builder_close(b);
	builder_close(b);
	s = builder_finish(b);
	stanza_write(&out, s, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	text = buf_take_text(&out);
	assert_string_equal(text,
			    "<iq><x xmlns='jabber:x:data' type='form'><title>Title</title><instructions>Fill it in</instructions>"
			    "<field var='FORM_TYPE' type='hidden'><value>urn:example:kind</value></field>"
			    "<field var='name' type='text-single' label='Name'><required/></field>"
			    "<field var='secret' type='text-private' label='Secret'/>"
			    "<field var='on' type='boolean' label='Switch'><value>true</value></field>"
			    "<field var='who' type='jid-multi' label='Who'><value>a@b</value><value>c@d</value></field>"
			    "<field var='one' type='list-single' label='One'><desc>x or y</desc><value>x</value>"
			    "<option><value>x</value></option><option><value>y</value></option></field></x></iq>");
	free(text);
	stanza_unref(s);
	builder_free(b);
}

static struct stanza *parse(struct xml_pool *pool, const char *inside)
{
	static const struct xml_limits limits;
	struct buf text = BUF_INIT;
	struct stanza *s = NULL;

	buf_addf(&text, "<iq xmlns='jabber:client'>%s</iq>", inside);
	assert_int_equal(xml_parse_document(pool, buf_span(&text), &limits, &s), STREAM_ERROR_NONE);
	buf_fini(&text);
	return s;
}

#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"
#define SUBMIT(inside) "<x xmlns='jabber:x:data' type='submit'>" inside "</x>"

static void what_does_not_fit_is_named(void **state)
{
	static const struct {
		const char *form, *problem;
	} rows[] = {
		{ FIELD("name", "n"), NULL },
		{ FIELD("name", "n") FIELD("stranger", "let through"), NULL },
		{ "", "name is required" },
		{ FIELD("name", ""), "name is required" },
		{ "<field var='name'/>", "name is required" },
		{ "<field var='name'><value>a</value><value>b</value></field>", "name: 'b' is one value too many" },
		{ FIELD("name", "n") FIELD("on", "0"), NULL },
		{ FIELD("name", "n") FIELD("on", "maybe"), "on: 'maybe' is neither true nor false" },
		{ FIELD("name", "n") FIELD("who", "@"), "who: '@' is no address" },
		{ FIELD("name", "n") "<field var='who'><value>a@b</value><value/><value>c</value></field>", NULL },
		{ FIELD("name", "n") FIELD("one", "z"), "one: 'z' is none of the options" },
		{ FIELD("name", "n") FIELD("one", "y"), NULL },
		{ FIELD("name", "n") FIELD("one", ""), NULL },
	};
	struct xml_pool *pool = xml_pool_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text = BUF_INIT;
		char room[160], *inside;
		const char *problem;
		struct stanza *s;

		buf_addf(&text, SUBMIT("%s"), rows[i].form);
		inside = buf_take_text(&text);
		s = parse(pool, inside);
		problem = form_problem(s, form_submitted(s, STANZA_TOP), fields, ARRAY_LEN(fields), room);
		if (rows[i].problem)
			assert_string_equal(problem ? problem : "nothing", rows[i].problem);
		else
			assert_null(problem);
		free(inside);
		stanza_unref(s);
	}
	xml_pool_free(pool);
}

static void values_are_read_one_by_one(void **state)
{
	struct xml_pool *pool = xml_pool_new();
	struct stanza *s = parse(pool, SUBMIT("<field var='who'><value>a@b</value><other xmlns='urn:x'/><value>c@d</value></field>"
					      FIELD("on", "1")));
	stanza_el form = form_submitted(s, STANZA_TOP), field = form_find(s, form, "who"), v;

	(void)state;
	v = form_next_value(s, field, STANZA_NO_EL);
	assert_true(span_is(stanza_text(s, v), "a@b"));
	v = form_next_value(s, field, v);
	assert_true(span_is(stanza_text(s, v), "c@d"));
	assert_int_equal(form_next_value(s, field, v), STANZA_NO_EL);
	assert_true(form_truth(form_text(s, form, "on")));
	assert_int_equal(form_text(s, form, "none").n, 0);
	assert_int_equal(form_find(s, STANZA_NO_EL, "who"), STANZA_NO_EL);
	stanza_unref(s);
	xml_pool_free(pool);
}

static void only_a_submitted_form_counts(void **state)
{
	static const char *const others[] = { "", "<x xmlns='jabber:x:data' type='cancel'/>", "<x xmlns='jabber:x:data'/>", "<x type='submit'/>" };
	struct xml_pool *pool = xml_pool_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct stanza *s = parse(pool, others[i]);

		assert_int_equal(form_submitted(s, STANZA_TOP), STANZA_NO_EL);
		stanza_unref(s);
	}
	xml_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_is_written_as_the_xep_has_it),
		cmocka_unit_test(what_does_not_fit_is_named),
		cmocka_unit_test(values_are_read_one_by_one),
		cmocka_unit_test(only_a_submitted_form_counts),
	};

	return RUN(tests);
}
