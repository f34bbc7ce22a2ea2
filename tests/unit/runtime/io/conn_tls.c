/* Connections under TLS: the handshake, what ends it or the connection, STARTTLS. Floods, pauses and moves: conn_tls_flow.c. */
#include "conn_tls_side.h"

/* What the server says of a connection that is secure. */
struct facts {
	struct side *s;
	char name[64];
	uint8_t exporter[TLS_BINDING_MAX], end_point[TLS_BINDING_MAX];
	size_t exporter_n, end_point_n;
	bool secure;
};
static void gather(void *arg)
{
	struct facts *f = arg;
	struct span name = conn_server_name(f->s->c);

	snprintf(f->name, sizeof(f->name), "%.*s", SPAN_FMT(name));
	f->secure = conn_is_secure(f->s->c);
	f->exporter_n = conn_binding_exporter(f->s->c, f->exporter);
	f->end_point_n = conn_binding_end_point(f->s->c, f->end_point);
}

static void both_sides_agree_on_name_text_and_channel_bindings(void **state)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct side s;
		struct facts f = { .s = &s };
		uint8_t ours[EVP_MAX_MD_SIZE];
		unsigned n;
		SSL *client;
		X509 *cert;
		int fd;

		side_init(&s);
		fd = open_tls(&s);
		client = must_shake_hands(fd, "b.example", versions[i]);
		assert_string_equal(client_saw(client), "b.example");
		side_wait(&s, s.secure);
		assert_int_equal(SSL_write(client, "hello", 5), 5);
		side_wait(&s, span_is(buf_span(&s.input), "hello"));
		s.extra = (char[]){ "world" };
		io_call(0, write_extra, &s);
		expect_read(client, "world");
		side_wait(&s, s.sent == 5);
		io_call(0, gather, &f);
		assert_true(f.secure);
		assert_string_equal(f.name, "b.example");
		cert = SSL_get0_peer_certificate(client);
		assert_int_equal(X509_digest(cert, EVP_sha256(), ours, &n), 1);
		assert_int_equal(f.end_point_n, n);
		assert_memory_equal(f.end_point, ours, n);
		if (versions[i] == TLS1_3_VERSION) {
			assert_int_equal(1, SSL_export_keying_material(client, ours, 32, "EXPORTER-Channel-Binding", 24,
								       NULL, 0, 0));
			assert_int_equal(f.exporter_n, 32);
			assert_memory_equal(f.exporter, ours, 32);
		} else {
			assert_int_equal(f.exporter_n, 0);
		}
		SSL_free(client);
		side_close(&s, fd);
	}
}

