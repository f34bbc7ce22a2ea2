/* Stream management over TCP: what the client is told, and what the shard hears. */
#include "sm_client.h"

/* --- on and off --- */

static void it_is_offered_after_login(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD);
	assert_lacks(strstr(client_read(c), "</authentication>"), SM); /* before it: with a login by SASL2 */
	client_send(c, ALICE_AUTH HEAD);
	assert_has(client_read(c), "<sm xmlns='" SM "'/>");
	client_free(c);
}

static void without_the_plugin_it_is_not(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD ALICE_AUTH HEAD BIND_IQ);
	assert_lacks(client_read(c), SM);
	client_send(c, ENABLE);
	assert_has(client_read(c), "<unsupported-stanza-type");
	client_free(c);
}

static void it_can_be_had_without_resumption(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_send(c, "<enable xmlns='" SM "'/>");
	assert_string_equal(client_read(c), "<enabled xmlns='" SM "'/>");
	client_drop(c, CONN_END_RESET);
	assert_string_equal(world_log(w), "CLOSED session=1 reason=2\n");
	client_free(c);
}

static void the_client_may_ask_for_a_shorter_or_longer_window(void **state)
{
	static const struct { const char *max, *granted; } rows[] = {
		{ "", "max='30'" }, { " max='10'", "max='10'" }, { " max='3600'", "max='30'" }, { " max='x'", "max='30'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = tcp_alice(w);
		char text[128];

		(void)snprintf(text, sizeof(text), "<enable xmlns='" SM "' resume='1'%s/>", rows[i].max);
		client_send(c, text);
		assert_has(client_read(c), rows[i].granted);
		client_free(c);
	}
}

static void the_operator_may_switch_resumption_off(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_send(c, ENABLE);
	assert_string_equal(client_read(c), "<enabled xmlns='" SM "'/>");
	client_free(c);
}

static void a_seat_waits_as_long_as_the_desk_and_a_robot_not_at_all(void **state)
{
	struct client *c;

	(void)state;
	w->server.desk_on = true;
	c = tcp_alice(w);
	client_send(c, ENABLE);
	assert_has(client_read(c), "max='20'");
	client_free(c);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD "<auth xmlns='" SASL "' mechanism='PLAIN'>AHJvYm90MQBzZWNyZXQ=</auth>" HEAD BIND_IQ ENABLE);
	assert_has(client_read(c), "<enabled xmlns='" SM "'/>");
	client_free(c);
}

static void what_comes_at_the_wrong_time_is_refused(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	static const char refusal[] = "<failed xmlns='" SM "'><unexpected-request xmlns='" ERROR "'/></failed>";

	(void)state;
	client_send(c, HEAD);
	client_read(c);
	client_send(c, ENABLE);
	assert_string_equal(client_read(c), refusal);
	client_send(c, "<resume xmlns='" SM "' previd='x' h='0'/>");
	assert_string_equal(client_read(c), refusal);
	client_send(c, ALICE_AUTH HEAD);
	client_read(c);
	client_send(c, ENABLE);
	assert_string_equal(client_read(c), refusal);
	client_send(c, BIND_IQ ENABLE);
	client_read(c);
	ask_resume(c, "x", "0");
	assert_string_equal(client_read(c), refusal);
	client_send(c, ENABLE);
	assert_has(client_read(c), "<stream:error><unsupported-stanza-type");
	client_free(c);
}

/* --- from the client --- */

static void stanzas_are_counted_and_nothing_else(void **state)
{
	struct client *c = managed();

	(void)state;
	client_send(c, R);
	assert_string_equal(client_read(c), "<a xmlns='" SM "' h='0'/>");
	client_send(c, R SAID("1") " <presence/>" R "<a xmlns='" SM "' h='0'/>");
	client_send(c, "<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>");
	client_read(c);
	client_send(c, R);
	assert_string_equal(client_read(c), "<a xmlns='" SM "' h='3'/>");
	client_free(c);
}

static void what_is_answered_at_once_counts_in_both_directions(void **state)
{
	struct client *c = managed();
	const char *text;

	(void)state;
	client_send(c, "<message to='@' id='m'><body>x</body></message>" BIND_IQ R);
	text = client_read(c);
	assert_has(text, "<jid-malformed");
	assert_has(text, "<not-allowed");
	assert_has(text, "<a xmlns='" SM "' h='2'/>");
	ack(c, "2");
	assert_non_null(c->conn);
	assert_null(stream_here()->sm->queue.first);
	client_free(c);
}

