/* Stream management over TCP: what becomes of a session whose line was lost. */
#include "sm_client.h"

static void a_session_is_resumed_and_its_shard_hardly_notices(void **state)
{
	struct client *c = managed(), *back;
	const char *text;

	(void)state;
	client_send(c, SAID("a"));
	world_deliver(w, WORD("1"), 1);
	world_deliver(w, WORD("2"), 2);
	world_log(w);
	client_drop(c, CONN_END_RESET);
	assert_string_equal(world_log(w), "LIVENESS 0\n");
	world_deliver(w, WORD("3"), 3);
	world_deliver(w, "<presence xmlns='jabber:client' id='4'/>", 0);
	assert_string_equal(world_log(w), "");

	back = stranger(0);
	ask_resume(back, id, "1");
	assert_string_equal(world_log(w), "LIVENESS 1\nWRITTEN 1\n");
	text = client_read(back);
	assert_has(text, "<resumed xmlns='" SM "' h='1' previd='");
	assert_order(text, (const char *const[]){ "<resumed", "<message from='bob@localhost/phone' to='alice@localhost/made-up' id='2'",
						  "id='3'", "<presence", NULL });
	assert_int_equal(count_of(text, "<message"), 2);
	client_send(back, SAID("b") R);
	assert_has(world_log(w), "INBOUND from=alice@localhost/made-up to=bob@localhost flags=0 <message to='bob@localhost' id='b'");
	assert_has(client_read(back), "<a xmlns='" SM "' h='2'/>");
	world_deliver(w, WORD("5"), 0);
	assert_has(client_read(back), "id='5'");
	ack(back, "5");
	assert_string_equal(world_log(w), "WRITTEN 2\nWRITTEN 3\n");
	client_send(back, "</stream:stream>");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=0\n");
	client_free(c);
	client_free(back);
}

static void a_session_is_resumed_again_and_again(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, WORD("1"), 1);
	for (int i = 0; i < 5; i++) {
		client_drop(c, i % 2 ? CONN_END_PEER : CONN_END_STALLED);
		client_free(c);
		c = stranger(0);
		ask_resume(c, id, "0");
		assert_has(client_read(c), "id='1'");
	}
	ack(c, "1");
	assert_has(world_log(w), "WRITTEN 1\n");
	client_free(c);
}

static void a_resumed_client_is_asked_for_what_it_got_again(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	world_deliver(w, WORD("1"), 0);
	client_drop(c, CONN_END_RESET);
	back = stranger(0);
	ask_resume(back, id, "0");
	assert_lacks(client_read(back), "<r ");
	world_pass(w, 2000);
	assert_string_equal(client_read(back), R);
	client_free(c);
	client_free(back);
}

static void the_answer_waits_for_what_is_on_its_way(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1") SAID("2"));
	client_drop(c, CONN_END_RESET);
	back = stranger(0);
	ask_resume(back, id, "0");
	world_deliver(w, WORD("3"), 0);
	client_send(back, SAID("4"));
	assert_string_equal(client_read(back), "");
	assert_int_equal(w->held_count, 2);
	world_let_go(w, 1);
	world_let_go(w, 0);
	assert_order(client_read(back), (const char *const[]){ "<resumed xmlns='" SM "' h='2'", "id='3'", NULL });
	assert_int_equal(w->held_count, 3);
	client_free(c);
	client_free(back);
}

static void but_not_for_ever(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1") SAID("2"));
	client_drop(c, CONN_END_RESET);
	world_let_go(w, 0);
	back = stranger(0);
	ask_resume(back, id, "0");
	world_pass(w, 6000);
	assert_has(client_read(back), "<resumed xmlns='" SM "' h='1'");
	client_free(c);
	client_free(back);
}

