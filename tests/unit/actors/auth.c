/* The auth actor under the simulated engine, with accounts in memory and in a file that comes and goes. */
#include "tests/support/check.h"

#include <unistd.h>

#include "actors/account.h"
#include "actors/auth.h"
#include "actors/server.h"
#include "runtime/actor/engine.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

struct order {
	struct msg m;
	struct auth_request *request;
};
struct account_order {
	struct msg m;
	struct account_request *request;
};
#define PROBE_PROTOCOL(M) \
	M(PROBE_SEND, probe_send, order, NULL, "Send this to the auth actor.") \
	M(PROBE_ANSWER, probe_answer, auth_request, auth_request_drop, "It came home.") \
	M(PROBE_ORDER, probe_order, account_order, NULL, "Send this account request to the auth actor.") \
	M(PROBE_DONE, probe_done, account_request, account_request_drop, "It came home.")
MSG_DECLARE(probe, PROBE_PROTOCOL)
MSG_DEFINE(PROBE_PROTOCOL)

struct probe {
	actor_id auth;
	struct auth_request *answer; /* the last one */
	unsigned count;
	enum status done; /* the last account request */
	unsigned done_count;
};

static void on_probe_send(struct probe *self, struct order *o)
{
	actor_send(self->auth, &o->request);
}

static void on_probe_answer(struct probe *self, struct auth_request *r)
{
	if (self->answer)
		msg_free(&self->answer->m);
	self->answer = r;
	self->count++;
	actor_keep(&r->m);
}

static void on_probe_order(struct probe *self, struct account_order *o)
{
	actor_send(self->auth, &o->request);
}

static void on_probe_done(struct probe *self, struct account_request *r)
{
	assert_null(r->password);
	self->done = r->status;
	self->done_count++;
}

MSG_RECEIVE(probe, struct probe, PROBE_PROTOCOL)
static const struct behaviour probe_behaviour = { .name = "probe", .placement = ACTOR_PINNED, .receive = probe_receive };

struct world {
	struct server server;
	struct config *conf;
	struct probe probe;
	actor_id probe_id;
	struct store *accounts;
};

#define ROUNDS 4096 /* as the configuration below: the least it takes */

static struct store *open_accounts(const char *uri)
{
	struct store *s = NULL;
	char *error = NULL;

	if (store_open(uri, STORE_WRITER, &s, &error) != STATUS_OK)
		fail_msg("%s", error);
	return s;
}

static void add(struct store *s, const char *user, const char *password)
{
	struct jid *j = jid_parse(span_of(user));

	assert_int_equal(account_set(s, j, span_of(password), ROUNDS), STATUS_OK);
	jid_unref(j);
}

static void world_raise(struct world *w, const char *uri)
{
	memset(w, 0, sizeof(*w));
	w->conf = config_for_test("sess-man/plugins-conf/scram-iterations[I]=4096\n--virt-hosts=localhost,few.example:max-users=2");
	w->server = (struct server){ .conf = w->conf, .secret = "an installation's secret" };
	engine_init(&(struct engine_options){ .simulate = true, .seed = 7, .workers = 1 });
	w->probe.auth = auth_spawn(&w->server, uri);
	w->probe_id = actor_spawn(&probe_behaviour, &w->probe, 0);
}

static void world_lower(struct world *w)
{
	engine_stop();
	if (w->probe.answer)
		msg_free(&w->probe.answer->m);
	store_close(w->accounts);
	config_free(w->conf);
}

