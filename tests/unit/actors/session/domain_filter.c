/* The domain filter at work: whose policy counts, and what both sides are told. The policies themselves: xmpp/rules/domain_filter. */
#include "world.h"

#define TO(who) "<message to='" who "' type='chat' id='m'><body>x</body></message>"
#define DOMAINS "--virt-hosts=localhost:domain-filter=OWN,b.example,c.example:domain-filter=LIST=localhost\n"

static void a_tenant_keeps_to_itself(void **state)
{
	struct world *w = world_new(DOMAINS);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"), b;

	(void)state;
	client_send(w, a, TO("bob@b.example"));
	assert_log(w, a, "<message from='bob@b.example' to='alice@localhost/a' type='error' id='m'><body>x</body><error type='auth' code='403'>"
			 "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>"
			 "You can only communicate within your own domain.</text></error></message>\n");
	client_send(w, a, "<iq to='bob@b.example' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_log(w, a), "<forbidden ");
	client_send(w, a, "<presence to='bob@b.example' type='subscribe'/>");
	assert_has(client_log(w, a), "<forbidden ");
	/* its own people, itself and its server it reaches */
	client_send(w, a, TO("romeo@localhost"));
	assert_has(client_log(w, r), "<body>x</body>");
	client_send(w, a, "<iq to='localhost' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_log(w, a), "type='result'");
	client_send(w, a, TO("alice@localhost"));
	assert_has(client_log(w, a), "<body>x</body>");
	/* and nobody of outside reaches it: a message is dropped, a request answered */
	b = client_online(w, "bob@b.example", "b");
	client_send(w, b, TO("alice@localhost"));
	assert_log(w, b, "");
	client_send(w, b, "<iq to='alice@localhost/a' type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_log(w, b), "<service-unavailable ");
	client_send(w, b, "<iq to='alice@localhost/a' type='result' id='q'/>");
	assert_log(w, b, "");
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "alice@localhost"), 0);
	world_free(w);
}

static void the_policy_is_that_of_the_domain_or_of_all(void **state)
{
	struct world *w = world_new(DOMAINS);
	unsigned c = client_online(w, "carl@c.example", "c");

	(void)state;
	client_send(w, c, TO("bob@b.example"));
	assert_has(client_log(w, c), "within selected list of domains.");
	client_send(w, c, TO("dora@c.example")); /* not in the list either */
	assert_has(client_log(w, c), "within selected list of domains.");
	world_free(w);

	w = world_new("--virt-hosts=localhost,b.example:domain-filter=ALL\n--domain-filter-policy=BLOCK\n");
	c = client_online(w, "alice@localhost", "a");
	client_send(w, c, TO("romeo@localhost"));
	assert_has(client_log(w, c), "Communication blocked.");
	c = client_online(w, "bob@b.example", "b");
	client_send(w, c, TO("nobody@b.example"));
	assert_has(client_log(w, c), "<service-unavailable "); /* nothing stands between: there is no such account */
	world_free(w);
}

static void visitors_stay_on_this_server(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, v, TO("x@far.example"));
	assert_has(client_log(w, v), "You can only communicate within the server local domains.");
	client_send(w, v, TO("romeo@localhost"));
	assert_has(client_log(w, r), "<body>x</body>");
	/* an account may try, and hears that the domain is not there */
	v = client_online(w, "alice@localhost", "a");
	client_send(w, v, TO("x@far.example"));
	assert_has(client_log(w, v), "<remote-server-not-found ");
	world_free(w);
}

static void the_desk_is_not_filtered(void **state)
{
	struct world *w = world_new(DESK "--domain-filter-policy=BLOCK\n");
	unsigned s = client_online(w, "seat1@localhost", "s"), v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");

	(void)state;
	world_desk(w);
	client_send(w, v, TO("seat1@localhost"));
	assert_has(world_desk(w), "DESK_FROM_VISITOR <message ");
	world_route(w, "<message type='chat' from='v-aaaaaaaaaaaaaaaaaaaa@localhost/p' to='seat1@localhost'><body>hello</body></message>",
		    PACKET_FROM_DESK | PACKET_KEPT);
	assert_has(client_log(w, s), "<body>hello</body>");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_keeps_to_itself),
		cmocka_unit_test(the_policy_is_that_of_the_domain_or_of_all),
		cmocka_unit_test(visitors_stay_on_this_server),
		cmocka_unit_test(the_desk_is_not_filtered),
	};

	return RUN(tests);
}
