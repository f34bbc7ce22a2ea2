/* The virtual disk: the contract of all stores, and what a crash leaves of it. */
#include "tests/support/check.h"

#include "tests/sim/sim.h"
#include "tests/sim/store.h"
#include "tests/support/store_suite.h"

static void fresh(char uri[STORE_SUITE_URI])
{
	sim_store_end();
	sim_store_begin(STORE_HONEST);
	snprintf(uri, STORE_SUITE_URI, "sim:disk");
}

static int set_up(void **state)
{
	sim_begin(1);
	sim_store_begin(STORE_HONEST);
	*state = store_suite_open("sim:disk", STORE_WRITER);
	return 0;
}

static int tear_down(void **state)
{
	store_close(*state);
	sim_store_end();
	sim_end();
	return 0;
}

static void put(struct store *s, const char *owner)
{
	assert_int_equal(store_put(s, STORE_ACCOUNT, span_of(owner), SPAN_LIT("x")), STATUS_OK);
}

static bool has(struct store *s, const char *owner)
{
	struct buf out = BUF_INIT;
	enum status st = store_get(s, STORE_ACCOUNT, span_of(owner), &out);

	buf_fini(&out);
	return st == STATUS_OK;
}

static void a_crash_leaves_what_was_committed_and_nothing_else(void **state)
{
	struct store *s = *state;

	put(s, "alone");
	assert_int_equal(store_begin(s), STATUS_OK);
	put(s, "committed");
	assert_int_equal(store_commit(s), STATUS_OK);
	assert_int_equal(store_begin(s), STATUS_OK);
	put(s, "open");
	assert_int_equal(store_delete(s, STORE_ACCOUNT, SPAN_LIT("alone")), STATUS_OK);
	assert_true(has(s, "open"));
	assert_false(has(s, "alone"));
	sim_store_crash();
	assert_true(has(s, "alone"));
	assert_true(has(s, "committed"));
	assert_false(has(s, "open"));
}

/* From `old` alone to `new` alone, which is not to be. */
static enum status refused(struct store *s)
{
	enum status st;

	put(s, "old");
	sim_store_fail(1000);
	assert_int_equal(store_begin(s), STATUS_OK);
	put(s, "new");
	assert_int_equal(store_delete(s, STORE_ACCOUNT, SPAN_LIT("old")), STATUS_OK);
	st = store_commit(s);
	sim_store_fail(0);
	assert_true(st == STATUS_FULL || st == STATUS_IO);
	assert_true(has(s, "old"));
	assert_false(has(s, "new"));
	return st;
}

static void a_refused_commit_has_not_happened(void **state)
{
	(void)refused(*state);
}

static void after_a_failed_sync_a_crash_finds_all_of_it_or_nothing(void **state)
{
	struct store *s = *state;
	unsigned seen[2] = { 0, 0 }, full = 0;

	for (int i = 0; i < 64; i++) {
		enum status st = refused(s);
		bool there;

		sim_store_crash();
		there = has(s, "new");
		assert_int_equal(has(s, "old"), !there);
		seen[there] += st == STATUS_IO;
		full += st == STATUS_FULL;
		assert_false(there && st == STATUS_FULL);
		if (there)
			assert_int_equal(store_delete(s, STORE_ACCOUNT, SPAN_LIT("new")), STATUS_OK);
		sim_store_crash();
		assert_false(has(s, "new")); /* once is all */
	}
	assert_true(seen[false] > 0 && seen[true] > 0 && full > 0);
}

static void what_was_committed_over_it_ends_it(void **state)
{
	struct store *s = *state;

	for (int i = 0; i < 64; i++) {
		(void)refused(s);
		put(s, "next");
		sim_store_crash();
		assert_true(has(s, "old"));
		assert_false(has(s, "new"));
	}
}

static void death_comes_in_the_middle_or_right_after_the_commit(void **state)
{
	struct store *s = *state;

	for (int after = 0; after < 2; after++) {
		sim_store_die_at_write(2, after);
		assert_int_equal(store_begin(s), STATUS_OK);
		put(s, "one");
		put(s, "two");
		put(s, "three");
		assert_int_equal(store_commit(s), STATUS_OK);
		sim_store_crash();
		assert_int_equal(has(s, "one"), after);
		assert_int_equal(has(s, "three"), after);
	}
}

static void a_liar_forgets(void **state)
{
	struct store *s = *state;

	sim_store_end();
	sim_store_begin(STORE_LIES);
	put(s, "one");
	sim_store_sync();
	put(s, "two");
	sim_store_crash();
	assert_true(has(s, "one"));
	assert_false(has(s, "two"));
}

int main(void)
{
	static const struct store_suite suite = { .fresh = fresh };
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_crash_leaves_what_was_committed_and_nothing_else),
		T(a_refused_commit_has_not_happened),
		T(after_a_failed_sync_a_crash_finds_all_of_it_or_nothing),
		T(what_was_committed_over_it_ends_it),
		T(death_comes_in_the_middle_or_right_after_the_commit),
		T(a_liar_forgets),
	};
	int failed;

	sim_begin(1);
	sim_store_begin(STORE_HONEST);
	failed = store_suite_run(&suite);
	sim_store_end();
	sim_end();
	return failed + RUN(tests);
}
