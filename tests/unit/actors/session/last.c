/* XEP-0012: last activity of the server, of accounts and of clients. */
#include "world.h"

#include "actors/session/last_seen.h"
#include "runtime/outside.h"

#define ASK(to) "<iq type='get' id='last1' to='" to "'><query xmlns='jabber:iq:last'/></iq>"
#define QUERY(seconds) "<query xmlns='jabber:iq:last' seconds='" seconds "'/>"
#define KEPT "sess-man/db-write-online-status[B]=true\n"

/* Romeo may see Alice, Carol may not. */
static void befriend(struct world *w, unsigned alice, unsigned romeo)
{
	client_send(w, romeo, "<presence type='subscribe' to='alice@localhost'/>");
	client_send(w, alice, "<presence type='subscribed' to='romeo@localhost'/>");
	client_log(w, alice);
	client_log(w, romeo);
}

static void ask(struct world *w, unsigned client, const char *request, const char *answer)
{
	client_send(w, client, request);
	assert_has(client_log(w, client), answer);
}

static void the_server_tells_since_when_it_runs(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	w->server.started_wall_us = outside_wall_us() - 123456 * UINT64_C(1000000);
	client_send(w, a, ASK("localhost"));
	assert_log(w, a, "<iq from='localhost' to='alice@localhost/a' type='result' id='last1'>" QUERY("123456") "</iq>\n");
	/* a clock that was set back */
	w->server.started_wall_us = outside_wall_us() + 5000000;
	ask(w, a, ASK("localhost"), QUERY("0"));
	world_free(w);
}

static void friends_are_told_when_an_account_was_last_there(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"), other;

	(void)state;
	befriend(w, a, r);
	ask(w, r, ASK("alice@localhost"), "<iq from='alice@localhost' to='romeo@localhost/r' type='result' id='last1'>" QUERY("0") "</iq>");
	ask(w, a, "<iq type='get' id='last1'><query xmlns='jabber:iq:last'/></iq>", QUERY("0"));
	/* one of two clients leaves */
	other = client_online(w, "alice@localhost", "b");
	client_send(w, a, "<presence type='unavailable'><status>not yet</status></presence>");
	client_log(w, r);
	ask(w, r, ASK("alice@localhost"), QUERY("0"));
	client_send(w, other, "<presence type='unavailable'><status>Heading Home</status></presence>");
	world_pass(w, 903000);
	client_log(w, r);
	ask(w, r, ASK("alice@localhost"), "<query xmlns='jabber:iq:last' seconds='903'>Heading Home</query></iq>");
	/* its end is no second leaving */
	client_drop(w, other, CLOSE_STREAM_END);
	client_drop(w, a, CLOSE_STREAM_END);
	ask(w, r, ASK("alice@localhost"), "seconds='903'>Heading Home</query>");
	/* a line that is cut says nothing, and is a leaving */
	a = client_online(w, "alice@localhost", "a");
	client_drop(w, a, CLOSE_SOCKET_LOST);
	world_pass(w, 7000);
	client_log(w, r);
	ask(w, r, ASK("alice@localhost"), QUERY("7"));
	world_free(w);
}

static void strangers_and_the_dead_look_alike(void **state)
{
	static const char *const rows[][2] = {
		{ ASK("alice@localhost"), "<iq from='alice@localhost' to='carol@localhost/c' type='error' id='last1'>" },
		{ ASK("nobody@localhost"), "<iq from='nobody@localhost' to='carol@localhost/c' type='error' id='last1'>" },
		{ ASK("alice@localhost/a"), "<iq from='alice@localhost/a' to='carol@localhost/c' type='error' id='last1'>" },
		{ ASK("nobody@localhost/a"), "<iq from='nobody@localhost/a' to='carol@localhost/c' type='error' id='last1'>" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), c = client_online(w, "carol@localhost", "c"), r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *log;

		client_send(w, c, rows[i][0]);
		log = client_log(w, c);
		assert_has(log, rows[i][1]);
		assert_has(log, "<error type='auth' code='403'><forbidden ");
	}
	assert_log(w, a, "");
	/* Romeo sees Alice, she does not see him */
	r = client_online(w, "romeo@localhost", "r");
	befriend(w, a, r);
	ask(w, a, ASK("romeo@localhost"), "<forbidden ");
	ask(w, r, ASK("alice@localhost"), QUERY("0"));
	world_free(w);
}

