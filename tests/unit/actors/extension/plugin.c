/* A plugin's hooks in the session shards' world. What tests/support/extension/probe.c does is in the messages' words. */
#include "tests/unit/actors/session/world.h"

#define PROBE "sess-man/extensions[s]=" EXTENSIONS "/probe.so\n"
#define TO(to, body) "<message to='" to "' type='chat' id='m'><body>" body "</body></message>"
#define GOT(from, to, body) "<message from='" from "' to='" to "' type='chat' id='m'><body>" body "</body></message>\n"
#define ALICE "alice@localhost/a"
#define ROMEO "romeo@localhost/r"

static int64_t count(const char *name)
{
	struct buf out = BUF_INIT;
	char *text, *wanted, *at;
	int64_t value;

	metric_print(&out);
	text = buf_take_text(&out);
	buf_addf(&out, "\nswitchboard_ext_probe_%s ", name);
	wanted = buf_take_text(&out);
	at = strstr(text, wanted);
	assert_non_null(at);
	value = strtoll(strchr(at, ' '), NULL, 10);
	free(wanted);
	free(text);
	return value;
}

struct two {
	struct world *w;
	unsigned a, r;
};

static struct two two(const char *lines)
{
	struct two t = { .w = world_new(lines) };

	t.a = client_online(t.w, "alice@localhost", "a");
	t.r = client_online(t.w, "romeo@localhost", "r");
	return t;
}

static void a_stanza_nobody_means_goes_its_way(void **state)
{
	struct two t = two(PROBE);
	int64_t before = count("before"), after = count("after");

	(void)state;
	client_send(t.w, t.a, TO(ROMEO, "hello"));
	assert_log(t.w, t.r, GOT(ALICE, ROMEO, "hello"));
	assert_int_equal(count("before") - before, 2); /* her passage and his */
	assert_int_equal(count("after") - after, 2);
	world_free(t.w);
}

static void before_may_drop_refuse_and_change(void **state)
{
	static const struct {
		const char *sent, *alice, *romeo;
	} rows[] = {
		{ TO(ROMEO, "drop"), "", "" },
		{ TO(ROMEO, "refuse"),
		  "<message from='" ROMEO "' to='" ALICE "' type='error' id='m'><body>refuse</body><error type='cancel' code='405'>"
		  "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' "
		  "xml:lang='en'>The probe says no.</text></error></message>\n",
		  "" },
		{ TO(ROMEO, "odd verdict"), "", GOT(ALICE, ROMEO, "odd verdict") },
		{ TO(ROMEO, "change all of it"), "", "<message from='" ALICE "' to='" ROMEO "' type='chat'><body>all of it</body></message>\n" },
		{ TO(ROMEO, "other kind"), "",
		  "<message from='" ALICE "' to='" ROMEO "' type='chat' id='m'><body>other kind</body>"
		  "<mark xmlns='urn:test:probe'>refused</mark></message>\n" },
		{ "<message to='" ROMEO "' type='chat'><strip xmlns='urn:test:probe'/><body>b</body></message>", "",
		  "<message from='" ALICE "' to='" ROMEO "' type='chat'><body>b</body></message>\n" },
		{ TO(ROMEO, "forge carol@localhost"), "",
		  "<message from='" ALICE "' to='" ROMEO "' type='chat' id='m'><body>forge carol@localhost</body>"
		  "<mark xmlns='urn:test:probe'>refused</mark></message>\n" },
	};
	struct two t = two(PROBE);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		client_send(t.w, t.a, rows[i].sent);
		assert_log(t.w, t.a, rows[i].alice);
		assert_log(t.w, t.r, rows[i].romeo);
	}
	world_free(t.w);
}

static void to_is_rewritten_on_the_way_out(void **state)
{
	struct two t = two(PROBE);

	(void)state;
	client_send(t.w, t.a, TO("carol@localhost", "out romeo@localhost"));
	assert_log(t.w, t.r, GOT(ALICE, "romeo@localhost", "out romeo@localhost"));
	client_send(t.w, t.a, TO("carol@localhost", "out nobody@"));
	assert_int_equal(world_offline_rows(t.w, "carol@localhost"), 1); /* no address: unchanged */
	/* To the server: nobody reads its mail. The target is found anew. */
	client_send(t.w, t.a, TO(ROMEO, "out localhost"));
	assert_has(client_log(t.w, t.a), "service-unavailable");
	assert_log(t.w, t.r, "");
	world_free(t.w);
}

