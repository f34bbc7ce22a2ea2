/* Those who come and go are served behind those who are in, and are served all the same. The worker is held until all sockets
 * are ready, so the order in which it serves them is its own. */
#include "tests/support/io.h"

#define SIDES_MAX 400u

struct crowd {
	struct side sides[SIDES_MAX];
	int fds[SIDES_MAX];
	unsigned count;
	unsigned first_to_leave; /* from this one on clients leave instead of saying something; count = nobody */
	unsigned order[2 * SIDES_MAX], served; /* what it says, and its end */
};

static struct crowd crowd;

/* On the worker, and it alone. */
static void note(struct side *s)
{
	ASSERT(crowd.served < 2 * SIDES_MAX);
	crowd.order[crowd.served++] = (unsigned)(s - crowd.sides);
}

static size_t note_input(struct side *s, struct span bytes, bool drained)
{
	(void)drained;
	if (bytes.n)
		note(s);
	return bytes.n;
}

static void open_some(unsigned count, bool newcomer)
{
	for (unsigned i = 0; i < count; i++) {
		struct side *s = &crowd.sides[crowd.count];

		side_init(s);
		s->limits.newcomer = newcomer;
		s->take = note_input;
		s->when_ended = note;
		crowd.fds[crowd.count++] = side_open_on(s, SOCK_STREAM);
	}
}

static void all_at_once(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < crowd.count; i++) {
		if (i >= crowd.first_to_leave && i + 1 < crowd.count) {
			close(crowd.fds[i]);
			crowd.fds[i] = -1;
		} else {
			ASSERT(send(crowd.fds[i], "x", 1, MSG_NOSIGNAL) == 1);
		}
	}
}

static unsigned place_of(unsigned index)
{
	for (unsigned i = 0; i < crowd.served; i++)
		if (crowd.order[i] == index)
			return i;
	fail_msg("%u was not served", index);
	return 0;
}

static void serve_all(unsigned first_to_leave)
{
	crowd.first_to_leave = first_to_leave;
	io_call(0, all_at_once, NULL);
	for (unsigned i = 0; i < crowd.count; i++)
		side_wait(&crowd.sides[i], crowd.sides[i].inputs || crowd.sides[i].ended);
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < crowd.count; i++)
		side_close(&crowd.sides[i], crowd.fds[i]);
	memset(&crowd, 0, sizeof(crowd));
	return io_teardown(state);
}

static void who_is_in_is_served_before_a_crowd_at_the_door(void **state)
{
	(void)state;
	open_some(300, true);
	open_some(1, false);
	serve_all(SIDES_MAX);
	assert_int_equal(crowd.served, 301);
	assert_int_equal(place_of(300), 0);
}

static void the_door_has_its_share_of_each_turn(void **state)
{
	(void)state;
	open_some(300, false);
	open_some(20, true);
	serve_all(SIDES_MAX);
	assert_int_equal(crowd.served, 320);
	assert_true(place_of(300) < 100);
	assert_true(place_of(319) < 300);
}

static void who_is_in_is_served_before_a_crowd_that_leaves(void **state)
{
	(void)state;
	open_some(300, false);
	open_some(1, false); /* the one who has something to say, and is the last to say it */
	serve_all(0);
	assert_int_equal(crowd.served, 301);
	assert_true(place_of(300) < 60);
}

static void let_in(void *arg)
{
	static const struct conn_limits inside = { .linger_ms = 5000 };

	conn_set_limits(((struct side *)arg)->c, &inside);
}

static void a_newcomer_who_is_let_in_is_one_of_them(void **state)
{
	(void)state;
	open_some(301, true);
	io_call(0, let_in, &crowd.sides[300]);
	serve_all(SIDES_MAX);
	assert_int_equal(place_of(300), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_is_in_is_served_before_a_crowd_at_the_door, io_setup, teardown),
		cmocka_unit_test_setup_teardown(the_door_has_its_share_of_each_turn, io_setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_in_is_served_before_a_crowd_that_leaves, io_setup, teardown),
		cmocka_unit_test_setup_teardown(a_newcomer_who_is_let_in_is_one_of_them, io_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
