/* What a BOSH client that asked for acknowledgements is told of its own stanzas (XEP-0124 9.1): an answer acknowledges
 * only requests whose stanzas are all handled. */
#include "bosh_client.h"

static void say(struct client *c, unsigned rid, unsigned messages)
{
	char payload[1024] = "";
	size_t n = 0;

	for (unsigned i = 0; i < messages; i++)
		n += (size_t)snprintf(payload + n, sizeof(payload) - n, MESSAGE, "m");
	post(c, rid, "", payload);
}

/* A bound session with request 5 held; what it sends from now on stays on its way until world_let_go. */
static struct client *begin(const char *more)
{
	struct client *c = bound(more);

	post(c, 5, "", "");
	client_read(c);
	w->holds_inbound = true;
	return c;
}

static const char *deliver(struct client *c)
{
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 0);
	return client_read(c);
}

static void an_answer_names_the_last_request_that_is_handled(void **state)
{
	struct client *c = begin("ack='1'");

	(void)state;
	say(c, 6, 1);
	assert_lacks(client_read(c), " ack="); /* of 5, which is */
	assert_has(deliver(c), " ack='5'");
	world_let_go(w, 0);
	post(c, 7, "", "");
	assert_lacks(deliver(c), " ack="); /* of 7, with all before it */
	client_free(c);
}

static void all_stanzas_of_a_request_count(void **state)
{
	struct client *c = begin("ack='1'");

	(void)state;
	say(c, 6, 3);
	world_let_go(w, 0);
	world_let_go(w, 2);
	client_read(c);
	assert_has(deliver(c), " ack='5'");
	say(c, 7, 1);
	world_let_go(w, 3); /* out of turn */
	assert_has(deliver(c), " ack='5'");
	say(c, 8, 0);
	client_read(c);
	world_let_go(w, 1);
	assert_lacks(deliver(c), " ack=");
	client_free(c);
}

static void many_open_requests_are_told_of_in_the_end(void **state)
{
	struct client *c = begin("ack='1'");
	unsigned last = 60;

	(void)state;
	for (unsigned rid = 6; rid <= last; rid++) {
		say(c, rid, 1);
		client_read(c);
	}
	for (unsigned i = 0; i < w->held_count; i++)
		world_let_go(w, i);
	assert_lacks(deliver(c), " ack=");
	client_free(c);
}

static void a_client_that_is_far_ahead_is_not_read(void **state)
{
	struct client *c = begin("ack='1'");
	unsigned rid = 6;

	(void)state;
	for (; rid < 6 + INTAKE_MAX / 10 + 1; rid++) {
		say(c, rid, 10);
		client_read(c);
	}
	assert_int_equal(w->held_count, INTAKE_MAX);
	for (unsigned i = 0; i < INTAKE_MAX; i++)
		world_let_go(w, i);
	world_pass(w, 1000);
	assert_int_equal(w->held_count, (rid - 6) * 10);
	client_free(c);
}

static void without_negotiation_nothing_is_promised(void **state)
{
	struct client *c = begin("");

	(void)state;
	say(c, 6, 1);
	client_read(c);
	assert_lacks(deliver(c), " ack=");
	client_free(c);
}

static int fast(void **state)
{
	(void)state;
	return start("sess-man/limits/visitor/stanza-rate[I]=0\nsess-man/limits/visitor/byte-rate[I]=0\n", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_names_the_last_request_that_is_handled, setup, teardown),
		cmocka_unit_test_setup_teardown(all_stanzas_of_a_request_count, setup, teardown),
		cmocka_unit_test_setup_teardown(many_open_requests_are_told_of_in_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_is_far_ahead_is_not_read, fast, teardown),
		cmocka_unit_test_setup_teardown(without_negotiation_nothing_is_promised, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
