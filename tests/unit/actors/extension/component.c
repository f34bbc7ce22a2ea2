/* A component by others in the session shards' world (tests/support/extension/probe.c). */
#include "tests/unit/actors/session/world.h"

#define PROBE "--comp-name-1=probe\n--comp-class-1=" EXTENSIONS "/probe.so\n"
#define ALICE "alice@localhost/a"
#define SAID(from, body) "<message from='" from "' to='" ALICE "' type='chat'><body>" body "</body></message>\n"

static void say(struct world *w, unsigned client, const char *to, const char *body)
{
	char xml[300];

	snprintf(xml, sizeof(xml), "<message to='%s' type='chat'><body>%s</body></message>", to, body);
	client_send(w, client, xml);
}

static void it_has_addresses_in_every_domain(void **state)
{
	static const char *const its[] = { "probe@localhost", "probe@localhost/x", "probe.localhost", "any@probe.localhost",
					   "probe.two.example", "probe@two.example" };
	struct world *w = world_new("--virt-hosts=localhost,two.example\n" PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(its); i++) {
		char iq[200], answer[200];

		snprintf(iq, sizeof(iq), "<iq type='get' id='1' to='%s'><ask xmlns='urn:test:probe'/></iq>", its[i]);
		snprintf(answer, sizeof(answer), "<iq from='%s' to='" ALICE "' type='result' id='1'><mark xmlns='urn:test:probe'>component"
			 "</mark></iq>\n", its[i]);
		client_send(w, a, iq);
		assert_log(w, a, answer);
	}
	client_send(w, a, "<iq type='get' id='1' to='probe.three.example'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(w, a), "remote-server-not-found");
	client_send(w, a, "<iq type='get' id='1' to='probes@localhost'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(w, a), "service-unavailable");
	world_free(w);
}

static void a_domain_chooses_its_components(void **state)
{
	static const char *const items = "<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>";
	struct world *w = world_new("--virt-hosts=localhost,with.example:comps=other;probe,without.example:comps=other\n" PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");
	char iq[200];

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='probe.with.example'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(w, a), "<mark xmlns='urn:test:probe'>component");
	client_send(w, a, "<iq type='get' id='1' to='probe@with.example'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(w, a), "<mark xmlns='urn:test:probe'>component");
	client_send(w, a, "<iq type='get' id='1' to='probe.without.example'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(w, a), "remote-server-not-found");
	client_send(w, a, "<iq type='get' id='1' to='probe@without.example'><ask xmlns='urn:test:probe'/></iq>");
	assert_has(client_log(w, a), "service-unavailable");
	(void)snprintf(iq, sizeof(iq), items, "with.example");
	client_send(w, a, iq);
	assert_has(client_log(w, a), "jid='probe.with.example'");
	(void)snprintf(iq, sizeof(iq), items, "without.example");
	client_send(w, a, iq);
	assert_lacks(client_log(w, a), "probe.without.example");
	world_free(w);
}

static void what_it_passes_is_answered_for_it(void **state)
{
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='probe.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_log(w, a, "<iq from='probe.localhost' to='" ALICE "' type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#info'>"
			 "<identity category='component' type='generic' name='Probe'/>"
			 "<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/></query></iq>\n");
	client_send(w, a, "<iq type='set' id='2' to='probe.localhost'><other xmlns='urn:test:other'/></iq>");
	assert_has(client_log(w, a), "service-unavailable");
	say(w, a, "probe.localhost", "hello");
	assert_has(client_log(w, a), "service-unavailable");
	client_send(w, a, "<presence to='probe.localhost'/>");
	client_send(w, a, "<iq type='result' id='3' to='probe.localhost'/>");
	client_send(w, a, "<message type='error' to='probe.localhost'><body>x</body></message>");
	assert_log(w, a, "");
	world_free(w);
}

static void it_cannot_make_what_is_no_xml(void **state)
{
	static const char *const wrong[] = { "nothing", "name", "xml name", "twice", "late",   "bytes",
					     "control", "deep", "open",	    "close", "second" };
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char body[40];

		snprintf(body, sizeof(body), "wrong %s", wrong[i]);
		say(w, a, "probe.localhost", body);
		assert_log(w, a, SAID("probe.localhost", "none"));
	}
	say(w, a, "probe.localhost", "wrong about nothing");
	assert_log(w, a, SAID("probe.localhost", "a stanza"));
	world_free(w);
}

static void it_speaks_for_its_own_addresses_only(void **state)
{
	static const struct {
		const char *as, *answer;
	} rows[] = {
		{ "as other@probe.localhost", SAID("other@probe.localhost", "hi") SAID("probe.localhost", "sent") },
		{ "as probe@localhost", SAID("probe@localhost", "hi") SAID("probe.localhost", "sent") },
		{ "as alice@localhost", SAID("probe.localhost", "refused") },
		{ "as localhost", SAID("probe.localhost", "refused") },
		{ "as else.example", SAID("probe.localhost", "refused") },
		{ "as @", SAID("probe.localhost", "refused") },
	};
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		say(w, a, "probe.localhost", rows[i].as);
		assert_log(w, a, rows[i].answer);
	}
	world_free(w);
}

static void it_hears_that_nobody_was_there(void **state)
{
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	/* An error comes back to it and ends there: no loop, no crash. */
	world_route(w, "<message from='x@probe.localhost' to='nobody@elsewhere.example' type='chat'><body>hi</body></message>", 0);
	say(w, a, "probe.localhost", "role");
	assert_log(w, a, SAID("probe.localhost", "user"));
	world_free(w);
}

static void its_sender_hears_that_it_is_handled(void **state)
{
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send_owed(w, a, "<message to='probe.localhost' type='chat'><body>role</body></message>", 1);
	assert_has(client_log(w, a), "HANDLED 1\n");
	client_send_owed(w, a, "<message to='probe.localhost' type='chat'><body>nothing it knows</body></message>", 2);
	assert_has(client_log(w, a), "</message>\nHANDLED 2\n");
	world_free(w);
}

static void the_domain_lists_it(void **state)
{
	struct world *w = world_new(PROBE);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	assert_has(client_log(w, a), "<item jid='probe.localhost' name='Probe'/>");
	world_free(w);
}

static void a_visitor_does_not_reach_it(void **state)
{
	struct world *w = world_new(PROBE DESK);
	unsigned v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");

	(void)state;
	client_log(w, v);
	world_desk(w);
	say(w, v, "probe.localhost", "role");
	assert_log(w, v, "");
	assert_has(world_desk(w), "to='probe.localhost'");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_addresses_in_every_domain),
		cmocka_unit_test(a_domain_chooses_its_components),
		cmocka_unit_test(what_it_passes_is_answered_for_it),
		cmocka_unit_test(it_cannot_make_what_is_no_xml),
		cmocka_unit_test(it_speaks_for_its_own_addresses_only),
		cmocka_unit_test(it_hears_that_nobody_was_there),
		cmocka_unit_test(its_sender_hears_that_it_is_handled),
		cmocka_unit_test(the_domain_lists_it),
		cmocka_unit_test(a_visitor_does_not_reach_it),
	};

	return RUN(tests);
}
