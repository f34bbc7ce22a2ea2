#include "tests/support/store_suite.h"

#include "tests/support/check.h"

static const struct store_suite *suite;

struct fixture {
	char uri[STORE_SUITE_URI];
	struct store *s;
};

struct store *store_suite_open(const char *uri, enum store_access access)
{
	struct store *s = NULL;
	char *error = NULL;

	if (store_open(uri, access, &s, &error) != STATUS_OK)
		fail_msg("%s: %s", uri, error ? error : "no reason given");
	assert_null(error);
	return s;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	suite->fresh(f->uri);
	f->s = store_suite_open(f->uri, STORE_WRITER);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	if (suite->forget)
		suite->forget(f->uri);
	free(f);
	return 0;
}

static struct store *of(void **state)
{
	return ((struct fixture *)*state)->s;
}

#define OK(call) assert_int_equal(call, STATUS_OK)
#define NONE(call) assert_int_equal(call, STATUS_NOT_FOUND)
#define T(text) span_of(text)

static void expect_record(struct store *s, const char *owner, struct span want)
{
	struct buf got = BUF_INIT;

	OK(store_get(s, STORE_ACCOUNT, T(owner), &got));
	assert_int_equal(buf_len(&got), want.n);
	assert_true(span_eq(buf_span(&got), want));
	buf_fini(&got);
}

static void expect_no_record(struct store *s, const char *owner)
{
	struct buf got = BUF_INIT;

	NONE(store_get(s, STORE_ACCOUNT, T(owner), &got));
	assert_int_equal(buf_len(&got), 0);
	buf_fini(&got);
}

/* "key=value;" of each pair or row. */
struct seen {
	struct buf text;
	uint64_t last_seq, count, stop_after;
};

static bool see_pair(void *ctx, struct span key, struct span value)
{
	struct seen *seen = ctx;

	buf_addf(&seen->text, "%.*s=%.*s;", SPAN_FMT(key), SPAN_FMT(value));
	return ++seen->count != seen->stop_after;
}

static bool see_row(void *ctx, const struct store_log_row *row)
{
	struct seen *seen = ctx;

	assert_true(row->seq > seen->last_seq);
	seen->last_seq = row->seq;
	buf_addf(&seen->text, "%.*s=%.*s@%llu;", SPAN_FMT(row->tag), SPAN_FMT(row->value), (unsigned long long)row->time_us);
	return ++seen->count != seen->stop_after;
}

static bool see_owner(void *ctx, struct span owner)
{
	struct seen *seen = ctx;

	buf_addf(&seen->text, "%.*s;", SPAN_FMT(owner));
	return ++seen->count != seen->stop_after;
}

static void expect_seen(struct seen *seen, const char *want)
{
	char *text = buf_take_text(&seen->text);

	assert_string_equal(text, want);
	free(text);
}

static void expect_map(struct store *s, const char *owner, const char *want)
{
	struct seen seen = { 0 };

	OK(store_map_each(s, STORE_ROSTER, T(owner), see_pair, &seen));
	expect_seen(&seen, want);
}

static void expect_log(struct store *s, const char *owner, struct span tag, uint64_t after, uint64_t limit, const char *want)
{
	struct seen seen = { .last_seq = after };

	OK(store_log_read(s, STORE_OFFLINE, T(owner), tag, after, limit, see_row, &seen));
	expect_seen(&seen, want);
}

static uint64_t append(struct store *s, const char *owner, const char *tag, const char *value)
{
	uint64_t seq = 0;

	OK(store_log_append(s, STORE_OFFLINE, T(owner), T(tag), 7, T(value), 0, 0, &seq));
	assert_true(seq > 0);
	return seq;
}

static void what_is_not_there_is_not_found(void **state)
{
	struct store *s = of(state);
	struct buf out = BUF_INIT;
	struct seen seen = { 0 };
	uint64_t count = 9;

	NONE(store_get(s, STORE_ACCOUNT, T("a"), &out));
	NONE(store_map_get(s, STORE_ROSTER, T("a"), T("k"), &out));
	NONE(store_delete(s, STORE_ACCOUNT, T("a")));
	NONE(store_delete(s, STORE_ROSTER, T("a")));
	NONE(store_delete(s, STORE_OFFLINE, T("a")));
	NONE(store_map_delete(s, STORE_ROSTER, T("a"), T("k")));
	NONE(store_log_delete(s, STORE_OFFLINE, T("a"), 1));
	NONE(store_log_delete_upto(s, STORE_OFFLINE, T("a"), 1));
	OK(store_log_count(s, STORE_OFFLINE, T("a"), &count));
	assert_int_equal(count, 0);
	OK(store_owners(s, STORE_ACCOUNT, SPAN_NONE, 0, see_owner, &seen));
	OK(store_map_each(s, STORE_ROSTER, T("a"), see_pair, &seen));
	OK(store_log_read(s, STORE_OFFLINE, T("a"), SPAN_NONE, 0, 0, see_row, &seen));
	assert_int_equal(seen.count, 0);
	assert_int_equal(buf_len(&out), 0);
}

