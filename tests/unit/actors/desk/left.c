/* Messages left with nobody: kept, told, delivered, through restarts. */
#include "tests/unit/actors/desk/kept_world.h"

#define TOLD "kind='message-left'"

static void again_with(const char *lines)
{
	world_end();
	world_begin(lines, 2, store_now);
}

struct keeper_row {
	struct buf value;
	uint64_t time_us;
};

static bool copy_row(void *ctx, const struct store_log_row *row)
{
	struct keeper_row *copy = ctx;

	buf_add_span(&copy->value, row->value);
	copy->time_us = row->time_us;
	return true;
}

static void a_message_with_nobody_there_is_kept_and_told_once(void **state)
{
	(void)state;
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	assert_int_equal(rows(store_now, "a.test"), 1);
	assert_seen(1, "v1@a.test", TOLD);
	assert_seen(1, "v1@a.test", "<message from='desk@a.test' to='v1@a.test' type='chat'");
	assert_seen(1, "v1@a.test", "您的留言已收到");
	assert_seen(1, "v1@a.test", "Your message has been kept");
	assert_seen(1, "v1@a.test/tab", "<item jid='desk@a.test'");
	says("v1@a.test/tab", "desk@a.test", "2");
	asks_roster("v1@a.test/tab", "r");
	run(1000);
	assert_seen(1, "v1@a.test", TOLD);
	assert_int_equal(rows(store_now, "a.test"), 2);
}

static void the_first_seat_gets_them_in_order_and_the_rows_go(void **state)
{
	(void)state;
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	run(3000);
	says("v2@a.test/tab", "alice@a.test", "2");
	says("v1@a.test/tab", "alice@a.test", "3");
	forget();
	comes("bob@a.test/pc");
	assert_true(got_from("bob@a.test", "v1@a.test", "1 3"));
	assert_true(got_from("bob@a.test", "v2@a.test", "2"));
	assert_seen(3, "bob@a.test", "<delay xmlns='urn:xmpp:delay' from='a.test' stamp='2026-");
	assert_seen(1, "v1@a.test/tab", "<item jid='bob@a.test'");
	assert_int_equal(rows(store_now, "a.test"), 3);
	run(60000);
	assert_int_equal(rows(store_now, "a.test"), 3); /* for as long as its client says nothing */
	acknowledges("bob@a.test");
	assert_int_equal(rows(store_now, "a.test"), 0);
}

/* Given to an owner, not acknowledged by her client, and not yet due for the store. */
static void what_is_in_memory_alone_is_stored_when_the_server_stops(void **state)
{
	struct jid *v1 = jid_parse(SPAN_LIT("v1@a.test"));
	struct desk_settle *m = MSG_NEW(desk_settle, desk_settle);

	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	assert_true(got("alice@a.test", "1"));
	assert_int_equal(rows(store_now, "a.test"), 0);
	actor_send(server_desk(&world.server, v1), &m);
	run(0);
	assert_int_equal(rows(store_now, "a.test"), 1);
	jid_unref(v1);
}

static void they_survive_a_restart(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		char who[32], id[8];

		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i % 3);
		(void)snprintf(id, sizeof(id), "m%02u", i);
		says(who, "alice@a.test", id);
		run(10);
	}
	again_with(NULL);
	comes("bob@a.test/pc");
	assert_true(got_from("bob@a.test", "v0@a.test", "m00 m03 m06 m09 m12 m15 m18 m21 m24 m27"));
	assert_true(got_from("bob@a.test", "v1@a.test", "m01 m04 m07 m10 m13 m16 m19 m22 m25 m28"));
	assert_true(got_from("bob@a.test", "v2@a.test", "m02 m05 m08 m11 m14 m17 m20 m23 m26 m29"));
	assert_seen(30, "bob@a.test", "<delay");
	acknowledges("bob@a.test");
	assert_int_equal(rows(store_now, "a.test"), 0);
	again_with(NULL);
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", ""));
}

