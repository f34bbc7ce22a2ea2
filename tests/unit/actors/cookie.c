/* The cookie actor on its own thread against a real redis-server on a free loopback port. */
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/account.h"
#include "actors/auth.h"
#include "actors/server.h"
#include "runtime/actor/engine.h"
#include "storage/store.h"

/* --- Redis --- */

struct redis {
	pid_t pid;
	int port;
	const char *password; /* NULL = none */
	redisContext *admin;
};

static int bind_loopback(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

NO_RETURN static void become_redis(const struct redis *r, int log)
{
	char port[8];

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that fails */
	snprintf(port, sizeof(port), "%d", r->port);
	dup2(log, STDOUT_FILENO);
	execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp",
	       r->password ? "--requirepass" : (char *)NULL, r->password, (char *)NULL);
	_exit(127);
}

/* Starts it and reads its log until it takes connections. */
static void redis_start(struct redis *r)
{
	char line[1024];
	bool ready = false;
	int pipes[2];
	FILE *log;

	assert_int_equal(pipe(pipes), 0);
	r->pid = fork();
	if (r->pid == 0)
		become_redis(r, pipes[1]);
	assert_true(r->pid > 0);
	close(pipes[1]);
	log = fdopen(pipes[0], "r");
	while (!ready && fgets(line, sizeof(line), log))
		ready = strstr(line, "eady to accept connections") != NULL;
	if (!ready)
		fail_msg("redis-server does not start on port %d", r->port);
	fclose(log);
	r->admin = redisConnect("127.0.0.1", r->port);
	assert_true(r->admin && !r->admin->err);
	if (r->password)
		freeReplyObject(redisCommand(r->admin, "AUTH %s", r->password));
}

static void redis_stop(struct redis *r)
{
	redisFree(r->admin);
	kill(r->pid, SIGKILL);
	assert_int_equal(waitpid(r->pid, NULL, 0), r->pid);
}

static void redis_new(struct redis *r, const char *password)
{
	*r = (struct redis){ .password = password };
	close(bind_loopback(&r->port));
	redis_start(r);
}

