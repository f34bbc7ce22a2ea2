/* Session tickets: how many, sealed with which key, for how long; and what else the policy says about sessions. */
#include "tests/support/tls_client.h"

#include "runtime/io/tls_inner.h"
#include "runtime/log.h"
#include "runtime/outside.h"

#define HOUR_US 3600000000ull

static uint64_t clock_us = 1000 * HOUR_US;

static uint64_t our_mono(void)
{
	return clock_us;
}
static uint64_t our_wall(void)
{
	return (uint64_t)time(NULL) * 1000000u;
}
static void our_random(void *out, size_t bytes)
{
	assert_int_equal(RAND_bytes(out, (int)bytes), 1);
}

static struct tls_store *store;

static int setup(void **state)
{
	static const struct outside world = { our_mono, our_wall, our_random };
	const char *directories[1] = { cert_directory }, *names[1] = { "a.example" };
	struct tls_names hosts = { names, 1 };
	char *error = NULL;

	(void)state;
	outside_replace(&world);
	cert_directory_make();
	directories[0] = cert_directory;
	store = tls_store_open(directories, 1, "default", &hosts, &error);
	if (!store)
		fail_msg("%s", error);
	return 0;
}
static int teardown(void **state)
{
	(void)state;
	tls_store_free(store);
	cert_directory_remove();
	outside_replace(NULL);
	return 0;
}

/* One connection; `with` (may be NULL) is offered for resumption. */
struct visit {
	SSL *client;
	bool done, resumed;
	SSL_SESSION *session; /* what the server gave, or NULL */
};

static struct visit visit(int version, SSL_SESSION *with)
{
	struct visit v = { .client = client_new("a.example", NULL, version) };
	struct tls_set *held;
	SSL *server = tls_server(store, NULL, "xmpp-client", &held);

	if (with)
		SSL_set_session(v.client, with);
	shake_hands(v.client, server);
	v.done = SSL_is_init_finished(v.client) && SSL_is_init_finished(server);
	v.resumed = SSL_session_reused(v.client);
	v.session = SSL_get1_session(v.client);
	SSL_free(server);
	tls_unhold(held);
	return v;
}
static void leave(struct visit *v)
{
	SSL_SESSION_free(v->session);
	SSL_free(v->client);
}

/* The name of the key is the ticket's beginning (RFC 5077 4). */
static const unsigned char *key_name(const struct visit *v)
{
	const unsigned char *ticket;
	size_t n;

	SSL_SESSION_get0_ticket(v->session, &ticket, &n);
	assert_true(ticket && n > 16);
	return ticket;
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void keys_change_after_twelve_hours(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct visit first = visit(versions[i], NULL), soon, later;

		assert_true(first.done && !first.resumed);
		clock_us += 11 * HOUR_US;
		soon = visit(versions[i], NULL);
		assert_memory_equal(key_name(&soon), key_name(&first), 16);
		clock_us += 2 * HOUR_US;
		later = visit(versions[i], NULL);
		assert_memory_not_equal(key_name(&later), key_name(&first), 16);
		leave(&first);
		leave(&soon);
		leave(&later);
		clock_us += 48 * HOUR_US;
	}
}

static void the_key_before_opens_and_its_tickets_are_replaced(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct visit first = visit(versions[i], NULL), again;

		clock_us += 13 * HOUR_US;
		again = visit(versions[i], first.session);
		assert_true(again.done && again.resumed);
		assert_memory_not_equal(key_name(&again), key_name(&first), 16);
		leave(&first);
		leave(&again);
		clock_us += 48 * HOUR_US;
	}
}

static void a_key_of_the_day_before_opens_nothing(void **state)
{
	static const struct {
		unsigned hours[2];
	} rows[] = { { { 25, 0 } }, { { 13, 13 } } }; /* a quiet night; a busy one */

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct visit first = visit(versions[i % 2], NULL), between, again;

		clock_us += rows[i / 2].hours[0] * HOUR_US;
		between = visit(versions[i % 2], NULL);
		clock_us += rows[i / 2].hours[1] * HOUR_US;
		again = visit(versions[i % 2], first.session);
		assert_true(again.done);
		assert_false(again.resumed);
		leave(&first);
		leave(&between);
		leave(&again);
	}
}

static void a_reload_keeps_the_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct visit first = visit(versions[i], NULL), again;
		char *error;

		assert_true(tls_store_reload(store, &error));
		again = visit(versions[i], first.session);
		assert_true(again.done && again.resumed);
		leave(&first);
		leave(&again);
	}
}

static void a_forged_ticket_means_a_full_handshake(void **state)
{
	struct visit first = visit(TLS1_2_VERSION, NULL), again;
	unsigned char *der = NULL, *at;
	const unsigned char *ticket = key_name(&first), *from;
	int n = i2d_SSL_SESSION(first.session, &der);
	SSL_SESSION *forged;

	(void)state;
	assert_true(n > 0);
	at = memmem(der, (size_t)n, ticket, 48);
	assert_non_null(at);
	at[40] ^= 1; /* sealed bytes, behind name and IV */
	from = der;
	forged = d2i_SSL_SESSION(NULL, &from, n);
	assert_non_null(forged);
	again = visit(TLS1_2_VERSION, forged);
	assert_true(again.done);
	assert_false(again.resumed);
	SSL_SESSION_free(forged);
	OPENSSL_free(der);
	leave(&first);
	leave(&again);
}

static unsigned tickets_seen;

static int count_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	(void)session;
	tickets_seen++;
	return 0;
}

static void a_handshake_gives_one_ticket(void **state)
{
	struct visit v;

	(void)state;
	SSL_free(client_new("a.example", NULL, 0)); /* so that there is a context */
	SSL_CTX_set_session_cache_mode(client_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client_context, count_ticket);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		tickets_seen = 0;
		v = visit(versions[i], NULL);
		assert_int_equal(tickets_seen, 1);
		leave(&v);
	}
	SSL_CTX_sess_set_new_cb(client_context, NULL);
}

static void only_the_groups_of_the_policy_agree(void **state)
{
	static const struct {
		const char *groups;
		bool ok;
	} rows[] = { { "X25519", true }, { "P-256", true }, { "P-384", true }, { "P-521", false }, { "X448", false }, { "ffdhe2048", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SSL *client = client_new("a.example", NULL, TLS1_3_VERSION), *server;
		struct tls_set *held;

		assert_int_equal(SSL_set1_groups_list(client, rows[i].groups), 1);
		server = tls_server(store, NULL, "xmpp-client", &held);
		shake_hands(client, server);
		assert_int_equal(SSL_is_init_finished(client) && SSL_is_init_finished(server), rows[i].ok);
		SSL_free(client);
		SSL_free(server);
		tls_unhold(held);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(keys_change_after_twelve_hours),
		TEST(the_key_before_opens_and_its_tickets_are_replaced),
		TEST(a_key_of_the_day_before_opens_nothing),
		TEST(a_reload_keeps_the_keys),
		TEST(a_forged_ticket_means_a_full_handshake),
		TEST(a_handshake_gives_one_ticket),
		TEST(only_the_groups_of_the_policy_agree),
	};
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	failed = RUN(tests);
	SSL_CTX_free(client_context);
	return failed;
}