static void a_second_put_replaces_the_first(void **state)
{
	struct store *s = of(state);
	struct seen seen = { 0 };

	OK(store_put(s, STORE_ACCOUNT, T("a"), T("one")));
	OK(store_put(s, STORE_ACCOUNT, T("a"), T("two")));
	expect_record(s, "a", T("two"));
	OK(store_owners(s, STORE_ACCOUNT, SPAN_NONE, 0, see_owner, &seen));
	expect_seen(&seen, "a;");
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("k"), T("one")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("k"), T("two")));
	expect_map(s, "a", "k=two;");
	OK(store_delete(s, STORE_ACCOUNT, T("a")));
	NONE(store_delete(s, STORE_ACCOUNT, T("a")));
	expect_no_record(s, "a");
}

static bool check_value(void *ctx, const struct store_log_row *row)
{
	assert_true(span_eq(row->value, *(struct span *)ctx));
	return true;
}

static void values_are_any_bytes(void **state)
{
	static const size_t sizes[] = { 0, 1, 256, 4096, 300 * 1024 };
	struct store *s = of(state);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *bytes = xmalloc(sizes[i]);
		struct span value = { bytes, sizes[i] };
		struct buf out = BUF_INIT;
		uint64_t seq;

		for (size_t k = 0; k < sizes[i]; k++)
			bytes[k] = (char)(k * 7); /* begins with NUL, has all bytes */
		OK(store_put(s, STORE_ACCOUNT, T("a"), value));
		expect_record(s, "a", value);
		OK(store_map_put(s, STORE_ROSTER, T("a"), T("k"), value));
		OK(store_map_get(s, STORE_ROSTER, T("a"), T("k"), &out));
		assert_true(span_eq(buf_span(&out), value));
		OK(store_log_append(s, STORE_OFFLINE, T("a"), T("t"), 0, value, 0, 0, &seq));
		OK(store_log_read(s, STORE_OFFLINE, T("a"), SPAN_NONE, seq - 1, 1, check_value, &value));
		buf_fini(&out);
		free(bytes);
	}
	OK(store_put(s, STORE_ACCOUNT, T("a"), SPAN_NONE));
	expect_record(s, "a", T(""));
}

static void get_adds_to_what_the_buffer_holds(void **state)
{
	struct store *s = of(state);
	struct buf out = BUF_INIT;

	OK(store_put(s, STORE_ACCOUNT, T("a"), T("value")));
	buf_add_text(&out, "before ");
	OK(store_get(s, STORE_ACCOUNT, T("a"), &out));
	assert_true(span_is(buf_span(&out), "before value"));
	buf_fini(&out);
}

static void owners_and_keys_that_look_alike_are_different(void **state)
{
	static const char *const names[] = { "", "a", "A", "aa", "a ", " a", "a\x01", "a%", "a_", "a'", "a\"", "a;--", "ä", "a\xcc\x88", "a\n", "0", "00",
					     "0.0", "1e0", "1", "客服@例子" };
	struct store *s = of(state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		OK(store_put(s, STORE_ACCOUNT, T(names[i]), T(names[i])));
		OK(store_map_put(s, STORE_ROSTER, T("o"), T(names[i]), T(names[i])));
		append(s, names[i], names[i], names[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf out = BUF_INIT;
		uint64_t count;

		expect_record(s, names[i], T(names[i]));
		OK(store_map_get(s, STORE_ROSTER, T("o"), T(names[i]), &out));
		assert_true(span_is(buf_span(&out), names[i]));
		buf_fini(&out);
		OK(store_log_count(s, STORE_OFFLINE, T(names[i]), &count));
		assert_int_equal(count, 1);
	}
}

static void collections_do_not_mix(void **state)
{
	struct store *s = of(state);
	struct buf out = BUF_INIT;
	uint64_t seq, count;

	OK(store_put(s, STORE_ACCOUNT, T("a"), T("1")));
	NONE(store_get(s, STORE_META, T("a"), &out));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("k"), T("2")));
	append(s, "a", "t", "3");
	OK(store_log_append(s, STORE_DESK_LEFT, T("a"), T("t"), 0, T("4"), 1, 1, &seq));
	OK(store_delete(s, STORE_OFFLINE, T("a")));
	expect_record(s, "a", T("1"));
	expect_map(s, "a", "k=2;");
	OK(store_log_count(s, STORE_DESK_LEFT, T("a"), &count));
	assert_int_equal(count, 1);
}

