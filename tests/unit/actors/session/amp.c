/* XEP-0079 as its parties see it: the sender's rules, the receiver, the store. */
#include "world.h"

#define OPEN "--amp-security-level=NONE\n"
#define RULE(action, condition, value) "<rule action='" action "' condition='" condition "' value='" value "'/>"
#define AMP(rules) "<amp xmlns='http://jabber.org/protocol/amp'>" rules "</amp>"
#define SAY(to, rules) "<message to='" to "' type='chat' id='m'><body>text</body>" AMP(rules) "</message>"
#define STAMPED(to, status, rules) \
	"<amp xmlns='http://jabber.org/protocol/amp'" status " from='alice@localhost/a' to='" to "'>" rules "</amp>"
#define TOLD(to, action, rule) \
	"<message from='localhost' to='alice@localhost/a' id='m'>" STAMPED(to, " status='" action "'", rule) "</message>\n"
#define GOT(to, rules) \
	"<message from='alice@localhost/a' to='" to "' type='chat' id='m'><body>text</body>" STAMPED(to, "", rules) "</message>\n"
#define PAST "2004-01-01T00:00:00Z"
#define SOON "2026-01-01T00:01:00Z"

/* What each action does when romeo is here (direct) and when he is not (stored). */
static const struct {
	const char *xml;
	bool online;
	bool told, error, got;
	unsigned kept;
} rows[] = {
	{ SAY("romeo@localhost", RULE("alert", "deliver", "direct")), true, true, false, false, 0 },
	{ SAY("romeo@localhost", RULE("alert", "deliver", "stored")), true, false, false, true, 0 },
	{ SAY("romeo@localhost", RULE("drop", "deliver", "direct")), true, false, false, false, 0 },
	{ SAY("romeo@localhost", RULE("error", "deliver", "direct")), true, true, true, false, 0 },
	{ SAY("romeo@localhost", RULE("notify", "deliver", "direct")), true, true, false, true, 0 },
	{ SAY("romeo@localhost", RULE("deliver", "deliver", "direct")), true, false, false, true, 0 },
	{ SAY("romeo@localhost", RULE("store", "deliver", "direct")), true, false, false, false, 1 },
	{ SAY("romeo@localhost", RULE("alert", "deliver", "stored")), false, true, false, false, 0 },
	{ SAY("romeo@localhost", RULE("drop", "deliver", "stored")), false, false, false, false, 0 },
	{ SAY("romeo@localhost", RULE("error", "deliver", "stored")), false, true, true, false, 0 },
	{ SAY("romeo@localhost", RULE("notify", "deliver", "stored")), false, true, false, false, 1 },
	{ SAY("romeo@localhost", RULE("store", "deliver", "stored")), false, false, false, false, 1 },
	{ SAY("romeo@localhost", RULE("deliver", "deliver", "stored")), false, true, true, false, 0 },
	{ SAY("romeo@localhost", RULE("alert", "deliver", "direct")), false, false, false, false, 1 },
	/* resources: r is here */
	{ SAY("romeo@localhost/r", RULE("drop", "match-resource", "other")), true, false, false, true, 0 },
	{ SAY("romeo@localhost/dead", RULE("error", "match-resource", "other")), true, true, true, false, 0 },
	{ SAY("romeo@localhost/dead", RULE("error", "match-resource", "exact")), true, false, false, true, 0 },
	{ SAY("romeo@localhost", RULE("drop", "match-resource", "exact")), true, false, false, true, 0 },
	{ SAY("romeo@localhost", RULE("drop", "match-resource", "exact")), false, false, false, false, 0 },
	/* time */
	{ SAY("romeo@localhost", RULE("alert", "expire-at", PAST)), true, true, false, false, 0 },
	{ SAY("romeo@localhost", RULE("alert", "expire-at", SOON)), true, false, false, true, 0 },
	{ SAY("romeo@localhost", RULE("error", "expire-at", PAST)), false, true, true, false, 0 },
	{ SAY("romeo@localhost", RULE("error", "expire-at", SOON)), false, false, false, false, 1 },
};

static void each_action_does_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_new(OPEN);
		unsigned a = client_online(w, "alice@localhost", "a"), r = 0;
		const char *log;

		if (rows[i].online)
			r = client_online(w, "romeo@localhost", "r");
		client_send_owed(w, a, rows[i].xml, 7);
		log = client_log(w, a);
		if (!!strstr(log, "<message ") != rows[i].told || !!strstr(log, "type='error'") != rows[i].error ||
		    !strstr(log, "HANDLED 7"))
			fail_msg("row %zu: alice got: %s", i, log);
		if (rows[i].online && !!strstr(client_log(w, r), "text") != rows[i].got)
			fail_msg("row %zu: romeo", i);
		if (world_offline_rows(w, "romeo@localhost") != rows[i].kept)
			fail_msg("row %zu: the store", i);
		world_free(w);
	}
}

