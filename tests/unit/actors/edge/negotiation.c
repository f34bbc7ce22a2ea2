/* What is refused, and how exactly: one row a mistake. */
#include "world.h"

#include <stdio.h>

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_new("--virt-hosts=localhost,other.example,strict.example:tls-required\n", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

#define HEAD_TO(to) "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
		    "to='" to "' version='1.0'>"
#define STREAMS "urn:ietf:params:xml:ns:xmpp-streams"

struct row {
	const char *input, *condition;
};

static void each_ends_with(const char *before, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
		const char *text;
		char error[256];

		client_send(c, before);
		client_send(c, rows[i].input);
		text = client_read(c);
		snprintf(error, sizeof(error), "<stream:error><%s xmlns='" STREAMS "'/></stream:error></stream:stream>",
			 rows[i].condition);
		assert_has(text, error);
		assert_has(text, "<?xml version='1.0'?><stream:stream "); /* even a refusal has a header */
		client_free(c);
	}
}

static void a_bad_header_has_its_own_error(void **state)
{
	static const struct row rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", "not-well-formed" },
		{ HEAD_TO("nosuch.example"), "host-unknown" },
		{ HEAD_TO("user@localhost"), "host-unknown" },
		{ HEAD_TO("@"), "host-unknown" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
		  "improper-addressing" },
		{ "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
		  "invalid-namespace" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='urn:wrong' to='localhost' version='1.0'>", "invalid-namespace" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost'>",
		  "unsupported-version" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='0.9'>",
		  "unsupported-version" },
		{ "<!DOCTYPE x [<!ENTITY a 'b'>]>", "restricted-xml" },
	};

	(void)state;
	each_ends_with("", rows, ARRAY_LEN(rows));
}

/* RFC 6120 4.7.2: `to` of our header is the bare JID of the client's `from`, and is there only if that was. */
static void our_header_is_addressed_to_who_the_client_said_it_is(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "", NULL },
		{ " from='alice@localhost'", " to='alice@localhost' " },
		{ " from='Alice@LOCALHOST/phone'", " to='alice@localhost' " },
		{ " from='localhost'", " to='localhost' " },
		{ " from='bob@elsewhere.example'", " to='bob@elsewhere.example' " },
		{ " from=''", NULL },
		{ " from='@'", NULL },
		{ " from='a&apos;b@localhost'", NULL },
		{ " from='a&lt;b@localhost'", NULL },
		{ " from='a\xef\xbc\x9c" "b@localhost'", NULL }, /* full width forms of <, &, \" and ' */
		{ " from='a\xef\xbc\x86" "b@localhost'", NULL },
		{ " from='a\xef\xbc\x82" "b@localhost'", NULL },
		{ " from='a\xef\xbc\x87" "b@localhost'", NULL },
		{ " from='a@local\xef\xbc\x9chost'", NULL },
		{ " from='a@local\xef\xbc\x87host'", NULL },
		{ " from='\xc3\x84@localhost'", " to='\xc3\xa4@localhost' " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
		const char *text;
		char head[512];

		snprintf(head, sizeof(head), "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
			 "to='localhost' version='1.0'%s>", rows[i].from);
		client_send(c, head);
		text = between(client_read(c), "<stream:stream", ">");
		assert_has(text, " from='localhost' ");
		if (rows[i].to)
			assert_has(text, rows[i].to);
		else
			assert_lacks(text, " to=");
		client_free(c);
	}
}

static void before_login_only_login_is_allowed(void **state)
{
	static const struct row rows[] = {
		{ "<message to='alice@localhost'><body>x</body></message>", "not-authorized" },
		{ "<presence/>", "not-authorized" },
		{ "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", "not-authorized" },
		{ BIND_IQ, "not-authorized" },
		{ "<foo xmlns='urn:x'/>", "unsupported-stanza-type" },
		{ "<stream:features/>", "unsupported-stanza-type" },
		{ "<!-- comment -->", "restricted-xml" },
		{ "</foo>", "not-well-formed" },
	};

	(void)state;
	each_ends_with(HEAD, rows, ARRAY_LEN(rows));
}

static void before_bind_only_bind_is_allowed(void **state)
{
	static const struct row rows[] = {
		{ "<message to='alice@localhost'><body>x</body></message>", "not-authorized" },
		{ "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", "not-authorized" },
		{ ANONYMOUS_AUTH, "not-authorized" },
		{ "<foo xmlns='urn:x'/>", "unsupported-stanza-type" },
	};

	(void)state;
	each_ends_with(HEAD ANONYMOUS_AUTH HEAD, rows, ARRAY_LEN(rows));
}

