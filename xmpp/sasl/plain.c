/* PLAIN (RFC 4616): authzid NUL authcid NUL password. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "xmpp/sasl/mechanism.h"

static enum sasl_step plain_respond(struct sasl_exchange *x, struct span bytes, struct buf *out)
{
	char prepared[JID_PART_MAX + 1];
	struct span authzid, authcid, password;
	const char *first, *second;

	(void)out;
	if (!bytes.p)
		return SASL_CHALLENGE; /* an empty one */
	first = bytes.n ? memchr(bytes.p, 0, bytes.n) : NULL;
	if (!first)
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	authzid = (struct span){ bytes.p, (size_t)(first - bytes.p) };
	second = memchr(first + 1, 0, bytes.n - authzid.n - 1);
	if (!second)
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	authcid = (struct span){ first + 1, (size_t)(second - first - 1) };
	password = (struct span){ second + 1, bytes.n - authzid.n - authcid.n - 2 };
	if (authcid.n == 0 || password.n == 0 || memchr(password.p, 0, password.n))
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	x->user = sasl_user(x, authcid);
	if (!x->user)
		return sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	if (!sasl_authzid_fits(x, authzid))
		return sasl_fail(x, SASL_FAIL_INVALID_AUTHZID);
	if (!jid_saslprep(password, prepared))
		return sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	x->password = xstrdup(prepared);
	OPENSSL_cleanse(prepared, sizeof(prepared));
	return SASL_PASSWORD;
}

const struct sasl_mechanism sasl_plain = { .respond = plain_respond };
