/* XEP-0280: what the other clients of a user see. */
#include "world.h"

#define ENABLE "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
#define DISABLE "<iq type='set' id='c'><disable xmlns='urn:xmpp:carbons:2'/></iq>"
#define TEXT(from, to, type) \
	"<message" from " to='" to "' type='" type "' id='m'><body>text</body></message>"
#define SAY(to) TEXT("", to, "chat")
#define GOT(from, to) TEXT(" from='" from "'", to, "chat") "\n"
#define COPY(name, own, client, from, to) \
	"<message from='" own "' to='" client "' type='chat' id='m'><" name " xmlns='urn:xmpp:carbons:2'>" \
	"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='" to "' from='" from "' id='m' type='chat'>" \
	"<body>text</body></message></forwarded></" name "></message>\n"
#define ROMEO_SENT(client, to) COPY("sent", "romeo@localhost", "romeo@localhost/" client, "romeo@localhost/1", to)
#define ROMEO_RECEIVED(client, to) COPY("received", "romeo@localhost", "romeo@localhost/" client, "alice@localhost/a", to)

static unsigned enabled(struct world *w, const char *bare, const char *resource)
{
	unsigned c = client_new(w, bare, resource);

	client_send(w, c, ENABLE);
	client_log(w, c);
	return c;
}

static unsigned enabled_online(struct world *w, const char *bare, const char *resource)
{
	unsigned c = enabled(w, bare, resource);

	client_send(w, c, "<presence/>");
	client_log(w, c);
	return c;
}

static void they_are_switched_on_and_off_at_will(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "1"), other = client_online(w, "romeo@localhost", "2");

	(void)state;
	client_log(w, r);
	client_send(w, other, ENABLE);
	assert_log(w, other, "<iq to='romeo@localhost/2' type='result' id='c'/>\n");
	client_send(w, other, ENABLE);
	assert_has(client_log(w, other), "type='result'");
	client_send(w, r, SAY("carol@localhost"));
	assert_log(w, other, ROMEO_SENT("2", "carol@localhost"));
	assert_log(w, r, "");
	client_send(w, other, DISABLE);
	assert_has(client_log(w, other), "type='result'");
	client_send(w, other, DISABLE);
	assert_has(client_log(w, other), "type='result'");
	client_send(w, r, SAY("carol@localhost"));
	assert_log(w, other, "");
	world_free(w);
}

static void what_is_neither_on_nor_off_is_refused(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned r = client_online(w, "romeo@localhost", "1");

	(void)state;
	client_send(w, r, "<iq type='set' id='1'><other xmlns='urn:xmpp:carbons:2'/></iq>");
	assert_has(client_log(w, r), "<bad-request ");
	client_send(w, r, "<iq type='set' id='1'><enable xmlns='urn:xmpp:carbons:2'/><disable xmlns='urn:xmpp:carbons:2'/></iq>");
	assert_has(client_log(w, r), "<bad-request ");
	client_send(w, r, "<iq type='set' id='1' to='carol@localhost'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
	assert_has(client_log(w, r), "<not-allowed ");
	client_send(w, r, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, r), "<feature var='urn:xmpp:carbons:2'/>");
	world_free(w);
	w = world_new("sess-man/plugins[s]=disco,amp\n");
	r = client_new(w, "romeo@localhost", "1");
	client_send(w, r, ENABLE);
	assert_has(client_log(w, r), "<service-unavailable ");
	world_free(w);
}

static void a_message_to_one_client_is_shown_to_the_others(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = client_online(w, "romeo@localhost", "1");
	unsigned r2 = enabled_online(w, "romeo@localhost", "2"), r3 = enabled(w, "romeo@localhost", "3");
	unsigned r4 = client_online(w, "romeo@localhost", "4");

	(void)state;
	client_log(w, r1), client_log(w, r2);
	client_send(w, a, SAY("romeo@localhost/1"));
	assert_log(w, r1, GOT("alice@localhost/a", "romeo@localhost/1"));
	assert_log(w, r2, ROMEO_RECEIVED("2", "romeo@localhost/1"));
	assert_log(w, r3, ROMEO_RECEIVED("3", "romeo@localhost/1")); /* sent no presence */
	assert_log(w, r4, "");
	assert_log(w, a, "");
	world_free(w);
}

