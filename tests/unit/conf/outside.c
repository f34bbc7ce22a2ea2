/* The checks look at real files in a directory of their own, and leave it as it was. */
#include "tests/support/check.h"

#include <ftw.h>
#include <stdlib.h>

#include "tests/unit/conf/load.h"

#define STORE "--user-db-uri=sqlite:$/new/deep/db\n"
#define CERTS "--ssl-certs-location=$/new-certs\n"
#define BASE STORE CERTS "basic-conf/config-dump-file=none\n--bosh-extra-headers-file=\n"

static char directory[40];
static int seen;

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)path;
	(void)st;
	(void)kind;
	(void)at;
	seen++;
	return 0;
}

static int delete_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int entries(void)
{
	seen = 0;
	assert_int_equal(nftw(directory, count_one, 8, FTW_PHYS), 0);
	return seen;
}

/* '$' is the directory. */
static void expand(const char *text, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (; *text && n + sizeof(directory) < size; text++)
		n += (size_t)snprintf(out + n, size - n, *text == '$' ? "%s" : "%.1s", *text == '$' ? directory : text);
}

static void put(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	write_text(path, text);
}

static int setup(void **state)
{
	char path[200];

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/switchboard-out-XXXXXX");
	assert_non_null(mkdtemp(directory));
	put("file", "some text that is no database and no certificate");
	put("empty", "");
	put("headers", "# ours\nX-One: 1\n\nno header\n: none\nX-Two: 2\r\n");
	snprintf(path, sizeof(path), "%s/bad-certs", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	put("bad-certs/default.pem", "-----BEGIN PRIVATE KEY-----\n");
	snprintf(path, sizeof(path), "%s/pages", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(directory, delete_one, 8, FTW_PHYS | FTW_DEPTH);
}

/* BASE, then the text in a file of its own, so that it may say the same again. */
static struct loaded check(const char *base, const char *text)
{
	struct loaded l = { 0 };
	char expanded[2048], first[40];
	const char *files[] = { first, l.path };

	new_path(first);
	new_path(l.path);
	expand(base, expanded, sizeof(expanded));
	write_text(first, expanded);
	expand(text, expanded, sizeof(expanded));
	write_text(l.path, expanded);
	l.c = config_load(files, 2, NULL, 0, &l.problems);
	config_check_outside(l.c, &l.problems);
	unlink(first);
	return l;
}

struct row {
	const char *text, *problem;
};

static void expect_rows(const struct row *rows, size_t count)
{
	int before = entries();

	for (size_t i = 0; i < count; i++) {
		char wanted[512];
		const char *problem = wanted;
		struct loaded l;

		expand(rows[i].problem ? rows[i].problem : "", wanted, sizeof(wanted));
		l = check(BASE, rows[i].text);
		expect_problems(&l, &problem, rows[i].problem != NULL);
		unload(&l);
		assert_int_equal(entries(), before); /* nothing was made */
	}
}

static void what_is_there_or_can_be_made_is_right(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "--user-db-uri=sqlite:$/empty", NULL }, /* an empty file is an empty database */
		{ "bosh/pages-dir=$/pages", NULL },
		{ "bosh/pages-dir=$/nowhere\nbosh/pages[B]=false", NULL },
		{ "basic-conf/log-file=$/log", NULL },
		{ "basic-conf/config-dump-file=$/a/b/dump", NULL }, /* its directories are made */
		{ "c2s/connections/5222/ifc[s]=127.0.0.1\n", NULL },
		{ "--ssl-certs-location=$/file\n--c2s-ports=\n--bosh-ports=5280\n--ws2s-ports=\n", NULL }, /* nobody speaks TLS */
	};

	(void)state;
	expect_rows(rows, ARRAY_LEN(rows));
}

