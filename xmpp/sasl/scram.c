/* SCRAM (RFC 5802, RFC 7677), with and without channel binding, with downgrade protection (XEP-0474).
 *
 *   C: gs2-header client-first-bare        -> SASL_CREDENTIAL
 *   S: r=nonces,s=salt,i=iterations,h=offer <- sasl_give_credential
 *   C: c=base64(gs2-header binding),r=nonces,p=proof
 *   S: v=signature
 *
 * An unknown user gets a fake credential from the caller and fails at the proof, like a wrong password. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "xmpp/sasl/mechanism.h"

#define NONCE_MAX 512u

struct scram {
	enum credential_hash hash;
	struct credential_keys keys;
	struct buf first_bare, first_server, header, nonce;
	enum sasl_binding binding;
};

static void scram_free(void *opaque)
{
	struct scram *s = opaque;

	buf_fini(&s->first_bare);
	buf_fini(&s->first_server);
	buf_fini(&s->header);
	buf_fini(&s->nonce);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

static bool is_plus(const struct sasl_exchange *x)
{
	return (SASL_BIT(x->mechanism) & SASL_PLUS_BITS) != 0;
}

static struct span take_field(struct span *rest)
{
	const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
	struct span field = { rest->p, comma ? (size_t)(comma - rest->p) : rest->n };

	*rest = comma ? (struct span){ comma + 1, rest->n - field.n - 1 } : (struct span){ rest->p + rest->n, 0 };
	return field;
}

/* "n=abc" -> "abc"; p NULL when the letter is another. */
static struct span value_of(struct span field, char letter)
{
	if (field.n < 2 || field.p[0] != letter || field.p[1] != '=')
		return SPAN_NONE;
	return (struct span){ field.p + 2, field.n - 2 };
}

/* =2C is a comma, =3D an equals sign, nothing else may follow an equals sign. */
static bool unescape_name(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '=') {
			buf_add(out, &in.p[i], 1);
			continue;
		}
		if (in.n - i < 3)
			return false;
		if (memcmp(in.p + i, "=2C", 3) == 0)
			buf_add(out, ",", 1);
		else if (memcmp(in.p + i, "=3D", 3) == 0)
			buf_add(out, "=", 1);
		else
			return false;
		i += 2;
	}
	return true;
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return s.n > 0;
}

/* The channel binding flag (RFC 5802 6, V48). */
static enum sasl_step check_flag(struct sasl_exchange *x, struct scram *s, struct span flag)
{
	uint32_t plus_offered = x->context.offered & SASL_PLUS_BITS;
	struct span name = value_of(flag, 'p');

	if (name.p) {
		if (!is_plus(x))
			return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
		for (int b = SASL_BINDING_EXPORTER; b < SASL_BINDINGS; b++)
			if (span_is(name, sasl_binding_text((enum sasl_binding)b)) && x->context.binding[b].n)
				s->binding = (enum sasl_binding)b;
		return s->binding == SASL_BINDING_NONE ? sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED) : SASL_CHALLENGE;
	}
	if (is_plus(x))
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	if (span_is(flag, "y")) /* "I could, but you did not offer it": somebody took the offer away */
		return plus_offered ? sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED) : SASL_CHALLENGE;
	return span_is(flag, "n") ? SASL_CHALLENGE : sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
}

static enum sasl_step set_user(struct sasl_exchange *x, struct span name, struct span authzid)
{
	struct buf plain = BUF_INIT, identity = BUF_INIT;
	char prepared[JID_PART_MAX + 1];
	enum sasl_step step = SASL_CREDENTIAL;

	if (!unescape_name(name, &plain) || !unescape_name(authzid, &identity)) {
		step = sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	} else if (!jid_saslprep(buf_span(&plain), prepared) || !(x->user = sasl_user(x, span_of(prepared)))) {
		step = sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	} else if (!sasl_authzid_fits(x, buf_span(&identity))) {
		step = sasl_fail(x, SASL_FAIL_INVALID_AUTHZID);
	}
	buf_fini(&plain);
	buf_fini(&identity);
	return step;
}

static enum sasl_step client_first(struct sasl_exchange *x, struct span message)
{
	struct scram *s = xcalloc(1, sizeof(*s));
	struct span rest = message, flag, authzid, name, nonce, bare;

	x->state = s;
	s->hash = sasl_hash(x->mechanism);
	flag = take_field(&rest);
	authzid = take_field(&rest);
	bare = rest;
	buf_add(&s->header, message.p, message.n - bare.n);
	name = value_of(take_field(&rest), 'n'); /* "m=…" here is an extension we must not accept */
	nonce = value_of(take_field(&rest), 'r');
	if (authzid.n && !value_of(authzid, 'a').p)
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	if (!name.p || !nonce.p || !is_printable(nonce) || nonce.n > NONCE_MAX)
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	if (check_flag(x, s, flag) == SASL_FAILURE)
		return SASL_FAILURE;
	buf_add_span(&s->first_bare, bare);
	buf_add_span(&s->nonce, nonce);
	buf_add_text(&s->nonce, x->context.nonce);
	return set_user(x, name, authzid.n ? value_of(authzid, 'a') : SPAN_NONE);
}

