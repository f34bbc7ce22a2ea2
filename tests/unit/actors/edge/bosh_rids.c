/* Which requests of a BOSH session are taken: the order of rids, those sent again, the window, keys, and how often a client
 * may ask for nothing. */
#include "bosh_client.h"

#include <openssl/sha.h>

static void rids_out_of_order_are_put_in_order(void **state)
{
	struct client *first = bound(""), *second = http();
	char late[256], early[256];
	const char *text, *one, *two;

	(void)state;
	snprintf(early, sizeof(early), MESSAGE, "one");
	snprintf(late, sizeof(late), MESSAGE, "two");
	post(second, 6, "", late);
	assert_string_equal(world_log(w), "");
	assert_string_equal(client_read(second), "");
	post(first, 5, "", early);

	text = world_log(w);
	one = strstr(text, "id='one'");
	two = strstr(text, "id='two'");
	assert_true(one && two && one < two);
	assert_int_equal(answers_in(client_read(first)), 1); /* in rid order: 6 is held now */
	assert_string_equal(client_read(second), "");
	client_free(first);
	client_free(second);
}

/* A client sends a lost request again when it has waited for `wait` itself: until then the one behind it is kept. */
static void a_gap_may_be_filled_long_after(void **state)
{
	struct client *first = bound(""), *second = http(), *third;

	(void)state;
	post(second, 6, "", "<message xmlns='jabber:client' id='two'><body>x</body></message>");
	world_pass(w, 60 * 1000 + 20 * 1000);
	assert_string_equal(client_read(second), "");
	third = http();
	post(third, 5, "", "<message xmlns='jabber:client' id='one'><body>x</body></message>");
	assert_has(world_log(w), "id='two'");
	assert_has(client_read(third), "<body ");
	client_free(first);
	client_free(second);
	client_free(third);
}

static void a_gap_that_stays_ends_the_session(void **state)
{
	struct client *first = bound(""), *second = http();

	(void)state;
	post(second, 6, "", "");
	world_pass(w, 60 * 1000 + 31 * 1000);
	assert_has(client_read(second), "condition='item-not-found'");
	assert_has(world_log(w), "CLOSED");
	client_free(first);
	client_free(second);
}

static void a_repeated_rid_gets_the_same_bytes_and_is_not_processed_again(void **state)
{
	struct client *c = bound("");
	char first[4096], payload[256];

	(void)state;
	snprintf(payload, sizeof(payload), MESSAGE, "m");
	post(c, 5, "", payload);
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 0);
	snprintf(first, sizeof(first), "%s", client_read(c));
	assert_has(first, "<body>hi</body>");
	world_log(w);
	post(c, 5, "", payload);
	assert_string_equal(client_read(c), first);
	post(c, 5, "", "<message xmlns='jabber:client' to='x@localhost'/>"); /* other content: the same answer, ignored */
	assert_string_equal(client_read(c), first);
	assert_string_equal(world_log(w), "");
	client_free(c);
}

static void a_held_rid_sent_again_takes_over(void **state)
{
	struct client *first = bound(""), *second = http();

	(void)state;
	post(first, 5, "", "");
	post(second, 5, "", "");
	assert_string_equal(client_read(first), ""); /* an answer would be taken for that of the rid */
	assert_null(first->conn);
	assert_string_equal(client_read(second), "");
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 0);
	assert_has(client_read(second), "<body>hi</body>");
	client_free(first);
	client_free(second);
}

/* Requests of one client on two connections need not arrive in the order in which they were made. */
static void a_late_copy_of_a_held_rid_loses_no_answer(void **state)
{
	struct client *alive = bound(""), *dead = http(), *again = http();

	(void)state;
	post(alive, 5, "", "");
	post(dead, 5, "", "");
	client_drop(dead, CONN_END_RESET);
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 0);
	assert_string_equal(client_read(alive), "");
	post(again, 5, "", "");
	assert_has(client_read(again), "<body>hi</body>");
	client_free(alive);
	client_free(dead);
	client_free(again);
}

static void a_lost_connection_loses_no_answer(void **state)
{
	struct client *first = bound(""), *second = http();

	(void)state;
	post(first, 5, "", "");
	client_drop(first, CONN_END_RESET);
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 0);
	assert_lacks(world_log(w), "UNDELIVERED");
	post(second, 5, "", "");
	assert_has(client_read(second), "<body>hi</body>");
	client_free(first);
	client_free(second);
}

static void rids_outside_the_window_end_the_session(void **state)
{
	static const struct {
		unsigned rid;
		const char *condition;
	} rows[] = {
		{ 1, "item-not-found" },   { 13, "item-not-found" },  { 4000, "item-not-found" },
		{ 7, "policy-violation" }, { 12, "policy-violation" }, /* the others are on their way: more than two at once */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = bound("");
		char expected[80];

		post(c, rows[i].rid, "", "");
		(void)snprintf(expected, sizeof(expected), "type='terminate' condition='%s'", rows[i].condition);
		assert_has(client_read(c), expected);
		assert_has(world_log(w), "CLOSED session=");
		post(c, 5, "", "");
		assert_has(client_read(c), "type='terminate' condition='item-not-found'");
		client_free(c);
	}
}

/* Requests 5 and on, in one write; the last with more attributes. */
static void post_at_once(struct client *c, unsigned count, const char *more)
{
	struct buf text = BUF_INIT;
	char body[300], *all;

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(body, sizeof(body), "<body " BODY_NS " rid='%u' sid='%s' %s/>", 5 + i, sid, i + 1 == count ? more : "");
		buf_addf(&text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	}
	all = buf_take_text(&text);
	client_send(c, all);
	free(all);
}