static void bound_clients_send_stanzas_only(void **state)
{
	static const struct row rows[] = {
		{ "<foo xmlns='urn:x'/>", "unsupported-stanza-type" },
		{ "<foo xmlns='jabber:client'/>", "unsupported-stanza-type" },
		{ "<message xmlns='jabber:server'/>", "unsupported-stanza-type" },
		{ ANONYMOUS_AUTH, "unsupported-stanza-type" },
		{ "<message from='someone@localhost'/>", "invalid-from" },
	};

	(void)state;
	each_ends_with(HEAD ANONYMOUS_AUTH HEAD BIND_IQ, rows, ARRAY_LEN(rows));
}

static void limits_before_login_hold(void **state)
{
	char big[11000], many[600] = "<auth xmlns='" SASL "'>", deep[200] = "<auth xmlns='" SASL "'>";
	const struct row rows[] = { { big, "policy-violation" }, { many, "policy-violation" }, { deep, "policy-violation" } };

	(void)state;
	memset(big, 'A', sizeof(big) - 1);
	memcpy(big, ANONYMOUS_AUTH, sizeof("<auth xmlns='" SASL "' mechanism='ANONYMOUS'") - 1);
	big[sizeof("<auth xmlns='" SASL "' mechanism='ANONYMOUS'") - 1] = '>';
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < 40; i++)
		strncat(many, "<a/>", sizeof(many) - strlen(many) - 1);
	for (int i = 0; i < 12; i++)
		strncat(deep, "<a>", sizeof(deep) - strlen(deep) - 1);
	each_ends_with(HEAD, rows, ARRAY_LEN(rows));
}

/* --- stanzas over their limit --- */

#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define TOO_BIG "<error type='modify'><policy-violation xmlns='" STANZAS "'/><text xmlns='" STANZAS "' xml:lang='en'>Too big: at most " \
		"16384 bytes are taken at once.</text><stanza-too-big xmlns='urn:xmpp:errors'/></error>"
#define PING "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"

static struct client *visitor(void)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);

	client_send(c, HEAD ANONYMOUS_AUTH HEAD BIND_IQ);
	assert_has(client_read(c), "<jid>v-");
	world_log(w);
	return c;
}

static void a_stanza_that_is_too_big_is_refused_alone(void **state)
{
	static const struct {
		const char *before, *after, *answer, *rest; /* around the client's address; NULL: none */
	} rows[] = {
		{ "<message to='bob@localhost' id='m1' type='chat'><body>", "</body></message>",
		  "<message from='bob@localhost' to='", "' type='error' id='m1'>" TOO_BIG "</message>" },
		{ "<iq type='set' id='i1'><q xmlns='urn:q'>", "</q></iq>", "<iq to='", "' type='error' id='i1'>" TOO_BIG "</iq>" },
		{ "<presence to='@'><status>", "</status></presence>", "<presence to='", "' type='error'>" TOO_BIG "</presence>" },
		{ "<message type='error' to='bob@localhost'><body>", "</body></message>", NULL, NULL },
		{ "<iq type='result' id='i1'><q xmlns='urn:q'>", "</q></iq>", NULL, NULL },
	};
	char expected[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = visitor();

		client_send(c, filled(rows[i].before, rows[i].after, 16385));
		expected[0] = '\0';
		if (rows[i].answer)
			(void)snprintf(expected, sizeof(expected), "%s%s%s", rows[i].answer, w->full, rows[i].rest);
		assert_string_equal(client_read(c), expected);
		assert_string_equal(world_log(w), "");
		client_send(c, PING);
		world_pass(w, 10000); /* its rate */
		assert_has(world_log(w), "<ping");
		client_free(c);
	}
}

static void a_stanza_of_just_the_limit_is_taken(void **state)
{
	struct client *c = visitor();

	(void)state;
	client_send(c, filled("<message to='bob@localhost'><body>", "</body></message>", 16384));
	assert_has(world_log(w), "INBOUND");
	client_free(c);
}

static void far_beyond_the_limit_the_stream_ends(void **state)
{
	static const char before[] = "<message to='bob@localhost'><body>", after[] = "</body></message>";
	struct client *c = visitor();

	(void)state;
	w->conf->limit_oversize_rate = 0;
	client_send(c, filled(before, after, 16384 + 65536));
	world_pass(w, 30000);
	assert_has(client_read(c), TOO_BIG);
	client_send(c, filled(before, after, 16384 + 65536 + 1));
	world_pass(w, 30000);
	assert_has(client_read(c), "<stream:error><policy-violation");
	assert_has(world_log(w), "CLOSED");
	client_free(c);
}

