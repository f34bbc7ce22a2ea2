#pragma once
/* Bind 2 (XEP-0386): a resource bound with a login by SASL2, and what its session begins with: carbons, client state, stream
 * management. The server chooses the resource: [tag/]id. The id of a client that names its installation (<user-agent id=…/>) is a
 * keyed hash of account and installation: it stays the same and gives nothing away. By it the shard knows an earlier session of
 * the same client, which ends.
 *
 * There is no archive: offline messages are not cleared but given out as ever, and nothing is said of an archive's state. */
#include "actors/edge/stream.h"

struct sasl2;

#define BIND2_MAX_DIGITS 11

struct bind2_wish {
	bool wanted;
	bool carbons, inactive;
	bool manage, resumable;     /* <enable/> of XEP-0198, with resume */
	char max[BIND2_MAX_DIGITS]; /* its max; "" = none */
	char *tag;                  /* owned; NULL = none */
};

bool bind2_offered(const struct stream *s);
void bind2_feature(const struct stream *s, struct builder *b); /* in <inline/> of SASL2 */
/* Reads <bind/> in an <authenticate/>, if there is one. */
void bind2_read(struct bind2_wish *w, const struct stanza *el);
void bind2_fini(struct bind2_wish *w);
/* Asks the shard; sasl2_bound has the answer. */
void bind2_ask(struct stream *s);
/* s is bound now: what its session begins with, and <bound/>. */
void bind2_bound(struct stream *s, const struct bind2_wish *w, struct builder *b);