/* As a crash leaves it that comes between a failed deletion and its next try, when the word was kept again for another owner. What was said
 * twice stays two messages. */
static void a_word_with_two_rows_is_given_once(void **state)
{
	struct keeper_row copy = { .value = BUF_INIT };
	uint64_t seq;

	(void)state;
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v1@a.test/tab", "alice@a.test", "1");
	run(10);
	world_end();
	assert_int_equal(store_log_read(keeper, STORE_DESK_LEFT, SPAN_LIT("a.test"), SPAN_NONE, 0, 1, copy_row, &copy), STATUS_OK);
	assert_int_equal(store_log_append(keeper, STORE_DESK_LEFT, SPAN_LIT("a.test"), SPAN_LIT("v1@a.test"), copy.time_us,
					  buf_span(&copy.value), 0, 0, &seq), STATUS_OK);
	buf_fini(&copy.value);
	assert_int_equal(rows(store_now, "a.test"), 3);
	world_begin(NULL, 2, store_now);
	comes("bob@a.test/pc");
	assert_true(got_from("bob@a.test", "v1@a.test", "1 1"));
	assert_int_equal(rows(store_now, "a.test"), 2);
	acknowledges("bob@a.test");
	assert_int_equal(rows(store_now, "a.test"), 0);
}

static void a_word_its_owner_has_not_acknowledged_is_on_disk_before_the_visitor_hears(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says_owed("v1@a.test/tab", "alice@a.test", "1");
	assert_true(got("alice@a.test", "1"));
	run(99);
	assert_int_equal(rows(store_now, "a.test"), 0);
	assert_int_equal(world.handled, 0);
	run(1);
	assert_int_equal(rows(store_now, "a.test"), 1);
	assert_int_equal(world.handled, 1);
	acknowledges("alice@a.test");
	assert_int_equal(rows(store_now, "a.test"), 0);
	assert_int_equal(world.handled, 1);
}

static void a_word_acknowledged_in_time_costs_no_row(void **state)
{
	int64_t saved = metric_read(METRIC_custody_saved);

	(void)state;
	comes("alice@a.test/pc");
	says_owed("v1@a.test/tab", "alice@a.test", "1");
	run(50);
	acknowledges("alice@a.test");
	assert_int_equal(world.handled, 1);
	run(1000);
	assert_int_equal(metric_read(METRIC_custody_saved), saved);
}

static void words_on_their_way_survive_a_crash(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	comes("r1@a.test/x");
	says("v1@a.test/tab", "alice@a.test", "1"); /* the visitor's page acknowledges nothing: kept all the same */
	run(200);
	says("v1@a.test/tab", "alice@a.test", "2"); /* too young to be safe */
	again_with(NULL);
	comes("bob@a.test/pc");
	run(29000);
	assert_true(got("bob@a.test", "")); /* alice has the hold to come back, as if her line had been lost */
	run(1100);
	assert_true(got("bob@a.test", "1"));
}

static void words_for_a_seat_that_lost_its_line_are_safe_meanwhile(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	acknowledges("alice@a.test");
	line_lost("alice@a.test");
	says_owed("v1@a.test/tab", "alice@a.test", "2");
	run(200);
	assert_int_equal(rows(store_now, "a.test"), 1);
	assert_int_equal(world.handled, 1);
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "1 2"));
	acknowledges("alice@a.test");
	assert_int_equal(rows(store_now, "a.test"), 0);
}

static void what_another_owner_has_to_answer_is_on_disk_again(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	acknowledges("alice@a.test");
	signs_out("alice@a.test");
	run(200);
	assert_int_equal(rows(store_now, "a.test"), 1);
	comes("alice@a.test/pc"); /* she saw it and her client said so */
	assert_true(got("alice@a.test", "1"));
	assert_int_equal(rows(store_now, "a.test"), 0);
}

