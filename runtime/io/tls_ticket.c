/* The keys session tickets are sealed with (RFC 5077, RFC 8446 4.6.1). Ours, not OpenSSL's, which would keep one for as
 * long as the process lives: whoever stole it could read every TLS 1.2 session that was ever resumed. Two are kept, the
 * present one and the one before; each seals for 12 hours and opens for 12 more. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/io/tls_inner.h"
#include "runtime/outside.h"

#define KEY_LIFE_MS (12u * 3600u * 1000u)
#define NAME_BYTES 16 /* what OpenSSL reserves for it */
#define KEY_BYTES 32
#define IV_BYTES 16

struct ticket_key {
	unsigned char name[NAME_BYTES], cipher[KEY_BYTES], mac[KEY_BYTES];
};

/* In pages of its own that no core file holds. */
struct tls_tickets {
	unsigned users;       /* atomic */
	pthread_mutex_t lock; /* guards what follows */
	uint64_t since_ms;    /* `now` was made */
	struct ticket_key now, before;
	bool has_before;
};

static void make_key(struct ticket_key *key)
{
	outside_random(key->name, sizeof(key->name));
	outside_random(key->cipher, sizeof(key->cipher));
	outside_random(key->mac, sizeof(key->mac));
}

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED)
		BUG("out of memory");
	madvise(t, sizeof(*t), MADV_DONTDUMP);
	t->users = 1;
	pthread_mutex_init(&t->lock, NULL);
	t->since_ms = outside_mono_ms();
	make_key(&t->now);
	return t;
}

struct tls_tickets *tls_tickets_hold(struct tls_tickets *t)
{
	__atomic_add_fetch(&t->users, 1, __ATOMIC_RELAXED); /* the caller holds one already */
	return t;
}

void tls_tickets_unhold(struct tls_tickets *t)
{
	/* Pairs with the other users' drops: the last one sees all of their uses done. */
	if (!t || __atomic_sub_fetch(&t->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pthread_mutex_destroy(&t->lock);
	OPENSSL_cleanse(t, sizeof(*t));
	munmap(t, sizeof(*t));
}

/* With the lock held. After a silence of a day nothing old opens any more. */
static void rotate(struct tls_tickets *t)
{
	uint64_t now_ms = outside_mono_ms(), age = now_ms - t->since_ms;

	if (age < KEY_LIFE_MS)
		return;
	t->before = t->now;
	t->has_before = age < 2 * KEY_LIFE_MS;
	if (!t->has_before)
		OPENSSL_cleanse(&t->before, sizeof(t->before));
	make_key(&t->now);
	t->since_ms = now_ms;
}

/* A copy, so that no lock is held while OpenSSL computes. False: none of ours. *old: the ticket should be replaced. */
static bool pick(struct tls_tickets *t, bool sealing, const unsigned char *name, struct ticket_key *out, bool *old)
{
	bool found = true;

	pthread_mutex_lock(&t->lock);
	rotate(t);
	*old = false;
	if (sealing || CRYPTO_memcmp(name, t->now.name, NAME_BYTES) == 0) {
		*out = t->now;
	} else if (t->has_before && CRYPTO_memcmp(name, t->before.name, NAME_BYTES) == 0) {
		*out = t->before;
		*old = true;
	} else {
		found = false;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's answers: -1 error, 0 unknown key (a full handshake), 1 good, 2 good and to be replaced. */
static int on_ticket(SSL *ssl, unsigned char name[NAME_BYTES], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		     int sealing)
{
	struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_key key;
	bool old, ok;

	if (!pick(t, sealing, name, &key, &old))
		return 0;
	if (sealing) {
		memcpy(name, key.name, NAME_BYTES);
		outside_random(iv, IV_BYTES);
		ok = EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, iv, NULL) == 1;
	} else {
		ok = EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, iv, NULL) == 1;
	}
	ok = ok && set_mac(mac, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	return !ok ? -1 : old ? 2 : 1;
}

void tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx)
{
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
