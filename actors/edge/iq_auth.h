#pragma once
/* Non-SASL login (XEP-0078) for clients from before 2004: user name, password and resource in one request. It is PLAIN in another
 * dress: the same look-up, throttles and rules as with SASL (login.c), and no digest, for which the password would have to be
 * kept. The stream is bound at once and does not begin anew. */
#include "actors/edge/login.h"

bool iq_auth_offered(const struct stream *s);
/* An iq of NS_IQ_AUTH on a stream without login, which the plugin answers. The caller keeps it. */
void iq_auth_element(struct stream *s, const struct stanza *iq);
/* The login that login->old asked for is refused; the stream may be over afterwards. */
void iq_auth_refused(struct stream *s, enum sasl_failure failure);
/* It was right; login->user and class are set: binds. */
void iq_auth_succeeded(struct stream *s);
