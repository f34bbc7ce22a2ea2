/* Account look-ups and slow hashing, away from the workers' loops. An unknown user costs what a known one costs. */
#include "actors/auth.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/account.h"
#include "actors/server.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "storage/store.h"

struct auth_actor {
	const struct server *server;
	char *uri;
	struct store *store; /* reading; NULL until the first request could open it */
};

/* The reader is opened by the thread that uses it, and again after a failure. */
static bool open_reader(struct auth_actor *self)
{
	char *error = NULL;

	if (self->store)
		return true;
	if (store_open(self->uri, STORE_READER, &self->store, &error) != STATUS_OK) {
		LOG_ERROR("auth", "accounts cannot be read: %s", error ? error : "unknown reason");
		free(error);
		return false;
	}
	return true;
}

static void fake(const struct auth_actor *self, const struct auth_request *r, struct credential *out)
{
	credential_fake(out, jid_bare(r->user), self->server->secret, (uint32_t)self->server->conf->scram_iterations);
}

/* An account of a time when a hash was not known here yet. */
static void complete(const struct auth_actor *self, struct auth_request *r)
{
	struct credential other;

	fake(self, r, &other);
	if (credential_fill(&r->credential, &other))
		LOG_INFO("auth", "%s has no keys for each kind of SCRAM; once its password is set again it has", r->user->text);
	credential_wipe(&other);
}

/* Keys of the user, or fake ones that nothing can tell from them: for an unknown user and for a disabled account. */
static enum status load(struct auth_actor *self, struct auth_request *r, bool *disabled)
{
	struct buf text = BUF_INIT;
	enum status st = open_reader(self) ? store_get(self->store, STORE_ACCOUNT, jid_bare(r->user), &text) : STATUS_UNAVAILABLE;

	*disabled = st == STATUS_OK && account_is_disabled(buf_span(&text));
	r->since = st == STATUS_OK ? account_since(buf_span(&text)) : 0;
	if (*disabled)
		st = STATUS_NOT_FOUND;
	if (st == STATUS_OK && !credential_decode(&r->credential, buf_span(&text))) {
		LOG_ERROR("auth", "the stored keys of %s are damaged", r->user->text);
		st = STATUS_CORRUPT;
	}
	if (st == STATUS_NOT_FOUND) /* the fake is what a new account would have */
		fake(self, r, &r->credential);
	else if (st == STATUS_OK && r->op == AUTH_OP_CREDENTIAL)
		complete(self, r);
	buf_wipe(&text);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND) {
		store_close(self->store);
		self->store = NULL;
	}
	return st;
}

/* With `known` false the keys are fake, and looked at all the same: it must take as long. The name of a disabled account is
 * nobody else's. */
static enum auth_verdict judge(const struct auth_request *r, bool known, bool disabled)
{
	bool right;

	if (r->op == AUTH_OP_VISITOR && !known && !disabled)
		return AUTH_OK;
	if (r->op == AUTH_OP_ACCOUNT)
		return known ? AUTH_OK : AUTH_REFUSED;
	right = r->password && credential_check(&r->credential, span_of(r->password));
	return right && known ? AUTH_OK : AUTH_REFUSED;
}

/* A derivation takes milliseconds to seconds by the account's rounds: in a storm of logins the last ones would wait until
 * their clients have given up and asked anew. Hashing for them would be in vain; those behind them would wait for it. */
static bool waited_too_long(const struct auth_actor *self, const struct auth_request *r)
{
	uint64_t most = (uint64_t)self->server->conf->auth_wait, now = outside_mono_ms(); /* the batch's own time may be old */

	if (!most || now < r->asked_ms || now - r->asked_ms <= most)
		return false;
	metric_limit(METRIC_limit_login_wait);
	return true;
}

static void forget_password(char **password)
{
	if (*password)
		OPENSSL_cleanse(*password, strlen(*password));
	free(*password);
	*password = NULL;
}

/* --- tokens --- */

static enum auth_verdict token_verdict(enum token_verdict v)
{
	return v == TOKEN_OK ? AUTH_OK : v == TOKEN_REFUSED ? AUTH_REFUSED : AUTH_UNAVAILABLE;
}

