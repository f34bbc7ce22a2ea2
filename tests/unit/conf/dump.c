#include "tests/support/check.h"

#include <sys/stat.h>

#include "conf/option.h"
#include "tests/unit/conf/load.h"

/* The caller frees. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	struct buf out = BUF_INIT;
	size_t n;

	assert_non_null(file);
	do {
		n = fread(buf_reserve(&out, 65536), 1, 65536, file);
		buf_commit(&out, n);
	} while (n);
	fclose(file);
	return buf_take_text(&out);
}

static char *dump_of(const struct config *c)
{
	char path[40], *text;

	new_path(path);
	assert_true(config_dump(c, path));
	text = read_text(path);
	unlink(path);
	return text;
}

static char *dump_of_text(const char *text)
{
	struct loaded l = load(text);
	char *dump = dump_of(l.c);

	unload(&l);
	return dump;
}

static bool has_line(const char *text, const char *line)
{
	struct buf wanted = BUF_INIT;
	char *needle;
	bool found;

	buf_addf(&wanted, "\n%s\n", line);
	needle = buf_take_text(&wanted);
	found = strstr(text, needle) != NULL;
	free(needle);
	return found;
}

static const char *const texts[] = {
	"",
	"--virt-hosts=a.example:-anon:max-users=5,b.example\n--admins=a@b,c@d\n",
	"message-router/components/msg-receivers/id-names[s]=bosh,sess-man\nbosh/connections/ports[i]=8080,8443\n"
	"bosh/connections/8443/socket=ssl\nbosh/connections/8080/ifc[s]=127.0.0.1,::1\n",
	"--ws2s-ports=\n--c2s-ports=5222\n--sm-plugins=-presence,-disco\nmessage-router/components/msg-receivers/ws2s.active[B]=true\n",
	"bosh/connections/5280/type=connect\nbosh/connections/5280/socket=ssl\n",
	"sess-man/plugins-conf/jabber\\:iq\\:version/show-os[B]=true\nsess-man/plugins-conf/amp,zlib/msg-offline[B]=false\n"
	"sess-man/plugins-conf/store-limit[L]=6\n",
	"sess-man/plugins-conf/amp/store-limit[L]=3\nbosh/max-wait[I]=0x20\namp/store-limit-total[L]=2k\nbosh/pages=OFF\n",
	/* nothing is lost in what an extension gets */
	"x/a=\\ leading\nx/b=tab\\there\nx/c=two\\nlines\\r\\f\nx/d=back\\\\slash\\\\\nx/e=客服 \\ud83d\\ude00\nx/f[I]=5\nx/g[I][B]=yes\n"
	"x/colon\\:and\\=equals\\ space\\#hash\\!bang\\\\back\\ttab\\nline=1\n\\#x/h=1\n\\!x/i=2\n=nothing\n[I]=3\nx/j\nx/k= = :x\n",
	"x/uri=jdbc:mysql://h/db?user=a&password=b&c=d\nx/secret=very\n--auth-db-uri=jdbc:mysql://u:p@h/db\n",
	"sess-man/desk/cookie-cache-uri=redis://:hunter2@h:6379/0\n",
};

static void a_dump_reads_back_to_the_same_dump(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char *first = dump_of_text(texts[i]), *second = dump_of_text(first);

		if (strcmp(first, second) != 0)
			fail_msg("text %zu:\n--- first\n%s--- second\n%s", i, first, second);
		free(first);
		free(second);
	}
}

static void a_dump_reads_back_to_the_same_settings(void **state)
{
	struct loaded before, after;
	char *dump;

	(void)state;
	before = load(texts[7]);
	dump = dump_of(before.c);
	after = load(dump);
	for (size_t i = 0; i < before.c->raw_count; i++) {
		const struct config_raw *raw = &before.c->raw[i];
		const char *got = config_raw_value(after.c, raw->key);

		if (!got || strcmp(got, raw->value) != 0)
			fail_msg("'%s': '%s' became '%s'", raw->key, raw->value, got ? got : "nothing");
	}
	assert_int_equal(before.c->raw_count, 14);
	free(dump);
	unload(&before);
	unload(&after);
}

static void a_dump_has_every_option_once_sorted(void **state)
{
	char *dump = dump_of_text(""), *copy = xstrdup(dump), *save = NULL;
	const char *before = "";
	size_t lines = 0;

	(void)state;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#')
			continue;
		assert_true(strcmp(before, line) < 0);
		before = line;
		lines++;
	}
	/* and the two lists, three port lists, three lines a port */
	assert_int_equal(lines, CONFIG_OPTION_COUNT + 2 + 3 + 5 * 3);
	assert_true(has_line(dump, "bosh/max-wait[I]=60"));
	assert_true(has_line(dump, "amp/store-limit[L]=100"));
	assert_true(has_line(dump, "sess-man/plugins-conf/jabber\\:iq\\:roster/max_roster_size[I]=1000"));
	assert_true(has_line(dump, "bosh/connections/5281/socket=ssl"));
	assert_true(has_line(dump, "bosh/connections/ports[i]=5280,5281"));
	assert_true(has_line(dump, "--virt-hosts=localhost"));
	free(copy);
	free(dump);
}

