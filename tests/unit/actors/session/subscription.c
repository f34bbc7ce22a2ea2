/* Presence subscriptions between two users on different shards: RFC 6121 3. */
#include "world.h"

#define GET "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>"
#define PUSH(to, n, item) \
	"<iq from='" to "@localhost' to='" to "@localhost/" to "' type='set' id='push" n "'><query xmlns='jabber:iq:roster'>" item \
	"</query></iq>\n"

struct pair {
	struct world *w;
	unsigned alice, romeo;
};

static void read_away(struct pair *p)
{
	client_log(p->w, p->alice);
	client_log(p->w, p->romeo);
}

/* Both online, both with their roster. */
static struct pair two(void)
{
	struct pair p = { .w = world_new(NO_DESK) };

	p.alice = client_online(p.w, "alice@localhost", "alice");
	p.romeo = client_online(p.w, "romeo@localhost", "romeo");
	client_send(p.w, p.alice, GET);
	client_send(p.w, p.romeo, GET);
	read_away(&p);
	return p;
}

static const char *roster_of(struct world *w, unsigned client)
{
	client_log(w, client);
	client_send(w, client, GET);
	return client_log(w, client);
}

static void become_friends(struct pair *p)
{
	client_send(p->w, p->alice, "<presence to='romeo@localhost' type='subscribe'/>");
	client_send(p->w, p->romeo, "<presence to='alice@localhost' type='subscribed'/>");
	client_send(p->w, p->romeo, "<presence to='alice@localhost' type='subscribe'/>");
	client_send(p->w, p->alice, "<presence to='romeo@localhost' type='subscribed'/>");
	read_away(p);
}

static void a_request_is_shown_and_granted(void **state)
{
	struct pair p = two();

	(void)state;
	client_send(p.w, p.alice, "<presence to='romeo@localhost/romeo' type='subscribe' id='s'><status>hi</status></presence>");
	assert_log(p.w, p.alice, PUSH("alice", "1", "<item jid='romeo@localhost' subscription='none' ask='subscribe'/>"));
	assert_log(p.w, p.romeo,
		   "<presence from='alice@localhost' to='romeo@localhost' type='subscribe' id='s'><status>hi</status></presence>\n");
	assert_lacks(roster_of(p.w, p.romeo), "<item"); /* a request is no item */
	client_send(p.w, p.romeo, "<presence to='alice@localhost' type='subscribed'/>");
	assert_has(client_log(p.w, p.romeo), "<item jid='alice@localhost' subscription='from'/>");
	assert_log(p.w, p.alice,
		   PUSH("alice", "2", "<item jid='romeo@localhost' subscription='to'/>")
		   "<presence from='romeo@localhost' to='alice@localhost' type='subscribed'/>\n"
		   "<presence from='romeo@localhost/romeo' to='alice@localhost'/>\n");
	world_free(p.w);
}

static void a_request_is_denied(void **state)
{
	struct pair p = two();
	const char *log;

	(void)state;
	client_send(p.w, p.alice, "<presence to='romeo@localhost' type='subscribe'/>");
	read_away(&p);
	client_send(p.w, p.romeo, "<presence to='alice@localhost' type='unsubscribed'/>");
	log = client_log(p.w, p.alice);
	assert_has(log, "<item jid='romeo@localhost' subscription='none'/>");
	assert_has(log, "<presence from='romeo@localhost' to='alice@localhost' type='unsubscribed'/>");
	assert_log(p.w, p.romeo, "");
	assert_lacks(roster_of(p.w, p.romeo), "<item");
	world_free(p.w);
}

