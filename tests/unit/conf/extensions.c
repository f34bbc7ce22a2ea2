/* Shared objects that a configuration names, and whose setting a pair of the file is. */
#include "tests/unit/conf/load.h"

static void assert_problem(const struct loaded *l, size_t at, const char *text)
{
	char line[700];

	assert_true(at < l->problems.count);
	describe(&l->problems.items[at], line, sizeof(line));
	assert_string_equal(line, text);
}

static void plugins_and_components_are_found_with_their_names(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=/opt/count.so, ./b-2.so\n--comp-name-1=Echo\n--comp-class-1=/opt/x/echo.so\n"
			       "--comp-class-two=../bot.so\n--comp-name-two=helper\n");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.c->extension_count, 4);
	assert_string_equal(l.c->extensions[0].name, "count");
	assert_string_equal(l.c->extensions[0].path, "/opt/count.so");
	assert_false(l.c->extensions[0].is_component);
	assert_string_equal(l.c->extensions[1].name, "b-2");
	assert_string_equal(l.c->extensions[2].name, "echo");
	assert_true(l.c->extensions[2].is_component);
	assert_int_equal(l.c->extensions[2].source->line, 3);
	assert_string_equal(l.c->extensions[3].name, "helper");
	unload(&l);
}

static void what_cannot_be_loaded_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{ "sess-man/extensions[s]=count.so\n",
		  "1 error: 'count.so' is no path; write where the shared object lies, for example ./count.so (sess-man/extensions)" },
		{ "sess-man/extensions[s]=/opt/count\n",
		  "1 error: '/opt/count' is no shared object: its name must end in .so (sess-man/extensions)" },
		{ "sess-man/extensions[s]=/a/count.so,/b/count.so\n",
		  "1 error: there are two plugins of the name count (sess-man/extensions)" },
		{ "--comp-class-1=/opt/echo.so\n",
		  "1 error: --comp-class-1 has no --comp-name-1 beside it: what is the component to be called?" },
		{ "--comp-class-1=/opt/echo.so\n--comp-name-1=e cho\n",
		  "1 error: 'e cho' cannot be the name of a component: letters, digits and -, at most 63 (--comp-class-1)" },
		{ "--comp-class-1=/opt/echo.so\n--comp-name-1=c2s\n",
		  "1 error: 'c2s' is the name of a component of the server's own; choose another one (--comp-class-1)" },
		{ "--comp-name-1=e\n--comp-class-1=/opt/e.so\n--comp-name-2=E\n--comp-class-2=/opt/f.so\n",
		  "4 error: there are two components of the name e (--comp-class-2)" },
		{ "--comp-class-1=echo.so\n--comp-name-1=e\n",
		  "1 error: 'echo.so' is no path; write where the shared object lies, for example ./echo.so (--comp-class-1)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		assert_int_equal(l.problems.count, 1);
		assert_problem(&l, 0, rows[i].problem);
		unload(&l);
	}
}

static void classes_of_tigase_stay_without_effect(void **state)
{
	struct loaded l = load("--comp-name-1=muc\n--comp-class-1=tigase.muc.MUCComponent\n");

	(void)state;
	assert_int_equal(l.c->extension_count, 0);
	assert_int_equal(l.problems.count, 2);
	assert_false(config_has_fatal(&l.problems));
	unload(&l);
}

static void a_plugin_list_may_name_it_and_edits_may_leave_it_out(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=/opt/count.so\nsess-man/plugins[s]=urn:ietf:params:xml:ns:xmpp-sasl,urn:ietf:params:xml:ns:xmpp-bind,count\n");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.c->extension_count, 1);
	unload(&l);
	l = load("sess-man/extensions[s]=/opt/count.so\n--sm-plugins=+count=8:100\n");
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.c->extension_count, 1);
	unload(&l);
	l = load("sess-man/extensions[s]=/opt/count.so,/opt/other.so\n--sm-plugins=-count\n");
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.c->extension_count, 1);
	assert_string_equal(l.c->extensions[0].name, "other");
	unload(&l);
}

static const char *setting(const struct loaded *l, size_t extension, const char *key)
{
	const struct config_raw *raw = config_extension_setting(l->c, &l->c->extensions[extension], key);

	return raw ? raw->value : NULL;
}

static void settings_reach_the_extension_they_name(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=/opt/count.so\n--comp-name-1=echo\n--comp-class-1=/opt/echo.so\n"
			       "sess-man/plugins-conf/count/one=own\nsess-man/plugins-conf/one=common\n"
			       "sess-man/plugins-conf/two=common\nsess-man/plugins-conf/amp,count/three=several\n"
			       "sess-man/plugins-conf/counts/four=other\necho/five[I]=7\nechoes/six=other\n--anything=8\n");

	(void)state;
	assert_int_equal(l.c->extension_count, 2);
	assert_string_equal(setting(&l, 0, "one"), "own");
	assert_string_equal(setting(&l, 0, "two"), "common");
	assert_string_equal(setting(&l, 0, "three"), "several");
	assert_null(setting(&l, 0, "four"));
	assert_null(setting(&l, 0, "five"));
	assert_string_equal(setting(&l, 1, "five"), "7");
	assert_null(setting(&l, 1, "six"));
	assert_null(setting(&l, 1, "one"));
	assert_string_equal(config_raw_value(l.c, "--anything"), "8");
	unload(&l);
}

/* However near to one of ours: it is the extension that knows its settings. */
static void settings_of_an_extension_are_not_remarked_on(void **state)
{
	struct loaded l = load("sess-man/extensions[s]=/opt/limits.so\nsess-man/plugins-conf/limits/max_roster_sise=1\n--comp-name-1=bosch\n"
			       "--comp-class-1=/opt/b.so\nbosch/max-wait[I]=5\n");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	unload(&l);
	l = load("bosch/max-wait[I]=5\n");
	assert_int_equal(l.problems.count, 1);
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plugins_and_components_are_found_with_their_names),
		cmocka_unit_test(what_cannot_be_loaded_is_said_with_its_line),
		cmocka_unit_test(classes_of_tigase_stay_without_effect),
		cmocka_unit_test(a_plugin_list_may_name_it_and_edits_may_leave_it_out),
		cmocka_unit_test(settings_reach_the_extension_they_name),
		cmocka_unit_test(settings_of_an_extension_are_not_remarked_on),
	};

	return RUN(tests);
}
