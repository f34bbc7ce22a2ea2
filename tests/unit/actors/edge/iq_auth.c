/* XEP-0078 on a stream: when it is offered, every answer, and that it opens nothing SASL would not. */
#include "world.h"

#include <stdio.h>

#define FEATURE "<auth xmlns='http://jabber.org/features/iq-auth'/>"
#define GET "<iq type='get' id='a1'><query xmlns='jabber:iq:auth'><username>alice</username></query></iq>"
#define SET(user, password) \
	"<iq type='set' id='a2' to='localhost'><query xmlns='jabber:iq:auth'><username>" user "</username><password>" password \
	"</password><resource>globe</resource></query></iq>"
#define RESULT "<iq type='result' id='a2'/>"
#define ERROR(condition) "<" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
#define DESK "sess-man/desk/seats[s]=seat*@localhost\nsess-man/desk/robots[s]=robot*@localhost\n" \
	     "sess-man/desk/visitors[s]=guest*@localhost\n" EXEMPT_NOBODY

static struct world *w;

static struct client *begin(const char *lines, const char *address, unsigned workers, unsigned edge)
{
	struct client *c;

	w = world_new(lines, workers);
	c = client_open(w, CONFIG_COMPONENT_c2s, address, edge);
	client_send(c, HEAD);
	return c;
}

static void end(struct client *c)
{
	client_free(c);
	world_free(w);
}