static void friends_see_each_other_and_can_part(void **state)
{
	struct pair p = two();
	const char *log;

	(void)state;
	become_friends(&p);
	assert_has(roster_of(p.w, p.alice), "<item jid='romeo@localhost' subscription='both'/>");
	assert_has(roster_of(p.w, p.romeo), "<item jid='alice@localhost' subscription='both'/>");
	client_send(p.w, p.alice, "<presence to='romeo@localhost' type='unsubscribe'/>");
	assert_has(client_log(p.w, p.alice), "<item jid='romeo@localhost' subscription='from'/>");
	log = client_log(p.w, p.romeo);
	assert_has(log, "<item jid='alice@localhost' subscription='to'/>");
	assert_has(log, "<presence from='alice@localhost' to='romeo@localhost' type='unsubscribe'/>");
	client_send(p.w, p.alice, "<presence to='romeo@localhost' type='unsubscribed'/>");
	log = client_log(p.w, p.romeo);
	assert_has(log, "<item jid='alice@localhost' subscription='none'/>");
	assert_has(log, "<presence from='alice@localhost' to='romeo@localhost' type='unsubscribed'/>\n"
			"<presence from='alice@localhost/alice' to='romeo@localhost' type='unavailable'/>");
	world_free(p.w);
}

static void unsubscribing_ends_the_presence_of_the_other(void **state)
{
	struct pair p = two();

	(void)state;
	become_friends(&p);
	client_send(p.w, p.alice, "<presence to='romeo@localhost' type='unsubscribe'/>");
	assert_has(client_log(p.w, p.alice), "<presence from='romeo@localhost/romeo' to='alice@localhost' type='unavailable'/>");
	world_free(p.w);
}

static void removing_a_contact_ends_both_subscriptions(void **state)
{
	struct pair p = two();
	const char *log;

	(void)state;
	become_friends(&p);
	client_send(p.w, p.alice,
		    "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='romeo@localhost' subscription='remove'/></query></iq>");
	log = client_log(p.w, p.romeo);
	assert_has(log, "type='unsubscribe'/>");
	assert_has(log, "type='unsubscribed'/>");
	assert_has(log, "<presence from='alice@localhost/alice' to='romeo@localhost' type='unavailable'/>");
	assert_has(roster_of(p.w, p.romeo), "<item jid='alice@localhost' subscription='none'/>");
	assert_lacks(roster_of(p.w, p.alice), "<item");
	world_free(p.w);
}

static void a_request_waits_for_an_absent_user(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;
	const char *log;

	(void)state;
	client_send(w, a, "<presence to='romeo@localhost' type='subscribe'><status>it is me</status></presence>");
	assert_log(w, a, "");
	for (unsigned login = 0; login < 2; login++) { /* at each login until it is answered */
		r = client_new(w, "romeo@localhost", "r");
		client_send(w, r, "<presence/>");
		assert_has(client_log(w, r), "<presence from='alice@localhost' to='romeo@localhost' type='subscribe'>"
					     "<status>it is me</status></presence>");
		client_send(w, r, "<presence><show>away</show></presence>");
		assert_lacks(client_log(w, r), "subscribe"); /* once a session */
		client_drop(w, r, CLOSE_STREAM_END);
	}
	r = client_online(w, "romeo@localhost", "r");
	client_send(w, r, "<presence to='alice@localhost' type='subscribed'/>");
	client_drop(w, r, CLOSE_STREAM_END);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence/>");
	log = client_log(w, r);
	assert_lacks(log, "type='subscribe'");
	world_free(w);
}

static void a_long_request_is_kept_without_its_text(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;
	char xml[8192];
	int head = snprintf(xml, sizeof(xml), "<presence to='romeo@localhost' type='subscribe'><status>");

	(void)state;
	memset(xml + head, 'x', 5000);
	(void)snprintf(xml + head + 5000, sizeof(xml) - (size_t)head - 5000, "</status></presence>");
	client_send(w, a, xml);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence/>");
	assert_has(client_log(w, r), "<presence from='alice@localhost' to='romeo@localhost' type='subscribe'/>");
	world_free(w);
}

static void who_is_subscribed_and_asks_again_is_answered_by_the_server(void **state)
{
	struct pair p = two();

	(void)state;
	become_friends(&p);
	client_send(p.w, p.alice, "<presence to='romeo@localhost' type='subscribe'/>");
	assert_log(p.w, p.romeo, "");
	assert_log(p.w, p.alice, ""); /* subscribed already: the answer changes nothing (appendix A.3.3) */
	world_free(p.w);
}

static void accounts_that_do_not_exist_keep_silent_and_nothing(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");
	struct buf value = BUF_INIT;

	(void)state;
	client_send(w, a, "<presence to='nobody@localhost' type='subscribe'/>");
	assert_log(w, a, "");
	assert_int_equal(store_map_get(w->reader, STORE_ROSTER, SPAN_LIT("nobody@localhost"), SPAN_LIT("alice@localhost"), &value),
			 STATUS_NOT_FOUND);
	world_free(w);
}

