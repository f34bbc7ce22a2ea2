#include "tests/support/check.h"

#include <openssl/evp.h>

#include "xmpp/sasl/credential.h"
#include "xmpp/sasl/sasl.h"

#define ROUNDS 16 /* few: these tests are not about cost */

static const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { "sixteen bytes 1", "sixteen bytes 2", "sixteen bytes 3" };

static struct credential derived(const char *password)
{
	struct credential c;

	credential_derive(&c, span_of(password), ROUNDS, salts);
	return c;
}

static void the_password_fits_and_no_other(void **state)
{
	static const char *const wrong[] = { "", "pencil ", " pencil", "Pencil", "penci", "pencill", "p\xc3\xa9ncil" };
	struct credential c = derived("pencil");

	(void)state;
	assert_true(credential_check(&c, SPAN_LIT("pencil")));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(credential_check(&c, span_of(wrong[i])));
	assert_false(credential_check(&c, SPAN_NONE));
}

static void one_kind_of_keys_is_enough(void **state)
{
	(void)state;
	for (int left = 0; left < CREDENTIAL_HASHES; left++) {
		struct credential c = derived("pencil");

		for (int h = 0; h < CREDENTIAL_HASHES; h++)
			if (h != left)
				memset(&c.keys[h], 0, sizeof(c.keys[0]));
		assert_true(credential_check(&c, SPAN_LIT("pencil")));
		assert_false(credential_check(&c, SPAN_LIT("pen")));
	}
}

static void no_keys_fit_no_password(void **state)
{
	struct credential none = { 0 };

	(void)state;
	assert_false(credential_check(&none, SPAN_LIT("")));
	assert_false(credential_check(&none, SPAN_LIT("x")));
}

/* The strongest keys present decide alone: a weaker set cannot be used to get around them. */
static void the_strongest_keys_decide(void **state)
{
	struct credential c = derived("strong"), weak = derived("weak");

	(void)state;
	c.keys[CREDENTIAL_SHA1] = weak.keys[CREDENTIAL_SHA1];
	c.keys[CREDENTIAL_SHA256] = weak.keys[CREDENTIAL_SHA256];
	assert_true(credential_check(&c, SPAN_LIT("strong")));
	assert_false(credential_check(&c, SPAN_LIT("weak")));
}

static void keys_depend_on_salt_rounds_and_password(void **state)
{
	struct credential base = derived("pencil"), other;
	uint8_t changed[CREDENTIAL_HASHES][CREDENTIAL_SALT];

	(void)state;
	memcpy(changed, salts, sizeof(changed));
	changed[0][15] ^= 1;
	changed[1][15] ^= 1;
	changed[2][15] ^= 1;
	credential_derive(&other, SPAN_LIT("pencil"), ROUNDS, (const uint8_t(*)[CREDENTIAL_SALT])changed);
	for (int h = 0; h < CREDENTIAL_HASHES; h++) {
		assert_memory_not_equal(base.keys[h].stored_key, other.keys[h].stored_key, 20);
		assert_memory_not_equal(base.keys[h].stored_key, base.keys[h].server_key, 20);
	}
	credential_derive(&other, SPAN_LIT("pencil"), ROUNDS + 1, salts);
	assert_memory_not_equal(base.keys[0].stored_key, other.keys[0].stored_key, 20);
}

/* RFC 5802 5: its salt has twelve bytes, so the salted password is made here and the rest by our own primitives. */
static void the_example_of_rfc_5802_comes_out(void **state)
{
	static const char message[] = "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
				      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
	uint8_t salted[20], client[20], stored[20], server[20], signature[20], key[20], hash[20];
	struct buf salt = BUF_INIT, proof = BUF_INIT, text = BUF_INIT;

	(void)state;
	assert_true(sasl_decode(SPAN_LIT("QSXCR+Q6sek8bf92"), &salt) && sasl_decode(SPAN_LIT("v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="), &proof));
	assert_int_equal(PKCS5_PBKDF2_HMAC("pencil", 6, (const unsigned char *)buf_span(&salt).p, 12, 4096, EVP_sha1(), 20, salted), 1);
	credential_hmac(CREDENTIAL_SHA1, salted, 20, SPAN_LIT("Client Key"), client);
	credential_hash_of(CREDENTIAL_SHA1, client, stored);
	credential_hmac(CREDENTIAL_SHA1, salted, 20, SPAN_LIT("Server Key"), server);
	credential_hmac(CREDENTIAL_SHA1, stored, 20, SPAN_LIT(message), signature);
	for (int i = 0; i < 20; i++)
		key[i] = signature[i] ^ (uint8_t)buf_span(&proof).p[i];
	credential_hash_of(CREDENTIAL_SHA1, key, hash);
	assert_memory_equal(hash, stored, 20);
	credential_hmac(CREDENTIAL_SHA1, server, 20, SPAN_LIT(message), signature);
	sasl_encode((struct span){ (const char *)signature, 20 }, &text);
	assert_true(span_is(buf_span(&text), "rmF9pqV8S7suAoZWja4dJRkFsKQ="));
	buf_fini(&salt);
	buf_fini(&proof);
	buf_fini(&text);
}

