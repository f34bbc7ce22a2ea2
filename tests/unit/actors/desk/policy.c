/* The choice, as tables. */
#include "tests/support/check.h"

#include "actors/desk/policy.h"

#define NONE POLICY_NOBODY

static struct policy_question question(const struct policy_candidate *seats, size_t seat_count,
				       const struct policy_candidate *robots, size_t robot_count)
{
	return (struct policy_question){
		.seats = { seats, seat_count, 5, POLICY_LEAST, NONE, { NONE, NONE } },
		.robots = { robots, robot_count, 0, POLICY_ROUND_ROBIN, NONE, { NONE, NONE } },
		.allow_robots = true,
	};
}

static void least_looks_at_chats_then_reservations_then_idleness(void **state)
{
	static const struct {
		struct policy_candidate seats[3];
		size_t chosen;
	} rows[] = {
		{ { { 1, 1, 2, 0, 0, 1, 0 }, { 1, 1, 1, 9, 0, 9, 0 }, { 1, 1, 3, 0, 0, 0, 0 } }, 1 },
		{ { { 1, 1, 1, 2, 0, 1, 0 }, { 1, 1, 1, 1, 0, 9, 0 }, { 1, 1, 1, 3, 0, 0, 0 } }, 1 },
		{ { { 1, 1, 1, 1, 0, 7, 0 }, { 1, 1, 1, 1, 0, 9, 0 }, { 1, 1, 1, 1, 0, 5, 0 } }, 2 },
		{ { { 0, 1, 0, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0, 0, 0 }, { 1, 1, 4, 0, 0, 0, 0 } }, 2 },
		{ { { 1, 1, 5, 0, 0, 0, 0 }, { 1, 1, 6, 0, 0, 0, 0 }, { 1, 1, 4, 0, 0, 0, 0 } }, 2 },
		{ { { 1, 1, 5, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0, 0, 0 }, { 0, 1, 0, 0, 0, 0, 0 } }, NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_question q = question(rows[i].seats, 3, NULL, 0);
		struct policy_answer a = policy_choose(&q);

		assert_int_equal(a.index, rows[i].chosen);
		assert_int_equal(a.kind, rows[i].chosen == NONE ? POLICY_NONE : POLICY_SEAT);
	}
}

static void round_robin_takes_who_waited_longest(void **state)
{
	struct policy_candidate seats[3] = { { 1, 1, 0, 0, 3, 0, 0 }, { 1, 1, 4, 0, 1, 0, 0 }, { 1, 1, 0, 0, 2, 0, 0 } };
	struct policy_question q = question(seats, 3, NULL, 0);

	(void)state;
	q.seats.rule = POLICY_ROUND_ROBIN;
	assert_int_equal(policy_choose(&q).index, 1);
	seats[1].assigned_at = 4;
	assert_int_equal(policy_choose(&q).index, 2);
}

static void random_reaches_every_free_one_and_no_other(void **state)
{
	struct policy_candidate seats[4] = { { 1, 1, 0, 0, 0, 0, 0 }, { 1, 1, 5, 0, 0, 0, 0 }, { 1, 1, 3, 0, 0, 0, 0 },
					     { 0, 1, 0, 0, 0, 0, 0 } };
	struct policy_question q = question(seats, 4, NULL, 0);
	size_t hits[4] = { 0 };

	(void)state;
	q.seats.rule = POLICY_RANDOM;
	for (q.chance = 0; q.chance < 10; q.chance++)
		hits[policy_choose(&q).index]++;
	assert_int_equal(hits[0], 5);
	assert_int_equal(hits[2], 5);
}

static void hash_is_stable_when_another_seat_leaves(void **state)
{
	struct policy_candidate seats[4] = { { 1, 1, 0, 0, 0, 0, 11 }, { 1, 1, 0, 0, 0, 0, 22 }, { 1, 1, 0, 0, 0, 0, 33 },
					     { 1, 1, 0, 0, 0, 0, 44 } };
	struct policy_question q = question(seats, 4, NULL, 0);
	size_t hits[4] = { 0 };

	(void)state;
	q.seats.rule = POLICY_HASH;
	for (q.visitor_hash = 1; q.visitor_hash <= 400; q.visitor_hash++) {
		size_t first = policy_choose(&q).index;

		hits[first]++;
		seats[3].here = false;
		if (first != 3)
			assert_int_equal(policy_choose(&q).index, first);
		seats[3].here = true;
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(hits[i] > 50);
}

/* who: s0, s1, r0, r1 or nobody, for a question with two seats and two robots */
enum who { S0, S1, R0, R1, NOBODY };

static enum who ask(const struct policy_question *q)
{
	struct policy_answer a = policy_choose(q);

	return a.kind == POLICY_NONE ? NOBODY : a.kind == POLICY_SEAT ? (enum who)a.index : (enum who)(R0 + a.index);
}

static void own_ones_barred_ones_and_the_order_of_sides(void **state)
{
	static const struct {
		const char *claim;
		uint32_t chats0, chats1;
		bool taking0;
		enum policy_seats which;
		bool robots, robots_first, returning;
		size_t own_seat, own_robot, barred_seat, barred_robot;
		enum who who;
	} rows[] = {
		{ "the best seat", 1, 0, true, POLICY_SEATS_ANY, true, false, false, NONE, NONE, NONE, NONE, S1 },
		{ "the own seat before a better one", 1, 0, true, POLICY_SEATS_ANY, true, false, false, 0, NONE, NONE, NONE, S0 },
		{ "a full own seat", 5, 0, true, POLICY_SEATS_ANY, true, false, false, 0, NONE, NONE, NONE, S1 },
		{ "one over for a return", 5, 0, true, POLICY_SEATS_ANY, true, false, true, 0, NONE, NONE, NONE, S0 },
		{ "two over never", 6, 0, true, POLICY_SEATS_ANY, true, false, true, 0, NONE, NONE, NONE, S1 },
		{ "an own seat on dnd gets no new chat", 0, 1, false, POLICY_SEATS_ANY, true, false, false, 0, NONE, NONE, NONE, S1 },
		{ "but its returning visitor", 0, 1, false, POLICY_SEATS_ANY, true, false, true, 0, NONE, NONE, NONE, S0 },
		{ "own or robot", 5, 0, true, POLICY_SEATS_OWN, true, false, false, 0, 1, NONE, NONE, R1 },
		{ "own or nobody", 5, 0, true, POLICY_SEATS_OWN, false, false, false, 0, NONE, NONE, NONE, NOBODY },
		{ "no own seat, no seat", 0, 0, true, POLICY_SEATS_OWN, false, false, false, NONE, NONE, NONE, NONE, NOBODY },
		{ "full seats, a robot", 5, 5, true, POLICY_SEATS_ANY, true, false, false, NONE, NONE, NONE, NONE, R0 },
		{ "its robot stays", 5, 5, true, POLICY_SEATS_ANY, true, false, false, NONE, 1, NONE, NONE, R1 },
		{ "a failed robot does not", 5, 5, true, POLICY_SEATS_ANY, true, false, false, NONE, 1, NONE, 1, R0 },
		{ "a failed seat does not", 0, 1, true, POLICY_SEATS_ANY, true, false, false, 0, NONE, 0, NONE, S1 },
		{ "robots first", 0, 0, true, POLICY_SEATS_ANY, true, true, false, NONE, NONE, NONE, 0, R1 },
		{ "no seats, no robots", 0, 0, true, POLICY_SEATS_NONE, false, false, false, 0, 0, NONE, NONE, NOBODY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_candidate seats[2] = { { true, rows[i].taking0, rows[i].chats0, 0, 0, 0, 1 },
						     { true, true, rows[i].chats1, 0, 0, 0, 2 } };
		struct policy_candidate robots[2] = { { 1, 1, 100, 0, 1, 0, 3 }, { 1, 1, 100, 0, 2, 0, 4 } };
		struct policy_question q = question(seats, 2, robots, 2);

		q.which_seats = rows[i].which;
		q.allow_robots = rows[i].robots;
		q.robots_first = rows[i].robots_first;
		q.returning = rows[i].returning;
		q.seats.own = rows[i].own_seat;
		q.robots.own = rows[i].own_robot;
		q.seats.barred[0] = rows[i].barred_seat;
		q.robots.barred[1] = rows[i].barred_robot;
		if (ask(&q) != rows[i].who)
			fail_msg("%s", rows[i].claim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_looks_at_chats_then_reservations_then_idleness),
		cmocka_unit_test(round_robin_takes_who_waited_longest),
		cmocka_unit_test(random_reaches_every_free_one_and_no_other),
		cmocka_unit_test(hash_is_stable_when_another_seat_leaves),
		cmocka_unit_test(own_ones_barred_ones_and_the_order_of_sides),
	};

	return RUN(tests);
}
