/* Messages between users: RFC 6121 8 as the clients see it. */
#include "world.h"

#define MESSAGE(to, type, id) "<message to='" to "' type='" type "' id='" id "'><body>text</body></message>"
#define GOT(to, type, id) \
	"<message from='alice@localhost/a' to='" to "' type='" type "' id='" id "'><body>text</body></message>\n"
#define BOUNCED(from, type, id, error) \
	"<message from='" from "' to='alice@localhost/a' type='error' id='" id "'><body>text</body>" error "</message>\n"
#define UNAVAILABLE \
	"<error type='cancel' code='503'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

static void a_message_to_the_bare_jid_reaches_every_willing_resource(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b1, b2, b3, b4;

	(void)state;
	b1 = client_online(w, "romeo@localhost", "1");
	b2 = client_online(w, "romeo@localhost", "2");
	b3 = client_online(w, "romeo@localhost", "3");
	b4 = client_new(w, "romeo@localhost", "4"); /* no presence */
	client_send(w, b2, "<presence><priority>5</priority></presence>");
	client_send(w, b3, "<presence><priority>-1</priority></presence>");
	client_log(w, b1), client_log(w, b2), client_log(w, b3);
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	assert_log(w, b1, GOT("romeo@localhost", "chat", "m1"));
	assert_log(w, b2, GOT("romeo@localhost", "chat", "m1"));
	assert_log(w, b3, "");
	assert_log(w, b4, "");
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_message_to_a_full_jid_reaches_that_resource_alone(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b1 = client_online(w, "romeo@localhost", "1"), b2, b3;

	(void)state;
	b2 = client_online(w, "romeo@localhost", "2");
	b3 = client_new(w, "romeo@localhost", "3");
	client_log(w, b1);
	client_send(w, a, MESSAGE("romeo@localhost/2", "groupchat", "m1"));
	client_send(w, a, MESSAGE("romeo@localhost/3", "chat", "m2"));
	assert_log(w, b2, GOT("romeo@localhost/2", "groupchat", "m1"));
	assert_log(w, b3, GOT("romeo@localhost/3", "chat", "m2"));
	assert_log(w, b1, "");
	world_free(w);
}

static void each_kind_to_a_dead_resource(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b = client_online(w, "romeo@localhost", "1");

	(void)state;
	client_send(w, a, MESSAGE("romeo@localhost/dead", "chat", "m1"));
	assert_log(w, b, GOT("romeo@localhost/dead", "chat", "m1"));
	client_send(w, a, MESSAGE("romeo@localhost/dead", "normal", "m2"));
	client_send(w, a, MESSAGE("romeo@localhost/dead", "groupchat", "m3"));
	client_send(w, a, MESSAGE("romeo@localhost/dead", "headline", "m4"));
	client_send(w, a, MESSAGE("romeo@localhost/dead", "error", "m5"));
	assert_log(w, a,
		   BOUNCED("romeo@localhost/dead", "normal", "m2", UNAVAILABLE)
		   BOUNCED("romeo@localhost/dead", "groupchat", "m3", UNAVAILABLE)
		   BOUNCED("romeo@localhost/dead", "headline", "m4", UNAVAILABLE));
	assert_log(w, b, "");
	world_free(w);
}

static void each_kind_to_somebody_offline(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	client_send(w, a, MESSAGE("romeo@localhost", "normal", "m2"));
	client_send(w, a, MESSAGE("romeo@localhost", "headline", "m3"));
	client_send(w, a, MESSAGE("romeo@localhost", "error", "m4"));
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='m5'><active xmlns='http://jabber.org/protocol/chatstates'/></message>");
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 2);
	client_send(w, a, MESSAGE("romeo@localhost", "groupchat", "m6"));
	assert_log(w, a, BOUNCED("romeo@localhost", "groupchat", "m6", UNAVAILABLE));
	client_send(w, a,
		    "<message to='romeo@localhost' type='chat' id='m7'><body>text</body><no-store xmlns='urn:xmpp:hints'/></message>");
	assert_has(client_log(w, a), "type='error' id='m7'>");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 2);
	world_free(w);
}