static void more_requests_at_once_than_allowed_are_a_violation(void **state)
{
	static const struct {
		unsigned count;
		const char *more;
		bool ends, violates;
	} rows[] = {
		{ 2, "", false, false },
		{ 3, "", true, true },
		{ 6, "", true, true },
		{ 3, "pause='60'", false, false },
		{ 3, "type='terminate'", true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = bound("");

		post_at_once(c, rows[i].count, rows[i].more);
		assert_int_equal(strstr(client_read(c), "condition='policy-violation'") != NULL, rows[i].violates);
		assert_int_equal(strstr(world_log(w), "CLOSED") != NULL, rows[i].ends);
		client_free(c);
	}
}

/* What was given up does not count: a page that was left while it talked goes on in the next one. */
static void requests_of_lost_connections_do_not_count(void **state)
{
	struct client *c = bound(""), *lost = http(), *next = http();

	(void)state;
	post(lost, 5, "", "");
	client_drop(lost, CONN_END_CLOSED);
	world_run(w);
	post(next, 6, "", "");
	client_read(next);
	post(next, 7, "", "");
	assert_lacks(client_read(next), "terminate");
	assert_lacks(world_log(w), "CLOSED");
	client_free(c);
	client_free(lost);
	client_free(next);
}

static void sha1_hex(const char *text, char out[41])
{
	unsigned char digest[SHA_DIGEST_LENGTH];

	SHA1((const unsigned char *)text, strlen(text), digest);
	for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void a_key_sequence_is_checked(void **state)
{
	struct client *c = http();
	char keys[5][41], more[128], first[4096];

	(void)state;
	sha1_hex("seed", keys[0]);
	for (int i = 1; i < 5; i++)
		sha1_hex(keys[i - 1], keys[i]);
	snprintf(more, sizeof(more), "newkey='%s'", keys[4]);
	create(c, 1, more);
	snprintf(more, sizeof(more), "key='%s'", keys[3]);
	post(c, 2, more, ANONYMOUS_AUTH);
	snprintf(first, sizeof(first), "%s", client_read(c));
	assert_has(first, "<success");
	post(c, 2, more, ANONYMOUS_AUTH); /* a repeat has the same key */
	assert_string_equal(strstr(client_read(c), "<body"), strstr(first, "<body"));
	post(c, 3, more, ""); /* the key of the request before */
	assert_has(client_read(c), "type='terminate' condition='item-not-found'");
	client_free(c);
}

static void a_repeat_without_its_key_shows_nothing(void **state)
{
	struct client *c = http();
	char key[41], more[128];

	(void)state;
	sha1_hex("seed", key);
	snprintf(more, sizeof(more), "newkey='%s'", key);
	create(c, 1, more);
	post(c, 2, "key='seed'", ANONYMOUS_AUTH);
	client_read(c);
	post(c, 2, "key='guess'", "");
	assert_has(client_read(c), "condition='item-not-found'");
	client_free(c);
}

static void empty_polls_in_a_row_are_a_violation(void **state)
{
	struct client *c[2] = { bound(""), http() };
	unsigned rid = 5;
	bool ended = false;

	(void)state;
	for (; rid < 60 && !ended; rid++) {
		post(c[rid % 2], rid, "", "");
		ended = strstr(client_read(c[rid % 2]), "condition='policy-violation'") != NULL;
		client_read(c[(rid + 1) % 2]);
	}
	assert_true(ended && rid > 10);
	client_free(c[0]);
	client_free(c[1]);
}

static void polls_that_bring_something_are_none(void **state)
{
	struct client *c = bound("");

	(void)state;
	for (unsigned rid = 5; rid < 60; rid++) {
		post(c, rid, "", "");
		world_deliver(w, "<message xmlns='jabber:client'><body>x</body></message>", 0);
		assert_has(client_read(c), "<body>x</body>");
	}
	client_free(c);
}

/* A client that polls on one connection and talks on another fills the gap that its own words made. */
static void polls_between_words_are_none(void **state)
{
	struct client *c[2] = { bound(""), http() };

	(void)state;
	for (unsigned rid = 5; rid < 60; rid++) {
		post(c[rid % 2], rid, "", rid % 2 ? "" : "<presence xmlns='jabber:client'/>");
		assert_lacks(client_read(c[rid % 2]), "terminate");
		assert_lacks(client_read(c[(rid + 1) % 2]), "terminate");
	}
	client_free(c[0]);
	client_free(c[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rids_out_of_order_are_put_in_order),
		TEST(a_gap_may_be_filled_long_after),
		TEST(a_gap_that_stays_ends_the_session),
		TEST(a_repeated_rid_gets_the_same_bytes_and_is_not_processed_again),
		TEST(a_held_rid_sent_again_takes_over),
		TEST(a_late_copy_of_a_held_rid_loses_no_answer),
		TEST(a_lost_connection_loses_no_answer),
		TEST(rids_outside_the_window_end_the_session),
		TEST(more_requests_at_once_than_allowed_are_a_violation),
		TEST(requests_of_lost_connections_do_not_count),
		TEST(a_key_sequence_is_checked),
		TEST(a_repeat_without_its_key_shows_nothing),
		TEST(empty_polls_in_a_row_are_a_violation),
		TEST(polls_that_bring_something_are_none),
		TEST(polls_between_words_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
