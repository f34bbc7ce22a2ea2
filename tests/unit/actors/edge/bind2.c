/* Bind 2 (XEP-0386) and what else is asked for with a login by SASL2: resource, carbons, client state, stream management on or
 * resumed (XEP-0198 9). */
#include "sm_client.h"

#include "xmpp/ns.h"

#define PASSWORD "<initial-response>AGFsaWNlAHNlY3JldA==</initial-response>"
#define WRONG "<initial-response>AGFsaWNlAHdyb25n</initial-response>"
#define LOGIN(more) "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'>" PASSWORD more "</authenticate>"
#define BIND(more) "<bind xmlns='" NS_BIND2 "'>" more "</bind>"
#define AGENT(uuid) "<user-agent id='" uuid "'><software>AwesomeXMPP</software><device>Kiva's Phone</device></user-agent>"
#define UUID "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define CARBONS "<enable xmlns='urn:xmpp:carbons:2'/>"
#define UNSEEN "<inactive xmlns='urn:xmpp:csi:0'/>"
#define MANAGE "<enable xmlns='" SM "' resume='true' max='30'/>"
#define COMPOSING "<message xmlns='jabber:client' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
#define BOUND "<bound xmlns='" NS_BIND2 "'/>"

/* Logs in with this; what came is in c->shown. */
static struct client *come(unsigned edge, const char *xml)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", edge);

	client_send(c, HEAD);
	client_read(c);
	client_send(c, xml);
	client_read(c);
	return c;
}

static const char *resource_of(const struct client *c)
{
	return between(c->shown, "<authorization-identifier>alice@localhost/", "</authorization-identifier>");
}

/* --- the offer --- */

SETUP(bare, "--sm-plugins=-message-carbons,-urn\\:xmpp\\:csi\\:0,-urn\\:xmpp\\:sm\\:3\n", 1)
SETUP(without, "--sm-plugins=-urn\\:xmpp\\:bind\\:0\n", 1)

static void the_offer_names_what_can_be_had(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD);
	assert_has(client_read(c), "<inline><bind xmlns='" NS_BIND2 "'><inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/>"
				   "<feature var='" SM "'/></inline></bind><sm xmlns='" SM "'/>");
	client_free(c);
}

static void the_offer_names_nothing_that_is_not_there(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD);
	assert_has(client_read(c), "<bind xmlns='" NS_BIND2 "'/>");
	client_free(c);
	/* and what is asked for all the same is ignored */
	c = come(0, LOGIN("<resume xmlns='" SM "' previd='x' h='0'/>" BIND(CARBONS UNSEEN)));
	assert_has(c->shown, BOUND "</success>");
	assert_lacks(c->shown, "failed");
	assert_lacks(world_log(w), "carbons");
	world_deliver(w, COMPOSING, 0);
	assert_has(client_read(c), "<composing");
	client_free(c);
}

static void without_the_plugin_a_resource_is_bound_as_ever(void **state)
{
	struct client *c = come(0, LOGIN(BIND("")));

	(void)state;
	assert_has(c->shown, "<authorization-identifier>alice@localhost</authorization-identifier></success>");
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<jid>alice@localhost/made-up</jid>");
	client_free(c);
}

/* --- the resource --- */

static void a_resource_is_bound_with_the_login(void **state)
{
	struct client *c = come(0, LOGIN(BIND("")));
	char expected[256];

	(void)state;
	assert_int_equal(strlen(resource_of(c)), 16);
	assert_has(c->shown, BOUND "</success><stream:features><sm xmlns='" SM "'/>");
	assert_lacks(c->shown, "xmpp-bind");
	assert_lacks(c->shown, "compress");
	snprintf(expected, sizeof(expected), "BIND alice@localhost resource=%s class=0 transport=0 anonymous=0 secure=0 address=127.0.0.1\n",
		 resource_of(c));
	assert_string_equal(strstr(world_log(w), "BIND"), expected);
	client_send(c, SAID("1"));
	assert_has(world_log(w), "INBOUND from=alice@localhost/");
	client_send(c, BIND_IQ); /* once is enough */
	assert_has(client_read(c), "<not-allowed");
	client_free(c);
}

static void the_clients_tag_stands_before_the_slash(void **state)
{
	struct client *c = come(0, LOGIN(BIND("<tag>AwesomeXMPP</tag>")));

	(void)state;
	assert_memory_equal(resource_of(c), "AwesomeXMPP/", 12);
	assert_int_equal(strlen(resource_of(c)), 28);
	client_free(c);
	c = come(0, LOGIN(BIND("<tag>a/b &amp; c</tag>")));
	assert_memory_equal(resource_of(c), "a/b &amp; c/", 12);
	client_free(c);
	c = come(0, LOGIN(BIND("<tag/>")));
	assert_int_equal(strlen(resource_of(c)), 16);
	client_free(c);
	c = come(0, filled("<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'>" PASSWORD "<bind xmlns='" NS_BIND2 "'><tag>",
			   "</tag></bind></authenticate>", 1500)); /* no resource is so long */
	assert_int_equal(strlen(resource_of(c)), 16);
	client_free(c);
}

