/* Sessions come and go. */
#include "world.h"

#define PING(id) "<iq type='get' id='" id "'><ping xmlns='urn:xmpp:ping'/></iq>"

static void a_session_is_bound_and_answers(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "phone");

	(void)state;
	assert_string_equal(w->clients[a].full->text, "alice@localhost/phone");
	assert_true(w->clients[a].session != 0);
	client_send(w, a, PING("1"));
	assert_log(w, a, "<iq to='alice@localhost/phone' type='result' id='1'/>\n");
	world_free(w);
}

static void the_server_makes_up_a_resource(void **state)
{
	static const char too_long[JID_PART_MAX + 2] = { [0 ... JID_PART_MAX] = 'x' };
	static const char *const wanted[] = { NULL, "", "\x01", too_long };
	struct world *w = world_new(NO_DESK);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		unsigned c = client_new(w, "alice@localhost", wanted[i]);

		assert_non_null(w->clients[c].full);
		assert_int_equal(w->clients[c].full->resource_n, 16);
		for (unsigned k = 0; k < c; k++)
			assert_false(jid_eq(w->clients[k].full, w->clients[c].full));
	}
	world_free(w);
}

static void the_same_resource_replaces_the_old_session(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned old = client_online(w, "alice@localhost", "phone"), fresh;
	int64_t open = metric_read(METRIC_sessions_open);

	(void)state;
	fresh = client_new(w, "alice@localhost", "phone");
	assert_log(w, old, "CLOSE conflict\n");
	assert_true(w->clients[old].session != w->clients[fresh].session);
	assert_int_equal(metric_read(METRIC_sessions_open), open);
	/* what the old connection still reports disturbs nobody */
	client_drop(w, old, CLOSE_ERROR);
	client_send(w, fresh, PING("1"));
	assert_log(w, fresh, "<iq to='alice@localhost/phone' type='result' id='1'/>\n");
	world_free(w);
}

static void presence_of_a_replaced_session_is_handed_over(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned b = client_online(w, "romeo@localhost", "b"), fresh;

	(void)state;
	client_online(w, "alice@localhost", "phone");
	fresh = client_new(w, "alice@localhost", "phone");
	client_send(w, b, "<message to='alice@localhost' type='chat' id='1'><body>hi</body></message>");
	assert_log(w, fresh,
		   "<message from='romeo@localhost/b' to='alice@localhost' type='chat' id='1'><body>hi</body></message>\n");
	world_free(w);
}

static void what_a_replaced_client_said_last_is_still_delivered(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned old = client_online(w, "alice@localhost", "phone"), b = client_online(w, "romeo@localhost", "b");

	(void)state;
	client_new(w, "alice@localhost", "phone");
	client_log(w, old);
	client_send(w, old, "<message to='romeo@localhost' type='chat' id='1'><body>bye</body></message>");
	client_send(w, old, "<iq to='romeo@localhost/b' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_log(w, b,
		   "<message from='alice@localhost/phone' to='romeo@localhost' type='chat' id='1'><body>bye</body></message>\n");
	assert_log(w, old, "");
	world_free(w);
}

static void an_account_has_a_limited_number_of_sessions(void **state)
{
	struct world *w = world_new("sess-man/limits/sessions-per-account=2\n");
	unsigned a, c;

	(void)state;
	a = client_new(w, "alice@localhost", "1");
	client_new(w, "alice@localhost", "2");
	c = client_new(w, "alice@localhost", "3");
	assert_null(w->clients[c].full);
	assert_log(w, c, "REFUSED resource-constraint\n");
	/* replacing is no addition; another account is not concerned */
	assert_non_null(w->clients[client_new(w, "alice@localhost", "2")].full);
	assert_non_null(w->clients[client_new(w, "romeo@localhost", "1")].full);
	client_drop(w, a, CLOSE_STREAM_END);
	assert_non_null(w->clients[client_new(w, "alice@localhost", "3")].full);
	world_free(w);
}

static void a_visitors_oldest_session_gives_way(void **state)
{
	struct world *w = world_new("sess-man/limits/sessions-per-visitor=2\n" DESK);
	unsigned v[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		v[i] = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", NULL);
	assert_log(w, v[0], "CLOSE conflict\n");
	assert_log(w, v[1], "");
	client_send(w, v[2], PING("1"));
	assert_has(client_log(w, v[2]), "type='result' id='1'/>");
	world_free(w);
}

static void a_single_session_of_a_visitor_is_replaced_without_a_word_of_leaving(void **state)
{
	struct world *w = world_new("sess-man/limits/sessions-per-visitor=1\n" DESK);
	unsigned first;

	(void)state;
	first = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "1");
	client_send(w, first, "<presence/>");
	client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "2");
	assert_desk(w, "ONLINE v-aaaaaaaaaaaaaaaaaaaa@localhost/1 sessions=1\n"
		       "ONLINE v-aaaaaaaaaaaaaaaaaaaa@localhost/2 sessions=1\n");
	world_free(w);
}

