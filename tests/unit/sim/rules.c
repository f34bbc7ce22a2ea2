/* The verifier on histories made by hand: each rule is broken once, and its excuses hold. */
#include "tests/support/check.h"

#include "tests/sim/rules.h"
#include "tests/sim/sim.h"

#define S UINT64_C(1000000)

static uint32_t ann, ben, vera, sam, rob; /* two users, a visitor, a seat, a robot */
static uint64_t clock_us;
static struct rules_options options;

static int set_up(void **state)
{
	(void)state;
	sim_begin(7);
	ann = history_person("u0", "u0@a.test", HISTORY_USER, true);
	ben = history_person("u1", "u1@a.test", HISTORY_USER, true);
	vera = history_person("v0", "v0@a.test", HISTORY_VISITOR, false);
	sam = history_person("s0", "s0@a.test", HISTORY_SEAT, true);
	rob = history_person("r0", "r0@a.test", HISTORY_ROBOT, true);
	clock_us = 0;
	options = (struct rules_options){ .settle_us = 100 * S };
	for (uint32_t i = 0; i < history.person_count; i++)
		history.persons[i].acknowledges = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	history_end();
	sim_end();
	return 0;
}

/* What happens, a second after the last. */
static struct history_entry *then(enum history_kind kind, uint32_t who, uint32_t message)
{
	struct history_entry *e = history_add(kind, who, 1, message);

	e->at_us = clock_us += S;
	e->acknowledges = true;
	if (kind == HISTORY_RECEIVE)
		e->other = history.messages[message].sender;
	return e;
}

static uint32_t sent(uint32_t who, uint32_t to)
{
	uint32_t m = history_message(who, to, false);

	then(HISTORY_SEND, who, m);
	return m;
}

static uint32_t sent_and_promised(uint32_t who, uint32_t to)
{
	uint32_t m = sent(who, to);

	then(HISTORY_ACK, who, m);
	return m;
}

static void assert_broken(const char *rule)
{
	struct rules_violation v;

	if (rules_check(&history, &options, &v))
		fail_msg("%s was not found broken", rule);
	if (strncmp(v.rule, rule, strlen(rule)) != 0)
		fail_msg("%s was found broken, not %s", v.rule, rule);
}

static void assert_kept(void)
{
	struct rules_violation v;

	if (!rules_check(&history, &options, &v)) {
		rules_print(stderr, &history, &v);
		fail_msg("%s: %s", v.rule, v.what);
	}
}

#define CRASH then(HISTORY_CRASH, HISTORY_NONE, HISTORY_NONE)

static void what_is_promised_is_received_returned_or_kept_for_one_who_left(void **state)
{
	uint32_t m = sent_and_promised(ann, ben);

	(void)state;
	assert_broken("I1");
	then(HISTORY_RECEIVE, ben, m);
	assert_kept();
	m = sent_and_promised(ann, ben);
	then(HISTORY_BOUNCE, ann, m);
	m = sent_and_promised(sam, vera);
	then(HISTORY_HELD, HISTORY_NONE, m);
	assert_kept();
	m = sent_and_promised(ann, ben);
	then(HISTORY_HELD, HISTORY_NONE, m); /* he was there and did not get it */
	assert_broken("I1");
}

static void what_is_not_promised_may_be_lost(void **state)
{
	(void)state;
	sent(ann, ben);
	assert_kept();
}

static void a_crash_takes_promises_unless_they_were_durable(void **state)
{
	(void)state;
	sent_and_promised(ann, ben);
	CRASH;
	assert_kept();
	options.durability = true;
	assert_broken("I1");
	options.durability = false;
	then(HISTORY_DURABLE, HISTORY_NONE, sent(ann, ben));
	then(HISTORY_ACK, ann, 1);
	CRASH;
	assert_broken("I1");
}

static void a_line_that_did_not_acknowledge_may_lose(void **state)
{
	(void)state;
	sent_and_promised(ann, ben);
	then(HISTORY_LOST, ben, HISTORY_NONE)->acknowledges = false;
	assert_kept();
	sent_and_promised(ann, ben); /* to a line that was dead already */
	then(HISTORY_LOGIN, ben, HISTORY_NONE);
	assert_kept();
	sent_and_promised(ann, ben);
	assert_broken("I1");
}

static void nobody_gets_what_nobody_sent_him(void **state)
{
	uint32_t m = sent(ann, ben);

	(void)state;
	then(HISTORY_RECEIVE, ben, m)->other = vera;
	assert_broken("I2");
	history.entries[history.count - 1].other = ann;
	assert_kept();
	then(HISTORY_RECEIVE, vera, m);
	assert_broken("I2");
}

