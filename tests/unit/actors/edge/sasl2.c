/* SASL2 (XEP-0388): offer, login, refusals, what comes after; over each transport, on the worker of the session or another. */
#include "bosh_client.h"

#include <stdio.h>

#include "xmpp/ns.h"

#define PLAIN_AUTH(data) "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'><initial-response>" data "</initial-response></authenticate>"
#define ALICE "AGFsaWNlAHNlY3JldA=="
#define ALICE_AS_ALICE "YWxpY2VAbG9jYWxob3N0AGFsaWNlAHNlY3JldA==" /* the same with her own address as authorization identity */
#define WRONG "AGFsaWNlAHdyb25n"
#define ALICE2 PLAIN_AUTH(ALICE)
#define FIRST "<authenticate xmlns='" NS_SASL2 "' mechanism='SCRAM-SHA-1'><initial-response>biwsbj1hbGljZSxyPXg=</initial-response></authenticate>"
#define FAILED(name) "<failure xmlns='" NS_SASL2 "'><" name " xmlns='" NS_SASL "'/></failure>"
#define SUCCESS "<success xmlns='" NS_SASL2 "'><authorization-identifier>alice@localhost</authorization-identifier></success>"
#define FROM(who) \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='" who "' version='1.0'>"

static int begin(const char *lines, unsigned workers)
{
	w = world_new(lines, workers);
	return 0;
}

static int setup_one(void **state)
{
	(void)state;
	return begin(EXEMPT_NOBODY, 1);
}

static int setup_off(void **state)
{
	(void)state;
	return begin("--sm-plugins=-urn\\:xmpp\\:sasl\\:2\n", 1);
}

static struct client *opened(const char *address, const char *head)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, address, 0);

	client_send(c, head);
	return c;
}

/* --- the offer --- */

static void it_is_offered_where_a_password_may_be_sent(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);
	const char *text = client_read(c);

	(void)state;
	assert_has(text, "<authentication xmlns='" NS_SASL2 "'><mechanism>SCRAM-SHA-512</mechanism>");
	assert_has(between(text, "<authentication", "</authentication>"), "<mechanism>PLAIN</mechanism>");
	assert_has(text, "<mechanisms xmlns='" NS_SASL "'>");
	client_free(c);
	c = opened("203.0.113.1", HEAD);
	assert_lacks(client_read(c), NS_SASL2);
	client_send(c, ALICE2);
	assert_has(client_read(c), FAILED("encryption-required"));
	client_send(c, FIRST);
	assert_has(client_read(c), FAILED("encryption-required"));
	client_free(c);
	assert_string_equal(world_log(w), "");
}

static void without_the_plugin_nobody_knows_it(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);

	(void)state;
	assert_lacks(client_read(c), NS_SASL2);
	client_send(c, ALICE2);
	assert_has(client_read(c), "<unsupported-stanza-type");
	client_free(c);
}

/* --- success --- */

static void plain_in_one_step_and_the_stream_goes_on(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);
	const char *text;

	(void)state;
	client_read(c);
	client_send(c, ALICE2);
	text = client_read(c);
	assert_has(text, SUCCESS "<stream:features>");
	assert_has(text, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
	assert_has(text, "<sm xmlns='urn:xmpp:sm:3'/>");
	assert_lacks(text, "mechanism");
	assert_lacks(text, "<stream:stream");
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<jid>alice@localhost/made-up</jid>");
	client_send(c, "<message to='bob@localhost'><body>x</body></message>");
	assert_has(world_log(w), "INBOUND from=alice@localhost/made-up to=bob@localhost");
	client_free(c);
}

/* XEP-0388 2.3: the client knows what the server offers from before. */
static void all_in_one_flight(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD ALICE2 BIND_IQ "<presence xmlns='jabber:client'/>");

	(void)state;
	assert_has(client_read(c), SUCCESS "<stream:features>");
	assert_has(world_log(w), "INBOUND from=alice@localhost/made-up to=- flags=0 <presence");
	client_free(c);
	c = opened("127.0.0.1", HEAD PLAIN_AUTH(WRONG) BIND_IQ);
	assert_has(client_read(c), FAILED("not-authorized") "<stream:error><not-authorized");
	client_free(c);
}

static void challenges_and_responses_have_their_names(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);

	(void)state;
	client_read(c);
	client_send(c, FIRST);
	assert_has(client_read(c), "<challenge xmlns='" NS_SASL2 "'>cj14");
	client_send(c, "<response xmlns='" NS_SASL2 "'>Yz1iaXdzLHI9eCxwPXg=</response>");
	assert_has(client_read(c), "<failure xmlns='" NS_SASL2 "'>");
	/* The stream is as it was. PLAIN without an initial response is asked for one. */
	client_send(c, "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'/>");
	assert_has(client_read(c), "<challenge xmlns='" NS_SASL2 "'/>");
	client_send(c, "<response xmlns='" NS_SASL2 "'>" ALICE "</response>");
	assert_has(client_read(c), SUCCESS);
	client_free(c);
}

