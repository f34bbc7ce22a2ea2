#include "actors/token.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

#define ID_BYTES 16
#define KEY_BYTES 16 /* of the hash a client is kept under */

struct slot {
	enum sasl_name mechanism;
	char id[2 * ID_BYTES + 1]; /* "" = empty */
	uint64_t expiry_s;
	uint32_t count; /* the highest that came */
};

struct row {
	struct slot current, fresh;
};

void token_work_wipe(struct token_work *w)
{
	OPENSSL_cleanse(w, sizeof(*w));
}

/* --- the row: current;fresh, each mechanism,id,expiry,count or nothing --- */

static void write_slot(struct buf *out, const struct slot *s)
{
	if (*s->id)
		buf_addf(out, "%s,%s,%" PRIu64 ",%" PRIu32, sasl_text(s->mechanism), s->id, s->expiry_s, s->count);
}

static void write_row(struct buf *out, const struct row *r)
{
	write_slot(out, &r->current);
	buf_add_text(out, ";");
	write_slot(out, &r->fresh);
}

/* What cannot be read is an empty slot: its client logs in with a password. */
static void read_slot(const char *text, struct slot *s)
{
	char name[32];

	*s = (struct slot){ 0 };
	if (sscanf(text, "%31[^,;],%32[0-9a-f],%" SCNu64 ",%" SCNu32, name, s->id, &s->expiry_s, &s->count) != 4 ||
	    strlen(s->id) != sizeof(s->id) - 1 || !sasl_find(span_of(name), &s->mechanism))
		*s = (struct slot){ 0 };
}

static void read_row(struct buf *value, struct row *r)
{
	const char *second;

	buf_add(value, "", 1);
	second = strchr(buf_span(value).p, ';');
	read_slot(buf_span(value).p, &r->current);
	read_slot(second ? second + 1 : "", &r->fresh);
}

static void client_key(const struct token_rules *rules, const struct jid *user, const char *client, char key[2 * KEY_BYTES + 1])
{
	uint8_t digest[CREDENTIAL_KEY_MAX];
	struct buf text = BUF_INIT;

	buf_addf(&text, "token client %s %s", user->text, client);
	credential_hmac(CREDENTIAL_SHA256, rules->secret, 32, buf_span(&text), digest);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		(void)snprintf(key + (size_t)2 * i, 3, "%02x", digest[i]);
	buf_fini(&text);
}

static void derive(const struct token_rules *rules, const struct jid *user, struct span account, const struct token_work *w,
		   const struct slot *s, char token[TOKEN_TEXT_MAX])
{
	uint8_t digest[CREDENTIAL_KEY_MAX];
	struct buf text = BUF_INIT, encoded = BUF_INIT;

	buf_addf(&text, "token %s %s %s %s ", user->text, w->client, sasl_text(s->mechanism), s->id);
	buf_add_span(&text, account);
	credential_hmac(CREDENTIAL_SHA256, rules->secret, 32, buf_span(&text), digest);
	sasl_encode((struct span){ (const char *)digest, SASL_PROOF }, &encoded);
	ASSERT(buf_len(&encoded) < TOKEN_TEXT_MAX);
	memcpy(token, buf_span(&encoded).p, buf_len(&encoded));
	token[buf_len(&encoded)] = '\0';
	OPENSSL_cleanse(digest, sizeof(digest));
	buf_wipe(&text);
	buf_wipe(&encoded);
}

/* --- the store --- */

static enum status load(struct store *reader, const struct jid *user, const char *key, struct row *r)
{
	struct buf value = BUF_INIT;
	enum status st = store_map_get(reader, STORE_TOKEN, jid_bare(user), span_of(key), &value);