static void h_covers_the_handled_ones_without_gaps_and_the_rest_follows(void **state)
{
	struct client *c = managed();

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1") SAID("2") SAID("3") R);
	assert_string_equal(client_read(c), "<a xmlns='" SM "' h='0'/>");
	world_let_go(w, 1);
	world_let_go(w, 2);
	assert_string_equal(client_read(c), "");
	client_send(c, R);
	assert_string_equal(client_read(c), "<a xmlns='" SM "' h='0'/>");
	world_let_go(w, 0);
	assert_string_equal(client_read(c), "<a xmlns='" SM "' h='3'/>");
	client_free(c);
}

static void a_client_whose_stanzas_are_not_handled_is_not_read(void **state)
{
	struct client *c = managed();

	(void)state;
	w->holds_inbound = true;
	for (int i = 0; i < 12; i++) {
		struct buf text = BUF_INIT;

		for (int k = 0; k < 100; k++)
			buf_add_text(&text, SAID("m"));
		client_send_bytes(c, buf_span(&text).p, buf_len(&text));
		buf_fini(&text);
	}
	world_pass(w, 1000);
	assert_int_equal(w->held_count, INTAKE_MAX);
	for (unsigned i = 0; i < INTAKE_MAX; i++)
		world_let_go(w, i);
	world_pass(w, 1000);
	assert_int_equal(w->held_count, 1200);
	client_free(c);
}

/* The client sends again what <resumed/> did not cover, and counts from there (XEP-0198 5). */
static void what_is_sent_again_after_a_late_answer_counts_once(void **state)
{
	struct client *c = managed(), *again;

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1") SAID("2") SAID("3"));
	world_let_go(w, 0);
	client_drop(c, CONN_END_RESET);
	again = stranger(0);
	ask_resume(again, id, "0");
	assert_string_equal(client_read(again), "");
	world_pass(w, 6000); /* what is on its way stays there */
	assert_has(client_read(again), "<resumed xmlns='" SM "' h='1'");
	client_send(again, SAID("2") SAID("3") R);
	world_let_go(w, 1);
	world_let_go(w, 2);
	assert_string_equal(client_read(again), "<a xmlns='" SM "' h='1'/>");
	world_let_go(w, 4);
	world_let_go(w, 3);
	assert_string_equal(client_read(again), "<a xmlns='" SM "' h='3'/>");
	client_free(c);
	client_free(again);
}

/* --- to the client --- */

static void the_client_is_asked_after_some_stanzas_or_some_time(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, WORD("1"), 0);
	world_deliver(w, WORD("2"), 0);
	assert_lacks(client_read(c), "<r ");
	world_deliver(w, WORD("3"), 0);
	assert_has(client_read(c), R);
	world_deliver(w, WORD("4"), 0);
	world_pass(w, 2000);
	assert_lacks(client_read(c), "<r "); /* the first is not answered yet */
	ack(c, "3");
	assert_string_equal(client_read(c), "");
	world_pass(w, 2000);
	assert_string_equal(client_read(c), R);
	ack(c, "4");
	world_pass(w, 60000);
	assert_string_equal(client_read(c), "");
	client_free(c);
}

static void large_stanzas_are_asked_for_at_once(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, filled("<message xmlns='jabber:client'><body>", "</body></message>", 10000), 0);
	assert_lacks(client_read(c), "<r ");
	world_deliver(w, filled("<message xmlns='jabber:client'><body>", "</body></message>", 10000), 0);
	assert_has(client_read(c), R);
	ack(c, "2");
	assert_string_equal(client_read(c), "");
	client_free(c);
}

static void a_receipt_is_told_when_the_client_acknowledged(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, WORD("1"), 11);
	world_deliver(w, WORD("2"), 12);
	world_deliver(w, "<presence xmlns='jabber:client'/>", 13);
	assert_has(client_read(c), "<body>2</body>");
	assert_string_equal(world_log(w), "");
	ack(c, "2");
	assert_string_equal(world_log(w), "WRITTEN 11\nWRITTEN 12\n");
	ack(c, "1"); /* of the past */
	ack(c, "2");
	assert_string_equal(world_log(w), "");
	ack(c, "3");
	assert_string_equal(world_log(w), "WRITTEN 13\n");
	client_free(c);
}

