/* What becomes of stanzas to and from a blocked address (XEP-0016 2.13, XEP-0191 3.3), from the examples of both. */
#include "privacy_client.h"

static void what_is_sent_to_a_blocked_address_comes_back(void **state)
{
	static const struct row rows[] = {
		{ "<message to='alice@localhost' type='chat' id='m'><body>Can you hear me now?</body></message>",
		  "<message from='alice@localhost' to='romeo@localhost/r' type='error' id='m'><body>Can you hear me now?</body>"
		  "<error type='modify' code='406'>" BLOCKED },
		{ "<message to='alice@localhost/a' id='m'><body>x</body></message>", BLOCKED },
		{ "<iq to='alice@localhost/a' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>", BLOCKED },
		{ "<iq to='alice@localhost' type='get' id='q'><vCard xmlns='vcard-temp'/></iq>", BLOCKED },
		{ "<presence to='alice@localhost'/>", BLOCKED },
		{ "<presence to='alice@localhost' type='subscribe'/>", BLOCKED },
		{ "<presence to='alice@localhost' type='probe'/>", BLOCKED },
		/* others, the server and oneself are reached */
		{ "<iq to='localhost' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>", "type='result' id='p'/>" },
		{ "<iq to='romeo@localhost' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>", "type='result' id='p'/>" },
		{ "<message to='romeo@localhost/r' id='m'><body>x</body></message>", "<message from='romeo@localhost/r' to='romeo@localhost/r' id='m'>" },
		{ "<iq to='carol@localhost/none' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>", "<service-unavailable " },
	};
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, r, BLOCK(ITEM("alice@localhost")));
	clear(w);
	PLAY(w, r, rows);
	/* answers, errors and good-byes end in silence */
	client_send(w, r, "<iq to='alice@localhost/a' type='result' id='q'/>");
	client_send(w, r, "<message to='alice@localhost' type='error' id='m'/>");
	assert_log(w, r, "");
	assert_log(w, a, "");
	world_free(w);
}

static void what_a_blocked_address_sends_does_not_arrive(void **state)
{
	static const struct row rows[] = {
		{ "<message to='romeo@localhost' type='chat' id='m'><body>x</body></message>",
		  "<message from='romeo@localhost' to='alice@localhost/a' type='error' id='m'><body>x</body><error type='cancel' code='503'>"
		  "<service-unavailable " },
		{ "<message to='romeo@localhost/r' type='chat' id='m'><body>x</body></message>", "<service-unavailable " },
		{ "<iq to='romeo@localhost/r' type='get' id='probing1'><query xmlns='jabber:iq:version'/></iq>",
		  "<iq from='romeo@localhost/r' to='alice@localhost/a' type='error' id='probing1'><query xmlns='jabber:iq:version'/>"
		  "<error type='cancel' code='503'><service-unavailable " },
		{ "<iq to='romeo@localhost' type='get' id='q'><query xmlns='jabber:iq:last'/></iq>", "<service-unavailable " },
	};
	static const char *const silent[] = {
		"<presence to='romeo@localhost'/>", "<presence to='romeo@localhost/r' type='unavailable'/>",
		"<presence to='romeo@localhost' type='subscribe'/>", "<presence to='romeo@localhost' type='unsubscribed'/>",
		"<presence to='romeo@localhost' type='probe'/>", "<presence to='romeo@localhost/r' type='probe'/>",
		"<message to='romeo@localhost' type='error' id='m'/>", "<iq to='romeo@localhost/r' type='result' id='q'/>",
		"<iq to='romeo@localhost/r' type='error' id='q'/>",
	};
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a");

	(void)state;
	befriend(w, r, a);
	client_send(w, r, BLOCK(ITEM("alice@localhost")));
	clear(w);
	PLAY(w, a, rows);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		client_send(w, a, silent[i]);
		assert_log(w, a, "");
	}
	assert_log(w, r, "");
	/* also while he is away: nothing is kept for him */
	client_drop(w, r, CLOSE_STREAM_END);
	assert_log(w, a, "");
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='m'><body>x</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	/* the account was freed and is looked up again, by the same list */
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='m'><body>x</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	world_free(w);
}

