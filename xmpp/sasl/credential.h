#pragma once
/* Stored key forms (RFC 5802 3): per hash, salt, iterations, StoredKey and ServerKey; never the password. Pure; deriving
 * is slow by design and belongs on an auth thread. */
#include "runtime/mem/buf.h"

enum credential_hash { CREDENTIAL_SHA1, CREDENTIAL_SHA256, CREDENTIAL_SHA512, CREDENTIAL_HASHES }; /* weakest first */
#define CREDENTIAL_SALT 16
#define CREDENTIAL_KEY_MAX 64

struct credential_keys {
	uint32_t iterations; /* 0 = absent */
	uint8_t salt[CREDENTIAL_SALT];
	uint8_t stored_key[CREDENTIAL_KEY_MAX], server_key[CREDENTIAL_KEY_MAX];
};
struct credential {
	struct credential_keys keys[CREDENTIAL_HASHES];
};

size_t credential_hash_bytes(enum credential_hash h);
/* The two primitives SCRAM is made of; `out` has room for credential_hash_bytes(h). */
void credential_hmac(enum credential_hash h, const void *key, size_t key_n, struct span text, uint8_t *out);
void credential_hash_of(enum credential_hash h, const uint8_t *in, uint8_t *out); /* of one digest-sized value */
void credential_digest(enum credential_hash h, struct span text, uint8_t *out);   /* of any text */
/* Keys for a password (prepared by jid_saslprep); salts: 16 random bytes for each hash. */
void credential_derive(struct credential *out, struct span password, uint32_t iterations,
		       const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT]);
/* Constant-time over the digest; one derivation. Uses the strongest keys present. */
bool credential_check(const struct credential *c, struct span password);
/* For an unknown user: salt and keys from a keyed hash of the name, same iterations as new accounts, so that nobody can
 * tell; no password fits. */
void credential_fake(struct credential *out, struct span user, const uint8_t secret[32], uint32_t iterations);
/* For an account that was made before a hash was known here: what is missing is taken from a fake one, so that it fails at
 * the proof like a wrong password, not before. False: nothing was missing. Never for credential_check. */
bool credential_fill(struct credential *c, const struct credential *fake);
void credential_wipe(struct credential *c);
/* Text form for the store, "{SCRAM}…", one line, and back. */
void credential_encode(const struct credential *c, struct buf *out);
bool credential_decode(struct credential *out, struct span text);