static void more_than_was_sent_cannot_be_acknowledged(void **state)
{
	struct client *c = managed();
	const char *text;

	(void)state;
	world_deliver(w, WORD("1"), 0);
	client_read(c);
	ack(c, "2");
	text = client_read(c);
	assert_has(text, "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
			 "<handled-count-too-high xmlns='" SM "' h='2' send-count='1'/></stream:error></stream:stream>");
	assert_order(world_log(w), (const char *const[]){ "UNDELIVERED", "CLOSED session=1 reason=4", NULL });
	client_free(c);
}

static void an_h_that_is_none_ends_the_stream(void **state)
{
	static const char *const wrong[] = { "", "-1", "abc", "4294967296", "99999999999999999999", "1 ", "0x1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct client *c = managed();

		ack(c, wrong[i]);
		assert_has(client_read(c), "<bad-format");
		client_free(c);
	}
}

static void h_wraps(void **state)
{
	struct client *c = managed();
	struct sm *m = stream_here()->sm;

	(void)state;
	m->in.received = m->in.handled = m->sent = m->acked = m->asked = UINT32_MAX - 1;
	client_send(c, SAID("1") SAID("2") SAID("3") R);
	assert_has(client_read(c), "<a xmlns='" SM "' h='1'/>");
	for (unsigned i = 1; i <= 3; i++)
		world_deliver(w, WORD("x"), i);
	world_log(w);
	ack(c, "4294967295");
	assert_string_equal(world_log(w), "WRITTEN 1\n");
	ack(c, "0");
	assert_string_equal(world_log(w), "WRITTEN 2\n");
	ack(c, "4294967290"); /* of the past */
	assert_string_equal(world_log(w), "");
	ack(c, "1");
	assert_string_equal(world_log(w), "WRITTEN 3\n");
	ack(c, "2");
	assert_has(client_read(c), "<handled-count-too-high");
	client_free(c);
}

static void a_client_that_never_acknowledges_is_cut(void **state)
{
	struct client *c = managed();

	(void)state;
	world_deliver(w, WORD("1"), 1);
	world_deliver(w, WORD("2"), 2);
	world_deliver(w, WORD("3"), 3);
	assert_has(client_read(c), "<resource-constraint");
	assert_order(world_log(w), (const char *const[]){ "UNDELIVERED", "id='1'", "UNDELIVERED", "id='2'", "UNDELIVERED",
							  "id='3'", "CLOSED", NULL });
	client_free(c);
}

static void a_stanza_that_is_too_big_is_handled_when_it_is_refused(void **state)
{
	struct client *c = managed();
	const char *text;

	(void)state;
	client_send(c, SAID("1"));
	client_send(c, filled("<message to='bob@localhost' id='2'><body>", "</body></message>", 262145));
	client_send(c, R);
	world_pass(w, 60000); /* its rate */
	text = client_read(c);
	assert_has(text, "<stanza-too-big ");
	assert_has(text, "<a xmlns='" SM "' h='2'/>");
	client_free(c);
}

int main(void)
{
#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_offered_after_login, setup),
		TEST(without_the_plugin_it_is_not, off),
		TEST(it_can_be_had_without_resumption, setup),
		TEST(the_client_may_ask_for_a_shorter_or_longer_window, short_window),
		TEST(the_operator_may_switch_resumption_off, no_window),
		TEST(a_seat_waits_as_long_as_the_desk_and_a_robot_not_at_all, seats),
		TEST(what_comes_at_the_wrong_time_is_refused, setup),
		TEST(stanzas_are_counted_and_nothing_else, setup),
		TEST(what_is_answered_at_once_counts_in_both_directions, quiet),
		TEST(h_covers_the_handled_ones_without_gaps_and_the_rest_follows, setup),
		TEST(a_client_whose_stanzas_are_not_handled_is_not_read, fast),
		TEST(what_is_sent_again_after_a_late_answer_counts_once, quiet),
		TEST(the_client_is_asked_after_some_stanzas_or_some_time, three),
		TEST(large_stanzas_are_asked_for_at_once, quiet),
		TEST(a_receipt_is_told_when_the_client_acknowledged, quiet),
		TEST(more_than_was_sent_cannot_be_acknowledged, quiet),
		TEST(an_h_that_is_none_ends_the_stream, setup),
		TEST(h_wraps, quiet),
		TEST(a_client_that_never_acknowledges_is_cut, tight),
		TEST(a_stanza_that_is_too_big_is_handled_when_it_is_refused, quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
