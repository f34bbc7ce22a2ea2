#include "xmpp/sasl/sasl.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "xmpp/sasl/mechanism.h"

static const struct {
	const char *text;
	const struct sasl_mechanism *mechanism;
	enum credential_hash hash; /* SCRAM alone */
} names[SASL_NAMES] = {
	[SASL_SCRAM_SHA_512_PLUS] = { "SCRAM-SHA-512-PLUS", &sasl_scram, CREDENTIAL_SHA512 },
	[SASL_SCRAM_SHA_256_PLUS] = { "SCRAM-SHA-256-PLUS", &sasl_scram, CREDENTIAL_SHA256 },
	[SASL_SCRAM_SHA_1_PLUS] = { "SCRAM-SHA-1-PLUS", &sasl_scram, CREDENTIAL_SHA1 },
	[SASL_SCRAM_SHA_512] = { "SCRAM-SHA-512", &sasl_scram, CREDENTIAL_SHA512 },
	[SASL_SCRAM_SHA_256] = { "SCRAM-SHA-256", &sasl_scram, CREDENTIAL_SHA256 },
	[SASL_SCRAM_SHA_1] = { "SCRAM-SHA-1", &sasl_scram, CREDENTIAL_SHA1 },
	[SASL_EXTERNAL] = { .text = "EXTERNAL", .mechanism = &sasl_external },
	[SASL_PLAIN] = { .text = "PLAIN", .mechanism = &sasl_plain },
	[SASL_ANONYMOUS] = { .text = "ANONYMOUS", .mechanism = &sasl_anonymous },
	[SASL_HT_SHA_256_EXPR] = { .text = "HT-SHA-256-EXPR", .mechanism = &sasl_ht },
	[SASL_HT_SHA_256_ENDP] = { .text = "HT-SHA-256-ENDP", .mechanism = &sasl_ht },
	[SASL_HT_SHA_256_NONE] = { .text = "HT-SHA-256-NONE", .mechanism = &sasl_ht },
};

static const char *const failures[] = {
	[SASL_FAIL_ABORTED] = "aborted",
	[SASL_FAIL_EXPIRED] = "credentials-expired",
	[SASL_FAIL_ENCRYPTION_REQUIRED] = "encryption-required",
	[SASL_FAIL_INCORRECT_ENCODING] = "incorrect-encoding",
	[SASL_FAIL_INVALID_AUTHZID] = "invalid-authzid",
	[SASL_FAIL_INVALID_MECHANISM] = "invalid-mechanism",
	[SASL_FAIL_MALFORMED_REQUEST] = "malformed-request",
	[SASL_FAIL_NOT_AUTHORIZED] = "not-authorized",
	[SASL_FAIL_TEMPORARY] = "temporary-auth-failure",
};

const char *sasl_text(enum sasl_name name)
{
	return names[name].text;
}

bool sasl_find(struct span text, enum sasl_name *out)
{
	for (int i = 0; i < SASL_NAMES; i++)
		if (span_is(text, names[i].text))
			return *out = (enum sasl_name)i, true;
	return false;
}

enum credential_hash sasl_hash(enum sasl_name name)
{
	return names[name].hash;
}

const char *sasl_binding_text(enum sasl_binding b)
{
	static const char *const texts[SASL_BINDINGS] = { "", "tls-exporter", "tls-server-end-point" };

	return texts[b];
}

/* Joined in the order of their bytes. */
static void join_sorted(const char **texts, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		size_t least = i;

		for (size_t k = i + 1; k < count; k++)
			if (strcmp(texts[k], texts[least]) < 0)
				least = k;
		if (i > 0)
			buf_add_text(out, "\x1e");
		buf_add_text(out, texts[least]);
		texts[least] = texts[i];
	}
}

void sasl_offer_text(const struct sasl_context *c, struct buf *out)
{
	const char *texts[SASL_NAMES];
	size_t count = 0;

	for (int i = 0; i < SASL_NAMES; i++)
		if (c->offered & SASL_BIT(i) & ~SASL_HT_BITS)
			texts[count++] = names[i].text;
	join_sorted(texts, count, out);
	if (!(c->offered & SASL_PLUS_BITS))
		return;
	count = 0;
	for (int b = SASL_BINDING_EXPORTER; b < SASL_BINDINGS; b++)
		if (c->binding[b].n)
			texts[count++] = sasl_binding_text((enum sasl_binding)b);
	buf_add_text(out, "\x1f");
	join_sorted(texts, count, out);
}

const char *sasl_failure_text(enum sasl_failure f)
{
	return failures[f];
}

enum sasl_step sasl_fail(struct sasl_exchange *x, enum sasl_failure failure)
{
	x->failure = failure;
	x->over = true;
	return SASL_FAILURE;
}

struct jid *sasl_user(const struct sasl_exchange *x, struct span name)
{
	const char *at = name.n ? memchr(name.p, '@', name.n) : NULL;
	struct span local = at ? (struct span){ name.p, (size_t)(at - name.p) } : name;
	struct jid *domain, *user;
	bool same;

