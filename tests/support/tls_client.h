#pragma once
/* For tests of TLS: directories of certificates that are gone afterwards, certificates of any kind, a client. */
#include "tests/support/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- directories --- */

static char cert_directory[64];

static inline void cert_directory_make(void)
{
	snprintf(cert_directory, sizeof(cert_directory), "/tmp/tls-test-XXXXXX");
	assert_non_null(mkdtemp(cert_directory));
}

static inline void cert_directory_remove(void)
{
	DIR *d = opendir(cert_directory);

	for (struct dirent *e; d && (e = readdir(d));)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(cert_directory);
}

static inline const char *cert_path(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", cert_directory, name);
	return path;
}

/* --- certificates --- */

struct cert {
	EVP_PKEY *key;
	X509 *x;
};

/* `names`: a subjectAltName as OpenSSL's configuration spells it; NULL = none. Valid from yesterday for `days`. */
static inline struct cert cert_make(const char *common, const char *names, int days, const struct cert *issuer,
				    const EVP_MD *hash)
{
	struct cert c = { EVP_EC_gen("P-256"), X509_new() };
	X509_NAME *subject = X509_get_subject_name(c.x);
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), 1 + clock());
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common, -1, -1, 0);
	X509_set_issuer_name(c.x, issuer ? X509_get_subject_name(issuer->x) : subject);
	X509_gmtime_adj(X509_getm_notBefore(c.x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(c.x), 86400L * days);
	X509_set_pubkey(c.x, c.key);
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer ? issuer->x : c.x, c.x, NULL, NULL, 0);
	extension = names ? X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, names)
			  : X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(c.x, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(c.x, issuer ? issuer->key : c.key, hash) > 0);
	return c;
}

static inline void cert_free(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x);
}

/* Appends to the file in the directory. */
static inline void cert_add(const char *file, X509 *x, EVP_PKEY *key)
{
	FILE *f = fopen(cert_path(file), "ae");

	assert_non_null(f);
	if (x)
		PEM_write_X509(f, x);
	if (key)
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

static inline void cert_text(const char *file, const char *text)
{
	FILE *f = fopen(cert_path(file), "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* --- a client --- */

static SSL_CTX *client_context;

static inline SSL *client_new(const char *host, const char *alpn, int version_max)
{
	SSL *ssl;

	if (!client_context)
		client_context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(client_context, version_max && version_max < TLS1_2_VERSION ? 0 : 1);
	SSL_CTX_set_cipher_list(client_context, "ALL");
	ssl = SSL_new(client_context);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, version_max);
	if (host)
		SSL_set_tlsext_host_name(ssl, host);
	if (alpn) {
		unsigned char list[64] = { (unsigned char)strlen(alpn) };

		memcpy(list + 1, alpn, strlen(alpn));
		SSL_set_alpn_protos(ssl, list, (unsigned)strlen(alpn) + 1);
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

/* The common name of the certificate that was shown. */
static inline const char *client_saw(SSL *ssl)
{
	static char common[128];
	X509 *x = SSL_get0_peer_certificate(ssl);

	common[0] = '\0';
	if (x)
		X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common, sizeof(common));
	return common;
}

/* Carries bytes between the two until neither gets on. */
static inline void shake_hands(SSL *client, SSL *server)
{
	BIO *ours, *theirs;

	assert_true(BIO_new_bio_pair(&ours, 0, &theirs, 0));
	SSL_set_bio(client, ours, ours);
	SSL_set_bio(server, theirs, theirs);
	for (int i = 0; i < 10; i++) {
		char byte;

		SSL_do_handshake(client);
		SSL_do_handshake(server);
		if (SSL_is_init_finished(client) && SSL_is_init_finished(server))
			SSL_read(client, &byte, 1); /* the ticket */
	}
	ERR_clear_error();
}