/* Without presence-state every bound resource counts, from the bind on. */
static void without_presence_plugins_a_bound_session_is_enough(void **state)
{
	struct world *w = world_new(NO_PRESENCE);
	unsigned a = client_new(w, "alice@localhost", "a"), b1 = client_new(w, "romeo@localhost", "1"), b2;

	(void)state;
	b2 = client_new(w, "romeo@localhost", "2");
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	assert_log(w, b1, GOT("romeo@localhost", "chat", "m1"));
	assert_log(w, b2, GOT("romeo@localhost", "chat", "m1"));
	/* presence is accepted silently, whatever it says, and told to nobody */
	client_send(w, b1, "<presence><priority>-5</priority></presence>");
	client_send(w, b2, "<presence type='unavailable'/>");
	assert_log(w, b1, "");
	assert_log(w, b2, "");
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m2"));
	assert_log(w, b1, GOT("romeo@localhost", "chat", "m2"));
	assert_log(w, b2, GOT("romeo@localhost", "chat", "m2"));
	world_free(w);
}

static void to_oneself_and_to_nobody(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), other = client_online(w, "alice@localhost", "other");

	(void)state;
	client_log(w, a);
	client_send(w, a, "<message type='chat' id='m1'><body>note</body></message>");
	assert_log(w, a, "<message from='alice@localhost/a' to='alice@localhost' type='chat' id='m1'><body>note</body></message>\n");
	assert_log(w, other,
		   "<message from='alice@localhost/a' to='alice@localhost' type='chat' id='m1'><body>note</body></message>\n");
	client_send(w, a, MESSAGE("alice@localhost/other", "chat", "m2"));
	assert_log(w, other, GOT("alice@localhost/other", "chat", "m2"));
	assert_log(w, a, "");
	world_free(w);
}

static void the_server_reads_no_mail(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, MESSAGE("localhost", "chat", "m1"));
	assert_log(w, a, BOUNCED("localhost", "chat", "m1", UNAVAILABLE));
	client_send(w, a, MESSAGE("localhost", "error", "m2"));
	assert_log(w, a, "");
	client_send(w, a, MESSAGE("romeo@elsewhere.example", "chat", "m3"));
	assert_has(client_log(w, a), "<remote-server-not-found ");
	world_free(w);
}

