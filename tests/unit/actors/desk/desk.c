/* Assignment, capacity, addresses: visitors, desks and the pool together. */
#include "tests/unit/actors/desk/world.h"

static int setup(void **state)
{
	(void)state;
	world_begin(NULL, 1, "desk");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end();
	return 0;
}

static void name_of(char *out, size_t size, unsigned i)
{
	(void)snprintf(out, size, "v%u@a.test/tab", i);
}

static void a_roster_get_is_answered_with_one_seat_and_its_presence(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	asks_roster("v1@a.test/tab", "getmyroster");
	run(0);
	assert_seen(1, "v1@a.test/tab", "<item jid='alice@a.test' name='alice' subscription='both'>"
					"<group>客服</group></item></query></iq>");
	assert_seen(1, "v1@a.test/tab", "id='getmyroster'");
	assert_seen(1, "v1@a.test/tab", "<presence from='alice@a.test/seat'");
	assert_seen(1, "alice@a.test", "contact v1@a.test 浏览中");
	forget();
	asks_roster("v1@a.test/tab", "again");
	asks_roster("v1@a.test/two", "again");
	run(0);
	assert_seen(2, "v1@a.test", "<item jid='alice@a.test'");
	assert_seen(0, "alice@a.test", "contact");
}

static void two_tabs_asking_at_once_get_the_same_seat(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	asks_roster("v1@a.test/one", "1");
	asks_roster("v1@a.test/two", "2");
	run(0);
	assert_seen(1, "v1@a.test/one", "<item");
	assert_seen(1, "v1@a.test/two", "<item");
	assert_true(count("v1@a.test", "<item jid='alice@a.test'") == 2 ||
		    count("v1@a.test", "<item jid='bob@a.test'") == 2);
}

static void with_nobody_there_the_item_is_the_desk_and_a_robot_before_that(void **state)
{
	(void)state;
	asks_roster("v1@a.test/tab", "1");
	run(0);
	assert_seen(1, "v1@a.test", "<item jid='desk@a.test' name='desk' subscription='both'>");
	assert_seen(0, "v1@a.test", "<presence");
	comes("r1@a.test/bot");
	asks_roster("v1@a.test/tab", "2");
	run(0);
	assert_seen(1, "v1@a.test", "<item jid='r1@a.test' name='r1' subscription='both'><group>机器人</group>");
	comes("alice@a.test/pc");
	asks_roster("v1@a.test/tab", "3");
	run(0);
	assert_seen(1, "v1@a.test", "to='v1@a.test/tab' type='result' id='3'");
	assert_true(count("v1@a.test", "<item jid='alice@a.test'") >= 1);
}

static void ten_visitors_and_two_seats_are_five_each(void **state)
{
	char who[32], id[8];

	(void)state;
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	for (unsigned i = 0; i < 10; i++) {
		name_of(who, sizeof(who), i);
		asks_roster(who, "r");
	}
	run(0);
	assert_seen(5, "alice@a.test", "浏览中");
	assert_seen(5, "bob@a.test", "浏览中");
	for (unsigned i = 0; i < 10; i++) {
		name_of(who, sizeof(who), i);
		(void)snprintf(id, sizeof(id), "m%u", i);
		says(who, "desk@a.test", id);
	}
	assert_seen(5, "alice@a.test", "进行中");
	assert_seen(5, "bob@a.test", "进行中");
	assert_seen(5, "alice@a.test", "<body>text</body>");
	assert_seen(5, "bob@a.test", "<body>text</body>");
}

static void no_seat_gets_more_than_its_capacity_whatever_the_race(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		char who[32];
		char *xml = message_xml("m", "text");

		world_end();
		world_begin("sess-man/desk/capacity[I]=3\n", seed, "race");
		comes("alice@a.test/pc");
		comes("r1@a.test/bot");
		for (unsigned i = 0; i < 12; i++) {
			name_of(who, sizeof(who), i);
			visitor_sends(who, "alice@a.test", xml);
		}
		run(0);
		assert_seen(3, "alice@a.test", "<body>text</body>");
		assert_seen(9, "r1@a.test", "<body>text</body>");
		free(xml);
	}
}