/* A disabled account has no row to derive a token from, as one that does not exist. */
static enum auth_verdict look_at_token(struct auth_actor *self, struct auth_request *r)
{
	const struct config *conf = self->server->conf;
	struct token_rules rules = { self->server->secret, outside_wall_us() / 1000000, (uint64_t)conf->token_lifetime,
				     (uint64_t)conf->token_clients };
	struct buf saved = BUF_INIT;
	enum status st = open_reader(self) ? store_get(self->store, STORE_ACCOUNT, jid_bare(r->user), &saved) : STATUS_UNAVAILABLE;
	bool there = st == STATUS_OK && !account_is_disabled(buf_span(&saved));
	struct span account = there ? buf_span(&saved) : SPAN_NONE;
	enum token_verdict v = TOKEN_STORE;

	r->since = there ? account_since(account) : 0;
	if (st == STATUS_OK || st == STATUS_NOT_FOUND)
		v = r->op == AUTH_OP_TOKEN ? token_use(self->store, self->uri, &rules, r->user, account, r->token)
					   : token_issue(self->store, self->uri, &rules, r->user, account, r->token);
	buf_wipe(&saved);
	if (v == TOKEN_STORE) {
		store_close(self->store);
		self->store = NULL;
	}
	return token_verdict(v);
}

static void on_token(struct auth_actor *self, struct auth_request *r)
{
	r->verdict = waited_too_long(self, r) ? AUTH_UNAVAILABLE : look_at_token(self, r);
	actor_reply_as(&r->m, r->reply);
}

static void on_auth_request(struct auth_actor *self, struct auth_request *r)
{
	bool disabled = false;
	enum status st;

	if (r->token) {
		on_token(self, r);
		return;
	}
	st = waited_too_long(self, r) ? STATUS_UNAVAILABLE : load(self, r, &disabled);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND) {
		r->verdict = AUTH_UNAVAILABLE;
	} else if (r->op == AUTH_OP_CREDENTIAL) {
		r->verdict = AUTH_OK; /* the exchange itself finds out */
	} else {
		r->verdict = judge(r, st == STATUS_OK, disabled);
		credential_wipe(&r->credential);
	}
	forget_password(&r->password);
	actor_reply_as(&r->m, r->reply);
}

/* --- accounts --- */

static enum status create(struct auth_actor *self, struct store *writer, const struct account_request *r)
{
	const struct config *conf = self->server->conf;
	const struct config_vhost *host = config_vhost(conf, jid_domain(r->user));
	enum status st;

	if (r->reserved) {
		st = account_look(writer, r->user);
		return st == STATUS_OK || st == STATUS_NOT_FOUND ? STATUS_EXISTS : st;
	}
	return account_create(writer, r->user, span_of(r->password), (uint32_t)conf->scram_iterations,
			      host ? host->max_users : 0);
}

static enum status act(struct auth_actor *self, struct store *writer, struct account_request *r)
{
	switch (r->op) {
	case ACCOUNT_CREATE: return create(self, writer, r);
	case ACCOUNT_CHANGE:
		return account_rekey(writer, r->user, span_of(r->password), (uint32_t)self->server->conf->scram_iterations);
	case ACCOUNT_REMOVE: return account_remove(writer, r->user, &r->removal);
	}
	BUG("unknown account operation");
}

/* It happens seldom: the writing handle lives as long as the work. */
static enum status act_alone(struct auth_actor *self, struct account_request *r)
{
	struct store *writer = NULL;
	char *error = NULL;
	enum status st = store_open(self->uri, STORE_WRITER, &writer, &error);

	if (st == STATUS_OK)
		st = act(self, writer, r);
	else
		LOG_ERROR("auth", "accounts cannot be written: %s", error ? error : "unknown reason");
	free(error);
	store_close(writer);
	return st;
}

static void on_auth_account(struct auth_actor *self, struct account_request *r)
{
	static const char *const done[] = { "was registered", "has a new password", "was removed by its owner" };

	r->status = act_alone(self, r);
	if (r->status == STATUS_OK)
		LOG_INFO("auth", "%s %s", r->user->text, done[r->op]);
	forget_password(&r->password);
	actor_reply_as(&r->m, r->reply);
}

MSG_RECEIVE(auth, struct auth_actor, AUTH_PROTOCOL)

static void stop(void *state)
{
	struct auth_actor *self = state;

	store_close(self->store);
	free(self->uri);
	free(self);
}

static const struct behaviour behaviour = { .name = "auth", .placement = ACTOR_THREADED, .receive = auth_receive, .on_stop = stop };

actor_id auth_spawn(const struct server *server, const char *store_uri)
{
	struct auth_actor *self = xcalloc(1, sizeof(*self));

	self->server = server;
	self->uri = xstrdup(store_uri);
	return actor_spawn(&behaviour, self, 0);
}