static void a_known_client_has_the_same_again(void **state)
{
	static const struct {
		const char *xml;
		bool known;
	} rows[] = {
		{ LOGIN(AGENT(UUID) BIND("<tag>t</tag>")), true },
		{ LOGIN(AGENT("D4565FA7-4D72-4749-B3D3-740EDBF87770") BIND("<tag>t</tag>")), true },
		{ LOGIN(AGENT("d4565fa7-4d72-4749-b3d3-740edbf87771") BIND("<tag>t</tag>")), false },
		{ LOGIN("<user-agent/>" BIND("<tag>t</tag>")), false },
		{ LOGIN(AGENT("d4565fa7-4d72-4749-b3d3-740edbf8777") BIND("<tag>t</tag>")), false },
		{ LOGIN(AGENT("d4565fa7-4d72-4749-b3d3+740edbf87770") BIND("<tag>t</tag>")), false },
		{ LOGIN(AGENT("d4565fa7-4d72-4749-b3d3-740edbf8777z") BIND("<tag>t</tag>")), false },
		{ LOGIN(AGENT(UUID "-" UUID "-" UUID) BIND("<tag>t</tag>")), false },
	};
	char first[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = come(0, rows[i].xml);

		if (i == 0)
			snprintf(first, sizeof(first), "%s", resource_of(c));
		if ((strcmp(first, resource_of(c)) == 0) != rows[i].known)
			fail_msg("row %zu: %s and %s", i, first, resource_of(c));
		assert_lacks(c->shown, "d4565fa7");
		if ((strstr(world_log(w), " known") != NULL) != (i < 3))
			fail_msg("row %zu", i);
		client_free(c);
	}
}

static void a_refused_resource_leaves_the_login(void **state)
{
	struct client *c;

	(void)state;
	w->bind_error = STANZA_ERROR_RESOURCE_CONSTRAINT;
	c = come(0, LOGIN(BIND(MANAGE UNSEEN)));
	assert_has(c->shown, "<authorization-identifier>alice@localhost</authorization-identifier></success>");
	assert_has(c->shown, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<resource-constraint");
	client_free(c);
}

static void a_failed_login_binds_nothing(void **state)
{
	struct client *c = come(0, "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'>" WRONG BIND(CARBONS) "</authenticate>");

	(void)state;
	assert_has(c->shown, "<not-authorized");
	assert_lacks(world_log(w), "BIND");
	client_send(c, LOGIN("")); /* and the wish is forgotten */
	assert_has(client_read(c), "<authorization-identifier>alice@localhost</");
	client_free(c);
}

/* --- what the session begins with --- */

static void carbons_are_the_shards(void **state)
{
	struct client *c = come(0, LOGIN(BIND(CARBONS "<x xmlns='urn:unknown'/>")));

	(void)state;
	assert_has(c->shown, BOUND);
	assert_has(world_log(w), "address=127.0.0.1 carbons\n");
	client_free(c);
}

static void an_inactive_client_begins_so(void **state)
{
	struct client *c = come(0, LOGIN(BIND(UNSEEN)));

	(void)state;
	world_deliver(w, COMPOSING, 0);
	assert_string_equal(client_read(c), "");
	world_deliver(w, WORD("1"), 0);
	assert_order(client_read(c), (const char *const[]){ "<composing", "id='1'", NULL });
	client_free(c);
	c = come(0, LOGIN(BIND("<active xmlns='urn:xmpp:csi:0'/>")));
	world_deliver(w, COMPOSING, 0);
	assert_has(client_read(c), "<composing");
	client_free(c);
}

static void stanzas_are_counted_from_success_on(void **state)
{
	struct client *c = come(0, LOGIN(BIND(MANAGE)) SAID("1") R);

	(void)state;
	assert_order(c->shown, (const char *const[]){ "<success", "<bound xmlns='" NS_BIND2 "'><enabled xmlns='" SM "' id='", "resume='true' max='30'/></bound>",
						      "<stream:features>", "<a xmlns='" SM "' h='1'/>", NULL });
	assert_lacks(strstr(c->shown, "<stream:features>"), "<sm xmlns");
	world_deliver(w, WORD("1"), 0);
	client_send(c, "<a xmlns='" SM "' h='1'/>");
	assert_lacks(client_read(c), "error");
	client_send(c, ENABLE);
	assert_has(client_read(c), "<unsupported-stanza-type");
	client_free(c);
	c = come(0, LOGIN(BIND("<enable xmlns='" SM "'/>")));
	assert_has(c->shown, "<bound xmlns='" NS_BIND2 "'><enabled xmlns='" SM "'/></bound>");
	client_free(c);
}

static void bosh_has_no_stream_management(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_bosh, "127.0.0.1", 0);
	char sid[64], body[2048];

	(void)state;
	http_post(c, "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' wait='60' hold='1' ver='1.6'/>", NULL);
	snprintf(sid, sizeof(sid), "%s", between(client_read(c), "sid='", "'"));
	assert_has(c->shown, "<inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/></inline></bind>");
	snprintf(body, sizeof(body), "<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='%s'>%s</body>", sid,
		 LOGIN("<resume xmlns='" SM "' previd='x' h='0'/>" BIND(MANAGE CARBONS)));
	http_post(c, body, NULL);
	assert_order(client_read(c), (const char *const[]){ "alice@localhost/", "<failed xmlns='" SM "'><feature-not-implemented",
							    "<bound xmlns='" NS_BIND2 "'><failed xmlns='" SM "'><feature-not-implemented", "</success>", NULL });
	client_free(c);
}

