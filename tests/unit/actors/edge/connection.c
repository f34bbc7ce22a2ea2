/* Admission: limits of an address and in all, and moving to the worker of the shard. */
#include "world.h"

#include "runtime/actor/engine.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_new(EXEMPT_NOBODY "sess-man/limits/connections-per-address[I]=4\n"
				    "sess-man/limits/unauthenticated-per-address[I]=3\n", 1);
	return 0;
}

static int setup_rate(void **state)
{
	(void)state;
	w = world_new(EXEMPT_NOBODY "sess-man/limits/connection-rate-per-address[I]=2\n", 1);
	return 0;
}

static int setup_total(void **state)
{
	(void)state;
	w = world_new(EXEMPT_NOBODY "sess-man/limits/unauthenticated-total[I]=3\n", 1);
	return 0;
}

static int setup_two_workers(void **state)
{
	(void)state;
	w = world_new("", 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

#define UPGRADE \
	"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"

static void log_in(struct client *c)
{
	client_send(c, HEAD ANONYMOUS_AUTH HEAD BIND_IQ);
	assert_has(client_read(c), "<jid>");
}

/* A request first does not make room for one more: on a WebSocket somebody has to log in. */
static void a_websocket_counts_as_a_stranger_whatever_came_before(void **state)
{
	struct client *all[4];

	(void)state;
	for (int i = 0; i < 3; i++) {
		all[i] = client_new(w, CONFIG_COMPONENT_bosh);
		http_get(all[i], "/healthz", NULL);
		assert_has(client_read(all[i]), " 200 ");
	}
	all[3] = client_new(w, CONFIG_COMPONENT_c2s);
	for (int i = 0; i < 3; i++) {
		client_send(all[i], UPGRADE);
		assert_has(client_read(all[i]), i < 2 ? " 101 " : " 503 ");
	}
	assert_int_equal(w->edges[0]->unauthenticated_count, 3);
	for (int i = 0; i < 4; i++) {
		if (all[i]->conn)
			client_drop(all[i], CONN_END_CLOSED);
		client_free(all[i]);
	}
	assert_int_equal(w->edges[0]->unauthenticated_count, 0);
}

static void connections_of_an_address_are_limited_before_and_after_login(void **state)
{
	struct client *all[6];

	(void)state;
	for (int i = 0; i < 3; i++)
		all[i] = client_new(w, CONFIG_COMPONENT_c2s);
	all[3] = client_new(w, CONFIG_COMPONENT_bosh);
	assert_true(all[3]->refused); /* three wait for their login */
	log_in(all[0]);
	client_free(all[3]);
	all[3] = client_new(w, CONFIG_COMPONENT_bosh);
	assert_false(all[3]->refused);
	log_in(all[1]);
	all[4] = client_new(w, CONFIG_COMPONENT_c2s);
	assert_true(all[4]->refused); /* four are open */
	all[5] = client_open(w, CONFIG_COMPONENT_c2s, "203.0.113.8", 0);
	assert_false(all[5]->refused);
	client_drop(all[2], CONN_END_RESET);
	client_free(all[4]);
	all[4] = client_new(w, CONFIG_COMPONENT_c2s);
	assert_false(all[4]->refused);
	for (int i = 0; i < 6; i++)
		client_free(all[i]);
}

static void a_whole_http_request_counts_like_a_login(void **state)
{
	struct client *all[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		all[i] = client_new(w, CONFIG_COMPONENT_bosh);
		assert_false(all[i]->refused);
		http_get(all[i], "/healthz", NULL);
		assert_has(client_read(all[i]), " 200 OK");
	}
	for (int i = 0; i < 4; i++)
		client_free(all[i]);
}

static void an_address_connects_at_a_rate(void **state)
{
	struct client *c;
	int accepted = 0;

	(void)state;
	for (int i = 0; i < 15; i++) {
		c = client_new(w, CONFIG_COMPONENT_c2s);
		accepted += !c->refused;
		if (c->conn)
			client_drop(c, CONN_END_PEER);
		client_free(c);
	}
	assert_int_equal(accepted, 10);
	world_pass(w, 1000);
	c = client_new(w, CONFIG_COMPONENT_c2s);
	assert_false(c->refused);
	client_free(c);
}

static void the_oldest_stranger_makes_room(void **state)
{
	static const char *const addresses[] = { "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5" };
	struct client *all[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		all[i] = client_open(w, CONFIG_COMPONENT_c2s, addresses[i], 0);
		if (i == 0)
			log_in(all[0]);
	}
	assert_non_null(all[0]->conn); /* logged in: not concerned */
	assert_null(all[1]->conn);
	assert_non_null(all[2]->conn);
	assert_non_null(all[4]->conn);
	for (int i = 0; i < 5; i++)
		client_free(all[i]);
}

static void a_stream_moves_to_the_worker_of_its_shard_and_goes_on(void **state)
{
	struct client *all[8];
	bool moved = false, stayed = false;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		all[i] = client_new(w, CONFIG_COMPONENT_c2s);
		client_send(all[i], HEAD ANONYMOUS_AUTH HEAD BIND_IQ "<presence/>"); /* bytes travel along */
		assert_has(client_read(all[i]), "<jid>v-");
		assert_has(world_log(w), "<presence");
		moved = moved || w->link.edge == w->server.edge[1];
		stayed = stayed || w->link.edge == w->server.edge[0];
		world_deliver(w, "<message xmlns='jabber:client'><body>there</body></message>", 1);
		assert_has(client_read(all[i]), "<body>there</body>");
	}
	assert_true(moved && stayed);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		client_drop(all[i], CONN_END_PEER);
		client_free(all[i]);
	}
	assert_int_equal(count_of(world_log(w), "CLOSED"), 8);
}

static void a_connection_that_dies_on_its_way_is_buried_there(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_c2s);

		conn_memory_feed(c->conn, SPAN_LIT(HEAD ANONYMOUS_AUTH HEAD));
		if (c->conn)
			conn_memory_end(c->conn, CONN_END_RESET); /* before anybody has run */
		world_run(w);
		client_free(c);
	}
	assert_lacks(world_log(w), "BIND");
}

int main(void)
{
#define WITH(name, start_it) cmocka_unit_test_setup_teardown(name, start_it, teardown)
	const struct CMUnitTest tests[] = {
		WITH(connections_of_an_address_are_limited_before_and_after_login, setup),
		WITH(a_websocket_counts_as_a_stranger_whatever_came_before, setup),
		WITH(a_whole_http_request_counts_like_a_login, setup),
		WITH(an_address_connects_at_a_rate, setup_rate),
		WITH(the_oldest_stranger_makes_room, setup_total),
		WITH(a_stream_moves_to_the_worker_of_its_shard_and_goes_on, setup_two_workers),
		WITH(a_connection_that_dies_on_its_way_is_buried_there, setup_two_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