	*r = (struct row){ 0 };
	if (st == STATUS_OK)
		read_row(&value, r);
	buf_fini(&value);
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

struct clients {
	const char *own;
	uint64_t count;          /* of the others */
	uint64_t first_s;        /* when the first of them ends */
	char first[2 * KEY_BYTES + 1];
};

static bool see_client(void *ctx, struct span key, struct span value)
{
	struct clients *c = ctx;
	struct buf text = BUF_INIT;
	struct row r;
	uint64_t end_s;

	if (span_is(key, c->own) || key.n >= sizeof(c->first))
		return true;
	buf_add_span(&text, value);
	read_row(&text, &r);
	buf_fini(&text);
	end_s = r.fresh.expiry_s > r.current.expiry_s ? r.fresh.expiry_s : r.current.expiry_s;
	if (c->count++ == 0 || end_s < c->first_s) {
		c->first_s = end_s;
		memcpy(c->first, key.p, key.n);
		c->first[key.n] = '\0';
	}
	return true;
}

/* The one whose token ends first gives way. */
static enum status make_room(struct store *s, const struct token_rules *rules, const struct jid *user, const char *key)
{
	struct clients c = { .own = key };
	enum status st;

	if (rules->clients == 0)
		return STATUS_OK;
	st = store_map_each(s, STORE_TOKEN, jid_bare(user), see_client, &c);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND)
		return st;
	if (c.count < rules->clients)
		return STATUS_OK;
	st = store_map_delete(s, STORE_TOKEN, jid_bare(user), span_of(c.first));
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

/* Inside a transaction. An account that was removed or changed meanwhile gets no row. */
static enum status put(struct store *s, const struct token_rules *rules, const struct jid *user, struct span account, const char *key,
		       const struct row *r)
{
	struct buf now = BUF_INIT, value = BUF_INIT;
	enum status st = store_get(s, STORE_ACCOUNT, jid_bare(user), &now);

	if (st == STATUS_OK && !span_eq(buf_span(&now), account))
		st = STATUS_NOT_FOUND;
	buf_wipe(&now);
	if (st != STATUS_OK)
		return st;
	if (!*r->current.id && !*r->fresh.id) {
		st = store_map_delete(s, STORE_TOKEN, jid_bare(user), span_of(key));
		return st == STATUS_NOT_FOUND ? STATUS_OK : st;
	}
	write_row(&value, r);
	st = make_room(s, rules, user, key);
	if (st == STATUS_OK)
		st = store_map_put(s, STORE_TOKEN, jid_bare(user), span_of(key), buf_span(&value));
	buf_fini(&value);
	return st;
}

/* relaxed: what is lost with the power costs its client a password. */
static enum status save(const char *uri, const struct token_rules *rules, const struct jid *user, struct span account, const char *key,
			const struct row *r, bool relaxed)
{
	struct store *writer = NULL;
	char *error = NULL;
	enum status st = store_open(uri, STORE_WRITER, &writer, &error);

	if (st != STATUS_OK) {
		LOG_ERROR("auth", "tokens cannot be written: %s", error ? error : "unknown reason");
		free(error);
		return st;
	}
	store_relax(writer, relaxed);
	st = store_begin(writer);
	if (st == STATUS_OK) {
		st = put(writer, rules, user, account, key, r);
		if (st == STATUS_OK)
			st = store_commit(writer);
		else
			store_rollback(writer);
	}
	store_close(writer);
	return st;
}

enum status token_revoke(struct store *writer, const struct jid *user)
{
	enum status st = store_delete(writer, STORE_TOKEN, jid_bare(user));

	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

/* --- a new one --- */

static void renew(const struct token_rules *rules, const struct jid *user, struct span account, struct token_work *w, struct row *r,
		  enum sasl_name mechanism)
{
	struct slot *s = &r->fresh; /* one that was given out and never used is no good any more */

