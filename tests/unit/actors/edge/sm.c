/* Stream management over TCP: what the client is told, what the shard hears, and what becomes of a session whose line was
 * lost. */
#include "world.h"

#include <stdio.h>

#include "actors/edge/sm.h"
#include "runtime/actor/engine.h"
#include "runtime/metric.h"

#define SM "urn:xmpp:sm:3"
#define ENABLE "<enable xmlns='" SM "' resume='true'/>"
#define R "<r xmlns='" SM "'/>"
#define WORD(id) "<message xmlns='jabber:client' id='" id "'><body>" id "</body></message>"
#define SAID(id) "<message to='bob@localhost' id='" id "'><body>x</body></message>"
#define ERROR "urn:ietf:params:xml:ns:xmpp-stanzas"
#define COUNT "c2s/processors/urn\\:xmpp\\:sm\\:3/ack-request-count[I]="
#define NEVER COUNT "10000\nc2s/processors/urn\\:xmpp\\:sm\\:3/ack-request-delay[I]=3600000\n"

static struct world *w;
static char id[SM_ID_MAX]; /* of the session enabled last */

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	assert_int_equal(metric_read(METRIC_sm_asleep), 0);
	return 0;
}

#define SETUP(name, lines, workers) \
	static int name(void **state) \
	{ \
		(void)state; \
		w = world_new(lines, workers); \
		return 0; \
	}
SETUP(setup, "", 1)
SETUP(quiet, NEVER, 1)
SETUP(three, COUNT "3\n", 1)
SETUP(tight, NEVER "sess-man/limits/user/unacknowledged[I]=2\n", 1)
SETUP(off, "--sm-plugins=-urn:xmpp:sm:3\n", 1)
SETUP(short_window, NEVER "c2s/processors/urn\\:xmpp\\:sm\\:3/max-resumption-timeout[I]=30\n", 1)
SETUP(no_window, "c2s/processors/urn\\:xmpp\\:sm\\:3/resumption-timeout[I]=0\n", 1)
SETUP(seats, NEVER "sess-man/desk/seats[s]=alice@localhost\nsess-man/desk/robots[s]=robot*@localhost\n"
		   "sess-man/desk/hold[I]=20\n", 1)
SETUP(two_workers, NEVER, 2)
SETUP(fast, NEVER "sess-man/limits/user/stanza-rate[I]=0\nsess-man/limits/user/byte-rate[I]=0\n", 1)

/* --- helpers --- */

static struct client *managed(void)
{
	struct client *c = tcp_alice(w);
	const char *text;

	client_send(c, ENABLE);
	text = client_read(c);
	assert_has(text, "<enabled xmlns='" SM "' id='");
	(void)snprintf(id, sizeof(id), "%s", between(text, " id='", "'"));
	assert_int_equal(strlen(id), 32);
	return c;
}

/* Logged in, features read. */
static struct client *stranger(unsigned edge)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", edge);

	client_send(c, HEAD ALICE_AUTH);
	client_send(c, HEAD);
	assert_has(client_read(c), "<sm xmlns='" SM "'/>");
	world_log(w);
	return c;
}

static void ask_resume(struct client *c, const char *previd, const char *h)
{
	char text[8192];

	(void)snprintf(text, sizeof(text), "<resume xmlns='" SM "' previd='%s' h='%s'/>", previd, h);
	client_send(c, text);
}

static void ack(struct client *c, const char *h)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "<a xmlns='" SM "' h='%s'/>", h);
	client_send(c, text);
}

static struct stream *stream_here(void)
{
	struct edge *e = w->edges[w->link.edge == w->server.edge[0] ? 0 : 1];

	return edge_find(e, w->link.slot, w->link.gen);
}

static void assert_order(const char *text, const char *const *parts)
{
	for (; *parts; parts++) {
		const char *at = strstr(text, *parts);

		if (!at)
			fail_msg("no \"%s\", or out of order, in:\n%s", *parts, text);
		text = at + strlen(*parts);
	}
}

/* --- on and off --- */

static void it_is_offered_after_login(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD);
	assert_lacks(client_read(c), SM);
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

/* --- a lost line --- */

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
		TEST(a_receipt_is_told_when_the_client_acknowledged, quiet),
		TEST(more_than_was_sent_cannot_be_acknowledged, quiet),
		TEST(an_h_that_is_none_ends_the_stream, setup),
		TEST(h_wraps, quiet),
		TEST(a_client_that_never_acknowledges_is_cut, tight),
		TEST(a_stanza_that_is_too_big_is_handled_when_it_is_refused, quiet),
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