/* The answer belongs to the probe until the next one. */
static const struct auth_request *ask_late(struct world *w, enum auth_op op, const char *user, const char *password, uint64_t late_ms)
{
	struct auth_request *r = MSG_NEW(auth_request, auth_request);
	struct order *o = MSG_NEW(probe_send, order);
	unsigned before = w->probe.count;

	r->reply = &probe_answer_kind;
	r->op = op;
	r->slot = 12;
	r->gen = 34;
	r->asked_ms = outside_mono_ms() - late_ms;
	r->user = jid_parse(span_of(user));
	r->password = password ? xstrdup(password) : NULL;
	o->request = r;
	actor_send(w->probe_id, &o);
	engine_sim_run(0);
	assert_int_equal(w->probe.count, before + 1);
	r = w->probe.answer;
	assert_true(r->slot == 12 && r->gen == 34);
	assert_string_equal(r->user->text, user);
	assert_null(r->password); /* it does not travel back */
	return r;
}

static const struct auth_request *ask(struct world *w, enum auth_op op, const char *user, const char *password)
{
	return ask_late(w, op, user, password, 0);
}

static void expect_no_keys(const struct auth_request *r)
{
	const struct credential none = { 0 };

	assert_memory_equal(&r->credential, &none, sizeof(none));
}

static void a_password_is_right_or_refused(void **state)
{
	static const struct {
		const char *user, *password;
		enum auth_verdict verdict;
	} rows[] = {
		{ "alice@localhost", "secret", AUTH_OK },
		{ "alice@localhost", "Secret", AUTH_REFUSED },
		{ "alice@localhost", "", AUTH_REFUSED },
		{ "alice@localhost", NULL, AUTH_REFUSED },
		{ "bob@localhost", "secret", AUTH_REFUSED },
		{ "bob@localhost", "bob's", AUTH_OK },
		{ "nobody@localhost", "secret", AUTH_REFUSED },
		{ "nobody@localhost", "", AUTH_REFUSED },
		{ "alice@other.example", "secret", AUTH_REFUSED },
	};
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "alice@localhost", "secret");
	add(w.accounts, "bob@localhost", "bob's");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct auth_request *r = ask(&w, AUTH_OP_PASSWORD, rows[i].user, rows[i].password);

		if (r->verdict != rows[i].verdict)
			fail_msg("row %zu: %d", i, r->verdict);
		expect_no_keys(r);
	}
	world_lower(&w);
}

static void a_visitor_may_take_any_name_but_an_accounts(void **state)
{
	static const struct {
		const char *user, *password;
		enum auth_verdict verdict;
	} rows[] = {
		{ "guest@localhost", "anything", AUTH_OK }, { "guest@localhost", NULL, AUTH_OK },
		{ "alice@localhost", "anything", AUTH_REFUSED }, { "alice@localhost", NULL, AUTH_REFUSED },
		{ "alice@localhost", "secret", AUTH_OK },
	};
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "alice@localhost", "secret");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct auth_request *r = ask(&w, AUTH_OP_VISITOR, rows[i].user, rows[i].password);

		if (r->verdict != rows[i].verdict)
			fail_msg("row %zu: %d", i, r->verdict);
		expect_no_keys(r);
	}
	world_lower(&w);
}

static void a_certificate_needs_an_account(void **state)
{
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "alice@localhost", "secret");
	assert_int_equal(ask(&w, AUTH_OP_ACCOUNT, "alice@localhost", NULL)->verdict, AUTH_OK);
	expect_no_keys(w.probe.answer);
	assert_int_equal(ask(&w, AUTH_OP_ACCOUNT, "bob@localhost", NULL)->verdict, AUTH_REFUSED);
	expect_no_keys(w.probe.answer);
	world_lower(&w);
}