static void answers_look_as_the_xep_shows_them(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, SAY("romeo@localhost", RULE("alert", "deliver", "direct")));
	assert_log(w, a, TOLD("romeo@localhost", "alert", RULE("alert", "deliver", "direct")));
	client_send(w, a, SAY("romeo@localhost/r", RULE("notify", "match-resource", "exact")));
	assert_log(w, a, TOLD("romeo@localhost/r", "notify", RULE("notify", "match-resource", "exact")));
	assert_log(w, r, GOT("romeo@localhost/r", RULE("notify", "match-resource", "exact")));
	client_send(w, a, SAY("romeo@localhost", RULE("error", "deliver", "direct")));
	assert_log(w, a,
		   "<message from='localhost' to='alice@localhost/a' type='error' id='m'>"
		   STAMPED("romeo@localhost", " status='error'", RULE("error", "deliver", "direct"))
		   "<error type='modify' code='500'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
		   "<failed-rules xmlns='http://jabber.org/protocol/amp#errors'>" RULE("error", "deliver", "direct")
		   "</failed-rules></error></message>\n");
	world_free(w);
}

static void rules_that_cannot_be_followed_come_back(void **state)
{
	static const struct {
		const char *rules, *error;
	} wrong[] = {
		{ RULE("explode", "deliver", "direct"),
		  "code='400'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><unsupported-actions "
		  "xmlns='http://jabber.org/protocol/amp'>" RULE("explode", "deliver", "direct") "</unsupported-actions>" },
		{ RULE("drop", "moon", "full"),
		  "code='400'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><unsupported-conditions "
		  "xmlns='http://jabber.org/protocol/amp'>" RULE("drop", "moon", "full") "</unsupported-conditions>" },
		{ RULE("drop", "deliver", "soon"),
		  "code='406'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><invalid-rules "
		  "xmlns='http://jabber.org/protocol/amp'>" RULE("drop", "deliver", "soon") "</invalid-rules>" },
	};
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char xml[512];

		(void)snprintf(xml, sizeof(xml),
			       "<message to='romeo@localhost' type='chat' id='m'><body>text</body>"
			       "<amp xmlns='http://jabber.org/protocol/amp'>%s</amp></message>",
			       wrong[i].rules);
		client_send(w, a, xml);
		assert_has(client_log(w, a), wrong[i].error);
		assert_log(w, r, "");
	}
	client_send(w, a, "<message to='romeo@localhost'><body>x</body>" AMP(RULE("drop", "deliver", "none")) "</message>");
	assert_has(client_log(w, a), "<bad-request "); /* 1.3: rules need an id */
	/* none at all: an ordinary message, not one that is lost */
	client_send(w, a, SAY("romeo@localhost", ""));
	assert_has(client_log(w, r), "<body>text</body>");
	world_free(w);
}

