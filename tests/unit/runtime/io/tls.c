/* The store of certificates: files made, read, chosen by name, read again. Handshakes in memory. */
#include "tests/support/tls_client.h"

#include "runtime/io/tls_inner.h"
#include "runtime/log.h"

static int setup(void **state)
{
	(void)state;
	cert_directory_make();
	return 0;
}
static int teardown(void **state)
{
	(void)state;
	cert_directory_remove();
	log_open(NULL);
	return 0;
}

static struct tls_store *open_for(const char *one, const char *other, char **error)
{
	const char *names[2] = { one, other };
	const char *directories[1] = { cert_directory };
	struct tls_names hosts = { names, one && other ? 2 : one || other };

	return tls_store_open(directories, 1, "default", &hosts, error);
}

static struct tls_store *must_open(const char *one, const char *other)
{
	char *error = NULL;
	struct tls_store *s = open_for(one, other, &error);

	if (!s)
		fail_msg("%s", error);
	return s;
}

static void expect_problem(const char *file, const char *what)
{
	char *error = NULL;

	assert_null(open_for("a.example", NULL, &error));
	assert_non_null(error);
	if (!strstr(error, cert_path(file)) || !strstr(error, what))
		fail_msg("'%s' names not both %s and '%s'", error, file, what);
	free(error);
	assert_int_equal(ERR_peek_error(), 0);
}

/* What a client that asks for `host` is shown. */
static const char *shown(struct tls_store *s, const char *host)
{
	SSL *client = client_new(host, NULL, 0), *server;
	struct tls_set *held;
	const char *common;

	server = tls_server(s, NULL, "xmpp-client", &held);
	shake_hands(client, server);
	assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	common = client_saw(client);
	SSL_free(client);
	SSL_free(server);
	tls_unhold(held);
	return common;
}