/* The client counts what it sends again once; what was on its way when it was told to is not counted besides. */
static void what_is_sent_again_counts_once(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1") SAID("2") SAID("3"));
	client_drop(c, CONN_END_RESET);
	world_let_go(w, 0);
	world_let_go(w, 2); /* out of turn */
	back = stranger(0);
	ask_resume(back, id, "0");
	world_pass(w, 6000);
	assert_has(client_read(back), "<resumed xmlns='" SM "' h='1'");
	client_send(back, SAID("2") SAID("3") R);
	assert_has(client_read(back), "<a xmlns='" SM "' h='1'/>");
	world_let_go(w, 1); /* the first "2" after all */
	client_send(back, R);
	assert_has(client_read(back), "<a xmlns='" SM "' h='1'/>");
	world_let_go(w, 3);
	client_send(back, R);
	assert_has(client_read(back), "<a xmlns='" SM "' h='2'/>");
	world_let_go(w, 4);
	assert_has(client_read(back), "<a xmlns='" SM "' h='3'/>");
	client_free(c);
	client_free(back);
}

static void a_line_lost_before_the_answer_is_one_more(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1"));
	client_drop(c, CONN_END_RESET);
	back = stranger(0);
	ask_resume(back, id, "0");
	client_drop(back, CONN_END_RESET);
	client_free(back);
	world_let_go(w, 0);
	back = stranger(0);
	ask_resume(back, id, "0");
	assert_has(client_read(back), "<resumed xmlns='" SM "' h='1'");
	client_free(c);
	client_free(back);
}

static void nobody_resumes_what_is_not_his(void **state)
{
	struct client *c = managed(), *other = client_new(w, CONFIG_COMPONENT_c2s), *back;
	char longer[5001];

	(void)state;
	client_drop(c, CONN_END_RESET);
	client_send(other, HEAD ANONYMOUS_AUTH HEAD);
	client_read(other);
	ask_resume(other, id, "0");
	assert_string_equal(client_read(other), "<failed xmlns='" SM "'><item-not-found xmlns='" ERROR "'/></failed>");
	client_send(other, BIND_IQ);
	assert_has(client_read(other), "<jid>v-");
	back = stranger(0);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ask_resume(back, longer, "0");
	assert_has(client_read(back), "<item-not-found");
	ask_resume(back, "0123456789abcdef0123456789abcdef", "0");
	assert_has(client_read(back), "<item-not-found");
	ask_resume(back, id, "none");
	assert_has(client_read(back), "<bad-request");
	ask_resume(back, id, "0");
	assert_has(client_read(back), "<resumed");
	client_free(c);
	client_free(other);
	client_free(back);
}

static void too_high_an_h_at_resumption_harms_the_newcomer_only(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	client_drop(c, CONN_END_RESET);
	back = stranger(0);
	ask_resume(back, id, "7");
	assert_has(client_read(back), "<handled-count-too-high");
	client_free(back);
	back = stranger(0);
	ask_resume(back, id, "0");
	assert_has(client_read(back), "<resumed");
	client_free(c);
	client_free(back);
}

static void nobody_comes_and_all_goes_back_in_order_before_the_end(void **state)
{
	struct client *c = managed(), *late;
	const char *text;

	(void)state;
	client_send(c, SAID("a"));
	world_log(w);
	world_deliver(w, WORD("1"), 1);
	client_drop(c, CONN_END_RESET);
	world_deliver(w, WORD("2"), 2);
	world_deliver(w, "<presence xmlns='jabber:client'/>", 0);
	world_deliver(w, "<iq xmlns='jabber:client' type='get' id='3'><ping xmlns='urn:xmpp:ping'/></iq>", 0);
	world_deliver(w, "<iq xmlns='jabber:client' type='result' id='4'/>", 0);
	world_pass(w, 59000);
	assert_string_equal(world_log(w), "LIVENESS 0\n");
	world_pass(w, 2000);
	text = world_log(w);
	assert_order(text, (const char *const[]){ "UNDELIVERED from=bob@localhost/phone to=alice@localhost/made-up flags=16 <message id='1'",
						  "UNDELIVERED", "id='2'", "UNDELIVERED", "id='3'", "CLOSED session=1 reason=2\n", NULL });
	assert_int_equal(count_of(text, "\n"), 4);
	world_deliver(w, WORD("5"), 0);
	assert_int_equal(count_of(world_log(w), "UNDELIVERED"), 1);

	late = stranger(0);
	ask_resume(late, id, "0");
	assert_string_equal(client_read(late), "<failed xmlns='" SM "' h='1'><item-not-found xmlns='" ERROR "'/></failed>");
	client_send(late, BIND_IQ);
	assert_has(client_read(late), "<jid>alice@localhost/");
	client_free(c);
	client_free(late);
}