static void nobody_sees_a_message_twice(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = enabled_online(w, "romeo@localhost", "1");
	unsigned r2 = enabled_online(w, "romeo@localhost", "2"), r3 = enabled(w, "romeo@localhost", "3");

	(void)state;
	client_send(w, r3, "<presence><priority>-1</priority></presence>");
	client_log(w, r1), client_log(w, r2), client_log(w, r3);
	client_send(w, a, SAY("romeo@localhost"));
	assert_log(w, r1, GOT("alice@localhost/a", "romeo@localhost"));
	assert_log(w, r2, GOT("alice@localhost/a", "romeo@localhost"));
	assert_log(w, r3, ROMEO_RECEIVED("3", "romeo@localhost"));
	/* to oneself */
	client_send(w, r1, SAY("romeo@localhost/2"));
	assert_log(w, r1, "");
	assert_log(w, r2, GOT("romeo@localhost/1", "romeo@localhost/2"));
	assert_log(w, r3, COPY("received", "romeo@localhost", "romeo@localhost/3", "romeo@localhost/1", "romeo@localhost/2"));
	client_send(w, r1, SAY("romeo@localhost"));
	assert_log(w, r1, GOT("romeo@localhost/1", "romeo@localhost"));
	assert_log(w, r2, GOT("romeo@localhost/1", "romeo@localhost"));
	assert_log(w, r3, COPY("received", "romeo@localhost", "romeo@localhost/3", "romeo@localhost/1", "romeo@localhost"));
	world_free(w);
}

static void a_kept_message_is_shown_to_those_who_take_none(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = enabled(w, "romeo@localhost", "1");

	(void)state;
	client_send(w, a, SAY("romeo@localhost"));
	assert_log(w, r, ROMEO_RECEIVED("1", "romeo@localhost"));
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	world_free(w);
}

static void what_is_private_or_no_chat_is_not_copied(void **state)
{
	static const char *const messages[] = {
		"<message to='romeo@localhost/1' type='chat' id='m'><body>x</body><private xmlns='urn:xmpp:carbons:2'/></message>",
		"<message to='romeo@localhost/1' type='chat' id='m'><body>x</body><no-copy xmlns='urn:xmpp:hints'/></message>",
		"<message to='romeo@localhost/1' type='headline' id='m'><body>x</body></message>",
		"<message to='romeo@localhost/1' id='m'><x xmlns='jabber:x:data'/></message>",
	};
	struct world *w = world_new(NO_DESK);
	unsigned a1 = client_online(w, "alice@localhost", "1"), a2 = enabled_online(w, "alice@localhost", "2");
	unsigned r1 = client_online(w, "romeo@localhost", "1"), r2 = enabled_online(w, "romeo@localhost", "2");

	(void)state;
	client_log(w, a1), client_log(w, a2), client_log(w, r1), client_log(w, r2);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		client_send(w, a1, messages[i]);
		assert_has(client_log(w, r1), "id='m'");
		assert_log(w, r2, "");
		assert_log(w, a2, "");
	}
	/* and it says so to its receiver still */
	client_send(w, a1, "<message to='romeo@localhost/1' type='chat' id='m'><private xmlns='urn:xmpp:carbons:2'/></message>");
	assert_has(client_log(w, r1), "<private xmlns='urn:xmpp:carbons:2'/>");
	world_free(w);
}

static void forged_ones_reach_nobody(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = enabled_online(w, "romeo@localhost", "1");

	(void)state;
	client_send(w, a,
		    "<message to='romeo@localhost' type='chat' id='m'><received xmlns='urn:xmpp:carbons:2'><forwarded "
		    "xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='juliet@localhost/b' to='romeo@localhost/1'>"
		    "<body>meet me</body></message></forwarded></received><body>x</body></message>");
	assert_log(w, r, "<message from='alice@localhost/a' to='romeo@localhost' type='chat' id='m'><body>x</body></message>\n");
	world_free(w);
}

/* The message is where it belongs; its copy is nowhere any more. */
static void a_copy_that_comes_back_is_gone(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = client_online(w, "romeo@localhost", "1");
	unsigned r2 = enabled_online(w, "romeo@localhost", "2");

	(void)state;
	client_log(w, r1);
	w->clients[r2].slow = true;
	client_send(w, a, SAY("romeo@localhost/1"));
	client_send(w, r1, SAY("carol@localhost/dead"));
	client_drop(w, r2, CLOSE_SOCKET_LOST);
	assert_has(client_log(w, r1), GOT("alice@localhost/a", "romeo@localhost/1"));
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	assert_log(w, a, "");
	/* and a client that bounces one only tells itself */
	client_send(w, r1, "<message to='romeo@localhost' type='error' id='m'><error type='cancel'/></message>");
	assert_log(w, r1, "");
	assert_log(w, a, "");
	world_free(w);
}

static void a_message_that_goes_out_again_is_not_copied_again(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = client_online(w, "romeo@localhost", "1");
	unsigned r2 = client_online(w, "romeo@localhost", "2"), r3 = enabled(w, "romeo@localhost", "3");

	(void)state;
	client_log(w, r2);
	w->clients[r1].slow = true;
	client_send(w, a, SAY("romeo@localhost/1"));
	assert_log(w, r3, ROMEO_RECEIVED("3", "romeo@localhost/1"));
	client_drop(w, r1, CLOSE_SOCKET_LOST);
	assert_has(client_log(w, r2), GOT("alice@localhost/a", "romeo@localhost/1"));
	assert_log(w, r3, "");
	world_free(w);
}

