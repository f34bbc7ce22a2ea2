/* TLS between a connection and its carrier. OpenSSL never sees the socket: what was received lies in the worker's
 * scratch while it is decrypted, all of it at once, so nothing hides in between; what it writes goes into `raw`, which
 * leaves in one piece. So it never waits for writing, and an idle connection holds nothing but OpenSSL's state. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/io/conn_inner.h"
#include "runtime/io/tls_inner.h"
#include "runtime/mem/held.h"
#include "runtime/outside.h"

#define RECORD_BYTES 16384
/* What is received at once, so that the clear text, with that of a record begun earlier, fits into the scratch. */
#define CIPHER_BYTES (CONN_SCRATCH_BYTES - RECORD_BYTES)
#define RAW_BYTES 65536u /* ciphertext made ahead of the kernel */
#define KEY_UPDATES_A_MINUTE 32

struct conn_tls {
	SSL *ssl;
	struct tls_set *held; /* until the handshake is done */
	struct span in;       /* ciphertext of the present conn_tls_receive */
	struct buf raw;       /* ciphertext the kernel has not taken, */
	uint32_t raw_plain;   /* which stands for this much output */
	uint32_t key_updates; /* in the minute from */
	uint64_t key_updates_ms;
	bool flooded, failed, said_goodbye;
};

/* --- what OpenSSL reads and writes --- */

static int bio_read(BIO *bio, char *to, int room)
{
	struct conn_tls *t = BIO_get_data(bio);
	size_t n = t->in.n < (size_t)room ? t->in.n : (size_t)room;

	BIO_clear_retry_flags(bio);
	if (t->flooded)
		return -1;
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, t->in.p, n);
	t->in = (struct span){ t->in.p + n, t->in.n - n };
	return (int)n;
}

static int bio_write(BIO *bio, const char *bytes, int n)
{
	struct conn_tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	buf_add(&t->raw, bytes, (size_t)n);
	return n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
	if (!bio_method)
		base_out_of_memory();
	ASSERT(BIO_meth_set_read(bio_method, bio_read) && BIO_meth_set_write(bio_method, bio_write) &&
	       BIO_meth_set_ctrl(bio_method, bio_control));
}

/* Each update costs a key derivation, and the peer may ask for as many as it likes (H024). */
static void count_key_updates(int writing, int version, int type, const void *bytes, size_t n, SSL *ssl, void *opaque)
{
	struct conn_tls *t = opaque;
	uint64_t now;

	(void)version;
	(void)ssl;
	if (writing || type != SSL3_RT_HANDSHAKE || n == 0 || *(const uint8_t *)bytes != SSL3_MT_KEY_UPDATE)
		return;
	now = outside_mono_ms();
	if (now - t->key_updates_ms > 60000) {
		t->key_updates_ms = now;
		t->key_updates = 0;
	}
	t->flooded = ++t->key_updates > KEY_UPDATES_A_MINUTE;
}

struct conn_tls *conn_tls_new(struct conn *c, struct tls_store *store, const char *host, const char *alpn)
{
	struct conn_tls *t = xcalloc(1, sizeof(*t));
	BIO *bio;

	held_add(HELD_TLS);
	pthread_once(&bio_once, make_bio_method);
	t->ssl = tls_server(store, host, alpn, &t->held);
	bio = BIO_new(bio_method);
	if (!bio)
		base_out_of_memory();
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_msg_callback(t->ssl, count_key_updates);
	SSL_set_msg_callback_arg(t->ssl, t);
	/* What was written in clear before leaves in clear, ahead of the handshake. */
	t->raw = c->out;
	t->raw_plain = (uint32_t)buf_len(&c->out);
	c->out = BUF_INIT;
	return t;
}

void conn_tls_free(struct conn_tls *t)
{
	if (!t)
		return;
	held_add(-HELD_TLS);
	SSL_free(t->ssl);
	tls_unhold(t->held);
	buf_fini(&t->raw);
	free(t);
}

/* --- receiving --- */

/* > 0 done, 0 not yet, < 0 failed. */
static int shake_hands(struct conn *c)
{
	struct conn_tls *t = c->tls;
	int n, error;

	ERR_clear_error();
	n = SSL_do_handshake(t->ssl);
	error = n == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, n);
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ)
		return 0;
	if (error != SSL_ERROR_NONE)
		return -1;
	tls_unhold(t->held);
	t->held = NULL;
	conn_secured(c);
	return 1;
}

/* All there is, up to a record that is not complete. */
static int decrypt(struct conn_tls *t, char *to, bool *more)
{
	int total = 0, n, error;

	for (;;) {
		ERR_clear_error();
		n = SSL_read(t->ssl, to + total, (int)CONN_SCRATCH_BYTES - total);
		if (n <= 0)
			break;
		total += n;
		ASSERT(total < (int)CONN_SCRATCH_BYTES);
	}
	error = SSL_get_error(t->ssl, n);
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ && t->in.n == 0)
		return total;
	t->failed = error != SSL_ERROR_ZERO_RETURN;
	if (total > 0) { /* shown first; the next call tells of the end */
		*more = true;
		return total;
	}
	return conn_failure(t->failed ? CONN_END_TLS : CONN_END_PEER);
}