/* The seat's client is silent for longer than the visitor is remembered. */
static void no_conversation_ends_under_a_word_on_its_way(void **state)
{
	(void)state;
	again_with("sess-man/desk/return-window[I]=10\n");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	comes("alice@a.test/pc");
	says_owed("v1@a.test/tab", "alice@a.test", "1");
	run(200);
	assert_int_equal(world.handled, 1);
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	run(100000);
	assert_int_equal(rows(store_now, "a.test"), 1);
	signs_out("alice@a.test");
	comes_back(find("alice@a.test", "id='1'"));
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "1"));
	acknowledges("bob@a.test");
	run(100000);
	assert_int_equal(rows(store_now, "a.test"), 0);
}

/* One visitor has said as much as may wait for an answer; nothing of it has arrived. */
static void the_oldest_word_gives_way_only_when_it_has_arrived(void **state)
{
	(void)state;
	again_with("sess-man/desk/waiting-max[I]=2\n");
	comes("alice@a.test/pc");
	says_owed("v1@a.test/tab", "alice@a.test", "1");
	says_owed("v1@a.test/tab", "alice@a.test", "2");
	run(200);
	assert_int_equal(world.handled, 2);
	says("v1@a.test/tab", "alice@a.test", "3");
	assert_seen(1, "v1@a.test/tab", "<resource-constraint");
	assert_int_equal(rows(store_now, "a.test"), 2);
	acknowledges("alice@a.test");
	says("v1@a.test/tab", "alice@a.test", "4");
	assert_seen(1, "v1@a.test/tab", "<resource-constraint");
	assert_true(got("alice@a.test", "1 2 4"));
}

static void a_message_between_a_visitors_own_clients_is_promised_to_the_end(void **state)
{
	struct pledge *pledge = pledge_new(world.edge, 0, 0, 1);
	struct jid *v = jid("v1@a.test/tab");

	(void)state;
	packet_owed(server_desk(&world.server, v), &desk_to_visitor_kind, "v1@a.test/tab", "v1@a.test/other",
		    "<message xmlns='jabber:client' id='1'><body>x</body></message>", pledge);
	settle();
	assert_seen(1, "v1@a.test/other", "id='1'");
	assert_int_equal(world.handled, 0);
	acknowledges("v1@a.test");
	assert_int_equal(world.handled, 1);
	jid_unref(v);
}

/* At that level the queue of the owner's client is enough. */
static void d0_promises_no_more_than_a_queue(void **state)
{
	(void)state;
	again_with("sess-man/durability=D0\n");
	comes("alice@a.test/pc");
	says_owed("v1@a.test/tab", "alice@a.test", "1");
	assert_true(got("alice@a.test", "1"));
	assert_int_equal(world.handled, 1);
	acknowledges("alice@a.test");
	assert_int_equal(world.handled, 1);
}

static void a_refused_word_is_handled_when_its_error_is_with_the_visitor(void **state)
{
	(void)state;
	says_owed("v1@a.test/tab", "v2@a.test", "1"); /* visitors do not reach each other */
	assert_seen(1, "v1@a.test/tab", "<forbidden");
	assert_int_equal(world.handled, 0);
	acknowledges("v1@a.test");
	assert_int_equal(world.handled, 1);
}

static void d0_keeps_in_memory_what_an_owner_has(void **state)
{
	(void)state;
	again_with("sess-man/durability=D0\n");
	comes("alice@a.test/pc");
	says_owed("v1@a.test/tab", "alice@a.test", "1");
	run(1000);
	assert_int_equal(rows(store_now, "a.test"), 0);
	acknowledges("alice@a.test");
	assert_int_equal(world.handled, 1);
	says("v2@a.test/tab", "alice@a.test", "2");
	signs_out("alice@a.test");
	run(2000);
	assert_int_equal(rows(store_now, "a.test"), 2); /* left with nobody: on disk at every level */
}

