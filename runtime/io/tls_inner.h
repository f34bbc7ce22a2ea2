#pragma once
/* What the files of runtime/io share about TLS; nobody else includes this. */
#include <openssl/ssl.h>

#include "runtime/io/tls.h"

/* --- tls.c --- */
struct tls_set; /* the contexts of one reading of the files, counted */
/* A server side that speaks one of `alpn` (comma list, borrowed until it is freed), for `host` (NULL = the default)
 * unless the client names another. It looks into *held while it chooses the certificate: unhold when the handshake is
 * over. */
SSL *tls_server(struct tls_store *s, const char *host, const char *alpn, struct tls_set **held);
void tls_unhold(struct tls_set *set); /* NULL does nothing */

/* --- tls_context.c: one PEM file --- */
/* The policy of reliability 7c, the file's key, certificate and chain. NULL and a text that names the file. `host` is
 * what sessions are bound to, so that none is resumed under another name. */
SSL_CTX *tls_context_read(const char *path, const char *host, char **error);
/* How near its end the certificate is: 0 = far, and one more from 30, 7 and 1 days before it and from its end on. */
unsigned tls_context_stage(SSL_CTX *tls);
/* What its operator should know of a certificate that can be used: expiry, a key everybody can read. */
void tls_context_remark(const char *path, SSL_CTX *tls, tls_report_f *report, void *ctx);

/* --- tls_ticket.c: keys of session tickets, counted, changed every 12 hours --- */
struct tls_tickets;
struct tls_tickets *tls_tickets_new(void);
struct tls_tickets *tls_tickets_hold(struct tls_tickets *t);
void tls_tickets_unhold(struct tls_tickets *t); /* NULL does nothing */
/* Seals the context's tickets; the caller keeps `t` for as long as the context makes handshakes. */
void tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx);

/* --- tls_trust.c: who may issue certificates of clients --- */
struct tls_trust;
struct tls_trust *tls_trust_read(const char *path, char **error); /* NULL and a text that names the file */
void tls_trust_free(struct tls_trust *t); /* NULL does nothing */
/* In each context: a client's certificate is checked by the one that was chosen by its name. */
void tls_trust_use(const struct tls_trust *t, SSL_CTX *ctx);
/* Before the handshake: the client is asked for a certificate; `required`: without a good one it fails. */
void tls_trust_ask(const struct tls_trust *t, SSL *ssl, bool required);

/* --- tls_make.c --- */
/* Makes a self-signed certificate for `host` at `path`, unless there is a file already; its directory is made too.
 * NULL, or a text that names the file. */
char *tls_make(const char *directory, const char *path, const char *host);

/* "path: what (reason of OpenSSL's last error)", for the operator; empties OpenSSL's error queue. */
char *tls_problem(const char *path, const char *what);