/* --- a session that is resumed --- */

#define RESUME_LOGIN "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'>%s<resume xmlns='" SM "' previd='%s'%s/>%s</authenticate>"

static struct client *come_back(unsigned edge, const char *password, const char *h, const char *bind)
{
	char xml[2048];

	snprintf(xml, sizeof(xml), RESUME_LOGIN, password, id, h, bind);
	return come(edge, xml);
}

/* A session of alice, asleep, with one message that waits. Its id is in `id`. */
static void leave_one(unsigned edge)
{
	struct client *c = come(edge, LOGIN(BIND(MANAGE)));

	snprintf(id, sizeof(id), "%s", between(c->shown, "<enabled xmlns='" SM "' id='", "'"));
	world_deliver(w, WORD("m1"), 0);
	client_drop(c, CONN_END_RESET);
	client_free(c);
	world_log(w);
}

static void it_goes_on_whatever_else_was_asked_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct client *c;
		char resource[64];

		leave_one(i / 2);
		snprintf(resource, sizeof(resource), "%s", strchr(w->full, '/') + 1);
		c = come_back(i % 2, PASSWORD, " h='0'", BIND("<tag>other</tag>" MANAGE CARBONS));
		assert_string_equal(resource_of(c), resource);
		assert_order(c->shown, (const char *const[]){ "<success", "<resumed xmlns='" SM "' h='0' previd='", "/></success>", "<stream:features>",
							      "</stream:features>", "id='m1'", NULL });
		assert_lacks(c->shown, "bound");
		assert_lacks(strstr(c->shown, "<success"), "xmpp-bind");
		assert_lacks(world_log(w), "BIND");
		client_send(c, SAID("1") R);
		assert_has(client_read(c), "<a xmlns='" SM "' h='1'/>");
		client_send(c, "</stream:stream>");
		client_free(c);
	}
}

static void a_live_session_moves_too(void **state)
{
	struct client *a = come(0, LOGIN(BIND(MANAGE))), *b;

	(void)state;
	snprintf(id, sizeof(id), "%s", between(a->shown, "<enabled xmlns='" SM "' id='", "'"));
	b = come_back(0, PASSWORD, " h='0'", "");
	assert_has(b->shown, "<resumed");
	assert_has(client_read(a), "<conflict");
	client_free(a);
	client_free(b);
}

static void what_cannot_be_resumed_is_bound_anew(void **state)
{
	static const struct {
		const char *previd, *h, *expected;
	} rows[] = {
		{ NULL, " h='x'", "<failed xmlns='" SM "'><bad-request xmlns='" ERROR "'/></failed>" },
		{ NULL, "", "<failed xmlns='" SM "'><bad-request xmlns='" ERROR "'/></failed>" },
		{ "", " h='0'", "<failed xmlns='" SM "'><item-not-found xmlns='" ERROR "'/></failed>" },
		{ "00000000000000000000000000000000", " h='0'", "<failed xmlns='" SM "'><item-not-found xmlns='" ERROR "'/></failed>" },
		{ "long", " h='0'", "<failed xmlns='" SM "'><item-not-found xmlns='" ERROR "'/></failed>" },
	};
	static char long_one[600];

	(void)state;
	memset(long_one, 'a', sizeof(long_one) - 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int bind = 0; bind < 2; bind++) {
			struct client *c;
			char xml[2048];

			leave_one(0);
			snprintf(xml, sizeof(xml), RESUME_LOGIN, PASSWORD,
				 !rows[i].previd ? id : strcmp(rows[i].previd, "long") == 0 ? long_one : rows[i].previd, rows[i].h,
				 bind ? BIND("") : "");
			c = come(0, xml);
			if (!strstr(c->shown, rows[i].expected))
				fail_msg("row %zu: %s", i, c->shown);
			assert_has(c->shown, bind ? BOUND "</success>" : "</failed></success>");
			assert_true((strstr(world_log(w), "BIND") != NULL) == bind);
			client_send(c, bind ? SAID("1") : BIND_IQ);
			assert_lacks(client_read(c), "error");
			client_free(c);
		}
}

