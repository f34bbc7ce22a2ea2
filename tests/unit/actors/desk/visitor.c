/* Visitors leave and return: graces, notices, slots, with the clock of the simulation. */
#include "tests/unit/actors/desk/world.h"

#define LEFT_NOTICE "kind='visitor-disconnected'"
#define BACK_NOTICE "kind='visitor-returned'"

static int setup(void **state)
{
	(void)state;
	world_begin(NULL, 1, "visitor");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end();
	return 0;
}

static void talk(void)
{
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("alice@a.test/pc", "v1@a.test", "a");
	forget();
}

static void a_lost_line_is_told_once_after_the_grace(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_SOCKET_LOST);
	run(9900);
	assert_int_equal(world.count, world.seen);
	run(300);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	assert_seen(1, "alice@a.test", "<message from='v1@a.test' to='alice@a.test' type='chat' id='c-");
	assert_seen(1, "alice@a.test", "<thread>c-");
	assert_seen(1, "alice@a.test", "<body>【系统】访客已断开连接（");
	assert_seen(1, "alice@a.test", "The visitor has disconnected");
	assert_seen(1, "alice@a.test", "<gone xmlns='http://jabber.org/protocol/chatstates'/>");
	assert_seen(1, "alice@a.test", "reason='timeout'");
	assert_seen(1, "alice@a.test", "hold='30'");
	assert_seen(1, "alice@a.test", "<presence from='v1@a.test' to='alice@a.test' type='unavailable'/>");
	assert_seen(1, "alice@a.test", "contact v1@a.test 已离开");
	run(600000);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
}

static void a_refresh_is_silent(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_ABSENT, CLOSE_ERROR);
	run(2000);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_TERMINATE);
	run(2500);
	visitor("v1@a.test/next", VISITOR_ONLINE, CLOSE_ERROR);
	run(60000);
	visitor("v1@a.test/next", VISITOR_ABSENT, CLOSE_ERROR);
	run(9000);
	visitor("v1@a.test/next", VISITOR_PRESENT, CLOSE_ERROR);
	run(60000);
	assert_int_equal(world.count, world.seen);
	says("v1@a.test/next", "alice@a.test", "2");
	assert_true(got("alice@a.test", "2"));
}

static void the_grace_counts_from_the_silence_not_from_the_end_of_the_session(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_ABSENT, CLOSE_ERROR);
	run(4000);
	visitor("v1@a.test/tab", VISITOR_ABSENT, CLOSE_ERROR);
	run(5000);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_INACTIVITY);
	run(1200);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
}

static void a_session_that_ends_after_the_notice_is_no_second_leaving(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_ABSENT, CLOSE_ERROR);
	run(30000);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_INACTIVITY);
	run(60000);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
}

static void a_closed_stream_is_told_at_once_and_terminate_after_its_own_grace(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	assert_seen(1, "alice@a.test", "reason='closed'");
	assert_seen(1, "alice@a.test", "hold='0'");
	visitor("v2@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v2@a.test/tab", "alice@a.test", "1");
	visitor("v2@a.test/tab", VISITOR_LEFT, CLOSE_TERMINATE);
	run(2900);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	run(300);
	assert_seen(2, "alice@a.test", LEFT_NOTICE);
	assert_seen(1, "alice@a.test", "reason='terminated'");
}

static void a_reserved_seat_is_told_too_and_the_visitor_forgotten(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	asks_roster("v1@a.test/tab", "r");
	run(0);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_SOCKET_LOST);
	run(11000);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	assert_seen(1, "alice@a.test", "contact v1@a.test removed");
	forget();
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	assert_int_equal(world.count, world.seen);
}

static void who_only_looked_at_the_page_is_nobodys_business(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_SOCKET_LOST);
	run(3600000);
	assert_int_equal(world.count, 0);
}

static void a_robot_is_told_that_its_visitor_left(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(1, "r1@a.test/bot", LEFT_NOTICE);
}

static void a_robot_that_was_only_shown_is_told_of_one_who_has_talked(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	visitor("v2@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("r1@a.test/bot", "v1@a.test/tab", "a");
	line_lost("r1@a.test");
	comes("r2@a.test/bot");
	asks_roster("v1@a.test/tab", "r");
	asks_roster("v2@a.test/tab", "r");
	run(0);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(1, "r2@a.test/bot", LEFT_NOTICE);
	visitor("v2@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(1, "r2@a.test/bot", LEFT_NOTICE);
}

static void whoever_takes_over_from_a_seat_is_told_once_too(void **state)
{
	(void)state;
	talk();
	says("v1@a.test/tab", "alice@a.test", "2");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	comes("bob@a.test/pc");
	signs_out("alice@a.test");
	run(0);
	assert_seen(1, "bob@a.test", LEFT_NOTICE);
	signs_out("bob@a.test");
	comes("alice@a.test/pc");
	run(0);
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	assert_seen(1, "bob@a.test", LEFT_NOTICE);
}

static void a_return_after_the_notice_is_told(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_SOCKET_LOST);
	run(20000);
	forget();
	visitor("v1@a.test/new", VISITOR_ONLINE, CLOSE_ERROR);
	assert_seen(1, "alice@a.test", BACK_NOTICE);
	assert_seen(1, "alice@a.test", "contact v1@a.test 进行中");
	assert_seen(1, "alice@a.test", "<presence from='v1@a.test' to='alice@a.test'/>");
	asks_roster("v1@a.test/new", "r");
	run(0);
	assert_seen(1, "v1@a.test/new", "<item jid='alice@a.test'");
}

static void after_the_hold_the_slot_is_anothers_and_the_return_may_be_one_over(void **state)
{
	(void)state;
	world_end();
	world_begin("sess-man/desk/capacity[I]=1\n", 1, "visitor");
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_SOCKET_LOST);
	says("v2@a.test/tab", "alice@a.test", "2");
	run(39500);
	assert_true(got("alice@a.test", ""));
	run(1000);
	assert_true(got("alice@a.test", "2"));
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "3");
	assert_true(got("alice@a.test", "2 3"));
	says("v3@a.test/tab", "alice@a.test", "4");
	answers("alice@a.test/pc", "v2@a.test", "a");
	assert_true(got("alice@a.test", "2 3"));
	/* two over never: a second one who returns waits */
	visitor("v2@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	run(0);
	assert_true(got("alice@a.test", "2 3"));
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_true(got("alice@a.test", "2 3 4"));
}