static void the_end_point_binding_follows_the_certificates_hash(void **state)
{
	static const struct {
		const char *signature, *binding;
	} rows[] = { { "SHA1", "SHA256" }, { "SHA384", "SHA384" }, { "SHA512", "SHA512" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cert c = cert_make("a", "DNS:a.example", 100, NULL, EVP_get_digestbyname(rows[i].signature));
		struct side s;
		struct facts f = { .s = &s };
		uint8_t ours[EVP_MAX_MD_SIZE];
		char *error = NULL;
		unsigned n;
		SSL *client;
		int fd;

		unlink(cert_path("a.example.pem"));
		cert_add("a.example.pem", c.x, c.key);
		if (!tls_store_reload(store, &error)) { /* SHA-1 may be refused outright */
			assert_string_equal(rows[i].signature, "SHA1");
			free(error);
			cert_free(&c);
			continue;
		}
		side_init(&s);
		fd = open_tls(&s);
		client = must_shake_hands(fd, "a.example", 0);
		side_wait(&s, s.secure);
		io_call(0, gather, &f);
		X509_digest(c.x, EVP_get_digestbyname(rows[i].binding), ours, &n);
		assert_int_equal(f.end_point_n, n);
		assert_memory_equal(f.end_point, ours, n);
		SSL_free(client);
		cert_free(&c);
		side_close(&s, fd);
	}
}

static void a_handshake_may_come_byte_by_byte(void **state)
{
	struct side s;
	SSL *client = client_new("a.example", NULL, 0);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	char piece[4096];
	int fd, n;

	(void)state;
	side_init(&s);
	fd = open_tls(&s);
	SSL_set_bio(client, in, out);
	SSL_write(client, "x", 0); /* begins */
	while (!SSL_is_init_finished(client) || BIO_pending(out)) {
		while ((n = BIO_read(out, piece, 1)) == 1)
			send_text(fd, piece, 1);
		if (SSL_is_init_finished(client))
			break;
		n = (int)recv(fd, piece, sizeof(piece), 0);
		assert_true(n > 0);
		BIO_write(in, piece, n);
		SSL_do_handshake(client);
	}
	side_wait(&s, s.secure);
	SSL_free(client);
	side_close(&s, fd);
}

static void text_may_come_with_the_end_of_the_handshake(void **state)
{
	struct side s;
	SSL *client;
	BIO *file;
	int fd;

	(void)state;
	side_init(&s);
	fd = open_tls(&s);
	client = client_on(fd, "a.example", NULL, TLS1_3_VERSION);
	file = BIO_new(BIO_f_buffer()); /* Finished and text leave as one */
	BIO_push(file, SSL_get_wbio(client));
	BIO_up_ref(SSL_get_wbio(client));
	SSL_set0_wbio(client, file);
	SSL_connect(client);
	SSL_write(client, "early", 5);
	(void)BIO_flush(file);
	side_wait(&s, s.secure && span_is(buf_span(&s.input), "early"));
	SSL_free(client);
	side_close(&s, fd);
}

/* --- what ends it --- */

static void what_is_no_tls_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 },
		/* SSL 2: seven ciphers, no session, a challenge of 16 */
		{ "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" "ccccccccccccccccccccc" "0123456789abcdef", 48 },
		{ "\x16\x03\x01\xff\xff", 5 },						      /* H015 */
		{ "\x17\x03\x03\x00\x01x", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct side s;
		int fd;

		side_init(&s);
		s.limits.handshake_ms = 0; /* at once, not at some deadline */
		fd = open_tls(&s);
		send_text(fd, rows[i].bytes, rows[i].n);
		expect_end(&s, CONN_END_TLS);
		assert_int_equal(s.inputs, 0);
		side_close(&s, fd);
	}
}

