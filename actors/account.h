#pragma once
/* Accounts: the command line, and what it shares with registration. They use the store directly: any thread of their own. */
#include "conf/config.h"
#include "storage/store.h"
#include "xmpp/jid.h"

/* `switchboard … account add|passwd|delete|list [JID]` with the words behind "account"; password on standard input. Works with
 * the server up or down. Prints its errors; returns the exit code: 0, 1 (refused, says why), 2 (misuse). */
int account_command(const struct config *conf, int argc, char **argv);

/* Sets the keys of an account for a password, creating it; its login tokens end. INVALID: the password may not be used (SASLprep, length). */
enum status account_set(struct store *s, const struct jid *user, struct span password, uint32_t iterations) MUST_CHECK;

/* What its owner does (XEP-0077), each in one transaction. EXISTS: the name is taken. LIMIT: the domain has max_users
 * accounts already (0 = any number). NOT_FOUND: there is no such account. INVALID as above. */
enum status account_create(struct store *s, const struct jid *user, struct span password, uint32_t iterations,
			   int64_t max_users) MUST_CHECK;
enum status account_rekey(struct store *s, const struct jid *user, struct span password, uint32_t iterations) MUST_CHECK; /* another password */
/* Whether there is one: OK, NOT_FOUND, or what the store says. */
enum status account_look(struct store *s, const struct jid *user) MUST_CHECK;

/* Why an account cannot be made or changed; account_refusal_text says it. */
enum account_refusal {
	ACCOUNT_FINE,
	ACCOUNT_NOT_SERVED, /* its domain */
	ACCOUNT_DESK,       /* the desk's own address */
	ACCOUNT_COMPONENT,  /* where commands are sent: sess-man, vhost-man */
	ACCOUNT_EXISTS,
	ACCOUNT_UNKNOWN,    /* there is none */
	ACCOUNT_FULL,       /* max-users */
	ACCOUNT_BAD_PASSWORD,
	ACCOUNT_PROTECTED,  /* it runs commands itself, and who asks is none of --admins */
	ACCOUNT_STORE,      /* the store failed; it has logged why */
};
const char *account_refusal_text(enum account_refusal r);
enum account_refusal account_known(struct store *s, const struct jid *user) MUST_CHECK; /* EXISTS, UNKNOWN or STORE */
/* Whether an account of this name can be made, and made with a password. */
enum account_refusal account_may_add(struct store *s, const struct config *conf, const struct jid *user) MUST_CHECK;
enum account_refusal account_add(struct store *s, const struct config *conf, const struct jid *user, struct span password) MUST_CHECK;
/* Sets another password. A disabled account stays disabled. */
enum account_refusal account_change(struct store *s, const struct config *conf, const struct jid *user, struct span password) MUST_CHECK;
/* A disabled account keeps all it has but its login tokens; nobody logs in as it by password, certificate or cookie. UNKNOWN: there
 * is none. */
enum account_refusal account_disable(struct store *s, const struct jid *user, bool disabled) MUST_CHECK;
/* The removal (its row in STORE_REMOVED) behind which an account was made, as its record says: who logged in with another one is
 * not this account. 0 = none of the last hour when it was made. */
uint64_t account_since(struct span saved);
/* What stands before the keys of a disabled account. */
#define ACCOUNT_DISABLED "disabled "
bool account_is_disabled(struct span saved);

/* The accounts of a domain, disabled ones alone or all; p NULL = of all domains. */
typedef bool account_visit_f(void *ctx, struct span account);
enum status account_each(struct store *s, struct span domain, bool disabled, account_visit_f *visit, void *ctx) MUST_CHECK;

/* Removes an account and all that is kept for it, in one transaction, with a row in STORE_REMOVED for servers that run
 * (actors/account_watch.h). Rows of more than an hour ago, which every server has seen, go. NOT_FOUND: there is none. */
enum status account_remove(struct store *s, const struct jid *user, uint64_t *removal /* its row there; NULL allowed */) MUST_CHECK;
#define ACCOUNT_REMOVALS "accounts" /* owner of the rows in STORE_REMOVED; tag = bare JID, no value */
/* The last row there; 0 = none. */
enum status account_last_removal(struct store *s, uint64_t *seq) MUST_CHECK;

/* The installation's secret: read, or made and kept at the first start. */
enum status store_installation_secret(struct store *s, uint8_t out[32]) MUST_CHECK;
