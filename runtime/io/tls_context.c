/* From one PEM file (key, certificate, chain, in any order) to one SSL_CTX with the policy of reliability 7c. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/io/tls_inner.h"
#include "runtime/mem/buf.h"
#include "runtime/outside.h"

#define CLIENT_CERTIFICATES_MAX 32768 /* bytes; we ask for none */
#define CHAIN_DEPTH_MAX 5
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"

struct pem {
	EVP_PKEY *key;
	X509 *leaf;             /* one of certificates: the one of the key */
	STACK_OF(X509) *certificates;
};

char *tls_problem(const char *path, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	struct buf text = BUF_INIT;

	buf_addf(&text, reason ? "%s: %s (%s)" : "%s: %s", path, what, reason);
	ERR_clear_error();
	return buf_take_text(&text);
}

static int no_password(char *to, int room, int writing, void *asked)
{
	(void)to;
	(void)room;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

/* Whether the last reading failed because no further block came. */
static bool is_end_of_file(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static bool has_key_block(BIO *file)
{
	static const char ending[] = "PRIVATE KEY";
	char *name, *header;
	unsigned char *bytes;
	long n;
	bool found = false;

	(void)BIO_reset(file);
	while (!found && PEM_read_bio(file, &name, &header, &bytes, &n)) {
		size_t name_n = strlen(name);

		found = name_n >= sizeof(ending) - 1 && strcmp(name + name_n - (sizeof(ending) - 1), ending) == 0;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(bytes, (size_t)n);
	}
	if (!found && is_end_of_file())
		ERR_clear_error();
	return found;
}

/* NULL when key and certificates are there, or what is wrong. */
static const char *read_blocks(BIO *file, struct pem *out)
{
	bool asked = false;
	X509 *cert;

	out->key = PEM_read_bio_PrivateKey(file, NULL, no_password, &asked);
	if (asked)
		return "the private key is encrypted, and nobody can be asked for its password";
	if (!out->key)
		return has_key_block(file) ? "the private key cannot be read" : "no private key in it";
	(void)BIO_reset(file);
	while ((cert = PEM_read_bio_X509(file, NULL, NULL, NULL)))
		sk_X509_push(out->certificates, cert);
	if (!is_end_of_file())
		return "a certificate in it cannot be read";
	ERR_clear_error();
	if (sk_X509_num(out->certificates) == 0)
		return "no certificate in it";
	for (int i = 0; i < sk_X509_num(out->certificates) && !out->leaf; i++)
		if (X509_check_private_key(sk_X509_value(out->certificates, i), out->key) == 1)
			out->leaf = sk_X509_value(out->certificates, i);
	ERR_clear_error();
	return out->leaf ? NULL : "the private key belongs to none of its certificates";
}

static X509 *issuer_of(X509 *cert, STACK_OF(X509) *among)
{
	for (int i = 0; i < sk_X509_num(among); i++)
		if (sk_X509_value(among, i) != cert && X509_check_issued(sk_X509_value(among, i), cert) == X509_V_OK)
			return sk_X509_value(among, i);
	return NULL;
}

/* Leaf first, then issuer by issuer, however the file has them; a root is the client's business. */
static bool use_certificates(SSL_CTX *ctx, const struct pem *p)
{
	X509 *cert = p->leaf;

	if (SSL_CTX_use_certificate(ctx, p->leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, p->key) != 1)
		return false;
	for (int n = sk_X509_num(p->certificates); n > 1; n--) { /* a circle of issuers must end too */
		cert = issuer_of(cert, p->certificates);
		if (!cert || X509_self_signed(cert, 0) == 1)
			break;
		if (SSL_CTX_add1_chain_cert(ctx, cert) != 1)
			return false;
	}
	return true;
}

static bool apply_policy(SSL_CTX *ctx, const char *host)
{
	unsigned char id[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CERTIFICATES_MAX);
	SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
	/* Sessions live in tickets alone: no shared cache, no lock between workers. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return EVP_Digest(host, strlen(host), id, &n, EVP_sha256(), NULL) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, id, n) == 1 &&
	       SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 && SSL_CTX_set1_groups_list(ctx, GROUPS) == 1 &&
	       SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_recv_max_early_data(ctx, 0) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

/* The last stages of a certificate's life: how many days are left at most. */
static const struct {
	unsigned days;
	const char *text;
} stages[] = {
	{ 30, "the certificate expires within 30 days" },
	{ 7, "the certificate expires within 7 days" },
	{ 1, "the certificate expires within a day" },
	{ 0, "the certificate has expired" },
};

unsigned tls_context_stage(SSL_CTX *tls)
{
	const X509 *leaf = SSL_CTX_get0_certificate(tls);
	unsigned stage = 0;

	for (; stage < ARRAY_LEN(stages); stage++) {
		time_t then = (time_t)(outside_wall_us() / 1000000u + stages[stage].days * 86400u);

		if (X509_cmp_time(X509_get0_notAfter(leaf), &then) > 0)
			break;
	}
	return stage;
}

static const char *age_of(SSL_CTX *tls)
{
	time_t now = (time_t)(outside_wall_us() / 1000000u);
	unsigned stage = tls_context_stage(tls);

	if (stage)
		return stages[stage - 1].text;
	return X509_cmp_time(X509_get0_notBefore(SSL_CTX_get0_certificate(tls)), &now) > 0 ? "the certificate is not valid yet" : NULL;
}

static void remark(const char *path, const char *what, tls_report_f *report, void *ctx)
{
	char *text = tls_problem(path, what);

	report(ctx, false, text);
	free(text);
}

void tls_context_remark(const char *path, SSL_CTX *tls, tls_report_f *report, void *ctx)
{
	const char *age = age_of(tls);
	struct stat st;

	if (age)
		remark(path, age, report, ctx);
	if (stat(path, &st) == 0 && (st.st_mode & S_IROTH))
		remark(path, "everybody on this machine can read the private key (chmod 600)", report, ctx);
}

static SSL_CTX *make_context(const char *path, const struct pem *p, const char *host, char **error)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx && apply_policy(ctx, host) && use_certificates(ctx, p))
		return ctx;
	*error = tls_problem(path, "the certificate cannot be used");
	SSL_CTX_free(ctx);
	return NULL;
}

SSL_CTX *tls_context_read(const char *path, const char *host, char **error)
{
	struct pem p = { .certificates = sk_X509_new_null() };
	BIO *file = BIO_new_file(path, "r");
	const char *wrong;
	SSL_CTX *ctx = NULL;

	ASSERT(p.certificates);
	if (!file) {
		int why = errno;

		ERR_clear_error();
		*error = tls_problem(path, strerror(why));
	} else {
		wrong = read_blocks(file, &p);
		if (wrong)
			*error = tls_problem(path, wrong);
		else
			ctx = make_context(path, &p, host, error);
	}
	BIO_free(file);
	EVP_PKEY_free(p.key);
	sk_X509_pop_free(p.certificates, X509_free);
	return ctx;
}
