#include "actors/account.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "actors/server.h"
#include "runtime/outside.h"
#include "xmpp/sasl/credential.h"

#define PASSWORD_LINE_MAX 4096
#define NOT_SERVED "this domain is not served; add it to --virt-hosts"
#define REMOVAL_KEPT_US (3600 * UINT64_C(1000000))

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

enum status account_set(struct store *s, const struct jid *user, struct span password, uint32_t iterations)
{
	struct buf keys = BUF_INIT;
	enum status st = STATUS_INVALID;

	if (make_keys(password, iterations, &keys))
		st = store_put(s, STORE_ACCOUNT, jid_bare(user), buf_span(&keys));
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
		st = store_put(s, STORE_ACCOUNT, jid_bare(user), buf_span(keys));
	if (st == STATUS_OK)
		return store_commit(s);
	store_rollback(s);
	return st;
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

enum status account_change(struct store *s, const struct jid *user, struct span password, uint32_t iterations)
{
	return put_keys(s, user, password, iterations, false, 0);
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

static enum status note_removal(struct store *s, const struct jid *user)
{
	uint64_t now = outside_wall_us(), old, seq;
	enum status st = last_removal(s, now > REMOVAL_KEPT_US ? now - REMOVAL_KEPT_US : 0, &old);

	if (st == STATUS_OK && old)
		st = or_nothing(store_log_delete_upto(s, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), old));
	if (st == STATUS_OK)
		st = store_log_append(s, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), jid_bare(user), now, SPAN_LIT(""), 0, 0, &seq);
	return st;
}

enum status account_remove(struct store *s, const struct jid *user)
{
	enum status st = store_begin(s);

	if (st != STATUS_OK)
		return st;
	st = store_delete(s, STORE_ACCOUNT, jid_bare(user)); /* NOT_FOUND: there is none */
	for (unsigned c = 0; st == STATUS_OK && c < STORE_COLLECTION_COUNT; c++)
		if (c != STORE_ACCOUNT && store_collections[c].life == STORE_WITH_ACCOUNT)
			st = or_nothing(store_delete(s, c, jid_bare(user)));
	if (st == STATUS_OK)
		st = note_removal(s, user);
	if (st == STATUS_OK)
		return store_commit(s);
	store_rollback(s);
	return st;
}

/* --- the command --- */

struct command {
	const struct config *conf;
	struct store *store;
	struct jid *user; /* of list: the domain */
};

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "switchboard account: %s: %s\n", what, why);
	return 1;
}

static int usage(void)
{
	fputs("usage: switchboard --property-file F account add|passwd|delete JID\n"
	      "       switchboard --property-file F account list [DOMAIN]\n"
	      "The password of add and passwd is read from standard input, one line.\n", stderr);
	return 2;
}

/* Bytes up to the end of the line, read one by one: nothing of a password stays in a buffer of stdio, and what follows is
 * left for the next line. Longer ones are cut where they are too long for a password anyway. */
static void read_bytes(struct buf *line)
{
	char c;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) == 1 || (n < 0 && errno == EINTR)) {
		if (n == 1 && c == '\n')
			break;
		if (n == 1 && buf_len(line) < PASSWORD_LINE_MAX)
			buf_add(line, &c, 1);
	}
	if (buf_len(line) && line->base[line->end - 1] == '\r')
		line->end--;
}

/* One line from standard input; from a terminal without echo. The caller wipes it. */
static void read_line(const char *prompt, struct buf *line)
{
	struct termios before, quiet;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;

	(void)buf_reserve(line, PASSWORD_LINE_MAX); /* so that it never moves and leaves a copy behind */
	if (terminal) {
		fputs(prompt, stderr);
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	read_bytes(line);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputs("\n", stderr);
	}
}

/* False: the terminal's user typed two different ones. */
static bool read_password(struct buf *password)
{
	struct buf again = BUF_INIT;
	bool same;

	read_line("Password: ", password);
	if (!isatty(STDIN_FILENO))
		return true;
	read_line("Again: ", &again);
	same = span_eq(buf_span(password), buf_span(&again));
	buf_wipe(&again);
	return same;
}

