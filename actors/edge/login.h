#pragma once
/* Login on a stream: which mechanisms are offered, the SASL exchange, who asks which actor, throttles, and what a
 * success changes. Its state lives in struct login, which is freed when a resource is bound. */
#include "actors/edge/stream.h"
#include "actors/edge/visitor_cookie.h"
#include "xmpp/sasl/sasl.h"

#define LOGIN_ID_MAX 33

struct login {
	struct sasl_exchange sasl;
	bool sasl_runs;
	bool doomed;            /* will be refused whatever the look-up says; asked all the same, for equal timing */
	bool barred;            /* failed too often: refused and cut off */
	uint8_t failures;
	uint32_t unbound;       /* SASL_BITs that failed before anybody was named: by their channel binding */
	enum client_class class;
	struct jid *user;       /* bare, once authenticated */
	uint64_t since;         /* which account of this name (account_since); 0 without one */
	struct stanza *bind;    /* the request, while the shard thinks, or an auth actor about an account */
	uint64_t bind_by_ms;    /* deadline from accept to bind; 0 = none */
	uint64_t check_by_ms;   /* for the answer of an auth or cookie actor */
	struct stanza *old;     /* XEP-0078: the request that is checked, without what was in it; NULL = SASL */
	char *old_resource;
	struct sasl2 *two;      /* a login by SASL2 is under way, up to <success/>; NULL = none is */
	struct jid *from;       /* whom the stream's header names, bare; NULL = nobody, or it cannot be said */
	bool sasl_failed;       /* a SASL login was refused on this stream */
	char id[LOGIN_ID_MAX];  /* of the present stream */
	struct buf certified;   /* addresses in the client's certificate (sasl_context); looked for once the line is secure */
	bool looked;
	struct buf cookies;     /* visitor cookies as received over HTTP, not checked yet: of the stream's host alone
				   once that is known */
	uint8_t binding[SASL_BINDINGS][TLS_BINDING_MAX];
};

struct login *login_new(const struct stream *s);
void login_free(struct login *l); /* NULL allowed; wipes secrets */

/* SASL_BITs offered on this stream as it is now; the same set is the check. login_possible: those that would be, by the rules of
 * line and domain, whether or not SASL is loaded. */
uint32_t login_offered(const struct stream *s);
uint32_t login_possible(const struct stream *s);
/* Those of HT that the line allows; and all that are taken from the client now: with <fast/> (XEP-0484) those as well. */
uint32_t login_token_bits(const struct stream *s);
uint32_t login_taken(const struct stream *s);
void login_features(struct stream *s, struct builder *b);
/* <mechanism/> for each of these. */
void login_mechanisms(const struct stream *s, uint32_t offered, struct builder *b);
/* Whether an account's password may be sent on this stream as it is now; and TLS must come before any login. */
bool login_may_send_password(const struct stream *s);
bool login_needs_tls(const struct stream *s);
/* What an exchange must know of the stream: what was offered, the bindings of its line, the client's certificate, a nonce. */
void login_context(struct stream *s, struct sasl_context *c);
/* Answers an iq of a stream without session with an error, without what it held: that may be a password. */
void login_reply_error(struct stream *s, const struct stanza *iq, enum stanza_error condition, const char *text);
/* Checks a PLAIN message that came otherwise: login->old is answered. */
void login_plain(struct stream *s, struct span message);
/* An element of the SASL namespace; the caller keeps it. */
void login_element(struct stream *s, const struct stanza *el);
/* The steps of an exchange, whatever the elements are called. Data is base64, p NULL = none came. The login block may be gone
 * afterwards. */
void login_start(struct stream *s, struct span mechanism, struct span data);
void login_answer(struct stream *s, struct span data);
void login_refuse(struct stream *s, enum sasl_failure failure);
/* Asks the auth or cookie actor about this user, while the stream waits; the answer is login_checked's. Takes token (NULL = none). */
void login_ask(struct stream *s, enum auth_op op, struct jid *user, struct token_work *token);
/* Whether this user may have login tokens: an account of its own, with a password of ours. */
bool login_keeps_tokens(const struct stream *s, const struct jid *user);
/* The answer of an auth or cookie actor. */
void login_checked(struct stream *s, struct auth_request *r);
void login_due(struct stream *s, uint64_t now_ms);
/* Visitor cookies came with the HTTP request that carries this stream (a list of visitor_cookie.h; none: nothing
 * changes). */
void login_cookies(struct stream *s, struct span list);
/* The stream's host is known now: its cookie is kept, the others are forgotten. */
void login_host(struct stream *s);
/* The `from` of a stream's header (p NULL = none). False: it names another domain than this stream's (XEP-0388 2.1). */
bool login_from(struct stream *s, struct span from);
