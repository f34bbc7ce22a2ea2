/* Whole conversations over TCP: what a client sends and gets, and what the shard hears of it. */
#include "world.h"

#include "runtime/actor/engine.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_new("--virt-hosts=localhost\n", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static void a_client_logs_in_step_by_step(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	const char *text;

	(void)state;
	client_send(c, HEAD);
	text = client_read(c);
	assert_has(text, "<stream:stream xmlns='jabber:client'");
	assert_has(text, " from='localhost'");
	assert_has(text, "<mechanism>SCRAM-SHA-512</mechanism><mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>"
			 "<mechanism>ANONYMOUS</mechanism>");
	assert_lacks(text, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'");
	client_send(c, ALICE_AUTH);
	assert_has(client_read(c), "<success xmlns='" SASL "'/>");
	client_send(c, HEAD);
	text = client_read(c);
	assert_has(text, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
	assert_has(text, "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>");
	assert_has(text, "<ver xmlns='urn:xmpp:features:rosterver'/>");
	assert_has(text, "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:switchboard' ver='");
	assert_lacks(text, "<mechanisms");
	client_send(c, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>desk</resource></bind></iq>");
	text = client_read(c);
	assert_has(text, "<iq type='result' id='b'>");
	assert_has(text, "<jid>alice@localhost/desk</jid>");
	text = world_log(w);
	assert_has(text, "AUTH op=1 alice@localhost\n");
	assert_has(text, "BIND alice@localhost resource=desk class=0 transport=0 anonymous=0 secure=0 address=127.0.0.1\n");
	client_free(c);
}

static void everything_in_one_flight_works_too(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD ALICE_AUTH HEAD BIND_IQ "<message to='bob@localhost' id='m'><body>hi</body></message>");

	assert_has(client_read(c), "<jid>alice@localhost/made-up</jid>");
	assert_has(world_log(w), "INBOUND from=alice@localhost/made-up to=bob@localhost flags=0 <message");
	client_free(c);
}

static void byte_by_byte_is_the_same(void **state)
{
	static const char text[] = HEAD ANONYMOUS_AUTH HEAD BIND_IQ "<presence/>";
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);

	(void)state;
	for (size_t i = 0; text[i]; i++)
		client_send_bytes(c, text + i, 1);

	assert_has(client_read(c), "<jid>v-");
	assert_has(world_log(w), " to=- flags=0 <presence");
	client_free(c);
}

static void an_anonymous_client_is_a_visitor(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	const char *text;

	(void)state;
	client_send(c, HEAD ANONYMOUS_AUTH HEAD BIND_IQ);

	text = client_read(c);
	assert_has(text, "<jid>v-");
	assert_lacks(text, "rosterver"); /* the desk decides anew what a visitor is shown */
	text = world_log(w);
	assert_has(text, "BIND v-");
	assert_has(text, "class=1 transport=0 anonymous=1");
	client_free(c);
}

