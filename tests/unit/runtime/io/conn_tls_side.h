#pragma once
/* A connection of the server under TLS, and its client: OpenSSL's own, on a blocking socket. */
#include "tests/support/io.h"
#include "tests/support/tls_client.h"

#include <signal.h>

#include "runtime/log.h"

static struct tls_store *store;

static UNUSED int setup(void **state)
{
	static const char *const names[] = { "a.example", "b.example" };
	const char *directories[1] = { cert_directory };
	struct tls_names hosts = { names, 2 };
	char *error = NULL;

	signal(SIGPIPE, SIG_IGN); /* for the client */
	log_set_level(LOG_LEVEL_ERROR);
	cert_directory_make();
	directories[0] = cert_directory;
	store = tls_store_open(directories, 1, "default", &hosts, &error);
	if (!store)
		fail_msg("%s", error);
	return io_setup(state);
}

static UNUSED int teardown(void **state)
{
	io_teardown(state);
	tls_store_free(store);
	cert_directory_remove();
	SSL_CTX_free(client_context);
	return 0;
}

static UNUSED void start_tls(void *arg)
{
	struct side *s = arg;

	conn_start_tls(s->c, store, NULL, "xmpp-client");
}

/* A connection that waits for a handshake; returns the client's socket. */
static UNUSED int open_tls(struct side *s)
{
	int fd = side_open_on(s, AF_INET);

	io_call(0, start_tls, s);
	return fd;
}

static UNUSED SSL *client_on(int fd, const char *host, const char *alpn, int version)
{
	SSL *client = client_new(host, alpn, version);

	SSL_set_fd(client, fd);
	return client;
}

static UNUSED SSL *must_shake_hands(int fd, const char *host, int version)
{
	SSL *client = client_on(fd, host, "xmpp-client", version);

	assert_int_equal(SSL_connect(client), 1);
	return client;
}

static UNUSED void expect_read(SSL *client, const char *text)
{
	char got[256] = "";
	int n = (int)strlen(text), done = 0;

	while (done < n) {
		int more = SSL_read(client, got + done, n - done);

		assert_true(more > 0);
		done += more;
	}
	assert_string_equal(got, text);
}

static UNUSED void write_extra(void *arg)
{
	struct side *s = arg;

	conn_write(s->c, span_of(s->extra));
}

static UNUSED void expect_end(struct side *s, enum conn_end why)
{
	side_wait(s, s->ended);
	assert_int_equal(s->why, why);
}
