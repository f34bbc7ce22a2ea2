#pragma once
/* What a stream offers in the state it is in (RFC 6120 4.3.2): before login, after it, and, when a login by SASL2 (XEP-0388) has
 * bound a resource too, what is left then. */
#include "actors/edge/stream.h"

void features_send(struct stream *s);
/* Whether starttls, or compression, may be asked for now: the same that is offered is taken. */
bool features_starttls(const struct stream *s);
bool features_compression(const struct stream *s);