static void clients_answer_for_themselves(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	befriend(w, a, r);
	client_send(w, r, ASK("alice@localhost/a"));
	assert_log(w, a, "<iq from='romeo@localhost/r' to='alice@localhost/a' type='get' id='last1'><query xmlns='jabber:iq:last'/></iq>\n");
	client_send(w, a, "<iq type='result' id='last1' to='romeo@localhost/r'>" QUERY("123") "</iq>");
	assert_has(client_log(w, r), QUERY("123"));
	ask(w, r, ASK("alice@localhost/gone"), "<service-unavailable ");
	world_free(w);
}

static void nothing_is_written_unless_the_operator_wants_it(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	int64_t writes;

	(void)state;
	befriend(w, a, r);
	writes = world_store_writes();
	client_drop(w, a, CLOSE_STREAM_END);
	assert_int_equal(world_store_writes(), writes);
	world_free(w);

	/* remembered by nobody, and in the store */
	w = world_new(KEPT "sess-man/plugins-conf/jabber\\:iq\\:last/remembered[I]=0\n");
	a = client_online(w, "alice@localhost", "a");
	r = client_online(w, "romeo@localhost", "r");
	befriend(w, a, r);
	ask(w, r, ASK("alice@localhost"), QUERY("0"));
	writes = world_store_writes();
	client_send(w, a, "<presence type='unavailable'><status>a &lt; b</status></presence>");
	client_drop(w, a, CLOSE_STREAM_END);
	assert_int_equal(world_store_writes(), writes + 1);
	world_pass(w, 60000);
	client_log(w, r);
	ask(w, r, ASK("alice@localhost"), "seconds='60'>a &lt; b</query>");
	world_free(w);
}

static void who_was_never_seen_is_not_found(void **state)
{
	static const char *const settings[] = { NO_DESK, KEPT };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		struct world *w = world_new(settings[i]);
		unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

		befriend(w, a, r);
		client_drop(w, r, CLOSE_STREAM_END);
		client_drop(w, a, CLOSE_STREAM_END);
		assert_int_equal(store_delete(w->reader, STORE_LAST_SEEN, SPAN_LIT("alice@localhost")),
				 i == 0 ? STATUS_NOT_FOUND : STATUS_OK);
		/* a client that logs in and shows no presence is not there, and was not */
		a = client_new(w, "dave@localhost", "d");
		ask(w, a, "<iq type='get' id='last1'><query xmlns='jabber:iq:last'/></iq>", "<item-not-found ");
		world_free(w);
	}
}

#define LISTS(inside) "<iq type='set' id='1'><query xmlns='jabber:iq:privacy'>" inside "</query></iq>"

static void who_hid_was_not_there(void **state)
{
	static const char *const leaving[] = { "<presence type='unavailable'/>", NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leaving); i++) {
		struct world *w = world_new(NO_DESK);
		unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"), hidden;

		befriend(w, a, r);
		client_drop(w, a, CLOSE_STREAM_END);
		world_pass(w, 100000);
		hidden = client_online(w, "alice@localhost", "h");
		client_send(w, hidden, LISTS("<list name='i'><item action='deny' order='1'><presence-out/></item></list>"));
		client_send(w, hidden, LISTS("<active name='i'/>"));
		assert_has(client_log(w, hidden), "type='result'");
		world_pass(w, 100000);
		if (leaving[i])
			client_send(w, hidden, leaving[i]);
		client_drop(w, hidden, CLOSE_STREAM_END);
		client_log(w, r);
		ask(w, r, ASK("alice@localhost"), QUERY("200"));
		world_free(w);
	}
}