static void keys_are_the_stored_ones_or_a_stable_fake(void **state)
{
	struct world w;
	struct credential known, unknown;
	struct buf text = BUF_INIT;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "alice@localhost", "secret");
	assert_int_equal(store_get(w.accounts, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), &text), STATUS_OK);
	assert_true(credential_decode(&known, buf_span(&text)));
	assert_int_equal(ask(&w, AUTH_OP_CREDENTIAL, "alice@localhost", NULL)->verdict, AUTH_OK);
	assert_memory_equal(&w.probe.answer->credential, &known, sizeof(known));

	assert_int_equal(ask(&w, AUTH_OP_CREDENTIAL, "nobody@localhost", NULL)->verdict, AUTH_OK);
	unknown = w.probe.answer->credential;
	for (int h = 0; h < CREDENTIAL_HASHES; h++)
		assert_int_equal(unknown.keys[h].iterations, known.keys[h].iterations);
	(void)ask(&w, AUTH_OP_CREDENTIAL, "nobody@localhost", NULL);
	assert_memory_equal(&w.probe.answer->credential, &unknown, sizeof(unknown));
	(void)ask(&w, AUTH_OP_CREDENTIAL, "somebody@localhost", NULL);
	assert_memory_not_equal(&w.probe.answer->credential, &unknown, sizeof(unknown));
	buf_fini(&text);
	world_lower(&w);
}

/* From before SCRAM-SHA-512: PLAIN and the other kinds go on, and this one fails at its proof like an unknown user's. */
static void an_account_without_keys_of_a_kind_gets_fake_ones(void **state)
{
	static const struct credential_keys none;
	const struct auth_request *r;
	struct credential old, filled;
	struct buf text = BUF_INIT;
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "alice@localhost", "secret");
	assert_int_equal(store_get(w.accounts, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), &text), STATUS_OK);
	assert_true(credential_decode(&old, buf_span(&text)));
	old.keys[CREDENTIAL_SHA512] = none;
	buf_clear(&text);
	credential_encode(&old, &text);
	assert_int_equal(store_put(w.accounts, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), buf_span(&text)), STATUS_OK);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_OK);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "Secret")->verdict, AUTH_REFUSED);
	r = ask(&w, AUTH_OP_CREDENTIAL, "alice@localhost", NULL);
	filled = r->credential;
	assert_int_equal(r->verdict, AUTH_OK);
	assert_memory_equal(&filled.keys[CREDENTIAL_SHA1], &old.keys[CREDENTIAL_SHA1], sizeof(none));
	assert_memory_equal(&filled.keys[CREDENTIAL_SHA256], &old.keys[CREDENTIAL_SHA256], sizeof(none));
	assert_int_equal(filled.keys[CREDENTIAL_SHA512].iterations, ROUNDS);
	r = ask(&w, AUTH_OP_CREDENTIAL, "alice@localhost", NULL);
	assert_memory_equal(&r->credential, &filled, sizeof(filled)); /* the same each time */
	buf_fini(&text);
	world_lower(&w);
}

static void a_changed_password_counts_at_once(void **state)
{
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "one")->verdict, AUTH_REFUSED);
	add(w.accounts, "alice@localhost", "one");
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "one")->verdict, AUTH_OK);
	add(w.accounts, "alice@localhost", "two");
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "one")->verdict, AUTH_REFUSED);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "two")->verdict, AUTH_OK);
	assert_int_equal(store_delete(w.accounts, STORE_ACCOUNT, SPAN_LIT("alice@localhost")), STATUS_OK);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "two")->verdict, AUTH_REFUSED);
	world_lower(&w);
}

/* "Temporary", not "refused": the account may well be there. */
static void damaged_keys_are_unavailable_and_harm_nobody_else(void **state)
{
	static const char *const damaged[] = { "", "{SCRAM}", "secret", "{SCRAM}SHA-1:4096:00" };
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "bob@localhost", "bob's");
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		assert_int_equal(store_put(w.accounts, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), span_of(damaged[i])), STATUS_OK);
		assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_UNAVAILABLE);
		assert_int_equal(ask(&w, AUTH_OP_CREDENTIAL, "alice@localhost", NULL)->verdict, AUTH_UNAVAILABLE);
		assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "bob@localhost", "bob's")->verdict, AUTH_OK);
	}
	world_lower(&w);
}

