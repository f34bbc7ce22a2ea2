/* Seats lose their line, sign out, come back: what happens to their conversations. */
#include "tests/unit/actors/desk/world.h"

static int setup(void **state)
{
	(void)state;
	world_begin(NULL, 1, "owner");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end();
	return 0;
}

static void a_held_seat_gets_everything_on_its_return_and_nobody_else_does(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	line_lost("alice@a.test");
	says("v1@a.test/tab", "alice@a.test", "2");
	run(15000);
	says("v1@a.test/tab", "alice@a.test", "3");
	run(14000);
	forget();
	comes("alice@a.test/phone");
	assert_true(got("alice@a.test", "2 3"));
	assert_seen(2, "alice@a.test", "<delay");
	assert_seen(1, "alice@a.test", "contact v1@a.test 进行中");
	assert_seen(1, "alice@a.test", "<presence from='v1@a.test'");
	assert_true(got("bob@a.test", ""));
	assert_seen(0, "v1@a.test", "<iq");
	run(60000);
	assert_true(got("bob@a.test", ""));
}

static void what_died_with_the_line_is_given_again_in_order(void **state)
{
	struct record *one, *two;

	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v1@a.test/tab", "alice@a.test", "2");
	one = find("alice@a.test", "id='1'");
	two = find("alice@a.test", "id='2'");
	comes_back(two);
	line_lost("alice@a.test");
	comes_back(one);
	says("v1@a.test/tab", "alice@a.test", "3");
	run(5000);
	forget();
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "1 2 3"));
	comes_back(one); /* of the first delivery: known again, so given again */
	run(1100);
	assert_true(got("alice@a.test", "1 2 3 1"));
}

/* Whoever wrote to a visitor learns that it could not be kept: with its line lost for the moment, or no owner any more. */
static void a_refusal_goes_to_whoever_wrote_it(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("alice@a.test/pc", "v1@a.test", "2");
	line_lost("alice@a.test");
	cannot_be_kept("v1@a.test", "alice@a.test/seat", "2");
	assert_seen(1, "alice@a.test", "type='error'");
	run(60000); /* the hold */
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "3");
	run(1100);
	assert_seen(1, "bob@a.test", "id='3'");
	cannot_be_kept("v1@a.test", "alice@a.test/seat", "2");
	assert_seen(2, "alice@a.test", "type='error'");
	assert_seen(0, "bob@a.test", "type='error'");
}

static void after_the_hold_all_pending_moves_with_a_new_epoch(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("bob@a.test/pc");
	line_lost("alice@a.test");
	says("v1@a.test/tab", "alice@a.test", "2");
	run(29500);
	assert_true(got("bob@a.test", ""));
	forget();
	run(1000);
	assert_true(got("bob@a.test", "1 2"));
	assert_seen(1, "bob@a.test", "kind='assigned'");
	assert_seen(1, "bob@a.test", "epoch='2' reason='seat-disconnected'");
	assert_seen(1, "alice@a.test", "contact v1@a.test removed");
	assert_seen(1, "v1@a.test/tab", "<item jid='bob@a.test'");
	comes("alice@a.test/pc");
	answers("alice@a.test/pc", "v1@a.test", "late");
	assert_true(got("v1@a.test", ""));
	assert_seen(1, "alice@a.test/pc", "already taken by bob");
}

static void a_seat_that_signs_out_leaves_at_once(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v2@a.test/tab", "alice@a.test", "x");
	answers("alice@a.test/pc", "v2@a.test", "a");
	comes("bob@a.test/pc");
	forget();
	signs_out("alice@a.test");
	assert_true(got("bob@a.test", "1"));
	assert_seen(1, "bob@a.test", "reason='seat-signed-out'");
	says("v2@a.test/tab", "alice@a.test", "y");
	assert_true(got("bob@a.test", "1 y"));
}

static void an_error_of_the_server_reaches_the_seat_that_said_it(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("alice@a.test/pc", "v1@a.test", "a");
	forget();
	visitor_misses("v1@a.test", "alice@a.test/seat", "a");
	assert_int_equal(count("alice@a.test", "type='error'"), 1);
	line_lost("alice@a.test"); /* its session may be resumed: what waits for it counts */
	visitor_misses("v1@a.test", "alice@a.test/seat", "b");
	assert_int_equal(count("alice@a.test", "type='error'"), 2);
	signs_out("alice@a.test");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "2");
	visitor_misses("v1@a.test", "alice@a.test/seat", "c");
	assert_int_equal(count("alice@a.test", "type='error'"), 3);
	assert_int_equal(count("bob@a.test", "type='error'"), 0);
}

static void a_visitor_itself_sends_errors_to_nobody_but_its_owner(void **state)
{
	static const char error[] = "<message xmlns='jabber:client' type='error' id='e'><error type='wait'/></message>";

	(void)state;
	comes("alice@a.test/pc");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	forget();
	visitor_sends("v1@a.test/tab", "bob@a.test/seat", error);
	settle();
	assert_int_equal(count("bob@a.test", "type='error'"), 0);
	assert_int_equal(count("alice@a.test", "type='error'"), 1);
}

static void a_lost_seat_that_signs_out_by_another_line_is_not_held(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("bob@a.test/pc");
	line_lost("alice@a.test");
	assert_true(got("bob@a.test", ""));
	signs_out("alice@a.test");
	assert_true(got("bob@a.test", "1"));
}

