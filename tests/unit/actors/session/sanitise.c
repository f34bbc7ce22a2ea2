/* What a client may not say in the server's name: reliability V60 to V64. */
#include "world.h"

static void forged_children_are_taken_out_every_one(void **state)
{
	static const struct {
		const char *sent, *got; /* children of the message */
	} rows[] = {
		{ "<body>x</body>", "<body>x</body>" },
		{ "<received xmlns='urn:xmpp:carbons:2'/><body>x</body>", "<body>x</body>" },
		{ "<body>x</body><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></sent>", "<body>x</body>" },
		{ "<result xmlns='urn:xmpp:mam:2'/><body>x</body>", "<body>x</body>" },
		{ "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='romeo@localhost'/><body>x</body>"
		  "<stanza-id xmlns='urn:xmpp:sid:0' id='2' by='localhost'/>"
		  "<stanza-id xmlns='urn:xmpp:sid:0' id='3' by='LOCALHOST'/>",
		  "<body>x</body>" },
		{ "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='elsewhere.example'/><body>x</body>",
		  "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='elsewhere.example'/><body>x</body>" },
		{ "<origin-id xmlns='urn:xmpp:sid:0' id='1'/><body>x</body>", "<origin-id xmlns='urn:xmpp:sid:0' id='1'/><body>x</body>" },
		{ "<body>x</body><delay xmlns='urn:xmpp:delay' from='localhost' stamp='2020-01-01T00:00:00Z'/>", "<body>x</body>" },
		{ "<body>x</body><delay xmlns='urn:xmpp:delay' from='alice@localhost/a' stamp='2020-01-01T00:00:00Z'/>",
		  "<body>x</body>" },
		{ "<body>x</body><delay xmlns='urn:xmpp:delay' from='elsewhere.example' stamp='2020-01-01T00:00:00Z'/>",
		  "<body>x</body><delay xmlns='urn:xmpp:delay' from='elsewhere.example' stamp='2020-01-01T00:00:00Z'/>" },
		{ "<body>x</body><x xmlns='http://jabber.org/protocol/muc#user'><invite/></x>", "<body>x</body>" },
		{ "<addresses xmlns='http://jabber.org/protocol/address'/><body>x</body>", "<body>x</body>" },
		{ "<event xmlns='urn:switchboard:desk:1' kind='visitor-disconnected'/><body>x</body>"
		  "<assigned xmlns='urn:switchboard:desk:1'/>",
		  "<body>x</body>" },
		{ "<body>a &lt; b &amp; c</body><sent xmlns='urn:xmpp:carbons:2'/><body xml:lang='de'>y</body>",
		  "<body>a &lt; b &amp; c</body><body xml:lang='de'>y</body>" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char xml[1024];

		(void)snprintf(xml, sizeof(xml), "<message to='romeo@localhost/r' type='chat' id='1' xml:lang='en'>%s</message>",
			       rows[i].sent);
		client_send(w, a, xml);
		(void)snprintf(xml, sizeof(xml),
			       "<message from='alice@localhost/a' to='romeo@localhost/r' type='chat' id='1' xml:lang='en'>%s</message>\n",
			       rows[i].got);
		assert_log(w, r, xml);
	}
	world_free(w);
}

static void presence_is_cleaned_too(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, "<presence to='romeo@localhost/r'><x xmlns='http://jabber.org/protocol/muc#user'/><show>away</show></presence>");
	assert_log(w, r, "<presence from='alice@localhost/a' to='romeo@localhost/r'><show>away</show></presence>\n");
	world_free(w);
}

/* Clients once believed a roster push of anybody. */
static void settings_are_pushed_by_the_own_server_alone(void **state)
{
	static const char *const spaces[] = { "jabber:iq:roster", "urn:xmpp:blocking", "jabber:iq:privacy" };
	static const char *const targets[] = { "romeo@localhost/r", "romeo@localhost", "alice@localhost/b", "x@elsewhere.example" };
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), b = client_online(w, "alice@localhost", "b"),
		 r = client_online(w, "romeo@localhost", "r");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		for (size_t k = 0; k < ARRAY_LEN(targets); k++) {
			char xml[256];

			(void)snprintf(xml, sizeof(xml), "<iq type='set' id='1' to='%s'><query xmlns='%s'/></iq>", targets[k],
				       spaces[i]);
			client_send(w, a, xml);
			assert_has(client_log(w, a), "<forbidden ");
			assert_log(w, b, "");
			assert_log(w, r, "");
		}
	world_free(w);
}

/* What the server itself says is left alone. */
static void the_servers_own_words_pass(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s");

	(void)state;
	world_route(w,
		    "<message from='v-aaaaaaaaaaaaaaaaaaaa@localhost' to='seat1@localhost'><body>x</body>"
		    "<event xmlns='urn:switchboard:desk:1'/></message>",
		    PACKET_FROM_DESK);
	assert_has(client_log(w, s), "<event xmlns='urn:switchboard:desk:1'/>");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_children_are_taken_out_every_one),
		cmocka_unit_test(presence_is_cleaned_too),
		cmocka_unit_test(settings_are_pushed_by_the_own_server_alone),
		cmocka_unit_test(the_servers_own_words_pass),
	};

	return RUN(tests);
}