static void more_rows_than_one_read_are_all_found(void **state)
{
	(void)state;
	again_with("sess-man/desk/waiting-max[I]=1000\n");
	for (unsigned i = 0; i < 1001; i++) {
		char id[8];

		(void)snprintf(id, sizeof(id), "%u", i);
		says(i % 2 ? "v1@a.test/tab" : "v2@a.test/tab", "alice@a.test", i == 1000 ? "last" : id);
	}
	assert_int_equal(rows(store_now, "a.test"), 1001);
	again_with("sess-man/desk/waiting-max[I]=1000\n");
	says("v2@a.test/tab", "alice@a.test", "new");
	comes("bob@a.test/pc");
	assert_seen(1002, "bob@a.test", "<body>text");
	assert_seen(1, "bob@a.test", "id='last'");
	assert_seen(1, "bob@a.test", "id='new'");
}

static void what_is_said_while_the_log_is_read_is_not_taken_for_an_old_message(void **state)
{
	(void)state;
	again_with("sess-man/desk/waiting-max[I]=2000\n");
	for (unsigned i = 0; i < 1200; i++)
		says(i % 2 ? "v1@a.test/tab" : "v2@a.test/tab", "alice@a.test", "old");
	for (uint64_t seed = 1; seed <= 20; seed++) {
		char id[16];

		world_end();
		world.lazy = true;
		world_begin("sess-man/desk/waiting-max[I]=2000\n", seed, store_now);
		for (unsigned i = 0; i < 20; i++) {
			(void)snprintf(id, sizeof(id), "new-%u-%u", (unsigned)seed, i);
			says(i % 2 ? "v1@a.test/tab" : "v2@a.test/tab", "alice@a.test", id);
		}
		world.lazy = false;
		run(0);
		assert_int_equal(rows(store_now, "a.test"), 1200 + 20 * seed);
	}
	comes("bob@a.test/pc");
	assert_seen(1200 + 20 * 20, "bob@a.test", "<body>text");
}

static void a_message_is_not_given_twice_to_a_seat_that_comes_again(void **state)
{
	(void)state;
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "1"));
	signs_out("alice@a.test");
	run(1000);
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "1"));
	acknowledges("alice@a.test");
	assert_int_equal(rows(store_now, "a.test"), 0);
}

static void seats_that_free_up_take_the_oldest(void **state)
{
	(void)state;
	again_with("sess-man/desk/capacity[I]=1\n");
	comes("alice@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v2@a.test/tab", "alice@a.test", "2");
	run(10);
	says("v3@a.test/tab", "alice@a.test", "3");
	assert_true(got("alice@a.test", "1"));
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	assert_true(got("alice@a.test", "1 2"));
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "3"));
}

static void visitors_who_are_gone_hold_a_slot_no_longer_than_the_hold(void **state)
{
	(void)state;
	again_with("sess-man/desk/capacity[I]=1\n");
	for (unsigned i = 1; i <= 3; i++) {
		char who[32];

		(void)snprintf(who, sizeof(who), "v%u@a.test/tab", i);
		visitor(who, VISITOR_ONLINE, CLOSE_ERROR);
		says(who, "alice@a.test", "m");
		visitor(who, VISITOR_LEFT, CLOSE_STREAM_END);
		run(10);
	}
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "m"));
	assert_seen(1, "alice@a.test", "kind='visitor-disconnected'");
	run(30100);
	assert_true(got("alice@a.test", "m m"));
	run(30100);
	assert_true(got("alice@a.test", "m m m"));
}

static void what_comes_back_from_the_seat_is_still_pending(void **state)
{
	(void)state;
	says("v1@a.test/tab", "alice@a.test", "1");
	comes("alice@a.test/pc");
	assert_true(got("alice@a.test", "1"));
	comes_back(find("alice@a.test", "id='1'"));
	signs_out("alice@a.test");
	run(6000);
	assert_int_equal(rows(store_now, "a.test"), 1);
	again_with(NULL);
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "1"));
}