/* An error that the client never saw dies with the session: h would promise that it knows. */
static void an_unseen_refusal_takes_the_last_h_with_it(void **state)
{
	struct client *c = managed(), *late;

	(void)state;
	client_send(c, SAID("a"));
	client_drop(c, CONN_END_RESET);
	world_deliver(w, "<message xmlns='jabber:client' type='error' id='a'><error type='cancel'/></message>", 0);
	world_pass(w, 61000);
	late = stranger(0);
	ask_resume(late, id, "0");
	assert_string_equal(client_read(late), "<failed xmlns='" SM "'><item-not-found xmlns='" ERROR "'/></failed>");
	client_free(c);
	client_free(late);
}

static void a_live_session_moves_to_who_resumes_it(void **state)
{
	struct client *c = managed(), *back = stranger(0);

	(void)state;
	world_deliver(w, WORD("1"), 1);
	ask_resume(back, id, "0");
	assert_has(client_read(c), "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	assert_has(client_read(back), "id='1'");
	assert_string_equal(world_log(w), "");
	world_deliver(w, WORD("2"), 2);
	assert_has(client_read(back), "id='2'");
	client_free(c);
	client_free(back);
}

/* What was held back for an inactive client goes out first, and may be more than the session has room for. */
static void a_live_session_that_ends_at_its_resumption_is_gone(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	client_send(c, "<inactive xmlns='urn:xmpp:csi:0'/>");
	world_deliver_from(w, "bob@localhost/1", "<presence xmlns='jabber:client'/>", 0);
	world_deliver_from(w, "bob@localhost/2", "<presence xmlns='jabber:client'/>", 0);
	world_deliver_from(w, "bob@localhost/3", "<presence xmlns='jabber:client'/>", 0);
	assert_lacks(client_read(c), "<presence");
	back = stranger(0);
	ask_resume(back, id, "0");
	assert_has(client_read(c), "<resource-constraint");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=4\n");
	assert_has(client_read(back), "<failed xmlns='" SM "'><item-not-found");
	client_send(back, BIND_IQ);
	assert_has(client_read(back), "<jid>");
	client_free(c);
	client_free(back);
}

static void a_session_that_was_ended_is_not_resumed(void **state)
{
	static const struct { const char *sent; int reason; } rows[] = {
		{ "</stream:stream>", 0 },
		{ "<message from='bob@localhost'/>", 4 },
		{ "<unknown xmlns='urn:example'/>", 4 },
		{ "<message></presence>", 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = managed(), *back;
		char closed[64];

		world_deliver(w, WORD("1"), 0);
		client_send(c, rows[i].sent);
		(void)snprintf(closed, sizeof(closed), "CLOSED session=%u reason=%d\n", (unsigned)w->session, rows[i].reason);
		assert_order(world_log(w), (const char *const[]){ "UNDELIVERED", closed, NULL });
		if (c->conn)
			client_drop(c, CONN_END_PEER);
		assert_string_equal(world_log(w), "");
		back = stranger(0);
		ask_resume(back, id, "0");
		assert_string_equal(client_read(back), "<failed xmlns='" SM "'><item-not-found xmlns='" ERROR "'/></failed>");
		client_free(c);
		client_free(back);
	}
}

static void the_shard_ends_a_sleeper(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, WORD("1"), 0);
	client_drop(c, CONN_END_RESET);
	world_log(w);
	world_close(w, STREAM_ERROR_CONFLICT);
	assert_order(world_log(w), (const char *const[]){ "UNDELIVERED", "CLOSED session=1 reason=5\n", NULL });
	client_free(c);
}

static void a_sleeper_with_too_much_to_come_ends(void **state)
{
	struct client *c = managed();

	(void)state;
	client_drop(c, CONN_END_RESET);
	for (int i = 0; i < 3; i++)
		world_deliver(w, WORD("1"), 0);
	assert_order(world_log(w), (const char *const[]){ "LIVENESS 0\n", "UNDELIVERED", "UNDELIVERED", "UNDELIVERED",
							  "CLOSED session=1 reason=4\n", NULL });
	client_free(c);
}

static void a_shutdown_ends_sleepers(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, WORD("1"), 0);
	client_drop(c, CONN_END_RESET);
	world_log(w);
	world_shutdown(w);
	assert_order(world_log(w), (const char *const[]){ "UNDELIVERED", "CLOSED session=1 reason=6\n", NULL });
	client_free(c);
}

