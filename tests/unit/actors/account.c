/* The account command as the shell sees it: standard input, output, errors and exit code. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "actors/account.h"
#include "xmpp/sasl/credential.h"

struct world {
	char folder[64];
	struct config *conf;
	struct store *store; /* a second handle: the server that is up */
};

static char out_text[8192], error_text[8192]; /* of the last command */

static struct store *open_store(const char *uri)
{
	struct store *s = NULL;
	char *error = NULL;

	if (store_open(uri, STORE_WRITER, &s, &error) != STATUS_OK)
		fail_msg("%s", error);
	return s;
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	char lines[400];

	snprintf(w->folder, sizeof(w->folder), "/tmp/switchboard-account-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(lines, sizeof(lines), "--virt-hosts=localhost,small.example:max-users=2\n--user-db-uri=sqlite:%s/db\n"
		 "sess-man/plugins-conf/scram-iterations[I]=4096\n", w->folder);
	w->conf = config_for_test(lines);
	w->store = open_store(w->conf->user_db_uri);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm", "0", "1", "2" };
	struct world *w = *state;
	char path[100];

	store_close(w->store);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->folder), 0);
	config_free(w->conf);
	free(w);
	return 0;
}

static void read_all(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);

	assert_true(n >= 0);
	out[n] = '\0';
	close(fd);
}

static int open_file(const struct world *w, const char *name)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* Runs `account word word`, with `input` on standard input. */
static int run(struct world *w, const char *input, size_t input_n, const char *verb, const char *word)
{
	int files[3] = { open_file(w, "0"), open_file(w, "1"), open_file(w, "2") }, saved[3], code, argc = 0;
	char first[64], second[1200], *argv[] = { first, second, NULL };

	if (verb)
		argc += snprintf(first, sizeof(first), "%s", verb) >= 0;
	if (verb && word)
		argc += snprintf(second, sizeof(second), "%s", word) >= 0;
	argv[argc] = NULL;
	assert_int_equal(pwrite(files[0], input, input_n, 0), input_n);
	fflush(NULL);
	for (int i = 0; i < 3; i++) {
		saved[i] = dup(i);
		assert_int_equal(dup2(files[i], i), i);
	}
	code = account_command(w->conf, argc, argv);
	fflush(NULL);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	read_all(files[1], out_text, sizeof(out_text));
	read_all(files[2], error_text, sizeof(error_text));
	close(files[0]);
	return code;
}

static void expect(struct world *w, const char *input, const char *verb, const char *word, int code, const char *error)
{
	int got = run(w, input, strlen(input), verb, word);

	if (got != code || !strstr(error_text, error) || (*error == '\0') != (*error_text == '\0'))
		fail_msg("account %s %s: code %d, '%s'", verb, word ? word : "", got, error_text);
	if (code)
		assert_string_equal(out_text, "");
	assert_null(strstr(error_text, "secret")); /* no password is repeated */
}

static bool fits(struct world *w, const char *user, const char *password)
{
	struct buf text = BUF_INIT;
	struct credential c;
	enum status st = store_get(w->store, STORE_ACCOUNT, span_of(user), &text);
	bool ok = st == STATUS_OK && credential_decode(&c, buf_span(&text)) && credential_check(&c, span_of(password));

	buf_fini(&text);
	return ok;
}

static void an_added_account_has_keys_for_its_password(void **state)
{
	struct world *w = *state;
	struct buf text = BUF_INIT;

	expect(w, "secret\n", "add", "Alice@LOCALHOST", 0, "");
	assert_string_equal(out_text, "");
	assert_true(fits(w, "alice@localhost", "secret"));
	assert_false(fits(w, "alice@localhost", "secret\n"));
	assert_int_equal(store_get(w->store, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), &text), STATUS_OK);
	buf_add(&text, "", 1);
	assert_null(strstr(text.base + text.start, "secret"));
	assert_non_null(strstr(text.base + text.start, ":4096:"));
	buf_fini(&text);
}

