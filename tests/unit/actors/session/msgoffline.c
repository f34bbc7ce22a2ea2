/* Which plugins deliver and keep messages, in any combination, and what the configuration changes of it. */
#include "world.h"

#define SAY(to, type, id) "<message to='" to "' type='" type "' id='" id "'><body>text</body></message>"
#define LIMIT(value) "<iq type='set' id='l'><msgoffline xmlns='msgoffline' limit='" value "'/></iq>"
#define GET_LIMIT "<iq type='get' id='l'><msgoffline xmlns='msgoffline'/></iq>"
#define USER_LIMITS "amp/user-store-limit-enable[B]=true\n"

/* The plugin list; whether a message to somebody absent is kept, and whether one that came back from a client that died is. */
static const struct {
	const char *plugins;
	bool kept, kept_again;
} combinations[] = {
	{ "amp", true, true },
	{ "message,msgoffline", true, true },
	{ "msgoffline", true, true },
	{ "message", false, false },
	{ "amp,message", true, true },
	{ "amp,msgoffline", true, true },
	{ "amp,message,msgoffline", true, true },
	{ "urn:xmpp:ping", false, false },
};

static void any_combination_delivers_and_only_some_keep(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(combinations); i++) {
		char lines[128];
		struct world *w;
		unsigned a, r;
		const char *log;

		(void)snprintf(lines, sizeof(lines), "sess-man/plugins[s]=presence-state,jabber:iq:roster,disco,%s\n",
			       combinations[i].plugins);
		w = world_new(lines);
		a = client_online(w, "alice@localhost", "a");
		client_send(w, a, SAY("romeo@localhost", "chat", "m1"));
		log = client_log(w, a);
		if (combinations[i].kept)
			assert_string_equal(log, "");
		else
			assert_has(log, "<service-unavailable ");
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), combinations[i].kept);
		/* once, and in the order in which they came */
		r = client_online(w, "romeo@localhost", "r");
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
		client_send(w, a, SAY("romeo@localhost", "chat", "m2"));
		assert_string_equal(client_log(w, r), "<message from='alice@localhost/a' to='romeo@localhost' type='chat' id='m2'>"
						      "<body>text</body></message>\n");
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
		w->clients[r].slow = true;
		client_send(w, a, SAY("romeo@localhost", "chat", "m3"));
		client_drop(w, r, CLOSE_SOCKET_LOST);
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), combinations[i].kept_again);
		if (!combinations[i].kept_again)
			assert_has(client_log(w, a), "id='m3'><body>text</body><error type='cancel' code='503'>");
		world_free(w);
	}
}

static void shown_once_whatever_is_loaded(void **state)
{
	struct world *w = world_new("sess-man/plugins[s]=disco,amp,message,msgoffline\n");
	unsigned a = client_new(w, "alice@localhost", "a");
	const char *log, *first;

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	log = client_log(w, a);
	first = strstr(log, "var='msgoffline'");
	assert_non_null(first);
	assert_null(strstr(first + 1, "var='msgoffline'"));
	world_free(w);
}

static void strict_rules_send_chat_to_a_dead_client_back(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/amp/delivery-rules=strict\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, SAY("romeo@localhost/dead", "chat", "m1"));
	assert_has(client_log(w, a), "type='error' id='m1'");
	assert_log(w, r, "");
	client_send(w, a, SAY("romeo@localhost", "chat", "m2"));
	assert_has(client_log(w, r), "id='m2'");
	/* what was accepted for a client that died is kept all the same */
	w->clients[r].slow = true;
	client_send(w, a, SAY("romeo@localhost/r", "chat", "m3"));
	client_drop(w, r, CLOSE_SOCKET_LOST);
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	world_free(w);
}

static void errors_of_dead_clients_may_be_left_out(void **state)
{
	static const char *const types[] = { "normal", "headline", "groupchat" };
	struct world *w = world_new("sess-man/plugins-conf/message/silently-ignore-message[B]=true\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		char xml[128];

		(void)snprintf(xml, sizeof(xml), "<message to='romeo@localhost/dead' type='%s' id='m'><body>x</body></message>", types[i]);
		client_send(w, a, xml);
		assert_log(w, a, "");
	}
	client_send(w, a, SAY("romeo@localhost", "groupchat", "m")); /* no dead client: the RFC wants an error */
	assert_has(client_log(w, a), "type='error'");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void beyond_the_quota_in_words_or_silence(void **state)
{
	int64_t before = metric_read(METRIC_offline_refused);

	(void)state;
	for (int drop = 0; drop < 2; drop++) {
		struct world *w = world_new(drop ? "amp/store-limit[L]=1\nsess-man/plugins-conf/msgoffline/quota-exceeded=drop\n" :
						   "amp/store-limit[L]=1\n");
		unsigned a = client_online(w, "alice@localhost", "a");

		client_send(w, a, SAY("romeo@localhost", "chat", "m1"));
		client_send_owed(w, a, SAY("romeo@localhost", "chat", "m2"), 2);
		if (drop)
			assert_log(w, a, "HANDLED 2\n");
		else
			assert_has(client_log(w, a), "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>"
						     "Offline messages queue is full</text>");
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
		world_free(w);
	}
	assert_int_equal(metric_read(METRIC_offline_refused), before + 2);
}

static void paths_decide_what_is_kept(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/amp/msg-store-offline-paths[s]=-/message/secret,/message/body,"
				    "/message/event[urn:e]\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, SAY("romeo@localhost", "chat", "m1"));
	client_send(w, a, "<message to='romeo@localhost' id='m2'><event xmlns='urn:e'/></message>");
	assert_log(w, a, "");
	client_send(w, a, "<message to='romeo@localhost' id='m3'><body>x</body><secret xmlns='urn:s'/></message>");
	assert_has(client_log(w, a), "type='error' id='m3'");
	client_send(w, a, "<message to='romeo@localhost' id='m4'><received xmlns='urn:xmpp:receipts' id='1'/></message>");
	assert_has(client_log(w, a), "type='error' id='m4'");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 2);
	world_free(w);
}