static void visitors_are_noted_by_nobody(void **state)
{
	struct world *w = world_new(DESK KEPT);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");
	int64_t writes = world_store_writes();

	(void)state;
	ask(w, v, "<iq type='get' id='last1'><query xmlns='jabber:iq:last'/></iq>", "<forbidden ");
	client_send(w, v, "<presence/>");
	client_send(w, v, "<presence type='unavailable'/>");
	/* a seat's question to the page goes through */
	client_log(w, v);
	world_route(w, "<iq type='get' id='last1' from='seat1@localhost/s' to='v-aaaaaaaaaaaaaaaaaaaa@localhost/v'>"
		       "<query xmlns='jabber:iq:last'/></iq>", PACKET_FROM_DESK);
	assert_has(client_log(w, v), "<query xmlns='jabber:iq:last'/>");
	client_drop(w, v, CLOSE_STREAM_END);
	assert_int_equal(world_store_writes(), writes);
	world_free(w);
}

/* --- the memory alone --- */

static void the_first_that_left_is_forgotten_first(void **state)
{
	static const char *const names[] = { "a@x", "b@x", "c@x" };
	struct last_seen *l = last_seen_new(2);
	struct span status;
	uint64_t when;

	(void)state;
	for (unsigned i = 0; i < 4; i++) { /* a again, then c: b is the oldest */
		struct jid *j = jid_parse(span_of(names[i == 3 ? 2 : i % 2]));

		last_seen_note(l, j, 100 + i, i == 2 ? SPAN_LIT("again") : SPAN_NONE);
		jid_unref(j);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct jid *j = jid_parse(span_of(names[i]));

		assert_int_equal(last_seen_find(l, j, &when, &status), i != 1);
		if (i == 0)
			assert_true(when == 102 && span_is(status, "again"));
		if (i == 2)
			assert_true(when == 103 && status.n == 0);
		jid_unref(j);
	}
	last_seen_free(l);
}

static void records_read_back(void **state)
{
	static const char *const damaged[] = { "", " ", "x", "12", "x 1", " 5", "-1 ", "99999999999999999999 " };
	struct buf long_one = BUF_INIT, saved = BUF_INIT;
	struct span status;
	uint64_t when;

	(void)state;
	last_seen_save(&saved, UINT64_C(1700000000000000), SPAN_LIT("Heading Home"));
	assert_true(last_seen_load(buf_span(&saved), &when, &status));
	assert_true(when == UINT64_C(1700000000000000) && span_is(status, "Heading Home"));
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
		assert_false(last_seen_load(span_of(damaged[i]), &when, &status));
	/* a long status is cut at a character's end: 254 bytes and half of one of two bytes */
	for (unsigned i = 0; i < 254; i++)
		buf_add_text(&long_one, "x");
	buf_add_text(&long_one, "\xc3\xa4");
	buf_clear(&saved);
	last_seen_save(&saved, 1, buf_span(&long_one));
	assert_true(last_seen_load(buf_span(&saved), &when, &status));
	assert_int_equal(status.n, 254);
	buf_fini(&saved);
	buf_fini(&long_one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_tells_since_when_it_runs),
		cmocka_unit_test(friends_are_told_when_an_account_was_last_there),
		cmocka_unit_test(strangers_and_the_dead_look_alike),
		cmocka_unit_test(clients_answer_for_themselves),
		cmocka_unit_test(nothing_is_written_unless_the_operator_wants_it),
		cmocka_unit_test(who_was_never_seen_is_not_found),
		cmocka_unit_test(who_hid_was_not_there),
		cmocka_unit_test(visitors_are_noted_by_nobody),
		cmocka_unit_test(the_first_that_left_is_forgotten_first),
		cmocka_unit_test(records_read_back),
	};

	return RUN(tests);
}