static void a_map_is_seen_in_order_of_its_keys(void **state)
{
	struct store *s = of(state);
	struct seen seen = { .stop_after = 2 };

	OK(store_map_put(s, STORE_ROSTER, T("a"), T("c"), T("3")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("B"), T("0")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("aa"), T("2")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("ä"), T("4")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("a"), T("1")));
	OK(store_map_put(s, STORE_ROSTER, T("b"), T("x"), T("y")));
	expect_map(s, "a", "B=0;a=1;aa=2;c=3;ä=4;");
	OK(store_map_each(s, STORE_ROSTER, T("a"), see_pair, &seen)); /* the visitor stops it */
	expect_seen(&seen, "B=0;a=1;");
	OK(store_map_delete(s, STORE_ROSTER, T("a"), T("aa")));
	expect_map(s, "a", "B=0;a=1;c=3;ä=4;");
	OK(store_delete(s, STORE_ROSTER, T("a")));
	expect_map(s, "a", "");
	expect_map(s, "b", "x=y;");
}

static void a_log_is_read_in_order(void **state)
{
	struct store *s = of(state);
	struct seen seen = { .stop_after = 1 };
	uint64_t first = append(s, "a", "x", "1"), second = append(s, "a", "y", "2"), other = append(s, "b", "x", "B"),
		 third = append(s, "a", "x", "3");

	assert_true(first < second && second < other && other < third);
	expect_log(s, "a", SPAN_NONE, 0, 0, "x=1@7;y=2@7;x=3@7;");
	expect_log(s, "a", T("x"), 0, 0, "x=1@7;x=3@7;");
	expect_log(s, "a", T("z"), 0, 0, "");
	expect_log(s, "a", T(""), 0, 0, "");
	expect_log(s, "a", SPAN_NONE, first, 0, "y=2@7;x=3@7;");
	expect_log(s, "a", SPAN_NONE, first, 1, "y=2@7;");
	expect_log(s, "a", SPAN_NONE, 0, 2, "x=1@7;y=2@7;");
	expect_log(s, "a", T("x"), 0, 1, "x=1@7;");
	expect_log(s, "a", T("x"), first, 1, "x=3@7;");
	expect_log(s, "a", SPAN_NONE, third, 0, "");
	expect_log(s, "a", SPAN_NONE, UINT64_MAX, 0, "");
	expect_log(s, "a", SPAN_NONE, 0, UINT64_MAX, "x=1@7;y=2@7;x=3@7;");
	expect_log(s, "b", SPAN_NONE, 0, 0, "x=B@7;");
	OK(store_log_read(s, STORE_OFFLINE, T("a"), SPAN_NONE, 0, 0, see_row, &seen));
	expect_seen(&seen, "x=1@7;");
}

static void rows_are_deleted_one_by_one_or_up_to_a_number(void **state)
{
	struct store *s = of(state);
	uint64_t one = append(s, "a", "x", "1"), two = append(s, "a", "x", "2"), three = append(s, "a", "x", "3"),
		 four = append(s, "a", "x", "4");

	append(s, "b", "x", "B");
	NONE(store_log_delete(s, STORE_OFFLINE, T("b"), two)); /* another owner's */
	OK(store_log_delete(s, STORE_OFFLINE, T("a"), two));
	NONE(store_log_delete(s, STORE_OFFLINE, T("a"), two));
	expect_log(s, "a", SPAN_NONE, 0, 0, "x=1@7;x=3@7;x=4@7;");
	NONE(store_log_delete_upto(s, STORE_OFFLINE, T("a"), one - 1));
	OK(store_log_delete_upto(s, STORE_OFFLINE, T("a"), three));
	expect_log(s, "a", SPAN_NONE, 0, 0, "x=4@7;");
	OK(store_log_delete_upto(s, STORE_OFFLINE, T("a"), UINT64_MAX));
	expect_log(s, "a", SPAN_NONE, 0, 0, "");
	expect_log(s, "b", SPAN_NONE, 0, 0, "x=B@7;");
	assert_true(append(s, "a", "x", "5") > four); /* a number is never used again */
}

