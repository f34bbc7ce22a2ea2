#pragma once
/* A client of SCRAM, written from RFC 5802 with OpenSSL alone. */
#include "tests/support/check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "xmpp/sasl/sasl.h"

#define S(text) SPAN_LIT(text)
#define ROUNDS 16u

static const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { "sixteen bytes 1", "sixteen bytes 2", "sixteen bytes 3" };

static UNUSED struct sasl_context no_binding(void)
{
	return (struct sasl_context){ .offered = SASL_SCRAM_BITS, .domain = "example.com", .nonce = "0123456789abcdef0123456789abcdef" };
}

static UNUSED struct sasl_context with_binding(void)
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

static UNUSED void hmac(const EVP_MD *md, const uint8_t *key, int n, const void *text, size_t text_n, uint8_t *out)
{
	assert_non_null(HMAC(md, key, n, text, text_n, out, NULL));
}

static UNUSED void make_first(struct client *c)
{
	buf_addf(&c->first, "%sn=%s,r=clientnonce", c->header, c->user);
}

/* From the server's first message; `extra` goes in front of the proof. */
static UNUSED void make_final(struct client *c, struct span server_first, const char *extra)
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

static UNUSED void client_fini(struct client *c)
{
	buf_fini(&c->first);
	buf_fini(&c->final);
	buf_fini(&c->want);
}

/* A whole exchange of a right client with keys for `password`. Returns the last step. */
static UNUSED enum sasl_step play(struct client *c, const struct sasl_context *context, const char *password, const char *extra,
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

static UNUSED void expect_failure(const struct sasl_exchange *x, enum sasl_step step, enum sasl_failure failure, const char *what)
{
	if (step != SASL_FAILURE || x->failure != failure || !x->over)
		fail_msg("%s: step %d, %s", what, step, sasl_failure_text(x->failure));
}