/* XEP-0386: the client's own part of the resource is behind the last slash. */
static void an_earlier_session_of_the_same_client_ends(void **state)
{
	static const struct {
		const char *earlier, *fresh;
		bool known, ends;
	} rows[] = {
		{ "One/0123456789abcdef", "Two/0123456789abcdef", true, true },
		{ "0123456789abcdef", "Two/0123456789abcdef", true, true },
		{ "a/b/0123456789abcdef", "0123456789abcdef", true, true },
		{ "One/0123456789abcdef", "One/0123456789abcdef", true, true }, /* the same address */
		{ "One/0123456789abcdef", "One/0123456789abcdee", true, false },
		{ "One/x0123456789abcdef", "0123456789abcdef", true, false },
		{ "One/0123456789abcdef", "Two/0123456789abcdef", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_new(NO_DESK "sess-man/limits/sessions-per-account[I]=2\n");
		unsigned old = client_online(w, "alice@localhost", rows[i].earlier), other, fresh;

		other = rows[i].ends ? client_new(w, "alice@localhost", "other") : old; /* no room, but for the one that ends */
		w->known = rows[i].known;
		fresh = client_new(w, "alice@localhost", rows[i].fresh);
		assert_non_null(w->clients[fresh].full);
		if ((strstr(client_log(w, old), "CLOSE conflict") != NULL) != rows[i].ends)
			fail_msg("row %zu", i);
		client_drop(w, old, CLOSE_ERROR); /* the one that ended ends nothing else */
		client_send(w, fresh, PING("1"));
		assert_has(client_log(w, fresh), "type='result' id='1'");
		assert_lacks(client_log(w, other), "CLOSE");
		world_free(w);
	}
}

static void carbons_from_the_start(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned bob = client_online(w, "romeo@localhost", "b"), one, two;

	(void)state;
	one = client_online(w, "alice@localhost", "one");
	w->carbons = true;
	two = client_new(w, "alice@localhost", "two");
	client_send(w, bob, "<message to='alice@localhost/one' type='chat' id='1'><body>hi</body></message>");
	assert_has(client_log(w, one), "id='1'");
	assert_has(client_log(w, two), "<received xmlns='urn:xmpp:carbons:2'>");
	/* A client that takes the place of another begins as it asks for itself. */
	w->carbons = false;
	two = client_new(w, "alice@localhost", "two");
	client_send(w, bob, "<message to='alice@localhost/one' type='chat' id='2'><body>hi</body></message>");
	assert_lacks(client_log(w, two), "carbons");
	world_free(w);
}

static void stale_handles_are_ignored(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), again;
	int64_t open = metric_read(METRIC_sessions_open);

	(void)state;
	client_drop(w, a, CLOSE_STREAM_END);
	again = client_online(w, "alice@localhost", "a");
	assert_true(w->clients[again].session != w->clients[a].session);
	client_drop(w, a, CLOSE_STREAM_END);
	client_liveness(w, a, false);
	assert_int_equal(metric_read(METRIC_sessions_open), open);
	client_send(w, again, PING("1"));
	assert_has(client_log(w, again), "result");
	world_free(w);
}

