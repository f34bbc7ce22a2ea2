#pragma once
/* FAST (XEP-0484) at the edge: which token mechanisms are offered, what a client says about tokens in its <authenticate/>, and
 * what it is given in <success/>. Whether a token is right an auth actor says (actors/token.h). Early data of TLS 1.3 is not
 * taken by this server, so none is offered here. */
#include "actors/auth.h"
#include "actors/edge/stream.h"

struct sasl2;

struct fast_wish {
	bool used;       /* <fast/>: the login is by a token */
	bool invalidate; /* this login is the token's last */
	bool counted, malformed;
	uint32_t count;
	bool wanted;     /* <request-token/> */
	enum sasl_name mechanism;
	/* what is given */
	char token[TOKEN_TEXT_MAX]; /* "" = nothing */
	uint64_t expiry_s;
};

/* SASL_BITs of the token mechanisms that this stream's line allows; 0 = FAST is not offered. */
uint32_t fast_offered(const struct stream *s);
void fast_feature(uint32_t offered, struct builder *b); /* in <inline/> of SASL2 */
/* Reads <fast/> and <request-token/>; what asks for something that is not offered asks for nothing. */
void fast_read(const struct stream *s, struct fast_wish *w, const struct stanza *el);
/* For an auth actor: the token that the exchange's client shows, or (issue) the one that is to be made. The receiver's. */
struct token_work *fast_work(struct stream *s, const struct sasl2 *x, bool issue);
void fast_given(struct fast_wish *w, const struct token_work *answer);
void fast_add_token(const struct fast_wish *w, struct builder *b);
