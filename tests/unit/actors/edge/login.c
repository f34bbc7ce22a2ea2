/* SASL on a stream: every mechanism, every kind of account, what is refused and with which words, throttles. */
#include "world.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "actors/edge/visitor_cookie.h"
#include "runtime/actor/engine.h"
#include "xmpp/sasl/sasl.h"

#define DESK \
	"sess-man/desk/seats[s]=seat*@localhost,alice@localhost\nsess-man/desk/robots[s]=robot*@localhost\n" \
	"sess-man/desk/visitors[s]=guest*@localhost\n"
#define DESK_ON "--virt-hosts=localhost,seats.localhost\nsess-man/desk/seats[s]=seat@seats.localhost\n"
#define AUTH "<auth xmlns='" SASL "' mechanism='%s'>%s</auth>"
#define FAILURE(name) "<failure xmlns='" SASL "'><" name "/></failure>"

static struct world *w;

static int start(const char *lines)
{
	w = world_new(lines, 1);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(EXEMPT_NOBODY);
}

static int setup_desk(void **state)
{
	(void)state;
	return start(DESK EXEMPT_NOBODY);
}

/* Visitors are all names, seats too few to be in the way. */
static int setup_wide(void **state)
{
	(void)state;
	start("sess-man/desk/visitors[s]=*@localhost\n" DESK_ON EXEMPT_NOBODY);
	w->server.desk_on = true;
	return 0;
}

static int setup_cookie(void **state)
{
	(void)state;
	return start(DESK "sess-man/desk/seat-auth=cookie\n");
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static struct client *opened(const char *address)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, address, 0);

	client_send(c, HEAD);
	client_read(c);
	return c;
}

static void encoded(const void *bytes, size_t n, char out[1024])
{
	struct buf text = BUF_INIT;
	char *taken;

	sasl_encode((struct span){ bytes, n }, &text);
	taken = buf_take_text(&text);
	snprintf(out, 1024, "%s", taken);
	free(taken);
}

static void send_plain(struct client *c, const char *user, const char *password)
{
	char raw[256], text[1024], auth[1400];
	int n = snprintf(raw, sizeof(raw), "%c%s%c%s", 0, user, 0, password);

	encoded(raw, (size_t)n, text);
	snprintf(auth, sizeof(auth), AUTH, "PLAIN", text);
	client_send(c, auth);
}

static void plain_of(const char *user, const char *password, const char *address, const char *expected)
{
	struct client *c = opened(address);

	send_plain(c, user, password);
	assert_has(client_read(c), expected);
	client_free(c);
}

/* --- SCRAM, the client's side --- */

static void scram(struct client *c, const EVP_MD *md, const char *mechanism, const char *user, const char *password,
		  const char *expected)
{
	char first[256], text[1024], message[2048], server[1024], final[512], auth[1200];
	unsigned char salted[64], client_key[64], stored[64], signature[64], salt[128];
	const char *challenge, *nonce_end;
	struct buf decoded = BUF_INIT, salt_bytes = BUF_INIT;
	unsigned n = 0;
	int bytes = EVP_MD_get_size(md), iterations;
	char proof[1024], *server_text;

	snprintf(first, sizeof(first), "n=%s,r=clientnonce", user);
	snprintf(message, sizeof(message), "n,,%s", first);
	encoded(message, strlen(message), text);
	snprintf(auth, sizeof(auth), AUTH, mechanism, text);
	client_send(c, auth);
	challenge = between(client_read(c), "<challenge xmlns='" SASL "'>", "</challenge>");
	assert_true(sasl_decode(span_of(challenge), &decoded));
	server_text = buf_take_text(&decoded);
	snprintf(server, sizeof(server), "%s", server_text);
	free(server_text);
	assert_memory_equal(server, "r=clientnonce", 13);
	nonce_end = strstr(server, ",s=");
	assert_non_null(nonce_end);
	assert_true(sasl_decode(span_of(between(server, ",s=", ",")), &salt_bytes));
	memcpy(salt, buf_span(&salt_bytes).p, buf_len(&salt_bytes));
	iterations = atoi(strstr(server, ",i=") + 3);
	assert_true(iterations >= 4096);
	PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)buf_len(&salt_bytes), iterations, md, bytes, salted);
	buf_fini(&salt_bytes);
	HMAC(md, salted, bytes, (const unsigned char *)"Client Key", 10, client_key, &n);
	EVP_Digest(client_key, (size_t)bytes, stored, &n, md, NULL);
	snprintf(final, sizeof(final), "c=biws,%.*s", (int)(nonce_end - server), server);
	snprintf(message, sizeof(message), "%s,%s,%s", first, server, final);
	HMAC(md, stored, bytes, (const unsigned char *)message, strlen(message), signature, &n);
	for (int i = 0; i < bytes; i++)
		client_key[i] ^= signature[i];
	encoded(client_key, (size_t)bytes, proof);
	snprintf(message, sizeof(message), "%s,p=%s", final, proof);
	encoded(message, strlen(message), text);
	snprintf(auth, sizeof(auth), "<response xmlns='" SASL "'>%s</response>", text);
	client_send(c, auth);
	assert_has(client_read(c), expected);
}

