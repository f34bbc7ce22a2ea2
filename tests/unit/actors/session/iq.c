/* Requests: every one is answered, by whom it was meant for, exactly once. */
#include "world.h"

#include "actors/session/user.h"

#define UNAVAILABLE \
	"<error type='cancel' code='503'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void requests_to_the_server_and_the_account_are_answered_here(void **state)
{
	static const struct {
		const char *to, *child, *answer;
	} rows[] = {
		{ "", "<ping xmlns='urn:xmpp:ping'/>", "<iq to='alice@localhost/a' type='result' id='1'/>\n" },
		{ "to='alice@localhost'", "<ping xmlns='urn:xmpp:ping'/>",
		  "<iq from='alice@localhost' to='alice@localhost/a' type='result' id='1'/>\n" },
		{ "to='localhost'", "<ping xmlns='urn:xmpp:ping'/>",
		  "<iq from='localhost' to='alice@localhost/a' type='result' id='1'/>\n" },
		{ "to='localhost'", "<query xmlns='jabber:iq:version'/>",
		  "<iq from='localhost' to='alice@localhost/a' type='result' id='1'><query xmlns='jabber:iq:version'>"
		  "<name>Switchboard</name><version>" SERVER_VERSION "</version></query></iq>\n" },
		{ "to='localhost'", "<time xmlns='urn:xmpp:time'/>",
		  "<iq from='localhost' to='alice@localhost/a' type='result' id='1'><time xmlns='urn:xmpp:time'>"
		  "<tzo>+00:00</tzo><utc>2026-01-01T00:00:00.000Z</utc></time></iq>\n" },
		{ "to='localhost'", "<unknown xmlns='urn:example'/>",
		  "<iq from='localhost' to='alice@localhost/a' type='error' id='1'><unknown xmlns='urn:example'/>" UNAVAILABLE
		  "</iq>\n" },
		{ "", "<unknown xmlns='urn:example'/>",
		  "<iq to='alice@localhost/a' type='error' id='1'><unknown xmlns='urn:example'/>" UNAVAILABLE "</iq>\n" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char xml[256];

		(void)snprintf(xml, sizeof(xml), "<iq type='get' id='1' %s>%s</iq>", rows[i].to, rows[i].child);
		client_send(w, a, xml);
		assert_log(w, a, rows[i].answer);
	}
	world_free(w);
}

static void the_old_session_request_is_answered(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, "<iq type='set' id='1' to='localhost'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
	assert_log(w, a, "<iq from='localhost' to='alice@localhost/a' type='result' id='1'/>\n");
	world_free(w);
}

static void malformed_requests_are_bad_requests(void **state)
{
	static const char *const bad[] = {
		"<iq id='1'/>",
		"<iq type='odd' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
		"<iq type='get' id='1'/>",
		"<iq type='set' id='1' to='romeo@localhost/r'/>",
		"<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>",
		"<presence type='odd' id='1'/>",
		"<presence type='get' id='1' to='romeo@localhost'/>",
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *log;

		client_send(w, a, bad[i]);
		log = client_log(w, a);
		assert_has(log, "type='error' id='1'>");
		assert_has(log, "<bad-request ");
		assert_log(w, r, "");
	}
	world_free(w);
}

static void requests_between_clients_pass_and_come_back(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='romeo@localhost/r'><query xmlns='jabber:iq:version'/></iq>");
	assert_log(w, r,
		   "<iq from='alice@localhost/a' to='romeo@localhost/r' type='get' id='1'><query xmlns='jabber:iq:version'/></iq>\n");
	client_send(w, r, "<iq type='result' id='1' to='alice@localhost/a'><query xmlns='jabber:iq:version'/></iq>");
	assert_log(w, a,
		   "<iq from='romeo@localhost/r' to='alice@localhost/a' type='result' id='1'><query xmlns='jabber:iq:version'/></iq>\n");
	world_free(w);
}

static void requests_nobody_can_answer_come_back_as_errors(void **state)
{
	static const char *const targets[] = { "romeo@localhost/dead", "romeo@localhost", "carol@localhost/x", "carol@localhost",
					       "nobody@localhost", "nobody@localhost/x", "localhost/x" };
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		static const char *const types[] = { "get", "set" };

		for (size_t t = 0; t < 2; t++) {
			char xml[256], expected[512];

			(void)snprintf(xml, sizeof(xml), "<iq type='%s' id='1' to='%s'><q xmlns='urn:example'/></iq>", types[t],
				       targets[i]);
			(void)snprintf(expected, sizeof(expected),
				       "<iq from='%s' to='alice@localhost/a' type='error' id='1'><q xmlns='urn:example'/>" UNAVAILABLE
				       "</iq>\n",
				       targets[i]);
			client_send(w, a, xml);
			assert_log(w, a, expected);
		}
	}
	client_send(w, a, "<iq type='get' id='1' to='x@elsewhere.example'><q xmlns='urn:example'/></iq>");
	assert_has(client_log(w, a), "<remote-server-not-found ");
	assert_log(w, r, "");
	world_free(w);
}