static void to_is_rewritten_on_arrival(void **state)
{
	struct two t = two(PROBE);
	unsigned r2 = client_online(t.w, "romeo@localhost", "r2"), c = client_online(t.w, "carol@localhost", "c");

	(void)state;
	client_log(t.w, t.r), client_log(t.w, r2);
	client_send(t.w, t.a, TO(ROMEO, "in romeo@localhost/r2")); /* to another of his clients */
	assert_log(t.w, t.r, "");
	assert_log(t.w, r2, GOT(ALICE, "romeo@localhost/r2", "in romeo@localhost/r2"));
	client_send(t.w, t.a, TO(ROMEO, "in carol@localhost")); /* to somebody else, who is not asked again */
	assert_log(t.w, t.r, "");
	assert_log(t.w, c, GOT(ALICE, "carol@localhost", "in carol@localhost"));
	world_free(t.w);
}

static void what_a_sender_was_promised_is_kept_through_changes(void **state)
{
	struct two t = two(PROBE);

	(void)state;
	client_send_owed(t.w, t.a, TO(ROMEO, "change it"), 1);
	assert_log(t.w, t.a, "HANDLED 1\n");
	assert_has(client_log(t.w, t.r), "<body>it</body>");
	client_send_owed(t.w, t.a, TO(ROMEO, "in carol@localhost"), 2);
	world_pass(t.w, 1000);
	assert_log(t.w, t.a, "HANDLED 2\n");
	assert_int_equal(world_offline_rows(t.w, "carol@localhost"), 1);
	client_send_owed(t.w, t.a, TO(ROMEO, "drop"), 3);
	assert_log(t.w, t.a, "HANDLED 3\n");
	client_send_owed(t.w, t.a, TO(ROMEO, "refuse"), 4);
	assert_has(client_log(t.w, t.a), "</message>\nHANDLED 4\n");
	world_free(t.w);
}

static void what_it_sends_is_not_shown_to_it_again(void **state)
{
	struct two t = two(PROBE);
	int64_t before = count("before");

	(void)state;
	client_send(t.w, t.a, TO(ROMEO, "send romeo@localhost"));
	assert_log(t.w, t.r, "<message from='alice@localhost' to='romeo@localhost' type='chat'><body>from the probe</body></message>\n" GOT(
				     ALICE, ROMEO, "send romeo@localhost"));
	assert_int_equal(count("before") - before, 2);
	world_free(t.w);
}

static void requests_are_answered_for_the_server_and_the_account(void **state)
{
	static const struct {
		const char *to, *answer;
	} rows[] = {
		{ "localhost", "<iq from='localhost' to='" ALICE "' type='result' id='1'><mark xmlns='urn:test:probe'>own</mark></iq>\n" },
		{ "alice@localhost",
		  "<iq from='alice@localhost' to='" ALICE "' type='result' id='1'><mark xmlns='urn:test:probe'>own</mark></iq>\n" },
		{ "romeo@localhost",
		  "<iq from='romeo@localhost' to='" ALICE "' type='result' id='1'><mark xmlns='urn:test:probe'>other</mark></iq>\n" },
	};
	struct two t = two(PROBE);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char iq[200];

		snprintf(iq, sizeof(iq), "<iq type='get' id='1' to='%s'><ask xmlns='urn:test:probe'/></iq>", rows[i].to);
		client_send(t.w, t.a, iq);
		assert_log(t.w, t.a, rows[i].answer);
	}
	/* To a client it is the client's. */
	client_send(t.w, t.a, "<iq type='get' id='2' to='" ROMEO "'><ask xmlns='urn:test:probe'/></iq>");
	assert_log(t.w, t.r, "<iq from='" ALICE "' to='" ROMEO "' type='get' id='2'><ask xmlns='urn:test:probe'/></iq>\n");
	/* Another type than it asked for, and another namespace. */
	client_send(t.w, t.a, "<iq type='set' id='3' to='alice@localhost'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(t.w, t.a), "service-unavailable");
	client_send(t.w, t.a, "<iq type='get' id='4' to='localhost'><ask xmlns='urn:test:other'/></iq>");
	assert_has(client_log(t.w, t.a), "service-unavailable");
	world_free(t.w);
}