static void redis_do(struct redis *r, const char *command)
{
	redisReply *reply = redisCommand(r->admin, command);

	if (!reply || reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", command, reply ? reply->str : r->admin->errstr);
	freeReplyObject(reply);
}

/* --- the actor and one that asks it --- */

struct order {
	struct msg m;
	struct auth_request *requests[64];
	size_t count;
};
#define PROBE_PROTOCOL(M) \
	M(PROBE_SEND, probe_send, order, NULL, "Send these to the cookie actor.") \
	M(PROBE_ANSWER, probe_answer, auth_request, auth_request_drop, "It came home.")
MSG_DECLARE(probe, PROBE_PROTOCOL)
MSG_DEFINE(PROBE_PROTOCOL)

struct probe {
	actor_id cookie;
	sem_t answered;
	enum auth_verdict verdicts[64]; /* by slot; read after `answered` */
};

static void on_probe_send(struct probe *self, struct order *o)
{
	for (size_t i = 0; i < o->count; i++)
		actor_send(self->cookie, &o->requests[i]);
}

static void on_probe_answer(struct probe *self, struct auth_request *r)
{
	assert_int_equal(r->gen, r->slot + 1000);
	self->verdicts[r->slot] = r->verdict;
	sem_post(&self->answered);
}

MSG_RECEIVE(probe, struct probe, PROBE_PROTOCOL)
static const struct behaviour probe_behaviour = { .name = "probe", .placement = ACTOR_PINNED, .receive = probe_receive };

struct world {
	struct server server;
	struct config *conf;
	struct probe probe;
	actor_id probe_id;
	struct store *store; /* a handle of the test's own */
};

/* `who`: "" or ":password@". */
static void world_raise(struct world *w, const char *who, int port, int db, const char *more)
{
	static unsigned number;
	struct buf lines = BUF_INIT;
	char *text, uri[32];

	memset(w, 0, sizeof(*w));
	buf_addf(&lines, "sess-man/desk/seats[s]=*@localhost\nsess-man/desk/seat-auth=cookie\n"
		 "sess-man/desk/cookie-cache-uri=redis://%s127.0.0.1:%d/%d\n%s", who, port, db, more);
	text = buf_take_text(&lines);
	w->conf = config_for_test(text);
	free(text);
	w->server.conf = w->conf;
	sem_init(&w->probe.answered, 0, 0);
	engine_init(&(struct engine_options){ .workers = 1 });
	(void)snprintf(uri, sizeof(uri), "memory:cookie%u", ++number);
	assert_int_equal(store_open(uri, STORE_WRITER, &w->store, NULL), STATUS_OK);
	w->probe.cookie = cookie_spawn(&w->server, uri);
	w->probe_id = actor_spawn(&probe_behaviour, &w->probe, 0);
	engine_start();
}

static void world_lower(struct world *w)
{
	engine_stop();
	store_close(w->store);
	config_free(w->conf);
	sem_destroy(&w->probe.answered);
}

static struct auth_request *make(uint32_t slot, const char *user, const char *password)
{
	struct auth_request *r = MSG_NEW(cookie_request, auth_request);

	r->reply = &probe_answer_kind;
	r->op = AUTH_OP_COOKIE;
	r->slot = slot;
	r->gen = slot + 1000;
	r->user = jid_parse(span_of(user));
	r->password = password ? xstrdup(password) : NULL;
	return r;
}

static enum auth_verdict ask(struct world *w, const char *user, const char *password)
{
	struct order *o = MSG_NEW(probe_send, order);

	o->requests[o->count++] = make(0, user, password);
	actor_send(w->probe_id, &o);
	while (sem_wait(&w->probe.answered) != 0)
		;
	return w->probe.verdicts[0];
}

/* --- tests --- */

static void a_cookie_is_right_wrong_or_missing(void **state)
{
	static const struct {
		const char *user, *password;
		enum auth_verdict verdict;
	} rows[] = {
		{ "alice@localhost", "cookie-1", AUTH_OK },
		{ "alice@localhost", "cookie-2", AUTH_REFUSED },
		{ "alice@localhost", "cookie-", AUTH_REFUSED },
		{ "alice@localhost", "cookie-11", AUTH_REFUSED },
		{ "alice@localhost", "", AUTH_REFUSED },
		{ "alice@localhost", NULL, AUTH_REFUSED },
		{ "bob@localhost", "cookie-2", AUTH_OK },
		{ "bob@localhost", "cookie-1", AUTH_REFUSED },
		{ "nobody@localhost", "cookie-1", AUTH_REFUSED },
		{ "nobody@localhost", "", AUTH_REFUSED },
		{ "empty@localhost", "", AUTH_REFUSED }, /* an empty value lets nobody in */
		{ "empty@localhost", "x", AUTH_REFUSED },
		{ "list@localhost", "x", AUTH_UNAVAILABLE }, /* of a wrong type */
		{ "客服@localhost", "口令", AUTH_OK },
		{ "gone@localhost", "x", AUTH_REFUSED },
	};
	struct redis redis;
	struct world w;

	(void)state;
	redis_new(&redis, NULL);
	redis_do(&redis, "SET cookie:alice cookie-1");
	redis_do(&redis, "SET cookie:bob cookie-2");
	redis_do(&redis, "SET cookie:客服 口令");
	redis_do(&redis, "LPUSH cookie:list x");
	redis_do(&redis, "SET cookie:gone x");
	redis_do(&redis, "PEXPIREAT cookie:gone 1");
	freeReplyObject(redisCommand(redis.admin, "SET cookie:empty %s", ""));
	world_raise(&w, "", redis.port, 0, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum auth_verdict got = ask(&w, rows[i].user, rows[i].password);

		if (got != rows[i].verdict)
			fail_msg("row %zu: %d", i, got);
	}
	redis_do(&redis, "DEL cookie:alice"); /* nothing is remembered */
	assert_int_equal(ask(&w, "alice@localhost", "cookie-1"), AUTH_REFUSED);
	world_lower(&w);
	redis_stop(&redis);
}

static void a_disabled_account_has_no_use_of_its_cookie(void **state)
{
	struct redis redis;
	struct world w;

	(void)state;
	redis_new(&redis, NULL);
	redis_do(&redis, "SET cookie:alice cookie-1");
	world_raise(&w, "", redis.port, 0, "");
	assert_int_equal(ask(&w, "alice@localhost", "cookie-1"), AUTH_OK); /* a seat need not have an account */
	assert_int_equal(store_put(w.store, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), SPAN_LIT("keys")), STATUS_OK);
	assert_int_equal(ask(&w, "alice@localhost", "cookie-1"), AUTH_OK);
	assert_int_equal(store_put(w.store, STORE_ACCOUNT, SPAN_LIT("alice@localhost"), SPAN_LIT(ACCOUNT_DISABLED "keys")), STATUS_OK);
	assert_int_equal(ask(&w, "alice@localhost", "cookie-1"), AUTH_REFUSED);
	assert_int_equal(ask(&w, "alice@localhost", "cookie-2"), AUTH_REFUSED);
	world_lower(&w);
	redis_stop(&redis);
}