static void it_is_offered_where_plain_is(void **state)
{
	static const struct {
		const char *lines, *address;
		bool offered;
	} rows[] = {
		{ EXEMPT_NOBODY, "127.0.0.1", true },
		{ EXEMPT_NOBODY, "203.0.113.7", false },
		{ "sess-man/plugins-conf/plain-without-tls=always\n", "203.0.113.7", true },
		{ "sess-man/plugins-conf/plain-without-tls=never\n", "127.0.0.1", false },
		{ "--virt-hosts=localhost\\:tls-required\n", "127.0.0.1", false },
		{ "sess-man/plugins-conf/enabled-mechanisms=SCRAM-SHA-256\n", "127.0.0.1", false },
		{ "--sm-plugins=-urn\\:ietf\\:params\\:xml\\:ns\\:xmpp-sasl\n", "127.0.0.1", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = begin(rows[i].lines, rows[i].address, 1, 0);

		if ((strstr(client_read(c), FEATURE) != NULL) != rows[i].offered)
			fail_msg("row %zu", i);
		client_send(c, GET);
		if (rows[i].offered)
			assert_string_equal(client_read(c), "<iq from='localhost' type='result' id='a1'><query xmlns='jabber:iq:auth'>"
							    "<username/><password/><resource/></query></iq>");
		else
			assert_has(client_read(c), ERROR("service-unavailable"));
		client_send(c, SET("alice", "secret"));
		if (!rows[i].offered)
			assert_has(client_read(c), ERROR("service-unavailable"));
		assert_int_equal(count_of(world_log(w), "AUTH op="), rows[i].offered);
		end(c);
	}
}

static void without_the_plugin_it_is_a_stanza_too_early(void **state)
{
	struct client *c = begin("--sm-plugins=-jabber\\:iq\\:auth\n", "127.0.0.1", 1, 0);

	(void)state;
	assert_lacks(client_read(c), FEATURE);
	client_send(c, GET);
	assert_has(client_read(c), "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	end(c);
}

static void a_right_password_binds_the_resource_at_once(void **state)
{
	struct client *c = begin(EXEMPT_NOBODY, "127.0.0.1", 1, 0);

	(void)state;
	client_read(c);
	client_send(c, SET("alice", "secret") "<message to='bob@localhost'><body>x</body></message>");
	assert_string_equal(client_read(c), RESULT);
	assert_string_equal(world_log(w), "AUTH op=1 alice@localhost\n"
					  "BIND alice@localhost resource=globe class=0 transport=0 anonymous=0 secure=0 address=127.0.0.1\n"
					  "INBOUND from=alice@localhost/globe to=bob@localhost flags=0 <message to='bob@localhost'><body>x</body></message>\n");
	client_send(c, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
	assert_has(client_read(c), "<enabled");
	end(c);
}

static void wrong_ones_are_refused_alike_and_the_stream_ends(void **state)
{
	static const char *const rows[] = {
		SET("alice", "wrong"),
		SET("mallory", "secret"),
		SET("desk", "secret"),
		SET("v-abcdefghij2345672345", "secret"),
		SET("alice", "\xc2\x80"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = begin(DESK, "127.0.0.1", 1, 0);

		client_read(c);
		client_send(c, rows[i]);
		assert_string_equal(client_read(c), "<iq from='localhost' type='error' id='a2'><error type='auth' code='401'>"
						    "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq></stream:stream>");
		assert_lacks(world_log(w), "BIND");
		end(c);
	}
}

static void what_is_missing_is_said(void **state)
{
	static const struct {
		const char *request, *condition;
	} rows[] = {
		{ "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>alice</username><password>secret</password></query></iq>",
		  ERROR("not-acceptable") },
		{ "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>alice</username><resource>x</resource></query></iq>",
		  ERROR("not-acceptable") },
		{ "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>alice</username><digest>48fc</digest><resource>x</resource>"
		  "</query></iq>", ERROR("not-acceptable") },
		{ "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><password>x</password><resource>x</resource></query></iq>",
		  ERROR("not-acceptable") },
		{ "<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>a@b</username><password>x</password><resource>x</resource>"
		  "</query></iq>", ERROR("not-acceptable") },
		{ "<iq type='set'><query xmlns='jabber:iq:auth'/></iq>", ERROR("bad-request") },
	};
	struct client *c = begin(EXEMPT_NOBODY, "127.0.0.1", 1, 0);

	(void)state;
	client_read(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *text;

		client_send(c, rows[i].request);
		text = client_read(c);
		assert_has(text, rows[i].condition);
		assert_lacks(text, "secret");
	}
	assert_string_equal(world_log(w), "");
	client_send(c, SET("alice", "secret"));
	assert_string_equal(client_read(c), RESULT);
	end(c);
}

static void a_store_that_is_away_is_no_wrong_password(void **state)
{
	struct client *c = begin(EXEMPT_NOBODY, "127.0.0.1", 1, 0);

	(void)state;
	client_read(c);
	w->unavailable = true;
	client_send(c, SET("alice", "secret"));
	assert_has(client_read(c), ERROR("internal-server-error"));
	w->unavailable = false;
	client_send(c, SET("alice", "secret"));
	assert_string_equal(client_read(c), RESULT);
	end(c);
}

static void who_failed_with_sasl_does_not_go_on_here(void **state)
{
	struct client *c = begin(EXEMPT_NOBODY, "127.0.0.1", 1, 0);

	(void)state;
	client_send(c, ALICE_WRONG);
	assert_has(client_read(c), "<not-authorized/>");
	client_send(c, SET("alice", "secret"));
	assert_has(client_read(c), "<policy-violation");
	assert_lacks(world_log(w), "BIND");
	end(c);
}

static void guesses_are_counted_with_those_of_sasl(void **state)
{
	struct client *c = NULL;

	(void)state;
	w = world_new("sess-man/plugins-conf/plain-without-tls=always\nsess-man/limits/sasl-failures-per-account[I]=3\n" EXEMPT_NOBODY, 1);
	for (unsigned i = 0; i < 4; i++) {
		c = client_open(w, CONFIG_COMPONENT_c2s, "203.0.113.7", 0);
		client_send(c, HEAD);
		client_read(c);
		client_send(c, i < 3 ? SET("alice", "wrong") : SET("alice", "secret"));
		assert_has(client_read(c), ERROR("not-authorized"));
		if (i < 3)
			client_free(c);
	}
	end(c);
}

static void a_refused_bind_ends_it(void **state)
{
	struct client *c = begin(EXEMPT_NOBODY, "127.0.0.1", 1, 0);

	(void)state;
	client_read(c);
	w->bind_error = STANZA_ERROR_RESOURCE_CONSTRAINT;
	client_send(c, SET("alice", "secret"));
	assert_has(client_read(c), ERROR("resource-constraint"));
	assert_null(c->conn);
	end(c);
}

/* Its shard may be another worker's; nobody would look for a session to resume where it is. */
static void away_from_its_shard_it_works_without_resumption(void **state)
{
	unsigned managed = 0;

	(void)state;
	for (unsigned edge = 0; edge < 2; edge++) {
		struct client *c = begin(EXEMPT_NOBODY, "127.0.0.1", 2, edge);

		client_read(c);
		client_send(c, SET("alice", "secret"));
		assert_string_equal(client_read(c), RESULT);
		client_send(c, "<message to='bob@localhost'><body>x</body></message>");
		assert_has(world_log(w), "INBOUND from=alice@localhost/globe");
		client_send(c, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
		managed += strstr(client_read(c), "<enabled") != NULL;
		end(c);
	}
	assert_int_equal(managed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_offered_where_plain_is),
		cmocka_unit_test(without_the_plugin_it_is_a_stanza_too_early),
		cmocka_unit_test(a_right_password_binds_the_resource_at_once),
		cmocka_unit_test(wrong_ones_are_refused_alike_and_the_stream_ends),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(a_store_that_is_away_is_no_wrong_password),
		cmocka_unit_test(who_failed_with_sasl_does_not_go_on_here),
		cmocka_unit_test(guesses_are_counted_with_those_of_sasl),
		cmocka_unit_test(a_refused_bind_ends_it),
		cmocka_unit_test(away_from_its_shard_it_works_without_resumption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
