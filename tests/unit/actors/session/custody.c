/* Messages whose senders wait to hear that they are safe: when they hear it, and what is on disk meanwhile. */
#include "world.h"

#define DELAY_MS 100 /* sess-man/durability-delay */
#define ROMEO "romeo@localhost"

static const char *const hello = "<message to='romeo@localhost' type='chat' id='m1'><body>hello</body></message>";

struct fixture {
	struct world *w;
	unsigned a, r;
};

static struct fixture begin(const char *lines)
{
	struct world *w = world_new(lines);
	struct fixture f = { w, client_online(w, "alice@localhost", "a"), client_online(w, ROMEO, "r") };

	f.w->clients[f.r].slow = true;
	return f;
}

static void a_receiver_in_time_costs_no_row(void **state)
{
	struct fixture f = begin(NO_DESK);
	int64_t saved = metric_read(METRIC_custody_saved);

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	assert_log(f.w, f.a, "");
	world_pass(f.w, DELAY_MS / 2);
	client_writes(f.w, f.r);
	assert_log(f.w, f.a, "HANDLED 1\n");
	world_pass(f.w, 2 * DELAY_MS);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	assert_int_equal(metric_read(METRIC_custody_saved), saved);
	assert_int_equal(metric_read(METRIC_custody), 0);
	assert_has(client_log(f.w, f.r), "hello");
	world_free(f.w);
}

static void what_is_not_acknowledged_is_on_disk_before_the_sender_hears(void **state)
{
	struct fixture f = begin(NO_DESK);

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	assert_int_equal(f.w->clients[f.r].kept_count, 1); /* delivery has not waited */
	f.w->store_stalls = true;
	world_pass(f.w, DELAY_MS);
	assert_log(f.w, f.a, "");
	world_release_store(f.w);
	assert_log(f.w, f.a, "HANDLED 1\n");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1);
	client_writes(f.w, f.r);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	assert_log(f.w, f.a, "");
	world_free(f.w);
}

static void acknowledged_while_it_is_written_leaves_no_row(void **state)
{
	struct fixture f = begin(NO_DESK);

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	f.w->store_stalls = true;
	world_pass(f.w, DELAY_MS);
	client_writes(f.w, f.r);
	assert_log(f.w, f.a, "HANDLED 1\n"); /* the receiver has it: better than a row */
	world_release_store(f.w);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	assert_log(f.w, f.a, "");
	world_free(f.w);
}

static void a_store_that_fails_is_tried_again(void **state)
{
	struct fixture f = begin(NO_DESK);

	(void)state;
	f.w->store_answer = STATUS_FULL;
	client_send_owed(f.w, f.a, hello, 1);
	world_pass(f.w, 60000);
	assert_log(f.w, f.a, ""); /* no word, and no error: it may arrive yet */
	f.w->store_answer = STATUS_OK;
	world_pass(f.w, 6000);
	assert_log(f.w, f.a, "HANDLED 1\n");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1);
	client_writes(f.w, f.r);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	world_free(f.w);
}

/* Its sender was told that it is safe, and it is, in its row: that stays until the message is kept elsewhere, however often the store
 * refuses, and nobody is told of an error. What comes after it waits behind it. */
static void what_was_promised_keeps_its_row_until_it_is_kept_elsewhere(void **state)
{
	struct fixture f = begin(NO_DESK);
	unsigned again;
	const char *log;

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	world_pass(f.w, DELAY_MS);
	assert_log(f.w, f.a, "HANDLED 1\n");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1);
	f.w->store_answer = STATUS_IO;
	client_drop(f.w, f.r, CLOSE_SOCKET_LOST);
	world_pass(f.w, 12000); /* tried twice again */
	assert_log(f.w, f.a, "");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1);
	assert_int_equal(world_offline_rows(f.w, ROMEO), 0);
	client_send(f.w, f.a, "<message to='romeo@localhost' type='chat' id='m2'><body>later</body></message>");
	f.w->store_answer = STATUS_OK;
	world_pass(f.w, 6000);
	assert_log(f.w, f.a, "");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	assert_int_equal(world_offline_rows(f.w, ROMEO), 2);
	again = client_new(f.w, ROMEO, "r2");
	client_send(f.w, again, "<presence/>");
	log = client_log(f.w, again);
	assert_has(log, "hello");
	assert_has(strstr(log, "hello"), "later");
	assert_int_equal(metric_read(METRIC_custody), 0);
	world_free(f.w);
}

static bool show_id(void *ctx, const struct store_log_row *row)
{
	const char *id = strstr(row->value.p, "id='");

	buf_addf(ctx, "%.2s ", id ? id + 4 : "?");
	return true;
}

