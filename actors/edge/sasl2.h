#pragma once
/* SASL2 (XEP-0388): the logins of login.h under other names. The stream does not begin anew after one; so what else a client
 * wants is asked for in its <authenticate/>, done between the mechanism's success and <success/>, and answered in it:
 *
 *   mechanism -> a token (fast.h) -> (to the worker of the session) -> resume (sm_resume.c) -> if that is not asked for or fails: bind (bind2.h)
 *   -> <success/>, features, and of a resumed session what it had not acknowledged
 *
 * An edge's thread. The block hangs on the login from <authenticate/> on, and on the stream management of a session that is
 * resumed; it is gone with the answer. */
#include "actors/edge/bind2.h"
#include "actors/edge/fast.h"

#define SASL2_AGENT_MAX 37 /* a UUID and NUL */

struct sasl2 {
	struct buf data; /* the mechanism's own for <success/>, not encoded; empty = none */
	char agent[SASL2_AGENT_MAX]; /* the client's installation; "" = it does not say */
	char *previd;    /* of the session to go on with; owned; NULL = not asked for */
	bool has_h;
	uint32_t h;
	struct bind2_wish bind;
	struct fast_wish fast;
	struct stanza *failed; /* why the session is not resumed; NULL = it was not to be */
};

/* On a line a password may be sent on: TLS, or one that plain-without-tls takes for safe (a proxy of this machine that ends TLS).
 * And where there is some mechanism. */
bool sasl2_offered(const struct stream *s);
void sasl2_features(struct stream *s, uint32_t offered, struct builder *b);
/* An element of NS_SASL2 on a stream nobody has logged in on. The caller keeps it. */
void sasl2_element(struct stream *s, const struct stanza *el);
/* login->user is logged in. The login block may be gone afterwards. */
void sasl2_succeeded(struct stream *s, const struct buf *data);
/* An auth actor has made a token for the stream's user, or not (NULL). */
void sasl2_issued(struct stream *s, const struct token_work *answer);
/* STREAM_SETTLING, at home: the next step. */
void sasl2_go_on(struct stream *s);
/* The session is not resumed, and this says why. Takes it. */
void sasl2_not_resumed(struct stream *s, struct stanza *failed);
/* It is: s has it, x came from s->login. Takes x. */
void sasl2_resumed(struct stream *s, struct sasl2 *x);
/* The shard's answer to bind2_ask. */
void sasl2_bound(struct stream *s, struct edge_bound *m);
void sasl2_free(struct sasl2 *x); /* NULL allowed; wipes */