static void twice_only_when_a_line_broke(void **state)
{
	uint32_t m = sent(ann, ben);

	(void)state;
	then(HISTORY_RECEIVE, ben, m);
	then(HISTORY_RESUME, ben, HISTORY_NONE);
	then(HISTORY_RECEIVE, ben, m);
	CRASH;
	then(HISTORY_RECEIVE, ben, m);
	assert_kept();
	then(HISTORY_RECEIVE, ben, m);
	assert_broken("I3");
}

static void a_robot_may_be_asked_again_under_a_higher_epoch(void **state)
{
	uint32_t m = sent(vera, HISTORY_NONE);

	(void)state;
	then(HISTORY_RECEIVE, rob, m)->number = 1;
	then(HISTORY_RECEIVE, rob, m)->number = 3;
	assert_kept();
	then(HISTORY_RECEIVE, rob, m)->number = 3;
	assert_broken("I3");
}

static void first_receipts_follow_the_order_of_sending(void **state)
{
	uint32_t one = sent(ann, ben), two = sent(ann, ben);

	(void)state;
	then(HISTORY_RECEIVE, ben, two);
	then(HISTORY_LOGIN, ben, HISTORY_NONE);
	then(HISTORY_RECEIVE, ben, one); /* taken back from his last session */
	assert_kept();
	one = sent(ann, ben);
	two = sent(ann, ben);
	then(HISTORY_RECEIVE, ben, two);
	then(HISTORY_RECEIVE, ben, one);
	assert_broken("I4");
}

static void returned_and_received_is_one_too_many(void **state)
{
	uint32_t m = sent(ann, ben);

	(void)state;
	then(HISTORY_RECEIVE, ben, m);
	then(HISTORY_BOUNCE, ann, m);
	assert_broken("I5");
	then(HISTORY_LOST, ben, HISTORY_NONE);
	assert_broken("I5");
	then(HISTORY_RESUME, ben, HISTORY_NONE);
}

static void returned_after_a_broken_line_is_a_doubt(void **state)
{
	uint32_t m = sent(ann, ben);

	(void)state;
	then(HISTORY_RECEIVE, ben, m);
	then(HISTORY_LOST, ben, HISTORY_NONE);
	then(HISTORY_BOUNCE, ann, m);
	assert_kept();
}

static void h_rises_and_never_beyond_what_was_sent(void **state)
{
	struct history_entry *e;

	(void)state;
	e = then(HISTORY_COUNT, ann, HISTORY_NONE);
	e->number = 3;
	e->sent = 3;
	assert_kept();
	e = then(HISTORY_COUNT, ann, HISTORY_NONE);
	e->number = 2;
	e->sent = 5;
	assert_broken("I6");
	e->number = 6;
	assert_broken("I6");
}

static void with_durability_safety_comes_before_the_word(void **state)
{
	static const enum history_kind safe[] = { HISTORY_DURABLE, HISTORY_TAKEN, HISTORY_HANDED, HISTORY_GIVEN_BACK };
	uint32_t m;

	(void)state;
	options.durability = true;
	for (size_t i = 0; i < ARRAY_LEN(safe); i++) {
		m = sent(ann, ben);
		then(safe[i], HISTORY_NONE, m);
		then(HISTORY_SAID, HISTORY_NONE, m);
		then(HISTORY_RECEIVE, ben, m);
	}
	m = sent(ann, ben);
	then(HISTORY_SAID, HISTORY_NONE, m);
	then(HISTORY_GIVEN_BACK, HISTORY_NONE, m)->at_us = clock_us -= S; /* behind <resumed/>, in the same breath */
	then(HISTORY_BOUNCE, ann, m);
	assert_kept();
	m = sent(ann, ben);
	then(HISTORY_RECEIVE, ben, m); /* he has it, and the server does not know that yet */
	then(HISTORY_SAID, HISTORY_NONE, m);
	then(HISTORY_DURABLE, HISTORY_NONE, m);
	assert_broken("I6");
	options.durability = false;
	assert_kept();
}

static void what_is_late_is_found(void **state)
{
	uint32_t m = sent_and_promised(ann, ben);

	(void)state;
	clock_us += 200 * S;
	then(HISTORY_RECEIVE, ben, m);
	assert_broken("I8");
}

static void who_was_away_gets_it_when_he_is_back(void **state)
{
	uint32_t m = sent_and_promised(ann, ben);

	(void)state;
	clock_us += 200 * S;
	then(HISTORY_LOGIN, ben, HISTORY_NONE);
	then(HISTORY_RECEIVE, ben, m);
	assert_kept();
}

