/* BOSH over HTTP as a client sees it: creation, held requests, pause, terminate, errors, and what the shard hears. Which
 * requests are taken: bosh_rids.c. */
#include "bosh_client.h"

#include "runtime/actor/engine.h"

static void creation_answers_what_both_sides_can(void **state)
{
	struct client *c = http();
	const char *text = create(c, 1573741820, "xml:lang='de' content='application/xml; charset=utf-8' route='xmpp:10.0.0.1:22'");

	(void)state;
	assert_has(text, "HTTP/1.1 200 OK\r\nContent-Type: application/xml; charset=utf-8\r\n");
	assert_has(text, "<body xmlns='http://jabber.org/protocol/httpbind' sid='00");
	assert_int_equal(strlen(sid), 34);
	assert_has(text, " wait='60' requests='2' hold='1' inactivity='30' polling='5' maxpause='120' ver='1.6' from='localhost'");
	assert_has(text, " charsets='UTF-8' authid='");
	assert_has(text, " xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'");
	assert_has(text, "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms");
	assert_lacks(text, "starttls");
	assert_lacks(text, " ack='");
	client_free(c);
}

static void wishes_are_bounded(void **state)
{
	struct client *c = http();
	const char *text;

	(void)state;
	http_post(c, "<body " BODY_NS " rid='1' to='localhost' wait='999999' hold='1000' ver='1.99' content='text/html' ack='1'/>", NULL);
	text = client_read(c);
	assert_has(text, " wait='60' requests='2' hold='1'");
	assert_has(text, " ver='1.11'");
	assert_has(text, " ack='1'");
	assert_has(text, "Content-Type: text/xml; charset=utf-8\r\n");
	client_free(c);
}

static void refusals_are_200_with_a_condition(void **state)
{
	static const struct {
		const char *body, *condition;
	} rows[] = {
		{ "<body " BODY_NS " rid='1' to='nosuch.example'/>", "host-unknown" },
		{ "<body " BODY_NS " rid='1'/>", "improper-addressing" },
		{ "<body " BODY_NS " rid='1' sid='0000000000000000000000000000000000'/>", "item-not-found" },
		{ "<body " BODY_NS " rid='1' sid='short'/>", "item-not-found" },
		{ "<body " BODY_NS " to='localhost'/>", "bad-request" },
		{ "<body " BODY_NS " to='localhost' rid='abc'/>", "bad-request" },
		{ "<body " BODY_NS " to='localhost' rid='0'/>", "bad-request" },
		{ "<body " BODY_NS " to='localhost' rid='-1'/>", "bad-request" },
		{ "<body " BODY_NS " to='localhost' rid='007'/>", "bad-request" },
		{ "<body " BODY_NS " to='localhost' rid='9007199254740992'/>", "bad-request" },
		{ "<body " BODY_NS " rid='1'", "bad-request" },
		{ "<body xmlns='urn:x' rid='1' to='localhost'/>", "bad-request" },
		{ "<!DOCTYPE a [<!ENTITY b 'c'>]><body " BODY_NS " rid='1' to='localhost'/>", "bad-request" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = http();
		char expected[128];
		const char *text;

		http_post(c, rows[i].body, "Origin: https://shop.example\r\n");
		text = client_read(c);
		snprintf(expected, sizeof(expected), " type='terminate' condition='%s'>", rows[i].condition);
		assert_has(text, "HTTP/1.1 200 OK\r\n");
		assert_has(text, expected);
		assert_has(text, "Access-Control-Allow-Origin: https://shop.example\r\n");
		client_free(c);
	}
}

static void a_client_logs_in_and_is_bound(void **state)
{
	struct client *c = http();

	(void)state;
	create(c, 1, "");
	post(c, 2, "", ANONYMOUS_AUTH);
	client_read(c);
	post(c, 3, "to='localhost' xmpp:restart='true'", "");
	client_read(c);
	post(c, 4, "", BOUND_IQ);

	assert_has(client_read(c), "<iq xmlns='jabber:client' type='result' id='b1'><bind");
	assert_has(world_log(w), "class=1 transport=1 anonymous=1 secure=0 address=203.0.113.7\n");
	client_free(c);
}

static void a_held_request_is_released_by_a_stanza(void **state)
{
	struct client *c = bound("");
	const char *text;

	(void)state;
	post(c, 5, "", "");
	assert_string_equal(client_read(c), "");
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 7);
	text = client_read(c);
	assert_int_equal(answers_in(text), 1);
	assert_has(text, "<message xmlns='jabber:client' from='bob@localhost/phone' to='v-");
	client_free(c);
}