/* XEP-0191 3.3 and 3.4; XEP-0016 2.9 and 2.10 */
static void presence_follows_the_block(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), a = client_online(w, "alice@localhost", "a"), c;

	(void)state;
	befriend(w, r, a);
	client_send(w, r, BLOCK(ITEM("alice@localhost")));
	assert_log(w, a, "<presence from='romeo@localhost/r' to='alice@localhost' type='unavailable'/>\n");
	assert_log(w, r, "<presence from='alice@localhost' to='romeo@localhost/r' type='unavailable'/>\n" OK "\n");
	/* neither hears of the other */
	client_send(w, r, "<presence><show>away</show></presence>");
	client_send(w, a, "<presence><show>dnd</show></presence>");
	assert_lacks(client_log(w, r), "alice");
	assert_lacks(client_log(w, a), "romeo");
	/* nor does a client that comes */
	c = client_online(w, "romeo@localhost", "c");
	assert_lacks(client_log(w, c), "alice");
	client_drop(w, c, CLOSE_STREAM_END);
	assert_lacks(client_log(w, a), "romeo");
	client_log(w, r);
	/* unblocked, each is told of the other */
	client_send(w, r, UNBLOCK(ITEM("alice@localhost")));
	assert_log(w, a, "<presence from='romeo@localhost/r' to='alice@localhost'><show>away</show></presence>\n");
	assert_log(w, r, OK "\n<presence from='alice@localhost/a' to='romeo@localhost/r'><show>dnd</show></presence>\n");
	client_send(w, r, UNBLOCK(ITEM("alice@localhost")));
	assert_log(w, r, OK "\n");
	assert_log(w, a, "");
	world_free(w);
}

static void directed_presence_is_taken_back(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "r"), c = client_online(w, "carol@localhost", "c");

	(void)state;
	client_send(w, r, "<presence to='carol@localhost'/>");
	clear(w);
	client_send(w, r, BLOCK(ITEM("localhost"))); /* all of the domain, and not the server itself */
	assert_log(w, c, "<presence from='romeo@localhost/r' to='carol@localhost' type='unavailable'/>\n");
	client_send(w, r, "<iq to='localhost' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_log(w, r), "type='result' id='p'");
	world_free(w);
}

static void what_was_kept_before_waits_until_it_is_unblocked(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r, a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, "<message to='romeo@localhost' type='chat'><body>kept</body></message>");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, BLOCK(ITEM("alice@localhost")));
	client_send(w, r, "<presence/>");
	assert_lacks(client_log(w, r), "kept");
	client_drop(w, r, CLOSE_STREAM_END);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, UNBLOCK(""));
	client_send(w, r, "<presence/>");
	assert_has(client_log(w, r), "kept");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_seat_blocks_a_visitor(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s");

	(void)state;
	client_send(w, s, BLOCK(ITEM("v-aaaaaaaaaaaaaaaaaaaa@localhost")));
	assert_has(client_log(w, s), "type='result'");
	world_desk(w);
	/* the desk keeps the word until it arrives: it ends here, and the visitor is told through the desk */
	world_route(w, "<message type='chat' id='m' from='v-aaaaaaaaaaaaaaaaaaaa@localhost/p' to='seat1@localhost'><body>rude</body></message>",
		    PACKET_FROM_DESK | PACKET_KEPT);
	assert_log(w, s, "");
	assert_desk(w, "DESK_TO_VISITOR <message from='seat1@localhost' to='v-aaaaaaaaaaaaaaaaaaaa@localhost/p' type='error' id='m'>"
		       "<body>rude</body><error type='cancel' code='503'><service-unavailable "
		       "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>\n");
	/* a list for friends only has room for the visitors of the desk, which speaks itself, too */
	client_send(w, s, UNBLOCK(""));
	client_send(w, s, SET(LIST("friends", "<item type='subscription' value='none' action='deny' order='2'/>")));
	client_send(w, s, SET("<default name='friends'/>"));
	world_contact(w, "seat1@localhost", "v-bbbbbbbbbbbbbbbbbbbb@localhost", "Visitor", "Visitors");
	client_log(w, s);
	world_route(w, "<message type='chat' from='v-bbbbbbbbbbbbbbbbbbbb@localhost/p' to='seat1@localhost'><body>hello</body></message>",
		    PACKET_FROM_DESK | PACKET_KEPT);
	assert_has(client_log(w, s), "<body>hello</body>");
	world_route(w, "<message type='headline' from='desk@localhost' to='seat1@localhost'><body>news</body></message>", PACKET_SERVER);
	assert_has(client_log(w, s), "<body>news</body>");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_to_a_blocked_address_comes_back),
		cmocka_unit_test(what_a_blocked_address_sends_does_not_arrive),
		cmocka_unit_test(presence_follows_the_block),
		cmocka_unit_test(directed_presence_is_taken_back),
		cmocka_unit_test(what_was_kept_before_waits_until_it_is_unblocked),
		cmocka_unit_test(a_seat_blocks_a_visitor),
	};

	return RUN(tests);
}
