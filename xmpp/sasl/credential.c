#include "xmpp/sasl/credential.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define PREFIX "{SCRAM}"

static const struct {
	const char *name;
	size_t bytes;
} hashes[CREDENTIAL_HASHES] = { { "SHA-1", 20 }, { "SHA-256", 32 }, { "SHA-512", 64 } };

size_t credential_hash_bytes(enum credential_hash h)
{
	return hashes[h].bytes;
}

static const EVP_MD *function_of(enum credential_hash h)
{
	return h == CREDENTIAL_SHA1 ? EVP_sha1() : h == CREDENTIAL_SHA256 ? EVP_sha256() : EVP_sha512();
}

void credential_hmac(enum credential_hash h, const void *key, size_t key_n, struct span text, uint8_t *out)
{
	if (!HMAC(function_of(h), key, (int)key_n, (const unsigned char *)text.p, text.n, out, NULL))
		BUG("HMAC failed");
}

void credential_hash_of(enum credential_hash h, const uint8_t *in, uint8_t *out)
{
	credential_digest(h, (struct span){ (const char *)in, hashes[h].bytes }, out);
}

void credential_digest(enum credential_hash h, struct span text, uint8_t *out)
{
	if (EVP_Digest(text.p, text.n, out, NULL, function_of(h), NULL) != 1)
		BUG("digest failed");
}

/* RFC 5802 3: SaltedPassword -> ClientKey -> StoredKey, and ServerKey. */
static void derive_one(struct credential_keys *k, enum credential_hash h, struct span password)
{
	uint8_t salted[CREDENTIAL_KEY_MAX], client[CREDENTIAL_KEY_MAX];

	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, k->salt, CREDENTIAL_SALT, (int)k->iterations, function_of(h),
			      (int)hashes[h].bytes, salted) != 1)
		BUG("PBKDF2 failed");
	credential_hmac(h, salted, hashes[h].bytes, SPAN_LIT("Client Key"), client);
	credential_hash_of(h, client, k->stored_key);
	credential_hmac(h, salted, hashes[h].bytes, SPAN_LIT("Server Key"), k->server_key);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client, sizeof(client));
}

void credential_derive(struct credential *out, struct span password, uint32_t iterations,
		       const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT])
{
	memset(out, 0, sizeof(*out));
	for (int h = 0; h < CREDENTIAL_HASHES; h++) {
		out->keys[h].iterations = iterations;
		memcpy(out->keys[h].salt, salts[h], CREDENTIAL_SALT);
		derive_one(&out->keys[h], (enum credential_hash)h, password);
	}
}

bool credential_check(const struct credential *c, struct span password)
{
	for (int h = CREDENTIAL_HASHES - 1; h >= 0; h--) {
		struct credential_keys tried = c->keys[h];
		bool same;

		if (tried.iterations == 0)
			continue;
		derive_one(&tried, (enum credential_hash)h, password);
		same = CRYPTO_memcmp(tried.stored_key, c->keys[h].stored_key, hashes[h].bytes) == 0;
		OPENSSL_cleanse(&tried, sizeof(tried));
		return same;
	}
	return false;
}

void credential_fake(struct credential *out, struct span user, const uint8_t secret[32], uint32_t iterations)
{
	memset(out, 0, sizeof(*out));
	for (int h = 0; h < CREDENTIAL_HASHES; h++) {
		struct credential_keys *k = &out->keys[h];
		struct buf text = BUF_INIT;
		uint8_t digest[CREDENTIAL_KEY_MAX];

		/* The salt must be the same at every try, or an unknown user would show. The keys fit no password. */
		buf_addf(&text, "salt %d ", h);
		buf_add_span(&text, user);
		credential_hmac(CREDENTIAL_SHA512, secret, 32, buf_span(&text), digest);
		memcpy(k->salt, digest, CREDENTIAL_SALT);
		buf_add_text(&text, " stored");
		credential_hmac(CREDENTIAL_SHA512, secret, 32, buf_span(&text), k->stored_key);
		buf_add_text(&text, " server");
		credential_hmac(CREDENTIAL_SHA512, secret, 32, buf_span(&text), k->server_key);
		k->iterations = iterations;
		buf_fini(&text);
	}
}

bool credential_fill(struct credential *c, const struct credential *fake)
{
	bool any = false;

	for (int h = 0; h < CREDENTIAL_HASHES; h++)
		if (c->keys[h].iterations == 0) {
			c->keys[h] = fake->keys[h];
			any = true;
		}
	return any;
}

void credential_wipe(struct credential *c)
{
	OPENSSL_cleanse(c, sizeof(*c));
}

/* --- text form: {SCRAM}SHA-1:iterations:salt:stored:server;SHA-256:… in hex --- */

static void put_hex(struct buf *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%02x", bytes[i]);
}

void credential_encode(const struct credential *c, struct buf *out)
{
	bool first = true;

	buf_add_text(out, PREFIX);
	for (int h = 0; h < CREDENTIAL_HASHES; h++) {
		const struct credential_keys *k = &c->keys[h];

		if (k->iterations == 0)
			continue;
		buf_addf(out, "%s%s:%u:", first ? "" : ";", hashes[h].name, k->iterations);
		put_hex(out, k->salt, CREDENTIAL_SALT);
		buf_add_text(out, ":");
		put_hex(out, k->stored_key, hashes[h].bytes);
		buf_add_text(out, ":");
		put_hex(out, k->server_key, hashes[h].bytes);
		first = false;
	}
}

/* Takes the text up to `end` (or all) from the front. */
static struct span take_until(struct span *rest, char end)
{
	const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct span taken = { rest->p, at ? (size_t)(at - rest->p) : rest->n };

	*rest = at ? (struct span){ at + 1, rest->n - taken.n - 1 } : (struct span){ rest->p + rest->n, 0 };
	return taken;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct span text, uint8_t *out, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool take_number(struct span text, uint32_t *out)
{
	*out = 0;
	if (text.n == 0 || text.n > 9)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*out = *out * 10 + (uint32_t)(text.p[i] - '0');
	}
	return *out > 0;
}

bool credential_decode(struct credential *out, struct span text)
{
	bool any = false;

	memset(out, 0, sizeof(*out));
	if (text.n < sizeof(PREFIX) - 1 || memcmp(text.p, PREFIX, sizeof(PREFIX) - 1) != 0)
		return false;
	text = (struct span){ text.p + sizeof(PREFIX) - 1, text.n - sizeof(PREFIX) + 1 };
	while (text.n) {
		struct span part = take_until(&text, ';'), name = take_until(&part, ':');
		int h = 0;

		while (h < CREDENTIAL_HASHES && !span_is(name, hashes[h].name))
			h++;
		if (h == CREDENTIAL_HASHES)
			continue; /* of a newer version */
		struct credential_keys *k = &out->keys[h];

		if (!take_number(take_until(&part, ':'), &k->iterations) || !take_hex(take_until(&part, ':'), k->salt, CREDENTIAL_SALT) ||
		    !take_hex(take_until(&part, ':'), k->stored_key, hashes[h].bytes) ||
		    !take_hex(part, k->server_key, hashes[h].bytes))
			return false;
		any = true;
	}
	return any;
}