static void one_line_is_the_password(void **state)
{
	static const struct {
		const char *input, *password;
	} rows[] = {
		{ "one\n", "one" }, { "two", "two" }, { "three\r\n", "three" }, { "four\nfive\n", "four" },
		{ " a b \n", " a b " },
		{ "口令\n", "口令" }, { "no\xc2\xa0" "break\n", "no break" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char user[32];

		snprintf(user, sizeof(user), "u%zu@localhost", i);
		expect(w, rows[i].input, "add", user, 0, "");
		if (!fits(w, user, rows[i].password))
			fail_msg("row %zu", i);
	}
}

static void passwords_that_cannot_be_are_refused(void **state)
{
	static char huge[6000];
	struct world *w = *state;

	expect(w, "", "add", "alice@localhost", 1, "no password on standard input");
	expect(w, "\n", "add", "alice@localhost", 1, "no password on standard input");
	expect(w, "\r\n", "add", "alice@localhost", 1, "no password on standard input");
	expect(w, "a\x01" "b\n", "add", "alice@localhost", 1, "this password cannot be used");
	expect(w, "a\xff" "b\n", "add", "alice@localhost", 1, "this password cannot be used");
	expect(w, "\xc2\xad\n", "add", "alice@localhost", 1, "this password cannot be used");
	memset(huge, 'x', 1024);
	expect(w, huge, "add", "alice@localhost", 1, "at most 1,023 bytes");
	memset(huge, 'x', sizeof(huge) - 1);
	expect(w, huge, "add", "alice@localhost", 1, "at most 1,023 bytes");
	assert_int_equal(run(w, "ab\0cd\n", 6, "add", "alice@localhost"), 1);
	assert_non_null(strstr(error_text, "this password cannot be used"));
	expect(w, "", "list", NULL, 0, "");
	assert_string_equal(out_text, "");
	huge[1023] = '\0';
	expect(w, huge, "add", "alice@localhost", 0, "");
	assert_true(fits(w, "alice@localhost", huge));
}

static void an_account_is_added_once_and_changed_if_there(void **state)
{
	struct world *w = *state;

	expect(w, "new\n", "passwd", "alice@localhost", 1, "alice@localhost: no such account; use add");
	expect(w, "one\n", "add", "alice@localhost", 0, "");
	expect(w, "two\n", "add", "alice@localhost", 1, "alice@localhost: exists already; use passwd to change its password");
	assert_true(fits(w, "alice@localhost", "one"));
	expect(w, "two\n", "passwd", "alice@localhost", 0, "");
	assert_true(fits(w, "alice@localhost", "two") && !fits(w, "alice@localhost", "one"));
	expect(w, "\n", "passwd", "alice@localhost", 1, "no password on standard input");
	assert_true(fits(w, "alice@localhost", "two"));
}

static void deleting_takes_all_that_was_kept_for_it_and_no_more(void **state)
{
	static const char *const users[] = { "alice@localhost", "bob@localhost" };
	struct world *w = *state;
	uint64_t seq, count;
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < 2; i++) {
		expect(w, "x\n", "add", users[i], 0, "");
		assert_int_equal(store_map_put(w->store, STORE_ROSTER, span_of(users[i]), SPAN_LIT("k"), SPAN_LIT("v")), STATUS_OK);
		assert_int_equal(store_log_append(w->store, STORE_OFFLINE, span_of(users[i]), SPAN_LIT("t"), 0, SPAN_LIT("v"), 0, 0, &seq),
				 STATUS_OK);
	}
	expect(w, "", "delete", "alice@localhost", 0, "");
	expect(w, "", "delete", "alice@localhost", 1, "alice@localhost: no such account");
	assert_int_equal(store_log_count(w->store, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), &count), STATUS_OK);
	assert_int_equal(count, 1); /* for servers that run; a refused one is no removal */
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_get(w->store, STORE_ACCOUNT, span_of(users[i]), &out), i ? STATUS_OK : STATUS_NOT_FOUND);
		assert_int_equal(store_map_get(w->store, STORE_ROSTER, span_of(users[i]), SPAN_LIT("k"), &out),
				 i ? STATUS_OK : STATUS_NOT_FOUND);
		assert_int_equal(store_log_count(w->store, STORE_OFFLINE, span_of(users[i]), &count), STATUS_OK);
		assert_int_equal(count, i);
	}
	buf_fini(&out);
}

static void accounts_are_listed_sorted_by_domain_if_asked(void **state)
{
	struct world *w = *state;

	expect(w, "", "list", NULL, 0, "");
	assert_string_equal(out_text, "");
	expect(w, "x\n", "add", "bob@localhost", 0, "");
	expect(w, "x\n", "add", "alice@localhost", 0, "");
	expect(w, "x\n", "add", "carol@small.example", 0, "");
	expect(w, "", "list", NULL, 0, "");
	assert_string_equal(out_text, "alice@localhost\nbob@localhost\ncarol@small.example\n");
	expect(w, "", "list", "localhost", 0, "");
	assert_string_equal(out_text, "alice@localhost\nbob@localhost\n");
	expect(w, "", "list", "Small.EXAMPLE", 0, "");
	assert_string_equal(out_text, "carol@small.example\n");
	expect(w, "", "list", "example", 1, "example: this domain is not served; add it to --virt-hosts");
	expect(w, "", "list", "other.example", 1, "other.example: this domain is not served; add it to --virt-hosts");
	expect(w, "", "list", "alice@localhost", 1, "alice@localhost: no domain");
	expect(w, "", "list", "a b", 1, "a b: no domain");
}