static void scram_with_each_hash_logs_in(void **state)
{
	struct client *a = opened("203.0.113.1"), *b = opened("203.0.113.1"), *c = opened("203.0.113.1");

	(void)state;
	scram(a, EVP_sha256(), "SCRAM-SHA-256", "alice", "secret", "<success xmlns='" SASL "'>dj");
	scram(b, EVP_sha1(), "SCRAM-SHA-1", "alice", "secret", "<success xmlns='" SASL "'>dj");
	scram(c, EVP_sha512(), "SCRAM-SHA-512", "alice", "secret", "<success xmlns='" SASL "'>dj");
	client_free(c);
	client_send(a, HEAD BIND_IQ);
	assert_has(client_read(a), "<jid>alice@localhost/made-up</jid>");
	client_free(a);
	client_free(b);
}

static void scram_refuses_wrong_and_unknown_alike(void **state)
{
	struct client *a = opened("203.0.113.1"), *b = opened("203.0.113.1");

	(void)state;
	scram(a, EVP_sha256(), "SCRAM-SHA-256", "alice", "wrong", FAILURE("not-authorized"));
	scram(b, EVP_sha256(), "SCRAM-SHA-256", "nobody", "secret", FAILURE("not-authorized"));
	assert_string_equal(world_log(w), "AUTH op=0 alice@localhost\nAUTH op=0 nobody@localhost\n");
	client_free(a);
	client_free(b);
}

static void scram_cannot_succeed_for_accounts_without_stored_keys(void **state)
{
	struct client *a = opened("203.0.113.1"), *b = opened("203.0.113.1"), *c = opened("203.0.113.1");

	(void)state;
	scram(a, EVP_sha256(), "SCRAM-SHA-256", "guest1", "secret", FAILURE("not-authorized"));
	scram(b, EVP_sha1(), "SCRAM-SHA-1", "seat1", "secret", FAILURE("not-authorized"));
	scram(c, EVP_sha1(), "SCRAM-SHA-1", "v-aaaaaaaaaaaaaaaaaaaa", "secret", FAILURE("not-authorized"));
	assert_string_equal(world_log(w), "AUTH op=0 guest1@localhost\n"); /* an account might have the name */
	client_free(a);
	client_free(b);
	client_free(c);
}

/* --- PLAIN and the kinds of accounts --- */

static void plain_without_tls_is_for_loopback(void **state)
{
	(void)state;
	plain_of("alice", "secret", "127.0.0.1", "<success");
	plain_of("alice", "secret", "::1", "<success");
	plain_of("alice", "secret", "203.0.113.1", FAILURE("encryption-required"));
}

static void wrong_password_and_unknown_user_look_the_same(void **state)
{
	(void)state;
	plain_of("alice", "wrong", "127.0.0.1", FAILURE("not-authorized"));
	plain_of("nobody", "secret", "127.0.0.1", FAILURE("not-authorized"));
	assert_string_equal(world_log(w), "AUTH op=1 alice@localhost\nAUTH op=1 nobody@localhost\n");
}

static void a_named_visitor_needs_no_password_and_no_tls(void **state)
{
	(void)state;
	plain_of("guest7", "anything", "203.0.113.1", "<success");
	plain_of("alice", "secret", "203.0.113.1", FAILURE("encryption-required"));
	assert_string_equal(world_log(w), "AUTH op=3 guest7@localhost\n");
}

