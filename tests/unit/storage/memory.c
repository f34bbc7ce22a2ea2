/* The store in memory under the contract of all stores. */
#include "tests/support/check.h"

#include "storage/backend.h"
#include "tests/support/store_suite.h"

static void fresh(char uri[STORE_SUITE_URI])
{
	static unsigned number;

	snprintf(uri, STORE_SUITE_URI, "memory:%u", ++number);
}

static void handles_share_data_by_name_until_the_last_is_closed(void **state)
{
	struct store *one = store_suite_open("memory:x", STORE_WRITER), *two = store_suite_open("memory:x", STORE_READER),
		     *other = store_suite_open("memory:y", STORE_WRITER);
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(store_put(one, STORE_ACCOUNT, SPAN_LIT("a"), SPAN_LIT("1")), STATUS_OK);
	assert_int_equal(store_get(two, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_OK);
	assert_int_equal(store_get(other, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_NOT_FOUND);
	store_close(one);
	assert_int_equal(store_get(two, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_OK);
	store_close(two);
	store_close(other);
	one = store_suite_open("memory:x", STORE_WRITER);
	assert_int_equal(store_get(one, STORE_ACCOUNT, SPAN_LIT("a"), &out), STATUS_NOT_FOUND);
	store_close(one);
	store_close(NULL);
	buf_fini(&out);
}

static void an_unknown_kind_of_store_is_refused(void **state)
{
	static const char *const uris[] = { "", "memory", "sqlit:x", "sqlitee:x", ":x", "mysql://h/db", "SQLITE:x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct store *s;
		char *error = NULL;

		assert_int_equal(store_open(uris[i], STORE_WRITER, &s, &error), STATUS_UNSUPPORTED);
		assert_null(s);
		assert_non_null(error);
		free(error);
	}
}

static enum status own_open(const char *rest, enum store_access access, void **out, char **error)
{
	(void)access;
	(void)error;
	assert_string_equal(rest, "there");
	*out = NULL;
	return STATUS_BUSY;
}

static void a_program_may_bring_a_back_end_of_its_own(void **state)
{
	static const struct store_backend own = { .scheme = "own", .open = own_open };
	struct store *s;
	char *error = NULL;

	(void)state;
	store_bring(&own);
	assert_int_equal(store_open("own:there", STORE_WRITER, &s, &error), STATUS_BUSY);
	assert_null(s);
	s = store_suite_open("memory:x", STORE_WRITER);
	store_close(s);
	store_bring(NULL);
	assert_int_equal(store_open("own:there", STORE_WRITER, &s, &error), STATUS_UNSUPPORTED);
	free(error);
}

int main(void)
{
	static const struct store_suite suite = { .fresh = fresh };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handles_share_data_by_name_until_the_last_is_closed),
		cmocka_unit_test(an_unknown_kind_of_store_is_refused),
		cmocka_unit_test(a_program_may_bring_a_back_end_of_its_own),
	};

	return store_suite_run(&suite) + RUN(tests);
}
