#include "actors/account.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/server.h"
#include "actors/token.h"
#include "runtime/outside.h"
#include "xmpp/sasl/credential.h"

#define REMOVAL_KEPT_US (3600 * UINT64_C(1000000))

/* Behind the keys, as a part that who knows it not skips (credential_decode). */
#define SINCE ";since:"

/* What a record says beside its keys. */
struct facts {
	bool disabled;
	uint64_t since;
};

/* What cannot be read may be disabled: the caller does not go on then. */
static enum status read_facts(struct store *s, const struct jid *user, struct facts *out)
{
	struct buf saved = BUF_INIT;
	enum status st = store_get(s, STORE_ACCOUNT, jid_bare(user), &saved);

	*out = (struct facts){ 0 };
	if (st == STATUS_OK)
		*out = (struct facts){ account_is_disabled(buf_span(&saved)), account_since(buf_span(&saved)) };
	buf_wipe(&saved);
	return st;
}

static bool see_row(void *ctx, const struct store_log_row *row)
{
	*(uint64_t *)ctx = row->seq;
	return true;
}

/* The last removal of an account of this name; 0 = none. */
static enum status read_removal(struct store *s, const struct jid *user, uint64_t *seq)
{
	*seq = 0;
	return store_log_read(s, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), jid_bare(user), 0, 0, see_row, seq);
}

/* The keys of a password, as they are stored; slow by design. The caller wipes them. False: it may not be used. */
static bool make_keys(struct span password, uint32_t iterations, struct buf *keys)
{
	uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT];
	char prepared[JID_PART_MAX + 1];
	struct credential c;

	if (span_empty(password) || !jid_saslprep(password, prepared) || !*prepared)
		return false;
	outside_random(salts, sizeof(salts));
	credential_derive(&c, span_of(prepared), iterations, (const uint8_t(*)[CREDENTIAL_SALT])salts);
	OPENSSL_cleanse(prepared, sizeof(prepared));
	credential_encode(&c, keys);
	credential_wipe(&c);
	return true;
}

/* A disabled account stays disabled under its new password, and the same account; its login tokens end. In a transaction. */
static enum status put(struct store *s, const struct jid *user, const struct buf *keys)
{
	struct buf text = BUF_INIT;
	struct facts facts;
	enum status st = read_facts(s, user, &facts);

	if (st == STATUS_NOT_FOUND)
		st = read_removal(s, user, &facts.since);
	if (facts.disabled)
		buf_add_text(&text, ACCOUNT_DISABLED);
	buf_add_span(&text, buf_span(keys));
	if (facts.since)
		buf_addf(&text, SINCE "%" PRIu64, facts.since);
	if (st == STATUS_OK)
		st = token_revoke(s, user);
	if (st == STATUS_OK)
		st = store_put(s, STORE_ACCOUNT, jid_bare(user), buf_span(&text));
	buf_wipe(&text);
	return st;
}

/* Commits when all is well. */
static enum status end_transaction(struct store *s, enum status st)
{
	if (st == STATUS_OK)
		return store_commit(s);
	store_rollback(s);
	return st;
}

enum status account_set(struct store *s, const struct jid *user, struct span password, uint32_t iterations)
{
	struct buf keys = BUF_INIT;
	enum status st = STATUS_INVALID;

	if (make_keys(password, iterations, &keys)) {
		st = store_begin(s);
		if (st == STATUS_OK)
			st = end_transaction(s, put(s, user, &keys));
	}
	buf_wipe(&keys);
	return st;
}

/* --- by their owners --- */

enum status account_look(struct store *s, const struct jid *user)
{
	struct buf keys = BUF_INIT;
	enum status st = store_get(s, STORE_ACCOUNT, jid_bare(user), &keys);

	buf_wipe(&keys);
	return st;
}

static bool is_of_domain(struct span owner, struct span domain)
{
	const char *at = memchr(owner.p, '@', owner.n);

	return at && span_eq((struct span){ at + 1, owner.n - (size_t)(at - owner.p) - 1 }, domain);
}