	*s = (struct slot){ .mechanism = mechanism, .expiry_s = rules->now_s + rules->lifetime_s };
	outside_random_hex(s->id, ID_BYTES);
	derive(rules, user, account, w, s, w->fresh);
	w->expiry_s = s->expiry_s;
}

enum token_verdict token_issue(struct store *reader, const char *uri, const struct token_rules *rules, const struct jid *user,
			       struct span account, struct token_work *w)
{
	char key[2 * KEY_BYTES + 1];
	struct row r;

	if (!account.p)
		return TOKEN_REFUSED;
	client_key(rules, user, w->client, key);
	if (load(reader, user, key, &r) != STATUS_OK)
		return TOKEN_STORE;
	renew(rules, user, account, w, &r, w->wanted_mechanism);
	if (save(uri, rules, user, account, key, &r, true) != STATUS_OK) {
		*w->fresh = '\0';
		return TOKEN_STORE;
	}
	metric_inc(METRIC_tokens_issued);
	return TOKEN_OK;
}

/* --- one that is shown --- */

/* An empty slot, and one of another mechanism, are looked at as long as one that fits. */
static bool fits(const struct token_rules *rules, const struct jid *user, struct span account, struct token_work *w, const struct slot *s)
{
	struct span binding = { (const char *)w->binding, w->binding_n };
	struct slot tried = *s;
	uint8_t proof[SASL_PROOF], answer[SASL_PROOF];
	char token[TOKEN_TEXT_MAX];
	bool right;

	tried.mechanism = w->mechanism;
	derive(rules, user, account, w, &tried, token);
	sasl_token_proof(span_of(token), "Initiator", binding, proof);
	sasl_token_proof(span_of(token), "Responder", binding, answer);
	right = CRYPTO_memcmp(proof, w->proof, SASL_PROOF) == 0 && *s->id && s->mechanism == w->mechanism && account.p;
	if (right)
		memcpy(w->answer, answer, SASL_PROOF);
	OPENSSL_cleanse(token, sizeof(token));
	OPENSSL_cleanse(answer, sizeof(answer));
	return right;
}

/* What follows from its use; false: nothing. */
static bool settle(const struct token_rules *rules, const struct jid *user, struct span account, struct token_work *w, struct row *r,
		   bool is_fresh)
{
	bool due, renewed;

	if (is_fresh) { /* the one before it, which ends earlier, is no good any more */
		r->current = r->fresh;
		r->fresh = (struct slot){ 0 };
	}
	if (w->counted)
		r->current.count = w->count;
	due = r->current.expiry_s - rules->now_s < rules->lifetime_s / 2;
	if (w->invalidate)
		*r = (struct row){ 0 };
	renewed = w->wanted || (due && !w->invalidate);
	if (renewed)
		renew(rules, user, account, w, r, w->wanted ? w->wanted_mechanism : w->mechanism);
	return is_fresh || w->counted || w->invalidate || renewed;
}

enum token_verdict token_use(struct store *reader, const char *uri, const struct token_rules *rules, const struct jid *user,
			     struct span account, struct token_work *w)
{
	char key[2 * KEY_BYTES + 1];
	const struct slot *s;
	bool is_fresh, is_current;
	struct row r;

	client_key(rules, user, w->client, key);
	if (load(reader, user, key, &r) != STATUS_OK)
		return TOKEN_STORE;
	is_fresh = fits(rules, user, account, w, &r.fresh);
	is_current = fits(rules, user, account, w, &r.current);
	if (!is_fresh && !is_current)
		return TOKEN_REFUSED;
	s = is_fresh ? &r.fresh : &r.current;
	w->expired = s->expiry_s <= rules->now_s;
	if (w->expired || (w->counted && w->count <= s->count))
		return TOKEN_REFUSED;
	if (settle(rules, user, account, w, &r, is_fresh) &&
	    save(uri, rules, user, account, key, &r, !w->invalidate) != STATUS_OK) {
		*w->fresh = '\0';
		return TOKEN_STORE;
	}
	if (*w->fresh)
		metric_inc(METRIC_tokens_issued);
	return TOKEN_OK;
}