static void it_may_be_tried_again_and_either_way(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);

	(void)state;
	client_read(c);
	client_send(c, PLAIN_AUTH(WRONG));
	assert_string_equal(client_read(c), FAILED("not-authorized"));
	client_send(c, ALICE_WRONG);
	assert_has(client_read(c), "<failure xmlns='" SASL "'><not-authorized/></failure>");
	client_send(c, ALICE2);
	assert_has(client_read(c), SUCCESS);
	client_free(c);
}

static void anonymous_too(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);
	const char *text;

	(void)state;
	client_read(c);
	client_send(c, "<authenticate xmlns='" NS_SASL2 "' mechanism='ANONYMOUS'/>");
	text = client_read(c);
	assert_has(text, "<authorization-identifier>v-");
	assert_lacks(text, "rosterver");
	client_send(c, BIND_IQ);
	assert_has(world_log(w), "anonymous=1");
	client_free(c);
}

/* --- refusals --- */

static void each_mistake_has_its_word(void **state)
{
	static const struct {
		const char *xml, *expected;
	} rows[] = {
		{ PLAIN_AUTH("!!!"), FAILED("incorrect-encoding") },
		{ PLAIN_AUTH("="), FAILED("incorrect-encoding") }, /* that word is RFC 6120's alone */
		{ PLAIN_AUTH(""), FAILED("malformed-request") },
		{ PLAIN_AUTH("YWxpY2U="), FAILED("malformed-request") },
		{ PLAIN_AUTH("Ym9iQGxvY2FsaG9zdABhbGljZQBzZWNyZXQ="), FAILED("invalid-authzid") },
		{ "<authenticate xmlns='" NS_SASL2 "' mechanism='DIGEST-MD5'/>", FAILED("invalid-mechanism") },
		{ "<authenticate xmlns='" NS_SASL2 "' mechanism='SCRAM-SHA-1-PLUS'/>", FAILED("invalid-mechanism") },
		{ "<authenticate xmlns='" NS_SASL2 "'/>", FAILED("invalid-mechanism") },
		{ "<response xmlns='" NS_SASL2 "'>" ALICE "</response>", FAILED("malformed-request") },
		{ "<next xmlns='" NS_SASL2 "' task='HOTP-EXAMPLE'/>", FAILED("malformed-request") }, /* there are no tasks */
		{ "<abort xmlns='" NS_SASL2 "'/>", FAILED("aborted") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = opened("127.0.0.1", HEAD);

		client_read(c);
		client_send(c, rows[i].xml);
		if (strcmp(client_read(c), rows[i].expected) != 0)
			fail_msg("row %zu: %s", i, c->shown);
		client_send(c, ALICE2); /* nothing has changed */
		assert_has(client_read(c), SUCCESS);
		client_free(c);
	}
}

static void an_exchange_can_be_aborted(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD FIRST);

	(void)state;
	assert_has(client_read(c), "<challenge");
	client_send(c, "<abort xmlns='" NS_SASL2 "'><text>changed my mind</text></abort>");
	assert_string_equal(client_read(c), FAILED("aborted"));
	client_send(c, ALICE2);
	assert_has(client_read(c), SUCCESS);
	client_free(c);
}

