/* What is said of shared objects that cannot be used, and what `init` gets. The objects are tests/support/extension/wrong.c. */
#include "tests/support/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "actors/extension/inner.h"
#include "actors/session/xep.h"
#include "runtime/metric.h"

struct loaded {
	struct config *conf;
	struct config_problems problems;
	struct extensions *all;
	char path[40];
};

/* `%s` in the text is where the objects lie. */
static struct loaded load(const char *format)
{
	struct loaded l = { .path = "/tmp/switchboard-ext-XXXXXX" };
	const char *files[1] = { l.path };
	struct buf text = BUF_INIT;
	int fd = mkstemp(l.path);

	assert_true(fd >= 0);
	buf_add_text(&text, "basic-conf/config-dump-file=none\n");
	for (const char *p = format; *p; p++)
		if (*p == '%')
			buf_add_text(&text, EXTENSIONS);
		else
			buf_add(&text, p, 1);
	assert_int_equal(write(fd, text.base, buf_len(&text)), buf_len(&text));
	close(fd);
	buf_fini(&text);
	l.conf = config_load(files, 1, NULL, 0, &l.problems);
	assert_int_equal(l.problems.count, 0);
	l.all = extensions_load(l.conf, &l.problems);
	return l;
}

static void unload(struct loaded *l)
{
	extensions_free(l->all);
	config_problems_free(&l->problems);
	config_free(l->conf);
	unlink(l->path);
}

static void assert_says(const struct loaded *l, unsigned line, enum config_severity severity, const char *text)
{
	const struct config_problem *p = &l->problems.items[0];

	if (l->problems.count != 1 || p->line != line || p->severity != severity || !strstr(p->text, text))
		fail_msg("%zu problems; the first one on line %u: %s", l->problems.count, p->line, l->problems.count ? p->text : "-");
	assert_null(strchr(p->text, '\n'));
}

static void what_is_wrong_is_one_line_with_its_place(void **state)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "wrong-abi", "wrong-abi.so: it was built for interface 2, this server has 1" },
		{ "wrong-size", "it was built for a newer server" },
		{ "wrong-id", "its plugin is called 'other'; a plugin's file bears its id, so this one must be other.so" },
		{ "wrong-symbol", "wrong-symbol.so: it exports no switchboard_plugin" },
		{ "wrong-function", "sb_of_tomorrow" },
		{ "wrong-silent", "it says that it cannot start, and not why" },
		{ "wrong-processor", "processor 0 is of no kind, or has no function" },
		{ "missing", "missing.so: cannot open shared object file" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text = BUF_INIT;
		struct loaded l;
		char *lines;

		buf_addf(&text, "# one line before\nsess-man/extensions[s]=%%/%s.so\n", rows[i].name);
		lines = buf_take_text(&text);
		l = load(lines);
		assert_says(&l, 3, CONFIG_FATAL, rows[i].text);
		assert_non_null(strstr(l.problems.items[0].text, "(sess-man/extensions)"));
		assert_int_equal(l.all->count, 0);
		free(lines);
		unload(&l);
	}
}

static void an_init_that_fails_names_the_setting(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=%/wrong-init.so\nsess-man/plugins-conf/wrong-init/database=db.example\n");

	(void)state;
	assert_says(&l, 3, CONFIG_FATAL,
		    "the database does not answer; give the address of one that does (sess-man/plugins-conf/wrong-init/database)");
	unload(&l);
	l = load("sess-man/extensions[s]=%/wrong-init.so\n"); /* not set: where the extension is named */
	assert_says(&l, 2, CONFIG_FATAL, "sess-man/plugins-conf/wrong-init/database: the database does not answer");
	unload(&l);
}

static void values_that_are_none_name_their_line(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "sess-man/plugins-conf/wrong-setting/number[I]=abc\n", "'abc' is no number from 0 to 10" },
		{ "sess-man/plugins-conf/wrong-setting/number=11\n", "'11' is no number from 0 to 10" },
		{ "sess-man/plugins-conf/wrong-setting/switch[B]=perhaps\n", "'perhaps' is neither true nor false" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text = BUF_INIT;
		struct loaded l;
		char *lines;

		buf_addf(&text, "sess-man/extensions[s]=%%/wrong-setting.so\n%s", rows[i].line);
		lines = buf_take_text(&text);
		l = load(lines);
		assert_says(&l, 3, CONFIG_FATAL, rows[i].text);
		free(lines);
		unload(&l);
	}
}

static void a_setting_it_never_asks_for_is_a_warning(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=%/wrong-setting.so\nsess-man/plugins-conf/wrong-setting/nummer[I]=3\n");

	(void)state;
	assert_says(&l, 3, CONFIG_WARNING, "sess-man/plugins-conf/wrong-setting/nummer is no setting of the extension wrong-setting");
	assert_int_equal(l.all->count, 1);
	unload(&l);
}

static void a_descriptor_of_an_older_server_is_taken_as_far_as_it_goes(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=%/wrong-short.so\n");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.all->count, 1);
	assert_non_null(l.all->items[0].plugin.init);
	assert_null(l.all->items[0].plugin.before);
	assert_null(l.all->xep->gate); /* so no phase has it */
	unload(&l);
}