static void a_store_that_comes_late_is_found(void **state)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };
	char folder[] = "/tmp/switchboard-auth-XXXXXX", uri[100], path[100];
	struct world w;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(uri, sizeof(uri), "sqlite:%s/db", folder);
	world_raise(&w, uri);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_UNAVAILABLE);
	assert_int_equal(ask(&w, AUTH_OP_CREDENTIAL, "alice@localhost", NULL)->verdict, AUTH_UNAVAILABLE);
	expect_no_keys(w.probe.answer); /* and not a fake, which would mean "wrong password" later */
	w.accounts = open_accounts(uri);
	add(w.accounts, "alice@localhost", "secret");
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_OK);
	world_lower(&w);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void what_has_waited_too_long_is_not_looked_at(void **state)
{
	static const enum auth_op ops[] = { AUTH_OP_PASSWORD, AUTH_OP_CREDENTIAL, AUTH_OP_VISITOR };
	int64_t before = metric_read(METRIC_limit_login_wait);
	struct world w;

	(void)state;
	world_raise(&w, "memory:auth");
	w.accounts = open_accounts("memory:auth");
	add(w.accounts, "alice@localhost", "secret");
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		assert_int_equal(ask_late(&w, ops[i], "alice@localhost", "secret", 2000)->verdict, AUTH_OK);
		assert_int_equal(ask_late(&w, ops[i], "alice@localhost", "secret", 2001)->verdict, AUTH_UNAVAILABLE);
		expect_no_keys(w.probe.answer);
	}
	assert_int_equal(metric_read(METRIC_limit_login_wait) - before, 3);
	w.conf->auth_wait = 0;
	assert_int_equal(ask_late(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret", 19000)->verdict, AUTH_OK);
	world_lower(&w);
}

static enum status account(struct world *w, enum account_op op, const char *user, const char *password, bool reserved)
{
	struct account_request *r = MSG_NEW(auth_account, account_request);
	struct account_order *o = MSG_NEW(probe_order, account_order);
	unsigned before = w->probe.done_count;

	r->reply = &probe_done_kind;
	r->op = op;
	r->user = jid_parse(span_of(user));
	r->password = password ? xstrdup(password) : NULL;
	r->reserved = reserved;
	o->request = r;
	actor_send(w->probe_id, &o);
	engine_sim_run(0);
	assert_int_equal(w->probe.done_count, before + 1);
	return w->probe.done;
}

static void accounts_are_made_changed_and_removed(void **state)
{
	static const struct {
		enum account_op op;
		const char *user, *password;
		bool reserved;
		enum status status;
	} rows[] = {
		{ ACCOUNT_CREATE, "alice@localhost", "secret", false, STATUS_OK },
		{ ACCOUNT_CREATE, "alice@localhost", "other", false, STATUS_EXISTS },
		{ ACCOUNT_CREATE, "seat1@localhost", "secret", true, STATUS_EXISTS }, /* nobody's, and there is none */
		{ ACCOUNT_CREATE, "bob@localhost", "", false, STATUS_INVALID },
		{ ACCOUNT_CREATE, "bob@localhost", "a\tb", false, STATUS_INVALID },
		{ ACCOUNT_CREATE, "bob@localhost", NULL, false, STATUS_INVALID },
		{ ACCOUNT_CREATE, "a@few.example", "secret", false, STATUS_OK },
		{ ACCOUNT_CREATE, "b@few.example", "secret", false, STATUS_OK },
		{ ACCOUNT_CREATE, "c@few.example", "secret", false, STATUS_LIMIT }, /* alice is of another domain */
		{ ACCOUNT_CREATE, "a@few.example", "secret", false, STATUS_EXISTS },
		{ ACCOUNT_CHANGE, "nobody@localhost", "secret", false, STATUS_NOT_FOUND },
		{ ACCOUNT_CHANGE, "alice@localhost", "a\tb", false, STATUS_INVALID },
		{ ACCOUNT_CHANGE, "alice@localhost", "new", false, STATUS_OK },
		{ ACCOUNT_REMOVE, "b@few.example", NULL, false, STATUS_OK },
		{ ACCOUNT_REMOVE, "b@few.example", NULL, false, STATUS_NOT_FOUND },
		{ ACCOUNT_CREATE, "c@few.example", "secret", false, STATUS_OK }, /* there is room again */
	};
	struct world w;

	(void)state;
	world_raise(&w, "memory:accounts");
	w.accounts = open_accounts("memory:accounts");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum status st = account(&w, rows[i].op, rows[i].user, rows[i].password, rows[i].reserved);

		if (st != rows[i].status)
			fail_msg("row %zu: %s", i, status_text(st));
	}
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "new")->verdict, AUTH_OK);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_REFUSED);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "seat1@localhost", "secret")->verdict, AUTH_REFUSED);
	world_lower(&w);
}

