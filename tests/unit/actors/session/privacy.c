/* Privacy lists (XEP-0016) at work, from its examples. What becomes of the stanzas of those who are blocked: blocking.c. */
#include "privacy_client.h"

/* --- XEP-0016 2.3 to 2.7: managing lists --- */

static void lists_are_kept_and_read_back(void **state)
{
	static const struct row rows[] = {
		{ GET(""), "type='result' id='1'><query xmlns='jabber:iq:privacy'/></iq>" },
		{ SET(LIST("public", DENY_JID("tybalt@example.com") "<item action='allow' order='2'/>")), OK },
		{ SET(LIST("private", "<item type='subscription' value='both' action='allow' order='10'/><item action='deny' order='15'/>")), OK },
		{ SET(LIST("special", "<item action='deny' order='666'/><item type='jid' value='juliet@example.com' action='allow' order='6'/>")), OK },
		{ SET("<active name='private'/>"), OK },
		{ SET("<default name='public'/>"), OK },
		{ GET(""), "<query xmlns='jabber:iq:privacy'><active name='private'/><default name='public'/><list name='public'/>"
			   "<list name='private'/><list name='special'/></query>" },
		{ GET("<list name='public'/>"), "<query xmlns='jabber:iq:privacy'><list name='public'><item type='jid' value='tybalt@example.com' "
						"action='deny' order='1'/><item action='allow' order='2'/></list></query>" },
		{ GET("<list name='special'/>"), "<item type='jid' value='juliet@example.com' action='allow' order='6'/><item action='deny' order='666'/>" },
		/* declined, edited, removed */
		{ SET("<active/>"), OK },
		{ SET("<default/>"), OK },
		{ SET(LIST("public", "<item action='deny' order='3'><iq/></item>")), OK },
		{ GET("<list name='public'/>"), "<list name='public'><item action='deny' order='3'><iq/></item></list>" },
		{ SET("<list name='private'/>"), OK },
		{ GET(""), "<query xmlns='jabber:iq:privacy'><list name='public'/><list name='special'/></query>" },
		/* an active list may be removed by the client that uses it */
		{ SET("<active name='special'/>"), OK },
		{ SET("<list name='special'/>"), OK },
		{ SET("<list name='public'/>"), OK },
		{ GET(""), "<query xmlns='jabber:iq:privacy'/></iq>" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r");

	(void)state;
	PLAY(w, r, rows);
	assert_int_equal(store_delete(w->reader, STORE_PRIVACY, SPAN_LIT("romeo@localhost")), STATUS_NOT_FOUND);
	world_free(w);
}

static void what_is_no_request_is_refused(void **state)
{
	static const struct row rows[] = {
		{ GET("<list name='The Empty Set'/>"), "<item-not-found " },
		{ GET("<list name='public'/><list name='private'/><list name='special'/>"), "<error type='modify' code='400'><bad-request " },
		{ GET("<list/>"), "<bad-request " },
		{ GET("<active name='public'/>"), "<bad-request " },
		{ SET(""), "<bad-request " },
		{ SET("<active name='a'/><default name='a'/>"), "<bad-request " },
		{ SET("<list name='a'/><list name='b'/>"), "<bad-request " },
		{ SET("<other/>"), "<bad-request " },
		{ SET("<list xmlns='urn:x' name='a'/>"), "<bad-request " },
		{ SET("<active name='The Empty Set'/>"), "<item-not-found " },
		{ SET("<default name='The Empty Set'/>"), "<item-not-found " },
		{ SET("<list name='The Empty Set'/>"), "<item-not-found " },
		{ SET("<list>" DENY_ALL "</list>"), "<bad-request " },
		{ SET("<list/>"), "<bad-request " },
		{ SET(LIST("a", DENY_ALL "<item action='allow' order='9'/>")), "<bad-request " },
		{ SET(LIST("a", "<item type='group' value='Enemies' action='deny' order='4'/>")), "<item-not-found " },
		{ "<iq type='get' id='1' to='alice@localhost'><query xmlns='jabber:iq:privacy'/></iq>", "<service-unavailable " },
		{ "<iq type='set' id='1' to='alice@localhost'><query xmlns='jabber:iq:privacy'><active/></query></iq>", "<forbidden " },
		{ BLOCK(""), "<bad-request " },
		{ BLOCK("<item/>"), "<bad-request " },
		{ BLOCK("<jid>a@b</jid>"), "<bad-request " },
		{ BLOCK(ITEM("a@b@c")), "<jid-malformed " },
		{ BLOCK(ITEM("x@y") ITEM("@")), "<jid-malformed " },
		{ BLOCK(ITEM("romeo@localhost/other")), "<not-allowed " },
		{ UNBLOCK("<item/>"), "<bad-request " },
		{ BLOCKLIST, "<blocklist xmlns='urn:xmpp:blocking'/></iq>" },
		{ GET(""), "<query xmlns='jabber:iq:privacy'/></iq>" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r");

	(void)state;
	PLAY(w, r, rows);
	world_free(w);
}

/* 2.2 rule 11 */
static void a_list_in_use_elsewhere_stays(void **state)
{
	static const struct row rows[] = {
		{ SET(LIST("a", DENY_JID("x@y"))), OK },
		{ SET(LIST("b", DENY_JID("x@y"))), OK },
		{ SET("<default name='a'/>"), OK }, /* from none to one: nobody's list is taken away */
		{ SET("<default name='b'/>"), "<conflict " },
		{ SET("<default/>"), "<conflict " },
		{ SET("<list name='a'/>"), "<conflict " },
		{ SET("<default name='a'/>"), OK },
	};
	struct world *w = world_new(NO_DESK);
	unsigned other = client_online(w, "romeo@localhost", "other"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	PLAY(w, r, rows);
	/* it chooses a list of its own: the default is free, that one is not */
	client_send(w, other, SET("<active name='b'/>"));
	client_log(w, other);
	client_send(w, r, SET("<default/>"));
	assert_has(client_log(w, r), OK);
	client_send(w, r, SET("<list name='b'/>"));
	assert_has(client_log(w, r), "<conflict ");
	client_send(w, r, SET("<list name='a'/>"));
	assert_has(client_log(w, r), OK);
	client_drop(w, other, CLOSE_STREAM_END);
	client_log(w, r);
	client_send(w, r, SET("<list name='b'/>"));
	assert_has(client_log(w, r), OK);
	world_free(w);
}

/* 2.2 rule 10 */
static void changes_are_pushed(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned other = client_online(w, "romeo@localhost", "home"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	clear(w);
	client_send(w, r, SET(LIST("public", DENY_JID("x@y"))));
	assert_log(w, r, OK "\n<iq from='romeo@localhost' to='romeo@localhost/r' type='set' id='push1'><query xmlns='jabber:iq:privacy'>"
			 "<list name='public'/></query></iq>\n");
	assert_log(w, other, "<iq from='romeo@localhost' to='romeo@localhost/home' type='set' id='push1'><query xmlns='jabber:iq:privacy'>"
			     "<list name='public'/></query></iq>\n");
	client_send(w, other, "<iq type='result' id='push1'/>");
	client_send(w, other, "<iq type='error' id='push1'/>");
	client_send(w, r, SET("<default name='public'/>"));
	assert_log(w, other, "");
	/* blocking changes it for those who work with lists, and for those who asked for blocked addresses */
	client_send(w, other, BLOCKLIST);
	assert_has(client_log(w, other), "<blocklist xmlns='urn:xmpp:blocking'><item jid='x@y'/></blocklist>");
	clear(w);
	client_send(w, other, BLOCK(ITEM("a@b") ITEM("x@y")));
	assert_log(w, other, "<iq from='romeo@localhost' to='romeo@localhost/home' type='set' id='push3'><block xmlns='urn:xmpp:blocking'>"
			     "<item jid='a@b'/></block></iq>\n<iq to='romeo@localhost/home' type='result' id='1'/>\n");
	assert_log(w, r, "<iq from='romeo@localhost' to='romeo@localhost/r' type='set' id='push4'><query xmlns='jabber:iq:privacy'>"
			 "<list name='public'/></query></iq>\n");
	/* and editing the list changes what is blocked */
	client_send(w, r, SET(LIST("public", DENY_JID("c@d"))));
	client_log(w, r);
	assert_log(w, other, "<iq from='romeo@localhost' to='romeo@localhost/home' type='set' id='push5'><block xmlns='urn:xmpp:blocking'>"
			     "<item jid='c@d'/></block></iq>\n"
			     "<iq from='romeo@localhost' to='romeo@localhost/home' type='set' id='push6'><unblock xmlns='urn:xmpp:blocking'>"
			     "<item jid='a@b'/><item jid='x@y'/></unblock></iq>\n"
			     "<iq from='romeo@localhost' to='romeo@localhost/home' type='set' id='push7'><query xmlns='jabber:iq:privacy'>"
			     "<list name='public'/></query></iq>\n");
	client_send(w, other, UNBLOCK(""));
	assert_has(client_log(w, other), "id='push8'><unblock xmlns='urn:xmpp:blocking'/></iq>");
	world_free(w);
}

/* --- lists of one client --- */

static void an_active_list_is_the_only_one_over_its_client(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), h = client_online(w, "romeo@localhost", "h");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, r, SET(LIST("none", DENY_JID("alice@localhost"))));
	client_send(w, r, SET(LIST("all", "<item action='allow' order='1'/>")));
	client_send(w, r, SET("<default name='none'/>"));
	client_send(w, r, SET("<active name='all'/>"));
	clear(w);
	/* no layering: the default list is not over r; h is under it */
	client_send(w, a, "<message to='romeo@localhost/r' type='chat'><body>1</body></message>");
	assert_has(client_log(w, r), "<body>1</body>");
	client_send(w, a, "<message to='romeo@localhost/h' type='chat'><body>2</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>3</body></message>");
	assert_has(client_log(w, r), "<body>3</body>");
	assert_log(w, a, "");
	client_send(w, a, "<presence to='romeo@localhost'/>");
	assert_has(client_log(w, r), "<presence from='alice@localhost/a'");
	assert_log(w, h, "");
	/* it decides alone for what its client sends, too */
	client_send(w, r, "<message to='alice@localhost'><body>4</body></message>");
	assert_has(client_log(w, a), "<body>4</body>");
	client_send(w, h, "<message to='alice@localhost'><body>5</body></message>");
	assert_has(client_log(w, h), BLOCKED);
	/* an edited list is the edited one at once; a session that ends takes its choice along */
	client_send(w, h, SET(LIST("all", DENY_ALL)));
	client_send(w, a, "<message to='romeo@localhost/r' type='chat'><body>6</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	client_drop(w, r, CLOSE_STREAM_END);
	r = client_online(w, "romeo@localhost", "r");
	client_send(w, r, GET(""));
	assert_has(client_log(w, r), "<query xmlns='jabber:iq:privacy'><default name='none'/>");
	world_free(w);
}

static void choosing_a_list_shows_and_hides(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a");

	(void)state;
	befriend(w, r, a);
	client_send(w, r, SET(LIST("invisible", "<item action='deny' order='1'><presence-out/></item>")));
	clear(w);
	client_send(w, r, SET("<active name='invisible'/>"));
	assert_log(w, r, OK "\n"); /* he still sees her */
	assert_log(w, a, "<presence from='romeo@localhost/r' to='alice@localhost' type='unavailable'/>\n");
	client_send(w, r, "<presence><show>away</show></presence>");
	client_send(w, a, "<presence to='romeo@localhost' type='probe'/>");
	assert_log(w, a, "");
	client_send(w, r, "<presence to='alice@localhost' type='subscribe'/>"); /* no notification */
	assert_lacks(client_log(w, r), "not-acceptable");
	client_send(w, r, SET("<active/>"));
	assert_has(client_log(w, a), "<presence from='romeo@localhost/r' to='alice@localhost'><show>away</show></presence>");
	world_free(w);
}

/* Contacts that cannot be read when a client leaves hear of it later, under the list that was over it. */
static void who_hid_leaves_hidden_also_when_it_is_told_late(void **state)
{
	static const struct {
		const char *list, *told;
	} rows[] = {
		{ "<item action='deny' order='1'><presence-out/></item>", "" },
		{ "<item type='jid' value='carol@localhost' action='deny' order='1'><presence-out/></item>",
		  "<presence from='romeo@localhost/r' to='alice@localhost' type='unavailable'/>\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_new(NO_DESK);
		unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a");
		char xml[300];

		befriend(w, r, a);
		(void)snprintf(xml, sizeof(xml), SET("<list name='l'>%s</list>"), rows[i].list);
		client_send(w, r, xml);
		client_send(w, r, SET("<active name='l'/>"));
		w->store_answer = STATUS_IO;
		client_send(w, r, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='x@localhost'/></query></iq>");
		assert_has(client_log(w, r), "<resource-constraint ");
		w->store_answer = STATUS_OK;
		clear(w);
		client_drop(w, r, CLOSE_SOCKET_LOST);
		assert_log(w, a, rows[i].told);
		world_free(w);
	}
}

/* 2.2 rule 9: the roster as it is now. */
static void groups_and_subscriptions_are_looked_up(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a"), c;

	(void)state;
	c = client_online(w, "carol@localhost", "c");
	client_send(w, r, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='alice@localhost'><group>Friends</group></item></query></iq>");
	client_send(w, r, SET(LIST("friends", "<item type='group' value='Friends' action='allow' order='1'/>"
					      "<item type='subscription' value='none' action='deny' order='2'/>")));
	client_send(w, r, SET("<default name='friends'/>"));
	clear(w);
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	assert_has(client_log(w, r), "<body>1</body>");
	client_send(w, c, "<message to='romeo@localhost' type='chat'><body>2</body></message>");
	assert_has(client_log(w, c), "<service-unavailable ");
	client_send(w, r, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='alice@localhost'/></query></iq>");
	clear(w);
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>3</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	/* and while he is away, from the store */
	client_drop(w, r, CLOSE_STREAM_END);
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>4</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	world_free(w);
}

/* --- pipelining, limits, failures --- */

static void requests_behind_one_another_see_each_other(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send_later(w, r, SET(LIST("a", DENY_JID("x@y"))));
	client_send_later(w, r, SET("<active name='a'/>"));
	client_send_later(w, r, SET(LIST("b", DENY_JID("x@y"))));
	client_send_later(w, r, BLOCK(ITEM("c@d")));
	client_send_later(w, r, SET("<default name='b'/>"));
	client_send(w, r, GET(""));
	assert_has(client_log(w, r), "<active name='a'/><default name='b'/><list name='a'/><list name='b'/><list name='blocked'/>");
	world_free(w);
}

static void lists_have_limits(void **state)
{
	static const struct row rows[] = {
		{ SET(LIST("a", DENY_JID("x@y") "<item action='deny' order='2'/><item action='deny' order='3'/>")), "<policy-violation " },
		{ SET(LIST("a", DENY_JID("x@y") "<item action='deny' order='2'/>")), OK },
		{ SET(LIST("b", DENY_ALL)), "<policy-violation " },
		{ SET(LIST("a", DENY_ALL)), OK },
		{ SET("<default name='a'/>"), OK },
		{ BLOCK(ITEM("a@b")), OK },
		{ BLOCK(ITEM("c@d")), "<policy-violation " },
		{ UNBLOCK(""), OK },
	};
	struct world *w = world_new("sess-man/plugins-conf/jabber\\:iq\\:privacy/max-lists[I]=1\n"
				    "sess-man/plugins-conf/jabber\\:iq\\:privacy/max-items[I]=2\n");
	unsigned r = client_online(w, "romeo@localhost", "r");

	(void)state;
	PLAY(w, r, rows);
	world_free(w);
}

static void a_store_that_fails_lets_nobody_through(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, r, BLOCK(ITEM("alice@localhost")));
	client_drop(w, r, CLOSE_STREAM_END);
	w->store_answer = STATUS_IO;
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>x</body></message>");
	assert_has(client_log(w, a), "<resource-constraint ");
	w->store_answer = STATUS_OK;
	r = client_online(w, "romeo@localhost", "r");
	w->store_answer = STATUS_IO;
	client_send(w, r, UNBLOCK(""));
	assert_has(client_log(w, r), "<resource-constraint ");
	w->store_answer = STATUS_OK;
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>x</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	world_free(w);
}

/* --- who has lists is known since the start --- */

static void lists_of_earlier_days_are_found(void **state)
{
	static const char saved[] = "<query xmlns='jabber:iq:privacy'><default name='d'/><list name='d'>"
				    "<item type='jid' value='alice@localhost' action='deny' order='1'/></list></query>";
	struct world *w = world_new(NO_DESK);
	struct owners *owners = owners_new();
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	assert_int_equal(store_put(w->reader, STORE_PRIVACY, SPAN_LIT("romeo@localhost"), span_of(saved)), STATUS_OK);
	assert_int_equal(owners_read(owners, w->reader, STORE_PRIVACY), STATUS_OK);
	w->server.privacy_owners = owners;
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>x</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	client_send(w, a, "<message to='carol@localhost' type='chat'><body>x</body></message>");
	assert_log(w, a, "");
	world_free(w);
	owners_free(owners);
}

static void sets_of_owners_grow(void **state)
{
	struct owners *o = owners_new();

	(void)state;
	assert_false(owners_has(o, 0) || owners_has(NULL, 7));
	for (uint64_t i = 0; i < 1000; i++)
		owners_add(o, i * 64);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(owners_has(o, i * 64));
	assert_false(owners_has(o, 63));
	owners_free(o);
}

/* --- live chat --- */

static void visitors_have_no_lists(void **state)
{
	static const struct row rows[] = {
		{ BLOCKLIST, "<not-allowed " },
		{ BLOCK(ITEM("seat1@localhost")), "<not-allowed " },
		{ UNBLOCK(""), "<not-allowed " },
		{ GET(""), "<not-allowed " },
		{ SET(LIST("a", DENY_ALL)), "<not-allowed " },
	};
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");
	int64_t writes = world_store_writes();

	(void)state;
	PLAY(w, v, rows);
	assert_int_equal(world_store_writes(), writes);
	world_free(w);
}

static void without_the_plugins_there_are_no_lists(void **state)
{
	struct world *w = world_new("--sm-plugins=-jabber:iq:privacy,-urn:xmpp:blocking\n");
	unsigned r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, r, BLOCKLIST);
	assert_has(client_log(w, r), "<service-unavailable ");
	client_send(w, r, GET(""));
	assert_has(client_log(w, r), "<service-unavailable ");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_kept_and_read_back),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(a_list_in_use_elsewhere_stays),
		cmocka_unit_test(changes_are_pushed),
		cmocka_unit_test(an_active_list_is_the_only_one_over_its_client),
		cmocka_unit_test(who_hid_leaves_hidden_also_when_it_is_told_late),
		cmocka_unit_test(choosing_a_list_shows_and_hides),
		cmocka_unit_test(groups_and_subscriptions_are_looked_up),
		cmocka_unit_test(requests_behind_one_another_see_each_other),
		cmocka_unit_test(lists_have_limits),
		cmocka_unit_test(a_store_that_fails_lets_nobody_through),
		cmocka_unit_test(lists_of_earlier_days_are_found),
		cmocka_unit_test(sets_of_owners_grow),
		cmocka_unit_test(visitors_have_no_lists),
		cmocka_unit_test(without_the_plugins_there_are_no_lists),
	};

	return RUN(tests);
}
