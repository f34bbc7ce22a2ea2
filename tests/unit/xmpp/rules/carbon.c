#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/parser.h"
#include "xmpp/rules/carbon.h"

#define BODY "<body>x</body>"
#define CHATSTATE "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
#define RECEIPT "<received xmlns='urn:xmpp:receipts' id='1'/>"
#define MARKER "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"
#define ROOM "http://jabber.org/protocol/muc#user"
#define ERROR "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

/* XEP-0280 6.1 and 9, rule by rule. */
static const struct {
	const char *type, *children;
	bool received, sent;
} rows[] = {
	{ "chat", BODY, true, true },
	{ "chat", "", true, true },
	{ "chat", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>", true, true },
	{ "normal", BODY, true, true },
	{ NULL, BODY, true, true },
	{ "odd", BODY, true, true },
	{ "normal", "", false, false },
	{ "normal", "<x xmlns='jabber:x:data'/>", false, false },
	{ "normal", "<body/>", false, false },
	{ "normal", CHATSTATE, true, true },
	{ "normal", RECEIPT, true, true },
	{ "normal", "<request xmlns='urn:xmpp:receipts'/>", true, true },
	{ "normal", MARKER, true, true },
	{ "headline", BODY, false, false },
	{ "headline", RECEIPT, true, true },
	{ "groupchat", BODY, false, false },
	{ "groupchat", BODY CHATSTATE, false, false },
	/* what its sender keeps apart */
	{ "chat", BODY "<private xmlns='urn:xmpp:carbons:2'/>", false, false },
	{ "chat", "<private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/>" BODY, false, false },
	{ "chat", BODY "<no-copy xmlns='urn:xmpp:hints'/>", false, false },
	{ "chat", BODY "<no-store xmlns='urn:xmpp:hints'/>", true, true },
	{ "chat", BODY "<private xmlns='urn:other'/>", true, true },
	/* a copy is not copied */
	{ "chat", "<received xmlns='urn:xmpp:carbons:2'/>", false, false },
	{ "chat", "<sent xmlns='urn:xmpp:carbons:2'/>", false, false },
	/* errors: what they are about decides */
	{ "error", BODY ERROR, true, true },
	{ "error", RECEIPT ERROR, true, true },
	{ "error", ERROR, false, false },
	{ "error", BODY "<private xmlns='urn:xmpp:carbons:2'/>" ERROR, false, false },
	/* rooms */
	{ "normal", "<x xmlns='jabber:x:conference' jid='room@rooms.example'/>", true, true },
	{ "normal", "<x xmlns='" ROOM "'><invite/></x>", true, true },
	{ "chat", BODY "<x xmlns='" ROOM "'/>", false, true },
	{ "normal", "<x xmlns='" ROOM "'><status code='100'/></x>", false, false },
};

static void each_message_is_copied_or_not_as_the_xep_says(void **state)
{
	static const struct xml_limits no_limits;
	struct xml_pool *xml = xml_pool_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text = BUF_INIT;
		struct stanza *s = NULL;

		buf_addf(&text, "<message xmlns='jabber:client'%s%s%s>%s</message>", rows[i].type ? " type='" : "",
			 rows[i].type ? rows[i].type : "", rows[i].type ? "'" : "", rows[i].children);
		assert_int_equal(xml_parse_document(xml, buf_span(&text), &no_limits, &s), STREAM_ERROR_NONE);
		if (carbon_is_eligible(s, CARBON_RECEIVED) != rows[i].received)
			fail_msg("row %zu received: %s", i, rows[i].children);
		if (carbon_is_eligible(s, CARBON_SENT) != rows[i].sent)
			fail_msg("row %zu sent: %s", i, rows[i].children);
		stanza_unref(s);
		buf_fini(&text);
	}
	xml_pool_free(xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_is_copied_or_not_as_the_xep_says),
	};

	return RUN(tests);
}