static void mail_for_the_server_reaches_its_administrators(void **state)
{
	struct world *w = world_new(DESK
				     "--admins=romeo@localhost,carol@localhost,dave@elsewhere.example\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	unsigned v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "w");

	(void)state;
	client_send(w, a, MESSAGE("localhost", "chat", "m1"));
	assert_log(w, r, "<message from='alice@localhost/a' to='romeo@localhost' type='chat' id='m1'><body>text</body></message>\n");
	assert_int_equal(world_offline_rows(w, "carol@localhost"), 1);
	assert_log(w, a, "");
	/* what no person wrote, and what nobody may send there */
	client_send(w, a, "<message to='localhost' type='chat' id='m2'><active xmlns='http://jabber.org/protocol/chatstates'/></message>");
	assert_has(client_log(w, a), "type='error' id='m2'>");
	client_send(w, a, MESSAGE("localhost", "groupchat", "m3"));
	assert_log(w, a, BOUNCED("localhost", "groupchat", "m3", UNAVAILABLE));
	client_send(w, a, MESSAGE("localhost", "error", "m4"));
	assert_log(w, a, "");
	client_log(w, v);
	client_send(w, v, MESSAGE("localhost", "chat", "m5"));
	assert_has(client_log(w, v), "type='error' id='m5'>");
	assert_log(w, r, "");
	world_free(w);
}

/* Whose mail the server's is, its errors do not say. */
static void errors_of_mail_for_the_server_name_nobody(void **state)
{
	struct world *w = world_new("--admins=romeo@localhost,nobody@localhost\n--amp-security-level=NONE\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, MESSAGE("localhost", "chat", "m1"));
	assert_has(client_log(w, r), "id='m1'><body>text</body>");
	assert_log(w, a, BOUNCED("localhost", "chat", "m1", UNAVAILABLE)); /* of the one that has no account */
	client_send(w, a, "<message to='localhost' type='chat' id='m2'><body>x</body><amp xmlns='http://jabber.org/protocol/amp'>"
			  "<rule action='notify' condition='deliver' value='direct'/></amp></message>");
	assert_has(client_log(w, r), "id='m2'");
	assert_lacks(client_log(w, a), "romeo");
	world_free(w);
}

static void without_a_message_plugin_a_negative_priority_gets_nothing(void **state)
{
	struct world *w = world_new("sess-man/plugins[s]=presence-state,jabber:iq:roster\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"),
		 n = client_new(w, "romeo@localhost", "n");

	(void)state;
	client_send(w, n, "<presence><priority>-1</priority></presence>");
	client_log(w, n), client_log(w, r);
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	assert_log(w, r, GOT("romeo@localhost", "chat", "m1"));
	assert_log(w, n, "");
	world_free(w);
}

static void unknown_accounts_and_refusing_ones_answer_alike(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/amp/msg-offline=false\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	assert_log(w, a, BOUNCED("romeo@localhost", "chat", "m1", UNAVAILABLE));
	client_send(w, a, MESSAGE("nobody@localhost", "chat", "m1"));
	assert_log(w, a, BOUNCED("nobody@localhost", "chat", "m1", UNAVAILABLE));
	world_free(w);
	w = world_new(NO_DESK);
	a = client_online(w, "alice@localhost", "a");
	client_send(w, a, MESSAGE("nobody@localhost", "chat", "m2"));
	assert_log(w, a, BOUNCED("nobody@localhost", "chat", "m2", UNAVAILABLE));
	assert_int_equal(world_offline_rows(w, "nobody@localhost"), 0);
	world_free(w);
}

/* --- what comes back from a connection that closed --- */

static void a_returned_message_goes_to_another_resource(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b1 = client_online(w, "romeo@localhost", "1"), b2;

	(void)state;
	w->clients[b1].slow = true;
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	client_send(w, a, MESSAGE("romeo@localhost/1", "normal", "m2"));
	b2 = client_online(w, "romeo@localhost", "2");
	client_drop(w, b1, CLOSE_SOCKET_LOST);
	assert_has(client_log(w, b2),
		   GOT("romeo@localhost", "chat", "m1") GOT("romeo@localhost/1", "normal", "m2"));
	assert_log(w, a, "");
	world_free(w);
}

static void a_returned_message_is_kept_when_nobody_else_is_there(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b = client_online(w, "romeo@localhost", "1");

	(void)state;
	w->clients[b].slow = true;
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	client_send(w, a, MESSAGE("romeo@localhost/1", "normal", "m2"));
	client_send(w, a, MESSAGE("romeo@localhost/1", "error", "m3"));
	client_drop(w, b, CLOSE_SOCKET_LOST);
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 2);
	world_free(w);
}

static void a_copy_that_comes_back_is_no_loss_while_another_arrived(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b1 = client_online(w, "romeo@localhost", "1"), b2;

	(void)state;
	b2 = client_online(w, "romeo@localhost", "2");
	w->clients[b1].slow = true;
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	assert_log(w, b2, GOT("romeo@localhost", "chat", "m1"));
	client_drop(w, b1, CLOSE_SOCKET_LOST);
	assert_lacks(client_log(w, b2), "m1"); /* not twice */
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_message_all_of_whose_copies_come_back_is_kept_once(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b1 = client_online(w, "romeo@localhost", "1"), b2;

	(void)state;
	b2 = client_online(w, "romeo@localhost", "2");
	w->clients[b1].slow = w->clients[b2].slow = true;
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	client_drop(w, b1, CLOSE_SOCKET_LOST);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	client_drop(w, b2, CLOSE_SOCKET_LOST);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	assert_log(w, a, "");
	world_free(w);
}

static void messages_are_counted_once(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");
	int64_t before = metric_read(METRIC_messages_routed);

	(void)state;
	client_online(w, "romeo@localhost", "1");
	client_online(w, "romeo@localhost", "2");
	client_send(w, a, MESSAGE("romeo@localhost", "chat", "m1"));
	client_send(w, a, MESSAGE("carol@localhost", "chat", "m2"));
	client_send(w, a, MESSAGE("localhost", "chat", "m3"));
	assert_int_equal(metric_read(METRIC_messages_routed), before + 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_to_the_bare_jid_reaches_every_willing_resource),
		cmocka_unit_test(a_message_to_a_full_jid_reaches_that_resource_alone),
		cmocka_unit_test(each_kind_to_a_dead_resource),
		cmocka_unit_test(each_kind_to_somebody_offline),
		cmocka_unit_test(without_presence_plugins_a_bound_session_is_enough),
		cmocka_unit_test(to_oneself_and_to_nobody),
		cmocka_unit_test(the_server_reads_no_mail),
		cmocka_unit_test(mail_for_the_server_reaches_its_administrators),
		cmocka_unit_test(errors_of_mail_for_the_server_name_nobody),
		cmocka_unit_test(without_a_message_plugin_a_negative_priority_gets_nothing),
		cmocka_unit_test(unknown_accounts_and_refusing_ones_answer_alike),
		cmocka_unit_test(a_returned_message_goes_to_another_resource),
		cmocka_unit_test(a_returned_message_is_kept_when_nobody_else_is_there),
		cmocka_unit_test(a_copy_that_comes_back_is_no_loss_while_another_arrived),
		cmocka_unit_test(a_message_all_of_whose_copies_come_back_is_kept_once),
		cmocka_unit_test(messages_are_counted_once),
	};

	return RUN(tests);
}
