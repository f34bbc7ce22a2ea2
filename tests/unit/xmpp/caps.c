/* The examples of XEP-0115 5.2 and 5.3, and what is ill-formed by 5.4. */
#include "tests/support/check.h"

#include "xmpp/caps.h"
#include "xmpp/ns.h"
#include "xmpp/parser.h"

#define QUERY(content) "<query xmlns='http://jabber.org/protocol/disco#info' node='n'>" content "</query>"
#define FORM(fields) "<x xmlns='jabber:x:data' type='result'>" fields "</x>"
#define HIDDEN(type) "<field var='FORM_TYPE' type='hidden'><value>" type "</value></field>"
#define SIMPLE \
	"<identity category='client' type='pc' name='Exodus 0.9.1'/><feature var='http://jabber.org/protocol/caps'/>" \
	"<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>" \
	"<feature var='http://jabber.org/protocol/muc'/>"
#define SIMPLE_VER "QgayPKawpkPSDYmwT/WM94uAlu0="

static const struct {
	const char *xml, *ver; /* NULL = ill-formed */
} rows[] = {
	{ QUERY(SIMPLE), SIMPLE_VER },
	{ QUERY("<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#items'/>"
		"<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
		"<identity name='Exodus 0.9.1' type='pc' category='client'/>"),
	  SIMPLE_VER },
	{ QUERY("<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
		"<identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/><feature var='http://jabber.org/protocol/caps'/>"
		"<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>"
		"<feature var='http://jabber.org/protocol/muc'/>" FORM(
			HIDDEN("urn:xmpp:dataforms:softwareinfo") "<field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value>"
								  "</field><field var='os'><value>Mac</value></field><field "
								  "var='os_version'><value>10.5.1</value></field><field var='software'>"
								  "<value>Psi</value></field><field var='software_version'><value>0.11"
								  "</value></field>")),
	  "q07IKJEyjvHSyhy//CH0CxmKi8w=" },
	/* 3.2 to 3.5 */
	{ QUERY("<identity category='a' type='b'/><identity category='a' type='b'/>"), NULL },
	{ QUERY("<feature var='a'/><feature var='a'/>"), NULL },
	{ QUERY(FORM(HIDDEN("a")) FORM(HIDDEN("a"))), NULL },
	{ QUERY(FORM(HIDDEN("a") HIDDEN("b"))), NULL },
	{ QUERY(FORM("<field var='FORM_TYPE' type='hidden'><value>a</value><value>b</value></field>")), NULL },
	{ QUERY(FORM("<field var='FORM_TYPE' type='hidden'/>")), NULL },
	/* 3.6: ignored, not ill-formed */
	{ QUERY(SIMPLE FORM("<field var='x'><value>y</value></field>")), SIMPLE_VER },
	{ QUERY(SIMPLE FORM("<field var='FORM_TYPE'><value>a</value></field>")), SIMPLE_VER },
};

static struct stanza *parse(const char *xml)
{
	static const struct xml_limits none;
	struct xml_pool *pool = xml_pool_new();
	struct stanza *s = NULL;

	assert_int_equal(xml_parse_document(pool, span_of(xml), &none, &s), STREAM_ERROR_NONE);
	xml_pool_free(pool);
	return s;
}

static void examples_hash_as_the_document_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stanza *s = parse(rows[i].xml);
		char ver[CAPS_VER_BYTES + 1] = "";

		assert_int_equal(caps_hash(s, STANZA_TOP, ver), rows[i].ver != NULL);
		if (rows[i].ver)
			assert_string_equal(ver, rows[i].ver);
		stanza_unref(s);
	}
}

/* "a" comes before "a#b", although `<`, which is written behind it, comes behind `#`. */
static void a_feature_that_begins_another_one_comes_first(void **state)
{
	struct stanza *s = parse(QUERY("<feature var='a#b'/><feature var='a'/>")), *t = parse(QUERY("<feature var='a'/><feature var='a#b'/>"));
	char ver[CAPS_VER_BYTES + 1], same[CAPS_VER_BYTES + 1];

	(void)state;
	assert_true(caps_hash(s, STANZA_TOP, ver));
	assert_true(caps_hash(t, STANZA_TOP, same));
	assert_string_equal(ver, "508Osoe/uGwvd6hZFhz60MNYT30="); /* of "a<a#b<" */
	assert_string_equal(same, ver);
	stanza_unref(s);
	stanza_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_hash_as_the_document_says),
		cmocka_unit_test(a_feature_that_begins_another_one_comes_first),
	};

	return RUN(tests);
}