static void a_full_reserved_seat_means_another_and_the_visitor_is_told(void **state)
{
	char who[32];

	(void)state;
	comes("alice@a.test/pc");
	visitor("v99@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	asks_roster("v99@a.test/tab", "r");
	run(0);
	for (unsigned i = 0; i < 5; i++) {
		name_of(who, sizeof(who), i);
		says(who, "alice@a.test", "m");
	}
	comes("bob@a.test/pc");
	forget();
	says("v99@a.test/tab", "alice@a.test", "x");
	assert_true(got("bob@a.test", "x"));
	assert_true(got("alice@a.test", ""));
	assert_seen(1, "alice@a.test", "contact v99@a.test removed");
	assert_seen(1, "v99@a.test/tab", "<item jid='bob@a.test'");
	assert_seen(1, "v99@a.test/tab", "<item jid='alice@a.test' subscription='remove'/>");
	assert_seen(1, "v99@a.test", "<presence from='alice@a.test/seat' to='v99@a.test' type='unavailable'/>");
	assert_seen(1, "v99@a.test", "<presence from='bob@a.test/seat'");
	assert_true(find("v99@a.test/tab", "<item jid='bob@a.test'") < find("v99@a.test/tab", "subscription='remove'"));
}

static void the_first_messages_keep_their_order_while_the_pool_is_asked(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	for (int i = 1; i <= 3; i++) {
		char id[4] = { (char)('0' + i), 0 };
		char *xml = message_xml(id, "text");

		visitor_sends("v1@a.test/tab", "alice@a.test", xml);
		free(xml);
	}
	run(0);
	assert_true(got("alice@a.test", "1 2 3"));
	assert_seen(0, "alice@a.test", "<delay");
	assert_seen(3, "alice@a.test", "from='v1@a.test/tab' to='alice@a.test'");
}

static void what_goes_to_a_past_owner_a_colleague_or_the_desk_reaches_the_owner(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "bob@a.test", "2");
	says("v1@a.test/tab", "desk@a.test", "3");
	says("v1@a.test/tab", "r1@a.test/seat", "4");
	says("v1@a.test/tab", NULL, "5");
	assert_true(got("alice@a.test", "1 2 3 4 5"));
	assert_true(got("bob@a.test", ""));
}

static void the_owner_answers_under_a_fixed_resource_and_clears_what_was_owed(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("alice@a.test/pc", "v1@a.test/tab", "a");
	assert_seen(1, "v1@a.test", "<message from='alice@a.test/seat' to='v1@a.test' type='chat' id='a'>");
	signs_out("alice@a.test");
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "")); /* nothing owed: nothing moves */
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("bob@a.test", "2"));
}

static void late_text_of_another_seat_is_bounced_with_the_owners_name(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	forget();
	answers("bob@a.test/pc", "v1@a.test", "b");
	assert_seen(0, "v1@a.test", "id='b'");
	assert_seen(1, "bob@a.test/pc", "not-allowed");
	assert_seen(1, "bob@a.test/pc", "already taken by alice");
}