static void a_domain_takes_as_many_accounts_as_it_may(void **state)
{
	struct world *w = *state;

	expect(w, "x\n", "add", "a@localhost", 0, "");
	expect(w, "x\n", "add", "a@small.example", 0, "");
	expect(w, "x\n", "add", "b@small.example", 0, "");
	expect(w, "x\n", "add", "c@small.example", 1, "c@small.example: the domain has as many accounts as max-users allows");
	expect(w, "y\n", "passwd", "a@small.example", 0, "");
	expect(w, "", "delete", "a@small.example", 0, "");
	expect(w, "x\n", "add", "c@small.example", 0, "");
}

static void addresses_that_are_no_accounts_are_refused(void **state)
{
	static const char *const bad[] = { "alice", "@localhost", "alice@", "alice@localhost/r", "a b@localhost", "", "a@b@localhost", "localhost" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect(w, "x\n", "add", bad[i], 1, "no bare JID; write name@domain");
	expect(w, "x\n", "add", "alice@other.example", 1, "alice@other.example: this domain is not served; add it to --virt-hosts");
	expect(w, "", "delete", "alice@other.example", 1, "no such account");
}

static void the_desks_own_address_is_no_account(void **state)
{
	static const char *const why = "desk@small.example: this is the desk's own address; take another name";
	char *before, name[] = "support";
	struct world *w = *state;

	expect(w, "x\n", "add", "desk@small.example", 1, why);
	expect(w, "x\n", "add", "Desk@small.example", 1, why);
	expect(w, "", "list", NULL, 0, "");
	assert_string_equal(out_text, "");
	expect(w, "x\n", "add", "desk2@localhost", 0, "");
	before = w->conf->desk_name;
	w->conf->desk_name = name;
	expect(w, "x\n", "add", "support@localhost", 1, "the desk's own address");
	expect(w, "x\n", "add", "desk@localhost", 0, "");
	w->conf->desk_name = before;
	expect(w, "y\n", "passwd", "desk@localhost", 0, ""); /* one from before can still be changed and deleted */
	expect(w, "", "delete", "desk@localhost", 0, "");
}

static uint64_t since_of(struct world *w, const char *user)
{
	struct buf saved = BUF_INIT;
	uint64_t since;

	assert_int_equal(store_get(w->store, STORE_ACCOUNT, span_of(user), &saved), STATUS_OK);
	since = account_since(buf_span(&saved));
	buf_fini(&saved);
	return since;
}

static void an_account_knows_which_one_of_its_name_it_is(void **state)
{
	struct world *w = *state;
	struct jid *alice = jid_parse(SPAN_LIT("alice@localhost"));
	uint64_t first;

	expect(w, "x\n", "add", "alice@localhost", 0, "");
	assert_int_equal(since_of(w, "alice@localhost"), 0);
	expect(w, "", "delete", "alice@localhost", 0, "");
	assert_int_equal(account_last_removal(w->store, &first), STATUS_OK);
	expect(w, "x\n", "add", "bob@localhost", 0, "");
	assert_int_equal(since_of(w, "bob@localhost"), 0);
	expect(w, "secret\n", "add", "alice@localhost", 0, "");
	assert_int_equal(since_of(w, "alice@localhost"), first);
	assert_true(fits(w, "alice@localhost", "secret"));
	/* the same one under a new password, and disabled */
	expect(w, "other\n", "passwd", "alice@localhost", 0, "");
	assert_int_equal(since_of(w, "alice@localhost"), first);
	assert_int_equal(account_disable(w->store, alice, true), ACCOUNT_FINE);
	assert_int_equal(since_of(w, "alice@localhost"), first);
	expect(w, "third\n", "passwd", "alice@localhost", 0, "");
	assert_false(fits(w, "alice@localhost", "third"));
	assert_int_equal(account_disable(w->store, alice, false), ACCOUNT_FINE);
	assert_true(fits(w, "alice@localhost", "third"));
	assert_int_equal(since_of(w, "alice@localhost"), first);
	expect(w, "", "delete", "alice@localhost", 0, "");
	expect(w, "x\n", "add", "alice@localhost", 0, "");
	assert_true(since_of(w, "alice@localhost") > first);
	jid_unref(alice);
}

static void the_mark_of_an_account_is_read_with_care(void **state)
{
	static const struct {
		const char *saved;
		uint64_t since;
	} rows[] = {
		{ "", 0 }, { "{SCRAM}a:1", 0 }, { "{SCRAM}a:1;since:12", 12 }, { "disabled {SCRAM}a:1;since:7", 7 }, { ";since:", 0 },
		{ ";since:1x", 0 }, { ";since:5;b:2", 0 }, { "since:5", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(account_since(span_of(rows[i].saved)), rows[i].since);
}

/* Another process disables the account while this one removes it. */
static void *disable(void *uri)
{
	struct store *s = open_store(uri);
	struct jid *alice = jid_parse(SPAN_LIT("alice@localhost"));
	enum account_refusal r = account_disable(s, alice, true);

	jid_unref(alice);
	store_close(s);
	return (void *)(uintptr_t)r;
}

static void who_disables_a_removed_account_does_not_bring_it_back(void **state)
{
	struct world *w = *state;
	struct jid *alice = jid_parse(SPAN_LIT("alice@localhost"));

	for (unsigned i = 0; i < 40; i++) {
		pthread_t other;
		void *answer;

		assert_int_equal(store_put(w->store, STORE_ACCOUNT, jid_bare(alice), SPAN_LIT("keys")), STATUS_OK);
		assert_int_equal(pthread_create(&other, NULL, disable, w->conf->user_db_uri), 0);
		assert_int_equal(account_remove(w->store, alice, NULL), STATUS_OK);
		assert_int_equal(pthread_join(other, &answer), 0);
		assert_true((uintptr_t)answer == ACCOUNT_FINE || (uintptr_t)answer == ACCOUNT_UNKNOWN);
		assert_int_equal(account_look(w->store, alice), STATUS_NOT_FOUND);
	}
	jid_unref(alice);
}

static void misuse_is_answered_with_the_usage(void **state)
{
	static const struct {
		const char *verb, *word;
	} rows[] = { { NULL, NULL }, { "", NULL }, { "remove", "a@localhost" }, { "ADD", "a@localhost" }, { "add", NULL }, { "passwd", NULL },
		     { "delete", NULL } };
	char verb[] = "add", word[] = "a@localhost", *three[] = { verb, word, word, NULL };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(w, "x\n", rows[i].verb, rows[i].word, 2, "usage:");
	fflush(NULL);
	assert_int_equal(account_command(w->conf, 3, three), 2);
}

static void a_store_that_cannot_be_opened_is_named(void **state)
{
	struct world *w = *state;
	char *before = w->conf->user_db_uri;
	char elsewhere[] = "sqlite:/dev/null/x/db";

	w->conf->user_db_uri = elsewhere;
	expect(w, "x\n", "add", "alice@localhost", 1, "/dev/null/x/db");
	w->conf->user_db_uri = before;
}

static void the_installations_secret_is_made_once(void **state)
{
	struct world *w = *state;
	uint8_t first[32], second[32];

	assert_int_equal(store_installation_secret(w->store, first), STATUS_OK);
	assert_int_equal(store_installation_secret(w->store, second), STATUS_OK);
	assert_memory_equal(first, second, 32);
	assert_int_equal(store_put(w->store, STORE_META, SPAN_LIT("secret"), SPAN_LIT("short")), STATUS_OK);
	assert_int_equal(store_installation_secret(w->store, second), STATUS_CORRUPT);
	assert_int_equal(store_delete(w->store, STORE_META, SPAN_LIT("secret")), STATUS_OK);
	assert_int_equal(store_installation_secret(w->store, second), STATUS_OK);
	assert_memory_not_equal(first, second, 32);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(an_added_account_has_keys_for_its_password),
		CASE(one_line_is_the_password),
		CASE(passwords_that_cannot_be_are_refused),
		CASE(an_account_is_added_once_and_changed_if_there),
		CASE(deleting_takes_all_that_was_kept_for_it_and_no_more),
		CASE(accounts_are_listed_sorted_by_domain_if_asked),
		CASE(a_domain_takes_as_many_accounts_as_it_may),
		CASE(addresses_that_are_no_accounts_are_refused),
		CASE(the_desks_own_address_is_no_account),
		CASE(an_account_knows_which_one_of_its_name_it_is),
		CASE(the_mark_of_an_account_is_read_with_care),
		CASE(who_disables_a_removed_account_does_not_bring_it_back),
		CASE(misuse_is_answered_with_the_usage),
		CASE(a_store_that_cannot_be_opened_is_named),
		CASE(the_installations_secret_is_made_once),
	};
#undef CASE

	return RUN(tests);
}
