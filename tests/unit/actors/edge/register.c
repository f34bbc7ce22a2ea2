/* XEP-0077 before login: who is offered it, what a name and a password must be, and what each answer says. */
#include "world.h"

#include <stdio.h>

#define OPEN "--virt-hosts=localhost:register:admins=chief@localhost:trusted-jids=news@localhost\n" EXEMPT_NOBODY
#define LOOSE "sess-man/plugins-conf/plain-without-tls=always\n"
#define FAST "sess-man/plugins-conf/jabber\\:iq\\:register/registrations-per-second[I]=0\n" \
	     "sess-man/plugins-conf/jabber\\:iq\\:register/registrations-per-hour[I]=0\n"
#define DESK "sess-man/desk/seats[s]=seat*@localhost\nsess-man/desk/robots[s]=robot*@localhost\n" \
	     "sess-man/desk/visitors[s]=guest*@localhost\n--admins=root@localhost\n" \
	     "sess-man/admins[s]=office@localhost\nvhost-man/admins[s]=hosts@localhost\n" \
	     "sess-man/command/http\\://jabber.org/protocol/admin#announce=LOCAL,JID:crier@localhost\n"
#define FEATURE "<register xmlns='http://jabber.org/features/iq-register'/>"
#define GET "<iq type='get' id='r1'><query xmlns='jabber:iq:register'/></iq>"
#define SET(fields) "<iq type='set' id='r2'><query xmlns='jabber:iq:register'>" fields "</query></iq>"
#define ERROR(condition) "<" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"

static struct world *w;

static struct client *begin(const char *lines, const char *address)
{
	struct client *c;

	w = world_new(lines, 1);
	c = client_open(w, CONFIG_COMPONENT_c2s, address, 0);
	client_send(c, HEAD);
	return c;
}

static void end(struct client *c)
{
	client_free(c);
	world_free(w);
}

