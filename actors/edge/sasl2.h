#pragma once
/* SASL2 (XEP-0388): the logins of login.h under other names. The stream does not begin anew after one; so what else a client
 * wants is asked for in its <authenticate/>, done between the mechanism's success and <success/>, and answered in it:
 *
 *   mechanism -> (to the worker of the session) -> <success/>, features
 *
 * An edge's thread. The block hangs on the login from <authenticate/> on; it is gone with the answer. */
#include "actors/edge/stream.h"

struct sasl2 {
	struct buf data; /* the mechanism's own for <success/>, not encoded; empty = none */
};

/* On a line a password may be sent on: TLS, or one that plain-without-tls takes for safe (a proxy of this machine that ends TLS).
 * And where there is some mechanism. */
bool sasl2_offered(const struct stream *s);
void sasl2_features(struct stream *s, uint32_t offered, struct builder *b);
/* An element of NS_SASL2 on a stream nobody has logged in on. The caller keeps it. */
void sasl2_element(struct stream *s, const struct stanza *el);
/* login->user is logged in. The login block may be gone afterwards. */
void sasl2_succeeded(struct stream *s, const struct buf *data);
/* STREAM_SETTLING, at home: the next step. */
void sasl2_go_on(struct stream *s);
void sasl2_free(struct sasl2 *x); /* NULL allowed; wipes */