static void answers_to_nobody_end_in_silence(void **state)
{
	static const char *const to[] = { "", "to='localhost'", "to='alice@localhost'", "to='romeo@localhost'",
					  "to='romeo@localhost/dead'", "to='nobody@localhost/x'", "to='x@elsewhere.example'" };
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		char xml[256];

		(void)snprintf(xml, sizeof(xml), "<iq type='result' id='1' %s/>", to[i]);
		client_send(w, a, xml);
		(void)snprintf(xml, sizeof(xml), "<iq type='error' id='1' %s><error/></iq>", to[i]);
		client_send(w, a, xml);
		assert_log(w, a, "");
		assert_log(w, r, "");
	}
	world_free(w);
}

/* A request that waits for the store is answered once too, also when the store fails, also when others follow. */
static void waiting_requests_are_answered_once_and_in_order(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	w->store_stalls = true;
	client_send(w, a, "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>");
	client_send(w, a, "<iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
	client_send(w, a, "<iq type='get' id='3'><query xmlns='jabber:iq:roster'/></iq>");
	assert_log(w, a, "");
	assert_int_equal(w->stalled_count, 1);
	world_release_store(w);
	assert_log(w, a,
		   "<iq to='alice@localhost/a' type='result' id='1'><query xmlns='jabber:iq:roster'/></iq>\n"
		   "<iq to='alice@localhost/a' type='result' id='2'/>\n"
		   "<iq to='alice@localhost/a' type='result' id='3'><query xmlns='jabber:iq:roster'/></iq>\n");
	client_drop(w, a, CLOSE_STREAM_END);
	a = client_new(w, "alice@localhost", "a");
	w->store_answer = STATUS_IO;
	client_send(w, a, "<iq type='get' id='4'><query xmlns='jabber:iq:roster'/></iq>");
	log = client_log(w, a);
	assert_int_equal(count(log, "id='4'"), 1);
	assert_has(log, "<resource-constraint ");
	w->store_answer = STATUS_OK;
	client_send(w, a, "<iq type='get' id='5'><query xmlns='jabber:iq:roster'/></iq>");
	assert_has(client_log(w, a), "type='result' id='5'");
	world_free(w);
}

static void too_many_waiting_stanzas_are_refused_one_by_one(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	w->store_stalls = true;
	for (unsigned i = 0; i < USER_WAITING_MAX + 2; i++) {
		char xml[128];

		(void)snprintf(xml, sizeof(xml), "<iq type='get' id='%u'><query xmlns='jabber:iq:roster'/></iq>", i);
		client_send_later(w, a, xml);
	}
	world_run(w);
	log = client_log(w, a);
	assert_int_equal(count(log, "<resource-constraint "), 2);
	assert_has(log, "id='1000'>");
	assert_has(log, "id='1001'>");
	world_release_store(w);
	assert_int_equal(count(client_log(w, a), "type='result'"), USER_WAITING_MAX);
	world_free(w);
}

/* --- service discovery --- */

static void the_server_tells_what_it_can(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	log = client_log(w, a);
	assert_has(log, "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im' "
			"name='Switchboard'/>");
	assert_has(log, "<feature var='jabber:iq:roster'/>");
	assert_has(log, "<feature var='urn:xmpp:ping'/>");
	assert_has(log, "<feature var='msgoffline'/>");
	assert_has(log, "<feature var='http://jabber.org/protocol/disco#items'/>");
	client_send(w, a, "<iq type='get' id='2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<identity category='account' type='registered'/>");
	client_send(w, a, "<iq type='get' id='3'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	assert_has(client_log(w, a), "<item jid='alice@localhost/a'/>");
	client_send(w, a, "<iq type='get' id='4' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	assert_has(client_log(w, a), "<query xmlns='http://jabber.org/protocol/disco#items'/>");
	world_free(w);
}

/* XEP-0030 8.1: who may see an account's presence may know what it can do; others learn not even whether it exists. */
static void of_an_account_its_contacts_hear(void **state)
{
	static const char *const spaces[] = { "info", "items" };
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	char xml[200];

	(void)state;
	client_send(w, a, "<presence to='romeo@localhost' type='subscribe'/>");
	client_send(w, r, "<presence to='alice@localhost' type='subscribed'/>");
	client_log(w, a), client_log(w, r);
	client_send(w, a, "<iq type='get' id='1' to='romeo@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<iq from='romeo@localhost' to='alice@localhost/a' type='result' id='1'>"
				     "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='account' type='registered'/>");
	client_send(w, a, "<iq type='get' id='2' to='romeo@localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	assert_has(client_log(w, a), "<item jid='romeo@localhost/r'/>");
	for (size_t i = 0; i < 2; i++) { /* he is not subscribed to her; and to nobody at all */
		snprintf(xml, sizeof(xml), "<iq type='get' id='3' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#%s'/></iq>",
			 spaces[i]);
		client_send(w, r, xml);
		assert_has(client_log(w, r), "<service-unavailable ");
		snprintf(xml, sizeof(xml), "<iq type='get' id='3' to='nobody@localhost'><query xmlns='http://jabber.org/protocol/disco#%s'/></iq>",
			 spaces[i]);
		client_send(w, r, xml);
		assert_has(client_log(w, r), "<service-unavailable ");
	}
	assert_log(w, a, "");
	world_free(w);
}

/* XEP-0115 6.2: the node with the hash in it stands for the same as no node. */
static void the_server_is_known_by_the_hash_of_its_features(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");
	char xml[300], answer[300];

	(void)state;
	assert_int_equal(strlen(w->server.caps), 28);
	snprintf(xml, sizeof(xml), "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' "
		 "node='urn:switchboard#%s'/></iq>", w->server.caps);
	snprintf(answer, sizeof(answer), "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:switchboard#%s'>"
		 "<identity category='server' type='im' name='Switchboard'/>", w->server.caps);
	client_send(w, a, xml);
	assert_has(client_log(w, a), answer);
	client_send(w, a, "<iq type='get' id='2' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' "
			  "node='urn:switchboard#AAAAAAAAAAAAAAAAAAAAAAAAAAA='/></iq>");
	assert_has(client_log(w, a), "<item-not-found ");
	snprintf(xml, sizeof(xml), "<iq type='get' id='3'><query xmlns='http://jabber.org/protocol/disco#info' "
		 "node='urn:switchboard#%s'/></iq>", w->server.caps); /* that is the server, not the account */
	client_send(w, a, xml);
	assert_has(client_log(w, a), "<item-not-found ");
	world_free(w);
}

static void the_hash_says_which_plugins_are_loaded(void **state)
{
	struct world *w = world_new(NO_DESK);
	char all[32];

	(void)state;
	memcpy(all, w->server.caps, sizeof(all));
	world_free(w);
	w = world_new("--sm-plugins=-urn:xmpp:ping\n");
	assert_string_not_equal(w->server.caps, all);
	world_free(w);
	w = world_new("--sm-plugins=-disco\n");
	assert_string_equal(w->server.caps, ""); /* nobody would answer */
	world_free(w);
}

static void the_session_manager_has_an_address_that_admins_are_shown(void **state)
{
	struct world *w = world_new("--admins=alice@localhost\nsess-man/admins[s]=sally@localhost\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	unsigned s = client_online(w, "sally@localhost", "s");
	const char *text;

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	text = client_log(w, a);
	assert_has(text, "<item jid='sess-man@localhost' name='Session manager'/>");
	assert_has(text, "<item jid='vhost-man@localhost' name='Domain manager'/>");
	client_send(w, s, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	text = client_log(w, s);
	assert_has(text, "sess-man@localhost");
	assert_lacks(text, "vhost-man");
	client_send(w, r, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	assert_lacks(client_log(w, r), "-man");
	client_send(w, a, "<iq type='get' id='2' to='sess-man@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<identity category='automation' type='command-list' name='sess-man'/>");
	world_free(w);
}

static void there_are_no_nodes(void **state)
{
	static const char *const spaces[] = { "info", "items" };
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char xml[256], echo[256];

		(void)snprintf(xml, sizeof(xml),
			       "<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#%s' node='x'/></iq>",
			       i < 2 ? "localhost" : "alice@localhost", spaces[i % 2]);
		(void)snprintf(echo, sizeof(echo),
			       "<query xmlns='http://jabber.org/protocol/disco#%s' node='x'/><error type='cancel' code='404'>"
			       "<item-not-found ",
			       spaces[i % 2]);
		client_send(w, a, xml);
		assert_has(client_log(w, a), echo);
	}
	world_free(w);
}

static void the_desk_is_found_when_there_is_one(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s");

	(void)state;
	client_send(w, s, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	assert_has(client_log(w, s), "<item jid='desk@localhost' name='desk'/>");
	client_send(w, s, "<iq type='get' id='2' to='desk@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, s), "<iq from='desk@localhost' to='seat1@localhost/s' type='result' id='2'>"
				     "<query xmlns='http://jabber.org/protocol/disco#info'>"
				     "<identity category='collaboration' type='workgroup' name='desk'/>");
	client_send(w, s, "<iq type='get' id='3' to='desk@localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_log(w, s), "<service-unavailable ");
	world_free(w);
}

static void what_is_not_loaded_is_neither_shown_nor_answered(void **state)
{
	struct world *w = world_new("sess-man/plugins[s]=disco\n");
	unsigned a = client_new(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	log = client_log(w, a);
	assert_lacks(log, "urn:xmpp:ping");
	assert_lacks(log, "jabber:iq:roster");
	assert_lacks(log, "msgoffline");
	client_send(w, a, "<iq type='get' id='2' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_log(w, a), "<service-unavailable ");
	client_send(w, a, "<iq type='get' id='3'><query xmlns='jabber:iq:roster'/></iq>");
	assert_has(client_log(w, a), "<service-unavailable ");
	/* without amp messages still reach bound clients, and others come back */
	client_send(w, a, "<message to='alice@localhost/a' type='chat' id='4'><body>x</body></message>");
	assert_has(client_log(w, a), "<message from='alice@localhost/a' to='alice@localhost/a' type='chat' id='4'>");
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='5'><body>x</body></message>");
	assert_has(client_log(w, a), "<service-unavailable ");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_to_the_server_and_the_account_are_answered_here),
		cmocka_unit_test(the_old_session_request_is_answered),
		cmocka_unit_test(malformed_requests_are_bad_requests),
		cmocka_unit_test(requests_between_clients_pass_and_come_back),
		cmocka_unit_test(requests_nobody_can_answer_come_back_as_errors),
		cmocka_unit_test(answers_to_nobody_end_in_silence),
		cmocka_unit_test(waiting_requests_are_answered_once_and_in_order),
		cmocka_unit_test(too_many_waiting_stanzas_are_refused_one_by_one),
		cmocka_unit_test(the_server_tells_what_it_can),
		cmocka_unit_test(of_an_account_its_contacts_hear),
		cmocka_unit_test(the_server_is_known_by_the_hash_of_its_features),
		cmocka_unit_test(the_hash_says_which_plugins_are_loaded),
		cmocka_unit_test(the_session_manager_has_an_address_that_admins_are_shown),
		cmocka_unit_test(there_are_no_nodes),
		cmocka_unit_test(the_desk_is_found_when_there_is_one),
		cmocka_unit_test(what_is_not_loaded_is_neither_shown_nor_answered),
	};

	return RUN(tests);
}
