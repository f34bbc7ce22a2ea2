/* Seats away, robots instead: redirecting, sharing, dying, returning. */
#include "tests/unit/actors/desk/world.h"

static int setup(void **state)
{
	(void)state;
	world_begin(NULL, 1, "robots");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end();
	return 0;
}

static void again_with(const char *lines)
{
	world_end();
	world_begin(lines, 1, "robots");
}

static void a_message_to_a_seat_that_is_away_goes_to_a_robot_and_stays_there(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	assert_seen(1, "r1@a.test/bot", "<message from='v1@a.test/tab' to='r1@a.test/bot' type='chat' id='1'>");
	assert_seen(1, "r1@a.test/bot", "<assigned xmlns='urn:switchboard:desk:1' seat='alice@a.test' conversation='c-");
	assert_seen(1, "r1@a.test/bot", "epoch='1'");
	assert_seen(0, "r1@a.test/bot", "<delay");
	assert_seen(1, "v1@a.test/tab", "<item jid='r1@a.test'");
	answers("r1@a.test/bot", "v1@a.test/tab", "a");
	assert_seen(1, "v1@a.test", "<message from='r1@a.test/seat' to='v1@a.test' type='chat' id='a'>");
	assert_true(find("v1@a.test/tab", "<item jid='r1@a.test'") < find("v1@a.test", "id='a'"));
	comes("r2@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("r1@a.test", "1 2"));
	assert_true(got("r2@a.test", ""));
}

static void when_the_seat_is_back_the_next_message_is_the_seats(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	assert_true(got("alice@a.test", ""));
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("alice@a.test", "1 2")); /* 1 had no answer yet: it comes along */
	assert_true(got("r1@a.test", "1"));
	assert_true(got("bob@a.test", ""));
	answers("r1@a.test/bot", "v1@a.test", "late");
	assert_true(got("v1@a.test", ""));
	assert_seen(1, "r1@a.test/bot", "already taken by alice");
}

static void a_full_seat_that_is_back_leaves_the_chat_with_the_robot(void **state)
{
	(void)state;
	again_with("sess-man/desk/capacity[I]=1\n");
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("alice@a.test/pc");
	says("v2@a.test/tab", "alice@a.test", "x");
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("alice@a.test", "x"));
	assert_true(got("r1@a.test", "1 2"));
}

/* Nobody was there, so a robot got them: one who named no seat, and one whose seat does not come. */
static void a_robots_visitor_gets_whichever_seat_comes(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "desk@a.test", "1");
	answers("r1@a.test/bot", "v1@a.test", "a");
	says("v2@a.test/tab", "alice@a.test", "x");
	assert_true(got("r1@a.test", "1 x"));
	comes("carol@b.test/pc"); /* of another tenant */
	says("v1@a.test/tab", "desk@a.test", "2");
	assert_true(got("r1@a.test", "1 x 2"));
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "")); /* not in the middle of the robot's work */
	says("v1@a.test/tab", "desk@a.test", "3");
	assert_true(got("bob@a.test", "2 3"));
	assert_seen(1, "bob@a.test", "kind='assigned'");
	assert_seen(1, "bob@a.test", "reason='seat-came'");
	assert_seen(1, "v1@a.test/tab", "<item jid='bob@a.test'");
	says("v2@a.test/tab", "alice@a.test", "y");
	assert_true(got("bob@a.test", "2 3 x y"));
	assert_true(got("r1@a.test", "1 x 2"));
	answers("r1@a.test/bot", "v1@a.test", "late");
	assert_seen(1, "r1@a.test/bot", "already taken by bob");
	assert_true(got("carol@b.test", ""));
}

static void a_robots_visitor_goes_to_its_own_seat_before_others(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "bob@a.test", "1");
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "bob@a.test", "2");
	assert_true(got("bob@a.test", "1 2"));
	assert_seen(1, "bob@a.test", "reason='seat-returned'");
	assert_true(got("alice@a.test", ""));
}

static void a_seat_that_takes_nobody_leaves_a_robots_visitor_alone(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "desk@a.test", "1");
	seat_state("bob@a.test", "bob@a.test/pc", false, AGENT_SIGNED_OUT);
	says("v1@a.test/tab", "desk@a.test", "2");
	assert_true(got("r1@a.test", "1 2"));
	comes("bob@a.test/pc");
	signs_out("bob@a.test");
	says("v1@a.test/tab", "desk@a.test", "3");
	assert_true(got("r1@a.test", "1 2 3"));
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "desk@a.test", "4");
	assert_true(got("bob@a.test", "1 2 3 4"));
}

static void offered_chats_move_when_the_seat_answers(void **state)
{
	(void)state;
	again_with("sess-man/desk/on-return=offer\n");
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	comes("alice@a.test/pc");
	assert_seen(1, "alice@a.test", "kind='offer'");
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("r1@a.test", "1 2"));
	answers("alice@a.test/pc", "v1@a.test", "a");
	assert_true(got("v1@a.test", "a"));
	says("v1@a.test/tab", "alice@a.test", "3");
	assert_true(got("alice@a.test", "1 2 3") || got("alice@a.test", "3"));
	assert_true(got("r1@a.test", "1 2"));
}

static void with_never_the_robot_keeps_the_chat(void **state)
{
	(void)state;
	again_with("sess-man/desk/on-return=never\n");
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "2");
	answers("alice@a.test/pc", "v1@a.test", "a");
	assert_true(got("r1@a.test", "1 2"));
	assert_true(got("v1@a.test", ""));
	assert_seen(1, "alice@a.test/pc", "already taken by r1");
}

