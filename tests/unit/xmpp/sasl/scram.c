/* SCRAM against a client written from RFC 5802 with OpenSSL alone. */
#include "tests/support/check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "xmpp/sasl/sasl.h"

#define S(text) SPAN_LIT(text)
#define ROUNDS 16u

static const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { "sixteen bytes 1", "sixteen bytes 2", "sixteen bytes 3" };

static struct sasl_context no_binding(void)
{
	return (struct sasl_context){ .offered = SASL_SCRAM_BITS, .domain = "example.com", .nonce = "0123456789abcdef0123456789abcdef" };
}

static struct sasl_context with_binding(void)
{
	struct sasl_context c = no_binding();

	c.offered |= SASL_PLUS_BITS;
	c.binding[SASL_BINDING_EXPORTER] = S("exporter \0 data");
	c.binding[SASL_BINDING_END_POINT] = S("end point data");
	return c;
}

static const EVP_MD *digest_of(enum sasl_name name)
{
	switch (name) {
	case SASL_SCRAM_SHA_1:
	case SASL_SCRAM_SHA_1_PLUS: return EVP_sha1();
	case SASL_SCRAM_SHA_256:
	case SASL_SCRAM_SHA_256_PLUS: return EVP_sha256();
	default: return EVP_sha512();
	}
}

/* --- the client --- */

struct client {
	enum sasl_name name;
	const char *header, *user, *password;
	struct span binding;
	struct buf first, final, want; /* want: "v=…", what the server must answer */
};

static void hmac(const EVP_MD *md, const uint8_t *key, int n, const void *text, size_t text_n, uint8_t *out)
{
	assert_non_null(HMAC(md, key, n, text, text_n, out, NULL));
}

static void make_first(struct client *c)
{
	buf_addf(&c->first, "%sn=%s,r=clientnonce", c->header, c->user);
}

/* From the server's first message; `extra` goes in front of the proof. */
static void make_final(struct client *c, struct span server_first, const char *extra)
{
	const EVP_MD *md = digest_of(c->name);
	int n = EVP_MD_size(md);
	uint8_t salted[64], client_key[64], stored[64], server_key[64], signature[64], proof[64];
	struct buf salt = BUF_INIT, bound = BUF_INIT, message = BUF_INIT;
	const char *text = server_first.p, *s = strstr(text, ",s="), *i = strstr(text, ",i=");

	assert_true(s && i && s < i);
	assert_true(sasl_decode((struct span){ s + 3, (size_t)(i - s - 3) }, &salt));
	assert_int_equal(PKCS5_PBKDF2_HMAC(c->password, (int)strlen(c->password), (const unsigned char *)buf_span(&salt).p,
					   (int)buf_len(&salt), atoi(i + 3), md, n, salted), 1);
	hmac(md, salted, n, "Client Key", 10, client_key);
	hmac(md, salted, n, "Server Key", 10, server_key);
	assert_int_equal(EVP_Digest(client_key, (size_t)n, stored, NULL, md, NULL), 1);

	buf_add_text(&bound, c->header);
	buf_add_span(&bound, c->binding);
	buf_add_text(&c->final, "c=");
	sasl_encode(buf_span(&bound), &c->final);
	buf_addf(&c->final, ",r=%.*s%s", (int)(s - text - 2), text + 2, extra);
	buf_addf(&message, "n=%s,r=clientnonce,%.*s,%.*s", c->user, SPAN_FMT(server_first), SPAN_FMT(buf_span(&c->final)));
	hmac(md, stored, n, buf_span(&message).p, buf_len(&message), signature);
	for (int k = 0; k < n; k++)
		proof[k] = client_key[k] ^ signature[k];
	buf_add_text(&c->final, ",p=");
	sasl_encode((struct span){ (char *)proof, (size_t)n }, &c->final);
	hmac(md, server_key, n, buf_span(&message).p, buf_len(&message), signature);
	buf_add_text(&c->want, "v=");
	sasl_encode((struct span){ (char *)signature, (size_t)n }, &c->want);
	buf_fini(&salt);
	buf_fini(&bound);
	buf_fini(&message);
}

static void client_fini(struct client *c)
{
	buf_fini(&c->first);
	buf_fini(&c->final);
	buf_fini(&c->want);
}

/* A whole exchange of a right client with keys for `password`. Returns the last step. */
static enum sasl_step play(struct client *c, const struct sasl_context *context, const char *password, const char *extra,
			   struct sasl_exchange *x)
{
	struct buf out = BUF_INIT;
	struct credential keys;
	enum sasl_step step;

