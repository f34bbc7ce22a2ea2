/* When a client's input waits: rates of its regime, a shard that is behind, output it does not take. */
#include "world.h"

#include <stdio.h>

#include "runtime/actor/engine.h"

#define MESSAGE "<message to='bob@localhost'><body>x</body></message>"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_new("sess-man/limits/visitor/stanza-rate[I]=5\nsess-man/limits/visitor/stanza-burst[I]=10\n"
		      "sess-man/limits/visitor/output-soft[I]=1000\nsess-man/limits/visitor/output-hard[I]=4000\n"
		      "sess-man/limits/before-login/byte-rate[I]=1000\nsess-man/limits/before-login/byte-burst[I]=2000\n", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static struct client *visitor(void)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);

	client_send(c, HEAD ANONYMOUS_AUTH HEAD BIND_IQ);
	assert_has(client_read(c), "<jid>v-");
	world_log(w);
	return c;
}

static void send_many(struct client *c, int count)
{
	struct buf text = BUF_INIT;
	char *all;

	for (int i = 0; i < count; i++)
		buf_add_text(&text, MESSAGE);
	all = buf_take_text(&text);
	client_send(c, all);
	free(all);
}

static void stanzas_over_the_rate_wait_and_none_is_lost(void **state)
{
	struct client *c = visitor();
	unsigned got = 0;

	(void)state;
	send_many(c, 30);
	got = count_of(world_log(w), "INBOUND");
	assert_in_range(got, 10, 12);
	world_pass(w, 2000);
	got += count_of(world_log(w), "INBOUND");
	assert_in_range(got, 19, 22);
	world_pass(w, 4000);
	got += count_of(world_log(w), "INBOUND");
	assert_int_equal(got, 30);
	client_free(c);
}

static void bytes_over_the_rate_wait(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_c2s);
	char spaces[4000];

	(void)state;
	client_send(c, HEAD);
	memset(spaces, ' ', sizeof(spaces));
	client_send_bytes(c, spaces, sizeof(spaces));
	client_send(c, ANONYMOUS_AUTH);
	assert_lacks(client_read(c), "<success");
	world_pass(w, 3000);
	assert_has(client_read(c), "<success");
	client_free(c);
}

static void check_not_read(actor_id busy)
{
	struct client *c = visitor();

	for (int i = 0; i < 60; i++) {
		struct shard_written *m = MSG_NEW(shard_written, shard_written);

		actor_send(busy, &m);
	}
	send_many(c, 5);
	assert_in_range(count_of(world_log(w), "INBOUND"), 1, 4);
	world_pass(w, 200);
	assert_in_range(count_of(world_log(w), "INBOUND"), 1, 4);
	client_free(c);
}

static void a_client_of_a_busy_shard_is_not_read(void **state)
{
	(void)state;
	check_not_read(w->server.shard[0]);
}

static void look_away(void *nothing, struct msg *m)
{
	(void)nothing;
	(void)m;
}

static void nobody_is_read_while_the_store_is_behind(void **state)
{
	static const struct behaviour small = { .name = "small store", .placement = ACTOR_PINNED, .receive = look_away, .mailbox_max = 64 };
	actor_id store = w->server.store;

	(void)state;
	w->server.store = actor_spawn(&small, NULL, 0);
	check_not_read(w->server.store);
	w->server.store = store;
}

static void a_client_that_does_not_read_is_not_read_and_then_cut_off(void **state)
{
	struct client *c = visitor();
	char big[1700];
	const char *text;

	(void)state;
	snprintf(big, sizeof(big), "<message xmlns='jabber:client'><body>%01500d</body></message>", 7);
	conn_memory_stall(c->conn, true);
	world_deliver(w, big, 0);
	send_many(c, 3);
	assert_int_equal(count_of(world_log(w), "INBOUND"), 1); /* the soft bound is seen after the first */
	world_deliver(w, big, 0);
	world_deliver(w, big, 0);
	text = world_log(w);
	assert_int_equal(count_of(text, "UNDELIVERED"), 3);
	assert_has(text, "CLOSED session=1 reason=2\n");
	client_free(c);
}

static void a_client_that_reads_again_goes_on(void **state)
{
	struct client *c = visitor();
	char big[1700];

	(void)state;
	snprintf(big, sizeof(big), "<message xmlns='jabber:client'><body>%01500d</body></message>", 7);
	conn_memory_stall(c->conn, true);
	world_deliver(w, big, 9);
	send_many(c, 3);
	assert_lacks(world_log(w), "WRITTEN");
	conn_memory_stall(c->conn, false);
	world_pass(w, 200);
	assert_has(world_log(w), "WRITTEN 9\n");
	assert_has(client_read(c), "<body>000");
	client_free(c);
}

static void messages_for_a_closing_stream_follow_those_before_them_back(void **state)
{
	struct client *c = visitor();
	const char *text, *one, *two;

	(void)state;
	conn_memory_stall(c->conn, true);
	world_deliver(w, "<message xmlns='jabber:client' id='one'/>", 0);
	client_send(c, "</stream:stream>");
	world_deliver(w, "<message xmlns='jabber:client' id='two'/>", 0);
	assert_string_equal(world_log(w), "");
	client_drop(c, CONN_END_RESET);
	text = world_log(w);
	one = strstr(text, "id='one'");
	two = strstr(text, "id='two'");
	assert_true(one && two && one < two && two < strstr(text, "CLOSED session=1 reason=0\n"));
	client_free(c);
}

/* What crosses the end of its stream is as good as written and not out: its sender must hear what became of it. */
static void what_somebody_waits_for_comes_back_from_a_stale_link(void **state)
{
	static const struct {
		const char *xml;
		bool back;
	} rows[] = {
		{ "<message xmlns='jabber:client' id='m'><body>x</body></message>", true },
		{ "<iq xmlns='jabber:client' type='get' id='g'><ping xmlns='urn:xmpp:ping'/></iq>", true },
		{ "<iq xmlns='jabber:client' type='set' id='s'><x xmlns='urn:x'/></iq>", true },
		{ "<iq xmlns='jabber:client' type='result' id='r'/>", false },
		{ "<iq xmlns='jabber:client' type='error' id='e'/>", false },
		{ "<presence xmlns='jabber:client'/>", false },
	};
	struct client *c = visitor();

	(void)state;
	client_send(c, "</stream:stream>");
	assert_has(world_log(w), "CLOSED");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *log;

		world_deliver(w, rows[i].xml, 0);
		log = world_log(w);
		if ((strstr(log, "UNDELIVERED") != NULL) != rows[i].back)
			fail_msg("%s: the shard got \"%s\"", rows[i].xml, log);
	}
	client_free(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(stanzas_over_the_rate_wait_and_none_is_lost),
		TEST(bytes_over_the_rate_wait),
		TEST(a_client_of_a_busy_shard_is_not_read),
		TEST(nobody_is_read_while_the_store_is_behind),
		TEST(nobody_is_read_while_the_store_is_behind),
		TEST(a_client_that_does_not_read_is_not_read_and_then_cut_off),
		TEST(a_client_that_reads_again_goes_on),
		TEST(messages_for_a_closing_stream_follow_those_before_them_back),
		TEST(what_somebody_waits_for_comes_back_from_a_stale_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
