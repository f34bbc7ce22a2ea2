/* HT-SHA-256-* (draft-schmaus-kitten-sasl-ht): one message each way, by a token both sides know.
 *
 *   C: authcid NUL HMAC(token, "Initiator" binding)  -> SASL_TOKEN
 *   S: HMAC(token, "Responder" binding)               <- sasl_give_token
 *
 * Who keeps the tokens looks at the proof: none comes near this place. */
#include <openssl/crypto.h>

#include "xmpp/sasl/mechanism.h"

void sasl_token_proof(struct span token, const char *who, struct span binding, uint8_t out[SASL_PROOF])
{
	struct buf text = BUF_INIT;

	buf_add_text(&text, who);
	buf_add_span(&text, binding);
	credential_hmac(CREDENTIAL_SHA256, token.p, token.n, buf_span(&text), out);
	buf_fini(&text);
}

enum sasl_binding sasl_token_binding(enum sasl_name name)
{
	return name == SASL_HT_SHA_256_EXPR ? SASL_BINDING_EXPORTER :
	       name == SASL_HT_SHA_256_ENDP ? SASL_BINDING_END_POINT : SASL_BINDING_NONE;
}

static enum sasl_step ht_respond(struct sasl_exchange *x, struct span bytes, struct buf *out)
{
	enum sasl_binding binding = sasl_token_binding(x->mechanism);
	const char *end = bytes.n ? memchr(bytes.p, 0, bytes.n) : NULL;
	struct span name = { bytes.p, end ? (size_t)(end - bytes.p) : 0 };

	(void)out;
	/* Without an initial response it would take a round more than FAST allows. */
	if (!end || name.n == 0 || bytes.n - name.n - 1 != SASL_PROOF)
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	x->user = sasl_user(x, name);
	if (!x->user || (binding && x->context.binding[binding].n == 0))
		return sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	memcpy(x->proof, end + 1, SASL_PROOF);
	return SASL_TOKEN;
}

const struct sasl_mechanism sasl_ht = { .respond = ht_respond };