struct census {
	struct span domain;
	int64_t count;
};

static bool count_account(void *ctx, struct span owner)
{
	struct census *c = ctx;

	c->count += is_of_domain(owner, c->domain);
	return true;
}

static enum status check_room(struct store *s, const struct jid *user, int64_t max_users)
{
	struct census c = { .domain = jid_domain(user) };
	enum status st;

	if (max_users == 0)
		return STATUS_OK;
	st = store_owners(s, STORE_ACCOUNT, SPAN_NONE, 0, count_account, &c);
	return st == STATUS_OK && c.count >= max_users ? STATUS_LIMIT : st;
}

static enum status check_new(struct store *s, const struct jid *user, int64_t max_users)
{
	enum status st = account_look(s, user);

	if (st != STATUS_NOT_FOUND)
		return st == STATUS_OK ? STATUS_EXISTS : st;
	return check_room(s, user, max_users);
}

/* Looks again inside the transaction: other threads and processes write, too. */
static enum status put_checked(struct store *s, const struct jid *user, const struct buf *keys, bool fresh, int64_t max_users)
{
	enum status st = store_begin(s);

	if (st != STATUS_OK)
		return st;
	st = fresh ? check_new(s, user, max_users) : account_look(s, user);
	if (st == STATUS_OK)
		st = put(s, user, keys);
	return end_transaction(s, st);
}

/* Looks first: neither hashing nor the store's writing lock is spent on what is refused anyway. */
static enum status put_keys(struct store *s, const struct jid *user, struct span password, uint32_t iterations, bool fresh,
			    int64_t max_users)
{
	enum status st = fresh ? check_new(s, user, max_users) : account_look(s, user);
	struct buf keys = BUF_INIT;

	if (st != STATUS_OK)
		return st;
	st = make_keys(password, iterations, &keys) ? put_checked(s, user, &keys, fresh, max_users) : STATUS_INVALID;
	buf_wipe(&keys);
	return st;
}

enum status account_create(struct store *s, const struct jid *user, struct span password, uint32_t iterations,
			   int64_t max_users)
{
	return put_keys(s, user, password, iterations, true, max_users);
}

enum status account_rekey(struct store *s, const struct jid *user, struct span password, uint32_t iterations)
{
	return put_keys(s, user, password, iterations, false, 0);
}

/* --- rules --- */

const char *account_refusal_text(enum account_refusal r)
{
	static const char *const texts[] = {
		[ACCOUNT_FINE] = "",
		[ACCOUNT_NOT_SERVED] = "this domain is not served; add it to --virt-hosts",
		[ACCOUNT_DESK] = "this is the desk's own address; take another name, or another sess-man/desk/name",
		[ACCOUNT_COMPONENT] = "this is the address of a component; take another name",
		[ACCOUNT_EXISTS] = "exists already",
		[ACCOUNT_UNKNOWN] = "no such account",
		[ACCOUNT_FULL] = "the domain has as many accounts as max-users allows",
		[ACCOUNT_BAD_PASSWORD] = "this password cannot be used: at most 1,023 bytes of UTF-8, no control characters",
		[ACCOUNT_PROTECTED] = "this account may run commands itself: only --admins and itself may change it",
		[ACCOUNT_STORE] = "the store failed",
	};

	return texts[r];
}

enum account_refusal account_known(struct store *s, const struct jid *user)
{
	enum status st = account_look(s, user);

	return st == STATUS_OK ? ACCOUNT_EXISTS : st == STATUS_NOT_FOUND ? ACCOUNT_UNKNOWN : ACCOUNT_STORE;
}

static enum account_refusal refusal_of(enum status st)
{
	switch (st) {
	case STATUS_OK: return ACCOUNT_FINE;
	case STATUS_INVALID: return ACCOUNT_BAD_PASSWORD;
	case STATUS_EXISTS: return ACCOUNT_EXISTS;
	case STATUS_NOT_FOUND: return ACCOUNT_UNKNOWN;
	case STATUS_LIMIT: return ACCOUNT_FULL;
	default: return ACCOUNT_STORE;
	}
}

