/* ANONYMOUS (RFC 4505). The trace text is read by nobody (XEP-0175): it must only not be too long. */
#include "xmpp/sasl/mechanism.h"

#define TRACE_MAX 1023u

static enum sasl_step anonymous_respond(struct sasl_exchange *x, struct span bytes, struct buf *out)
{
	(void)out;
	/* RFC 6120 6.4.2: without an initial response a challenge would follow; all clients in the field expect success. */
	if (bytes.p && bytes.n > TRACE_MAX)
		return sasl_fail(x, SASL_FAIL_MALFORMED_REQUEST);
	return SASL_ANONYMOUS_OK;
}

const struct sasl_mechanism sasl_anonymous = { .respond = anonymous_respond };