static void stanzas_of_one_moment_share_an_answer(void **state)
{
	struct client *c = bound("");
	const char *text;

	(void)state;
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>1</body></message>", 0);
	world_deliver(w, "<message xmlns='jabber:client' id='2'><body>2</body></message>", 0);
	post(c, 5, "", "");
	text = client_read(c);
	assert_int_equal(answers_in(text), 1);
	assert_before(text, "id='1'", "id='2'");
	client_free(c);
}

static void a_held_request_is_released_by_time(void **state)
{
	struct client *c = bound("");

	(void)state;
	post(c, 5, "", "");
	world_pass(w, 59 * 1000);
	assert_string_equal(client_read(c), "");
	world_pass(w, 2 * 1000);
	assert_has(client_read(c), "<body xmlns='http://jabber.org/protocol/httpbind'></body>");
	client_free(c);
}

static void a_new_request_releases_the_held_one(void **state)
{
	struct client *first = bound(""), *second = http();

	(void)state;
	post(first, 5, "", "");
	post(second, 6, "", "");
	assert_int_equal(answers_in(client_read(first)), 1);
	assert_string_equal(client_read(second), "");
	client_free(first);
	client_free(second);
}

static void acknowledged_answers_confirm_their_messages(void **state)
{
	struct client *c = bound("ack='1'");

	(void)state;
	post(c, 5, "", "");
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 7);
	client_read(c);
	assert_lacks(world_log(w), "WRITTEN");
	post(c, 6, "ack='4'", "");
	assert_lacks(world_log(w), "WRITTEN");
	post(c, 7, "", ""); /* no ack: everything before was received */
	assert_has(world_log(w), "WRITTEN 7\n");
	client_free(c);
}

static void without_negotiated_acks_the_window_proves_receipt(void **state)
{
	struct client *c = bound("");

	(void)state;
	post(c, 5, "", "");
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 7);
	client_read(c);
	post(c, 6, "", "");
	assert_lacks(world_log(w), "WRITTEN");
	post(c, 7, "", "");
	assert_has(world_log(w), "WRITTEN 7\n");
	client_free(c);
}

static void unacknowledged_messages_go_back_when_the_session_ends(void **state)
{
	struct client *c = bound("");
	const char *text, *one, *two;

	(void)state;
	post(c, 5, "", "");
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>answered</body></message>", 7);
	world_deliver(w, "<message xmlns='jabber:client' id='2'><body>waiting</body></message>", 8);
	client_read(c);
	world_pass(w, 32 * 1000);

	text = world_log(w);
	one = strstr(text, "flags=16 <message id='1'");
	two = strstr(text, "flags=16 <message id='2'");
	assert_true(one && two && one < two && two < strstr(text, "CLOSED session=1 reason=3\n"));
	assert_int_equal(count_of(text, "UNDELIVERED"), 2);
	client_free(c);
}

static void requests_that_wait_go_back_when_the_session_ends(void **state)
{
	struct client *c = bound("");
	const char *text;

	(void)state;
	world_deliver(w, "<message xmlns='jabber:client' id='m'><body>waiting</body></message>", 0);
	world_deliver(w, "<iq xmlns='jabber:client' type='get' id='g'><ping xmlns='urn:xmpp:ping'/></iq>", 0);
	world_deliver(w, "<iq xmlns='jabber:client' type='result' id='r'/>", 0);
	world_deliver(w, "<presence xmlns='jabber:client' id='p'/>", 0);
	world_pass(w, 32 * 1000);
	text = world_log(w);
	assert_has(text, "id='m'");
	assert_has(strstr(text, "id='m'"), "<iq type='get' id='g'");
	assert_has(strstr(text, "id='g'"), "CLOSED session=1 reason=3\n");
	assert_int_equal(count_of(text, "UNDELIVERED"), 2);
	client_free(c);
}

