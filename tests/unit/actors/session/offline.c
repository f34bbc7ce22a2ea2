/* Messages for absent users: kept, given out in order, deleted when the receiver has them. */
#include "world.h"

#define UNAVAILABLE "<service-unavailable "
#define CONSTRAINT "<resource-constraint "

static void say(struct world *w, unsigned from, const char *to, unsigned number)
{
	char xml[256];

	(void)snprintf(xml, sizeof(xml), "<message to='%s' type='chat' id='m%u'><body>text %u</body></message>", to, number, number);
	client_send(w, from, xml);
}

/* The numbers of the messages in a log, in order: "1,2,3". */
static const char *numbers(const char *log)
{
	static char list[8192];
	size_t n = 0;

	list[0] = '\0';
	for (const char *p = log; (p = strstr(p, "<body>text ")); p++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%d", n ? "," : "", atoi(p + 11));
	return list;
}

static void kept_messages_come_with_the_first_presence_in_order(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;
	int64_t stored = metric_read(METRIC_offline_stored), given = metric_read(METRIC_offline_delivered);
	const char *log;

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		say(w, a, "romeo@localhost", i);
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	assert_int_equal(metric_read(METRIC_offline_stored) - stored, 3);
	r = client_new(w, "romeo@localhost", "r");
	assert_log(w, r, "");
	client_send(w, r, "<presence/>");
	log = client_log(w, r);
	assert_string_equal(numbers(log), "1,2,3");
	assert_has(log, "<message from='alice@localhost/a' to='romeo@localhost' type='chat' id='m1'><body>text 1</body>"
			"<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2026-01-01T00:00:00");
	assert_has(log, "Z'>Offline Storage</delay></message>");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	assert_int_equal(metric_read(METRIC_offline_delivered) - given, 3);
	/* once */
	client_send(w, r, "<presence><show>away</show></presence>");
	assert_lacks(client_log(w, r), "text");
	world_free(w);
}

static void a_negative_priority_wants_no_messages(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_new(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, r, "<presence><priority>-1</priority></presence>");
	say(w, a, "romeo@localhost", 1);
	assert_lacks(client_log(w, r), "text");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	client_send(w, r, "<presence/>");
	assert_string_equal(numbers(client_log(w, r)), "1");
	world_free(w);
}

static void without_presence_plugins_presence_still_brings_them(void **state)
{
	struct world *w = world_new(NO_PRESENCE);
	unsigned a = client_new(w, "alice@localhost", "a"), r;

	(void)state;
	say(w, a, "romeo@localhost", 1);
	r = client_new(w, "romeo@localhost", "r");
	assert_log(w, r, "");
	client_send(w, r, "<presence/>");
	assert_string_equal(numbers(client_log(w, r)), "1");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_pair_has_a_limit(void **state)
{
	struct world *w = world_new("amp/store-limit[L]=2\n");
	unsigned a = client_online(w, "alice@localhost", "a"), c = client_online(w, "carol@localhost", "c");
	int64_t refused = metric_read(METRIC_offline_refused);

	(void)state;
	say(w, a, "romeo@localhost", 1);
	say(w, a, "romeo@localhost", 2);
	assert_log(w, a, "");
	say(w, a, "romeo@localhost", 3);
	assert_has(client_log(w, a), UNAVAILABLE);
	say(w, c, "romeo@localhost", 4);
	assert_log(w, c, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	assert_int_equal(metric_read(METRIC_offline_refused) - refused, 1);
	world_free(w);
}

static void a_recipient_has_a_limit(void **state)
{
	struct world *w = world_new("amp/store-limit-total[L]=2\n");
	unsigned a = client_online(w, "alice@localhost", "a"), c = client_online(w, "carol@localhost", "c");

	(void)state;
	say(w, a, "romeo@localhost", 1);
	say(w, c, "romeo@localhost", 2);
	say(w, c, "romeo@localhost", 3);
	assert_has(client_log(w, c), UNAVAILABLE);
	world_free(w);
}

static void a_store_that_fails_is_told_to_the_sender(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	w->store_answer = STATUS_IO; /* the account cannot be looked up */
	say(w, a, "romeo@localhost", 1);
	assert_has(client_log(w, a), CONSTRAINT);
	w->store_answer = STATUS_OK;
	say(w, a, "romeo@localhost", 2); /* nothing is remembered of it */
	assert_log(w, a, "");
	world_free(w);
}

static void a_failed_write_is_told_to_the_sender(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");
	unsigned r = client_new(w, "romeo@localhost", "r"); /* bound: the account is known, but it takes no messages */

	(void)state;
	w->store_answer = STATUS_FULL;
	say(w, a, "romeo@localhost", 1);
	assert_has(client_log(w, a), "type='error' id='m1'><body>text 1</body><error type='wait' code='500'>" CONSTRAINT);
	assert_log(w, r, "");
	world_free(w);
}

static void a_row_is_deleted_when_it_was_written_and_not_before(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	say(w, a, "romeo@localhost", 1);
	say(w, a, "romeo@localhost", 2);
	r = client_new(w, "romeo@localhost", "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 2);
	client_writes(w, r);
	assert_string_equal(numbers(client_log(w, r)), "1,2");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_session_that_ends_first_leaves_the_rows(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	say(w, a, "romeo@localhost", 1);
	say(w, a, "romeo@localhost", 2);
	r = client_new(w, "romeo@localhost", "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	say(w, a, "romeo@localhost", 3); /* live, behind the rows */
	client_drop(w, r, CLOSE_SOCKET_LOST);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3); /* no row twice, the live one kept */
	r = client_new(w, "romeo@localhost", "r2");
	client_send(w, r, "<presence/>");
	assert_string_equal(numbers(client_log(w, r)), "1,2,3");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	assert_log(w, a, "");
	world_free(w);
}

static void a_second_resource_does_not_get_them_again(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r1, r2;

	(void)state;
	say(w, a, "romeo@localhost", 1);
	r1 = client_new(w, "romeo@localhost", "1");
	w->clients[r1].slow = true;
	client_send(w, r1, "<presence/>");
	r2 = client_new(w, "romeo@localhost", "2");
	client_send(w, r2, "<presence/>");
	assert_lacks(client_log(w, r2), "text");
	/* but when the first dies before it has them, they are the second's */
	client_drop(w, r1, CLOSE_SOCKET_LOST);
	assert_string_equal(numbers(client_log(w, r2)), "1");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_replaced_session_hands_the_rest_over(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), old, fresh;

	(void)state;
	say(w, a, "romeo@localhost", 1);
	old = client_new(w, "romeo@localhost", "r");
	w->clients[old].slow = true;
	client_send(w, old, "<presence/>");
	fresh = client_new(w, "romeo@localhost", "r");
	assert_string_equal(numbers(client_log(w, fresh)), "1");
	client_drop(w, old, CLOSE_ERROR);
	assert_lacks(client_log(w, fresh), "text");
	world_free(w);
}

/* While the store reads, what comes live waits behind it. */
static void live_messages_stay_behind_the_kept_ones(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		say(w, a, "romeo@localhost", i);
	r = client_new(w, "romeo@localhost", "r");
	w->store_stalls = true;
	client_send(w, r, "<presence/>"); /* the roster is asked for */
	say(w, a, "romeo@localhost", 4);
	world_release_store(w);
	assert_string_equal(numbers(client_log(w, r)), "1,2,3,4");
	client_drop(w, r, CLOSE_STREAM_END);
	say(w, a, "romeo@localhost", 5);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence><priority>-1</priority></presence>"); /* the roster is there */
	w->store_stalls = true;
	client_send(w, r, "<presence/>"); /* the page is asked for */
	assert_int_equal(w->stalled_count, 1);
	say(w, a, "romeo@localhost", 6);
	say(w, a, "romeo@localhost/r", 7);
	assert_lacks(client_log(w, r), "text");
	world_release_store(w);
	assert_string_equal(numbers(client_log(w, r)), "5,6,7");
	world_free(w);
}

static void many_rows_come_page_by_page_as_the_client_takes_them(void **state)
{
	struct world *w = world_new("amp/store-limit[L]=0\namp/store-limit-total[L]=0\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r, rounds = 0, seen = 0;
	const char *log;

	(void)state;
	for (unsigned i = 1; i <= 250; i++)
		say(w, a, "romeo@localhost", i);
	r = client_new(w, "romeo@localhost", "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	say(w, a, "romeo@localhost", 251);
	do {
		assert_in_range(w->clients[r].kept_count, 0, 102); /* a page, its own presence, a live message */
		client_writes(w, r);
		log = client_log(w, r);
		for (const char *p = log; (p = strstr(p, "<body>text ")); p++)
			assert_int_equal(atoi(p + 11), ++seen);
		rounds++;
	} while (w->clients[r].kept_count);
	assert_int_equal(seen, 251);
	assert_in_range(rounds, 3, 5);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

/* One look for the account serves all messages that come meanwhile, and their order stays. */
static void messages_wait_in_order_for_the_account(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	w->store_stalls = true;
	for (unsigned i = 1; i <= 3; i++)
		say(w, a, "romeo@localhost", i);
	assert_int_equal(w->stalled_count, 1);
	/* he logs in: the account exists */
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence/>");
	world_release_store(w);
	assert_string_equal(numbers(client_log(w, r)), "1,2,3");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	assert_log(w, a, "");
	world_free(w);
}

static void an_unknown_account_is_asked_for_each_time(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	say(w, a, "eve@localhost", 1);
	assert_has(client_log(w, a), UNAVAILABLE);
	assert_int_equal(store_put(w->reader, STORE_ACCOUNT, SPAN_LIT("eve@localhost"), SPAN_LIT("keys")), STATUS_OK);
	say(w, a, "eve@localhost", 2);
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "eve@localhost"), 1);
	world_free(w);
}

static void a_page_that_cannot_be_read_is_tried_again(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	say(w, a, "romeo@localhost", 1);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence><priority>-1</priority></presence>");
	w->store_answer = STATUS_IO;
	client_send(w, r, "<presence/>");
	say(w, a, "romeo@localhost", 2); /* live messages pass meanwhile */
	assert_string_equal(numbers(client_log(w, r)), "2");
	world_pass(w, 6000); /* again in vain */
	assert_log(w, r, "");
	w->store_answer = STATUS_OK;
	world_pass(w, 6000);
	assert_string_equal(numbers(client_log(w, r)), "1");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void a_damaged_row_does_not_hold_up_the_others(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;
	uint64_t seq;

	(void)state;
	assert_int_equal(store_log_append(w->reader, STORE_OFFLINE, SPAN_LIT("romeo@localhost"), SPAN_LIT("x@localhost"), 1,
					  SPAN_LIT("<message"), 0, 0, &seq),
			 STATUS_OK);
	say(w, a, "romeo@localhost", 1);
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, "<presence/>");
	assert_string_equal(numbers(client_log(w, r)), "1");
	world_free(w);
}

static void a_visitor_is_kept_fifty(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v;

	(void)state;
	for (unsigned i = 1; i <= 51; i++) {
		char xml[256];

		(void)snprintf(xml, sizeof(xml),
			       "<message from='seat1@localhost/seat' to='v-aaaaaaaaaaaaaaaaaaaa@localhost' type='chat' "
			       "id='m%u'><body>text %u</body></message>",
			       i, i);
		world_route(w, xml, PACKET_FROM_DESK);
	}
	assert_int_equal(world_offline_rows(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost"), 50);
	/* the last one's error is the desk's to map back to the seat's client */
	assert_has(world_desk(w), "DESK_FROM_VISITOR <message from='v-aaaaaaaaaaaaaaaaaaaa@localhost' "
				  "to='seat1@localhost/seat' type='error' id='m51'>");
	v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "1");
	client_send(w, v, "<presence/>");
	assert_has(client_log(w, v), "<body>text 50</body>");
	assert_int_equal(world_offline_rows(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost"), 0);
	world_free(w);
}

/* Old widgets never send presence; their roster request says that they are ready. */
static void a_visitors_roster_request_brings_them_too(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v;

	(void)state;
	world_route(w, "<message from='seat1@localhost/seat' to='v-aaaaaaaaaaaaaaaaaaaa@localhost'><body>text 1</body></message>",
		    PACKET_FROM_DESK);
	v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "1");
	assert_log(w, v, "");
	client_send(w, v, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	assert_string_equal(numbers(client_log(w, v)), "1");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_messages_come_with_the_first_presence_in_order),
		cmocka_unit_test(a_negative_priority_wants_no_messages),
		cmocka_unit_test(without_presence_plugins_presence_still_brings_them),
		cmocka_unit_test(a_pair_has_a_limit),
		cmocka_unit_test(a_recipient_has_a_limit),
		cmocka_unit_test(a_store_that_fails_is_told_to_the_sender),
		cmocka_unit_test(a_failed_write_is_told_to_the_sender),
		cmocka_unit_test(a_row_is_deleted_when_it_was_written_and_not_before),
		cmocka_unit_test(a_session_that_ends_first_leaves_the_rows),
		cmocka_unit_test(a_second_resource_does_not_get_them_again),
		cmocka_unit_test(a_replaced_session_hands_the_rest_over),
		cmocka_unit_test(live_messages_stay_behind_the_kept_ones),
		cmocka_unit_test(many_rows_come_page_by_page_as_the_client_takes_them),
		cmocka_unit_test(messages_wait_in_order_for_the_account),
		cmocka_unit_test(an_unknown_account_is_asked_for_each_time),
		cmocka_unit_test(a_page_that_cannot_be_read_is_tried_again),
		cmocka_unit_test(a_damaged_row_does_not_hold_up_the_others),
		cmocka_unit_test(a_visitor_is_kept_fifty),
		cmocka_unit_test(a_visitors_roster_request_brings_them_too),
	};

	return RUN(tests);
}