static void after_the_return_window_it_is_a_new_conversation(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	run(1799000);
	assert_seen(0, "alice@a.test", "removed");
	run(2000);
	assert_seen(1, "alice@a.test", "contact v1@a.test removed");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "bob@a.test", "2");
	assert_true(got("bob@a.test", "2"));
}

static void a_seat_can_write_to_a_visitor_who_left(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	answers("alice@a.test/pc", "v1@a.test", "b");
	assert_true(got("v1@a.test", "b"));
	assert_false(find("v1@a.test", "id='b'")->packet.flags & PACKET_NO_STORE);
}

static void a_notice_waits_for_a_seat_whose_line_is_lost_and_dies_with_the_return(void **state)
{
	(void)state;
	talk();
	line_lost("alice@a.test");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(0, "alice@a.test", LEFT_NOTICE);
	comes("alice@a.test/pc");
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	forget();
	line_lost("alice@a.test");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	comes("alice@a.test/pc");
	assert_seen(0, "alice@a.test", LEFT_NOTICE);
	assert_seen(0, "alice@a.test", BACK_NOTICE);
}

static void a_seat_whose_line_is_lost_hears_of_one_who_only_looked_too(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	asks_roster("v1@a.test/tab", "r");
	run(0);
	line_lost("alice@a.test");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_seen(0, "alice@a.test", LEFT_NOTICE);
	comes("alice@a.test/pc");
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	run(1000);
	assert_seen(1, "alice@a.test", "contact v1@a.test removed");
}

/* The seat's first word and the end of the visitor's stream cross: the word waits for the pool when the visitor, who had only
 * looked, leaves. */
static void what_a_seat_says_while_the_visitor_leaves_is_kept(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	asks_roster("v1@a.test/tab", "r");
	run(0);
	forget();
	world.lazy = true;
	answers("alice@a.test/pc", "v1@a.test", "a");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	world.lazy = false;
	run(0);
	assert_seen(1, "v1@a.test", "id='a'");
	assert_seen(1, "alice@a.test", LEFT_NOTICE);
	run(3600000);
	assert_int_equal(metric_read(METRIC_desk_conversations), 0);
}

static void the_oldest_of_too_many_left_conversations_is_closed(void **state)
{
	(void)state;
	world_end();
	world_begin("sess-man/desk/left-max[I]=1\n", 1, "visitor");
	comes("r1@a.test/bot");
	for (unsigned i = 0; i < 6; i++) {
		char who[32];

		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i);
		visitor(who, VISITOR_ONLINE, CLOSE_ERROR);
		says(who, "alice@a.test", "m");
		(void)snprintf(who, sizeof(who), "v%u@a.test", i);
		answers("r1@a.test/bot", who, "a");
	}
	for (unsigned i = 0; i < 6; i++) {
		char who[32];

		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i);
		visitor(who, VISITOR_LEFT, CLOSE_STREAM_END);
	}
	forget();
	/* of six, each of the two desks remembers one: for the others the robot is no owner any more */
	for (unsigned i = 0; i < 6; i++) {
		char who[32];

		(void)snprintf(who, sizeof(who), "v%u@a.test", i);
		answers("r1@a.test/bot", who, "b");
	}
	assert_seen(4, "r1@a.test", "not-allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_lost_line_is_told_once_after_the_grace),
		T(a_refresh_is_silent),
		T(the_grace_counts_from_the_silence_not_from_the_end_of_the_session),
		T(a_session_that_ends_after_the_notice_is_no_second_leaving),
		T(a_closed_stream_is_told_at_once_and_terminate_after_its_own_grace),
		T(a_reserved_seat_is_told_too_and_the_visitor_forgotten),
		T(who_only_looked_at_the_page_is_nobodys_business),
		T(a_robot_is_told_that_its_visitor_left),
		T(a_robot_that_was_only_shown_is_told_of_one_who_has_talked),
		T(whoever_takes_over_from_a_seat_is_told_once_too),
		T(a_return_after_the_notice_is_told),
		T(after_the_hold_the_slot_is_anothers_and_the_return_may_be_one_over),
		T(after_the_return_window_it_is_a_new_conversation),
		T(a_seat_can_write_to_a_visitor_who_left),
		T(a_notice_waits_for_a_seat_whose_line_is_lost_and_dies_with_the_return),
		T(a_seat_whose_line_is_lost_hears_of_one_who_only_looked_too),
		T(what_a_seat_says_while_the_visitor_leaves_is_kept),
		T(the_oldest_of_too_many_left_conversations_is_closed),
	};

	return RUN(tests);
}