/* It is handled when its receiver has it; a client that only sees a copy holds nobody up. */
static void a_copy_owes_nobody_a_word(void **state)
{
	struct world *w = world_new("sess-man/durability-delay[I]=10000\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = client_online(w, "romeo@localhost", "1");
	unsigned r2 = enabled_online(w, "romeo@localhost", "2");

	(void)state;
	client_log(w, a), client_log(w, r1);
	w->clients[r1].slow = w->clients[r2].slow = true;
	client_send_owed(w, a, SAY("romeo@localhost/1"), 1);
	client_writes(w, r2);
	assert_log(w, a, "");
	client_writes(w, r1);
	assert_log(w, a, "HANDLED 1\n");
	world_free(w);
}

static void errors_reach_the_clients_that_saw_the_message(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a1 = client_online(w, "alice@localhost", "1"), a2 = enabled_online(w, "alice@localhost", "2");
	const char *log;

	(void)state;
	client_log(w, a1);
	client_send(w, a1, TEXT("", "romeo@localhost/dead", "normal"));
	assert_has(client_log(w, a1), "type='error'");
	log = client_log(w, a2);
	assert_has(log, "<sent xmlns='urn:xmpp:carbons:2'>");
	assert_has(log, "<message from='alice@localhost' to='alice@localhost/2' type='error' id='m'>"
			"<received xmlns='urn:xmpp:carbons:2'>");
	world_free(w);
}

/* The desk: a seat at two machines sees at one what it answers at the other; a visitor sees it in each tab. */
static void a_seat_sees_its_answers_at_both_machines(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s1 = client_online(w, "seat1@localhost", "1"), s2 = enabled_online(w, "seat1@localhost", "2");
	unsigned v1 = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "x"), v2 = enabled(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "y");

	(void)state;
	client_log(w, s1), client_log(w, s2), client_log(w, v1);
	client_send(w, s1, SAY("v-aaaaaaaaaaaaaaaaaaaa@localhost"));
	assert_log(w, s2, COPY("sent", "seat1@localhost", "seat1@localhost/2", "seat1@localhost/1", "v-aaaaaaaaaaaaaaaaaaaa@localhost"));
	client_send(w, v1, SAY("seat1@localhost"));
	assert_log(w, v2, COPY("sent", "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v-aaaaaaaaaaaaaaaaaaaa@localhost/y",
			       "v-aaaaaaaaaaaaaaaaaaaa@localhost/x", "seat1@localhost"));
	/* what the desk hands on reaches all clients of the seat, and no copy besides */
	world_route(w, "<message from='v-aaaaaaaaaaaaaaaaaaaa@localhost' to='seat1@localhost' type='chat' id='m'><body>text</body></message>",
		    PACKET_FROM_DESK);
	assert_log(w, s1, GOT("v-aaaaaaaaaaaaaaaaaaaa@localhost", "seat1@localhost"));
	assert_log(w, s2, GOT("v-aaaaaaaaaaaaaaaaaaaa@localhost", "seat1@localhost"));
	world_free(w);
}

/* A list that one client has chosen for itself (XEP-0016) counts for its copies, too. */
static void a_client_sees_no_copy_of_whom_it_blocks(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r1 = client_online(w, "romeo@localhost", "1");
	unsigned r2 = enabled_online(w, "romeo@localhost", "2");

	(void)state;
	client_send(w, r2, "<iq type='set' id='p'><query xmlns='jabber:iq:privacy'><list name='l'><item type='jid' "
			   "value='alice@localhost' action='deny' order='1'/></list></query></iq>");
	client_send(w, r2, "<iq type='set' id='p'><query xmlns='jabber:iq:privacy'><active name='l'/></query></iq>");
	client_log(w, r1), client_log(w, r2);
	client_send(w, a, SAY("romeo@localhost/1"));
	assert_has(client_log(w, r1), "text");
	assert_log(w, r2, "");
	client_send(w, r1, SAY("carol@localhost")); /* what the user says itself it sees */
	assert_has(client_log(w, r2), "<sent ");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_switched_on_and_off_at_will),
		cmocka_unit_test(what_is_neither_on_nor_off_is_refused),
		cmocka_unit_test(a_message_to_one_client_is_shown_to_the_others),
		cmocka_unit_test(nobody_sees_a_message_twice),
		cmocka_unit_test(a_kept_message_is_shown_to_those_who_take_none),
		cmocka_unit_test(what_is_private_or_no_chat_is_not_copied),
		cmocka_unit_test(forged_ones_reach_nobody),
		cmocka_unit_test(a_copy_that_comes_back_is_gone),
		cmocka_unit_test(a_message_that_goes_out_again_is_not_copied_again),
		cmocka_unit_test(a_copy_owes_nobody_a_word),
		cmocka_unit_test(errors_reach_the_clients_that_saw_the_message),
		cmocka_unit_test(a_seat_sees_its_answers_at_both_machines),
		cmocka_unit_test(a_client_sees_no_copy_of_whom_it_blocks),
	};

	return RUN(tests);
}