static void the_key_is_made_from_the_pattern(void **state)
{
	static const struct {
		const char *pattern, *key;
	} rows[] = {
		{ "cookie:%u", "cookie:alice" }, { "%d/%u", "localhost/alice" }, { "%j", "alice@localhost" },
		{ "%u%u", "alicealice" },
		{ "100%%:%u", "100%:alice" }, { "%u:%", "alice:%" }, { "%x:%u", "%x:alice" },
		{ "a b:%u", "a b:alice" }, { "%%u:%u", "%u:alice" },
	};
	struct redis redis;

	(void)state;
	redis_new(&redis, NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char more[100], value[16];
		struct world w;

		snprintf(value, sizeof(value), "value-%zu", i);
		freeReplyObject(redisCommand(redis.admin, "SET %s %s", rows[i].key, value));
		snprintf(more, sizeof(more), "sess-man/desk/cookie-key=%s\n", rows[i].pattern);
		world_raise(&w, "", redis.port, 0, more);
		if (ask(&w, "alice@localhost", value) != AUTH_OK)
			fail_msg("'%s'", rows[i].pattern);
		world_lower(&w);
	}
	redis_stop(&redis);
}

static void each_of_many_gets_its_own_answer(void **state)
{
	struct redis redis;
	struct world w;
	struct order *o;

	(void)state;
	redis_new(&redis, NULL);
	world_raise(&w, "", redis.port, 0, "");
	o = MSG_NEW(probe_send, order);
	for (uint32_t i = 0; i < 64; i++) {
		char user[32], value[16];

		snprintf(user, sizeof(user), "seat%u@localhost", i);
		snprintf(value, sizeof(value), "value-%u", i % 3 == 0 ? i + 1 : i);
		if (i % 5)
			freeReplyObject(redisCommand(redis.admin, "SET cookie:seat%d value-%d", (int)i, (int)i));
		o->requests[o->count++] = make(i, user, value);
	}
	actor_send(w.probe_id, &o);
	for (uint32_t i = 0; i < 64; i++)
		while (sem_wait(&w.probe.answered) != 0)
			;
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(w.probe.verdicts[i], i % 3 && i % 5 ? AUTH_OK : AUTH_REFUSED);
	world_lower(&w);
	redis_stop(&redis);
}