static void a_removed_seat_leaves_at_once_and_the_next_one_is_told_why(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v2@a.test/tab", "alice@a.test", "x");
	answers("alice@a.test/pc", "v2@a.test", "a");
	comes("bob@a.test/pc");
	forget();
	is_removed("alice@a.test");
	assert_true(got("bob@a.test", "1"));
	assert_seen(1, "bob@a.test", "kind='assigned'");
	assert_seen(1, "bob@a.test", "epoch='2' reason='seat-removed'");
	says("v2@a.test/tab", "alice@a.test", "y");
	assert_true(got("bob@a.test", "1 y"));
	answers("alice@a.test/pc", "v1@a.test", "late");
	assert_true(got("v1@a.test", ""));
}

static void a_held_seat_that_is_removed_is_held_no_longer(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("bob@a.test/pc");
	line_lost("alice@a.test");
	assert_true(got("bob@a.test", ""));
	is_removed("alice@a.test");
	assert_true(got("bob@a.test", "1"));
	assert_seen(1, "bob@a.test", "reason='seat-removed'");
}

static void a_removed_robot_is_a_failed_one(void **state)
{
	(void)state;
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("r2@a.test/bot");
	is_removed("r1@a.test");
	assert_true(got("r2@a.test", "1"));
}

static void without_a_hold_a_lost_line_is_a_sign_out(void **state)
{
	(void)state;
	world_end();
	world_begin("sess-man/desk/hold[I]=0\n", 1, "owner");
	comes("alice@a.test/pc");
	comes("r1@a.test/bot");
	says("v1@a.test/tab", "alice@a.test", "1");
	line_lost("alice@a.test");
	assert_true(got("r1@a.test", "1"));
}

static void a_returned_seat_finds_its_quiet_visitors_at_their_next_word(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	answers("alice@a.test/pc", "v1@a.test", "a");
	signs_out("alice@a.test");
	comes("bob@a.test/pc");
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("alice@a.test", "1 2"));
	assert_true(got("bob@a.test", ""));
}

static void a_seat_is_shown_nothing_twice(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	signs_out("alice@a.test");
	comes("r1@a.test/bot");
	assert_true(got("r1@a.test", "1"));
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("alice@a.test", "1 2"));
}

static void a_seat_that_takes_nothing_loses_the_chat(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("bob@a.test/pc");
	for (int i = 0; i < 3; i++) {
		struct record *r = find("alice@a.test", "id='1'");

		forget();
		comes_back(r);
		assert_true(got("bob@a.test", ""));
		run(1100);
		assert_true(got("alice@a.test", "1"));
	}
	comes_back(find("alice@a.test", "id='1'"));
	assert_true(got("bob@a.test", "1"));
}

static void a_seat_that_failed_may_try_again_when_it_came_anew(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	for (int i = 0; i < 4; i++) {
		struct record *r = find("alice@a.test", "id='1'");

		forget();
		comes_back(r);
		run(1100);
	}
	assert_seen(1, "v1@a.test", "kind='message-left'");
	assert_true(got("alice@a.test", ""));
	signs_out("alice@a.test");
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "1"));
}

static void a_conversation_of_many_owners_forgets_none_of_its_words(void **state)
{
	(void)state;
	world_end();
	world_begin("sess-man/desk/seats[s]=s*@a.test\n", 1, "owner");
	for (unsigned i = 0; i < 12; i++) {
		char seat[16], full[24];

		(void)snprintf(seat, sizeof(seat), "s%u@a.test", i);
		(void)snprintf(full, sizeof(full), "%s/pc", seat);
		comes(full);
		if (i == 0)
			says("v1@a.test/tab", "s0@a.test", "1");
		assert_true(got(seat, "1"));
		signs_out(seat);
	}
	/* the first of them was forgotten long ago: shown again rather than lost */
	comes("s0@a.test/pc");
	assert_true(got("s0@a.test", "1 1"));
}

static void an_office_that_drops_is_moved_at_a_pace(void **state)
{
	char who[32];
	size_t at_once;

	(void)state;
	world_end();
	world_begin("sess-man/desk/capacity[I]=1000\n", 1, "owner");
	comes("alice@a.test/pc");
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i);
		says(who, "alice@a.test", "m");
	}
	comes("bob@a.test/pc");
	signs_out("alice@a.test");
	at_once = count("bob@a.test", "<body>text");
	assert_int_equal(at_once, 2 * 50);
	run(1100);
	assert_seen(2 * 100, "bob@a.test", "<body>text");
	/* a word of a visitor whose turn has not come brings it forward */
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i);
		if (!count("bob@a.test", who)) {
			says(who, "alice@a.test", "n");
			assert_int_equal(count("bob@a.test", who), 2);
			break;
		}
	}
	run(5000);
	assert_seen(300 + 1, "bob@a.test", "<body>text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_held_seat_gets_everything_on_its_return_and_nobody_else_does),
		T(what_died_with_the_line_is_given_again_in_order),
		T(a_refusal_goes_to_whoever_wrote_it),
		T(after_the_hold_all_pending_moves_with_a_new_epoch),
		T(a_seat_that_signs_out_leaves_at_once),
		T(an_error_of_the_server_reaches_the_seat_that_said_it),
		T(a_visitor_itself_sends_errors_to_nobody_but_its_owner),
		T(a_lost_seat_that_signs_out_by_another_line_is_not_held),
		T(a_removed_seat_leaves_at_once_and_the_next_one_is_told_why),
		T(a_held_seat_that_is_removed_is_held_no_longer),
		T(a_removed_robot_is_a_failed_one),
		T(without_a_hold_a_lost_line_is_a_sign_out),
		T(a_returned_seat_finds_its_quiet_visitors_at_their_next_word),
		T(a_seat_is_shown_nothing_twice),
		T(a_seat_that_takes_nothing_loses_the_chat),
		T(a_seat_that_failed_may_try_again_when_it_came_anew),
		T(a_conversation_of_many_owners_forgets_none_of_its_words),
		T(an_office_that_drops_is_moved_at_a_pace),
	};

	return RUN(tests);
}