static void a_session_nobody_resumed_says_how_far_it_came(void **state)
{
	struct client *c;

	(void)state;
	leave_one(0);
	world_pass(w, 31000);
	world_log(w);
	c = come_back(0, PASSWORD, " h='0'", BIND(""));
	assert_order(c->shown, (const char *const[]){ "alice@localhost/", "<failed xmlns='" SM "' h='0'><item-not-found", BOUND, NULL });
	client_free(c);
}

static void nobody_takes_anothers(void **state)
{
	struct client *c;

	(void)state;
	leave_one(0);
	c = come_back(0, "<initial-response>AHJvYm90MQBzZWNyZXQ=</initial-response>", " h='0'", BIND("")); /* robot1 */
	assert_order(c->shown, (const char *const[]){ "robot1@localhost/", "<item-not-found", BOUND, NULL });
	client_free(c);
	c = come_back(0, WRONG, " h='0'", BIND(""));
	assert_string_equal(c->shown, "<failure xmlns='" NS_SASL2 "'><not-authorized xmlns='" NS_SASL "'/></failure>");
	client_free(c);
	c = come_back(0, PASSWORD, " h='0'", ""); /* it is still there */
	assert_has(c->shown, "id='m1'");
	client_free(c);
}

static void an_h_that_was_never_sent_ends_the_stream(void **state)
{
	struct client *c;

	(void)state;
	leave_one(0);
	c = come_back(0, PASSWORD, " h='7'", BIND(""));
	assert_has(c->shown, "<handled-count-too-high");
	assert_lacks(c->shown, "<success");
	client_free(c);
	c = come_back(0, PASSWORD, " h='1'", "");
	assert_has(c->shown, "<resumed");
	assert_lacks(c->shown, "m1");
	client_free(c);
}

/* What is on its way is waited for; a line that is lost meanwhile leaves the session as it was. */
static void success_waits_for_what_is_on_its_way(void **state)
{
	struct client *c = come(0, LOGIN(BIND(MANAGE))), *lost;

	(void)state;
	snprintf(id, sizeof(id), "%s", between(c->shown, "<enabled xmlns='" SM "' id='", "'"));
	w->holds_inbound = true;
	client_send(c, SAID("1"));
	client_drop(c, CONN_END_RESET);
	client_free(c);
	lost = come_back(0, PASSWORD, " h='0'", "");
	assert_string_equal(lost->shown, "");
	world_deliver(w, WORD("m1"), 0);
	assert_string_equal(client_read(lost), "");
	client_drop(lost, CONN_END_RESET);
	c = come_back(0, PASSWORD, " h='0'", "");
	assert_string_equal(c->shown, "");
	client_send(c, SAID("2"));
	world_let_go(w, 0);
	assert_order(client_read(c), (const char *const[]){ "<success", "<resumed xmlns='" SM "' h='1'", "</success>", "id='m1'", NULL });
	assert_has(world_log(w), "id='2'");
	client_free(c);
	client_free(lost);
}

#define TEST(f, set) cmocka_unit_test_setup_teardown(f, set, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_offer_names_what_can_be_had, quiet),
		TEST(the_offer_names_nothing_that_is_not_there, bare),
		TEST(without_the_plugin_a_resource_is_bound_as_ever, without),
		TEST(a_resource_is_bound_with_the_login, quiet),
		TEST(the_clients_tag_stands_before_the_slash, quiet),
		TEST(a_known_client_has_the_same_again, quiet),
		TEST(a_refused_resource_leaves_the_login, quiet),
		TEST(a_failed_login_binds_nothing, quiet),
		TEST(carbons_are_the_shards, quiet),
		TEST(an_inactive_client_begins_so, quiet),
		TEST(stanzas_are_counted_from_success_on, quiet),
		TEST(bosh_has_no_stream_management, quiet),
		TEST(it_goes_on_whatever_else_was_asked_for, two_workers),
		TEST(a_live_session_moves_too, quiet),
		TEST(what_cannot_be_resumed_is_bound_anew, quiet),
		TEST(a_session_nobody_resumed_says_how_far_it_came, quiet),
		TEST(nobody_takes_anothers, quiet),
		TEST(an_h_that_was_never_sent_ends_the_stream, quiet),
		TEST(success_waits_for_what_is_on_its_way, quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