static void without_a_store_no_account_is_made(void **state)
{
	struct world w;

	(void)state;
	world_raise(&w, "sqlite:/proc/no/such/place.db");
	assert_int_not_equal(account(&w, ACCOUNT_CREATE, "alice@localhost", "secret", false), STATUS_OK);
	assert_int_not_equal(account(&w, ACCOUNT_CREATE, "seat1@localhost", "secret", true), STATUS_EXISTS);
	world_lower(&w);
}

static void requests_left_at_the_end_are_freed(void **state)
{
	struct world w;
	struct auth_request *r = MSG_NEW(auth_request, auth_request);

	(void)state;
	world_raise(&w, "memory:auth");
	r->reply = &probe_answer_kind;
	r->user = jid_parse(SPAN_LIT("alice@localhost"));
	r->password = xstrdup("secret");
	actor_send(w.probe.auth, &r);
	world_lower(&w);
}

/* Nothing tells a disabled account from none, and a visitor does not get its name. */
static void a_disabled_account_logs_in_with_nothing(void **state)
{
	struct world w;
	struct jid *j = jid_parse(SPAN_LIT("alice@localhost"));
	struct store *s;

	(void)state;
	world_raise(&w, "memory:auth-disabled");
	s = w.accounts = open_accounts("memory:auth-disabled");
	add(s, "alice@localhost", "secret");
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_OK);
	assert_int_equal(account_disable(s, j, true), ACCOUNT_FINE);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "secret")->verdict, AUTH_REFUSED);
	assert_int_equal(ask(&w, AUTH_OP_VISITOR, "alice@localhost", "anything")->verdict, AUTH_REFUSED);
	assert_int_equal(ask(&w, AUTH_OP_CREDENTIAL, "alice@localhost", NULL)->verdict, AUTH_OK);
	assert_false(credential_check(&w.probe.answer->credential, SPAN_LIT("secret")));
	add(s, "alice@localhost", "other");
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "other")->verdict, AUTH_REFUSED);
	assert_int_equal(account_disable(s, j, false), ACCOUNT_FINE);
	assert_int_equal(ask(&w, AUTH_OP_PASSWORD, "alice@localhost", "other")->verdict, AUTH_OK);
	jid_unref(j);
	world_lower(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_right_or_refused),
		cmocka_unit_test(a_visitor_may_take_any_name_but_an_accounts),
		cmocka_unit_test(a_certificate_needs_an_account),
		cmocka_unit_test(keys_are_the_stored_ones_or_a_stable_fake),
		cmocka_unit_test(an_account_without_keys_of_a_kind_gets_fake_ones),
		cmocka_unit_test(a_changed_password_counts_at_once),
		cmocka_unit_test(damaged_keys_are_unavailable_and_harm_nobody_else),
		cmocka_unit_test(a_store_that_comes_late_is_found),
		cmocka_unit_test(what_has_waited_too_long_is_not_looked_at),
		cmocka_unit_test(accounts_are_made_changed_and_removed),
		cmocka_unit_test(without_a_store_no_account_is_made),
		cmocka_unit_test(requests_left_at_the_end_are_freed),
		cmocka_unit_test(a_disabled_account_logs_in_with_nothing),
	};

	return RUN(tests);
}
