#pragma once
/* Who may log in: threads of their own, because account look-ups touch the disk and PBKDF2 is slow by design. Each
 * auth actor has its own reading handle of the store, and opens a writing one to make or change an account. A request comes home to the edge under `reply`. */
#include "actors/token.h"
#include "runtime/actor/actor.h"
#include "runtime/status.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/credential.h"

enum auth_op {
	AUTH_OP_CREDENTIAL, /* SCRAM: the stored keys (a stable fake for unknown users) */
	AUTH_OP_PASSWORD,   /* PLAIN against the stored keys */
	AUTH_OP_COOKIE,     /* PLAIN against the cookie cache (sent to server.cookie) */
	AUTH_OP_VISITOR,    /* PLAIN of a named visitor: any password, but an account's name needs the account's own */
	AUTH_OP_ACCOUNT,    /* EXTERNAL: whether there is one */
	AUTH_OP_TOKEN,      /* HT: whether the token that is shown is right */
	AUTH_OP_ISSUE,      /* a token for somebody who has logged in */
};

enum auth_verdict { AUTH_OK, AUTH_REFUSED, AUTH_UNAVAILABLE /* temporary-auth-failure */ };

struct auth_request {
	struct msg m;
	const struct msg_kind *reply;
	enum auth_op op;
	uint32_t slot, gen;   /* the edge's connection */
	uint64_t asked_ms;    /* monotonic; what has waited too long is not looked at (sess-man/auth-wait) */
	struct jid *user;     /* bare, counted */
	char *password;       /* owned, wiped by the drop function */
	struct token_work *token; /* TOKEN, ISSUE, with their answer; owned, wiped */
	/* answer */
	enum auth_verdict verdict;
	struct credential credential;
	uint64_t since; /* which account of this name it is (account_since); 0 without one */
};

/* What somebody does to an account of their own (XEP-0077). One name is always one auth actor's, so its requests are done in
 * order. */
enum account_op { ACCOUNT_CREATE, ACCOUNT_CHANGE /* the password */, ACCOUNT_REMOVE };

struct account_request {
	struct msg m;
	const struct msg_kind *reply;
	enum account_op op;
	struct jid *user;   /* bare, counted */
	char *password;     /* CREATE, CHANGE; owned, gone when the answer comes */
	bool reserved;      /* CREATE: nobody may have this name; looked up all the same, and taken whatever is found */
	uint32_t slot, gen; /* of an edge's stream */
	uint64_t session;   /* of a shard's, with the request that waits for it */
	void *who;          /* the sender's own note */
	struct packet_note *packet; /* owned; NULL = none */
	/* Answer: OK, EXISTS, LIMIT, INVALID, NOT_FOUND of actors/account.h; all else: the store is away. */
	enum status status;
	uint64_t removal; /* REMOVE: its row in STORE_REMOVED */
};
void account_request_drop(struct msg *m);

#define AUTH_PROTOCOL(M) \
	M(AUTH_REQUEST, auth_request, auth_request, auth_request_drop, "Check one login.") \
	M(AUTH_ACCOUNT, auth_account, account_request, account_request_drop, "Make, change or remove an account.")
MSG_DECLARE(auth, AUTH_PROTOCOL)
#define COOKIE_PROTOCOL(M) M(COOKIE_REQUEST, cookie_request, auth_request, auth_request_drop, "Check one seat cookie.")
MSG_DECLARE(cookie, COOKIE_PROTOCOL)

void auth_request_drop(struct msg *m);
struct server;
actor_id auth_spawn(const struct server *server, const char *store_uri);
/* Redis by hiredis, blocking with a 2 s budget, pipelined by batch; reconnects by itself; fails closed. A right cookie lets nobody in
 * whose account is disabled; a seat need not have one. */
actor_id cookie_spawn(const struct server *server, const char *store_uri);
