/* Seat cookies in Redis, put there by a user centre. A batch of the mailbox is one pipeline. While Redis is away every check
 * is answered "unavailable" at once, and a new connection is tried now and then; nothing else in the server notices. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "actors/account.h"
#include "actors/auth.h"
#include "actors/server.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "storage/store.h"

#define RETRY_MS 200u

struct cookie_actor {
	const struct config *conf;
	char *store_uri;
	struct store *store; /* reading; NULL until the first right cookie could open it */
	redisContext *redis;
	uint64_t retry_at_ms;
	bool told; /* that it is away */
	struct auth_request **waiting; /* of this batch */
	size_t count, size;
	/* from the URI */
	char host[256], password[256];
	int port, db;
};

static void parse_uri(struct cookie_actor *self, const char *uri)
{
	const char *rest = strncmp(uri, "redis://", 8) == 0 ? uri + 8 : uri, *at = strrchr(rest, '@');

	if (at) {
		const char *colon = memchr(rest, ':', (size_t)(at - rest));

		if (colon)
			snprintf(self->password, sizeof(self->password), "%.*s", (int)(at - colon - 1), colon + 1);
		rest = at + 1;
	}
	self->port = 6379;
	/* the form was checked with the configuration */
	if (sscanf(rest, "%255[^:/]:%d/%d", self->host, &self->port, &self->db) < 1)
		snprintf(self->host, sizeof(self->host), "127.0.0.1");
}

static struct timeval budget(const struct cookie_actor *self)
{
	int64_t ms = self->conf->cookie_timeout / 2; /* connecting and asking may each take half */

	return (struct timeval){ ms / 1000, ms % 1000 * 1000 };
}

static void disconnect(struct cookie_actor *self, const char *why)
{
	if (!self->told)
		LOG_ERROR("cookie", "the cookie cache at %s:%d is away, seats cannot log in: %s", self->host, self->port, why);
	self->told = true;
	if (self->redis)
		redisFree(self->redis);
	self->redis = NULL;
	self->retry_at_ms = outside_mono_ms() + RETRY_MS;
}

static bool say_hello(struct cookie_actor *self, const char *fmt, const char *argument)
{
	redisReply *reply = redisCommand(self->redis, fmt, argument);
	bool ok = reply && reply->type == REDIS_REPLY_STATUS;

	if (!ok)
		disconnect(self, reply && reply->type == REDIS_REPLY_ERROR ? reply->str : self->redis->errstr);
	freeReplyObject(reply);
	return ok;
}

static bool connect_redis(struct cookie_actor *self)
{
	char db[16];

	if (self->redis)
		return true;
	if (outside_mono_ms() < self->retry_at_ms)
		return false;
	self->redis = redisConnectWithTimeout(self->host, self->port, budget(self));
	if (!self->redis || self->redis->err) {
		disconnect(self, self->redis ? self->redis->errstr : "out of memory");
		return false;
	}
	redisSetTimeout(self->redis, budget(self));
	snprintf(db, sizeof(db), "%d", self->db);
	if ((*self->password && !say_hello(self, "AUTH %s", self->password)) || !say_hello(self, "SELECT %s", db))
		return false;
	if (self->told)
		LOG_INFO("cookie", "the cookie cache is back");
	self->told = false;
	return true;
}

/* %u localpart, %d domain, %j bare JID, %% a per cent sign. */
static char *make_key(const char *pattern, const struct jid *user)
{
	struct buf key = BUF_INIT;

	for (; *pattern; pattern++) {
		struct span value = SPAN_NONE;

		if (*pattern == '%' && pattern[1] == 'u')
			value = jid_local(user);
		else if (*pattern == '%' && pattern[1] == 'd')
			value = jid_domain(user);
		else if (*pattern == '%' && pattern[1] == 'j')
			value = jid_bare(user);
		else if (*pattern == '%' && pattern[1] == '%')
			value = SPAN_LIT("%");
		if (value.p) {
			buf_add_span(&key, value);
			pattern++;
		} else {
			buf_add(&key, pattern, 1);
		}
	}
	return buf_take_text(&key);
}

/* Equal-length digests are compared, so that time says nothing about where two values differ, nor how long they are. */
static bool same_secret(const char *a, size_t a_n, const char *b, size_t b_n)
{
	uint8_t x[32], y[32];

	if (EVP_Digest(a, a_n, x, NULL, EVP_sha256(), NULL) != 1 || EVP_Digest(b, b_n, y, NULL, EVP_sha256(), NULL) != 1)
		BUG("no SHA-256");
	return CRYPTO_memcmp(x, y, sizeof(x)) == 0;
}

static enum auth_verdict judge(const struct auth_request *r, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_STRING && reply->len > 0 && r->password)
		return same_secret(reply->str, (size_t)reply->len, r->password, strlen(r->password)) ? AUTH_OK : AUTH_REFUSED;
	if (reply->type == REDIS_REPLY_NIL || reply->type == REDIS_REPLY_STRING)
		return AUTH_REFUSED;
	LOG_ERROR("cookie", "the cookie cache answered for %s with an error: %s", r->user->text,
		  reply->type == REDIS_REPLY_ERROR ? reply->str : "wrong type of value");
	return AUTH_UNAVAILABLE;
}

