#include "tests/support/check.h"

#include "conf/option.h"
#include "runtime/mem/buf.h"

static void numbers_are_read_as_java_decodes_them(void **state)
{
	static const struct {
		const char *in;
		bool ok;
		int64_t out;
	} rows[] = {
		{ "0", true, 0 },
		{ "200", true, 200 },
		{ "+5", true, 5 },
		{ "-5", true, -5 },
		{ "0x10", true, 16 },
		{ "0XfF", true, 255 },
		{ "-0x10", true, -16 },
		{ "010", true, 8 },
		{ "-010", true, -8 },
		{ "00", true, 0 },
		{ "1k", true, 1024 },
		{ "2K", true, 2048 },
		{ "20m", true, 20971520 },
		{ "3M", true, 3145728 },
		{ "1g", true, 1073741824 },
		{ "2G", true, 2147483648 },
		{ "-1k", true, -1024 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "8589934592g", false, 0 },
		{ "-8589934593g", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+", false, 0 },
		{ "--5", false, 0 },
		{ "+-5", false, 0 },
		{ "k", false, 0 },
		{ "0x", false, 0 },
		{ "08", false, 0 },
		{ "5 ", false, 0 },
		{ " 5", false, 0 },
		{ "5 k", false, 0 },
		{ "5kk", false, 0 },
		{ "5kb", false, 0 },
		{ "5t", false, 0 },
		{ "5.0", false, 0 },
		{ "1e3", false, 0 },
		{ "1_000", false, 0 },
		{ "0b11", false, 0 },
		{ "\xd9\xa1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t got = 0;
		bool ok = option_parse_int(rows[i].in, &got);

		if (ok != rows[i].ok || (ok && got != rows[i].out))
			fail_msg("'%s': %d, %lld", rows[i].in, ok, (long long)got);
	}
}

static void booleans_have_names_in_any_case(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "YES", "True", "oN" };
	static const char *const no[] = { "no", "false", "off", "0", "NO", "False", "oFF", "" };
	static const char *const neither[] = { "y", "n", "2", "-1", "tru", "truee", " true", "enabled", "是" };
	bool got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(option_parse_bool(yes[i], &got) && got);
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_true(option_parse_bool(no[i], &got) && !got);
	for (size_t i = 0; i < ARRAY_LEN(neither); i++)
		if (option_parse_bool(neither[i], &got))
			fail_msg("'%s' was taken for %d", neither[i], got);
}

static void lists_are_split_and_trimmed(void **state)
{
	static const struct {
		const char *in, *joined;
		size_t count;
	} rows[] = {
		{ "", "", 0 }, { ",", "", 0 }, { " , ,, ", "", 0 }, { "a", "a", 1 }, { "a,b", "a|b", 2 },
		{ " a ,\tb c\t,", "a|b c", 2 },
		{ ",,a,,b,,", "a|b", 2 }, { "a@b, *@c", "a@b|*@c", 2 }, { "客,服", "客|服", 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_list list;
		struct buf joined = BUF_INIT;
		char *text;

		option_parse_list(rows[i].in, &list);
		assert_int_equal(list.count, rows[i].count);
		for (size_t k = 0; k < list.count; k++)
			buf_addf(&joined, "%s%s", k ? "|" : "", list.items[k]);
		text = buf_take_text(&joined);
		assert_string_equal(text, rows[i].joined);
		free(text);
		option_free_list(&list);
		assert_int_equal(list.count, 0);
	}
}

static void a_star_stands_for_any_run(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {
		{ "", "", true }, { "", "a", false }, { "a", "", false }, { "*", "", true }, { "*", "abc", true },
		{ "abc", "abc", true },
		{ "abc", "abcd", false }, { "abc*", "abc", true }, { "*abc", "xxabc", true },
		{ "a*c", "abbbc", true }, { "a*c", "abcd", false },
		{ "a*b*c", "axbxbxc", true }, { "*ab", "aab", true }, { "*aab", "aaaab", true },
		{ "a**b", "ab", true }, { "a*?", "ab", false },
		{ "robot*@acme", "robot12@acme", true }, { "robot*@acme", "robot@acme.example", false },
		{ "*@acme", "a@b@acme", true },
		{ "A*", "abc", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (option_matches(rows[i].pattern, rows[i].text) != rows[i].fits)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].text);
}

/* Prints what a row holds. The caller frees. */
static char *shown(const struct config *c, const struct option_row *row)
{
	struct buf out = BUF_INIT;

	option_print(c, row, &out);
	return buf_take_text(&out);
}

static bool takes(struct config *c, const struct option_row *row, const char *text)
{
	char *problem = NULL;
	bool ok = option_set(c, row, text, &problem);

	assert_int_equal(ok, problem == NULL);
	if (problem)
		assert_non_null(strstr(problem, row->key));
	free(problem);
	return ok;
}

static void every_default_is_taken_by_its_own_row_and_printed_alike(void **state)
{
	struct config *c = xcalloc(1, sizeof(*c));

	(void)state;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		char *text;

		if (!takes(c, row, row->standard))
			fail_msg("%s does not take its default '%s'", row->key, row->standard);
		text = shown(c, row);
		if (row->kind != OPTION_KIND_SECRET && strcmp(text, row->standard) != 0)
			fail_msg("%s: default '%s' is printed '%s'", row->key, row->standard, text);
		free(text);
	}
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		option_free(c, &option_rows[i]);
	free(c);
}

static void every_row_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		size_t n = strlen(row->doc);

		assert_ptr_equal(option_find(row->key), row); /* so no key stands twice */
		assert_true(strncmp(row->key, "--", 2) == 0 || strchr(row->key, '/'));
		assert_true(n > 10 && (row->doc[n - 1] == '.'));
		assert_null(strpbrk(row->doc, "|\n"));
		assert_null(option_find_later(row->key));
		if (row->kind == OPTION_KIND_INT)
			assert_true(row->min < row->max && *row->unit);
		if (row->kind == OPTION_KIND_ENUM)
			assert_non_null(strchr(row->names, '|'));
	}
	for (size_t i = 0; i < option_alias_count; i++)
		assert_ptr_equal(option_find(option_aliases[i].key), &option_rows[option_aliases[i].option]);
}