static void a_notice_of_leaving_needs_a_leaving(void **state)
{
	(void)state;
	then(HISTORY_LOST, vera, HISTORY_NONE);
	then(HISTORY_LEFT, sam, HISTORY_NONE)->other = vera;
	assert_kept();
	then(HISTORY_LEFT, sam, HISTORY_NONE)->other = vera;
	assert_broken("live-chat I7");
}

static struct history_entry *about_vera(enum history_kind kind)
{
	struct history_entry *e = then(kind, sam, HISTORY_NONE);

	e->other = vera;
	return e;
}

/* She leaves, as his roster shows after six seconds, and comes back; `notices` of the same leaving in between. */
static void comes_and_goes(unsigned notices)
{
	clock_us += 6 * S;
	about_vera(HISTORY_SHOWN_HERE);
	then(HISTORY_CLOSE, vera, HISTORY_NONE);
	for (unsigned i = 0; i < notices; i++)
		about_vera(HISTORY_LEFT)->number = clock_us / (100 * S);
	about_vera(HISTORY_SHOWN_GONE);
	then(HISTORY_LOGIN, vera, HISTORY_NONE);
	about_vera(HISTORY_SHOWN_HERE);
}

static void a_seat_is_told_of_each_leaving(void **state)
{
	(void)state;
	comes_and_goes(1);
	assert_kept();
	clock_us += 100 * S;
	comes_and_goes(0);
	assert_broken("live-chat I7");
	then(HISTORY_LOST, sam, HISTORY_NONE);
	assert_broken("live-chat I7");
}

static void a_seat_that_lost_its_line_may_miss_it(void **state)
{
	(void)state;
	about_vera(HISTORY_SHOWN_HERE);
	then(HISTORY_LOST, sam, HISTORY_NONE);
	then(HISTORY_RESUME, sam, HISTORY_NONE);
	about_vera(HISTORY_SHOWN_GONE);
	about_vera(HISTORY_SHOWN_HERE);
	assert_kept();
}

static void a_leaving_is_not_told_twice(void **state)
{
	(void)state;
	then(HISTORY_CLOSE, vera, HISTORY_NONE); /* two leavings, so that only the second notice of one is wrong */
	comes_and_goes(2);
	assert_broken("live-chat I7");
}

static void a_leaving_not_told_to_the_end_is_found(void **state)
{
	(void)state;
	clock_us += 6 * S;
	about_vera(HISTORY_SHOWN_HERE);
	then(HISTORY_CLOSE, vera, HISTORY_NONE);
	about_vera(HISTORY_SHOWN_GONE);
	assert_broken("live-chat I7");
}

static void what_clients_saw_is_reported_as_it_is(void **state)
{
	(void)state;
	history_wrong(ann, 1, "nonsense");
	assert_broken("protocol");
}

static void bodies_prove_themselves(void **state)
{
	uint32_t m = sent(ann, ben);
	char body[HISTORY_BODY_MAX], xml[2 * HISTORY_BODY_MAX];

	(void)state;
	history_body(m, body);
	assert_int_equal(history_read_body(body, strlen(body)), m);
	(void)snprintf(xml, sizeof(xml), "<m><body>%s</body></m>", body);
	assert_int_equal(history_find_body(xml, strlen(xml)), m);
	assert_int_equal(history_read_body(body, strlen(body) - 1), HISTORY_NONE);
	body[strlen(body) - 1] ^= 1;
	assert_int_equal(history_read_body(body, strlen(body)), HISTORY_NONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_promised_is_received_returned_or_kept_for_one_who_left),
		T(what_is_not_promised_may_be_lost),
		T(a_crash_takes_promises_unless_they_were_durable),
		T(a_line_that_did_not_acknowledge_may_lose),
		T(nobody_gets_what_nobody_sent_him),
		T(twice_only_when_a_line_broke),
		T(a_robot_may_be_asked_again_under_a_higher_epoch),
		T(first_receipts_follow_the_order_of_sending),
		T(returned_and_received_is_one_too_many),
		T(returned_after_a_broken_line_is_a_doubt),
		T(h_rises_and_never_beyond_what_was_sent),
		T(with_durability_safety_comes_before_the_word),
		T(what_is_late_is_found),
		T(who_was_away_gets_it_when_he_is_back),
		T(a_notice_of_leaving_needs_a_leaving),
		T(a_seat_is_told_of_each_leaving),
		T(a_seat_that_lost_its_line_may_miss_it),
		T(a_leaving_is_not_told_twice),
		T(a_leaving_not_told_to_the_end_is_found),
		T(what_clients_saw_is_reported_as_it_is),
		T(bodies_prove_themselves),
	};

	return RUN(tests);
}
