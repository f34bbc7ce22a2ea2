/* The budget of memory: who comes is refused, who holds the most is ended, and nothing is counted that is gone. The rest of the
 * memory is that of clients who are not here: held_add. */
#include "world.h"

#include "runtime/mem/held.h"

#define BUDGET (4 << 20)
#define SMALL "<message xmlns='jabber:client'><body>x</body></message>"

static struct world *w;
static int64_t before;

static int setup(void **state)
{
	(void)state;
	before = held_bytes();
	w = world_new("sess-man/limits/memory[I]=4\n", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return held_bytes() != before;
}

static struct client *stalled_alice(unsigned messages)
{
	struct client *c = tcp_alice(w);

	conn_memory_stall(c->conn, true);
	for (unsigned i = 0; i < messages; i++)
		world_deliver(w, filled("<message xmlns='jabber:client'><body>", "</body></message>", 50000), 0);
	return c;
}

static void let_turns_go_by(void)
{
	for (int i = 0; i < 200; i++)
		world_deliver(w, SMALL, 0);
}

static void who_holds_the_most_is_ended(void **state)
{
	struct client *most = stalled_alice(8), *less = stalled_alice(4), *reads = tcp_alice(w);
	const char *text;

	(void)state;
	world_log(w);
	held_add(BUDGET);
	let_turns_go_by();
	text = world_log(w);
	assert_has(text, "CLOSED session=1 ");
	assert_int_equal(count_of(text, "CLOSED"), 1);
	assert_int_equal(count_of(text, "UNDELIVERED"), 8);
	assert_int_equal(count_of(client_read(reads), "<body>x"), 200);
	world_pass(w, 2000); /* what it held is gone */
	let_turns_go_by();
	text = world_log(w);
	assert_has(text, "CLOSED session=2 ");
	assert_int_equal(count_of(text, "UNDELIVERED"), 4);
	world_pass(w, 2000);
	let_turns_go_by();
	assert_lacks(world_log(w), "CLOSED"); /* who holds little is not the trouble */
	held_add(-BUDGET);
	client_free(most);
	client_free(less);
	client_free(reads);
}

static void nobody_is_ended_below_the_mark(void **state)
{
	struct client *c = stalled_alice(8), *reads = tcp_alice(w);

	(void)state;
	world_log(w);
	held_add(BUDGET / 2);
	let_turns_go_by();
	assert_lacks(world_log(w), "CLOSED");
	held_add(-BUDGET / 2);
	client_free(c);
	client_free(reads);
}

static void newcomers_are_refused_until_there_is_room(void **state)
{
	struct client *in = tcp_alice(w), *out;

	(void)state;
	held_add(BUDGET / 100 * 85);
	out = client_new(w, CONFIG_COMPONENT_c2s);
	assert_true(out->refused);
	client_free(out);
	world_deliver(w, SMALL, 0);
	assert_has(client_read(in), "<body>x"); /* who is in goes on */
	held_add(-BUDGET / 100 * 85);
	out = client_new(w, CONFIG_COMPONENT_c2s);
	assert_false(out->refused);
	client_free(out);
	client_free(in);
}

static void nor_is_there_room_for_another_bosh_session(void **state)
{
	static const char create[] = "<body xmlns='http://jabber.org/protocol/httpbind' rid='7' to='localhost' wait='5' hold='1' ver='1.6'/>";
	struct client *c;

	(void)state;
	held_add(BUDGET / 100 * 85);
	c = client_new(w, CONFIG_COMPONENT_bosh); /* it may be of one that is here */
	assert_false(c->refused);
	http_post(c, create, NULL);
	assert_has(client_read(c), "condition='policy-violation'");
	held_add(-BUDGET / 100 * 85);
	http_post(c, create, NULL);
	assert_has(client_read(c), "sid=");
	client_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_holds_the_most_is_ended),
		TEST(nobody_is_ended_below_the_mark),
		TEST(newcomers_are_refused_until_there_is_room),
		TEST(nor_is_there_room_for_another_bosh_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