static void a_request_is_answered_also_when_the_extension_does_not(void **state)
{
	struct two t = two(PROBE);

	(void)state;
	client_send(t.w, t.a, "<iq type='set' id='1' to='localhost'><ask xmlns='urn:test:probe'/></iq>");
	assert_log(t.w, t.a, "<iq from='localhost' to='" ALICE "' type='error' id='1'><ask xmlns='urn:test:probe'/><error type='cancel' "
			     "code='503'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n");
	client_send(t.w, t.a, "<iq type='get' id='2' to='localhost'><hollow xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(t.w, t.a), "internal-server-error");
	world_free(t.w);
}

static void processors_take_messages_by_their_children(void **state)
{
	struct two t = two(PROBE);

	(void)state;
	client_send(t.w, t.a, "<message to='" ROMEO "'><away xmlns='urn:test:probe'/></message>");
	assert_log(t.w, t.a, "<message from='localhost' to='" ALICE "' type='chat'><body>taken on its way</body></message>\n");
	assert_log(t.w, t.r, "");
	client_send(t.w, t.a, "<message to='" ROMEO "' type='chat'><here xmlns='urn:test:probe'/></message>");
	assert_log(t.w, t.a, "<message from='localhost' to='" ALICE "' type='chat'><body>taken on arrival</body></message>\n");
	assert_log(t.w, t.r, "");
	client_send(t.w, t.a, "<message to='" ROMEO "'><here xmlns='urn:test:probe'/></message>"); /* not of type chat */
	assert_has(client_log(t.w, t.r), "<here xmlns='urn:test:probe'/>");
	world_free(t.w);
}

/* XEP-0079: what the server remembers of a message is apart from which hooks have seen it. */
static void rules_of_a_sender_keep_nothing_from_it(void **state)
{
	static const char rule[] = "<amp xmlns='http://jabber.org/protocol/amp'>"
				   "<rule action='drop' condition='expire-at' value='2090-01-01T00:00:00Z'/></amp>";
	struct two t = two(PROBE);
	char message[400];

	(void)state;
	snprintf(message, sizeof(message), "<message to='" ROMEO "' type='chat' id='1'><here xmlns='urn:test:probe'/>%s</message>", rule);
	client_send(t.w, t.a, message);
	assert_log(t.w, t.a, "<message from='localhost' to='" ALICE "' type='chat'><body>taken on arrival</body></message>\n");
	assert_log(t.w, t.r, "");
	world_free(t.w);
}

static void a_passage_that_waits_is_shown_once(void **state)
{
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");
	int64_t before, undelivered;

	(void)state;
	before = count("before"), undelivered = count("undelivered");
	client_send(w, a, TO("dave@localhost", "are you there?")); /* his account must be looked up first */
	assert_int_equal(world_offline_rows(w, "dave@localhost"), 1);
	assert_int_equal(count("before") - before, 2);
	assert_int_equal(count("undelivered") - undelivered, 1);
	client_send(w, a, TO("dave@localhost", "nobody"));
	assert_int_equal(world_offline_rows(w, "dave@localhost"), 1);
	assert_log(w, a, "");
	world_free(w);
}

static void the_filter_sees_what_comes_of_a_stanza(void **state)
{
	struct two t = two(PROBE);
	int64_t seen;

	(void)state;
	seen = count("filter");
	client_send(t.w, t.a, TO(ROMEO, "filter out"));
	assert_log(t.w, t.r, "");
	assert_int_equal(count("filter") - seen, 1);
	client_send(t.w, t.a, TO(ROMEO, "filter in"));
	assert_log(t.w, t.r, "");
	assert_int_equal(count("filter") - seen, 3);
	client_send(t.w, t.a, TO(ROMEO, "filter change yes"));
	assert_log(t.w, t.r, "<message from='" ALICE "' to='" ROMEO "' type='chat'><body>yes</body></message>\n");
	world_free(t.w);
}

/* The sender waits for word of it: a drop is one. */
static void what_the_filter_drops_is_handled(void **state)
{
	struct two t = two(PROBE);

	(void)state;
	client_send_owed(t.w, t.a, TO(ROMEO, "filter out"), 1);
	assert_log(t.w, t.a, "HANDLED 1\n");
	client_send_owed(t.w, t.a, TO(ROMEO, "filter in"), 2);
	assert_log(t.w, t.a, "HANDLED 2\n");
	world_pass(t.w, 1000);
	assert_int_equal(world_pending_rows(t.w, "romeo@localhost"), 0);
	assert_int_equal(metric_read(METRIC_custody), 0);
	assert_log(t.w, t.r, "");
	world_free(t.w);
}

static void sessions_are_seen_to_come_and_go(void **state)
{
	struct world *w = world_new(PROBE);
	int64_t opened = count("opened"), closed = count("closed"), replaced = count("replaced");
	unsigned a = client_online(w, "alice@localhost", "a"), again;

	(void)state;
	assert_int_equal(count("opened") - opened, 1);
	again = client_online(w, "alice@localhost", "a"); /* in its place */
	assert_int_equal(count("opened") - opened, 2);
	assert_int_equal(count("closed") - closed, 1);
	assert_int_equal(count("replaced") - replaced, 1);
	client_drop(w, a, CLOSE_SOCKET_LOST); /* of the old one nobody hears twice */
	client_drop(w, again, CLOSE_SOCKET_LOST);
	assert_int_equal(count("closed") - closed, 2);
	assert_int_equal(count("replaced") - replaced, 1);
	world_free(w);
}

static void there_is_an_instance_for_each_shard_and_all_are_closed(void **state)
{
	struct world *w = world_new(PROBE);

	(void)state;
	assert_int_equal(count("instances"), 2);
	world_free(w);
	assert_int_equal(count("instances"), 0);
}

static void its_features_are_shown_while_it_is_loaded(void **state)
{
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<feature var='urn:test:probe'/>");
	client_send(w, a, "<iq type='get' id='2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<feature var='urn:test:probe#account'/>");
	world_free(w);
}

static void a_visitor_passes_its_hooks_before_the_desk(void **state)
{
	struct world *w = world_new(PROBE DESK);
	unsigned v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");

	(void)state;
	world_desk(w);
	client_send(w, v, TO("seat1@localhost", "drop"));
	assert_desk(w, "");
	client_send(w, v, TO("seat1@localhost", "filter out"));
	assert_desk(w, "");
	client_send(w, v, TO("seat1@localhost", "out seat2@localhost"));
	assert_has(world_desk(w), "to='seat2@localhost'");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stanza_nobody_means_goes_its_way),
		cmocka_unit_test(before_may_drop_refuse_and_change),
		cmocka_unit_test(to_is_rewritten_on_the_way_out),
		cmocka_unit_test(to_is_rewritten_on_arrival),
		cmocka_unit_test(what_a_sender_was_promised_is_kept_through_changes),
		cmocka_unit_test(what_it_sends_is_not_shown_to_it_again),
		cmocka_unit_test(requests_are_answered_for_the_server_and_the_account),
		cmocka_unit_test(a_request_is_answered_also_when_the_extension_does_not),
		cmocka_unit_test(processors_take_messages_by_their_children),
		cmocka_unit_test(rules_of_a_sender_keep_nothing_from_it),
		cmocka_unit_test(a_passage_that_waits_is_shown_once),
		cmocka_unit_test(the_filter_sees_what_comes_of_a_stanza),
		cmocka_unit_test(what_the_filter_drops_is_handled),
		cmocka_unit_test(sessions_are_seen_to_come_and_go),
		cmocka_unit_test(there_is_an_instance_for_each_shard_and_all_are_closed),
		cmocka_unit_test(its_features_are_shown_while_it_is_loaded),
		cmocka_unit_test(a_visitor_passes_its_hooks_before_the_desk),
	};

	return RUN(tests);
}