static void password_and_database_of_the_address_are_used(void **state)
{
	static const struct {
		const char *who;
		int db;
		enum auth_verdict verdict;
	} rows[] = {
		{ ":pass word@", 3, AUTH_OK }, { "any:pass word@", 3, AUTH_OK }, { ":pass word@", 0, AUTH_REFUSED },
		{ ":wrong@", 3, AUTH_UNAVAILABLE }, { "", 3, AUTH_UNAVAILABLE },
		{ ":pass word@", 99, AUTH_UNAVAILABLE },
	};
	struct redis redis;

	(void)state;
	redis_new(&redis, "pass word");
	redis_do(&redis, "SELECT 3");
	redis_do(&redis, "SET cookie:alice x");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;

		world_raise(&w, rows[i].who, redis.port, rows[i].db, "");
		if (ask(&w, "alice@localhost", "x") != rows[i].verdict)
			fail_msg("'%s', %d", rows[i].who, rows[i].db);
		world_lower(&w);
	}
	redis_stop(&redis);
}

static void while_redis_is_away_checks_are_unavailable_and_then_work_again(void **state)
{
	struct redis redis;
	struct world w;

	(void)state;
	redis_new(&redis, NULL);
	redis_do(&redis, "SET cookie:alice x");
	world_raise(&w, "", redis.port, 0, "");
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_OK);
	redis_stop(&redis);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_UNAVAILABLE);
	redis_start(&redis);
	redis_do(&redis, "SET cookie:alice y");
	while (ask(&w, "alice@localhost", "y") == AUTH_UNAVAILABLE) /* it tries now and then */
		;
	assert_int_equal(ask(&w, "alice@localhost", "y"), AUTH_OK);
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_REFUSED);
	world_lower(&w);
	redis_stop(&redis);
}

static void a_server_that_starts_first_finds_redis_later(void **state)
{
	struct redis redis = { 0 };
	struct world w;

	(void)state;
	close(bind_loopback(&redis.port));
	world_raise(&w, "", redis.port, 0, "");
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_UNAVAILABLE);
	redis_start(&redis);
	redis_do(&redis, "SET cookie:alice x");
	while (ask(&w, "alice@localhost", "x") == AUTH_UNAVAILABLE)
		;
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_OK);
	world_lower(&w);
	redis_stop(&redis);
}

/* Redis closes idle connections, or was started again while nobody logged in: nobody is refused for that. */
static void a_connection_closed_meanwhile_is_made_anew(void **state)
{
	struct redis redis;
	struct world w;

	(void)state;
	redis_new(&redis, NULL);
	redis_do(&redis, "SET cookie:alice x");
	world_raise(&w, "", redis.port, 0, "");
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_OK);
	redis_do(&redis, "CLIENT KILL TYPE normal SKIPME yes");
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_OK);
	redis_stop(&redis);
	redis_start(&redis);
	redis_do(&redis, "SET cookie:alice z");
	assert_int_equal(ask(&w, "alice@localhost", "z"), AUTH_OK);
	world_lower(&w);
	redis_stop(&redis);
}

/* Connections are taken, nothing is ever answered. */
static void a_silent_cache_is_given_up(void **state)
{
	struct world w;
	int port, fd = bind_loopback(&port);

	(void)state;
	assert_int_equal(listen(fd, 16), 0);
	world_raise(&w, "", port, 0, "sess-man/desk/cookie-timeout[I]=50\n");
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_UNAVAILABLE);
	assert_int_equal(ask(&w, "alice@localhost", "x"), AUTH_UNAVAILABLE);
	world_lower(&w);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_is_right_wrong_or_missing),
		cmocka_unit_test(a_disabled_account_has_no_use_of_its_cookie),
		cmocka_unit_test(the_key_is_made_from_the_pattern),
		cmocka_unit_test(each_of_many_gets_its_own_answer),
		cmocka_unit_test(password_and_database_of_the_address_are_used),
		cmocka_unit_test(while_redis_is_away_checks_are_unavailable_and_then_work_again),
		cmocka_unit_test(a_server_that_starts_first_finds_redis_later),
		cmocka_unit_test(a_connection_closed_meanwhile_is_made_anew),
		cmocka_unit_test(a_silent_cache_is_given_up),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN(tests);
}