static void a_file_everybody_may_write_is_a_warning(void **state)
{
	const char *path = EXTENSIONS "/wrong-short.so";
	struct loaded l;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(chmod(path, st.st_mode | S_IWOTH), 0);
	l = load("sess-man/extensions[s]=%/wrong-short.so\n");
	assert_int_equal(chmod(path, st.st_mode), 0);
	assert_says(&l, 2, CONFIG_WARNING, "may be written by everybody");
	assert_int_equal(l.all->count, 1);
	unload(&l);
}

static void without_any_there_is_nothing(void **state)
{
	struct loaded l = load("");

	(void)state;
	assert_null(l.all);
	unload(&l);
}

/* --- what init gets --- */

static void getters_convert_and_have_defaults(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=%/wrong-short.so\n--global-thing=here\nsess-man/plugins-conf/wrong-short/text=a b\n"
			       "sess-man/plugins-conf/wrong-short/number[I]=0x10\nsess-man/plugins-conf/wrong-short/size=2k\n"
			       "sess-man/plugins-conf/wrong-short/switch[B]=on\nsess-man/plugins-conf/wrong-short/list[s]=a, b,c\n"
			       "sess-man/plugins-conf/everybody=all\n");
	struct config_problems none = { 0 };
	struct sb_setup s = { .conf = l.conf, .named = &l.conf->extensions[0], .problems = &none };
	const char *item;

	(void)state;
	assert_string_equal(sb_name(&s), "wrong-short");
	assert_string_equal(sb_setting(&s, "text", NULL), "a b");
	assert_string_equal(sb_setting(&s, "everybody", NULL), "all");
	assert_string_equal(sb_setting(&s, "absent", "otherwise"), "otherwise");
	assert_int_equal(sb_setting_int(&s, "number", 1, 0, 100), 16);
	assert_int_equal(sb_setting_int(&s, "size", 1, 0, 10000), 2048);
	assert_int_equal(sb_setting_int(&s, "absent", 5, 10, 100), 5); /* its default is its own affair */
	assert_true(sb_setting_bool(&s, "switch", false));
	assert_true(sb_setting_bool(&s, "absent", true));
	item = sb_setting_item(&s, "list", 1);
	assert_string_equal(item, "b");
	free((char *)(uintptr_t)item);
	assert_null(sb_setting_item(&s, "list", 3));
	assert_null(sb_setting_item(&s, "absent", 0));
	assert_string_equal(sb_global(&s, "global-thing", NULL), "here");
	assert_string_equal(sb_global(&s, "absent", "x"), "x");
	assert_int_equal(none.count, 0);
	for (size_t i = 0; i < s.asked.count; i++)
		free(s.asked.items[i]);
	free(s.asked.items);
	unload(&l);
}

static char *metrics(void)
{
	struct buf out = BUF_INIT;

	metric_print(&out);
	return buf_take_text(&out);
}

static void metrics_of_an_extension_are_shown_like_ours(void **state)
{
	struct config_extension named = { .name = (char *)(uintptr_t) "my-ext" };
	struct sb_setup s = { .named = &named };
	struct sb_metric *counter = sb_counter(&s, "things", "Things that came."), *gauge = sb_gauge(&s, "depth", "How deep.");
	char *text;

	(void)state;
	assert_ptr_equal(sb_counter(&s, "things", "Again."), counter);
	sb_add(counter, 2);
	sb_add(counter, 3);
	sb_add(gauge, 4);
	sb_add(gauge, -1);
	sb_add(sb_gauge(&s, "things", "Of another kind."), 100); /* goes nowhere, and harms nobody */
	text = metrics();
	assert_non_null(strstr(text, "# HELP switchboard_ext_my_ext_things Things that came.\n# TYPE switchboard_ext_my_ext_things counter\n"
				     "switchboard_ext_my_ext_things 5\n"));
	assert_non_null(strstr(text, "# TYPE switchboard_ext_my_ext_depth gauge\nswitchboard_ext_my_ext_depth 3\n"));
	free(text);
}

static void there_is_room_for_so_many_metrics_and_no_more(void **state)
{
	struct config_extension named = { .name = (char *)(uintptr_t) "many" };
	struct sb_setup s = { .named = &named };
	char name[20], *text;

	(void)state;
	for (unsigned i = 0; i < METRIC_DECLARED_MAX + 10; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		sb_add(sb_counter(&s, name, ""), 1);
	}
	text = metrics();
	assert_non_null(strstr(text, "\nswitchboard_ext_many_m200 1\n"));
	assert_null(strstr(text, "\nswitchboard_ext_many_m260 1\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_one_line_with_its_place),
		cmocka_unit_test(an_init_that_fails_names_the_setting),
		cmocka_unit_test(values_that_are_none_name_their_line),
		cmocka_unit_test(a_setting_it_never_asks_for_is_a_warning),
		cmocka_unit_test(a_descriptor_of_an_older_server_is_taken_as_far_as_it_goes),
		cmocka_unit_test(a_file_everybody_may_write_is_a_warning),
		cmocka_unit_test(without_any_there_is_nothing),
		cmocka_unit_test(getters_convert_and_have_defaults),
		cmocka_unit_test(metrics_of_an_extension_are_shown_like_ours),
		cmocka_unit_test(there_is_room_for_so_many_metrics_and_no_more),
	};

	return RUN(tests);
}