enum account_refusal account_may_add(struct store *s, const struct config *conf, const struct jid *user)
{
	const struct config_vhost *host = config_vhost(conf, jid_domain(user));

	if (!host)
		return ACCOUNT_NOT_SERVED;
	if (span_is(jid_local(user), conf->desk_name)) /* also with no desk yet: it would be cut off the day there is one */
		return ACCOUNT_DESK;
	if (span_is(jid_local(user), SERVER_SESS_MAN) || span_is(jid_local(user), SERVER_VHOST_MAN))
		return ACCOUNT_COMPONENT;
	return refusal_of(check_new(s, user, host->max_users));
}

enum account_refusal account_add(struct store *s, const struct config *conf, const struct jid *user, struct span password)
{
	const struct config_vhost *host = config_vhost(conf, jid_domain(user));
	enum account_refusal r = host ? account_may_add(s, conf, user) : ACCOUNT_NOT_SERVED;

	return r ? r : refusal_of(account_create(s, user, password, (uint32_t)conf->scram_iterations, host->max_users));
}

enum account_refusal account_change(struct store *s, const struct config *conf, const struct jid *user, struct span password)
{
	return refusal_of(account_rekey(s, user, password, (uint32_t)conf->scram_iterations));
}

uint64_t account_since(struct span saved)
{
	size_t n = sizeof(SINCE) - 1;
	const char *at = saved.n ? memrchr(saved.p, ';', saved.n) : NULL, *end = saved.p + saved.n;
	uint64_t since = 0;

	if (!at || (size_t)(end - at) <= n || memcmp(at, SINCE, n) != 0)
		return 0;
	for (at += n; at < end && *at >= '0' && *at <= '9'; at++)
		since = since * 10 + (uint64_t)(*at - '0');
	return at == end ? since : 0;
}

bool account_is_disabled(struct span saved)
{
	size_t n = sizeof(ACCOUNT_DISABLED) - 1;

	return saved.n >= n && memcmp(saved.p, ACCOUNT_DISABLED, n) == 0;
}

/* In a transaction: a password that is set meanwhile, or a removal, is not undone. */
static enum status put_disabled(struct store *s, const struct jid *user, bool disabled)
{
	struct buf saved = BUF_INIT, fresh = BUF_INIT;
	enum status st = store_get(s, STORE_ACCOUNT, jid_bare(user), &saved);
	struct span keys = buf_span(&saved);

	if (st == STATUS_OK && account_is_disabled(keys) != disabled) {
		if (disabled)
			buf_add_text(&fresh, ACCOUNT_DISABLED);
		else
			buf_consume(&saved, sizeof(ACCOUNT_DISABLED) - 1);
		buf_add_span(&fresh, buf_span(&saved));
		st = token_revoke(s, user);
		if (st == STATUS_OK)
			st = store_put(s, STORE_ACCOUNT, jid_bare(user), buf_span(&fresh));
	}
	buf_wipe(&saved);
	buf_wipe(&fresh);
	return st;
}

enum account_refusal account_disable(struct store *s, const struct jid *user, bool disabled)
{
	enum status st = store_begin(s);

	return refusal_of(st == STATUS_OK ? end_transaction(s, put_disabled(s, user, disabled)) : st);
}

/* --- listing --- */

struct listing {
	struct span domain;
	char **names; /* the visitor of a listing may not ask the store, so they are gathered first */
	size_t count, size;
};

static bool gather(void *ctx, struct span owner)
{
	struct listing *l = ctx;
	const char *at = memchr(owner.p, '@', owner.n);
	struct span domain = at ? (struct span){ at + 1, owner.n - (size_t)(at - owner.p) - 1 } : owner;

	if (l->domain.p && !span_eq(domain, l->domain))
		return true;
	if (l->count == l->size) {
		l->size = l->size ? 2 * l->size : 64;
		l->names = xrealloc(l->names, l->size * sizeof(*l->names));
	}
	l->names[l->count++] = xstrndup(owner.p, owner.n);
	return true;
}