static void on_cookie_request(struct cookie_actor *self, struct auth_request *r)
{
	if (self->count == self->size) {
		self->size = self->size ? 2 * self->size : 16;
		self->waiting = xrealloc(self->waiting, self->size * sizeof(struct auth_request *));
	}
	r->verdict = AUTH_UNAVAILABLE;
	self->waiting[self->count++] = r;
	actor_keep(&r->m);
}

MSG_RECEIVE(cookie, struct cookie_actor, COOKIE_PROTOCOL)

/* False: the connection failed, what is not answered stays unavailable. */
static bool ask_all(struct cookie_actor *self)
{
	for (size_t i = 0; i < self->count; i++) {
		char *key = make_key(self->conf->cookie_key, self->waiting[i]->user);
		const char *words[] = { "GET", key };
		size_t lengths[] = { 3, strlen(key) };

		redisAppendCommandArgv(self->redis, 2, words, lengths);
		free(key);
	}
	for (size_t i = 0; i < self->count; i++) {
		void *reply = NULL;

		if (redisGetReply(self->redis, &reply) != REDIS_OK)
			return false;
		self->waiting[i]->verdict = judge(self->waiting[i], reply);
		freeReplyObject(reply);
	}
	return true;
}

/* Redis closes idle connections and may have been started again meanwhile: that shows only when the connection is used, and
 * is no reason to refuse a login. Asking twice does no harm. */
static bool was_closed(const struct cookie_actor *self, int error)
{
	return self->redis->err == REDIS_ERR_EOF || (self->redis->err == REDIS_ERR_IO && (error == ECONNRESET || error == EPIPE));
}

/* What came unasked would be taken for the answer to the next question, perhaps about somebody else. Nothing may be left of the
 * last answers, neither read already nor waiting. A closed end shows here too. */
static bool is_quiet(const redisContext *redis)
{
	char byte;

	return redis->reader->pos == redis->reader->len && recv(redis->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void check_all(struct cookie_actor *self)
{
	bool was_open;

	if (self->redis && !is_quiet(self->redis)) {
		redisFree(self->redis);
		self->redis = NULL;
	}
	was_open = self->redis != NULL;
	if (!connect_redis(self) || ask_all(self))
		return;
	if (was_open && was_closed(self, errno)) {
		redisFree(self->redis);
		self->redis = NULL;
		if (!connect_redis(self) || ask_all(self))
			return;
	}
	disconnect(self, self->redis->errstr);
}

static bool open_reader(struct cookie_actor *self)
{
	char *error = NULL;

	if (self->store)
		return true;
	if (store_open(self->store_uri, STORE_READER, &self->store, &error) == STATUS_OK)
		return true;
	LOG_ERROR("cookie", "accounts cannot be read: %s", error ? error : "unknown reason");
	free(error);
	return false;
}

/* The cookie is right: may this account log in? */
static enum auth_verdict look_up(struct cookie_actor *self, struct auth_request *r)
{
	struct buf saved = BUF_INIT;
	enum status st = open_reader(self) ? store_get(self->store, STORE_ACCOUNT, jid_bare(r->user), &saved) : STATUS_UNAVAILABLE;
	bool disabled = st == STATUS_OK && account_is_disabled(buf_span(&saved));

	r->since = st == STATUS_OK ? account_since(buf_span(&saved)) : 0;
	buf_wipe(&saved);
	if (st == STATUS_OK || st == STATUS_NOT_FOUND)
		return disabled ? AUTH_REFUSED : AUTH_OK;
	store_close(self->store);
	self->store = NULL;
	return AUTH_UNAVAILABLE;
}

static void end_batch(void *state)
{
	struct cookie_actor *self = state;

	if (self->count)
		check_all(self);
	for (size_t i = 0; i < self->count; i++) {
		struct auth_request *r = self->waiting[i];
		struct msg *m = &r->m;

		if (r->verdict == AUTH_OK)
			r->verdict = look_up(self, r);
		metric_inc(METRIC_cookie_checks);
		if (r->verdict == AUTH_UNAVAILABLE)
			metric_inc(METRIC_cookie_unavailable);
		m->kind = r->reply;
		actor_send_msg(m->from, &m);
	}
	self->count = 0;
}

static void stop(void *state)
{
	struct cookie_actor *self = state;

	for (size_t i = 0; i < self->count; i++)
		msg_free(&self->waiting[i]->m);
	if (self->redis)
		redisFree(self->redis);
	OPENSSL_cleanse(self->password, sizeof(self->password));
	store_close(self->store);
	free(self->store_uri);
	free(self->waiting);
	free(self);
}

static const struct behaviour behaviour = {
	.name = "cookie",
	.placement = ACTOR_THREADED,
	.receive = cookie_receive,
	.on_stop = stop,
	.on_batch_end = end_batch,
};

actor_id cookie_spawn(const struct server *server, const char *store_uri)
{
	struct cookie_actor *self = xcalloc(1, sizeof(*self));

	self->conf = server->conf;
	self->store_uri = xstrdup(store_uri);
	parse_uri(self, server->conf->cookie_cache_uri);
	return actor_spawn(&behaviour, self, 0);
}