/* 2.4: anything else while it runs ends the stream, the other SASL too; and so does a second login. */
static void what_ends_the_stream(void **state)
{
	static const struct {
		const char *before, *xml, *error;
	} rows[] = {
		{ FIRST, FIRST, "policy-violation" },
		{ FIRST, ALICE_AUTH, "policy-violation" },
		{ FIRST, "<response xmlns='" SASL "'>Yz1iaXdz</response>", "policy-violation" },
		{ FIRST, "<message to='bob@localhost'/>", "policy-violation" },
		{ FIRST, "<enable xmlns='urn:xmpp:sm:3'/>", "policy-violation" },
		{ FIRST, "<next xmlns='" NS_SASL2 "' task='x'/>", "policy-violation" },
		{ "<auth xmlns='" SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPXg=</auth>", ALICE2, "policy-violation" },
		{ "<auth xmlns='" SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPXg=</auth>",
		  "<response xmlns='" NS_SASL2 "'>Yz1iaXdz</response>", "policy-violation" },
		{ ALICE2, ALICE2, "unsupported-stanza-type" },
		{ ALICE2, ALICE_AUTH, "not-authorized" },
		{ ALICE2 BIND_IQ, ALICE2, "unsupported-stanza-type" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = opened("127.0.0.1", HEAD);
		char error[64];

		client_send(c, rows[i].before);
		assert_lacks(client_read(c), "stream:error");
		client_send(c, rows[i].xml);
		snprintf(error, sizeof(error), "<stream:error><%s ", rows[i].error);
		if (!strstr(client_read(c), error))
			fail_msg("row %zu: %s", i, c->shown);
		client_free(c);
	}
}

static void failures_count_together_with_those_of_sasl(void **state)
{
	struct client *c = opened("127.0.0.1", HEAD);

	(void)state;
	for (int i = 0; i < 5; i++)
		client_send(c, i % 2 ? ALICE_WRONG : PLAIN_AUTH(WRONG));
	assert_has(client_read(c), FAILED("not-authorized") "<stream:error><policy-violation");
	client_free(c);
}

/* --- who the header says it is --- */

static void the_header_names_whose_login_it_will_be(void **state)
{
	static const struct {
		const char *head, *auth, *expected;
	} rows[] = {
		{ FROM("alice@localhost"), PLAIN_AUTH(ALICE_AS_ALICE), SUCCESS },
		{ FROM("alice@localhost"), ALICE2, SUCCESS },
		{ FROM("bob@localhost"), PLAIN_AUTH(ALICE_AS_ALICE), FAILED("invalid-authzid") },
		{ FROM("bob@localhost/x"), PLAIN_AUTH(ALICE_AS_ALICE), SUCCESS }, /* not a bare address: it names nobody */
		{ FROM("@@"), PLAIN_AUTH(ALICE_AS_ALICE), SUCCESS },
		{ FROM(""), PLAIN_AUTH(ALICE_AS_ALICE), SUCCESS },
		{ FROM("alice@example.org"), PLAIN_AUTH(ALICE_AS_ALICE), "<stream:error><invalid-from " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = opened("127.0.0.1", rows[i].head);

		client_send(c, rows[i].auth);
		if (!strstr(client_read(c), rows[i].expected))
			fail_msg("row %zu: %s", i, c->shown);
		client_free(c);
	}
}

/* --- where it happens --- */

static void it_does_not_matter_which_worker_accepts(void **state)
{
	actor_id home[2];

	(void)state;
	for (unsigned edge = 0; edge < 2; edge++) {
		struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", edge);

		client_send(c, "<x:stream xmlns='jabber:client' xmlns:x='http://etherx.jabber.org/streams' xmlns:z='urn:z' to='localhost' "
			       "version='1.0'>" ALICE2 BIND_IQ "<z:odd/>");
		assert_has(client_read(c), SUCCESS);
		assert_has(c->shown, "<jid>alice@localhost/made-up</jid>");
		assert_has(c->shown, "<unsupported-stanza-type"); /* the stream's own prefixes are still known */
		home[edge] = w->link.edge;
		client_free(c);
	}
	assert_int_equal(home[0], home[1]);
}

static void a_connection_on_its_way_may_be_lost(void **state)
{
	(void)state;
	for (unsigned edge = 0; edge < 2; edge++) {
		struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", edge);

		w->silent = true;
		client_send(c, HEAD ALICE2 BIND_IQ);
		client_read(c);
		w->silent = false;
		if (edge == 0)
			client_drop(c, CONN_END_RESET);
		world_answer_auth(w, AUTH_OK);
		if (edge == 1)
			assert_has(client_read(c), SUCCESS);
		client_free(c);
	}
}

static void over_bosh(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_bosh, "127.0.0.1", 0);

	(void)state;
	create(c, 1, "");
	assert_has(c->shown, NS_SASL2);
	post(c, 2, "", ALICE2);
	assert_has(client_read(c), SUCCESS);
	assert_has(c->shown, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
	assert_lacks(c->shown, "urn:xmpp:sm:3");
	post(c, 3, "", BIND_IQ);
	assert_has(client_read(c), "<jid>alice@localhost/made-up</jid>");
	client_free(c);
}

#define TEST(f, set) cmocka_unit_test_setup_teardown(f, set, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_offered_where_a_password_may_be_sent, setup_one),
		TEST(without_the_plugin_nobody_knows_it, setup_off),
		TEST(plain_in_one_step_and_the_stream_goes_on, setup_one),
		TEST(all_in_one_flight, setup_one),
		TEST(challenges_and_responses_have_their_names, setup_one),
		TEST(it_may_be_tried_again_and_either_way, setup_one),
		TEST(anonymous_too, setup_one),
		TEST(each_mistake_has_its_word, setup_one),
		TEST(an_exchange_can_be_aborted, setup_one),
		TEST(what_ends_the_stream, setup_one),
		TEST(failures_count_together_with_those_of_sasl, setup_one),
		TEST(the_header_names_whose_login_it_will_be, setup_one),
		TEST(it_does_not_matter_which_worker_accepts, setup_two_workers),
		TEST(a_connection_on_its_way_may_be_lost, setup_two_workers),
		TEST(over_bosh, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