static void nothing_is_written_at_login_and_logout(void **state)
{
	struct world *w = world_new(DESK);
	int64_t writes = world_store_writes();
	static const char *const who[] = { "alice@localhost", "seat1@localhost", "robot1@localhost",
					   "v-aaaaaaaaaaaaaaaaaaaa@localhost" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		unsigned c = client_online(w, who[i], "r");

		client_send(w, c, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
		client_send(w, c, "<presence><show>away</show></presence>");
		client_drop(w, c, CLOSE_SOCKET_LOST);
	}
	assert_int_equal(world_store_writes(), writes);
	world_free(w);
}

static void sessions_are_counted(void **state)
{
	struct world *w = world_new(NO_DESK);
	int64_t open = metric_read(METRIC_sessions_open);
	unsigned a = client_new(w, "alice@localhost", "a"), b = client_new(w, "romeo@localhost", "b");

	(void)state;
	assert_int_equal(metric_read(METRIC_sessions_open), open + 2);
	client_drop(w, a, CLOSE_STREAM_END);
	assert_int_equal(metric_read(METRIC_sessions_open), open + 1);
	client_drop(w, b, CLOSE_STREAM_END);
	assert_int_equal(metric_read(METRIC_sessions_open), open);
	world_free(w);
}

/* The names used in the other tests live on different shards. */
static void the_users_of_these_tests_meet_across_shards(void **state)
{
	struct world *w = world_new(NO_DESK);
	struct jid *a = jid_parse(SPAN_LIT("alice@localhost")), *b = jid_parse(SPAN_LIT("romeo@localhost"));

	(void)state;
	assert_true(server_shard_index(&w->server, a) != server_shard_index(&w->server, b));
	jid_unref(a);
	jid_unref(b);
	world_free(w);
}

static void a_removed_accounts_sessions_end_and_nobody_elses(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a1 = client_online(w, "alice@localhost", "1"), a2 = client_online(w, "alice@localhost", "2"),
		 b = client_online(w, "romeo@localhost", "b");
	int64_t open = metric_read(METRIC_sessions_open), removed = metric_read(METRIC_sessions_removed);

	(void)state;
	client_send(w, b, "<presence to='alice@localhost/1'/>");
	client_log(w, a1);
	client_send(w, a1, "<presence to='romeo@localhost/b'/>");
	client_log(w, b);
	client_log(w, a2);
	world_removed(w, "alice@localhost");
	assert_has(client_log(w, a1), "CLOSE not-authorized\n");
	assert_has(client_log(w, a2), "CLOSE not-authorized\n");
	assert_log(w, b, "<presence from='alice@localhost/1' to='romeo@localhost/b' type='unavailable'/>\n");
	assert_int_equal(metric_read(METRIC_sessions_open), open - 2);
	assert_int_equal(metric_read(METRIC_sessions_removed), removed + 2);
	client_drop(w, a1, CLOSE_ERROR); /* their connections' own reports disturb nobody */
	client_drop(w, a2, CLOSE_ERROR);
	client_send(w, b, PING("1"));
	assert_log(w, b, "<iq to='romeo@localhost/b' type='result' id='1'/>\n");
	world_removed(w, "nobody@localhost");
	world_free(w);
}

/* What a removed account had not taken goes back to who wrote it: there is nobody to keep it for. */
static void what_a_removed_account_did_not_take_comes_back(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "1"), b = client_online(w, "romeo@localhost", "b");

	(void)state;
	w->clients[a].slow = true;
	client_send(w, b, "<message to='alice@localhost' type='chat' id='1'><body>hi</body></message>");
	assert_int_equal(store_delete(w->reader, STORE_ACCOUNT, SPAN_LIT("alice@localhost")), STATUS_OK);
	world_removed(w, "alice@localhost");
	assert_log(w, b, "");
	client_drop(w, a, CLOSE_ERROR);
	assert_has(client_log(w, b), "type='error' id='1'");
	client_send(w, b, "<message to='alice@localhost' type='chat' id='2'><body>hi</body></message>");
	assert_has(client_log(w, b), "<service-unavailable ");
	assert_int_equal(world_offline_rows(w, "alice@localhost"), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_bound_and_answers),
		cmocka_unit_test(the_server_makes_up_a_resource),
		cmocka_unit_test(the_same_resource_replaces_the_old_session),
		cmocka_unit_test(presence_of_a_replaced_session_is_handed_over),
		cmocka_unit_test(what_a_replaced_client_said_last_is_still_delivered),
		cmocka_unit_test(an_account_has_a_limited_number_of_sessions),
		cmocka_unit_test(a_visitors_oldest_session_gives_way),
		cmocka_unit_test(a_single_session_of_a_visitor_is_replaced_without_a_word_of_leaving),
		cmocka_unit_test(an_earlier_session_of_the_same_client_ends),
		cmocka_unit_test(carbons_from_the_start),
		cmocka_unit_test(stale_handles_are_ignored),
		cmocka_unit_test(nothing_is_written_at_login_and_logout),
		cmocka_unit_test(sessions_are_counted),
		cmocka_unit_test(a_removed_accounts_sessions_end_and_nobody_elses),
		cmocka_unit_test(what_a_removed_account_did_not_take_comes_back),
		cmocka_unit_test(the_users_of_these_tests_meet_across_shards),
	};

	return RUN(tests);
}