static void a_client_that_stops_polling_is_seen_after_a_second(void **state)
{
	struct client *c = bound("");

	(void)state;
	world_pass(w, 1200);
	assert_string_equal(world_log(w), "LIVENESS 0\n");
	post(c, 5, "", "");
	assert_string_equal(world_log(w), "LIVENESS 1\n");
	world_pass(w, 5000);
	assert_string_equal(world_log(w), "");
	client_free(c);
}

static void inactivity_ends_the_session(void **state)
{
	struct client *c = bound("");

	(void)state;
	world_pass(w, 29 * 1000);
	assert_lacks(world_log(w), "CLOSED");
	world_pass(w, 2 * 1000);
	assert_has(world_log(w), "CLOSED session=1 reason=3\n");
	post(c, 5, "", "");
	assert_has(client_read(c), "condition='item-not-found'");
	client_free(c);
}

static void a_pause_answers_everything_and_outlives_inactivity(void **state)
{
	struct client *first = bound(""), *second = http(), *third;

	(void)state;
	post(first, 5, "", "");
	post(second, 6, "pause='100'", "");
	assert_int_equal(answers_in(client_read(first)), 1);
	assert_int_equal(answers_in(client_read(second)), 1);
	world_pass(w, 90 * 1000);
	assert_lacks(world_log(w), "CLOSED");
	third = http();
	post(third, 7, "", "");
	world_pass(w, 61 * 1000);
	assert_int_equal(answers_in(client_read(third)), 1);
	world_pass(w, 31 * 1000); /* the pause is over with the next request */
	assert_has(world_log(w), "CLOSED");
	client_free(first);
	client_free(second);
	client_free(third);
}

static void a_pause_beyond_the_limit_is_a_violation(void **state)
{
	struct client *c = bound("");

	(void)state;
	post(c, 5, "pause='121'", "");
	assert_has(client_read(c), "condition='policy-violation'");
	client_free(c);
}

static void terminate_is_processed_last_and_answers_all(void **state)
{
	struct client *first = bound(""), *second = http();

	(void)state;
	post(first, 5, "", "");
	post(second, 6, "type='terminate'", "<presence xmlns='jabber:client' type='unavailable'/>");
	assert_before(world_log(w), "<presence type='unavailable'", "CLOSED session=1 reason=1\n");
	assert_has(client_read(first), "type='terminate'");
	assert_has(client_read(second), "type='terminate'");
	post(second, 7, "", "");
	assert_has(client_read(second), "condition='item-not-found'");
	client_free(first);
	client_free(second);
}

static void a_stream_error_is_said_inside_the_body(void **state)
{
	struct client *c = bound("");
	const char *text;

	(void)state;
	post(c, 5, "", "");
	world_close(w, STREAM_ERROR_CONFLICT);
	text = client_read(c);
	assert_has(text, "type='terminate' condition='remote-stream-error'>");
	assert_has(text, "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict "
			 "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></body>");
	client_free(c);
}

static void a_stream_error_waits_for_a_client_that_is_away(void **state)
{
	struct client *c = bound("");

	(void)state;
	world_close(w, STREAM_ERROR_CONFLICT);
	assert_has(world_log(w), "CLOSED session=1 reason=5\n");
	post(c, 5, "", "");
	assert_has(client_read(c), "<conflict");
	post(c, 6, "", "");
	assert_has(client_read(c), "condition='item-not-found'");
	client_free(c);
}