static void a_full_log_refuses(void **state)
{
	static const struct {
		const char *tag;
		uint64_t per_tag, total;
		enum status want;
	} rows[] = {
		{ "x", 2, 4, STATUS_OK }, { "x", 2, 4, STATUS_OK }, { "x", 2, 4, STATUS_LIMIT },
		{ "y", 2, 4, STATUS_OK }, { "y", 2, 3, STATUS_LIMIT },
		{ "y", 2, 4, STATUS_OK }, { "z", 2, 4, STATUS_LIMIT }, { "z", 0, 4, STATUS_LIMIT },
		{ "z", 2, 0, STATUS_OK }, { "x", 0, 0, STATUS_OK },
		{ "x", 3, 0, STATUS_LIMIT }, { "x", 4, 0, STATUS_OK }, { "", 1, 0, STATUS_OK },
		{ NULL, 1, 0, STATUS_LIMIT }, { NULL, 2, 0, STATUS_OK },
	};
	struct store *s = of(state);
	uint64_t seq, kept = 0, count;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum status st = store_log_append(s, STORE_OFFLINE, T("a"), T(rows[i].tag), 0, T("v"), rows[i].per_tag, rows[i].total, &seq);

		if (st != rows[i].want)
			fail_msg("row %zu: %s", i, status_text(st));
		kept += st == STATUS_OK;
		OK(store_log_count(s, STORE_OFFLINE, T("a"), &count));
		assert_int_equal(count, kept);
	}
	OK(store_log_append(s, STORE_OFFLINE, T("b"), T("x"), 0, T("v"), 1, 1, &seq)); /* another owner's is not full */
	assert_int_equal(store_log_append(s, STORE_OFFLINE, T("b"), T("x"), 0, T("v"), 1, 0, &seq), STATUS_LIMIT);
	OK(store_log_delete(s, STORE_OFFLINE, T("b"), seq));
	OK(store_log_append(s, STORE_OFFLINE, T("b"), T("x"), 0, T("v"), 1, 1, &seq));
}

static void owners_are_sorted_and_paged(void **state)
{
	static const struct {
		const char *after;
		uint64_t limit;
		const char *want;
	} rows[] = {
		{ "", 0, "a;b;c;d;" }, { "", 2, "a;b;" }, { "b", 2, "c;d;" }, { "bb", 1, "c;" }, { "d", 0, "" },
		{ "A", 1, "a;" },
	};
	static const enum store_collection collections[] = { STORE_ACCOUNT, STORE_ROSTER, STORE_OFFLINE };
	static const char *const names[] = { "c", "a", "d", "b" };
	struct store *s = of(state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (int twice = 0; twice < 2; twice++) {
			OK(store_put(s, STORE_ACCOUNT, T(names[i]), T("v")));
			OK(store_map_put(s, STORE_ROSTER, T(names[i]), T(twice ? "k" : "l"), T("v")));
			append(s, names[i], "t", "v");
		}
	for (size_t c = 0; c < ARRAY_LEN(collections); c++) {
		struct seen stopped = { .stop_after = 3 };

		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct seen seen = { 0 };

			OK(store_owners(s, collections[c], T(rows[i].after), rows[i].limit, see_owner, &seen));
			expect_seen(&seen, rows[i].want);
		}
		OK(store_owners(s, collections[c], SPAN_NONE, 0, see_owner, &stopped));
		expect_seen(&stopped, "a;b;c;");
	}
}

/* --- transactions --- */

static void a_commit_keeps_and_a_rollback_forgets_all(void **state)
{
	struct store *s = of(state);

	OK(store_put(s, STORE_ACCOUNT, T("a"), T("old")));
	append(s, "a", "t", "old");
	OK(store_begin(s));
	OK(store_put(s, STORE_ACCOUNT, T("a"), T("new")));
	OK(store_put(s, STORE_ACCOUNT, T("b"), T("new")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("k"), T("new")));
	append(s, "a", "t", "new");
	expect_record(s, "a", T("new")); /* seen from inside */
	store_rollback(s);
	expect_record(s, "a", T("old"));
	expect_no_record(s, "b");
	expect_map(s, "a", "");
	expect_log(s, "a", SPAN_NONE, 0, 0, "t=old@7;");
	store_rollback(s); /* without begin: nothing happens */
	expect_record(s, "a", T("old"));

	OK(store_begin(s));
	OK(store_delete(s, STORE_ACCOUNT, T("a")));
	OK(store_delete(s, STORE_OFFLINE, T("a")));
	OK(store_commit(s));
	expect_no_record(s, "a");
	expect_log(s, "a", SPAN_NONE, 0, 0, "");
}

