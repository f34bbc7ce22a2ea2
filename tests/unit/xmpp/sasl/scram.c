/* Logins by SCRAM: the right and the wrong, channel binding, what is told of accounts. How messages are read: scram_read.c. */
#include "scram_client.h"

/* RFC 7677 3 */
static void the_example_of_rfc_7677_is_played(void **state)
{
	struct sasl_context context = { .offered = SASL_SCRAM_BITS, .domain = "example.com", .nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" };
	uint8_t given[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { 0 };
	struct buf out = BUF_INIT, salt = BUF_INIT;
	struct credential keys;
	struct sasl_exchange x;

	(void)state;
	assert_true(sasl_decode(S("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt));
	memcpy(given[CREDENTIAL_SHA256], buf_span(&salt).p, CREDENTIAL_SALT);
	credential_derive(&keys, S("pencil"), 4096, (const uint8_t(*)[CREDENTIAL_SALT])given);
	assert_int_equal(sasl_start(&x, SASL_SCRAM_SHA_256, &context, S("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), &out), SASL_CREDENTIAL);
	assert_string_equal(x.user->text, "user@example.com");
	assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
	assert_true(span_is(buf_span(&out),
			    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
	buf_clear(&out);
	assert_int_equal(sasl_respond(&x, S("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
					    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), &out), SASL_SUCCESS);
	assert_true(span_is(buf_span(&out), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
	sasl_free(&x);
	buf_fini(&out);
	buf_fini(&salt);
}

static const struct {
	enum sasl_name name;
	const char *header;
	enum sasl_binding binding;
} ways[] = {
	{ SASL_SCRAM_SHA_1, "n,,", SASL_BINDING_NONE },
	{ SASL_SCRAM_SHA_256, "n,,", SASL_BINDING_NONE },
	{ SASL_SCRAM_SHA_512, "n,,", SASL_BINDING_NONE },
	{ SASL_SCRAM_SHA_512_PLUS, "p=tls-exporter,,", SASL_BINDING_EXPORTER },
	{ SASL_SCRAM_SHA_512_PLUS, "p=tls-server-end-point,,", SASL_BINDING_END_POINT },
	{ SASL_SCRAM_SHA_1_PLUS, "p=tls-exporter,,", SASL_BINDING_EXPORTER },
	{ SASL_SCRAM_SHA_1_PLUS, "p=tls-server-end-point,,", SASL_BINDING_END_POINT },
	{ SASL_SCRAM_SHA_256_PLUS, "p=tls-exporter,,", SASL_BINDING_EXPORTER },
	{ SASL_SCRAM_SHA_256_PLUS, "p=tls-server-end-point,,", SASL_BINDING_END_POINT },
	{ SASL_SCRAM_SHA_256_PLUS, "p=tls-exporter,a=alice@example.com,", SASL_BINDING_EXPORTER },
	{ SASL_SCRAM_SHA_256, "n,a=alice@example.com,", SASL_BINDING_NONE },
};

static void the_right_password_logs_in_every_way(void **state)
{
	struct sasl_context context = with_binding();

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(ways); i++) {
		typeof(&ways[0]) way = &ways[i / 2];
		struct client c = { .name = way->name, .header = way->header, .user = "Alice", .password = "pencil",
				    .binding = context.binding[way->binding] };
		struct sasl_exchange x;

		context.tells_offer = i % 2;
		assert_int_equal(play(&c, &context, "pencil", "", &x), SASL_SUCCESS);
		assert_string_equal(x.user->text, "alice@example.com");
		sasl_free(&x);
		client_fini(&c);
	}
}

/* The examples of XEP-0474 4.3, and lists in the order of bytes, not of preference. */
static void the_offer_is_told_under_the_proof(void **state)
{
	static const struct {
		uint32_t offered;
		enum sasl_name name;
		const char *text;
	} rows[] = {
		{ SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS), SASL_SCRAM_SHA_1,
		  "SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter\x1etls-server-end-point" },
		{ SASL_BIT(SASL_SCRAM_SHA_1), SASL_SCRAM_SHA_1, "SCRAM-SHA-1" }, /* nothing binds: no binding was shown */
		{ SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_ANONYMOUS), SASL_SCRAM_SHA_512,
		  "ANONYMOUS\x1ePLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-256\x1eSCRAM-SHA-512" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sasl_context context = with_binding();
		struct buf out = BUF_INIT, want = BUF_INIT, message = BUF_INIT;
		struct credential keys;
		struct sasl_exchange x;
		uint8_t digest[64];
		unsigned n = 0;

		context.offered = rows[i].offered;
		context.tells_offer = true;
		sasl_offer_text(&context, &out);
		assert_true(span_is(buf_span(&out), rows[i].text));
		buf_clear(&out);
		assert_int_equal(EVP_Digest(rows[i].text, strlen(rows[i].text), digest, &n, digest_of(rows[i].name), NULL), 1);
		buf_add_text(&want, ",h=");
		sasl_encode((struct span){ (char *)digest, n }, &want);
		if (i == 0)
			assert_true(span_is(buf_span(&want), ",h=G6k/rBLDqgOhRRaCuuatSDFkJ08="));
		credential_derive(&keys, S("pencil"), ROUNDS, salts);
		assert_int_equal(sasl_start(&x, rows[i].name, &context, S("n,,n=alice,r=clientnonce"), &message), SASL_CREDENTIAL);
		assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
		assert_true(buf_len(&out) > buf_len(&want));
		assert_memory_equal(buf_span(&out).p + buf_len(&out) - buf_len(&want), buf_span(&want).p, buf_len(&want));
		sasl_free(&x);
		buf_fini(&out);
		buf_fini(&want);
	}
}

/* Somebody shortens the offer and writes the hash of what is left into the challenge: the client's proof, over what it got,
 * is not the one over what we sent. */
static void a_changed_hash_of_the_offer_spoils_the_proof(void **state)
{
	struct client c = { .name = SASL_SCRAM_SHA_1, .header = "n,,", .user = "alice", .password = "pencil" };
	struct sasl_context context = with_binding();
	struct buf out = BUF_INIT;
	struct credential keys;
	struct sasl_exchange x;

	(void)state;
	context.tells_offer = true;
	credential_derive(&keys, S("pencil"), ROUNDS, salts);
	assert_int_equal(sasl_start(&x, c.name, &context, S("n,,n=alice,r=clientnonce"), &out), SASL_CREDENTIAL);
	assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
	buf_add(&out, "", 1);
	out.base[out.end - 4] ^= 1; /* in front of "=" and NUL */
	make_final(&c, (struct span){ out.base + out.start, buf_len(&out) - 1 }, "");
	buf_clear(&out);
	expect_failure(&x, sasl_respond(&x, buf_span(&c.final), &out), SASL_FAIL_NOT_AUTHORIZED, "hash");
	sasl_free(&x);
	buf_fini(&out);
	client_fini(&c);
}

static void a_wrong_password_fails_at_the_end(void **state)
{
	struct sasl_context context = with_binding();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct client c = { .name = ways[i].name, .header = ways[i].header, .user = "alice", .password = "pencil",
				    .binding = context.binding[ways[i].binding] };
		struct sasl_exchange x;
		enum sasl_step step = play(&c, &context, "Pencil", "", &x);

		expect_failure(&x, step, SASL_FAIL_NOT_AUTHORIZED, ways[i].header);
		sasl_free(&x);
		client_fini(&c);
	}
}

/* The data of another connection (somebody in the middle), or none at all. */
static void binding_data_of_another_connection_is_refused(void **state)
{
	struct sasl_context context = with_binding();
	const struct span others[] = { SPAN_NONE, S("exporter \0 datb"), S("exporter \0 dat"), S("exporter \0 data "), S("exporter "),
				       context.binding[SASL_BINDING_END_POINT] };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct client c = { .name = SASL_SCRAM_SHA_256_PLUS, .header = "p=tls-exporter,,", .user = "alice", .password = "pencil",
				    .binding = others[i] };
		struct sasl_exchange x;
		enum sasl_step step = play(&c, &context, "pencil", "", &x);

		expect_failure(&x, step, SASL_FAIL_NOT_AUTHORIZED, "another connection");
		sasl_free(&x);
		client_fini(&c);
	}
}

/* RFC 5802 6 */
static void the_channel_binding_flag_is_obeyed(void **state)
{
	static const struct {
		const char *flag;
		enum sasl_name name;
		bool plus_offered;
		int failure; /* -1 = goes on */
	} rows[] = {
		{ "n", SASL_SCRAM_SHA_1, false, -1 },
		{ "n", SASL_SCRAM_SHA_1, true, -1 },
		{ "y", SASL_SCRAM_SHA_1, false, -1 },
		{ "y", SASL_SCRAM_SHA_1, true, SASL_FAIL_NOT_AUTHORIZED }, /* somebody hid our offer */
		{ "p=tls-exporter", SASL_SCRAM_SHA_1, true, SASL_FAIL_MALFORMED_REQUEST },
		{ "n", SASL_SCRAM_SHA_1_PLUS, true, SASL_FAIL_MALFORMED_REQUEST },
		{ "y", SASL_SCRAM_SHA_1_PLUS, true, SASL_FAIL_MALFORMED_REQUEST },
		{ "p=tls-exporter", SASL_SCRAM_SHA_256_PLUS, true, -1 },
		{ "p=tls-server-end-point", SASL_SCRAM_SHA_256_PLUS, true, -1 },
		{ "p=tls-unique", SASL_SCRAM_SHA_256_PLUS, true, SASL_FAIL_NOT_AUTHORIZED },
		{ "p=", SASL_SCRAM_SHA_256_PLUS, true, SASL_FAIL_NOT_AUTHORIZED },
		{ "p", SASL_SCRAM_SHA_256_PLUS, true, SASL_FAIL_MALFORMED_REQUEST },
		{ "N", SASL_SCRAM_SHA_1, false, SASL_FAIL_MALFORMED_REQUEST },
		{ "nn", SASL_SCRAM_SHA_1, false, SASL_FAIL_MALFORMED_REQUEST },
		{ "y=", SASL_SCRAM_SHA_1, false, SASL_FAIL_MALFORMED_REQUEST },
		{ "", SASL_SCRAM_SHA_1, false, SASL_FAIL_MALFORMED_REQUEST },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sasl_context context = rows[i].plus_offered ? with_binding() : no_binding();
		struct buf first = BUF_INIT, out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step;

		buf_addf(&first, "%s,,n=alice,r=nonce", rows[i].flag);
		step = sasl_start(&x, rows[i].name, &context, buf_span(&first), &out);
		if (rows[i].failure < 0)
			assert_int_equal(step, SASL_CREDENTIAL);
		else
			expect_failure(&x, step, (enum sasl_failure)rows[i].failure, rows[i].flag);
		sasl_free(&x);
		buf_fini(&first);
	}
}

/* A connection without exporter (TLS 1.2) offers the end point alone. */
static void a_binding_this_connection_lacks_is_refused(void **state)
{
	struct sasl_context context = with_binding();
	struct buf out = BUF_INIT;
	struct sasl_exchange x;

	(void)state;
	context.binding[SASL_BINDING_EXPORTER] = SPAN_NONE;
	expect_failure(&x, sasl_start(&x, SASL_SCRAM_SHA_1_PLUS, &context, S("p=tls-exporter,,n=alice,r=n"), &out),
		       SASL_FAIL_NOT_AUTHORIZED, "exporter");
	sasl_free(&x);
	assert_int_equal(sasl_start(&x, SASL_SCRAM_SHA_1_PLUS, &context, S("p=tls-server-end-point,,n=alice,r=n"), &out), SASL_CREDENTIAL);
	sasl_free(&x);
}

/* Up to the very end nothing differs in form: same lengths, same rounds, the same salt at every try. */
static void an_unknown_user_looks_like_a_known_one(void **state)
{
	const uint8_t secret[32] = "an installation's secret 012345";
	struct sasl_context context = no_binding();
	char *texts[3];

	(void)state;
	for (int i = 0; i < 3; i++) { /* known, unknown, unknown again */
		struct client c = { .name = SASL_SCRAM_SHA_256, .header = "n,,", .user = "alice", .password = "pencil" };
		struct buf out = BUF_INIT;
		struct credential keys;
		struct sasl_exchange x;

		if (i == 0)
			credential_derive(&keys, S("another"), ROUNDS, salts);
		else
			credential_fake(&keys, S("alice@example.com"), secret, ROUNDS);
		make_first(&c);
		assert_int_equal(sasl_start(&x, c.name, &context, buf_span(&c.first), &out), SASL_CREDENTIAL);
		assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
		texts[i] = buf_take_text(&out);
		make_final(&c, span_of(texts[i]), "");
		expect_failure(&x, sasl_respond(&x, buf_span(&c.final), &out), SASL_FAIL_NOT_AUTHORIZED, "fake");
		sasl_free(&x);
		client_fini(&c);
	}
	assert_int_equal(strlen(texts[0]), strlen(texts[1]));
	assert_string_equal(texts[1], texts[2]);
	assert_string_equal(strstr(texts[0], ",i="), strstr(texts[1], ",i="));
	for (int i = 0; i < 3; i++)
		free(texts[i]);
}

static void an_account_without_keys_of_this_kind_is_refused(void **state)
{
	struct sasl_context context = no_binding();
	struct credential keys;
	struct sasl_exchange x;
	struct buf out = BUF_INIT;

	(void)state;
	credential_derive(&keys, S("pencil"), ROUNDS, salts);
	memset(&keys.keys[CREDENTIAL_SHA256], 0, sizeof(keys.keys[0]));
	assert_int_equal(sasl_start(&x, SASL_SCRAM_SHA_256, &context, S("n,,n=alice,r=x"), &out), SASL_CREDENTIAL);
	expect_failure(&x, sasl_give_credential(&x, &keys, &out), SASL_FAIL_NOT_AUTHORIZED, "no keys");
	sasl_free(&x);
}

static void after_success_nothing_more_is_taken(void **state)
{
	struct client c = { .name = SASL_SCRAM_SHA_1, .header = "n,,", .user = "alice", .password = "pencil" };
	struct sasl_context context = no_binding();
	struct buf out = BUF_INIT;
	struct sasl_exchange x;

	(void)state;
	assert_int_equal(play(&c, &context, "pencil", "", &x), SASL_SUCCESS);
	expect_failure(&x, sasl_respond(&x, buf_span(&c.final), &out), SASL_FAIL_MALFORMED_REQUEST, "replay");
	sasl_free(&x);
	client_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_7677_is_played),
		cmocka_unit_test(the_right_password_logs_in_every_way),
		cmocka_unit_test(the_offer_is_told_under_the_proof),
		cmocka_unit_test(a_changed_hash_of_the_offer_spoils_the_proof),
		cmocka_unit_test(a_wrong_password_fails_at_the_end),
		cmocka_unit_test(binding_data_of_another_connection_is_refused),
		cmocka_unit_test(the_channel_binding_flag_is_obeyed),
		cmocka_unit_test(a_binding_this_connection_lacks_is_refused),
		cmocka_unit_test(an_unknown_user_looks_like_a_known_one),
		cmocka_unit_test(an_account_without_keys_of_this_kind_is_refused),
		cmocka_unit_test(after_success_nothing_more_is_taken),
	};

	return RUN(tests);
}