int conn_tls_receive(struct conn *c, char *to, bool *more)
{
	struct conn_tls *t = c->tls;
	char *cipher = conn_worker_cipher_scratch(c);
	int n;

	if (t->failed)
		return conn_failure(CONN_END_TLS);
	if (c->secure && (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN))
		return conn_failure(CONN_END_PEER);
	n = c->carrier->receive(c, cipher, CIPHER_BYTES, more);
	if (n <= 0)
		return n;
	t->in = (struct span){ cipher, (size_t)n };
	n = c->handshaking ? shake_hands(c) : 1;
	/* The callback may have closed or freed it. If it only paused it, or sent it elsewhere, the input is kept. */
	if (n > 0 && c->phase == CONN_OPEN)
		n = decrypt(t, to, more);
	else if (n > 0)
		n = 0;
	else if (n < 0)
		n = conn_failure(CONN_END_TLS);
	t->in = SPAN_NONE;
	if (buf_len(&t->raw))
		conn_worker_todo(c);
	return n;
}

/* --- sending --- */

/* False: the kernel takes no more for now, or *failure is set. */
static bool send_raw(struct conn *c, int *failure)
{
	struct conn_tls *t = c->tls;
	int n;

	if (buf_len(&t->raw) == 0)
		return true;
	n = c->carrier->transmit(c, buf_span(&t->raw));
	if (n < 0) {
		*failure = n;
		return false;
	}
	buf_consume(&t->raw, (size_t)n);
	c->took |= n > 0;
	if (buf_len(&t->raw))
		return false;
	conn_count_sent(c, t->raw_plain);
	t->raw_plain = 0;
	return true;
}

static int encrypt(struct conn *c)
{
	struct conn_tls *t = c->tls;

	while (buf_len(&c->out) && buf_len(&t->raw) < RAW_BYTES) {
		size_t piece = buf_len(&c->out) < RECORD_BYTES ? buf_len(&c->out) : RECORD_BYTES;
		int n;

		ERR_clear_error();
		n = SSL_write(t->ssl, buf_span(&c->out).p, (int)piece);
		ERR_clear_error();
		if (n <= 0)
			return conn_failure(CONN_END_TLS);
		buf_consume(&c->out, (size_t)n);
		t->raw_plain += (uint32_t)n;
	}
	return 0;
}

int conn_tls_transmit(struct conn *c)
{
	int failure = 0;

	while (send_raw(c, &failure) && c->secure && buf_len(&c->out) && failure == 0)
		failure = encrypt(c);
	c->blocked = buf_len(&c->tls->raw) > 0;
	return failure;
}

size_t conn_tls_unsent(const struct conn_tls *t)
{
	return t->raw_plain;
}

bool conn_tls_is_flushed(const struct conn_tls *t)
{
	return buf_len(&t->raw) == 0;
}

void conn_tls_say_goodbye(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (t->said_goodbye)
		return;
	t->said_goodbye = true;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl); /* the peer's own is not waited for */
	ERR_clear_error();
}

/* --- what the owner may ask --- */

struct span conn_server_name(const struct conn *c)
{
	const char *name = c->tls ? SSL_get_servername(c->tls->ssl, TLSEXT_NAMETYPE_host_name) : NULL;

	return name ? span_of(name) : SPAN_NONE;
}

size_t conn_binding_exporter(const struct conn *c, uint8_t out[TLS_BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (!c->secure || !c->tls || SSL_version(c->tls->ssl) != TLS1_3_VERSION)
		return 0;
	return SSL_export_keying_material(c->tls->ssl, out, 32, label, sizeof(label) - 1, NULL, 0, 0) == 1 ? 32 : 0;
}

/* The hash of our certificate, by the hash of its own signature; MD5 and SHA-1 count as SHA-256 (RFC 5929 4.1). A
 * signature without a hash of its own, such as Ed25519, leaves it undefined. */
size_t conn_binding_end_point(const struct conn *c, uint8_t out[TLS_BINDING_MAX])
{
	X509 *cert = c->secure && c->tls ? SSL_get_certificate(c->tls->ssl) : NULL;
	const EVP_MD *hash;
	unsigned n = 0;
	int nid = NID_undef;

	if (!cert || X509_get_signature_info(cert, &nid, NULL, NULL, NULL) != 1)
		return 0;
	hash = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
	if (!hash || EVP_MD_get_size(hash) > TLS_BINDING_MAX || X509_digest(cert, hash, out, &n) != 1)
		return 0;
	return n;
}

static void add_other_name(const GENERAL_NAME *name, const ASN1_OBJECT *type, struct buf *out)
{
	const ASN1_TYPE *value;

	if (name->type != GEN_OTHERNAME || OBJ_cmp(name->d.otherName->type_id, type) != 0)
		return;
	value = name->d.otherName->value;
	if (value->type != V_ASN1_UTF8STRING || memchr(value->value.utf8string->data, 0, (size_t)value->value.utf8string->length))
		return;
	buf_add(out, value->value.utf8string->data, (size_t)value->value.utf8string->length);
	buf_add(out, "", 1);
}

bool conn_peer_names(const struct conn *c, const char *oid, struct buf *out)
{
	X509 *cert = c->secure && c->tls ? SSL_get0_peer_certificate(c->tls->ssl) : NULL;
	GENERAL_NAMES *names;
	ASN1_OBJECT *type;

	if (!cert || SSL_get_verify_result(c->tls->ssl) != X509_V_OK)
		return false;
	type = OBJ_txt2obj(oid, 1);
	ASSERT(type);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		add_other_name(sk_GENERAL_NAME_value(names, i), type, out);
	GENERAL_NAMES_free(names);
	ASN1_OBJECT_free(type);
	return true;
}
