#pragma once
/* Certificates and TLS contexts (OpenSSL 3): one PEM file (certificate chain and key) for each name in a directory,
 * plus a default; self-signed ones are made where missing, never overwritten. TLS 1.2 and 1.3 only, no renegotiation,
 * no compression, no early data, release buffers, session tickets under keys that change every 12 hours (reliability
 * 7c). A store is shared by all workers: reload builds new contexts and swaps a counted pointer, live connections keep
 * theirs. */
#include "runtime/mem/span.h"
#include "runtime/status.h"

struct tls_store; /* opaque */

struct tls_names { /* borrowed for the call */
	const char *const *names; /* virtual hosts to have a certificate for */
	size_t count;
};

/* Looks in the directories in order (the first is created and gets what is missing: NAME.pem, DEFAULT.pem, mode 0600; a
 * name that a certificate at hand covers is not missing). A client gets the certificate of the name it asks for: that
 * of the file, else one that has the name, or a wildcard for its first label, as subjectAltName; else the default. NULL
 * and a text for the operator (owned by the caller, names the file) on failure. Main thread. */
struct tls_store *tls_store_open(const char *const *directories, size_t count, const char *default_name,
				 const struct tls_names *hosts, char **error);
/* What tls_store_open would find, without making anything: each file that cannot be used (fatal) or that there is something
 * to say about is reported. The first host for which a file would have to be made (one of the names given), or NULL. */
typedef void tls_report_f(void *ctx, bool fatal, const char *text);
const char *tls_store_look(const char *const *directories, size_t count, const char *default_name, const struct tls_names *hosts,
			   tls_report_f *report, void *ctx);
/* From now on connections with this ALPN are asked for a certificate of one of these authorities. Without `required` the
 * handshake goes on whatever comes; conn_peer_names tells what is believed. False and a text that names the file. */
struct tls_clients {
	const char *authorities; /* PEM file, read again by tls_store_reload */
	const char *alpn;        /* as in conn_start_tls; must outlive the store */
	bool required;
};
bool tls_store_ask_clients(struct tls_store *s, const struct tls_clients *c, char **error);
/* Reads all files again, all must be there; on failure the old contexts stay and *error says why. Any thread. */
bool tls_store_reload(struct tls_store *s, char **error);
/* Logs each certificate that has come nearer to its end (30, 7, 1 days, the end itself) since that was last said of it, now or
 * when it was read. Any thread. */
void tls_store_remind(struct tls_store *s);
/* While the server runs; what is asked for here is not in the directories yet. One more host, for which a file is made when none covers
 * it. A certificate chain with its key, as PEM, for a host, in place of what was there: it must fit together. A host no longer served: its
 * file stays, but need not be there at a reload any more. On failure what was in force stays and *error says why. Any thread; the files
 * are read again. */
bool tls_store_add(struct tls_store *s, const char *host, char **error);
bool tls_store_install(struct tls_store *s, const char *host, struct span pem, char **error);
void tls_store_drop(struct tls_store *s, const char *host);
void tls_store_free(struct tls_store *s);

/* Channel bindings of an established connection live in runtime/io/conn.h. */
#define TLS_BINDING_MAX 64