static void what_is_not_is_reported_with_its_line(void **state)
{
	static const struct row rows[] = {
		{ "--user-db-uri=sqlite:$/file/x.db", "1 error: the store cannot be written: $/file/x.db: Not a directory; give sqlite:PATH" },
		{ "--user-db-uri=sqlite:$/pages", "1 error: the store cannot be written: $/pages is a directory" },
		{ "--user-db-uri=sqlite:$/file", "1 error: $/file is no SQLite database" },
		{ "\nbasic-conf/config-dump-file=$/file/dump", "2 warning: the configuration in force cannot be written: $/file/dump: Not a" },
		{ "basic-conf/config-dump-file=$/pages", "1 warning: the configuration in force cannot be written: $/pages is a directory" },
		{ "basic-conf/log-file=$/nowhere/log", "1 warning: the log cannot be written: $/nowhere: No such file" },
		{ "basic-conf/log-file=$", "1 warning: the log cannot be written: $ is a directory" },
		{ "--bosh-extra-headers-file=$/nowhere", "1 warning: $/nowhere does not exist; the built-in CORS headers are used" },
		{ "--bosh-extra-headers-file=$/pages", "1 error: $/pages is no ordinary file" },
		{ "--bosh-extra-headers-file=$/file/x", "1 error: $/file/x cannot be read: Not a directory" },
		{ "bosh/pages-dir=$/nowhere", "1 warning: no pages are served: $/nowhere: No such file or directory" },
		{ "bosh/pages-dir=$/file", "1 warning: no pages are served: $/file is not a directory" },
		{ "--ssl-certs-location=$/file", "1 error: $/file is not a directory; name the directory of the PEM files" },
		{ "--ssl-certs-location=$/file/certs", "1 error: $/file/certs: Not a directory" },
		{ "--ssl-certs-location=$/none/certs", "1 error: there is no certificate for default, and none can be made: $/none: No such" },
		{ "--ssl-certs-location=$/bad-certs", "1 error: $/bad-certs/default.pem: no private key in it" },
		{ "--ssl-certs-location=$/new,$/file", "1 error: $/file is not a directory" },
		{ "--ssl-certs-location=$/new,$/none", "1 warning: $/none: No such file or directory" },
		{ "--ssl-def-cert-domain=a/b", "1 error: 'a/b' cannot be the name of a certificate" },
		{ "c2s/connections/5222/ifc[s]=192.0.2.1", "1 error: port 5222: ifc 192.0.2.1 is no address of this machine" },
		{ "bosh/connections/5280/ifc[s]=127.0.0.1,2001:db8::1", "1 error: port 5280: ifc 2001:db8::1 is no address of this machine" },
	};

	(void)state;
	expect_rows(rows, ARRAY_LEN(rows));
}

static void each_bad_line_of_the_headers_is_named(void **state)
{
	struct loaded l = check(BASE, "--bosh-extra-headers-file=$/headers");
	char first[200], second[200];
	const char *wanted[] = { first, second };

	(void)state;
	expand("1 warning: $/headers:4 is no header and is left out", first, sizeof(first));
	expand("1 warning: $/headers:5 is no header", second, sizeof(second));
	expect_problems(&l, wanted, 2);
	unload(&l);
}

/* A user without rights, also where the tests run as root. */
static void a_directory_that_may_not_be_written_to_is_named(void **state)
{
	uid_t user = geteuid();
	char store[200], certs[200];
	const char *wanted[] = { store, certs };
	struct loaded l;

	(void)state;
	expand("1 error: the store cannot be written: $: Permission denied", store, sizeof(store));
	expand("2 error: there is no certificate for default, and none can be made: $: Permission denied", certs, sizeof(certs));
	assert_int_equal(chmod(directory, 0555), 0);
	assert_int_equal(user == 0 ? seteuid(65534) : 0, 0);
	l = check(BASE, "");
	assert_int_equal(user == 0 ? seteuid(0) : 0, 0);
	assert_int_equal(chmod(directory, 0755), 0);
	expect_problems(&l, wanted, 2);
	unload(&l);
}

static void what_a_default_names_is_said_to_be_one(void **state)
{
	struct loaded l;
	char here[4096];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(directory), 0);
	put("data", "a file where the directory of the store belongs");
	l = check("", "");
	assert_int_equal(chdir(here), 0);
	assert_int_equal(l.problems.count, 1);
	assert_null(l.problems.items[0].file);
	assert_non_null(strstr(l.problems.items[0].text, "data/switchboard.db: Not a directory"));
	assert_non_null(strstr(l.problems.items[0].text, "(default of --user-db-uri)"));
	unload(&l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_or_can_be_made_is_right),
		TEST(what_is_not_is_reported_with_its_line),
		TEST(each_bad_line_of_the_headers_is_named),
		TEST(a_directory_that_may_not_be_written_to_is_named),
		TEST(what_a_default_names_is_said_to_be_one),
	};

	return RUN(tests);
}