static void the_text_form_reads_back(void **state)
{
	(void)state;
	for (int left_out = -1; left_out < CREDENTIAL_HASHES; left_out++) {
		struct credential c = derived("pencil"), again;
		struct buf text = BUF_INIT;

		if (left_out >= 0)
			memset(&c.keys[left_out], 0, sizeof(c.keys[0]));
		credential_encode(&c, &text);
		assert_memory_equal(buf_span(&text).p, "{SCRAM}", 7);
		assert_null(memchr(buf_span(&text).p, '\n', buf_len(&text)));
		assert_true(credential_decode(&again, buf_span(&text)));
		assert_memory_equal(&c, &again, sizeof(c));
		buf_fini(&text);
	}
}

#define SALT "000102030405060708090a0b0c0d0e0f"
#define KEY20 "000102030405060708090a0b0c0d0e0f10111213"
#define KEY32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY64 KEY32 "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define SHA1 "SHA-1:4096:" SALT ":" KEY20 ":" KEY20
#define SHA256 "SHA-256:4096:" SALT ":" KEY32 ":" KEY32
#define SHA512 "SHA-512:4096:" SALT ":" KEY64 ":" KEY64

static void damaged_text_is_refused(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "{SCRAM}" SHA1, true },
		{ "{SCRAM}" SHA256, true },
		{ "{SCRAM}" SHA1 ";" SHA256, true },
		{ "{SCRAM}" SHA256 ";" SHA1 ";", true },
		{ "{SCRAM}" SHA512, true },
		{ "{SCRAM}" SHA1 ";" SHA256 ";" SHA512, true },
		{ "{SCRAM}SHA3-512:1:2:3:4;" SHA1, true }, /* of a newer version */
		{ "", false },
		{ "{SCRAM", false },
		{ "{SCRAM}", false },
		{ "{SCRAM};", false },
		{ "{PLAIN}pencil", false },
		{ SHA1, false },
		{ "{SCRAM}SHA-512:1:2:3:4", false },
		{ "{SCRAM}SHA3-512:1:2:3:4", false },
		{ "{SCRAM}SHA-512:4096:" SALT ":" KEY64 ":" KEY32, false },
		{ "{SCRAM}SHA-1", false },
		{ "{SCRAM}SHA-1:", false },
		{ "{SCRAM}SHA-1:0:" SALT ":" KEY20 ":" KEY20, false },
		{ "{SCRAM}SHA-1::" SALT ":" KEY20 ":" KEY20, false },
		{ "{SCRAM}SHA-1:-1:" SALT ":" KEY20 ":" KEY20, false },
		{ "{SCRAM}SHA-1:40x6:" SALT ":" KEY20 ":" KEY20, false },
		{ "{SCRAM}SHA-1:9999999999:" SALT ":" KEY20 ":" KEY20, false },
		{ "{SCRAM}SHA-1:4096:" SALT ":" KEY20, false },
		{ "{SCRAM}SHA-1:4096:" SALT ":" KEY20 ":" KEY20 ":", false },
		{ "{SCRAM}SHA-1:4096:" SALT ":" KEY20 ":" KEY20 "00", false },
		{ "{SCRAM}SHA-1:4096:" SALT ":" KEY20 ":" KEY32, false },
		{ "{SCRAM}SHA-1:4096:" SALT "0:" KEY20 ":" KEY20, false },
		{ "{SCRAM}SHA-1:4096:" SALT ":" KEY20 ":000102030405060708090A0B0C0D0E0F10111213", false },
		{ "{SCRAM}SHA-1:4096:" SALT ":" KEY20 ":0001020304050607080g0a0b0c0d0e0f10111213", false },
		{ "{SCRAM}SHA-256:4096:" SALT ":" KEY20 ":" KEY20, false },
		{ "{SCRAM}" SHA1 ";SHA-256:4096", false },
		{ "{SCRAM}" SHA1 "\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct credential c;

		if (credential_decode(&c, span_of(rows[i].text)) != rows[i].ok)
			fail_msg("'%s'", rows[i].text);
	}
	for (size_t n = 0; n < strlen("{SCRAM}" SHA1); n++) { /* no beginning of it is taken for the whole */
		struct credential c;

		assert_false(credential_decode(&c, (struct span){ "{SCRAM}" SHA1, n }));
	}
}