static void a_refused_client_gets_the_alert(void **state)
{
	static const struct {
		const char *alpn, *ciphers;
		int version, alert;
	} rows[] = {
		{ "xmpp-client", NULL, TLS1_1_VERSION, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION }, /* H017 */
		{ "smtp", NULL, 0, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL },	    /* H020 */
		{ "xmpp-client", "AES128-GCM-SHA256", TLS1_2_VERSION, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE }, /* H018 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct side s;
		SSL *client;
		int fd;

		side_init(&s);
		fd = open_tls(&s);
		client = client_on(fd, "a.example", rows[i].alpn, rows[i].version);
		if (rows[i].ciphers)
			SSL_set_cipher_list(client, rows[i].ciphers);
		ERR_clear_error();
		assert_int_not_equal(SSL_connect(client), 1);
		assert_int_equal(ERR_GET_REASON(ERR_peek_error()), rows[i].alert);
		ERR_clear_error();
		expect_end(&s, CONN_END_TLS);
		SSL_free(client);
		side_close(&s, fd);
	}
}

static void a_handshake_has_a_deadline(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.handshake_ms = 50;
	fd = open_tls(&s);
	send_text(fd, "\x16\x03\x01\x00\x10\x01", 6); /* and no more */
	expect_end(&s, CONN_END_TLS);
	side_close(&s, fd);
}

static void renegotiation_is_refused(void **state)
{
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", TLS1_2_VERSION);
	side_wait(&s, s.secure);
	ERR_clear_error();
	assert_int_equal(SSL_renegotiate(client), 1);
	assert_int_not_equal(SSL_do_handshake(client), 1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	ERR_clear_error();
	SSL_free(client);
	side_close(&s, fd);
}

static void a_flood_of_key_updates_ends_it_and_a_few_do_not(void **state)
{
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", TLS1_3_VERSION);
	for (int i = 0; i < 10; i++) {
		SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
		assert_int_equal(SSL_write(client, "x", 1), 1);
	}
	side_wait(&s, buf_len(&s.input) == 10);
	for (int i = 0; i < 30; i++) {
		SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
		if (SSL_do_handshake(client) != 1)
			break;
	}
	expect_end(&s, CONN_END_TLS);
	ERR_clear_error();
	SSL_free(client);
	side_close(&s, fd);
}

static void the_peers_end_is_one_with_and_without_notice(void **state)
{
	(void)state;
	for (int notice = 0; notice < 2; notice++) {
		struct side s;
		SSL *client;
		int fd;

		side_init(&s);
		fd = open_tls(&s);
		client = must_shake_hands(fd, "a.example", 0);
		SSL_write(client, "bye", 3);
		if (notice) {
			SSL_shutdown(client);
			send_text(fd, "clear text", 10); /* H023 */
		} else {
			shutdown(fd, SHUT_WR);
		}
		expect_end(&s, CONN_END_PEER);
		assert_true(span_is(buf_span(&s.input), "bye"));
		SSL_free(client);
		side_close(&s, fd);
	}
}

static void close_side(void *arg)
{
	conn_close(((struct side *)arg)->c);
}

static void closing_says_so_under_tls(void **state)
{
	struct side s;
	SSL *client;
	char byte;
	int fd, n;

	(void)state;
	side_init(&s);
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	side_wait(&s, s.secure);
	s.extra = (char[]){ "last" };
	io_call(0, write_extra, &s);
	io_call(0, close_side, &s);
	expect_read(client, "last");
	n = SSL_read(client, &byte, 1);
	assert_int_equal(SSL_get_error(client, n), SSL_ERROR_ZERO_RETURN);
	expect_eof(fd);
	close(fd);
	expect_end(&s, CONN_END_CLOSED);
	SSL_free(client);
	side_close(&s, -1);
}

static void closing_during_the_handshake_sends_nothing_in_clear(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = open_tls(&s);
	s.extra = (char[]){ "secret" };
	io_call(0, write_extra, &s);
	io_call(0, close_side, &s);
	expect_eof(fd);
	close(fd);
	expect_end(&s, CONN_END_CLOSED);
	side_close(&s, -1);
}

/* --- STARTTLS --- */

static size_t proceed_at_bang(struct side *s, struct span bytes, bool drained)
{
	const char *bang = memchr(bytes.p, '!', bytes.n);

	(void)drained;
	if (!bang || conn_is_secure(s->c))
		return bytes.n;
	conn_write(s->c, SPAN_LIT("proceed"));
	conn_start_tls(s->c, store, NULL, "xmpp-client");
	conn_write(s->c, SPAN_LIT("hidden")); /* waits for the handshake */
	return (size_t)(bang - bytes.p) + 1;
}

static void starttls_answers_in_clear_and_goes_on_in_secret(void **state)
{
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	s.take = proceed_at_bang;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "starttls!", 9);
	expect_text(fd, "proceed");
	client = must_shake_hands(fd, "a.example", 0);
	expect_read(client, "hidden");
	assert_int_equal(SSL_write(client, "hello!", 6), 6);
	side_wait(&s, span_is(buf_span(&s.input), "starttls!hello!"));
	side_wait(&s, s.sent == 13);
	SSL_free(client);
	side_close(&s, fd);
}

static void clear_text_behind_the_request_ends_it(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = proceed_at_bang;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "starttls!injected", 17);
	expect_end(&s, CONN_END_TLS);
	assert_true(span_is(buf_span(&s.input), "starttls!"));
	assert_false(s.secure);
	side_close(&s, fd);
}

static size_t keep_all(struct side *s, struct span bytes, bool drained)
{
	(void)s;
	(void)bytes;
	(void)drained;
	return 0;
}

static void kept_clear_text_ends_a_handshake_that_begins_later(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = keep_all;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "x", 1);
	side_wait(&s, s.inputs == 1);
	io_call(0, start_tls, &s);
	expect_end(&s, CONN_END_TLS);
	side_close(&s, fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree_on_name_text_and_channel_bindings),
		cmocka_unit_test(the_end_point_binding_follows_the_certificates_hash),
		cmocka_unit_test(a_handshake_may_come_byte_by_byte),
		cmocka_unit_test(text_may_come_with_the_end_of_the_handshake),
		cmocka_unit_test(what_is_no_tls_is_refused),
		cmocka_unit_test(a_refused_client_gets_the_alert),
		cmocka_unit_test(a_handshake_has_a_deadline),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(a_flood_of_key_updates_ends_it_and_a_few_do_not),
		cmocka_unit_test(the_peers_end_is_one_with_and_without_notice),
		cmocka_unit_test(closing_says_so_under_tls),
		cmocka_unit_test(closing_during_the_handshake_sends_nothing_in_clear),
		cmocka_unit_test(starttls_answers_in_clear_and_goes_on_in_secret),
		cmocka_unit_test(clear_text_behind_the_request_ends_it),
		cmocka_unit_test(kept_clear_text_ends_a_handshake_that_begins_later),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
