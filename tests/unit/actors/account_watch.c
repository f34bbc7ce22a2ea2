/* The watch on removed accounts: a real store actor on a store in memory, another handle in place of the command, a probe in
 * place of the session shards. */
#include "tests/support/check.h"

#include "actors/account.h"
#include "actors/account_watch.h"
#include "actors/session/shard.h"
#include "runtime/actor/engine.h"
#include "runtime/log.h"

struct world {
	struct server server;
	struct config *conf;
	struct store *command; /* what `account delete` has */
	struct buf told;       /* a line for each SHARD_REMOVED */
	uint64_t removal;      /* of the last one that is news */
	char uri[32];
};

static struct world world;

static void shard_receive(void *state, struct msg *m)
{
	const struct shard_removed *r = (const struct shard_removed *)(const void *)m;

	(void)state;
	assert_ptr_equal(m->kind, &shard_removed_kind);
	assert_true(r->removal > world.removal || r->again);
	world.removal = r->again ? world.removal : r->removal;
	buf_addf(&world.told, "%s%s\n", r->account->text, r->again ? " again" : "");
}

static struct store *open_store(void)
{
	struct store *s = NULL;
	char *error = NULL;

	if (store_open(world.uri, STORE_WRITER, &s, &error) != STATUS_OK)
		fail_msg("%s", error);
	return s;
}

static void begin(const char *lines)
{
	static unsigned number;

	log_set_level(LOG_LEVEL_ERROR);
	(void)snprintf(world.uri, sizeof(world.uri), "memory:watch%u", ++number);
	engine_init(&(struct engine_options){ .workers = 1, .simulate = true, .seed = 1 });
	world.conf = config_for_test(lines);
	world.server = (struct server){ .conf = world.conf, .workers = 1, .shards = 1 };
	world.command = open_store();
}

/* The server is up; the first look is done. */
static void start(void)
{
	static const struct behaviour probe = { .name = "shard probe", .placement = ACTOR_FLOATING, .receive = shard_receive };
	uint64_t last;

	world.server.store = store_spawn(open_store());
	world.server.shard[0] = actor_spawn(&probe, NULL, 0);
	assert_int_equal(account_last_removal(world.command, &last), STATUS_OK);
	account_watch_spawn(&world.server, last);
	engine_sim_run(0);
}

static int teardown(void **state)
{
	(void)state;
	engine_stop();
	store_close(world.command);
	config_free(world.conf);
	buf_fini(&world.told);
	world = (struct world){ 0 };
	return 0;
}

static void add(const char *user)
{
	assert_int_equal(store_put(world.command, STORE_ACCOUNT, span_of(user), SPAN_LIT("keys")), STATUS_OK);
}

static void remove_account(const char *user)
{
	struct jid *j = jid_parse(span_of(user));

	add(user);
	assert_int_equal(account_remove(world.command, j, NULL), STATUS_OK);
	jid_unref(j);
}

/* What the shards were told since the last look. */
static void assert_told(const char *text)
{
	char *told = buf_take_text(&world.told);

	assert_string_equal(told ? told : "", text);
	free(told);
}

static void a_removal_is_told_within_the_interval_and_not_at_each_look(void **state)
{
	(void)state;
	begin("sess-man/account-watch=3\n");
	start();
	assert_told("");
	remove_account("alice@localhost");
	engine_sim_run(2900);
	assert_told("");
	engine_sim_run(200);
	assert_told("alice@localhost\n");
	engine_sim_run(30000);
	assert_told("");
	remove_account("bob@localhost");
	remove_account("carol@localhost");
	engine_sim_run(3000);
	assert_told("bob@localhost\ncarol@localhost\n");
	engine_sim_run(32000);
	assert_told("alice@localhost again\n");
	engine_sim_run(33000);
	assert_told("bob@localhost again\ncarol@localhost again\n");
	engine_sim_run(200000);
	assert_told("");
}

static void what_was_removed_before_the_start_is_no_news(void **state)
{
	(void)state;
	begin("");
	remove_account("alice@localhost");
	start();
	engine_sim_run(10000);
	assert_told("");
	remove_account("bob@localhost");
	engine_sim_run(2000);
	assert_told("bob@localhost\n");
}

static void more_removals_than_one_look_takes_are_all_told(void **state)
{
	char *told;
	size_t lines = 0;

	(void)state;
	begin("");
	start();
	for (unsigned i = 0; i < 1203; i++) {
		char user[32];

		(void)snprintf(user, sizeof(user), "u%u@localhost", i);
		remove_account(user);
	}
	engine_sim_run(2000);
	told = buf_take_text(&world.told);
	for (const char *p = told; *p; p++)
		lines += *p == '\n';
	free(told);
	assert_int_equal(lines, 1203);
}

/* A login that was checked before and bound after the first telling has a session nobody closed. */
static void each_is_told_again_when_no_login_can_be_under_way(void **state)
{
	(void)state;
	begin("sess-man/auth-timeout=10\n");
	start();
	remove_account("alice@localhost");
	remove_account("bob@localhost");
	engine_sim_run(2000);
	assert_told("alice@localhost\nbob@localhost\n");
	add("bob@localhost"); /* a new one: its sessions say so themselves */
	engine_sim_run(10000);
	assert_told("");
	engine_sim_run(3000);
	assert_told("alice@localhost again\nbob@localhost again\n");
	engine_sim_run(100000);
	assert_told("");
}

static void who_logs_in_without_an_account_is_told_once(void **state)
{
	(void)state;
	begin("sess-man/desk/seats=seat*@localhost\nsess-man/desk/seat-auth=cookie\nsess-man/desk/visitors=v*@localhost\n"
	      "sess-man/auth-timeout=10\n");
	start();
	remove_account("seat1@localhost");
	remove_account("v1@localhost");
	remove_account("alice@localhost");
	engine_sim_run(2000);
	assert_told("seat1@localhost\nv1@localhost\nalice@localhost\n");
	engine_sim_run(20000);
	assert_told("alice@localhost again\n");
}

static void the_log_keeps_an_hour(void **state)
{
	uint64_t first, last, count;

	(void)state;
	begin("");
	start();
	remove_account("alice@localhost");
	engine_sim_run(1800 * 1000);
	remove_account("bob@localhost");
	assert_int_equal(account_last_removal(world.command, &first), STATUS_OK);
	engine_sim_run(1801 * 1000);
	remove_account("carol@localhost");
	assert_int_equal(store_log_count(world.command, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), &count), STATUS_OK);
	assert_int_equal(count, 2); /* bob, carol */
	engine_sim_run(3601 * 1000);
	remove_account("dave@localhost");
	assert_int_equal(store_log_count(world.command, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), &count), STATUS_OK);
	assert_int_equal(count, 1);
	assert_int_equal(account_last_removal(world.command, &last), STATUS_OK);
	assert_true(last > first);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_removal_is_told_within_the_interval_and_not_at_each_look),
		CASE(what_was_removed_before_the_start_is_no_news),
		CASE(more_removals_than_one_look_takes_are_all_told),
		CASE(each_is_told_again_when_no_login_can_be_under_way),
		CASE(who_logs_in_without_an_account_is_told_once),
		CASE(the_log_keeps_an_hour),
	};
#undef CASE

	return RUN(tests);
}