/* Where nobody may use PLAIN in the clear nobody is invited to: a client that takes it has said its password. */
static void plain_is_offered_in_the_clear_only_where_named_visitors_are(void **state)
{
	static const struct {
		const char *domain, *address;
		bool offered;
	} rows[] = {
		{ "localhost", "203.0.113.1", true },
		{ "seats.localhost", "203.0.113.1", false },
		{ "seats.localhost", "127.0.0.1", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_open(w, CONFIG_COMPONENT_c2s, rows[i].address, 0);
		char head[300];
		const char *text;

		snprintf(head, sizeof(head), "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
					     "to='%s' version='1.0'>", rows[i].domain);
		client_send(c, head);
		text = client_read(c);
		assert_has(text, "<mechanism>SCRAM-SHA-1</mechanism>");
		if (rows[i].offered)
			assert_has(text, "<mechanism>PLAIN</mechanism>");
		else
			assert_lacks(text, "<mechanism>PLAIN</mechanism>");
		client_free(c);
	}
}

static int setup_lists(void **state)
{
	(void)state;
	return start("--virt-hosts=localhost,short.example:sasl-mechanisms=PLAIN;scram-sha-1\n"
		     "sess-man/plugins-conf/enabled-mechanisms=SCRAM-SHA-1,EXTERNAL,SCRAM-SHA-512,ANONYMOUS\n");
}

static void a_list_says_what_is_offered_and_in_which_order(void **state)
{
	static const struct {
		const char *domain, *expected;
	} rows[] = {
		{ "localhost", "<mechanisms xmlns='" SASL "'><mechanism>SCRAM-SHA-1</mechanism><mechanism>SCRAM-SHA-512</mechanism>"
			       "<mechanism>ANONYMOUS</mechanism></mechanisms>" },
		{ "short.example", "<mechanisms xmlns='" SASL "'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-1</mechanism>"
				   "</mechanisms>" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
		char head[300];

		snprintf(head, sizeof(head), "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
					     "to='%s' version='1.0'>", rows[i].domain);
		client_send(c, head);
		assert_has(client_read(c), rows[i].expected);
		client_send(c, "<auth xmlns='" SASL "' mechanism='SCRAM-SHA-256'>biwsbj1hbGljZSxyPXg=</auth>");
		assert_has(client_read(c), FAILURE("invalid-mechanism"));
		client_free(c);
	}
}

/* A pattern of visitors that is too wide must not open the accounts it covers. */
static void an_account_never_logs_in_without_its_password(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	plain_of("alice", "anything", "127.0.0.1", FAILURE("not-authorized"));
	plain_of("alice", "secret", "127.0.0.1", "<success");
	plain_of("alice", "secret", "203.0.113.1", FAILURE("not-authorized")); /* not in the clear */
	plain_of("guest7", "anything", "203.0.113.1", "<success");
	scram(c, EVP_sha256(), "SCRAM-SHA-256", "alice", "secret", "<success");
	client_free(c);
	c = opened("127.0.0.1");
	scram(c, EVP_sha256(), "SCRAM-SHA-256", "alice", "anything", FAILURE("not-authorized"));
	client_free(c);
	w->unavailable = true;
	plain_of("guest7", "anything", "127.0.0.1", FAILURE("temporary-auth-failure"));
}

static void nobody_logs_in_as_the_desk(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	w->silent = true;
	send_plain(c, "desk", "x");
	assert_has(world_log(w), "AUTH op=1 desk@localhost\n");
	world_answer_auth(w, AUTH_OK);
	assert_has(client_read(c), FAILURE("not-authorized"));
	client_free(c);
}

static void nobody_logs_in_as_an_anonymous_visitor(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	w->silent = true;
	send_plain(c, "v-aaaaaaaaaaaaaaaaaaaa", "x");
	assert_has(world_log(w), "AUTH op=1 v-aaaaaaaaaaaaaaaaaaaa@localhost\n"); /* asked, for equal timing */
	world_answer_auth(w, AUTH_OK);
	assert_has(client_read(c), FAILURE("not-authorized"));
	client_free(c);
}

static void classes_reach_the_shard(void **state)
{
	static const struct {
		const char *user, *expected;
	} rows[] = {
		{ "guest1", "BIND guest1@localhost resource=- class=1 transport=0 anonymous=0" },
		{ "alice", "BIND alice@localhost resource=- class=2" },
		{ "robot1", "BIND robot1@localhost resource=- class=3" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = opened("127.0.0.1");

		send_plain(c, rows[i].user, "secret");
		client_send(c, HEAD BIND_IQ);
		assert_has(client_read(c), "<jid>");
		assert_has(world_log(w), rows[i].expected);
		client_free(c);
	}
}

/* --- seat cookies --- */

static void a_seat_is_asked_of_the_cookie_cache(void **state)
{
	(void)state;
	plain_of("alice", "secret", "127.0.0.1", "<success");
	plain_of("alice", "wrong", "127.0.0.1", FAILURE("not-authorized"));
	plain_of("robot1", "secret", "127.0.0.1", "<success");
	assert_string_equal(world_log(w), "COOKIE op=2 alice@localhost\nCOOKIE op=2 alice@localhost\nAUTH op=1 robot1@localhost\n");
}

static void an_absent_cache_is_a_temporary_failure(void **state)
{
	(void)state;
	w->unavailable = true;
	plain_of("alice", "secret", "127.0.0.1", FAILURE("temporary-auth-failure"));
}

static void a_cache_that_never_answers_is_one_within_two_seconds(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	w->silent = true;
	send_plain(c, "alice", "secret");
	world_pass(w, 1900);
	assert_string_equal(client_read(c), "");
	world_pass(w, 200);
	assert_has(client_read(c), FAILURE("temporary-auth-failure"));

	/* The late answer must not reach the next attempt. */
	client_send(c, ANONYMOUS_AUTH);
	world_answer_auth(w, AUTH_OK);
	client_send(c, HEAD BIND_IQ);
	assert_has(client_read(c), "<jid>v-");
	client_free(c);
}

static void input_waits_for_the_answer(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	w->silent = true;
	send_plain(c, "alice", "secret");
	client_send(c, HEAD BIND_IQ);
	assert_string_equal(client_read(c), "");
	world_answer_auth(w, AUTH_OK);
	assert_has(client_read(c), "<jid>alice@localhost/");
	client_free(c);
}

/* --- refusals --- */

static void each_mistake_has_its_word(void **state)
{
	static const struct {
		const char *mechanism, *text, *expected;
	} rows[] = {
		{ "PLAIN", "!!!", FAILURE("incorrect-encoding") },
		{ "PLAIN", "YWxpY2U=", FAILURE("malformed-request") },                         /* alice */
		{ "PLAIN", "=", FAILURE("malformed-request") },
		{ "PLAIN", "AAA=", FAILURE("malformed-request") },                             /* two NULs */
		{ "PLAIN", "Ym9iQGxvY2FsaG9zdABhbGljZQBzZWNyZXQ=", FAILURE("invalid-authzid") }, /* bob@localhost alice */
		{ "DIGEST-MD5", "", FAILURE("invalid-mechanism") },
		{ "plain", "", FAILURE("invalid-mechanism") },
		{ "SCRAM-SHA-256-PLUS", "biws", FAILURE("invalid-mechanism") },
		{ "SCRAM-SHA-1", "biwsbj1hPTJDPTNEYj00LHI9eA==", FAILURE("malformed-request") }, /* n,,n=a=2C=3Db=4,r=x */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = opened("127.0.0.1");
		char auth[512];

		snprintf(auth, sizeof(auth), AUTH, rows[i].mechanism, rows[i].text);
		client_send(c, auth);
		assert_has(client_read(c), rows[i].expected);
		client_send(c, "<response xmlns='" SASL "'/>");
		assert_has(client_read(c), FAILURE("malformed-request"));
		client_send(c, "<abort xmlns='" SASL "'/>");
		assert_has(client_read(c), FAILURE("aborted"));
		client_free(c);
	}
}

static void an_exchange_can_be_aborted_and_tried_again(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	client_send(c, "<auth xmlns='" SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPXg=</auth>"); /* n,,n=alice,r=x */
	assert_has(client_read(c), "<challenge");
	client_send(c, "<abort xmlns='" SASL "'/>");
	assert_has(client_read(c), FAILURE("aborted"));
	client_send(c, "<auth xmlns='" SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPXg=</auth>");
	assert_has(client_read(c), "<challenge");
	client_send(c, ANONYMOUS_AUTH);
	assert_has(client_read(c), FAILURE("malformed-request"));
	client_free(c);
}

/* As slixmpp does on TLS 1.3: a name it cannot log in with for each SCRAM, then PLAIN. A second round counts. */
static void refusals_before_a_name_is_known_count_once_for_each_mechanism(void **state)
{
	static const char *const names[] = { "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1" };
	struct client *c = opened("127.0.0.1");
	char auth[256];

	(void)state;
	for (int i = 0; i < 8; i++) { /* three are free, the fifth that counts ends it */
		snprintf(auth, sizeof(auth), AUTH, names[i % 3], "biwsbj0scj14"); /* n,,n=,r=x */
		client_send(c, auth);
		if (i < 7)
			assert_lacks(client_read(c), "stream:error");
	}
	assert_has(client_read(c), FAILURE("not-authorized") "<stream:error><policy-violation");
	client_free(c);
}

static void the_fifth_failure_ends_the_stream(void **state)
{
	struct client *c = opened("127.0.0.1");

	(void)state;
	for (int i = 0; i < 4; i++) {
		client_send(c, ALICE_WRONG);
		assert_lacks(client_read(c), "stream:error");
	}
	client_send(c, ALICE_WRONG);
	assert_has(client_read(c), FAILURE("not-authorized") "<stream:error><policy-violation");
	client_free(c);
}

static void an_address_that_fails_too_often_must_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		plain_of("alice", "wrong", "127.0.0.1", FAILURE("not-authorized"));
	world_log(w);
	plain_of("alice", "secret", "127.0.0.1", FAILURE("not-authorized") "<stream:error><policy-violation");
	assert_string_equal(world_log(w), "");

	plain_of("robot1", "secret", "127.0.0.1", "<success"); /* another account */
	plain_of("alice", "secret", "127.0.0.2", "<success");  /* another address: the account is not locked */
	world_pass(w, 901 * 1000);
	plain_of("alice", "secret", "127.0.0.1", "<success");
}

static void anonymous_sessions_of_one_address_are_limited(void **state)
{
	struct client *all[33];

	(void)state;
	for (int i = 0; i < 33; i++) {
		all[i] = opened("203.0.113.9");
		client_send(all[i], ANONYMOUS_AUTH);
		if (i < 32)
			assert_has(client_read(all[i]), "<success");
	}
	assert_has(client_read(all[32]), FAILURE("temporary-auth-failure"));
	client_drop(all[0], CONN_END_RESET);
	client_send(all[32], ANONYMOUS_AUTH);
	assert_has(client_read(all[32]), "<success");
	for (int i = 0; i < 33; i++)
		client_free(all[i]);
}

int main(void)
{
#define WITH(name, start_it) cmocka_unit_test_setup_teardown(name, start_it, teardown)
	const struct CMUnitTest tests[] = {
		WITH(scram_with_each_hash_logs_in, setup),
		WITH(a_list_says_what_is_offered_and_in_which_order, setup_lists),
		WITH(scram_refuses_wrong_and_unknown_alike, setup),
		WITH(scram_cannot_succeed_for_accounts_without_stored_keys, setup_cookie),
		WITH(plain_without_tls_is_for_loopback, setup),
		WITH(wrong_password_and_unknown_user_look_the_same, setup),
		WITH(a_named_visitor_needs_no_password_and_no_tls, setup_desk),
		WITH(plain_is_offered_in_the_clear_only_where_named_visitors_are, setup_wide),
		WITH(an_account_never_logs_in_without_its_password, setup_wide),
		WITH(nobody_logs_in_as_the_desk, setup_wide),
		WITH(nobody_logs_in_as_an_anonymous_visitor, setup_desk),
		WITH(classes_reach_the_shard, setup_desk),
		WITH(a_seat_is_asked_of_the_cookie_cache, setup_cookie),
		WITH(an_absent_cache_is_a_temporary_failure, setup_cookie),
		WITH(a_cache_that_never_answers_is_one_within_two_seconds, setup_cookie),
		WITH(input_waits_for_the_answer, setup),
		WITH(each_mistake_has_its_word, setup),
		WITH(an_exchange_can_be_aborted_and_tried_again, setup),
		WITH(refusals_before_a_name_is_known_count_once_for_each_mechanism, setup),
		WITH(the_fifth_failure_ends_the_stream, setup),
		WITH(an_address_that_fails_too_often_must_wait, setup),
		WITH(anonymous_sessions_of_one_address_are_limited, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