	if (local.n == 0 || local.n > JID_PART_MAX)
		return NULL;
	if (at) { /* some clients send the whole address: only that of this host is meant */
		domain = jid_parse((struct span){ at + 1, name.n - local.n - 1 });
		same = domain && domain->local_n == 0 && domain->resource_n == 0 &&
		       span_is(jid_domain(domain), x->context.domain);
		jid_unref(domain);
		if (!same)
			return NULL;
	}
	user = jid_make(local, span_of(x->context.domain), SPAN_NONE);
	return user;
}

bool sasl_authzid_fits(const struct sasl_exchange *x, struct span authzid)
{
	struct jid *wanted;
	bool fits;

	if (authzid.n == 0)
		return true;
	wanted = jid_parse(authzid);
	fits = wanted && jid_is_bare(wanted) && jid_eq(wanted, x->user) &&
	       (!x->context.from || jid_eq(wanted, x->context.from));
	jid_unref(wanted);
	return fits;
}

/* Notes what may come next: only that is taken. */
static enum sasl_step remember(struct sasl_exchange *x, enum sasl_step step)
{
	x->expecting = step;
	if (step == SASL_SUCCESS || step == SASL_FAILURE)
		x->over = true;
	return step;
}

enum sasl_step sasl_start(struct sasl_exchange *x, enum sasl_name name, const struct sasl_context *context, struct span initial,
			  struct buf *out)
{
	*x = (struct sasl_exchange){ .mechanism = name, .context = *context };
	/* The list that was shown is the list that is taken (V37). */
	if (!(context->offered & SASL_BIT(name)))
		return remember(x, sasl_fail(x, SASL_FAIL_INVALID_MECHANISM));
	return remember(x, names[name].mechanism->respond(x, initial, out));
}

enum sasl_step sasl_respond(struct sasl_exchange *x, struct span response, struct buf *out)
{
	if (x->over || x->expecting != SASL_CHALLENGE)
		return remember(x, sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST));
	if (!response.p)
		response = (struct span){ "", 0 };
	return remember(x, names[x->mechanism].mechanism->respond(x, response, out));
}

enum sasl_step sasl_give_credential(struct sasl_exchange *x, const struct credential *c, struct buf *out)
{
	ASSERT(x->expecting == SASL_CREDENTIAL && !x->over);
	return remember(x, names[x->mechanism].mechanism->credential(x, c, out));
}

enum sasl_step sasl_give_verdict(struct sasl_exchange *x, bool ok)
{
	ASSERT((x->expecting == SASL_PASSWORD || x->expecting == SASL_CERTIFIED) && !x->over);
	return remember(x, ok ? SASL_SUCCESS : sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED));
}

enum sasl_step sasl_give_token(struct sasl_exchange *x, const uint8_t *answer, bool expired, struct buf *out)
{
	ASSERT(x->expecting == SASL_TOKEN && !x->over);
	if (!answer)
		return remember(x, sasl_fail(x, expired ? SASL_FAIL_EXPIRED : SASL_FAIL_NOT_AUTHORIZED));
	buf_add(out, answer, SASL_PROOF);
	return remember(x, SASL_SUCCESS);
}

void sasl_free(struct sasl_exchange *x)
{
	if (x->state && names[x->mechanism].mechanism->free_state)
		names[x->mechanism].mechanism->free_state(x->state);
	if (x->password) {
		OPENSSL_cleanse(x->password, strlen(x->password));
		free(x->password);
	}
	jid_unref(x->user);
	*x = (struct sasl_exchange){ 0 };
}

/* --- base64 --- */

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool sasl_decode(struct span text, struct buf *out)
{
	if (span_is(text, "="))
		return true;
	if (text.n % 4 != 0)
		return false;
	for (size_t i = 0; i < text.n; i += 4) {
		bool last = i + 4 == text.n && text.p[i + 3] == '=';
		unsigned pad = last ? 1 + (text.p[i + 2] == '=') : 0;
		uint32_t word = 0;
		char bytes[3];

		for (unsigned k = 0; k < 4; k++) {
			int v = k >= 4 - pad ? 0 : value_of(text.p[i + k]);

			if (v < 0)
				return false;
			word = word << 6 | (uint32_t)v;
		}
		/* bits behind the end must be zero: one value, one spelling */
		if ((pad == 1 && word & 0xff) || (pad == 2 && word & 0xffff))
			return false;
		bytes[0] = (char)(word >> 16);
		bytes[1] = (char)(word >> 8);
		bytes[2] = (char)word;
		buf_add(out, bytes, 3 - pad);
	}
	return true;
}

void sasl_encode(struct span bytes, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
		uint32_t word = (uint32_t)(uint8_t)bytes.p[i] << 16 | (have > 1 ? (uint32_t)(uint8_t)bytes.p[i + 1] << 8 : 0) |
				(have > 2 ? (uint32_t)(uint8_t)bytes.p[i + 2] : 0);
		char text[4] = { digits[word >> 18], digits[word >> 12 & 63], have > 1 ? digits[word >> 6 & 63] : '=',
				 have > 2 ? digits[word & 63] : '=' };

		buf_add(out, text, 4);
	}
}