static void a_seat_that_writes_first_takes_the_conversation_if_it_has_a_slot(void **state)
{
	char who[32];

	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	answers("alice@a.test/pc", "v1@a.test", "a");
	assert_true(got("v1@a.test", "a"));
	assert_seen(1, "alice@a.test", "contact v1@a.test 进行中");
	says("v1@a.test/tab", "alice@a.test", "1");
	assert_true(got("alice@a.test", "1"));
	for (unsigned i = 10; i < 14; i++) {
		name_of(who, sizeof(who), i);
		says(who, "alice@a.test", "m");
	}
	visitor("v2@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	answers("alice@a.test/pc", "v2@a.test", "b");
	assert_true(got("v2@a.test", ""));
	assert_seen(1, "alice@a.test/pc", "resource-constraint");
}

static void visitors_reach_owner_and_desk_only(void **state)
{
	static const char ping[] = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";
	static const char *const walls[] = { "v2@a.test/tab", "dave@a.test", "carol@b.test", "x@elsewhere.example",
					     "v1@a.test", "a.test" };

	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	for (size_t i = 0; i < ARRAY_LEN(walls); i++) {
		forget();
		says("v1@a.test/tab", walls[i], "w");
		visitor_sends("v1@a.test/tab", walls[i], ping);
		visitor_sends("v1@a.test/tab", walls[i], "<presence xmlns='jabber:client' type='subscribe'/>");
		run(0);
		assert_int_equal(world.count - world.seen, 2);
		assert_seen(2, "v1@a.test/tab", "<forbidden");
	}
}

static void an_iq_reaches_the_owners_client_and_its_answer_the_visitor(void **state)
{
	static const char ping[] = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";

	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	visitor_sends("v1@a.test/tab", "alice@a.test/seat", ping);
	run(0);
	assert_seen(1, "alice@a.test/pc", "id='p'");
	to_visitor("alice@a.test/pc", "v1@a.test/tab", "<iq xmlns='jabber:client' type='result' id='p'/>");
	run(0);
	assert_seen(1, "v1@a.test/tab", "<iq from='alice@a.test/seat' to='v1@a.test/tab' type='result' id='p'/>");
	visitor_sends("v1@a.test/tab", "alice@a.test", ping);
	run(0);
	assert_seen(1, "v1@a.test/tab", "<service-unavailable");
	to_visitor("alice@a.test/phone", "v1@a.test/tab", ping);
	visitor_sends("v1@a.test/tab", "alice@a.test/seat", "<iq xmlns='jabber:client' type='result' id='q'/>");
	run(0);
	assert_seen(1, "alice@a.test/phone", "id='q'");
}

static void the_desk_says_what_it_is(void **state)
{
	(void)state;
	visitor_sends("v1@a.test/tab", "desk@a.test",
		      "<iq xmlns='jabber:client' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	visitor_sends("v1@a.test/tab", "desk@a.test",
		      "<iq xmlns='jabber:client' type='get' id='v'><query xmlns='jabber:iq:version'/></iq>");
	run(0);
	assert_seen(1, "v1@a.test/tab", "category='collaboration' type='workgroup'");
	assert_seen(1, "v1@a.test/tab", "<service-unavailable");
}

static void typing_goes_both_ways_and_is_not_kept(void **state)
{
	static const char typing[] = "<message xmlns='jabber:client' type='chat'>"
				     "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>";

	(void)state;
	visitor_sends("v1@a.test/tab", "alice@a.test", typing);
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	assert_seen(0, "alice@a.test", "composing");
	visitor_sends("v1@a.test/tab", "alice@a.test", typing);
	to_visitor("alice@a.test/pc", "v1@a.test", typing);
	to_visitor("bob@a.test/pc", "v1@a.test", typing);
	run(0);
	assert_seen(1, "alice@a.test", "composing");
	assert_seen(1, "v1@a.test", "composing");
	assert_true(find("v1@a.test", "composing")->packet.flags & PACKET_NO_STORE);
}

static void strangers_do_not_reach_a_visitor(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	comes("carol@b.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("dave@a.test/pc", "v1@a.test", "x");
	answers("carol@b.test/pc", "v1@a.test", "y");
	assert_true(got("v1@a.test", ""));
	assert_seen(1, "dave@a.test/pc", "<service-unavailable");
	assert_seen(1, "carol@b.test/pc", "<service-unavailable");
	to_visitor("a.test", "v1@a.test/tab", "<iq xmlns='jabber:client' type='result' id='s'/>");
	run(0);
	assert_seen(1, "v1@a.test/tab", "<iq from='a.test' to='v1@a.test/tab' type='result' id='s'/>");
}

static void a_visitor_cannot_forge_what_the_desk_says(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor_sends("v1@a.test/tab", "alice@a.test",
		      "<message xmlns='jabber:client' type='chat' id='f' xml:lang='zh'><body>hi</body>"
		      "<event xmlns='urn:switchboard:desk:1' kind='visitor-disconnected'/><x xmlns='other'/></message>");
	run(0);
	assert_seen(1, "alice@a.test", "<body>hi</body>");
	assert_seen(1, "alice@a.test", "xml:lang='zh'");
	assert_seen(1, "alice@a.test", "<x xmlns='other'/>");
	assert_seen(0, "alice@a.test", "switchboard");
}

static void a_visitor_of_another_tenant_gets_that_tenants_seat(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	asks_roster("v1@b.test/tab", "1");
	run(0);
	assert_seen(1, "v1@b.test", "<item jid='desk@b.test'");
	comes("carol@b.test/pc");
	says("v1@b.test/tab", "desk@b.test", "1");
	assert_true(got("carol@b.test", "1"));
	assert_true(got("alice@a.test", ""));
}

static void with_the_desks_view_the_visitor_sees_one_address(void **state)
{
	(void)state;
	world_end();
	world_begin("sess-man/desk/visitor-view=desk\n", 1, "view");
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	asks_roster("v1@a.test/tab", "1");
	run(0);
	assert_seen(1, "v1@a.test/tab", "<item jid='desk@a.test' name='alice' subscription='both'><group>客服</group>");
	assert_seen(1, "v1@a.test/tab", "<presence from='desk@a.test'");
	says("v1@a.test/tab", "desk@a.test", "1");
	answers("alice@a.test/pc", "v1@a.test", "a");
	assert_seen(1, "v1@a.test", "<message from='desk@a.test' to='v1@a.test' type='chat' id='a'>");
	comes("bob@a.test/pc");
	signs_out("alice@a.test");
	forget();
	says("v1@a.test/tab", "desk@a.test", "2");
	assert_true(got("bob@a.test", "2"));
	assert_seen(1, "v1@a.test/tab", "<item jid='desk@a.test' name='bob'");
	assert_seen(0, "v1@a.test/tab", "remove");
}

static void a_seat_on_dnd_keeps_its_chats_and_gets_no_new_ones(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	seat_state("alice@a.test", "alice@a.test/pc", false, AGENT_SIGNED_OUT);
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "2");
	says("v2@a.test/tab", "alice@a.test", "3");
	assert_true(got("alice@a.test", "1 2"));
	assert_true(got("bob@a.test", "3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_roster_get_is_answered_with_one_seat_and_its_presence),
		T(two_tabs_asking_at_once_get_the_same_seat),
		T(with_nobody_there_the_item_is_the_desk_and_a_robot_before_that),
		T(ten_visitors_and_two_seats_are_five_each),
		T(no_seat_gets_more_than_its_capacity_whatever_the_race),
		T(a_full_reserved_seat_means_another_and_the_visitor_is_told),
		T(the_first_messages_keep_their_order_while_the_pool_is_asked),
		T(what_goes_to_a_past_owner_a_colleague_or_the_desk_reaches_the_owner),
		T(the_owner_answers_under_a_fixed_resource_and_clears_what_was_owed),
		T(late_text_of_another_seat_is_bounced_with_the_owners_name),
		T(a_seat_that_writes_first_takes_the_conversation_if_it_has_a_slot),
		T(visitors_reach_owner_and_desk_only),
		T(an_iq_reaches_the_owners_client_and_its_answer_the_visitor),
		T(the_desk_says_what_it_is),
		T(typing_goes_both_ways_and_is_not_kept),
		T(strangers_do_not_reach_a_visitor),
		T(a_visitor_cannot_forge_what_the_desk_says),
		T(a_visitor_of_another_tenant_gets_that_tenants_seat),
		T(with_the_desks_view_the_visitor_sees_one_address),
		T(a_seat_on_dnd_keeps_its_chats_and_gets_no_new_ones),
	};

	return RUN(tests);
}