static void an_iq_without_to_goes_to_the_shard_as_it_is(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_send(c, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");

	assert_has(world_log(w), "INBOUND from=alice@localhost/made-up to=- flags=0 <iq");
	client_free(c);
}

static void a_malformed_address_is_answered_here(void **state)
{
	struct client *c = tcp_alice(w);
	const char *text;

	(void)state;
	client_send(c, "<message to='@' id='m'><body>x</body></message>");

	text = client_read(c);
	assert_has(text, "type='error'");
	assert_has(text, "<jid-malformed");
	assert_string_equal(world_log(w), "");
	client_free(c);
}

static void own_addresses_as_from_are_taken_and_others_end_the_stream(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_send(c, "<message from='alice@localhost' to='b@localhost'/><message from='Alice@LOCALHOST/made-up' to='b@localhost'/>");
	assert_int_equal(count_of(world_log(w), "INBOUND from=alice@localhost/made-up to=b@localhost"), 2);
	client_send(c, "<message from='alice@localhost/other' to='b@localhost'/>");
	assert_has(client_read(c), "<invalid-from xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=4\n");
	client_free(c);
}

static void a_second_bind_is_not_allowed(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<not-allowed");
	client_free(c);
}

static void a_delivered_stanza_is_written_and_confirmed(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>a &amp; b</body></message>", 42);

	assert_has(client_read(c), "<message from='bob@localhost/phone' to='alice@localhost/made-up' id='1'>"
				   "<body>a &amp; b</body></message>");
	assert_has(world_log(w), "WRITTEN 42\n");
	client_free(c);
}

static void what_was_not_written_goes_back_in_order_before_the_end(void **state)
{
	struct client *c = tcp_alice(w);
	const char *text, *first, *second, *closed;

	(void)state;
	conn_memory_stall(c->conn, true);
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>one</body></message>", 1);
	world_deliver(w, "<presence xmlns='jabber:client'/>", 0);
	world_deliver(w, "<message xmlns='jabber:client' id='2'><body>two</body></message>", 2);
	client_drop(c, CONN_END_RESET);

	text = world_log(w);
	first = strstr(text, "UNDELIVERED from=bob@localhost/phone to=alice@localhost/made-up flags=16 <message id='1'");
	second = strstr(text, "UNDELIVERED from=bob@localhost/phone to=alice@localhost/made-up flags=16 <message id='2'");
	closed = strstr(text, "CLOSED session=1 reason=2\n");
	assert_true(first && second && closed && first < second && second < closed);
	assert_int_equal(count_of(text, "\n"), 3);
	client_free(c);
}

static void a_message_for_a_stream_that_is_gone_comes_back(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_drop(c, CONN_END_PEER);
	assert_string_equal(world_log(w), "CLOSED session=1 reason=2\n");
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>late</body></message>", 0);
	world_deliver(w, "<presence xmlns='jabber:client'/>", 0);

	assert_int_equal(count_of(world_log(w), "UNDELIVERED"), 1);
	client_free(c);
}

static void an_orderly_end_is_answered_and_reported(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	client_send(c, "</stream:stream>");

	assert_string_equal(client_read(c), "</stream:stream>");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=0\n");
	client_free(c);
}

static void the_shard_can_close_with_conflict(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	world_close(w, STREAM_ERROR_CONFLICT);

	assert_has(client_read(c), "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=5\n");
	client_free(c);
}

static void a_shutdown_tells_everybody(void **state)
{
	struct client *c = tcp_alice(w), *early = client_new(w, CONFIG_COMPONENT_c2s);

	(void)state;
	world_shutdown(w);

	assert_has(client_read(c), "<system-shutdown");
	assert_has(client_read(early), "<stream:stream");
	assert_has(world_log(w), "CLOSED session=1 reason=6\n");
	client_free(c);
	client_free(early);
}

static void a_client_that_left_while_it_was_bound_is_closed_again(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	struct edge_bound *late;

	(void)state;
	w->silent_shard = true;
	client_send(c, HEAD ANONYMOUS_AUTH HEAD BIND_IQ);
	client_drop(c, CONN_END_RESET);
	world_log(w);
	late = MSG_NEW(edge_bound, edge_bound);
	late->link = w->link;
	late->session = 9;
	actor_enter(w->server.shard[0]);
	actor_send(w->link.edge, &late);
	actor_leave();
	world_run(w);

	assert_string_equal(world_log(w), "CLOSED session=9 reason=2\n");
	client_free(c);
}

static void a_refused_bind_may_be_tried_again(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);

	(void)state;
	w->bind_error = STANZA_ERROR_RESOURCE_CONSTRAINT;
	client_send(c, HEAD ANONYMOUS_AUTH HEAD BIND_IQ);
	assert_has(client_read(c), "<resource-constraint");
	w->bind_error = STANZA_ERROR_NONE;
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<jid>v-");
	client_free(c);
}

static void a_silent_client_gets_a_space_and_a_dead_one_is_closed(void **state)
{
	struct client *c = tcp_alice(w);

	(void)state;
	world_pass(w, 299 * 1000);
	assert_string_equal(client_read(c), "");
	world_pass(w, 2 * 1000);
	assert_string_equal(client_read(c), " ");
	world_pass(w, 86400 * 1000);
	assert_has(client_read(c), "<connection-timeout");
	assert_has(world_log(w), "CLOSED session=1 reason=3\n");
	client_free(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_client_logs_in_step_by_step),
		TEST(everything_in_one_flight_works_too),
		TEST(byte_by_byte_is_the_same),
		TEST(an_anonymous_client_is_a_visitor),
		TEST(an_iq_without_to_goes_to_the_shard_as_it_is),
		TEST(a_malformed_address_is_answered_here),
		TEST(own_addresses_as_from_are_taken_and_others_end_the_stream),
		TEST(a_second_bind_is_not_allowed),
		TEST(a_delivered_stanza_is_written_and_confirmed),
		TEST(what_was_not_written_goes_back_in_order_before_the_end),
		TEST(a_message_for_a_stream_that_is_gone_comes_back),
		TEST(an_orderly_end_is_answered_and_reported),
		TEST(the_shard_can_close_with_conflict),
		TEST(a_shutdown_tells_everybody),
		TEST(a_client_that_left_while_it_was_bound_is_closed_again),
		TEST(a_refused_bind_may_be_tried_again),
		TEST(a_silent_client_gets_a_space_and_a_dead_one_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