static void a_silent_client_may_come_back(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	world_deliver(w, WORD("1"), 0);
	client_read(c);
	world_log(w);
	world_pass(w, 86401 * UINT64_C(1000));
	assert_has(client_read(c), "<connection-timeout");
	assert_string_equal(world_log(w), "LIVENESS 0\n");
	back = stranger(0);
	ask_resume(back, id, "0");
	assert_has(client_read(back), "id='1'");
	client_free(c);
	client_free(back);
}

static void what_is_not_out_yet_when_it_is_enabled_makes_the_line_count(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	conn_memory_stall(c->conn, true);
	world_deliver(w, WORD("1"), 0);
	client_send(c, ENABLE);
	world_deliver(w, WORD("2"), 0);
	client_drop(c, CONN_END_RESET);
	assert_order(world_log(w), (const char *const[]){ "UNDELIVERED", "id='1'", "UNDELIVERED", "id='2'",
							  "CLOSED session=1 reason=2\n", NULL });
	client_free(c);
}

static void it_does_not_matter_which_worker_accepts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct client *c, *back;
		const char *text;

		c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", i / 2);
		client_send(c, HEAD ALICE_AUTH);
		client_send(c, HEAD BIND_IQ ENABLE);
		text = client_read(c);
		(void)snprintf(id, sizeof(id), "%s", between(text, "<enabled xmlns='" SM "' id='", "'"));
		world_deliver(w, WORD("1"), 0);
		client_drop(c, CONN_END_RESET);
		back = stranger(i % 2);
		ask_resume(back, id, "0");
		assert_order(client_read(back), (const char *const[]){ "<resumed", "id='1'", NULL });
		client_send(back, "</stream:stream>");
		client_free(c);
		client_free(back);
	}
}

int main(void)
{
#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_resumed_and_its_shard_hardly_notices, quiet),
		TEST(a_session_is_resumed_again_and_again, quiet),
		TEST(a_resumed_client_is_asked_for_what_it_got_again, setup),
		TEST(the_answer_waits_for_what_is_on_its_way, quiet),
		TEST(but_not_for_ever, quiet),
		TEST(what_is_sent_again_counts_once, quiet),
		TEST(a_line_lost_before_the_answer_is_one_more, quiet),
		TEST(nobody_resumes_what_is_not_his, quiet),
		TEST(too_high_an_h_at_resumption_harms_the_newcomer_only, quiet),
		TEST(nobody_comes_and_all_goes_back_in_order_before_the_end, quiet),
		TEST(an_unseen_refusal_takes_the_last_h_with_it, quiet),
		TEST(a_live_session_moves_to_who_resumes_it, quiet),
		TEST(a_live_session_that_ends_at_its_resumption_is_gone, tight),
		TEST(a_session_that_was_ended_is_not_resumed, quiet),
		TEST(the_shard_ends_a_sleeper, quiet),
		TEST(a_sleeper_with_too_much_to_come_ends, tight),
		TEST(a_shutdown_ends_sleepers, quiet),
		TEST(a_silent_client_may_come_back, quiet),
		TEST(what_is_not_out_yet_when_it_is_enabled_makes_the_line_count, quiet),
		TEST(it_does_not_matter_which_worker_accepts, two_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