static void a_number_is_kept_within_its_range(void **state)
{
	struct config *c = xcalloc(1, sizeof(*c));

	(void)state;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		const int64_t good[] = { row->min, row->max }, bad[] = { row->min - 1, row->max + 1 };
		char text[32];

		if (row->kind != OPTION_KIND_INT)
			continue;
		for (size_t k = 0; k < 2; k++) {
			snprintf(text, sizeof(text), "%lld", (long long)good[k]);
			assert_true(takes(c, row, text));
			snprintf(text, sizeof(text), "%lld", (long long)bad[k]);
			assert_false(takes(c, row, text));
			assert_int_equal(*(int64_t *)(void *)((char *)c + row->offset), good[k]);
		}
		assert_false(takes(c, row, "many"));
		assert_false(takes(c, row, ""));
	}
	free(c);
}

static void every_name_of_a_choice_is_taken_and_printed(void **state)
{
	struct config *c = xcalloc(1, sizeof(*c));

	(void)state;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		char *names, *save = NULL;
		int position = 0;

		if (row->kind != OPTION_KIND_ENUM)
			continue;
		names = xstrdup(row->names);
		for (char *name = strtok_r(names, "|", &save); name; name = strtok_r(NULL, "|", &save), position++) {
			char *text;

			assert_true(takes(c, row, name));
			assert_int_equal(*(int *)(void *)((char *)c + row->offset), position);
			text = shown(c, row);
			assert_string_equal(text, name);
			free(text);
		}
		assert_false(takes(c, row, "none of these"));
		assert_false(takes(c, row, row->names));
		assert_false(takes(c, row, ""));
		free(names);
	}
	free(c);
}

static void settings_of_tigase_without_effect_are_known(void **state)
{
	static const char *const keys[] = {
		"config-type", "--cluster-mode", "--cluster-nodes", "--cl-conn-repo-class", "--auth-db", "--auth-db-uri",
		"--user-repo-pool-size", "--auth-repo-pool-size", "--data-repo-pool-size", "--amp-repo-uri", "--comp-name-1",
		"--comp-class-1", "--s2s-secret", "--cm-see-other-host", "--monitoring", "--elements-number-limit",
		"--tls-jdk-nss-bug-workaround-active", "--roster-implementation", "--stats-history", "--api-keys",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!option_find_later(keys[i]))
			fail_msg("%s is unknown", keys[i]);
	assert_null(option_find_later("--something"));
	assert_null(option_find_later("bosh/max-wait"));
}

static const char *nearest_option(const char *word)
{
	struct nearest n = nearest_to(word);

	option_consider_all(&n);
	return n.best;
}

static void the_nearest_key_is_offered_if_one_is_near(void **state)
{
	static const struct {
		const char *typed, *near;
	} rows[] = {
		{ "--bosh-port", "--bosh-ports" },
		{ "--virt-host", "--virt-hosts" },
		{ "--virthosts", "--virt-hosts" },
		{ "-virt-hosts", "--virt-hosts" },
		{ "--user-db-url", "--user-db-uri" },
		{ "sess-man/desk/seat", "sess-man/desk/seats" },
		{ "sess-man/desk/capcity", "sess-man/desk/capacity" },
		{ "bosh/max_wait", "bosh/max-wait" },
		{ "amp/store_limit", "amp/store-limit" },
		{ "--completely-different", NULL },
		{ "my-component/my-key", NULL },
		{ "x", NULL },
		{ "", NULL },
	};
	char huge[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *near = nearest_option(rows[i].typed);

		if (!near != !rows[i].near || (near && strcmp(near, rows[i].near) != 0))
			fail_msg("'%s': %s", rows[i].typed, near ? near : "nothing");
	}
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_null(nearest_option(huge));
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		assert_string_equal(nearest_option(option_rows[i].key), option_rows[i].key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_as_java_decodes_them),
		cmocka_unit_test(booleans_have_names_in_any_case),
		cmocka_unit_test(lists_are_split_and_trimmed),
		cmocka_unit_test(a_star_stands_for_any_run),
		cmocka_unit_test(every_default_is_taken_by_its_own_row_and_printed_alike),
		cmocka_unit_test(every_row_is_sound),
		cmocka_unit_test(a_number_is_kept_within_its_range),
		cmocka_unit_test(every_name_of_a_choice_is_taken_and_printed),
		cmocka_unit_test(settings_of_tigase_without_effect_are_known),
		cmocka_unit_test(the_nearest_key_is_offered_if_one_is_near),
	};

	return RUN(tests);
}