static void a_refused_call_does_not_end_the_transaction(void **state)
{
	struct store *s = of(state);
	uint64_t seq;

	OK(store_begin(s));
	append(s, "a", "t", "1");
	assert_int_equal(store_log_append(s, STORE_OFFLINE, T("a"), T("t"), 0, T("2"), 1, 0, &seq), STATUS_LIMIT);
	NONE(store_delete(s, STORE_ACCOUNT, T("nobody")));
	append(s, "a", "u", "3");
	OK(store_commit(s));
	expect_log(s, "a", SPAN_NONE, 0, 0, "t=1@7;u=3@7;");
}

static void a_reader_sees_what_was_committed(void **state)
{
	struct fixture *f = *state;
	struct store *reader = store_suite_open(f->uri, STORE_READER);

	OK(store_begin(f->s));
	OK(store_put(f->s, STORE_ACCOUNT, T("a"), T("1")));
	append(f->s, "a", "t", "1");
	OK(store_commit(f->s));
	expect_record(reader, "a", T("1"));
	expect_log(reader, "a", SPAN_NONE, 0, 0, "t=1@7;");
	OK(store_put(f->s, STORE_ACCOUNT, T("a"), T("2")));
	expect_record(reader, "a", T("2"));
	store_close(reader);
}

static void writes_are_counted_reads_are_not(void **state)
{
	struct store *s = of(state);
	uint64_t before = store_writes(s), count;
	struct seen seen = { 0 };
	struct buf out = BUF_INIT;

	NONE(store_get(s, STORE_ACCOUNT, T("a"), &out));
	NONE(store_map_get(s, STORE_ROSTER, T("a"), T("k"), &out));
	OK(store_map_each(s, STORE_ROSTER, T("a"), see_pair, &seen));
	OK(store_log_read(s, STORE_OFFLINE, T("a"), SPAN_NONE, 0, 0, see_row, &seen));
	OK(store_log_count(s, STORE_OFFLINE, T("a"), &count));
	OK(store_owners(s, STORE_ACCOUNT, SPAN_NONE, 0, see_owner, &seen));
	assert_int_equal(store_writes(s), before);
	OK(store_put(s, STORE_ACCOUNT, T("a"), T("1")));
	OK(store_map_put(s, STORE_ROSTER, T("a"), T("k"), T("1")));
	append(s, "a", "t", "1");
	OK(store_delete(s, STORE_ACCOUNT, T("a")));
	assert_int_equal(store_writes(s), before + 4);
}

static void what_was_written_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	if (!suite->keeps)
		skip();
	OK(store_put(f->s, STORE_ACCOUNT, T("a"), T("1")));
	OK(store_begin(f->s));
	OK(store_map_put(f->s, STORE_ROSTER, T("a"), T("k"), T("2")));
	seq = append(f->s, "a", "t", "3");
	OK(store_commit(f->s));
	OK(store_begin(f->s));
	append(f->s, "a", "t", "lost"); /* closed before it was committed */
	store_close(f->s);
	f->s = store_suite_open(f->uri, STORE_WRITER);
	expect_record(f->s, "a", T("1"));
	expect_map(f->s, "a", "k=2;");
	expect_log(f->s, "a", SPAN_NONE, 0, 0, "t=3@7;");
	OK(store_log_delete(f->s, STORE_OFFLINE, T("a"), seq));
	store_close(f->s);
	f->s = store_suite_open(f->uri, STORE_WRITER);
	assert_true(append(f->s, "a", "t", "4") > seq); /* also after all rows were gone */
}

static void random_sequences_end_as_in_memory(void **state)
{
	store_suite_random(of(state));
}

int store_suite_run(const struct store_suite *of_backend)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(what_is_not_there_is_not_found),
		CASE(a_second_put_replaces_the_first),
		CASE(values_are_any_bytes),
		CASE(get_adds_to_what_the_buffer_holds),
		CASE(owners_and_keys_that_look_alike_are_different),
		CASE(collections_do_not_mix),
		CASE(a_map_is_seen_in_order_of_its_keys),
		CASE(a_log_is_read_in_order),
		CASE(rows_are_deleted_one_by_one_or_up_to_a_number),
		CASE(a_full_log_refuses),
		CASE(owners_are_sorted_and_paged),
		CASE(a_commit_keeps_and_a_rollback_forgets_all),
		CASE(a_refused_call_does_not_end_the_transaction),
		CASE(a_reader_sees_what_was_committed),
		CASE(writes_are_counted_reads_are_not),
		CASE(what_was_written_is_there_after_reopening),
		CASE(random_sequences_end_as_in_memory),
	};
#undef CASE

	suite = of_backend;
	return RUN(tests);
}