static void it_is_offered_where_it_is_allowed(void **state)
{
	static const struct {
		const char *lines, *address;
		bool offered;
		const char *text;
	} rows[] = {
		{ "--virt-hosts=localhost\n" LOOSE, "203.0.113.7", false, "not allowed for this domain" },
		{ OPEN LOOSE, "203.0.113.7", true, NULL },
		{ OPEN, "203.0.113.7", false, "needs an encrypted connection" },
		{ OPEN, "127.0.0.1", true, NULL },
		{ "--virt-hosts=localhost\n--vhost-register-enabled[B]=true\n" LOOSE, "203.0.113.7", true, NULL },
		{ "--virt-hosts=localhost\\:-register\n--vhost-register-enabled[B]=true\n" LOOSE, "203.0.113.7", false, "this domain" },
		{ "--virt-hosts=localhost\\:register\\:tls-required\n" LOOSE, "127.0.0.1", false, "encrypted" },
		{ OPEN LOOSE "sess-man/plugins-conf/jabber\\:iq\\:register/registration-blacklist[s]=203.0.113.0/24\n", "203.0.113.7",
		  false, "this connection" },
		{ OPEN LOOSE "sess-man/plugins-conf/jabber\\:iq\\:register/registration-blacklist[s]=203.0.113.0/24\n", "203.0.114.7",
		  true, NULL },
		{ OPEN LOOSE "sess-man/plugins-conf/jabber\\:iq\\:register/registration-blacklist[s]=2001:db8::/32\n", "2001:db8:1::7",
		  false, "this connection" },
		{ OPEN LOOSE "sess-man/plugins-conf/jabber\\:iq\\:register/registration-blacklist[s]=2001:db8::/32\n"
		  "sess-man/plugins-conf/jabber\\:iq\\:register/registration-whitelist[s]=2001:db8:1::/48\n", "2001:db8:1::7", true, NULL },
		{ OPEN LOOSE "sess-man/plugins-conf/jabber\\:iq\\:register/whitelist-registration-only[B]=true\n"
		  "sess-man/plugins-conf/jabber\\:iq\\:register/registration-whitelist[s]=198.51.100.0/24\n", "203.0.113.7", false,
		  "this connection" },
		{ OPEN LOOSE "sess-man/plugins-conf/jabber\\:iq\\:register/whitelist-registration-only[B]=true\n"
		  "sess-man/plugins-conf/jabber\\:iq\\:register/registration-whitelist[s]=198.51.100.0/24\n", "198.51.100.1", true, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = begin(rows[i].lines, rows[i].address);

		if ((strstr(client_read(c), FEATURE) != NULL) != rows[i].offered)
			fail_msg("row %zu", i);
		client_send(c, GET);
		if (rows[i].offered) {
			assert_has(client_read(c), "<query xmlns='jabber:iq:register'><instructions>Choose a user name and a password."
						   "</instructions><username/><password/></query></iq>");
		} else {
			const char *text = client_read(c);

			assert_has(text, ERROR("not-allowed"));
			assert_has(text, rows[i].text);
		}
		client_send(c, SET("<username>eve</username><password>secret</password>"));
		assert_int_equal(count_of(world_log(w), "ACCOUNT"), rows[i].offered);
		end(c);
	}
}

static void without_the_plugin_there_is_no_registration(void **state)
{
	struct client *c = begin(OPEN LOOSE "--sm-plugins=-jabber\\:iq\\:register\n", "203.0.113.7");

	(void)state;
	assert_lacks(client_read(c), "register");
	client_send(c, GET);
	assert_has(client_read(c), "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	end(c);
}

static void what_is_asked_is_checked_before_anybody_is_bothered(void **state)
{
	static const struct {
		const char *request, *condition, *account;
	} rows[] = {
		{ SET("<username>eve</username><password>s&amp;t</password>"), NULL, "ACCOUNT op=0 eve@localhost s&t\n" },
		{ SET("<username>EvE</username><password>x</password>"), NULL, "ACCOUNT op=0 eve@localhost x\n" },
		{ SET("<username>eve</username>"), "not-acceptable", "" },
		{ SET("<password>x</password>"), "not-acceptable", "" },
		{ SET("<username/><password>x</password>"), "not-acceptable", "" },
		{ SET("<username>eve</username><password/>"), "not-acceptable", "" },
		{ SET(""), "not-acceptable", "" },
		{ SET("<username>e@ve</username><password>x</password>"), "jid-malformed", "" },
		{ SET("<username>e ve</username><password>x</password>"), "jid-malformed", "" },
		{ SET("<username>\xe2\x80\xaenimda</username><password>x</password>"), "jid-malformed", "" },
		{ SET("<username>ev\xd0\xb5</username><password>x</password>"), "not-acceptable", "" },
		{ SET("<username>eve</username><password>\xc2\x80</password>"), "not-acceptable", "" },
		{ SET("<remove/>"), "unexpected-request", "" },
		{ "<iq type='set'><query xmlns='jabber:iq:register'><username>eve</username></query></iq>", "bad-request", "" },
	};
	struct client *c = begin(OPEN LOOSE FAST, "203.0.113.7");

	(void)state;
	client_read(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char wanted[128];
		const char *text;

		client_send(c, rows[i].request);
		text = client_read(c);
		snprintf(wanted, sizeof(wanted), "<%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
			 rows[i].condition ? rows[i].condition : "-");
		if (rows[i].condition)
			assert_has(text, wanted);
		else
			assert_string_equal(text, "<iq from='localhost' type='result' id='r2'/>");
		assert_lacks(text, "<password>"); /* in no answer, errors included */
		assert_string_equal(world_log(w), rows[i].account);
	}
	client_send(c, ALICE_AUTH); /* and the stream is as good as before */
	assert_has(client_read(c), "<success");
	end(c);
}

static void names_of_the_desk_and_the_server_are_taken(void **state)
{
	static const char *const names[] = { "seat7", "robot", "guest1", "root", "desk", "ROOT", "chief", "news", "office", "hosts", "crier", "sess-man",
					    "vhost-man", "v-abcdefghij2345672345", "SeaT\xe2\x80\x8b" "7" };
	struct client *c = begin(OPEN LOOSE FAST DESK, "203.0.113.7");

	(void)state;
	client_read(c);
	w->account_status = STATUS_EXISTS;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char request[256];

		snprintf(request, sizeof(request), SET("<username>%s</username><password>x</password>"), names[i]);
		client_send(c, request);
		assert_has(client_read(c), ERROR("conflict"));
		assert_has(world_log(w), " reserved\n");
	}
	client_send(c, SET("<username>alice2</username><password>x</password>"));
	assert_lacks(world_log(w), "reserved");
	end(c);
}

static void every_end_has_its_answer(void **state)
{
	static const struct {
		enum status status;
		const char *condition;
	} rows[] = {
		{ STATUS_EXISTS, ERROR("conflict") },
		{ STATUS_LIMIT, ERROR("not-allowed") },
		{ STATUS_INVALID, ERROR("not-acceptable") },
		{ STATUS_IO, ERROR("internal-server-error") },
		{ STATUS_UNAVAILABLE, ERROR("internal-server-error") },
	};
	struct client *c = begin(OPEN LOOSE FAST, "203.0.113.7");

	(void)state;
	client_read(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		w->account_status = rows[i].status;
		client_send(c, SET("<username>eve</username><password>hunter2</password>"));
		assert_has(client_read(c), rows[i].condition);
	}
	end(c);
}

static void attempts_of_one_address_are_counted(void **state)
{
	struct client *c = begin(OPEN LOOSE, "203.0.113.7"), *other;

	(void)state;
	client_read(c);
	client_send(c, SET("<username>a</username><password>x</password>"));
	client_send(c, SET("<username>b</username><password>x</password>"));
	assert_has(client_read(c), ERROR("resource-constraint"));
	world_log(w);
	other = client_open(w, CONFIG_COMPONENT_c2s, "203.0.113.8", 0);
	client_send(other, HEAD SET("<username>c</username><password>x</password>"));
	assert_int_equal(count_of(world_log(w), "ACCOUNT"), 1);
	for (unsigned i = 0; i < 30; i++) { /* 20 an hour */
		world_pass(w, 1100);
		client_send(c, SET("<username>d</username><password>x</password>"));
	}
	assert_int_equal(count_of(world_log(w), "ACCOUNT"), 19);
	client_free(other);
	end(c);
}

static void an_answer_that_does_not_come_is_an_error_and_a_late_one_is_nothing(void **state)
{
	struct client *c = begin(OPEN LOOSE FAST, "203.0.113.7");

	(void)state;
	client_read(c);
	w->holds_accounts = true;
	client_send(c, SET("<username>a</username><password>x</password>") GET);
	assert_string_equal(client_read(c), "");
	world_pass(w, 21000);
	assert_has(client_read(c), ERROR("internal-server-error"));
	client_send(c, GET);
	assert_has(client_read(c), "<instructions>");
	client_send(c, SET("<username>b</username><password>x</password>"));
	world_answer_account(w); /* of the first, which is no answer to the second */
	assert_string_equal(client_read(c), "");
	w->account_status = STATUS_EXISTS;
	world_answer_account(w);
	assert_has(client_read(c), ERROR("conflict"));
	end(c);
}

static void the_answer_reaches_who_asked(void **state)
{
	struct client *c = begin(OPEN LOOSE FAST, "203.0.113.7"), *other = client_open(w, CONFIG_COMPONENT_c2s, "203.0.113.8", 0);

	(void)state;
	client_send(other, HEAD);
	client_read(c);
	client_read(other);
	client_send(other, SET("<username>eve</username><password>x</password>"));
	assert_has(client_read(other), "type='result' id='r2'");
	assert_string_equal(client_read(c), "");
	client_free(other);
	end(c);
}

static void over_bosh_it_is_the_same(void **state)
{
	struct client *c;

	(void)state;
	w = world_new(OPEN LOOSE FAST, 1);
	c = client_new(w, CONFIG_COMPONENT_bosh);
	http_post(c, "<body xmlns='http://jabber.org/protocol/httpbind' to='localhost' rid='1' wait='1' hold='1' ver='1.6' "
		     "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>", NULL);
	{
		const char *text = client_read(c);
		char body[512];

		assert_has(text, FEATURE);
		snprintf(body, sizeof(body), "<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='%s'>"
			 "<iq xmlns='jabber:client' type='set' id='r2'><query xmlns='jabber:iq:register'><username>eve</username>"
			 "<password>x</password></query></iq></body>", between(text, "sid='", "'"));
		http_post(c, body, NULL);
	}
	assert_has(client_read(c), "type='result' id='r2'");
	assert_has(world_log(w), "ACCOUNT op=0 eve@localhost x\n");
	end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_offered_where_it_is_allowed),
		cmocka_unit_test(without_the_plugin_there_is_no_registration),
		cmocka_unit_test(what_is_asked_is_checked_before_anybody_is_bothered),
		cmocka_unit_test(names_of_the_desk_and_the_server_are_taken),
		cmocka_unit_test(every_end_has_its_answer),
		cmocka_unit_test(attempts_of_one_address_are_counted),
		cmocka_unit_test(an_answer_that_does_not_come_is_an_error_and_a_late_one_is_nothing),
		cmocka_unit_test(the_answer_reaches_who_asked),
		cmocka_unit_test(over_bosh_it_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
