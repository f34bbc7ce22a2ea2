#pragma once
/* The SASL exchange (RFC 6120 6, RFC 4422) as values: bytes in, step out; no thread, clock, store. One mechanism, one file
 * (plain.c, scram.c, external.c, anonymous.c, ht.c) behind struct sasl_mechanism; the same table makes the feature list and the check, so a
 * mechanism that is not offered cannot be used. */
#include "xmpp/jid.h"
#include "xmpp/sasl/credential.h"

enum sasl_name { /* in the order of preference, which is that of the offer */
	SASL_SCRAM_SHA_512_PLUS, SASL_SCRAM_SHA_256_PLUS, SASL_SCRAM_SHA_1_PLUS, SASL_SCRAM_SHA_512, SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_1, SASL_EXTERNAL, SASL_PLAIN, SASL_ANONYMOUS,
	/* with a token in place of a password; offered apart from the others (XEP-0484), never in their list */
	SASL_HT_SHA_256_EXPR, SASL_HT_SHA_256_ENDP, SASL_HT_SHA_256_NONE,
	SASL_NAMES
};
#define SASL_BIT(name) (1u << (name))
#define SASL_PLUS_BITS (SASL_BIT(SASL_SCRAM_SHA_512_PLUS) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS))
#define SASL_SCRAM_BITS (SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_1))
#define SASL_HT_BITS (SASL_BIT(SASL_HT_SHA_256_EXPR) | SASL_BIT(SASL_HT_SHA_256_ENDP) | SASL_BIT(SASL_HT_SHA_256_NONE))
const char *sasl_text(enum sasl_name name);
bool sasl_find(struct span text, enum sasl_name *out); /* by wire name, exact */
enum credential_hash sasl_hash(enum sasl_name name); /* of a SCRAM mechanism */

enum sasl_binding { SASL_BINDING_NONE, SASL_BINDING_EXPORTER, SASL_BINDING_END_POINT, SASL_BINDINGS };
const char *sasl_binding_text(enum sasl_binding b); /* "tls-exporter", "tls-server-end-point" */

struct sasl_context { /* what the exchange may know; copied at start */
	uint32_t offered;       /* SASL_BITs shown on this stream in this TLS state */
	const char *domain;     /* the virtual host, borrowed for the exchange */
	char nonce[33];         /* our random printable part (hex), NUL-terminated */
	struct span binding[SASL_BINDINGS]; /* channel binding data, empty = not available; borrowed */
	struct span certified;  /* addresses the client's certificate names, each followed by NUL; empty = none; borrowed */
	bool tells_offer;       /* SCRAM signs what was offered (XEP-0474) */
	const struct jid *from; /* no other authorization identity is taken (XEP-0388 2.3); NULL = the stream names none; borrowed */
};

#define SASL_PROOF 32 /* bytes of what is made of a token */
/* HMAC-SHA-256(token, who binding); who: "Initiator" or "Responder". */
void sasl_token_proof(struct span token, const char *who, struct span binding, uint8_t out[SASL_PROOF]);
/* The binding an HT mechanism is named after. */
enum sasl_binding sasl_token_binding(enum sasl_name name);

/* What XEP-0474 hashes: the mechanisms of these bits, but for those of HT, and, if one of them binds, the types of binding that are available, as
 * they were shown to the client. */
void sasl_offer_text(const struct sasl_context *c, struct buf *out);

enum sasl_step {
	SASL_CHALLENGE,   /* send `out` as a challenge */
	SASL_CREDENTIAL,  /* look up exchange->user, then sasl_give_credential */
	SASL_PASSWORD,    /* check exchange->user and ->password, then sasl_give_verdict */
	SASL_CERTIFIED,   /* EXTERNAL: see that exchange->user exists, then sasl_give_verdict */
	SASL_TOKEN,       /* HT: see whether exchange->proof is of a token of exchange->user, then sasl_give_token */
	SASL_ANONYMOUS_OK,/* the caller makes up a user and calls it a success */
	SASL_SUCCESS,     /* exchange->user is logged in; `out` goes into <success/> */
	SASL_FAILURE,     /* exchange->failure; the exchange is over */
};
enum sasl_failure {
	SASL_FAIL_ABORTED, SASL_FAIL_EXPIRED, SASL_FAIL_ENCRYPTION_REQUIRED, SASL_FAIL_INCORRECT_ENCODING, SASL_FAIL_INVALID_AUTHZID,
	SASL_FAIL_INVALID_MECHANISM, SASL_FAIL_MALFORMED_REQUEST, SASL_FAIL_NOT_AUTHORIZED, SASL_FAIL_TEMPORARY,
};
const char *sasl_failure_text(enum sasl_failure f); /* "not-authorized" */

struct sasl_exchange {
	struct jid *user;       /* bare, counted; from PASSWORD/CREDENTIAL on */
	char *password;         /* SASL_PASSWORD only; owned by the exchange, wiped by sasl_free; may be taken (set NULL) */
	uint8_t proof[SASL_PROOF]; /* SASL_TOKEN only */
	enum sasl_failure failure;
	enum sasl_name mechanism;
	/* the rest is the mechanism's own */
	struct sasl_context context;
	void *state;
	enum sasl_step expecting; /* what was answered last: only what fits may follow */
	bool over;
};

/* Starts; `initial` is the decoded initial response, p NULL when there was none (an empty challenge follows). */
enum sasl_step sasl_start(struct sasl_exchange *x, enum sasl_name name, const struct sasl_context *context,
			  struct span initial, struct buf *out);
enum sasl_step sasl_respond(struct sasl_exchange *x, struct span response, struct buf *out);
enum sasl_step sasl_give_credential(struct sasl_exchange *x, const struct credential *c, struct buf *out);
enum sasl_step sasl_give_verdict(struct sasl_exchange *x, bool ok);
/* answer: the server's own proof; NULL: refused, because the token is too old or for any other reason. */
enum sasl_step sasl_give_token(struct sasl_exchange *x, const uint8_t *answer, bool expired, struct buf *out);
void sasl_free(struct sasl_exchange *x); /* wipes secrets; x may be reused */

/* Whether a certificate with these names (as context.certified) is good for EXTERNAL at this host. */
bool sasl_external_fits(struct span names, const char *domain);

/* Base64 as SASL uses it (strict: no white space, padding required; "=" alone = zero bytes). */
bool sasl_decode(struct span text, struct buf *out);
void sasl_encode(struct span bytes, struct buf *out);