static void who_may_not_see_somebody_gets_no_answer_about_him(void **state)
{
	static const struct {
		const char *level;
		bool friends, answered;
	} levels[] = {
		{ "", false, false }, { "", true, true }, { "--amp-security-level=PERFORMANCE\n", true, false }, { OPEN, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct world *w = world_new(levels[i].level);
		unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

		if (levels[i].friends) {
			client_send(w, a, "<presence to='romeo@localhost' type='subscribe'/>");
			client_send(w, r, "<presence to='alice@localhost' type='subscribed'/>");
		}
		client_log(w, a), client_log(w, r);
		client_send(w, a, SAY("romeo@localhost", RULE("notify", "deliver", "direct")));
		if (levels[i].answered) {
			assert_has(client_log(w, a), "status='notify'");
			assert_has(client_log(w, r), "text");
		} else {
			assert_has(client_log(w, a), "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><invalid-rules ");
			assert_log(w, r, "");
		}
		/* now or not at all: that it comes back says that he is away */
		if (i == 0) {
			client_send(w, a, SAY("romeo@localhost", RULE("deliver", "deliver", "stored")));
			assert_has(client_log(w, a), "<not-acceptable ");
			assert_log(w, r, "");
			client_send(w, a, SAY("dave@localhost", RULE("deliver", "deliver", "stored")));
			assert_has(client_log(w, a), "<not-acceptable ");
			assert_int_equal(world_offline_rows(w, "dave@localhost"), 0);
		}
		/* what answers nothing anybody may ask for */
		client_send(w, a, SAY("romeo@localhost", RULE("drop", "deliver", "stored")));
		assert_has(client_log(w, r), "text");
		/* absent or not there at all: it looks the same */
		client_send(w, a, SAY("nobody@localhost", RULE("notify", "deliver", "none")));
		if (i == 0)
			assert_has(client_log(w, a), "<not-acceptable ");
		world_free(w);
	}
}

static void what_is_kept_may_expire_before_it_is_given_out(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a"), r;
	int64_t before = metric_read(METRIC_offline_expired);
	const char *log;

	(void)state;
	client_send(w, a, SAY("romeo@localhost", RULE("alert", "expire-at", SOON)));
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='d'><body>dropped</body>" AMP(RULE("drop", "expire-at", SOON)) "</message>");
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='n'><body>notified</body>" AMP(RULE("notify", "expire-at", SOON)) "</message>");
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='s'><body>stays</body></message>");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 4);
	assert_log(w, a, "");
	world_pass(w, 61000);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence/>");
	log = client_log(w, r);
	assert_lacks(log, "text");
	assert_lacks(log, "dropped");
	assert_has(log, "notified");
	assert_has(log, "stays");
	log = client_log(w, a);
	assert_has(log, TOLD("romeo@localhost", "alert", RULE("alert", "expire-at", SOON)));
	assert_has(log, "id='n'");
	assert_lacks(log, "id='d'");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	assert_int_equal(metric_read(METRIC_offline_expired), before + 2);
	world_free(w);
}

static void a_message_that_comes_back_is_not_reported_twice(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = client_online(w, "romeo@localhost", "1"), r2;

	(void)state;
	w->clients[r1].slow = true;
	client_send(w, a, SAY("romeo@localhost", RULE("notify", "deliver", "direct")));
	assert_has(client_log(w, a), "status='notify'");
	r2 = client_online(w, "romeo@localhost", "2");
	client_drop(w, r1, CLOSE_SOCKET_LOST);
	assert_has(client_log(w, r2), "text");
	assert_log(w, a, "");
	/* but when it would be kept after all, that is news */
	w->clients[r2].slow = true;
	client_send(w, a, SAY("romeo@localhost", RULE("error", "deliver", "stored")));
	client_drop(w, r2, CLOSE_SOCKET_LOST);
	assert_has(client_log(w, a), "<failed-rules ");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_visitors_rules_ask_nothing_about_seats(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "w");

	(void)state;
	world_desk(w);
	client_send(w, v, SAY("seat1@localhost", RULE("alert", "deliver", "stored")));
	assert_has(client_log(w, v), "<not-acceptable ");
	assert_desk(w, "");
	client_send(w, v, SAY("seat1@localhost", RULE("drop", "expire-at", PAST)));
	assert_log(w, v, "");
	assert_has(world_desk(w), "text");
	world_free(w);
}

static void without_the_component_rules_are_not_followed(void **state)
{
	struct world *w = world_new(OPEN "message-router/components/msg-receivers/id-names[s]=c2s,sess-man\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, SAY("romeo@localhost", RULE("drop", "deliver", "direct")));
	assert_has(client_log(w, r), "text");
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_lacks(client_log(w, a), "protocol/amp");
	world_free(w);
}

static void the_server_says_which_rules_there_are(void **state)
{
	static const char *const features[] = { "", "?action=alert", "?action=deliver", "?action=drop", "?action=error", "?action=notify",
						"?action=store", "?condition=deliver", "?condition=expire-at", "?condition=match-resource" };
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<feature var='http://jabber.org/protocol/amp'/>");
	client_send(w, a, "<iq type='get' id='2' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' "
			  "node='http://jabber.org/protocol/amp'/></iq>");
	log = client_log(w, a);
	assert_has(log, "node='http://jabber.org/protocol/amp'><identity category='im' type='generic'");
	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		char var[96];

		(void)snprintf(var, sizeof(var), "<feature var='http://jabber.org/protocol/amp%s'/>", features[i]);
		assert_has(log, var);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action_does_what_it_says),
		cmocka_unit_test(answers_look_as_the_xep_shows_them),
		cmocka_unit_test(rules_that_cannot_be_followed_come_back),
		cmocka_unit_test(who_may_not_see_somebody_gets_no_answer_about_him),
		cmocka_unit_test(what_is_kept_may_expire_before_it_is_given_out),
		cmocka_unit_test(a_message_that_comes_back_is_not_reported_twice),
		cmocka_unit_test(a_visitors_rules_ask_nothing_about_seats),
		cmocka_unit_test(without_the_component_rules_are_not_followed),
		cmocka_unit_test(the_server_says_which_rules_there_are),
	};

	return RUN(tests);
}
