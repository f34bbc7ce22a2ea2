/* EXTERNAL (RFC 4422 appendix A, XEP-0178 2): the client's certificate names its addresses; TLS has proved that it is the
 * client's. What the client says is the one it wants to be; nothing is enough where there is only one. */
#include "xmpp/sasl/mechanism.h"

/* The next of `names`, a new reference; those that are no bare addresses of this host are passed over. NULL: no more. */
static struct jid *next_own(struct span *names, const char *domain)
{
	while (names->n) {
		struct span name = { names->p, strnlen(names->p, names->n) };
		struct jid *j = jid_parse(name);

		*names = name.n < names->n ? (struct span){ name.p + name.n + 1, names->n - name.n - 1 } : SPAN_NONE;
		if (j && jid_is_bare(j) && j->local_n && span_is(jid_domain(j), domain))
			return j;
		jid_unref(j);
	}
	return NULL;
}

bool sasl_external_fits(struct span names, const char *domain)
{
	struct jid *j = next_own(&names, domain);

	jid_unref(j);
	return j != NULL;
}

static enum sasl_step choose_only(struct sasl_exchange *x)
{
	struct span names = x->context.certified;
	struct jid *other;

	x->user = next_own(&names, x->context.domain);
	if (!x->user)
		return sasl_fail(x, SASL_FAIL_NOT_AUTHORIZED);
	while ((other = next_own(&names, x->context.domain))) {
		bool same = jid_eq(other, x->user);

		jid_unref(other);
		if (!same)
			return sasl_fail(x, SASL_FAIL_INVALID_AUTHZID); /* it must say which */
	}
	return SASL_CERTIFIED;
}

static enum sasl_step choose_named(struct sasl_exchange *x, struct span authzid)
{
	struct span names = x->context.certified;
	struct jid *wanted = memchr(authzid.p, 0, authzid.n) ? NULL : jid_parse(authzid);

	while (wanted && (x->user = next_own(&names, x->context.domain))) {
		if (jid_eq(wanted, x->user))
			break;
		jid_unref(x->user);
		x->user = NULL;
	}
	if (x->user && x->context.from && !jid_eq(wanted, x->context.from)) {
		jid_unref(x->user);
		x->user = NULL;
	}
	jid_unref(wanted);
	return x->user ? SASL_CERTIFIED : sasl_fail(x, SASL_FAIL_INVALID_AUTHZID);
}

static enum sasl_step external_respond(struct sasl_exchange *x, struct span bytes, struct buf *out)
{
	(void)out;
	if (!bytes.p)
		return SASL_CHALLENGE; /* an empty one */
	return bytes.n == 0 ? choose_only(x) : choose_named(x, bytes);
}

const struct sasl_mechanism sasl_external = { .respond = external_respond };