static void too_many_are_refused_to_the_sender(void **state)
{
	(void)state;
	again_with("sess-man/desk/waiting-max[I]=2\nsess-man/desk/waiting-total[I]=3\n");
	says("v1@a.test/tab", "alice@a.test", "1");
	says("v1@a.test/tab", "alice@a.test", "2");
	says("v1@a.test/tab", "alice@a.test", "3");
	assert_seen(1, "v1@a.test/tab", "<resource-constraint");
	says("v2@a.test/tab", "alice@a.test", "4");
	says("v2@a.test/tab", "alice@a.test", "5");
	assert_seen(1, "v2@a.test/tab", "<resource-constraint");
	comes("bob@a.test/pc");
	assert_seen(3, "bob@a.test", "<body>text");
	assert_seen(0, "bob@a.test", "id='3'");
	assert_seen(0, "bob@a.test", "id='5'");
}

static void who_left_before_it_was_told_is_told_on_return(void **state)
{
	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	signs_out("alice@a.test");
	run(1000);
	assert_seen(0, "v1@a.test", TOLD);
	assert_int_equal(rows(store_now, "a.test"), 1);
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	assert_seen(1, "v1@a.test", TOLD);
}

static void a_served_visitor_who_never_returns_is_forgotten(void **state)
{
	(void)state;
	says("v1@a.test/tab", "alice@a.test", "1");
	again_with(NULL);
	run(4000000);
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "1"));
	acknowledges("bob@a.test");
	run(1900000);
	assert_seen(1, "bob@a.test", "contact v1@a.test removed");
}

/* A seat writes to a visitor whose message the store refuses at that moment: what the seat said must not lie about. */
static void a_seats_word_is_decided_over_though_the_visitors_is_refused(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		world_end();
		world_begin("sess-man/desk/waiting-total[I]=1\n", seed, "refused");
		visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
		says("v2@a.test/tab", "desk@a.test", "other");
		forget();
		world.lazy = true;
		says("v1@a.test/tab", "desk@a.test", "1");
		answers("alice@a.test/pc", "v1@a.test", "a");
		world.lazy = false;
		run(0);
		assert_seen(1, "v1@a.test", "<resource-constraint");
		if (count("v1@a.test", "id='a'") + count("alice@a.test", "id='a'") != 1) {
			print_records();
			fail_msg("seed %u: what the seat said is nowhere", (unsigned)seed);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_message_with_nobody_there_is_kept_and_told_once),
		T(the_first_seat_gets_them_in_order_and_the_rows_go),
		T(what_is_in_memory_alone_is_stored_when_the_server_stops),
		T(they_survive_a_restart),
		T(a_word_with_two_rows_is_given_once),
		T(a_word_its_owner_has_not_acknowledged_is_on_disk_before_the_visitor_hears),
		T(a_word_acknowledged_in_time_costs_no_row),
		T(words_on_their_way_survive_a_crash),
		T(words_for_a_seat_that_lost_its_line_are_safe_meanwhile),
		T(what_another_owner_has_to_answer_is_on_disk_again),
		T(no_conversation_ends_under_a_word_on_its_way),
		T(the_oldest_word_gives_way_only_when_it_has_arrived),
		T(a_message_between_a_visitors_own_clients_is_promised_to_the_end),
		T(d0_promises_no_more_than_a_queue),
		T(a_refused_word_is_handled_when_its_error_is_with_the_visitor),
		T(d0_keeps_in_memory_what_an_owner_has),
		T(more_rows_than_one_read_are_all_found),
		T(what_is_said_while_the_log_is_read_is_not_taken_for_an_old_message),
		T(a_message_is_not_given_twice_to_a_seat_that_comes_again),
		T(seats_that_free_up_take_the_oldest),
		T(visitors_who_are_gone_hold_a_slot_no_longer_than_the_hold),
		T(what_comes_back_from_the_seat_is_still_pending),
		T(too_many_are_refused_to_the_sender),
		T(who_left_before_it_was_told_is_told_on_return),
		T(a_served_visitor_who_never_returns_is_forgotten),
		T(a_seats_word_is_decided_over_though_the_visitors_is_refused),
	};

	return RUN(tests);
}