static void robots_share_the_load(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	comes("r2@a.test/bot");
	comes("r3@a.test/bot");
	for (unsigned i = 0; i < 9; i++) {
		char who[32];

		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i);
		says(who, "alice@a.test", "m");
	}
	assert_seen(3, "r1@a.test", "<body>");
	assert_seen(3, "r2@a.test", "<body>");
	assert_seen(3, "r3@a.test", "<body>");
}

static void unanswered_messages_of_a_dead_robot_are_replayed_in_order(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("r1@a.test/bot", "v1@a.test", "a1");
	comes("r2@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "2");
	says("v1@a.test/tab", "alice@a.test", "3");
	forget();
	line_lost("r1@a.test");
	assert_true(got("r2@a.test", "2 3"));
	assert_seen(2, "r2@a.test", "<delay xmlns='urn:xmpp:delay' from='a.test' stamp='2026-");
	assert_seen(2, "r2@a.test", "epoch='2'");
	assert_seen(1, "v1@a.test/tab", "<item jid='r2@a.test'");
	comes("r1@a.test/bot");
	answers("r1@a.test/bot", "v1@a.test", "late");
	assert_seen(1, "r1@a.test/bot", "already taken by r2");
	answers("r2@a.test/bot", "v1@a.test", "a2");
	assert_true(got("v1@a.test", "a2"));
	says("v1@a.test/tab", "alice@a.test", "4");
	assert_true(got("r2@a.test", "2 3 4"));
	assert_true(got("r1@a.test", ""));
}

static void a_quiet_conversation_of_a_dead_robot_moves_at_the_next_word(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	comes("r2@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("r1@a.test/bot", "v1@a.test", "a1");
	forget();
	signs_out("r1@a.test");
	assert_true(got("r2@a.test", ""));
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("r2@a.test", "2"));
}

static void a_silent_robot_loses_the_chat_after_its_deadline(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("r2@a.test/bot");
	run(29000);
	assert_true(got("r2@a.test", ""));
	run(1200);
	assert_true(got("r2@a.test", "1"));
	answers("r1@a.test/bot", "v1@a.test", "late");
	assert_true(got("v1@a.test", ""));
}

static void a_typing_robot_is_not_dead(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("r2@a.test/bot");
	for (int i = 0; i < 3; i++) {
		run(25000);
		to_visitor("r1@a.test/bot", "v1@a.test", "<message xmlns='jabber:client' type='chat'>"
			   "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
	}
	run(25000);
	assert_true(got("r2@a.test", ""));
	answers("r1@a.test/bot", "v1@a.test", "a");
	run(60000);
	assert_true(got("r2@a.test", ""));
}

static void after_two_robots_no_third_sees_the_message(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	comes("r2@a.test/bot");
	comes("r3@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "poison");
	line_lost("r1@a.test");
	line_lost("r2@a.test");
	assert_true(got("r1@a.test", "poison"));
	assert_true(got("r2@a.test", "poison"));
	assert_true(got("r3@a.test", ""));
	run(0);
	assert_seen(1, "v1@a.test", "kind='message-left'");
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("r1@a.test", "poison"));
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "poison 2"));
	assert_seen(1, "bob@a.test", "robots-failed='2'");
}

static void with_a_seat_there_the_second_failure_goes_to_it(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	comes("r2@a.test/bot");
	comes("r3@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("bob@a.test/pc");
	line_lost("r1@a.test");
	assert_true(got("r2@a.test", "1"));
	assert_true(got("bob@a.test", ""));
	line_lost("r2@a.test");
	assert_true(got("bob@a.test", "1"));
}

static void the_only_robot_gets_again_what_it_lost_in_a_restart(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	line_lost("r1@a.test");
	run(0);
	assert_seen(1, "v1@a.test", "kind='message-left'");
	comes("r1@a.test/bot");
	assert_true(got("r1@a.test", "1 1"));
	answers("r1@a.test/bot", "v1@a.test", "a");
	assert_true(got("v1@a.test", "a"));
	assert_int_equal(rows("robots", "a.test"), 0);
}

static void a_robot_that_comes_takes_waiting_visitors_who_are_still_there(void **state)
{
	(void)state;
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v2@a.test/tab", "alice@a.test", "2");
	visitor("v2@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	says("v3@b.test/tab", "carol@b.test", "3");
	comes("r1@a.test/bot");
	assert_true(got("r1@a.test", "1"));
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "2"));
	answers("r1@a.test/bot", "v1@a.test", "a");
	answers("bob@a.test/pc", "v2@a.test", "b");
	comes("carol@b.test/pc");
	answers("carol@b.test/pc", "v3@b.test", "c");
	run(10);
	assert_int_equal(rows("robots", "a.test") + rows("robots", "b.test"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_message_to_a_seat_that_is_away_goes_to_a_robot_and_stays_there),
		T(when_the_seat_is_back_the_next_message_is_the_seats),
		T(a_full_seat_that_is_back_leaves_the_chat_with_the_robot),
		T(a_robots_visitor_gets_whichever_seat_comes),
		T(a_robots_visitor_goes_to_its_own_seat_before_others),
		T(a_seat_that_takes_nobody_leaves_a_robots_visitor_alone),
		T(offered_chats_move_when_the_seat_answers),
		T(with_never_the_robot_keeps_the_chat),
		T(robots_share_the_load),
		T(unanswered_messages_of_a_dead_robot_are_replayed_in_order),
		T(a_quiet_conversation_of_a_dead_robot_moves_at_the_next_word),
		T(a_silent_robot_loses_the_chat_after_its_deadline),
		T(a_typing_robot_is_not_dead),
		T(after_two_robots_no_third_sees_the_message),
		T(with_a_seat_there_the_second_failure_goes_to_it),
		T(the_only_robot_gets_again_what_it_lost_in_a_restart),
		T(a_robot_that_comes_takes_waiting_visitors_who_are_still_there),
	};

	return RUN(tests);
}