/* A crash makes offline messages of the rows, in their order. */
static void what_comes_after_a_failure_waits_behind_it(void **state)
{
	struct fixture f = begin(NO_DESK);
	struct buf ids = BUF_INIT;

	(void)state;
	f.w->store_answer = STATUS_FULL;
	client_send_owed(f.w, f.a, hello, 1);
	world_pass(f.w, 2 * DELAY_MS);
	f.w->store_answer = STATUS_OK;
	client_send_owed(f.w, f.a, "<message to='romeo@localhost' type='chat' id='m2'><body>again</body></message>", 2);
	world_pass(f.w, 2 * DELAY_MS);
	assert_log(f.w, f.a, "");
	world_pass(f.w, 6000);
	assert_log(f.w, f.a, "HANDLED 1\nHANDLED 2\n");
	assert_int_equal(store_log_read(f.w->reader, STORE_PENDING, SPAN_LIT(ROMEO), SPAN_NONE, 0, 0, show_id, &ids), STATUS_OK);
	assert_true(span_is(buf_span(&ids), "m1 m2 "));
	buf_fini(&ids);
	client_writes(f.w, f.r);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	world_free(f.w);
}

static void a_lost_receiver_makes_it_an_offline_message(void **state)
{
	(void)state;
	for (int saved = 0; saved < 2; saved++) {
		struct fixture f = begin(NO_DESK);

		client_send_owed(f.w, f.a, hello, 1);
		if (saved)
			world_pass(f.w, DELAY_MS);
		assert_log(f.w, f.a, saved ? "HANDLED 1\n" : "");
		client_drop(f.w, f.r, CLOSE_SOCKET_LOST);
		assert_log(f.w, f.a, saved ? "" : "HANDLED 1\n");
		assert_int_equal(world_offline_rows(f.w, ROMEO), 1);
		assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
		f.r = client_online(f.w, ROMEO, "r2");
		assert_int_equal(world_offline_rows(f.w, ROMEO), 0);
		world_free(f.w);
	}
}

/* So recovery knows that two rows are the same message, and its receiver when it was said. */
static void it_keeps_its_time_wherever_it_is_kept(void **state)
{
	struct fixture f = begin(NO_DESK);

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	world_pass(f.w, 60000);
	client_drop(f.w, f.r, CLOSE_SOCKET_LOST);
	f.r = client_new(f.w, ROMEO, "r2");
	client_send(f.w, f.r, "<presence/>");
	assert_has(client_log(f.w, f.r), "stamp='2026-01-01T00:00:00");
	world_free(f.w);
}

/* Its receiver takes a page of offline messages, and takes its time. */
static void what_waits_behind_offline_messages_is_safe_too(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/amp/store-limit[L]=1000\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		client_send(w, a, "<message to='romeo@localhost' type='chat'><body>old</body></message>");
	assert_int_equal(world_offline_rows(w, ROMEO), 100);
	r = client_new(w, ROMEO, "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	client_log(w, a);
	client_send_owed(w, a, hello, 1);
	client_send_owed(w, a, "<message to='romeo@localhost' type='headline'><body>news</body></message>", 2);
	assert_log(w, a, "HANDLED 2\n");
	world_pass(w, DELAY_MS);
	assert_log(w, a, "HANDLED 1\n");
	assert_int_equal(world_pending_rows(w, ROMEO), 1);
	client_drop(w, r, CLOSE_SOCKET_LOST);
	assert_int_equal(world_pending_rows(w, ROMEO), 0);
	assert_int_equal(world_offline_rows(w, ROMEO), 101);
	assert_int_equal(metric_read(METRIC_custody), 0);
	r = client_new(w, ROMEO, "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	client_send_owed(w, a, "<message to='romeo@localhost' type='chat' id='m2'><body>live</body></message>", 3);
	world_pass(w, DELAY_MS);
	assert_log(w, a, "HANDLED 3\n");
	w->clients[r].slow = false;
	client_writes(w, r);
	assert_has(client_log(w, r), "<body>live</body>");
	assert_int_equal(world_offline_rows(w, ROMEO), 0);
	assert_int_equal(world_pending_rows(w, ROMEO), 0);
	assert_int_equal(metric_read(METRIC_custody), 0);
	world_free(w);
}

static void what_was_acknowledged_is_kept_over_the_limit(void **state)
{
	struct fixture f = begin("sess-man/plugins-conf/amp/store-limit[L]=1\n");

	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		client_send_owed(f.w, f.a, hello, i);
	world_pass(f.w, DELAY_MS);
	assert_log(f.w, f.a, "HANDLED 1\nHANDLED 2\nHANDLED 3\n");
	client_send_owed(f.w, f.a, hello, 4); /* not promised yet */
	client_drop(f.w, f.r, CLOSE_SOCKET_LOST);
	assert_int_equal(world_offline_rows(f.w, ROMEO), 3);
	assert_has(client_log(f.w, f.a), "<service-unavailable");
	world_free(f.w);
}

static void one_of_two_clients_is_enough(void **state)
{
	struct fixture f = begin(NO_DESK);
	unsigned second = client_online(f.w, ROMEO, "s");

	(void)state;
	f.w->clients[second].slow = true;
	client_send_owed(f.w, f.a, hello, 1);
	world_pass(f.w, DELAY_MS);
	assert_log(f.w, f.a, "HANDLED 1\n");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1);
	client_drop(f.w, f.r, CLOSE_SOCKET_LOST);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1); /* the other one has not said anything yet */
	client_writes(f.w, second);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	assert_int_equal(world_offline_rows(f.w, ROMEO), 0);
	assert_int_equal(metric_read(METRIC_custody), 0);
	world_free(f.w);
}