/* --- the user's own limit --- */

static void set_limit(struct world *w, const char *xml)
{
	unsigned r = client_new(w, "romeo@localhost", "r");

	client_send(w, r, xml);
	assert_has(client_log(w, r), "type='result' id='l'><msgoffline xmlns='msgoffline' limit='");
	client_drop(w, r, CLOSE_STREAM_END);
}

static uint64_t kept_of(struct world *w, unsigned a, unsigned sent)
{
	for (unsigned i = 0; i < sent; i++)
		client_send(w, a, SAY("romeo@localhost", "chat", "m"));
	client_log(w, a);
	return world_offline_rows(w, "romeo@localhost");
}

static void a_user_may_choose_how_much_is_kept(void **state)
{
	struct world *w = world_new(USER_LIMITS "amp/store-limit[L]=2\namp/store-limit-total[L]=6\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	assert_int_equal(kept_of(w, a, 4), 2);
	set_limit(w, LIMIT("3"));
	assert_int_equal(kept_of(w, a, 4), 3);
	set_limit(w, LIMIT("0"));
	client_send(w, a, SAY("romeo@localhost", "chat", "m9"));
	assert_has(client_log(w, a), "type='error' id='m9'");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	set_limit(w, LIMIT("false"));
	assert_int_equal(kept_of(w, a, 2), 5);
	set_limit(w, LIMIT("none"));
	assert_int_equal(kept_of(w, a, 9), 6); /* what the administrator allows at all */
	world_free(w);
}

static void limits_are_told_and_checked(void **state)
{
	static const char *const wrong[] = { "", "-1", "x", "1.5", "1000000000000" };
	struct world *w = world_new(USER_LIMITS);
	unsigned r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, r, GET_LIMIT);
	assert_log(w, r, "<iq to='romeo@localhost/r' type='result' id='l'><msgoffline xmlns='msgoffline' limit='100'/></iq>\n");
	client_send(w, r, LIMIT("10"));
	assert_log(w, r, "<iq to='romeo@localhost/r' type='result' id='l'><msgoffline xmlns='msgoffline' limit='10'/></iq>\n");
	client_send(w, r, GET_LIMIT);
	assert_has(client_log(w, r), "limit='10'");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char xml[160];

		(void)snprintf(xml, sizeof(xml), "<iq type='set' id='l'><msgoffline xmlns='msgoffline' limit='%s'/></iq>", wrong[i]);
		client_send(w, r, xml);
		assert_has(client_log(w, r), "<bad-request ");
	}
	client_send(w, r, "<iq type='set' id='l'><msgoffline xmlns='msgoffline'/></iq>");
	assert_has(client_log(w, r), "<bad-request ");
	client_send(w, r, "<iq type='set' id='l' to='carol@localhost'><msgoffline xmlns='msgoffline' limit='1'/></iq>");
	assert_has(client_log(w, r), "type='error'");
	world_free(w);
}

static void without_leave_nobody_has_a_limit(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), v;

	(void)state;
	client_send(w, r, LIMIT("10"));
	assert_has(client_log(w, r), "<not-allowed ");
	client_send(w, r, GET_LIMIT);
	assert_has(client_log(w, r), "<not-allowed ");
	world_free(w);
	w = world_new(USER_LIMITS DESK);
	v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "w");
	client_log(w, v);
	client_send(w, v, LIMIT("10"));
	assert_has(client_log(w, v), "<not-allowed ");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_combination_delivers_and_only_some_keep),
		cmocka_unit_test(shown_once_whatever_is_loaded),
		cmocka_unit_test(strict_rules_send_chat_to_a_dead_client_back),
		cmocka_unit_test(errors_of_dead_clients_may_be_left_out),
		cmocka_unit_test(beyond_the_quota_in_words_or_silence),
		cmocka_unit_test(paths_decide_what_is_kept),
		cmocka_unit_test(a_user_may_choose_how_much_is_kept),
		cmocka_unit_test(limits_are_told_and_checked),
		cmocka_unit_test(without_leave_nobody_has_a_limit),
	};

	return RUN(tests);
}
