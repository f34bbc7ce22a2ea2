/* Conversations through a crash: who had whom, under which id and epoch. */
#include "tests/unit/actors/desk/kept_world.h"

static void crash(void)
{
	world_end();
	world_begin(NULL, 2, store_now);
}

static bool count_pair(void *ctx, struct span key UNUSED, struct span value UNUSED)
{
	++*(unsigned *)ctx;
	return true;
}

static unsigned remembered(const char *domain)
{
	unsigned n = 0;

	assert_int_equal(store_map_each(keeper, STORE_DESK_CONVERSATION, span_of(domain), count_pair, &n), STATUS_OK);
	return n;
}

/* A visitor talks to alice, who answered once. */
static void talk(void)
{
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "1");
	acknowledges("alice@a.test");
	answers("alice@a.test/pc", "v1@a.test", "a");
}

static void looking_writes_nothing_and_talking_writes_once(void **state)
{
	int64_t writes;

	(void)state;
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	writes = metric_read(METRIC_store_writes);
	asks_roster("v1@a.test/tab", "r");
	assert_int_equal(metric_read(METRIC_store_writes), writes);
	for (unsigned i = 0; i < 5; i++) {
		says("v1@a.test/tab", "alice@a.test", "1");
		acknowledges("alice@a.test");
		answers("alice@a.test/pc", "v1@a.test", "a");
	}
	run(1000);
	assert_int_equal(metric_read(METRIC_store_writes), writes + 1);
	assert_int_equal(remembered("a.test"), 1);
}

static void the_seat_has_its_visitors_again(void **state)
{
	(void)state;
	talk();
	crash();
	comes("bob@a.test/pc");
	comes("alice@a.test/pc");
	assert_seen(1, "alice@a.test", "contact v1@a.test 进行中");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("alice@a.test", "2"));
	answers("alice@a.test/pc", "v1@a.test", "b");
	assert_true(got("v1@a.test", "b"));
	assert_seen(0, "bob@a.test", "v1@a.test");
}

static void the_seat_may_speak_first(void **state)
{
	(void)state;
	talk();
	crash();
	comes("alice@a.test/pc");
	answers("alice@a.test/pc", "v1@a.test", "b"); /* the visitor has not come back yet: its offline messages */
	assert_true(got("v1@a.test", "b"));
}

static void the_epoch_goes_on(void **state)
{
	struct record *r;

	(void)state;
	talk();
	signs_out("alice@a.test");
	comes("bob@a.test/pc");
	says("v1@a.test/tab", "alice@a.test", "2");
	r = find("bob@a.test", "epoch='2'");
	assert_non_null(r);
	crash();
	comes("r1@a.test/x");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "bob@a.test", "3");
	run(30100);
	assert_seen(1, "r1@a.test", "epoch='3'");
}

static void a_visitor_who_stays_away_is_reported(void **state)
{
	(void)state;
	talk();
	crash();
	comes("alice@a.test/pc");
	run(29000);
	assert_seen(0, "alice@a.test", "visitor-disconnected");
	run(1100);
	assert_seen(1, "alice@a.test", "visitor-disconnected");
}

static void a_visitor_who_is_back_in_time_is_not(void **state)
{
	(void)state;
	talk();
	crash();
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	comes("alice@a.test/pc");
	run(60000);
	assert_seen(0, "alice@a.test", "visitor-disconnected");
}

static void what_nobody_owned_waits_for_nobody(void **state)
{
	(void)state;
	talk();
	signs_out("alice@a.test");
	says("v1@a.test/tab", "alice@a.test", "2");
	crash();
	comes("bob@a.test/pc");
	assert_true(got("bob@a.test", "2"));
}

static void an_ended_conversation_is_forgotten(void **state)
{
	(void)state;
	talk();
	visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
	run(1900000);
	assert_int_equal(remembered("a.test"), 0);
}

static void a_visitor_quicker_than_the_store_keeps_its_seat(void **state)
{
	(void)state;
	talk();
	for (uint64_t seed = 1; seed <= 20; seed++) {
		world_end();
		world.lazy = true;
		world_begin(NULL, seed, store_now);
		visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
		world.lazy = false;
		run(0);
		comes("bob@a.test/pc");
		comes("alice@a.test/pc");
		says("v1@a.test/tab", "alice@a.test", "2");
		assert_true(got("alice@a.test", "2"));
		answers("alice@a.test/pc", "v1@a.test", "a");
		assert_seen(0, "alice@a.test", "visitor-disconnected");
	}
}

/* It asked who is there before the store had answered, and left without a word. */
static void a_visitor_quicker_than_the_store_leaves_no_row(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		talk();
		world_end();
		world.lazy = true;
		world_begin(NULL, seed, store_now);
		visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
		asks_roster("v1@a.test/tab", "r");
		world.lazy = false;
		run(0);
		assert_int_equal(remembered("a.test"), 1);
		visitor("v1@a.test/tab", VISITOR_LEFT, CLOSE_STREAM_END);
		run(4000000);
		assert_int_equal(remembered("a.test"), 0);
		crash();
	}
}

/* The desk knew the visitor by a seat's word alone when the store answered: nobody has seen him since the start, so he is expected, and
 * when he does not come all ends. */
static void a_word_quicker_than_the_store_brings_no_visitor(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		world_end();
		world_begin(NULL, 1, store_now);
		talk();
		world_end();
		world.lazy = true;
		world_begin(NULL, seed, store_now);
		to_visitor("bob@a.test/pc", "v1@a.test", "<message xmlns='jabber:client' type='chat' id='x'><body>b</body></message>");
		world.lazy = false;
		run(0);
		run(7200000);
		assert_int_equal(metric_read(METRIC_desk_conversations), 0);
		assert_int_equal(remembered("a.test"), 0);
	}
}

static void a_damaged_row_is_left_out(void **state)
{
	(void)state;
	talk();
	assert_int_equal(store_map_put(keeper, STORE_DESK_CONVERSATION, SPAN_LIT("a.test"), SPAN_LIT("v1@a.test"), SPAN_LIT("c-1 x")),
			 STATUS_OK);
	log_set_level(LOG_LEVEL_ERROR);
	crash();
	comes("alice@a.test/pc");
	visitor("v1@a.test/tab", VISITOR_ONLINE, CLOSE_ERROR);
	says("v1@a.test/tab", "alice@a.test", "2");
	assert_true(got("alice@a.test", "2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(looking_writes_nothing_and_talking_writes_once),
		T(the_seat_has_its_visitors_again),
		T(the_seat_may_speak_first),
		T(the_epoch_goes_on),
		T(a_visitor_who_stays_away_is_reported),
		T(a_visitor_who_is_back_in_time_is_not),
		T(what_nobody_owned_waits_for_nobody),
		T(an_ended_conversation_is_forgotten),
		T(a_visitor_quicker_than_the_store_keeps_its_seat),
		T(a_visitor_quicker_than_the_store_leaves_no_row),
		T(a_word_quicker_than_the_store_brings_no_visitor),
		T(a_damaged_row_is_left_out),
	};

	return RUN(tests);
}
