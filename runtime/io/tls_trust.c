/* The authorities of clients' certificates, from one PEM file; immutable, part of a set of contexts. What a certificate
 * without them is worth is not decided in the handshake but by who asks for its names (conn_peer_names). */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "runtime/io/tls_inner.h"
#include "runtime/mem/buf.h"

struct tls_trust {
	X509_STORE *store;
	STACK_OF(X509_NAME) *names; /* told to the client, so that it can choose */
};

void tls_trust_free(struct tls_trust *t)
{
	if (!t)
		return;
	X509_STORE_free(t->store);
	sk_X509_NAME_pop_free(t->names, X509_NAME_free);
	free(t);
}

struct tls_trust *tls_trust_read(const char *path, char **error)
{
	struct tls_trust *t = xcalloc(1, sizeof(*t));

	t->store = X509_STORE_new();
	if (!t->store)
		base_out_of_memory();
	t->names = SSL_load_client_CA_file(path);
	if (t->names && sk_X509_NAME_num(t->names) > 0 && X509_STORE_load_file(t->store, path) == 1)
		return t;
	*error = tls_problem(path, "no certificates of authorities can be read from it");
	tls_trust_free(t);
	return NULL;
}

/* Goes on whatever was found; SSL_get_verify_result keeps it. */
static int note_only(int good, X509_STORE_CTX *ctx)
{
	(void)good;
	(void)ctx;
	return 1;
}

void tls_trust_use(const struct tls_trust *t, SSL_CTX *ctx)
{
	if (SSL_CTX_set1_verify_cert_store(ctx, t->store) != 1)
		base_out_of_memory();
}

void tls_trust_ask(const struct tls_trust *t, SSL *ssl, bool required)
{
	STACK_OF(X509_NAME) *names = SSL_dup_CA_list(t->names);

	if (!names)
		base_out_of_memory();
	SSL_set_client_CA_list(ssl, names);
	SSL_set_verify(ssl, required ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
		       required ? NULL : note_only);
}
