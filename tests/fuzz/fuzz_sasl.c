/* dict sasl: A login succeeds only if a second model, made of the password itself, says so. First byte: the mechanism; second:
 * what is done to the last message of a SCRAM exchange that is right otherwise (0 = nothing); the rest is the message that
 * opens the exchange, then, behind a line break, what answers its challenge. */
#include <stdlib.h>

#include "xmpp/sasl/sasl.h"

#define ITERATIONS 1 /* the fuzzer wants many exchanges, not slow ones */
#define PASSWORD "secret"

static struct sasl_context context = { .offered = (1u << SASL_NAMES) - 1, .domain = "example.com", .nonce = "0123456789abcdef", .tells_offer = true };

static void proof_of(enum credential_hash h, const struct credential *c, struct span signed_text, uint8_t *out)
{
	uint8_t client_key[CREDENTIAL_KEY_MAX], salted[CREDENTIAL_KEY_MAX], block[CREDENTIAL_SALT + 4] = { 0 };
	size_t n = credential_hash_bytes(h);

	memcpy(block, c->keys[h].salt, CREDENTIAL_SALT);
	block[CREDENTIAL_SALT + 3] = 1; /* PBKDF2 with one round is one HMAC */
	credential_hmac(h, PASSWORD, strlen(PASSWORD), (struct span){ (char *)block, sizeof(block) }, salted);
	credential_hmac(h, salted, n, SPAN_LIT("Client Key"), client_key);
	credential_hmac(h, c->keys[h].stored_key, n, signed_text, out);
	for (size_t i = 0; i < n; i++)
		out[i] ^= client_key[i];
}

/* The right last message for an exchange that began with `first`, whose challenge was `challenge`; false: there is none. */
static bool last_message(enum sasl_name mechanism, const struct credential *c, struct span first, struct span challenge,
			 struct buf *out)
{
	enum credential_hash h = sasl_hash(mechanism);
	const char *comma = memchr(first.p, ',', first.n), *bare, *end;
	struct buf gs2 = BUF_INIT, text = BUF_INIT;
	uint8_t proof[CREDENTIAL_KEY_MAX];

	comma = comma ? memchr(comma + 1, ',', (size_t)(first.p + first.n - comma - 1)) : NULL;
	end = memchr(challenge.p, ',', challenge.n);
	if (!comma || !end)
		return false;
	bare = comma + 1;
	buf_add(&gs2, first.p, (size_t)(bare - first.p));
	if (first.p[0] == 'p')
		buf_add_span(&gs2, context.binding[SASL_BINDING_END_POINT]);
	buf_add_text(out, "c=");
	sasl_encode(buf_span(&gs2), out);
	buf_add_text(out, ",");
	buf_add(out, challenge.p, (size_t)(end - challenge.p)); /* r=… */
	buf_add(&text, bare, (size_t)(first.p + first.n - bare));
	buf_add_text(&text, ",");
	buf_add_span(&text, challenge);
	buf_add_text(&text, ",");
	buf_add_span(&text, buf_span(out));
	proof_of(h, c, buf_span(&text), proof);
	buf_add_text(out, ",p=");
	sasl_encode((struct span){ (char *)proof, credential_hash_bytes(h) }, out);
	buf_fini(&gs2);
	buf_fini(&text);
	return true;
}

/* Changes one byte, in a way the first byte of the input chooses; false: nothing was to be changed. */
static bool spoil(struct buf *message, uint8_t how, bool *was)
{
	struct span s = buf_span(message);

	*was = how != 0 && s.n > 0;
	if (*was)
		((char *)(uintptr_t)s.p)[how % s.n] ^= (char)(1 + how % 3);
	return *was;
}

static void scram(struct sasl_exchange *x, struct span first, struct buf *challenge, uint8_t how, struct span answer)
{
	static const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { "salt one is here", "salt two is here", "salt three here!" };
	struct buf last = BUF_INIT, out = BUF_INIT;
	struct credential c;
	enum sasl_step step;
	bool spoiled = false, right;

	credential_derive(&c, SPAN_LIT(PASSWORD), ITERATIONS, salts);
	step = sasl_give_credential(x, &c, challenge);
	if (step != SASL_CHALLENGE)
		return;
	right = !span_empty(answer) ? false : last_message(x->mechanism, &c, first, buf_span(challenge), &last);
	spoil(&last, how, &spoiled);
	step = sasl_respond(x, right ? buf_span(&last) : answer, &out);
	ASSERT(step == SASL_SUCCESS ? right && !spoiled : step == SASL_FAILURE);
	ASSERT(step == SASL_SUCCESS || !right || spoiled || first.p[0] == 'y');
	buf_fini(&last);
	buf_fini(&out);
}

static void plain(struct sasl_exchange *x, struct span message)
{
	const char *user = memchr(message.p, 0, message.n), *password;

	ASSERT(x->user && x->password && user);
	password = memchr(user + 1, 0, (size_t)(message.p + message.n - user - 1));
	ASSERT(password && !memchr(password + 1, 0, (size_t)(message.p + message.n - password - 1)));
	ASSERT(jid_is_bare(x->user) && span_is(jid_domain(x->user), context.domain));
	ASSERT(strlen(x->password) <= JID_PART_MAX);
	/* The verdict is the caller's: wrong stays wrong. */
	ASSERT(sasl_give_verdict(x, false) == SASL_FAILURE);
}

/* Nobody but those of this host whom the certificate names. */
static void external(struct sasl_exchange *x)
{
	ASSERT(x->mechanism == SASL_EXTERNAL);
	ASSERT(strcmp(x->user->text, "alice@example.com") == 0 || strcmp(x->user->text, "bob@example.com") == 0);
	ASSERT(sasl_give_verdict(x, false) == SASL_FAILURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *own;
	const char *line;
	struct span first, answer = SPAN_NONE;
	struct sasl_exchange x = { 0 };
	struct buf out = BUF_INIT;
	enum sasl_step step;

	if (size < 3)
		return 0;
	context.binding[SASL_BINDING_END_POINT] = SPAN_LIT("the hash of a certificate");
	context.certified = data[1] % 2 ? SPAN_LIT("carol@other.example\0alice@example.com\0example.com\0") :
					   SPAN_LIT("alice@example.com\0bob@example.com\0alice@example.com/desk\0");
	own = memcpy(xmalloc(size - 2), data + 2, size - 2);
	first = (struct span){ own, size - 2 };
	line = memchr(own, '\n', first.n);
	if (line) {
		answer = (struct span){ line + 1, (size_t)(own + first.n - line - 1) };
		first.n = (size_t)(line - own);
	}
	step = sasl_start(&x, (enum sasl_name)(data[0] % SASL_NAMES), &context, first, &out);
	ASSERT(step != SASL_SUCCESS && (step != SASL_ANONYMOUS_OK || x.mechanism == SASL_ANONYMOUS));
	if (step == SASL_CREDENTIAL)
		scram(&x, first, &out, data[1], answer);
	else if (step == SASL_PASSWORD)
		plain(&x, first);
	else if (step == SASL_CERTIFIED)
		external(&x);
	sasl_free(&x);
	buf_fini(&out);
	free(own);
	return 0;
}
