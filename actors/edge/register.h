#pragma once
/* In-band registration before login (XEP-0077 3.1): who may ask, what a name must be, and the way to the auth actor that makes
 * the account. Afterwards, with a session, the plugin actors/session/xep/register.c answers. */
#include "actors/edge/stream.h"

/* Whether this stream's peer may make an account here: the domain allows it, its address does, and its password would not travel
 * in the clear. The same set is the check. */
bool register_offered(const struct stream *s);
/* An iq of NS_REGISTER on a stream without login, which the plugin answers. The caller keeps it. */
void register_element(struct stream *s, struct stanza *iq);
/* The answer of the auth actor; the stream is STREAM_CHECKING. */
void register_answered(struct stream *s, const struct account_request *r);
/* It did not come in time. */
void register_late(struct stream *s);