static void refused_requests(void **state)
{
	static const struct {
		const char *xml, *error;
	} rows[] = {
		{ "<presence to='alice@localhost' type='subscribe' id='1'/>", "<not-allowed " },
		{ "<presence to='alice@localhost/x' type='subscribed' id='1'/>", "<not-allowed " },
		{ "<presence to='localhost' type='subscribe' id='1'/>", "<service-unavailable " },
		{ "<presence type='subscribe' id='1'/>", "<bad-request " },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *log;

		client_send(w, a, rows[i].xml);
		log = client_log(w, a);
		assert_has(log, "type='error' id='1'>");
		assert_has(log, rows[i].error);
	}
	world_free(w);
}

static void without_the_plugin_requests_are_answered(void **state)
{
	struct world *w = world_new(NO_PRESENCE);
	unsigned a = client_new(w, "alice@localhost", "a"), r = client_new(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, "<presence to='romeo@localhost' type='subscribe' id='1'/>");
	assert_has(client_log(w, a), "<service-unavailable ");
	assert_log(w, r, "");
	world_free(w);
}

static void a_full_roster_takes_no_more(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/jabber\\:iq\\:roster/max_roster_size[I]=1\n");
	unsigned a = client_online(w, "alice@localhost", "a");
	static const char *const names[] = { "romeo", "carol" };

	(void)state;
	client_send(w, a, "<presence to='romeo@localhost' type='subscribe'/>");
	client_send(w, a, "<presence to='carol@localhost' type='subscribe' id='2'/>");
	assert_has(client_log(w, a), "<policy-violation ");
	/* strangers' requests have a place of their own, and a bound too */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char jid[64];
		unsigned c;

		(void)snprintf(jid, sizeof(jid), "%s@localhost", names[i]);
		c = client_online(w, jid, "c");
		client_send(w, c, "<presence to='dave@localhost' type='subscribe'/>");
	}
	client_send(w, a, "<presence to='dave@localhost' type='subscribe'/>");
	{
		unsigned d = client_new(w, "dave@localhost", "d");
		const char *log;

		client_send(w, d, "<presence/>");
		log = client_log(w, d);
		assert_has(log, "<presence from='romeo@localhost' to='dave@localhost' type='subscribe'/>");
		assert_has(log, "<presence from='carol@localhost' to='dave@localhost' type='subscribe'/>");
		assert_lacks(log, "alice");
	}
	world_free(w);
}

/* Requests and rosters wait for the store; what follows waits behind them. */
static void order_holds_while_the_store_is_slow(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	w->store_stalls = true;
	client_send(w, a, "<presence to='romeo@localhost' type='subscribe'/>");
	client_send(w, a, "<message to='romeo@localhost' id='m'><body>did you see it?</body></message>");
	assert_log(w, r, "");
	world_release_store(w);
	assert_log(w, r,
		   "<presence from='alice@localhost' to='romeo@localhost' type='subscribe'/>\n"
		   "<message from='alice@localhost/a' to='romeo@localhost' id='m'><body>did you see it?</body></message>\n");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_shown_and_granted),
		cmocka_unit_test(a_request_is_denied),
		cmocka_unit_test(friends_see_each_other_and_can_part),
		cmocka_unit_test(unsubscribing_ends_the_presence_of_the_other),
		cmocka_unit_test(removing_a_contact_ends_both_subscriptions),
		cmocka_unit_test(a_request_waits_for_an_absent_user),
		cmocka_unit_test(a_long_request_is_kept_without_its_text),
		cmocka_unit_test(who_is_subscribed_and_asks_again_is_answered_by_the_server),
		cmocka_unit_test(accounts_that_do_not_exist_keep_silent_and_nothing),
		cmocka_unit_test(refused_requests),
		cmocka_unit_test(without_the_plugin_requests_are_answered),
		cmocka_unit_test(a_full_roster_takes_no_more),
		cmocka_unit_test(order_holds_while_the_store_is_slow),
	};

	return RUN(tests);
}