static void bad_payload_ends_the_session(void **state)
{
	static const struct {
		const char *payload, *condition;
	} rows[] = {
		{ "text", "bad-request" },
		{ "<body " BODY_NS "/>", "bad-request" },
		{ "<foo xmlns='urn:x'/>", "remote-stream-error" },
		{ "<message xmlns='jabber:client' from='x@localhost'/>", "remote-stream-error" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = bound("");
		char expected[64];

		post(c, 5, "", rows[i].payload);
		snprintf(expected, sizeof(expected), "condition='%s'", rows[i].condition);
		assert_has(client_read(c), expected);
		client_free(c);
	}
}

static void a_stanza_that_is_too_big_is_refused_alone(void **state)
{
	struct client *c = bound("");
	const char *text;
	char expected[300];

	(void)state;
	post(c, 5, "", filled("<message xmlns='jabber:client' to='bob@localhost' id='m1'><body>", "</body></message>", 16600));
	text = client_read(c);
	(void)snprintf(expected, sizeof(expected), "<message xmlns='jabber:client' from='bob@localhost' to='%s' type='error' id='m1'><error "
						   "type='modify'><policy-violation ", w->full);
	assert_has(text, expected);
	assert_has(text, "<stanza-too-big xmlns='urn:xmpp:errors'/>");
	assert_string_equal(world_log(w), "");
	world_pass(w, 10000);
	post(c, 6, "", "<message xmlns='jabber:client' to='bob@localhost'><body>x</body></message>");
	assert_has(world_log(w), "INBOUND");
	client_free(c);
}

/* On a connection that has not seen the session: its sid says what may come. */
static void a_new_connection_takes_what_the_session_may_send(void **state)
{
	struct client *first = bound(""), *second = http(), *third = http();

	(void)state;
	post(second, 5, "", filled("<message xmlns='jabber:client' to='bob@localhost'><body>", "</body></message>", 15000));
	assert_has(world_log(w), "INBOUND");
	http_post(third, filled("<body " BODY_NS " rid='1' to='localhost'>", "</body>", 15000), NULL);
	assert_has(client_read(third), "condition='policy-violation'");
	client_free(third);
	third = http();
	world_pass(w, 10000);
	post(third, 6, "", filled("<message xmlns='jabber:client' to='bob@localhost'><body>", "</body></message>", 70000));
	assert_has(client_read(third), "condition='policy-violation'");
	assert_has(world_log(w), "CLOSED");
	client_free(first);
	client_free(second);
	client_free(third);
}

static void limits_before_login_hold_for_bodies_too(void **state)
{
	struct client *c = http();
	char many[600] = "<auth xmlns='" SASL "'>";

	(void)state;
	create(c, 1, "");
	for (int i = 0; i < 40; i++)
		strncat(many, "<a/>", sizeof(many) - strlen(many) - 1);
	strncat(many, "</auth>", sizeof(many) - strlen(many) - 1);
	post(c, 2, "", many);
	assert_has(client_read(c), "condition='policy-violation'");
	client_free(c);
}

static void a_client_that_never_polls_is_cut_off_at_the_bound(void **state)
{
	struct client *c = bound("");
	const char *text;

	(void)state;
	w->conf->bosh_waiting_packets = 3;
	for (int i = 0; i < 4; i++)
		world_deliver(w, "<message xmlns='jabber:client'><body>x</body></message>", 0);
	text = world_log(w);
	assert_int_equal(count_of(text, "UNDELIVERED"), 4);
	assert_has(text, "CLOSED session=1 reason=4\n");
	post(c, 5, "", "");
	assert_has(client_read(c), "<resource-constraint");
	client_free(c);
}

static void the_visitor_cookie_keeps_the_bare_jid(void **state)
{
	struct client *first = http(), *second = http(), *third = http();
	char cookie[256], header[300], jid[128];
	const char *text;

	(void)state;
	create(first, 1, "");
	post(first, 2, "", ANONYMOUS_AUTH);
	text = client_read(first);
	assert_has(text, "HttpOnly; SameSite=Lax\r\n");
	snprintf(cookie, sizeof(cookie), "%s", between(text, "Set-Cookie: ", ";"));
	snprintf(jid, sizeof(jid), "%.22s@localhost", strchr(cookie, '=') + 1);
	post(first, 3, "xmpp:restart='true'", "");
	assert_lacks(client_read(first), "Set-Cookie");
	post(first, 4, "", BOUND_IQ);
	assert_has(client_read(first), jid);

	snprintf(header, sizeof(header), "Cookie: a=b; %s\r\n", cookie);
	http_post(second, "<body " BODY_NS " rid='1' to='localhost' wait='60' hold='1'/>", header);
	snprintf(sid, sizeof(sid), "%s", between(client_read(second), "sid='", "'"));
	post(second, 2, "", ANONYMOUS_AUTH);
	client_read(second);
	post(second, 3, "xmpp:restart='true'", "");
	client_read(second);
	post(second, 4, "", BOUND_IQ);
	assert_has(client_read(second), jid);

	cookie[70] = cookie[70] == 'a' ? 'b' : 'a';
	snprintf(header, sizeof(header), "Cookie: %s\r\n", cookie);
	http_post(third, "<body " BODY_NS " rid='1' to='localhost' wait='60' hold='1'/>", header);
	snprintf(sid, sizeof(sid), "%s", between(client_read(third), "sid='", "'"));
	post(third, 2, "", ANONYMOUS_AUTH);
	text = client_read(third);
	assert_has(text, "Set-Cookie: switchboard-visitor-");
	assert_lacks(text, between(jid, "v-", "@"));
	client_free(first);
	client_free(second);
	client_free(third);
}

static void a_request_on_the_wrong_worker_moves_there(void **state)
{
	struct client *here = http(), *elsewhere;

	(void)state;
	create(here, 1, "");
	assert_memory_equal(sid, "00", 2);
	elsewhere = client_open(w, CONFIG_COMPONENT_bosh, "203.0.113.7", 1);
	post(elsewhere, 2, "", ANONYMOUS_AUTH);
	assert_has(client_read(elsewhere), "<success");
	post(elsewhere, 3, "xmpp:restart='true'", ""); /* keep-alive: it stays there */
	assert_has(client_read(elsewhere), "<bind");
	client_free(here);
	client_free(elsewhere);
}

static void a_shutdown_answers_held_requests(void **state)
{
	struct client *c = bound("");

	(void)state;
	post(c, 5, "", "");
	world_shutdown(w);
	assert_has(client_read(c), "type='terminate' condition='system-shutdown'");
	assert_has(world_log(w), "CLOSED session=1 reason=6\n");
	client_free(c);
}

static void a_login_check_holds_the_request_and_later_ones_wait(void **state)
{
	struct client *first = client_open(w, CONFIG_COMPONENT_bosh, "127.0.0.1", 0);
	struct client *second = client_open(w, CONFIG_COMPONENT_bosh, "127.0.0.1", 0);
	const char *text;

	(void)state;
	w->silent = true;
	create(first, 1, "");
	post(first, 2, "", ALICE_AUTH);
	post(second, 3, "xmpp:restart='true'", "");
	assert_string_equal(client_read(first), "");
	assert_string_equal(client_read(second), "");
	world_answer_auth(w, AUTH_OK);
	text = client_read(first);
	assert_has(text, "<success");
	assert_has(text, "<bind"); /* the restart was processed behind it; its own request is held now */
	assert_string_equal(client_read(second), "");
	client_free(first);
	client_free(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(creation_answers_what_both_sides_can),
		TEST(wishes_are_bounded),
		TEST(refusals_are_200_with_a_condition),
		TEST(a_client_logs_in_and_is_bound),
		TEST(a_held_request_is_released_by_a_stanza),
		TEST(stanzas_of_one_moment_share_an_answer),
		TEST(a_held_request_is_released_by_time),
		TEST(a_new_request_releases_the_held_one),
		TEST(acknowledged_answers_confirm_their_messages),
		TEST(without_negotiated_acks_the_window_proves_receipt),
		TEST(unacknowledged_messages_go_back_when_the_session_ends),
		TEST(a_client_that_stops_polling_is_seen_after_a_second),
		TEST(requests_that_wait_go_back_when_the_session_ends),
		TEST(inactivity_ends_the_session),
		TEST(a_pause_answers_everything_and_outlives_inactivity),
		TEST(a_pause_beyond_the_limit_is_a_violation),
		TEST(terminate_is_processed_last_and_answers_all),
		TEST(a_stream_error_is_said_inside_the_body),
		TEST(a_stream_error_waits_for_a_client_that_is_away),
		TEST(bad_payload_ends_the_session),
		TEST(limits_before_login_hold_for_bodies_too),
		TEST(a_new_connection_takes_what_the_session_may_send),
		TEST(a_stanza_that_is_too_big_is_refused_alone),
		TEST(a_client_that_never_polls_is_cut_off_at_the_bound),
		TEST(the_visitor_cookie_keeps_the_bare_jid),
		cmocka_unit_test_setup_teardown(a_request_on_the_wrong_worker_moves_there, setup_two_workers, teardown),
		TEST(a_shutdown_answers_held_requests),
		TEST(a_login_check_holds_the_request_and_later_ones_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
