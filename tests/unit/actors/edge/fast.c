/* FAST (XEP-0484) at the edge: offer, a token asked for, a login by one, refusals. */
#include "world.h"

#include <stdio.h>

#include "xmpp/ns.h"

#define UUID "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define AGENT "<user-agent id='" UUID "'/>"
#define PLAIN "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response>"
#define REQUEST(name) "<request-token xmlns='" NS_FAST "' mechanism='" name "'/>"
#define FAST(attributes) "<fast xmlns='" NS_FAST "' " attributes "/>"
#define TOKEN "<token xmlns='" NS_FAST "' expiry='2025-11-25T14:00:00.000Z' token='" WORLD_FRESH "'/>"
#define REFUSED(name) "<failure xmlns='" NS_SASL2 "'><" name " xmlns='" NS_SASL "'/></failure>"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_new("sess-man/desk/seats[s]=seat*@localhost\nsess-man/desk/visitors[s]=guest*@localhost\n", 1);
	return 0;
}

static int setup_off(void **state)
{
	(void)state;
	w = world_new("--sm-plugins=-urn\\:xmpp\\:fast\\:0\n", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static struct client *come(const char *xml)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	client_send(c, HEAD);
	client_read(c);
	client_send(c, xml);
	client_read(c);
	return c;
}

/* A login of this name by this token. */
static struct client *come_with(const char *name, const char *token, const char *mechanism, const char *more)
{
	struct buf raw = BUF_INIT, text = BUF_INIT;
	uint8_t proof[SASL_PROOF];
	char xml[2048], *encoded;

	sasl_token_proof(span_of(token), "Initiator", SPAN_NONE, proof);
	buf_add(&raw, name, strlen(name) + 1);
	buf_add(&raw, proof, sizeof(proof));
	sasl_encode(buf_span(&raw), &text);
	encoded = buf_take_text(&text);
	snprintf(xml, sizeof(xml), "<authenticate xmlns='" NS_SASL2 "' mechanism='%s'><initial-response>%s</initial-response>%s</authenticate>",
		 mechanism, encoded, more);
	free(encoded);
	buf_fini(&raw);
	return come(xml);
}

static void it_is_offered_beside_the_mechanisms(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	(void)state;
	client_send(c, HEAD);
	assert_has(client_read(c), "<fast xmlns='" NS_FAST "'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>");
	assert_int_equal(count_of(c->shown, "HT-SHA"), 1);
	assert_lacks(c->shown, "tls-0rtt");
	client_free(c);
}

static void a_token_is_given_to_whom_asks(void **state)
{
	static const struct {
		const char *xml;
		bool given;
	} rows[] = {
		{ PLAIN AGENT REQUEST("HT-SHA-256-NONE") "</authenticate>", true },
		{ PLAIN AGENT REQUEST("HT-SHA-256-NONE") "<bind xmlns='" NS_BIND2 "'/></authenticate>", true },
		{ PLAIN REQUEST("HT-SHA-256-NONE") "</authenticate>", false }, /* no installation */
		{ PLAIN AGENT REQUEST("HT-SHA-256-ENDP") "</authenticate>", false }, /* not on this line */
		{ PLAIN AGENT REQUEST("PLAIN") "</authenticate>", false },
		{ PLAIN AGENT "<request-token xmlns='" NS_FAST "'/></authenticate>", false },
		{ PLAIN AGENT "</authenticate>", false },
		/* a visitor by name, and one without */
		{ "<authenticate xmlns='" NS_SASL2 "' mechanism='PLAIN'><initial-response>AGd1ZXN0MQB4</initial-response>" AGENT
		  REQUEST("HT-SHA-256-NONE") "</authenticate>", false },
		{ "<authenticate xmlns='" NS_SASL2 "' mechanism='ANONYMOUS'>" AGENT REQUEST("HT-SHA-256-NONE") "</authenticate>", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = come(rows[i].xml);

		if (!strstr(c->shown, "<success") || (strstr(c->shown, TOKEN) != NULL) != rows[i].given)
			fail_msg("row %zu: %s", i, c->shown);
		if (rows[i].given)
			assert_string_equal(w->token.client, UUID);
		client_free(c);
	}
}

static void a_token_that_does_not_come_keeps_nobody_out(void **state)
{
	struct client *c;

	(void)state;
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	client_read(c);
	w->silent = true;
	client_send(c, PLAIN AGENT REQUEST("HT-SHA-256-NONE") "</authenticate>");
	world_answer_auth(w, AUTH_OK); /* the password; then the token is asked for, and nobody answers */
	assert_string_equal(client_read(c), "");
	world_pass(w, 21000);
	assert_has(client_read(c), "<success");
	assert_lacks(c->shown, "<token");
	client_free(c);
}

static void one_step_with_a_token(void **state)
{
	struct client *c = come_with("alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST("count='123'") "<bind xmlns='" NS_BIND2 "'/>");
	struct buf encoded = BUF_INIT;
	uint8_t answer[SASL_PROOF];
	char *text;

	(void)state;
	sasl_token_proof(SPAN_LIT(WORLD_TOKEN), "Responder", SPAN_NONE, answer);
	sasl_encode((struct span){ (const char *)answer, sizeof(answer) }, &encoded);
	text = buf_take_text(&encoded);
	assert_string_equal(between(c->shown, "<additional-data>", "</additional-data>"), text);
	free(text);
	assert_has(c->shown, "<authorization-identifier>alice@localhost/");
	assert_lacks(c->shown, "<token");
	assert_true(w->token.counted && w->token.count == 123 && !w->token.invalidate && !w->token.wanted);
	client_free(c);
	w->rotates = true;
	c = come_with("alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST("invalidate='true'"));
	assert_has(c->shown, TOKEN);
	assert_true(w->token.invalidate && !w->token.counted);
	client_free(c);
}

static void each_mistake_has_its_word(void **state)
{
	static const struct {
		const char *name, *token, *mechanism, *more, *expected;
	} rows[] = {
		{ "alice", "another", "HT-SHA-256-NONE", AGENT FAST(""), REFUSED("not-authorized") },
		{ "mallory", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""), REFUSED("not-authorized") },
		{ "guest1", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""), REFUSED("not-authorized") },
		{ "desk", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""), REFUSED("not-authorized") },
		{ "alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT, REFUSED("invalid-mechanism") }, /* without <fast/> it is not offered */
		{ "alice", WORLD_TOKEN, "HT-SHA-256-ENDP", AGENT FAST(""), REFUSED("invalid-mechanism") },
		{ "alice", WORLD_TOKEN, "HT-SHA-256-NONE", FAST(""), REFUSED("malformed-request") },
		{ "alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST("count='0'"), REFUSED("malformed-request") },
		{ "alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST("count='-1'"), REFUSED("malformed-request") },
		{ "", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""), REFUSED("malformed-request") },
		{ "a@b@c", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""), REFUSED("not-authorized") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = come_with(rows[i].name, rows[i].token, rows[i].mechanism, rows[i].more);

		if (strcmp(c->shown, rows[i].expected) != 0)
			fail_msg("row %zu: %s", i, c->shown);
		client_send(c, PLAIN "</authenticate>"); /* and a password does */
		assert_has(client_read(c), "<success");
		client_free(c);
	}
}

static void an_expired_one_says_so(void **state)
{
	struct client *c;

	(void)state;
	w->expired = true;
	c = come_with("alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""));
	assert_string_equal(c->shown, REFUSED("credentials-expired"));
	client_free(c);
	w->expired = false;
	w->unavailable = true;
	c = come_with("alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""));
	assert_has(c->shown, "<temporary-auth-failure");
	client_free(c);
}

static void without_the_plugin_there_is_none(void **state)
{
	struct client *c = come_with("alice", WORLD_TOKEN, "HT-SHA-256-NONE", AGENT FAST(""));

	(void)state;
	assert_string_equal(c->shown, REFUSED("invalid-mechanism"));
	client_free(c);
	c = come(PLAIN AGENT REQUEST("HT-SHA-256-NONE") "</authenticate>");
	assert_has(c->shown, "<success");
	assert_lacks(c->shown, "<token");
	client_free(c);
}

#define TEST(f, set) cmocka_unit_test_setup_teardown(f, set, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_offered_beside_the_mechanisms, setup),
		TEST(a_token_is_given_to_whom_asks, setup),
		TEST(a_token_that_does_not_come_keeps_nobody_out, setup),
		TEST(one_step_with_a_token, setup),
		TEST(each_mistake_has_its_word, setup),
		TEST(an_expired_one_says_so, setup),
		TEST(without_the_plugin_there_is_none, setup_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
