#pragma once
/* Login tokens (FAST, XEP-0484): made, looked at, replaced and taken back, in the store alone. No actor, no client here: any
 * thread with a store handle of its own; the requests of one account must come one after the other (auth.h).
 *
 * A token is HMAC(installation's secret; account, client, mechanism, a random id, the account's row), in base64. Kept is the id: the
 * store alone, without what is in META, gives no token; and with another password, or none, the account's row is another and
 * every token is wrong, whether or not its row is gone. A row has two slots: the token that was used last and the one
 * that was given out since. */
#include "storage/store.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/sasl.h"

#define TOKEN_TEXT_MAX 48    /* 32 bytes in base64 and NUL */
#define TOKEN_CLIENT_MAX 40  /* as the client writes it (a UUID), and NUL */
#define TOKEN_BINDING_MAX 64 /* bytes of channel binding data */

struct token_work {
	char client[TOKEN_CLIENT_MAX];
	/* a token is shown */
	enum sasl_name mechanism; /* of HT */
	uint8_t proof[SASL_PROOF];
	uint8_t binding[TOKEN_BINDING_MAX];
	size_t binding_n;
	bool counted;    /* `count` came with it: higher than any before */
	uint32_t count;
	bool invalidate; /* it is not good for another login, nor is one given out since */
	/* a new one is wished, for this mechanism */
	bool wanted;
	enum sasl_name wanted_mechanism;
	/* answer */
	bool expired;
	uint8_t answer[SASL_PROOF];
	char fresh[TOKEN_TEXT_MAX]; /* "" = none is given */
	uint64_t expiry_s;          /* of it, UTC */
};

struct token_rules {
	const uint8_t *secret; /* 32 bytes */
	uint64_t now_s, lifetime_s, clients; /* clients: 0 = no limit */
};

/* Looks at the token that is shown. `account`: the row of an account that exists and is enabled, SPAN_NONE when there is none: the
 * work is the same, and refused. OK: it is right, and what follows from that is kept; REFUSED (answer.expired says why);
 * else the store failed, and nobody may be let in. `writer` is opened, by store_uri, only when something changes. */
enum token_verdict { TOKEN_OK, TOKEN_REFUSED, TOKEN_STORE };
enum token_verdict token_use(struct store *reader, const char *store_uri, const struct token_rules *rules, const struct jid *user,
			     struct span account, struct token_work *w);
/* Gives a new one, as wanted, to a client that has logged in otherwise. */
enum token_verdict token_issue(struct store *reader, const char *store_uri, const struct token_rules *rules, const struct jid *user,
			       struct span account, struct token_work *w);
/* The account's tokens end: NOT_FOUND is no failure. */
enum status token_revoke(struct store *writer, const struct jid *user) MUST_CHECK;
void token_work_wipe(struct token_work *w);