static void what_is_no_stanza_or_forged_ends_the_stream_at_any_size(void **state)
{
	static const struct row others[] = {
		{ "<foo xmlns='urn:x'>", "policy-violation" },
		{ "<message from='bob@localhost'>", "invalid-from" },
	};
	static const char *const ends[] = { "</foo>", "</message>" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct client *c = visitor();
		char expected[64];

		client_send(c, filled(others[i].input, ends[i], 17000));
		(void)snprintf(expected, sizeof(expected), "<stream:error><%s ", others[i].condition);
		assert_has(client_read(c), expected);
		client_free(c);
	}
}

static void too_many_of_them_end_the_stream(void **state)
{
	struct client *c = visitor();
	unsigned refused = 0;

	(void)state;
	w->conf->limit_oversize_rate = 3;
	for (int i = 0; i < 4; i++) {
		client_send(c, filled("<message id='x'>", "</message>", 16385));
		refused += count_of(client_read(c), "<stanza-too-big");
	}
	assert_int_equal(refused, 3);
	client_free(c);

	c = visitor(); /* one every 20 s is within it */
	for (int i = 0; i < 12; i++) {
		client_send(c, filled("<message id='x'>", "</message>", 16385));
		world_pass(w, 20000);
		assert_has(client_read(c), "<stanza-too-big");
	}
	client_free(c);
}

static void an_identity_never_moves_to_another_host(void **state)
{
	static const struct row rows[] = { { HEAD_TO("other.example"), "host-unknown" } };

	(void)state;
	each_ends_with(HEAD ANONYMOUS_AUTH, rows, ARRAY_LEN(rows));
}

static void a_client_that_reports_an_error_is_let_go(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	const char *text;

	(void)state;
	client_send(c, HEAD "<stream:error><see-other-host xmlns='" STREAMS "'>evil.example</see-other-host></stream:error>");

	text = client_read(c);
	assert_has(text, "</stream:stream>");
	assert_lacks(text, "stream:error");
	assert_lacks(text, "evil");
	client_free(c);
}

static void starttls_without_certificates_is_a_failure(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	const char *text;

	(void)state;
	client_send(c, HEAD "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");

	text = client_read(c);
	assert_lacks(text, "<starttls");
	assert_has(text, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
	client_free(c);
}

static void a_host_that_requires_tls_offers_no_login_without(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	const char *text;

	(void)state;
	client_send(c, HEAD_TO("strict.example") ANONYMOUS_AUTH);

	text = client_read(c);
	assert_lacks(text, "<mechanism");
	assert_has(text, "<encryption-required/>");
	client_free(c);
}

static void a_resource_that_is_no_resource_is_a_bad_request(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	char text[1300];

	(void)state;
	client_send(c, HEAD ANONYMOUS_AUTH HEAD);
	snprintf(text, sizeof(text), "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%01030d"
				     "</resource></bind></iq>", 7);
	client_send(c, text);
	assert_has(client_read(c), "<bad-request");
	client_send(c, "<iq type='get' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
	assert_has(client_read(c), "<bad-request");
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<jid>v-");
	client_free(c);
}

static void the_time_until_bind_is_limited(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);

	(void)state;
	client_send(c, HEAD ANONYMOUS_AUTH HEAD);
	world_pass(w, 59 * 1000);
	assert_lacks(client_read(c), "stream:error");
	world_pass(w, 2 * 1000);
	assert_has(client_read(c), "<connection-timeout");
	client_free(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_bad_header_has_its_own_error),
		TEST(our_header_is_addressed_to_who_the_client_said_it_is),
		TEST(before_login_only_login_is_allowed),
		TEST(before_bind_only_bind_is_allowed),
		TEST(bound_clients_send_stanzas_only),
		TEST(limits_before_login_hold),
		TEST(a_stanza_that_is_too_big_is_refused_alone),
		TEST(a_stanza_of_just_the_limit_is_taken),
		TEST(far_beyond_the_limit_the_stream_ends),
		TEST(what_is_no_stanza_or_forged_ends_the_stream_at_any_size),
		TEST(too_many_of_them_end_the_stream),
		TEST(an_identity_never_moves_to_another_host),
		TEST(a_client_that_reports_an_error_is_let_go),
		TEST(starttls_without_certificates_is_a_failure),
		TEST(a_host_that_requires_tls_offers_no_login_without),
		TEST(a_resource_that_is_no_resource_is_a_bad_request),
		TEST(the_time_until_bind_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