static void another_client_gets_what_came_back_under_the_same_row(void **state)
{
	struct fixture f = begin(NO_DESK);
	unsigned second;

	(void)state;
	client_send_owed(f.w, f.a, "<message to='romeo@localhost/r' type='chat' id='m1'><body>hello</body></message>", 1);
	world_pass(f.w, DELAY_MS);
	assert_log(f.w, f.a, "HANDLED 1\n");
	second = client_online(f.w, ROMEO, "s");
	f.w->clients[second].slow = true;
	client_drop(f.w, f.r, CLOSE_SOCKET_LOST);
	assert_int_equal(f.w->clients[second].kept_count, 2); /* r's unavailable presence and the message */
	assert_int_equal(world_pending_rows(f.w, ROMEO), 1);
	client_writes(f.w, second);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	world_free(f.w);
}

static void what_is_worth_no_row_is_handled_in_memory(void **state)
{
	struct fixture f = begin(NO_DESK);

	(void)state;
	f.w->clients[f.r].slow = false;
	client_send_owed(f.w, f.a, "<message to='romeo@localhost' type='headline'><body>news</body></message>", 1);
	client_send_owed(f.w, f.a, "<message to='romeo@localhost' type='chat'><body>psst</body><no-store xmlns='urn:xmpp:hints'/>"
			 "</message>", 2);
	client_send_owed(f.w, f.a, "<iq to='romeo@localhost/r' type='get' id='1'><q xmlns='urn:x'/></iq>", 3);
	assert_log(f.w, f.a, "HANDLED 1\nHANDLED 2\nHANDLED 3\n");
	world_pass(f.w, 2 * DELAY_MS);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	world_free(f.w);
}

/* An acknowledgement in front of the error would cover what nobody has if the server died between them. */
static void a_refused_one_is_handled_when_its_error_is_with_the_sender(void **state)
{
	static const char *const refused[] = {
		"<message to='nobody@localhost' type='chat' id='m1'><body>hello</body></message>",
		"<message to='romeo@elsewhere' type='chat' id='m1'><body>hello</body></message>",
		"<iq to='romeo@localhost/none' type='get' id='m1'><q xmlns='urn:x'/></iq>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct fixture f = begin(NO_DESK);

		f.w->clients[f.a].slow = true;
		client_send_owed(f.w, f.a, refused[i], 1);
		assert_int_equal(f.w->clients[f.a].kept_count, 1);
		assert_log(f.w, f.a, "");
		client_writes(f.w, f.a);
		assert_has(client_log(f.w, f.a), "HANDLED 1");
		world_free(f.w);
	}
}

