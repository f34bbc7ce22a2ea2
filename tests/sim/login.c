#include "tests/sim/login.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

#define NS "urn:ietf:params:xml:ns:xmpp-sasl"
#define TEXT_MAX 512

static const char *const names[] = { "ANONYMOUS", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256" };

static const EVP_MD *digest(const struct login_state *l)
{
	return l->mechanism == LOGIN_SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

static void add_base64(struct buf *out, const void *bytes, int n)
{
	unsigned char text[TEXT_MAX * 4];

	ASSERT(n >= 0 && n < TEXT_MAX * 2);
	buf_add(out, text, (size_t)EVP_EncodeBlock(text, bytes, n));
}

/* Bytes, or -1. */
static int from_base64(struct span text, unsigned char out[TEXT_MAX])
{
	int n, padding = 0;

	if (text.n == 0 || text.n % 4 || text.n >= TEXT_MAX)
		return -1;
	for (size_t i = text.n; i > 0 && text.p[i - 1] == '='; i--)
		padding++;
	n = EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.n);
	return n < 0 ? -1 : n - padding;
}

void login_auth(struct login_state *l, enum login_mechanism m, const char *local, struct buf *out)
{
	char text[TEXT_MAX];
	int n = 0;

	*l = (struct login_state){ .mechanism = m };
	if (m == LOGIN_PLAIN) {
		n = snprintf(text, sizeof(text), "%c%s%c" LOGIN_PASSWORD, 0, local, 0);
	} else if (m != LOGIN_ANONYMOUS) {
		for (size_t i = 0; i < sizeof(l->nonce) - 1; i++)
			l->nonce[i] = (char)('a' + sim_draw(26));
		(void)snprintf(l->first_bare, sizeof(l->first_bare), "n=%s,r=%s", local, l->nonce);
		n = snprintf(text, sizeof(text), "n,,%s", l->first_bare);
	}
	buf_addf(out, "<auth xmlns='" NS "' mechanism='%s'>", names[m]);
	if (n)
		add_base64(out, text, n);
	buf_add_text(out, "</auth>");
}

static void hmac(const struct login_state *l, const unsigned char *key, const char *text, size_t n, unsigned char *out)
{
	HMAC(digest(l), key, EVP_MD_get_size(digest(l)), (const unsigned char *)text, n, out, NULL);
}

bool login_respond(struct login_state *l, struct span challenge, struct buf *out, const char **problem)
{
	unsigned char first[TEXT_MAX], salt[TEXT_MAX], salted[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE], stored[EVP_MAX_MD_SIZE],
		proof[EVP_MAX_MD_SIZE], server[EVP_MAX_MD_SIZE];
	char bare[TEXT_MAX], message[TEXT_MAX * 2];
	struct buf reply = BUF_INIT, signature = BUF_INIT;
	int n = from_base64(challenge, first), salt_n, size = EVP_MD_get_size(digest(l)), length;
	const char *r, *s, *i;

	*problem = "a SCRAM challenge that is none";
	if (n <= 0 || n >= TEXT_MAX)
		return false;
	first[n] = '\0';
	r = (const char *)first;
	s = strstr(r, ",s=");
	i = strstr(r, ",i=");
	if (strncmp(r, "r=", 2) != 0 || !s || !i)
		return false;
	*problem = "the server's nonce does not begin with ours";
	if (strncmp(r + 2, l->nonce, strlen(l->nonce)) != 0 || (size_t)(s - r - 2) <= strlen(l->nonce))
		return false;
	*problem = "a salt that is not base64";
	salt_n = from_base64((struct span){ s + 3, (size_t)(i - s - 3) }, salt);
	if (salt_n <= 0)
		return false;
	PKCS5_PBKDF2_HMAC(LOGIN_PASSWORD, -1, salt, salt_n, atoi(i + 3), digest(l), size, salted);
	hmac(l, salted, "Client Key", 10, key);
	EVP_Digest(key, (size_t)size, stored, NULL, digest(l), NULL);
	(void)snprintf(bare, sizeof(bare), "c=biws,%.*s", (int)(s - r), r);
	length = snprintf(message, sizeof(message), "%s,%s,%s", l->first_bare, r, bare);
	hmac(l, stored, message, (size_t)length, proof);
	for (int k = 0; k < size; k++)
		proof[k] ^= key[k];
	hmac(l, salted, "Server Key", 10, key);
	hmac(l, key, message, (size_t)length, server);
	add_base64(&signature, server, size);
	ASSERT(buf_len(&signature) < sizeof(l->signature));
	memcpy(l->signature, buf_span(&signature).p, buf_len(&signature));
	l->signature[buf_len(&signature)] = '\0';
	buf_addf(&reply, "%s,p=", bare);
	add_base64(&reply, proof, size);
	buf_add_text(out, "<response xmlns='" NS "'>");
	add_base64(out, buf_span(&reply).p, (int)buf_len(&reply));
	buf_add_text(out, "</response>");
	buf_fini(&reply);
	buf_fini(&signature);
	return true;
}

bool login_verify(const struct login_state *l, struct span additional, const char **problem)
{
	unsigned char text[TEXT_MAX];
	int n;

	if (l->mechanism != LOGIN_SCRAM_SHA_1 && l->mechanism != LOGIN_SCRAM_SHA_256)
		return true;
	*problem = "the server's signature is wrong";
	n = from_base64(additional, text);
	return n > 2 && memcmp(text, "v=", 2) == 0 && strlen(l->signature) == (size_t)n - 2 &&
	       memcmp(text + 2, l->signature, (size_t)n - 2) == 0;
}