/* What the client was offered, hashed: its proof covers this message, so who changed the offer cannot change this too. */
static void add_offer(const struct sasl_exchange *x, const struct scram *s, struct buf *out)
{
	struct buf text = BUF_INIT;
	uint8_t digest[CREDENTIAL_KEY_MAX];

	sasl_offer_text(&x->context, &text);
	credential_digest(s->hash, buf_span(&text), digest);
	buf_add_text(out, ",h=");
	sasl_encode((struct span){ (const char *)digest, credential_hash_bytes(s->hash) }, out);
	buf_fini(&text);
}

static enum sasl_step scram_credential(struct sasl_exchange *x, const struct credential *c, struct buf *out)
{
	struct scram *s = x->state;

	s->keys = c->keys[s->hash];
	if (s->keys.iterations == 0) /* the account has no keys of this kind */
		return sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	buf_add_text(&s->first_server, "r=");
	buf_add_span(&s->first_server, buf_span(&s->nonce));
	buf_add_text(&s->first_server, ",s=");
	sasl_encode((struct span){ (const char *)s->keys.salt, CREDENTIAL_SALT }, &s->first_server);
	buf_addf(&s->first_server, ",i=%u", s->keys.iterations);
	if (x->context.tells_offer)
		add_offer(x, s, &s->first_server);
	buf_add_span(out, buf_span(&s->first_server));
	return SASL_CHALLENGE;
}

/* c= must be the header of the first message and, with binding, the data of this very connection. */
static bool binding_fits(const struct sasl_exchange *x, const struct scram *s, struct span encoded)
{
	struct buf got = BUF_INIT, want = BUF_INIT;
	bool fits;

	buf_add_span(&want, buf_span(&s->header));
	buf_add_span(&want, x->context.binding[s->binding]);
	fits = sasl_decode(encoded, &got) && buf_len(&got) == buf_len(&want) &&
	       CRYPTO_memcmp(buf_span(&got).p, buf_span(&want).p, buf_len(&want)) == 0;
	buf_fini(&got);
	buf_fini(&want);
	return fits;
}

static void auth_message(const struct scram *s, struct span without_proof, struct buf *out)
{
	buf_add_span(out, buf_span(&s->first_bare));
	buf_add_text(out, ",");
	buf_add_span(out, buf_span(&s->first_server));
	buf_add_text(out, ",");
	buf_add_span(out, without_proof);
}

/* ClientKey = proof XOR HMAC(StoredKey, message); right if its hash is StoredKey. */
static bool proof_fits(const struct scram *s, struct span proof, struct span message)
{
	uint8_t signature[CREDENTIAL_KEY_MAX], key[CREDENTIAL_KEY_MAX], hash[CREDENTIAL_KEY_MAX];
	size_t n = credential_hash_bytes(s->hash);
	bool fits;

	credential_hmac(s->hash, s->keys.stored_key, n, message, signature);
	for (size_t i = 0; i < n; i++)
		key[i] = signature[i] ^ (uint8_t)proof.p[i];
	credential_hash_of(s->hash, key, hash);
	fits = CRYPTO_memcmp(hash, s->keys.stored_key, n) == 0;
	OPENSSL_cleanse(key, sizeof(key));
	return fits;
}

static enum sasl_step judge(struct sasl_exchange *x, struct span without_proof, struct span proof, struct buf *out)
{
	struct scram *s = x->state;
	uint8_t signature[CREDENTIAL_KEY_MAX];
	size_t n = credential_hash_bytes(s->hash);
	struct buf message = BUF_INIT;
	bool fits;

	auth_message(s, without_proof, &message);
	fits = proof_fits(s, proof, buf_span(&message));
	if (fits) {
		credential_hmac(s->hash, s->keys.server_key, n, buf_span(&message), signature);
		buf_add_text(out, "v=");
		sasl_encode((struct span){ (const char *)signature, n }, out);
	}
	buf_fini(&message);
	return fits ? SASL_SUCCESS : sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
}

static enum sasl_step client_final(struct sasl_exchange *x, struct span message, struct buf *out)
{
	struct scram *s = x->state;
	struct span rest = message, binding = value_of(take_field(&rest), 'c'), nonce = value_of(take_field(&rest), 'r'), last = SPAN_NONE,
		    proof_text;
	struct buf proof = BUF_INIT;
	enum sasl_step step;

	while (rest.n) /* extensions may stand in between; the proof is last */
		last = take_field(&rest);
	proof_text = last.p && last.p + last.n == message.p + message.n ? value_of(last, 'p') : SPAN_NONE; /* no comma behind it */
	if (!binding.p || !nonce.p || !proof_text.p || !sasl_decode(proof_text, &proof) ||
	    buf_len(&proof) != credential_hash_bytes(s->hash))
		step = sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	else if (!span_eq(nonce, buf_span(&s->nonce)) || !binding_fits(x, s, binding))
		step = sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	else
		step = judge(x, (struct span){ message.p, message.n - last.n - 1 }, buf_span(&proof), out);
	buf_fini(&proof);
	return step;
}

static enum sasl_step scram_respond(struct sasl_exchange *x, struct span bytes, struct buf *out)
{
	if (!bytes.p)
		return SASL_CHALLENGE; /* an empty one */
	return x->state ? client_final(x, bytes, out) : client_first(x, bytes);
}

const struct sasl_mechanism sasl_scram = { .respond = scram_respond, .credential = scram_credential, .free_state = scram_free };
