/* The stanzas the desk makes, byte for byte, as docs/live-chat-protocol.md shows them. */
#include "tests/support/check.h"

#include "actors/desk/notice.h"
#include "xmpp/parser.h"

static struct builder *builder;
static struct xml_pool *pool;

static int setup(void **state)
{
	(void)state;
	builder = builder_new();
	pool = xml_pool_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	builder_free(builder);
	xml_pool_free(pool);
	return 0;
}

static struct stanza *parsed(const char *xml)
{
	static const struct xml_limits no_limits;
	struct stanza *s = NULL;

	assert_int_equal(xml_parse_document(pool, span_of(xml), &no_limits, &s), STREAM_ERROR_NONE);
	return s;
}

/* Takes s. */
static void assert_xml(struct stanza *s, const char *expected)
{
	struct buf out = BUF_INIT;
	char *text;

	stanza_write(&out, s, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	text = buf_take_text(&out);
	assert_string_equal(text, expected);
	free(text);
	stanza_unref(s);
}

static void a_leaving_is_readable_by_people_and_programs(void **state)
{
	char *body = notice_disconnected_body("timeout", 1767225600123456u);
	struct notice n = { .id = "c-1-n1", .kind = "visitor-disconnected", .conversation = "c-1", .epoch = 3, .reason = "timeout",
			    .at_us = 1767225600123456u, .hold_s = 30, .body = body, .gone = true };

	(void)state;
	assert_xml(notice_message(builder, &n),
		   "<message type='chat' id='c-1-n1'><thread>c-1</thread>"
		   "<body>【系统】访客已断开连接（00:00:00 UTC，连接中断）\nThe visitor has disconnected (00:00:00 UTC, connection lost).</body>"
		   "<gone xmlns='http://jabber.org/protocol/chatstates'/>"
		   "<event xmlns='urn:switchboard:desk:1' kind='visitor-disconnected' conversation='c-1' epoch='3' reason='timeout' "
		   "at='2026-01-01T00:00:00.123Z' hold='30'/><no-store xmlns='urn:xmpp:hints'/></message>");
	free(body);
}

static void a_message_without_stamp_is_passed_on_as_it_is(void **state)
{
	struct stanza *m = parsed("<message xmlns='jabber:client' id='1'><body>hi</body></message>");
	const struct notice_stamp stamp = { 0 };
	struct stanza *same = notice_stamped(builder, m, &stamp);

	(void)state;
	assert_ptr_equal(same, m);
	stanza_unref(same);
	stanza_unref(m);
}

static void a_stamp_says_seat_conversation_and_delay_and_removes_forgeries(void **state)
{
	struct stanza *m = parsed("<message xmlns='jabber:client' id='1' type='chat' xml:lang='zh'><body>&lt;hi&gt;</body>"
				  "<assigned xmlns='urn:switchboard:desk:1' seat='forged@a.test'/><x xmlns='y'><z/></x></message>");
	struct notice_stamp stamp = { .conversation = "c-1", .epoch = 2, .seat = SPAN_LIT("alice@a.test"), .robots_failed = 2,
				      .domain = SPAN_LIT("a.test"), .delay_us = 1767225600000000u };

	(void)state;
	assert_xml(notice_stamped(builder, m, &stamp),
		   "<message type='chat' id='1' xml:lang='zh'><body>&lt;hi&gt;</body><x xmlns='y'><z/></x>"
		   "<assigned xmlns='urn:switchboard:desk:1' seat='alice@a.test' conversation='c-1' epoch='2' robots-failed='2'/>"
		   "<delay xmlns='urn:xmpp:delay' from='a.test' stamp='2026-01-01T00:00:00.000Z'/></message>");
	stanza_unref(m);
}

static void a_roster_has_exactly_one_item(void **state)
{
	const struct notice_item item = { SPAN_LIT("alice@a.test"), SPAN_LIT("alice"), "客服", false };
	const struct notice_item gone = { SPAN_LIT("bob@a.test"), SPAN_NONE, NULL, true };
	struct stanza *get = parsed("<iq xmlns='jabber:client' type='get' id='getmyroster'><query xmlns='jabber:iq:roster'/></iq>");

	(void)state;
	assert_xml(notice_roster_result(builder, get, SPAN_NONE, SPAN_LIT("v1@a.test/t"), &item),
		   "<iq to='v1@a.test/t' type='result' id='getmyroster'><query xmlns='jabber:iq:roster'>"
		   "<item jid='alice@a.test' name='alice' subscription='both'><group>客服</group></item></query></iq>");
	assert_xml(notice_roster_push(builder, "p", &gone),
		   "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='bob@a.test' subscription='remove'/></query></iq>");
	stanza_unref(get);
}

static void the_desk_is_a_workgroup(void **state)
{
	struct stanza *get = parsed("<iq xmlns='jabber:client' type='get' id='i'>"
				    "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>");

	(void)state;
	assert_xml(notice_desk_info(builder, get, SPAN_LIT("desk@a.test"), SPAN_LIT("v1@a.test/t"), "desk"),
		   "<iq from='desk@a.test' to='v1@a.test/t' type='result' id='i'>"
		   "<query xmlns='http://jabber.org/protocol/disco#info'>"
		   "<identity category='collaboration' type='workgroup' name='desk'/>"
		   "<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/chatstates'/>"
		   "<feature var='urn:switchboard:desk:1'/></query></iq>");
	stanza_unref(get);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_leaving_is_readable_by_people_and_programs),
		T(a_message_without_stamp_is_passed_on_as_it_is),
		T(a_stamp_says_seat_conversation_and_delay_and_removes_forgeries),
		T(a_roster_has_exactly_one_item),
		T(the_desk_is_a_workgroup),
	};

	return RUN(tests);
}