static bool is_listed(struct store *s, const char *name, bool disabled)
{
	struct buf saved = BUF_INIT;
	bool listed = !disabled || (store_get(s, STORE_ACCOUNT, span_of(name), &saved) == STATUS_OK && account_is_disabled(buf_span(&saved)));

	buf_wipe(&saved);
	return listed;
}

enum status account_each(struct store *s, struct span domain, bool disabled, account_visit_f *visit, void *ctx)
{
	struct listing l = { .domain = domain };
	enum status st = store_owners(s, STORE_ACCOUNT, SPAN_NONE, 0, gather, &l);
	bool on = st == STATUS_OK;

	for (size_t i = 0; i < l.count; i++) {
		if (on && is_listed(s, l.names[i], disabled))
			on = visit(ctx, span_of(l.names[i]));
		free(l.names[i]);
	}
	free(l.names);
	return st;
}

enum status store_installation_secret(struct store *s, uint8_t out[32])
{
	struct buf text = BUF_INIT;
	enum status st = store_get(s, STORE_META, SPAN_LIT("secret"), &text);

	if (st == STATUS_OK && buf_len(&text) == 32) {
		memcpy(out, buf_span(&text).p, 32);
	} else if (st == STATUS_OK) {
		st = STATUS_CORRUPT;
	} else if (st == STATUS_NOT_FOUND) {
		outside_random(out, 32);
		st = store_put(s, STORE_META, SPAN_LIT("secret"), (struct span){ (const char *)out, 32 });
	}
	buf_wipe(&text);
	return st;
}

/* --- removing --- */

struct removals {
	uint64_t before_us; /* rows of before this are looked at */
	uint64_t last;      /* the last of them; 0 = none */
};

static bool see_removal(void *ctx, const struct store_log_row *row)
{
	struct removals *r = ctx;

	if (row->time_us < r->before_us)
		r->last = row->seq;
	return true;
}

static enum status last_removal(struct store *s, uint64_t before_us, uint64_t *seq)
{
	struct removals r = { .before_us = before_us };
	enum status st =
		store_log_read(s, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), SPAN_NONE, 0, 0, see_removal, &r);

	*seq = r.last;
	return st;
}

enum status account_last_removal(struct store *s, uint64_t *seq)
{
	return last_removal(s, UINT64_MAX, seq);
}

static enum status or_nothing(enum status st)
{
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

static enum status note_removal(struct store *s, const struct jid *user, uint64_t *seq)
{
	uint64_t now = outside_wall_us(), old;
	enum status st = last_removal(s, now > REMOVAL_KEPT_US ? now - REMOVAL_KEPT_US : 0, &old);

	if (st == STATUS_OK && old)
		st = or_nothing(store_log_delete_upto(s, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), old));
	if (st == STATUS_OK)
		st = store_log_append(s, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), jid_bare(user), now, SPAN_LIT(""), 0, 0, seq);
	return st;
}

enum status account_remove(struct store *s, const struct jid *user, uint64_t *removal)
{
	uint64_t seq;
	enum status st = store_begin(s);

	if (st != STATUS_OK)
		return st;
	st = store_delete(s, STORE_ACCOUNT, jid_bare(user)); /* NOT_FOUND: there is none */
	for (unsigned c = 0; st == STATUS_OK && c < STORE_COLLECTION_COUNT; c++)
		if (c != STORE_ACCOUNT && store_collections[c].life == STORE_WITH_ACCOUNT)
			st = or_nothing(store_delete(s, c, jid_bare(user)));
	if (st == STATUS_OK)
		st = note_removal(s, user, removal ? removal : &seq);
	return end_transaction(s, st);
}