	make_first(c);
	step = sasl_start(x, c->name, context, buf_span(&c->first), &out);
	if (step != SASL_CREDENTIAL)
		goto done;
	credential_derive(&keys, span_of(password), ROUNDS, salts);
	assert_int_equal(sasl_give_credential(x, &keys, &out), SASL_CHALLENGE);
	buf_add(&out, "", 1);
	make_final(c, (struct span){ out.base + out.start, buf_len(&out) - 1 }, extra);
	buf_clear(&out);
	step = sasl_respond(x, buf_span(&c->final), &out);
	if (step == SASL_SUCCESS)
		assert_true(span_eq(buf_span(&out), buf_span(&c->want)));
	else
		assert_int_equal(buf_len(&out), 0);
done:
	buf_fini(&out);
	return step;
}

static void expect_failure(const struct sasl_exchange *x, enum sasl_step step, enum sasl_failure failure, const char *what)
{
	if (step != SASL_FAILURE || x->failure != failure || !x->over)
		fail_msg("%s: step %d, %s", what, step, sasl_failure_text(x->failure));
}

/* --- tests --- */

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

/* The client says "n" first, and "y" or a binding in the second message. */
static void the_header_of_the_second_message_must_be_that_of_the_first(void **state)
{
	static const char *const headers[] = { "y,,", "p=tls-exporter,,", "n,a=alice@example.com,", "n,", "n,,x", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct client c = { .name = SASL_SCRAM_SHA_256, .header = headers[i], .user = "alice", .password = "pencil" };
		struct sasl_context context = no_binding();
		struct buf out = BUF_INIT;
		struct credential keys;
		struct sasl_exchange x;

		credential_derive(&keys, S("pencil"), ROUNDS, salts);
		assert_int_equal(sasl_start(&x, c.name, &context, S("n,,n=alice,r=clientnonce"), &out), SASL_CREDENTIAL);
		assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
		buf_add(&out, "", 1);
		make_final(&c, (struct span){ out.base + out.start, buf_len(&out) - 1 }, "");
		buf_clear(&out);
		expect_failure(&x, sasl_respond(&x, buf_span(&c.final), &out), SASL_FAIL_NOT_AUTHORIZED, headers[i]);
		sasl_free(&x);
		buf_fini(&out);
		client_fini(&c);
	}
}

static void first_messages_are_read_or_refused(void **state)
{
	static const struct {
		const char *text, *user;
		enum sasl_failure failure;
	} rows[] = {
		{ "n,,n=alice,r=x", "alice@example.com", 0 },
		{ "n,,n=alice,r=x,ext=1", "alice@example.com", 0 },
		{ "n,,n=alice@example.com,r=x", "alice@example.com", 0 },
		{ "n,,n=al=3Dice,r=x", "al=ice@example.com", 0 },
		{ "n,,n=al=2Cice,r=x", "al,ice@example.com", 0 },
		{ "n,,n=客服,r=!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~", "客服@example.com", 0 },
		{ "n,a=alice@example.com,n=alice,r=x", "alice@example.com", 0 },
		{ "n,a=,n=alice,r=x", "alice@example.com", 0 },
		{ "n,a=al=3Dice@example.com,n=al=3Dice,r=x", "al=ice@example.com", 0 },
		{ "n,a=bob@example.com,n=alice,r=x", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ "n,a=alice,n=alice,r=x", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ "n,,n=alice@other.example,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=a\x01,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=\xff,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=al=2cice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=al=,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=al=2,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=al=41,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,a==,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,b=alice,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,alice,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,m=ext,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,r=x,n=alice", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=a b", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=a\x7f", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=\xc3\xa9", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,N=alice,R=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n:alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ ",,,,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "", NULL, SASL_FAIL_MALFORMED_REQUEST },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		size_t row = i / 2;
		struct sasl_context context = no_binding();
		struct buf out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step;

		if (i % 2) { /* the same after an empty challenge */
			assert_int_equal(sasl_start(&x, SASL_SCRAM_SHA_1, &context, SPAN_NONE, &out), SASL_CHALLENGE);
			step = sasl_respond(&x, span_of(rows[row].text), &out);
		} else {
			step = sasl_start(&x, SASL_SCRAM_SHA_1, &context, span_of(rows[row].text), &out);
		}
		if (!rows[row].user) {
			expect_failure(&x, step, rows[row].failure, rows[row].text);
		} else {
			if (step != SASL_CREDENTIAL)
				fail_msg("'%s': %s", rows[row].text, sasl_failure_text(x.failure));
			assert_string_equal(x.user->text, rows[row].user);
		}
		assert_int_equal(buf_len(&out), 0);
		sasl_free(&x);
	}
}