static int set_password(struct command *c)
{
	struct buf password = BUF_INIT;
	bool same = read_password(&password), empty = buf_len(&password) == 0;
	enum status st = STATUS_OK;

	if (same && !empty)
		st = account_set(c->store, c->user, buf_span(&password), (uint32_t)c->conf->scram_iterations);
	buf_wipe(&password);
	if (!same)
		return refuse(c->user->text, "the two passwords differ");
	if (empty)
		return refuse(c->user->text, "no password on standard input");
	if (st == STATUS_INVALID)
		return refuse(c->user->text, "this password cannot be used: at most 1,023 bytes of UTF-8, no control characters");
	return st == STATUS_OK ? 0 : refuse(c->user->text, status_text(st));
}

static bool print_owner(void *ctx, struct span owner)
{
	const struct span *domain = ctx;

	if (!domain->p || is_of_domain(owner, *domain))
		printf("%.*s\n", SPAN_FMT(owner));
	return true;
}

/* An account that a pattern makes a visitor reaches nobody but the desk: seldom what was meant. */
static void remark_visitor(const struct command *c)
{
	const struct server facts = { .conf = c->conf };

	if (server_class(&facts, c->user) == CLASS_VISITOR)
		fprintf(stderr, "switchboard account: %s: warning: sess-man/desk/visitors covers this name: it logs in with its password "
			"only, but is a visitor to the desk\n", c->user->text);
}

static int add(struct command *c)
{
	const struct config_vhost *host = config_vhost(c->conf, jid_domain(c->user));
	enum status st;

	if (!host)
		return refuse(c->user->text, NOT_SERVED);
	if (span_is(jid_local(c->user), c->conf->desk_name)) /* also with no desk yet: it would be cut off the day there is one */
		return refuse(c->user->text, "this is the desk's own address; take another name, or another sess-man/desk/name");
	st = check_new(c->store, c->user, host->max_users);
	if (st == STATUS_EXISTS)
		return refuse(c->user->text, "exists already; use passwd to change its password");
	if (st == STATUS_LIMIT)
		return refuse(c->user->text, "the domain has as many accounts as max-users allows");
	if (st != STATUS_OK)
		return refuse(c->user->text, status_text(st));
	remark_visitor(c);
	return set_password(c);
}

static int change(struct command *c)
{
	enum status st = account_look(c->store, c->user);

	if (st != STATUS_OK)
		return refuse(c->user->text, st == STATUS_NOT_FOUND ? "no such account; use add" : status_text(st));
	return set_password(c);
}

static int delete(struct command *c)
{
	enum status st = account_remove(c->store, c->user);

	if (st == STATUS_OK)
		return 0;
	return refuse(c->user->text, st == STATUS_NOT_FOUND ? "no such account" : status_text(st));
}

static int list(struct command *c, const char *domain)
{
	struct span only = SPAN_NONE;
	enum status st;

	if (domain) {
		c->user = jid_parse(span_of(domain));
		if (!c->user || c->user->local_n || c->user->resource_n)
			return refuse(domain, "no domain");
		if (!config_vhost(c->conf, jid_domain(c->user)))
			return refuse(domain, NOT_SERVED);
		only = jid_domain(c->user);
	}
	st = store_owners(c->store, STORE_ACCOUNT, SPAN_NONE, 0, print_owner, &only);
	return st == STATUS_OK ? 0 : refuse("list", status_text(st));
}

static int run(struct command *c, const char *verb, const char *word)
{
	if (strcmp(verb, "list") == 0)
		return list(c, word);
	if (!word)
		return usage();
	c->user = jid_parse(span_of(word));
	if (!c->user || !jid_is_bare(c->user) || !c->user->local_n)
		return refuse(word, "no bare JID; write name@domain");
	if (strcmp(verb, "add") == 0)
		return add(c);
	if (strcmp(verb, "passwd") == 0)
		return change(c);
	return delete(c);
}

int account_command(const struct config *conf, int argc, char **argv)
{
	static const char *const verbs[] = { "add", "passwd", "delete", "list" };
	struct command c = { .conf = conf };
	char *error = NULL;
	bool known = false;
	int code;

	for (size_t i = 0; argc > 0 && i < ARRAY_LEN(verbs); i++)
		known |= strcmp(argv[0], verbs[i]) == 0;
	if (!known || argc > 2)
		return usage();
	if (store_open(conf->user_db_uri, STORE_WRITER, &c.store, &error) != STATUS_OK) {
		code = refuse("store", error ? error : "cannot be opened");
		free(error);
		return code;
	}
	code = run(&c, argv[0], argc > 1 ? argv[1] : NULL);
	jid_unref(c.user);
	store_close(c.store);
	return code;
}