static void passwords_are_starred(void **state)
{
	static const struct {
		const char *text, *line, *never;
	} rows[] = {
		{ "sess-man/desk/cookie-cache-uri=redis://:hunter2@h:6379/0", "sess-man/desk/cookie-cache-uri=redis://:*******@h:6379/0", "hunter2" },
		{ "sess-man/desk/cookie-cache-uri=redis://u:hun@ter2@h:6379/0", "sess-man/desk/cookie-cache-uri=redis://u:********@h:6379/0", "ter2" },
		{ "sess-man/desk/cookie-cache-uri=redis://h:6379/0", "sess-man/desk/cookie-cache-uri=redis://h:6379/0", "*@" },
		{ "x/db=jdbc:mysql://h/db?user=a&password=hunter2&x=y", "x/db=jdbc:mysql://h/db?user=a&password=*******&x=y", "hunter2" },
		{ "--auth-db-uri=mongodb://u:hunter2@h/db", "--auth-db-uri=mongodb://u:*******@h/db", "hunter2" },
		{ "x/password=hunter2", "x/password=***", "hunter2" },
		{ "x/my-secret[S]=hunter2", "x/my-secret[S]=***", "hunter2" },
		{ "--s2s-secret=hunter2", "--s2s-secret=***", "hunter2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *dump = dump_of_text(rows[i].text);

		if (!has_line(dump, rows[i].line) || strstr(dump, rows[i].never))
			fail_msg("%s", dump);
		free(dump);
	}
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (option_rows[i].kind == OPTION_KIND_SECRET) {
			struct config *c = config_for_test(NULL);
			struct buf out = BUF_INIT;
			char *problem = NULL;

			assert_true(option_set(c, &option_rows[i], "hunter2", &problem));
			option_print(c, &option_rows[i], &out);
			assert_true(span_is(buf_span(&out), "***"));
			buf_fini(&out);
			config_free(c);
		}
}

static void the_dump_can_be_switched_off(void **state)
{
	static const char *const off[] = { "", "none", "off", "no", "false", "OFF" };
	struct config *c = config_for_test(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		assert_true(config_dump(c, off[i]));
		if (*off[i])
			assert_int_equal(access(off[i], F_OK), -1);
	}
	config_free(c);
}

static void directories_are_made_and_failures_told(void **state)
{
	struct config *c = config_for_test(NULL);
	char top[40] = "/tmp/switchboard-dump-XXXXXX", path[100];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/a/b/dump.properties", top);
	assert_true(config_dump(c, path));
	assert_int_equal(stat(path, &st), 0);
	assert_false(config_dump(c, "/dev/null/x/dump.properties"));
	assert_false(config_dump(c, "/dev/full"));
	assert_false(config_dump(c, top));
	unlink(path);
	snprintf(path, sizeof(path), "%s/a/b", top);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", top);
	rmdir(path);
	rmdir(top);
	config_free(c);
}

static void the_sample_with_its_lines_switched_on_is_the_default(void **state)
{
	struct buf sample = BUF_INIT, on = BUF_INIT;
	char *text, *save = NULL, *defaults = dump_of_text(""), *dump;

	(void)state;
	config_print_sample(&sample);
	text = buf_take_text(&sample);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (line[0] == '#' && line[1] != '#' && line[1] != ' ' && line[1])
			buf_addf(&on, "%s\n", line + 1);
	free(text);
	text = buf_take_text(&on);
	dump = dump_of_text(text);
	assert_string_equal(dump, defaults);
	free(text);
	free(dump);
	free(defaults);
}

static void the_reference_names_every_row(void **state)
{
	struct buf out = BUF_INIT;
	char *text;

	(void)state;
	config_print_reference(&out);
	text = buf_take_text(&out);
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		char cell[200];

		snprintf(cell, sizeof(cell), "\n| `%s%s` |", option_rows[i].key, option_suffix(&option_rows[i]));
		if (!strstr(text, cell))
			fail_msg("%s is missing", option_rows[i].key);
	}
	for (size_t i = 0; i < option_alias_count; i++)
		assert_non_null(strstr(text, option_aliases[i].key));
	for (size_t i = 0; i < option_later_count; i++)
		assert_non_null(strstr(text, option_laters[i].key));
	for (int i = 0; i < CONFIG_PLUGIN_COUNT; i++)
		assert_non_null(strstr(text, config_plugin_id((enum config_plugin)i)));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_reads_back_to_the_same_dump),
		cmocka_unit_test(a_dump_reads_back_to_the_same_settings),
		cmocka_unit_test(a_dump_has_every_option_once_sorted),
		cmocka_unit_test(passwords_are_starred),
		cmocka_unit_test(the_dump_can_be_switched_off),
		cmocka_unit_test(directories_are_made_and_failures_told),
		cmocka_unit_test(the_sample_with_its_lines_switched_on_is_the_default),
		cmocka_unit_test(the_reference_names_every_row),
	};

	return RUN(tests);
}
