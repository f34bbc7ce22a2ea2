/* After a crash: what was on its way becomes offline messages, once, in order, with what was offline before in front. */
#include "tests/support/check.h"

#include "actors/recovery.h"

#define OWNER SPAN_LIT("bob@localhost")

static struct store *open_one(void)
{
	static unsigned number;
	struct store *s = NULL;
	char uri[32], *error = NULL;

	(void)snprintf(uri, sizeof(uri), "memory:recovery%u", ++number);
	assert_int_equal(store_open(uri, STORE_WRITER, &s, &error), STATUS_OK);
	return s;
}

static void add_at(struct store *s, enum store_collection c, const char *owner, const char *tag, const char *value,
		   uint64_t time_us)
{
	uint64_t seq;

	assert_int_equal(store_log_append(s, c, span_of(owner), span_of(tag), time_us, span_of(value), 0, 0, &seq),
			 STATUS_OK);
}

static void add(struct store *s, enum store_collection c, const char *owner, const char *tag, const char *value)
{
	add_at(s, c, owner, tag, value, 42);
}

static bool show_row(void *ctx, const struct store_log_row *row)
{
	buf_addf(ctx, "%.*s:%.*s@%u ", SPAN_FMT(row->tag), SPAN_FMT(row->value), (unsigned)row->time_us);
	return true;
}

static void assert_rows(struct store *s, enum store_collection c, const char *owner, const char *expected)
{
	struct buf text = BUF_INIT;
	char *shown;

	assert_int_equal(store_log_read(s, c, span_of(owner), SPAN_NONE, 0, 0, show_row, &text), STATUS_OK);
	shown = buf_take_text(&text);
	assert_string_equal(shown, expected);
	free(shown);
}

static void nothing_to_do(void **state)
{
	struct store *s = open_one();
	uint64_t count = 7, writes;

	(void)state;
	add(s, STORE_OFFLINE, "bob@localhost", "a", "old");
	writes = store_writes(s);
	assert_int_equal(recovery_run(s, &count), STATUS_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_writes(s), writes);
	assert_rows(s, STORE_OFFLINE, "bob@localhost", "a:old@42 ");
	store_close(s);
}

static void pending_rows_go_behind_the_offline_ones(void **state)
{
	struct store *s = open_one();
	uint64_t count;

	(void)state;
	add(s, STORE_PENDING, "bob@localhost", "a", "1");
	add(s, STORE_PENDING, "eve@localhost", "a", "x");
	add(s, STORE_OFFLINE, "bob@localhost", "a", "old");
	add(s, STORE_PENDING, "bob@localhost", "c", "2");
	assert_int_equal(recovery_run(s, &count), STATUS_OK);
	assert_int_equal(count, 3);
	assert_rows(s, STORE_OFFLINE, "bob@localhost", "a:old@42 a:1@42 c:2@42 ");
	assert_rows(s, STORE_OFFLINE, "eve@localhost", "a:x@42 ");
	assert_rows(s, STORE_PENDING, "bob@localhost", "");
	assert_rows(s, STORE_PENDING, "eve@localhost", "");
	store_close(s);
}

static void what_was_kept_already_is_not_kept_twice(void **state)
{
	struct store *s = open_one();
	uint64_t count;

	(void)state;
	add(s, STORE_OFFLINE, "bob@localhost", "a", "1");
	add(s, STORE_PENDING, "bob@localhost", "a", "1");
	add(s, STORE_PENDING, "bob@localhost", "b", "1"); /* of somebody else */
	assert_int_equal(recovery_run(s, &count), STATUS_OK);
	assert_int_equal(count, 1);
	assert_rows(s, STORE_OFFLINE, "bob@localhost", "a:1@42 b:1@42 ");
	assert_rows(s, STORE_PENDING, "bob@localhost", "");
	store_close(s);
}

/* A client that gives its messages no ids says "yes" twice. */
static void the_same_words_at_another_time_are_another_message(void **state)
{
	struct store *s = open_one();
	uint64_t count;

	(void)state;
	add_at(s, STORE_OFFLINE, "bob@localhost", "a", "yes", 1);
	add_at(s, STORE_PENDING, "bob@localhost", "a", "yes", 1);
	add_at(s, STORE_PENDING, "bob@localhost", "a", "yes", 2);
	add_at(s, STORE_PENDING, "bob@localhost", "a", "yes", 3);
	assert_int_equal(recovery_run(s, &count), STATUS_OK);
	assert_int_equal(count, 2);
	assert_rows(s, STORE_OFFLINE, "bob@localhost", "a:yes@1 a:yes@2 a:yes@3 ");
	store_close(s);
}

static void many_pages_and_owners(void **state)
{
	struct store *s = open_one();
	uint64_t count, rows;
	char owner[32], value[16];

	(void)state;
	for (unsigned i = 0; i < 250; i++) {
		(void)snprintf(owner, sizeof(owner), "u%u@localhost", i);
		add(s, STORE_PENDING, owner, "a", "1");
	}
	for (unsigned i = 0; i < 1234; i++) {
		(void)snprintf(value, sizeof(value), "%u", i);
		add(s, STORE_PENDING, "bob@localhost", "a", value);
	}
	assert_int_equal(recovery_run(s, &count), STATUS_OK);
	assert_int_equal(count, 1484);
	assert_int_equal(store_log_count(s, STORE_OFFLINE, OWNER, &rows), STATUS_OK);
	assert_int_equal(rows, 1234);
	assert_int_equal(store_log_count(s, STORE_PENDING, OWNER, &rows), STATUS_OK);
	assert_int_equal(rows, 0);
	store_close(s);
}

static void add_state(struct store *s, unsigned number, const char *value)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "id%04u", number);
	assert_int_equal(store_put(s, STORE_SM_STATE, span_of(id), span_of(value)), STATUS_OK);
}

static bool count_owner(void *ctx, struct span owner UNUSED)
{
	++*(unsigned *)ctx;
	return true;
}

static void states_of_sessions_are_forgotten_after_a_day(void **state)
{
	struct store *s = open_one();
	unsigned left = 0;

	(void)state;
	for (unsigned i = 0; i < 450; i++)
		add_state(s, i, i % 3 ? "1000 7 a@b" : "87401 7 a@b");
	assert_int_equal(recovery_forget(s, 1000 + 86400), STATUS_OK);
	assert_int_equal(store_owners(s, STORE_SM_STATE, SPAN_NONE, 0, count_owner, &left), STATUS_OK);
	assert_int_equal(left, 150);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(pending_rows_go_behind_the_offline_ones),
		cmocka_unit_test(what_was_kept_already_is_not_kept_twice),
		cmocka_unit_test(the_same_words_at_another_time_are_another_message),
		cmocka_unit_test(many_pages_and_owners),
		cmocka_unit_test(states_of_sessions_are_forgotten_after_a_day),
	};

	return RUN(tests);
}