static void an_error_does_not_wait_behind_offline_messages(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/amp/store-limit[L]=0\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r, kept;

	(void)state;
	for (unsigned i = 0; i < 150; i++) /* more than a page */
		client_send(w, a, hello);
	r = client_new(w, ROMEO, "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	kept = w->clients[r].kept_count;
	client_send(w, a, hello);
	assert_int_equal(w->clients[r].kept_count, kept); /* what others say waits for the second page */
	client_send_owed(w, r, "<message to='x@elsewhere' type='chat' id='e'><body>hello</body></message>", 1);
	assert_int_equal(w->clients[r].kept_count, kept + 1);
	world_free(w);
}

static void d0_writes_nothing(void **state)
{
	struct fixture f = begin("--virt-hosts=localhost:durability=D0\n");

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	world_pass(f.w, 10 * DELAY_MS);
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	assert_int_equal(metric_read(METRIC_custody), 0);
	client_writes(f.w, f.r);
	world_free(f.w);
}

static void what_the_desk_keeps_gets_no_row(void **state)
{
	struct fixture f = begin(DESK);
	struct packet_msg *m = MSG_NEW(shard_route, packet_msg);
	struct jid *from = jid_parse(SPAN_LIT("v-aaaaaaaaaaaaaaaaaaaa@localhost/x")), *to = jid_parse(SPAN_LIT(ROMEO "/r"));
	struct builder *b = builder_new();

	(void)state;
	builder_open(b, "message", NULL);
	builder_attr_text(b, "type", "chat");
	builder_leaf(b, "body", NULL, SPAN_LIT("help"));
	builder_close(b);
	m->packet = packet_make(builder_finish(b), from, to, PACKET_FROM_DESK | PACKET_KEPT);
	m->packet.pledge = pledge_new(f.w->server.edge[f.a % 2], f.a, 1, 7);
	actor_send(server_shard(&f.w->server, to), &m);
	world_pass(f.w, 10 * DELAY_MS);
	assert_log(f.w, f.a, "");
	assert_int_equal(world_pending_rows(f.w, ROMEO), 0);
	client_writes(f.w, f.r);
	assert_log(f.w, f.a, "HANDLED 7\n");
	builder_free(b);
	jid_unref(from);
	jid_unref(to);
	world_free(f.w);
}

/* An error would tell the visitor that it failed, and the desk that it arrived. */
static void what_the_desk_keeps_and_cannot_be_taken_goes_back(void **state)
{
	struct world *w = world_new(DESK);
	const char *desk;
	unsigned n = 0, s = client_new(w, "seat1@localhost", "x");

	(void)state;
	w->store_stalls = true;
	client_send(w, s, "<presence/>"); /* waits for the roster, and all behind it */
	world_desk(w);
	for (unsigned i = 0; i < 1001; i++)
		world_route(w, "<message from='v-aaaaaaaaaaaaaaaaaaaa@localhost/x' to='seat1@localhost' type='chat'>"
			       "<body>help</body></message>", PACKET_FROM_DESK | PACKET_KEPT);
	desk = world_desk(w);
	assert_has(desk, "DESK_UNDELIVERED");
	assert_lacks(desk, "type='error'");
	world_release_store(w);
	desk = client_log(w, s);
	for (const char *p = desk; (p = strstr(p, "<body>")); p++)
		n++;
	assert_int_equal(n, 999); /* the presence waited too */
	world_free(w);
}

static void a_receipt_of_a_session_that_is_gone_counts(void **state)
{
	struct fixture f = begin(NO_DESK);
	unsigned again;

	(void)state;
	client_send_owed(f.w, f.a, hello, 1);
	again = client_online(f.w, ROMEO, "r"); /* takes the place; what the old one had in its buffer still goes out */
	client_writes(f.w, f.r);
	assert_log(f.w, f.a, "HANDLED 1\n");
	assert_int_equal(metric_read(METRIC_custody), 0);
	assert_lacks(client_log(f.w, again), "hello");
	world_free(f.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receiver_in_time_costs_no_row),
		cmocka_unit_test(what_is_not_acknowledged_is_on_disk_before_the_sender_hears),
		cmocka_unit_test(acknowledged_while_it_is_written_leaves_no_row),
		cmocka_unit_test(a_store_that_fails_is_tried_again),
		cmocka_unit_test(what_was_promised_keeps_its_row_until_it_is_kept_elsewhere),
		cmocka_unit_test(what_comes_after_a_failure_waits_behind_it),
		cmocka_unit_test(a_lost_receiver_makes_it_an_offline_message),
		cmocka_unit_test(it_keeps_its_time_wherever_it_is_kept),
		cmocka_unit_test(what_waits_behind_offline_messages_is_safe_too),
		cmocka_unit_test(what_was_acknowledged_is_kept_over_the_limit),
		cmocka_unit_test(one_of_two_clients_is_enough),
		cmocka_unit_test(another_client_gets_what_came_back_under_the_same_row),
		cmocka_unit_test(what_is_worth_no_row_is_handled_in_memory),
		cmocka_unit_test(a_refused_one_is_handled_when_its_error_is_with_the_sender),
		cmocka_unit_test(an_error_does_not_wait_behind_offline_messages),
		cmocka_unit_test(d0_writes_nothing),
		cmocka_unit_test(what_the_desk_keeps_gets_no_row),
		cmocka_unit_test(what_the_desk_keeps_and_cannot_be_taken_goes_back),
		cmocka_unit_test(a_receipt_of_a_session_that_is_gone_counts),
	};

	return RUN(tests);
}