static void a_fake_is_stable_and_tells_nothing(void **state)
{
	const uint8_t secret[32] = "an installation's secret 012345", another[32] = "another one's secret 0123456789";
	struct credential a, again, b, elsewhere, real = derived("pencil");

	(void)state;
	credential_fake(&a, SPAN_LIT("a@x"), secret, ROUNDS);
	credential_fake(&again, SPAN_LIT("a@x"), secret, ROUNDS);
	credential_fake(&b, SPAN_LIT("b@x"), secret, ROUNDS);
	credential_fake(&elsewhere, SPAN_LIT("a@x"), another, ROUNDS);
	assert_memory_equal(&a, &again, sizeof(a));
	for (int h = 0; h < CREDENTIAL_HASHES; h++) {
		assert_int_equal(a.keys[h].iterations, real.keys[h].iterations);
		assert_memory_not_equal(a.keys[h].salt, b.keys[h].salt, CREDENTIAL_SALT);
		assert_memory_not_equal(a.keys[h].salt, elsewhere.keys[h].salt, CREDENTIAL_SALT);
		assert_memory_not_equal(a.keys[h].stored_key, a.keys[h].server_key, 20);
	}
	assert_memory_not_equal(a.keys[0].salt, a.keys[1].salt, CREDENTIAL_SALT);
	assert_false(credential_check(&a, SPAN_LIT("")));
	assert_false(credential_check(&a, SPAN_LIT("a@x")));
	assert_false(credential_check(&a, SPAN_LIT("pencil")));
}

/* An old account's exchange looks like any other and fails at its proof; what it has stays. */
static void missing_keys_are_filled_from_a_fake(void **state)
{
	const uint8_t secret[32] = "an installation's secret 012345";
	struct credential c = derived("pencil"), whole = c, fake;

	(void)state;
	credential_fake(&fake, SPAN_LIT("a@x"), secret, ROUNDS);
	assert_false(credential_fill(&c, &fake));
	assert_memory_equal(&c, &whole, sizeof(c));
	memset(&c.keys[CREDENTIAL_SHA512], 0, sizeof(c.keys[0]));
	assert_true(credential_fill(&c, &fake));
	assert_memory_equal(&c.keys[CREDENTIAL_SHA512], &fake.keys[CREDENTIAL_SHA512], sizeof(c.keys[0]));
	assert_memory_equal(&c.keys[CREDENTIAL_SHA256], &whole.keys[CREDENTIAL_SHA256], sizeof(c.keys[0]));
	assert_memory_equal(&c.keys[CREDENTIAL_SHA1], &whole.keys[CREDENTIAL_SHA1], sizeof(c.keys[0]));
}

static void wiping_leaves_nothing(void **state)
{
	struct credential c = derived("pencil"), zero;

	(void)state;
	memset(&zero, 0, sizeof(zero));
	credential_wipe(&c);
	assert_memory_equal(&c, &zero, sizeof(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_password_fits_and_no_other),
		cmocka_unit_test(one_kind_of_keys_is_enough),
		cmocka_unit_test(no_keys_fit_no_password),
		cmocka_unit_test(the_strongest_keys_decide),
		cmocka_unit_test(keys_depend_on_salt_rounds_and_password),
		cmocka_unit_test(the_example_of_rfc_5802_comes_out),
		cmocka_unit_test(the_text_form_reads_back),
		cmocka_unit_test(damaged_text_is_refused),
		cmocka_unit_test(a_fake_is_stable_and_tells_nothing),
		cmocka_unit_test(missing_keys_are_filled_from_a_fake),
		cmocka_unit_test(wiping_leaves_nothing),
	};

	return RUN(tests);
}