static void missing_certificates_are_made_for_their_names(void **state)
{
	struct tls_store *s = must_open("localhost", "a.example");
	struct stat st;
	FILE *f;
	X509 *x;

	(void)state;
	assert_int_equal(stat(cert_path("localhost.pem"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(cert_path("default.pem"), R_OK), 0);
	f = fopen(cert_path("localhost.pem"), "re");
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
	assert_int_equal(X509_self_signed(x, 1), 1);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(x)), 256);
	X509_free(x);
	f = fopen(cert_path("a.example.pem"), "re");
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_int_equal(X509_check_host(x, "a.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 0);
	X509_free(x);
	assert_string_equal(shown(s, "a.example"), "a.example");
	tls_store_free(s);
}

static void a_missing_directory_is_made(void **state)
{
	char *error = NULL;
	char path[160];
	const char *directories[2] = { path, cert_directory };
	struct tls_names none = { NULL, 0 };
	struct tls_store *s;

	(void)state;
	snprintf(path, sizeof(path), "%s/new/", cert_directory);
	s = tls_store_open(directories, 2, "default", &none, &error);
	assert_non_null(s);
	assert_int_equal(access(cert_path("new/default.pem"), R_OK), 0);
	assert_int_not_equal(access(cert_path("default.pem"), R_OK), 0);
	tls_store_free(s);
	unlink(cert_path("new/default.pem"));
	rmdir(path);
}

static void files_that_are_there_are_left_alone(void **state)
{
	struct tls_store *s = must_open("a.example", NULL);
	struct stat before, after;

	(void)state;
	tls_store_free(s);
	assert_int_equal(stat(cert_path("a.example.pem"), &before), 0);
	s = must_open("a.example", NULL);
	assert_int_equal(stat(cert_path("a.example.pem"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	tls_store_free(s);
}

static void making_never_replaces_a_file(void **state)
{
	char text[8] = "";
	FILE *f;

	(void)state;
	cert_text("x.pem", "mine");
	assert_null(tls_make(cert_directory, cert_path("x.pem"), "x"));
	f = fopen(cert_path("x.pem"), "re");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "mine");
}

static void the_first_directory_that_has_a_file_wins(void **state)
{
	char *error = NULL;
	char path[160];
	const char *directories[2] = { path, cert_directory }, *names[1] = { "a.example" };
	struct tls_names hosts = { names, 1 };
	struct cert second = cert_make("second", "DNS:a.example", 100, NULL, EVP_sha256());
	struct tls_store *s;

	(void)state;
	snprintf(path, sizeof(path), "%s/first", cert_directory);
	cert_add("a.example.pem", second.x, second.key);
	s = tls_store_open(directories, 2, "default", &hosts, &error);
	assert_non_null(s);
	assert_string_equal(shown(s, "a.example"), "second");
	assert_string_equal(shown(s, "b.example"), "default");
	tls_store_free(s);
	cert_free(&second);
	unlink(cert_path("first/default.pem"));
	rmdir(path);
}

static void the_name_asked_for_chooses(void **state)
{
	struct cert wild = cert_make("wild", "DNS:a.example,DNS:*.a.example,DNS:Alias.example", 100, NULL,
				     EVP_sha256());
	struct cert plain = cert_make("plain", "DNS:other.example", 100, NULL, EVP_sha256());
	static const struct {
		const char *asked, *shown;
	} rows[] = {
		{ "a.example", "wild" },	 { "A.EXAMPLE", "wild" },	{ "chat.a.example", "wild" },
		{ "x.chat.a.example", "default" }, { "alias.example", "wild" }, { "b.example", "plain" },
		{ "other.example", "plain" },	 { "sub.b.example", "default" }, { "unknown", "default" },
		{ NULL, "default" },		 { "a.example.", "default" },	{ ".a.example", "default" },
		{ "*.a.example", "wild" },
	};
	struct tls_store *s;

	(void)state;
	cert_add("a.example.pem", wild.x, wild.key);
	cert_add("b.example.pem", plain.x, plain.key); /* by its file name, whatever is in it */
	s = must_open("a.example", "b.example");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(shown(s, rows[i].asked), rows[i].shown);
	tls_store_free(s);
	cert_free(&wild);
	cert_free(&plain);
}

static void a_host_that_a_wildcard_covers_gets_no_file_of_its_own(void **state)
{
	struct cert wild = cert_make("wild", "DNS:*.example", 100, NULL, EVP_sha256());
	struct tls_store *s;

	(void)state;
	cert_add("default.pem", wild.x, wild.key);
	s = must_open("a.example", "b.a.example");
	assert_int_not_equal(access(cert_path("a.example.pem"), F_OK), 0);
	assert_int_equal(access(cert_path("b.a.example.pem"), F_OK), 0);
	assert_string_equal(shown(s, "a.example"), "wild");
	assert_string_equal(shown(s, "b.a.example"), "b.a.example");
	tls_store_free(s);
	cert_free(&wild);
}

static void key_and_chain_may_come_in_any_order(void **state)
{
	struct cert root = cert_make("root", NULL, 100, NULL, EVP_sha256());
	struct cert middle = cert_make("middle", NULL, 100, &root, EVP_sha256());
	struct cert leaf = cert_make("leaf", "DNS:a.example", 100, &middle, EVP_sha256());
	X509 *orders[3][3] = { { leaf.x, middle.x, root.x },
			       { root.x, leaf.x, middle.x },
			       { middle.x, root.x, leaf.x } };

	(void)state;
	for (size_t i = 0; i < 9; i++) { /* three orders, the key at three places */
		SSL *client = client_new("a.example", NULL, 0), *server;
		struct tls_store *s;
		struct tls_set *held;

		unlink(cert_path("a.example.pem"));
		for (size_t k = 0; k < 3; k++)
			cert_add("a.example.pem", orders[i / 3][k], k == i % 3 ? leaf.key : NULL);
		s = must_open("a.example", NULL);
		server = tls_server(s, NULL, "xmpp-client", &held);
		shake_hands(client, server);
		assert_string_equal(client_saw(client), "leaf");
		assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client)), 2); /* no root */
		assert_int_equal(X509_cmp(sk_X509_value(SSL_get_peer_cert_chain(client), 1), middle.x), 0);
		SSL_free(client);
		SSL_free(server);
		tls_unhold(held);
		tls_store_free(s);
	}
	cert_free(&root);
	cert_free(&middle);
	cert_free(&leaf);
}

static void a_bad_file_is_named_with_the_reason(void **state)
{
	struct cert one = cert_make("one", "DNS:a.example", 100, NULL, EVP_sha256());
	struct cert other = cert_make("other", "DNS:a.example", 100, NULL, EVP_sha256());
	FILE *f;

	(void)state;
	cert_text("a.example.pem", "");
	expect_problem("a.example.pem", "no private key in it");
	cert_text("a.example.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	expect_problem("a.example.pem", "the private key cannot be read");
	unlink(cert_path("a.example.pem"));
	cert_add("a.example.pem", NULL, one.key);
	expect_problem("a.example.pem", "no certificate in it");
	cert_add("a.example.pem", other.x, NULL);
	expect_problem("a.example.pem", "belongs to none");
	unlink(cert_path("a.example.pem"));
	f = fopen(cert_path("a.example.pem"), "we");
	PEM_write_PrivateKey(f, one.key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL);
	fclose(f);
	expect_problem("a.example.pem", "encrypted");
	unlink(cert_path("a.example.pem"));
	cert_add("a.example.pem", one.x, one.key);
	f = fopen(cert_path("a.example.pem"), "ae");
	fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f);
	fclose(f);
	expect_problem("a.example.pem", "a certificate in it cannot be read");
	unlink(cert_path("a.example.pem"));
	assert_int_equal(symlink("nowhere/at-all.pem", cert_path("a.example.pem")), 0);
	expect_problem("a.example.pem", "directory"); /* cannot be made there */
	cert_free(&one);
	cert_free(&other);
}

static void names_that_are_no_file_names_are_refused(void **state)
{
	static const char *const names[] = { "", "../x", ".hidden", "a/b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *error = NULL;

		assert_null(open_for(names[i], NULL, &error));
		assert_non_null(strstr(error, "cannot be the name"));
		free(error);
	}
}

static void count_report(void *ctx, bool fatal, const char *text)
{
	int *counts = ctx;

	assert_non_null(strstr(text, ".pem: "));
	counts[fatal]++;
}

static void looking_makes_nothing_and_names_what_is_missing(void **state)
{
	const char *directory = strdup(cert_path("certs")), *names[] = { "a.example", "x.b.example" };
	struct tls_names hosts = { names, 2 };
	struct cert one = cert_make("one", "DNS:default,DNS:*.b.example", 100, NULL, EVP_sha256());
	struct cert other = cert_make("other", "DNS:a.example", 100, NULL, EVP_sha256());
	int counts[2] = { 0, 0 };

	(void)state;
	assert_string_equal(tls_store_look(&directory, 1, "default", &hosts, count_report, counts), "default");
	assert_int_not_equal(access(directory, F_OK), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_string_equal(tls_store_look(&directory, 1, "default", &hosts, count_report, counts), "default");
	cert_add("certs/default.pem", one.x, one.key);
	assert_int_equal(chmod(cert_path("certs/default.pem"), 0600), 0);
	assert_string_equal(tls_store_look(&directory, 1, "default", &hosts, count_report, counts), "a.example");
	assert_true(counts[0] == 0 && counts[1] == 0);
	cert_add("certs/a.example.pem", other.x, one.key); /* a key of another certificate */
	assert_null(tls_store_look(&directory, 1, "default", &hosts, count_report, counts));
	assert_int_equal(counts[true], 1);
	assert_int_equal(counts[false], 0); /* nothing is remarked of what cannot be used */
	assert_int_equal(chmod(cert_path("certs/default.pem"), 0644), 0);
	assert_null(tls_store_look(&directory, 1, "default", &hosts, count_report, counts));
	assert_int_equal(counts[true], 2);
	assert_int_equal(counts[false], 1);
	unlink(cert_path("certs/default.pem"));
	unlink(cert_path("certs/a.example.pem"));
	rmdir(directory);
	free((char *)(uintptr_t)directory);
	cert_free(&one);
	cert_free(&other);
}

static void certificates_about_to_expire_are_warned_of(void **state)
{
	static const struct {
		int days;
		const char *text; /* NULL: no warning */
	} rows[] = { { 100, NULL }, { 29, "expires within 30 days" }, { 6, "expires within 7 days" }, { 1, "expires within a day" },
		{ 0, "has expired" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cert c = cert_make("a", "DNS:a.example", rows[i].days, NULL, EVP_sha256());
		char line[512], all[4096] = "";
		FILE *f;

		unlink(cert_path("a.example.pem"));
		unlink(cert_path("log"));
		cert_add("a.example.pem", c.x, c.key);
		log_open(cert_path("log"));
		tls_store_free(must_open("a.example", NULL));
		log_open(NULL);
		f = fopen(cert_path("log"), "re");
		while (fgets(line, sizeof(line), f))
			if (strstr(line, "a.example.pem") && !strstr(line, "everybody"))
				strncat(all, line, sizeof(all) - strlen(all) - 1);
		fclose(f);
		assert_int_equal(*all != '\0', rows[i].text != NULL);
		if (rows[i].text)
			assert_non_null(strstr(all, rows[i].text));
		cert_free(&c);
	}
}

static void a_reload_takes_over_what_is_good_and_keeps_the_old_otherwise(void **state)
{
	struct cert fresh = cert_make("fresh", "DNS:a.example", 100, NULL, EVP_sha256());
	struct tls_store *s = must_open("a.example", NULL);
	SSL *client = client_new("a.example", NULL, 0), *server;
	struct tls_set *held;
	char *error = NULL;

	(void)state;
	cert_text("a.example.pem", "broken");
	assert_false(tls_store_reload(s, &error));
	assert_non_null(strstr(error, "a.example.pem: no private key"));
	free(error);
	assert_string_equal(shown(s, "a.example"), "a.example");
	server = tls_server(s, NULL, "xmpp-client", &held); /* begun before, ended after */
	unlink(cert_path("a.example.pem"));
	/* somebody renews it right now: nothing is put in its place */
	assert_false(tls_store_reload(s, &error));
	assert_non_null(strstr(error, "a.example.pem: No such file"));
	free(error);
	assert_int_equal(access(cert_path("a.example.pem"), F_OK), -1);
	assert_string_equal(shown(s, "a.example"), "a.example");
	cert_add("a.example.pem", fresh.x, fresh.key);
	assert_true(tls_store_reload(s, &error));
	assert_string_equal(shown(s, "a.example"), "fresh");
	shake_hands(client, server);
	assert_string_equal(client_saw(client), "a.example");
	SSL_free(client);
	SSL_free(server);
	tls_unhold(held);
	tls_store_free(s);
	cert_free(&fresh);
}

/* Whether the two agree, and on what protocol version. */
static bool agree(struct tls_store *s, SSL *client, const char *alpn)
{
	struct tls_set *held;
	SSL *server = tls_server(s, NULL, alpn, &held);
	bool ok;

	shake_hands(client, server);
	ok = SSL_is_init_finished(client) && SSL_is_init_finished(server);
	SSL_free(server);
	tls_unhold(held);
	return ok;
}

static void old_versions_and_weak_ciphers_are_refused(void **state)
{
	static const struct {
		int version;
		const char *ciphers;
		bool ok;
	} rows[] = {
		{ TLS1_VERSION, NULL, false },
		{ TLS1_1_VERSION, NULL, false },
		{ TLS1_2_VERSION, NULL, true },
		{ TLS1_3_VERSION, NULL, true },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", false },
		{ TLS1_2_VERSION, "AES128-GCM-SHA256:AECDH-AES128-SHA:ADH-AES128-SHA:NULL-SHA", false },
	};
	struct tls_store *s = must_open("a.example", NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SSL *client = client_new("a.example", NULL, rows[i].version);

		if (rows[i].ciphers)
			SSL_set_cipher_list(client, rows[i].ciphers);
		assert_int_equal(agree(s, client, "xmpp-client"), rows[i].ok);
		if (rows[i].ok)
			assert_int_equal(SSL_version(client), rows[i].version);
		SSL_free(client);
	}
	tls_store_free(s);
}

static void a_client_of_another_protocol_is_refused(void **state)
{
	static const struct {
		const char *spoken, *offered;
		bool ok;
	} rows[] = {
		{ "xmpp-client", NULL, true },	    { "xmpp-client", "xmpp-client", true },
		{ "xmpp-client", "smtp", false },   { "xmpp-client", "xmpp", false },
		{ "h2,http/1.1", "http/1.1", true }, { "http/1.1", "xmpp-client", false },
	};
	struct tls_store *s = must_open("a.example", NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SSL *client = client_new("a.example", rows[i].offered, 0);
		const unsigned char *chosen;
		unsigned n;

		assert_int_equal(agree(s, client, rows[i].spoken), rows[i].ok);
		SSL_get0_alpn_selected(client, &chosen, &n);
		if (rows[i].ok && rows[i].offered)
			assert_true(span_is((struct span){ (const char *)chosen, n }, rows[i].offered));
		SSL_free(client);
	}
	tls_store_free(s);
}

static void a_session_is_resumed_under_its_own_name_alone(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_store *s = must_open("a.example", "b.example");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		SSL *first = client_new("a.example", NULL, versions[i]), *again, *elsewhere;
		SSL_SESSION *session;

		assert_true(agree(s, first, "xmpp-client"));
		session = SSL_get1_session(first);
		assert_int_equal(SSL_SESSION_get_max_early_data(session), 0); /* H021 */
		again = client_new("a.example", NULL, versions[i]);
		SSL_set_session(again, session);
		assert_true(agree(s, again, "xmpp-client"));
		assert_int_equal(SSL_session_reused(again), 1);
		elsewhere = client_new("b.example", NULL, versions[i]);
		SSL_set_session(elsewhere, session);
		agree(s, elsewhere, "xmpp-client");
		assert_int_equal(SSL_session_reused(elsewhere), 0);
		SSL_SESSION_free(session);
		SSL_free(first);
		SSL_free(again);
		SSL_free(elsewhere);
	}
	tls_store_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(missing_certificates_are_made_for_their_names),
		TEST(a_missing_directory_is_made),
		TEST(files_that_are_there_are_left_alone),
		TEST(making_never_replaces_a_file),
		TEST(the_first_directory_that_has_a_file_wins),
		TEST(the_name_asked_for_chooses),
		TEST(a_host_that_a_wildcard_covers_gets_no_file_of_its_own),
		TEST(key_and_chain_may_come_in_any_order),
		TEST(a_bad_file_is_named_with_the_reason),
		TEST(names_that_are_no_file_names_are_refused),
		TEST(looking_makes_nothing_and_names_what_is_missing),
		TEST(certificates_about_to_expire_are_warned_of),
		TEST(a_reload_takes_over_what_is_good_and_keeps_the_old_otherwise),
		TEST(old_versions_and_weak_ciphers_are_refused),
		TEST(a_client_of_another_protocol_is_refused),
		TEST(a_session_is_resumed_under_its_own_name_alone),
	};
	int failed;

	log_set_level(LOG_LEVEL_WARNING);
	failed = RUN(tests);
	SSL_CTX_free(client_context);
	return failed;
}
