/* The client's side of PLAIN and SCRAM (RFC 5802). The derivation is kept for the last salt: all accounts of a bench share
 * one, so the generator does not measure itself. */
#include "loadgen.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "bench"
#define TEXT_MAX 512

struct scram {
	char first_bare[96];
};

static struct {
	unsigned char salt[64], client_key[32], stored_key[32];
	int salt_n, iterations;
} derived;

static const EVP_MD *hash(void)
{
	return opt.mechanism == SCRAM_SHA_256 ? EVP_sha256() : EVP_sha1();
}

static void derive(const unsigned char *salt, int n, int iterations)
{
	unsigned char salted[32];
	int size = EVP_MD_get_size(hash());

	if (n > (int)sizeof(derived.salt))
		die("SCRAM", "a salt over 64 bytes");
	if (n == derived.salt_n && iterations == derived.iterations && memcmp(salt, derived.salt, (size_t)n) == 0)
		return;
	PKCS5_PBKDF2_HMAC(PASSWORD, (int)strlen(PASSWORD), salt, n, iterations, hash(), size, salted);
	HMAC(hash(), salted, size, (const unsigned char *)"Client Key", 10, derived.client_key, NULL);
	EVP_Digest(derived.client_key, (size_t)size, derived.stored_key, NULL, hash(), NULL);
	memcpy(derived.salt, salt, (size_t)n);
	derived.salt_n = n;
	derived.iterations = iterations;
}

void scram_auth(struct user *u, char *out, size_t size)
{
	static const char *const names[] = { "ANONYMOUS", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256" };
	char text[TEXT_MAX], base64[TEXT_MAX * 2];
	unsigned char nonce[12], nonce64[20];
	unsigned index = (unsigned)(u - users);
	int n;

	if (opt.mechanism == ANONYMOUS) {
		snprintf(out, size, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
		return;
	}
	if (opt.mechanism == PLAIN) {
		n = snprintf(text, sizeof(text), "%cu%u%c%s", 0, index, 0, PASSWORD);
	} else {
		RAND_bytes(nonce, sizeof(nonce));
		EVP_EncodeBlock(nonce64, nonce, sizeof(nonce));
		u->scram = calloc(1, sizeof(*u->scram));
		snprintf(u->scram->first_bare, sizeof(u->scram->first_bare), "n=u%u,r=%s", index, (char *)nonce64);
		n = snprintf(text, sizeof(text), "n,,%s", u->scram->first_bare);
	}
	EVP_EncodeBlock((unsigned char *)base64, (unsigned char *)text, n);
	snprintf(out, size, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>", names[opt.mechanism], base64);
}

void scram_respond(struct user *u, const char *challenge, size_t n, char *out, size_t size)
{
	char first[TEXT_MAX], bare[TEXT_MAX * 2], message[TEXT_MAX * 4], base64[TEXT_MAX * 2], proof64[64];
	unsigned char salt[TEXT_MAX], signature[32];
	char *r, *s, *i;
	int length, padding = 0, hash_n = EVP_MD_get_size(hash());

	if (n == 0 || n >= TEXT_MAX)
		die("SCRAM", "no challenge, or too long");
	length = EVP_DecodeBlock((unsigned char *)first, (const unsigned char *)challenge, (int)n);
	first[length < 0 ? 0 : length] = '\0';
	r = strstr(first, "r=");
	s = strstr(first, ",s=");
	i = strstr(first, ",i=");
	if (!r || !s || !i)
		die("SCRAM", first);
	for (const char *end = i; end > s && end[-1] == '='; end--)
		padding++;
	length = EVP_DecodeBlock(salt, (unsigned char *)s + 3, (int)(i - s - 3)) - padding;
	derive(salt, length, atoi(i + 3));
	snprintf(bare, sizeof(bare), "c=biws,%.*s", (int)(s - r), r);
	length = snprintf(message, sizeof(message), "%s,%s,%s", u->scram->first_bare, first, bare);
	HMAC(hash(), derived.stored_key, hash_n, (unsigned char *)message, (size_t)length, signature, NULL);
	for (int k = 0; k < hash_n; k++)
		signature[k] ^= derived.client_key[k];
	EVP_EncodeBlock((unsigned char *)proof64, signature, hash_n);
	length = snprintf(message, sizeof(message), "%s,p=%s", bare, proof64);
	EVP_EncodeBlock((unsigned char *)base64, (unsigned char *)message, length);
	snprintf(out, size, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</response>", base64);
	free(u->scram);
	u->scram = NULL;
}