static void a_nonce_of_the_client_is_bounded(void **state)
{
	(void)state;
	for (size_t n = 511; n <= 513; n++) {
		struct sasl_context context = no_binding();
		struct buf first = BUF_INIT, out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step;

		buf_add_text(&first, "n,,n=alice,r=");
		for (size_t i = 0; i < n; i++)
			buf_add_text(&first, "x");
		step = sasl_start(&x, SASL_SCRAM_SHA_1, &context, buf_span(&first), &out);
		assert_int_equal(step, n <= 512 ? SASL_CREDENTIAL : SASL_FAILURE);
		sasl_free(&x);
		buf_fini(&first);
	}
}

/* The second message with its parts changed; %s is a right proof, %r our nonces. */
static void second_messages_are_read_or_refused(void **state)
{
	static const struct {
		const char *form;
		enum sasl_failure failure;
	} rows[] = {
		{ "c=biws,r=%r,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=clientnonce,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=%rx,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=x%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c==,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biw,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=eSws,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=%r", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p==", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=AAAA", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=%s=", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=%s,", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=%s,x=1", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,p=%s,r=%r", SASL_FAIL_MALFORMED_REQUEST },
		{ "r=%r,c=biws,p=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,P=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ "biws,r=%r,p=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ "p=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ ",,,", SASL_FAIL_MALFORMED_REQUEST },
		{ "", SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=clientnonce", SASL_FAIL_MALFORMED_REQUEST }, /* the first one again */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client c = { .name = SASL_SCRAM_SHA_1, .header = "n,,", .user = "alice", .password = "pencil" };
		struct sasl_context context = no_binding();
		struct buf out = BUF_INIT, message = BUF_INIT;
		struct credential keys;
		struct sasl_exchange x;

		credential_derive(&keys, S("pencil"), ROUNDS, salts);
		assert_int_equal(sasl_start(&x, c.name, &context, S("n,,n=alice,r=clientnonce"), &out), SASL_CREDENTIAL);
		assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
		buf_add(&out, "", 1);
		make_final(&c, (struct span){ out.base + out.start, buf_len(&out) - 1 }, "");
		buf_add(&c.final, "", 1);
		for (size_t k = 0; k < strlen(rows[i].form); k++) {
			const char *p = rows[i].form + k;

			if (strncmp(p, "%r", 2) == 0)
				buf_addf(&message, "clientnonce%s", context.nonce);
			else if (strncmp(p, "%s", 2) == 0)
				buf_add_text(&message, strstr(c.final.base + c.final.start, ",p=") + 3);
			else
				buf_add(&message, p, 1);
			k += *p == '%';
		}
		buf_clear(&out);
		expect_failure(&x, sasl_respond(&x, buf_len(&message) ? buf_span(&message) : SPAN_NONE, &out), rows[i].failure,
			       rows[i].form);
		assert_int_equal(buf_len(&out), 0);
		sasl_free(&x);
		buf_fini(&out);
		buf_fini(&message);
		client_fini(&c);
	}
}

static void extensions_before_the_proof_are_signed_and_ignored(void **state)
{
	struct client c = { .name = SASL_SCRAM_SHA_256, .header = "n,,", .user = "alice", .password = "pencil" };
	struct sasl_context context = no_binding();
	struct sasl_exchange x;

	(void)state;
	assert_int_equal(play(&c, &context, "pencil", ",x=1,y=anything", &x), SASL_SUCCESS);
	sasl_free(&x);
	client_fini(&c);
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
		cmocka_unit_test(the_header_of_the_second_message_must_be_that_of_the_first),
		cmocka_unit_test(first_messages_are_read_or_refused),
		cmocka_unit_test(a_nonce_of_the_client_is_bounded),
		cmocka_unit_test(second_messages_are_read_or_refused),
		cmocka_unit_test(extensions_before_the_proof_are_signed_and_ignored),
		cmocka_unit_test(an_unknown_user_looks_like_a_known_one),
		cmocka_unit_test(an_account_without_keys_of_this_kind_is_refused),
		cmocka_unit_test(after_success_nothing_more_is_taken),
	};

	return RUN(tests);
}
