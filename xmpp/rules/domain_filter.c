#include "xmpp/rules/domain_filter.h"

static const char *const texts[DOMAIN_POLICIES] = {
	[DOMAIN_ALL] = NULL,
	[DOMAIN_LOCAL] = "You can only communicate within the server local domains.",
	[DOMAIN_OWN] = "You can only communicate within your own domain.",
	[DOMAIN_BLOCK] = "Communication blocked.",
	[DOMAIN_LIST] = "You can only communicate within selected list of domains.",
	[DOMAIN_BLACKLIST] = "You can only communicate within selected list of domains.",
	[DOMAIN_CUSTOM] = "Communication blocked.",
};

const char *domain_filter_text(enum domain_policy policy)
{
	return texts[policy];
}

static bool is_under(struct span domain, struct span own)
{
	return domain.n > own.n + 1 && domain.p[domain.n - own.n - 1] == '.' &&
	       memcmp(domain.p + domain.n - own.n, own.p, own.n) == 0;
}

static bool names(char *const *items, size_t count, struct span domain)
{
	for (size_t i = 0; i < count; i++)
		if (span_is(domain, items[i]))
			return true;
	return false;
}

/* --- rules --- */

struct rule {
	uint64_t order;
	bool is_read, allow;
	struct span kind, which;
};

/* Up to the next bar, and past it. */
static struct span take(struct span *rest)
{
	const char *bar = rest->n ? memchr(rest->p, '|', rest->n) : NULL;
	struct span part = { rest->p, bar ? (size_t)(bar - rest->p) : rest->n };

	rest->p += part.n + (bar != NULL);
	rest->n -= part.n + (bar != NULL);
	return part;
}

static bool needs_which(struct span kind)
{
	return span_is(kind, "jid") || span_is(kind, "domain");
}

static struct rule read_rule(const char *text)
{
	struct span rest = span_of(text), order = take(&rest), action = take(&rest);
	struct rule r = { .kind = take(&rest) };
	bool number = order.n > 0 && order.n < 10;

	r.which = rest;
	for (size_t i = 0; i < order.n && number; i++) {
		number = order.p[i] >= '0' && order.p[i] <= '9';
		r.order = r.order * 10 + (uint64_t)(order.p[i] - '0');
	}
	r.allow = span_is(action, "allow");
	r.is_read = number && (r.allow || span_is(action, "deny")) &&
		    (needs_which(r.kind) ? r.which.n > 0 : r.which.n == 0 && (span_is(r.kind, "self") || span_is(r.kind, "all")));
	return r;
}

static bool fits(const struct rule *r, const struct domain_question *q)
{
	if (span_is(r->kind, "all"))
		return true;
	if (span_is(r->kind, "self"))
		return jid_eq_bare(q->user, q->other);
	return span_eq(r->which, span_is(r->kind, "jid") ? jid_bare(q->other) : jid_domain(q->other));
}

static bool custom_allows(char *const *items, size_t count, const struct domain_question *q)
{
	bool found = false, allowed = true;
	uint64_t lowest = 0;

	for (size_t i = 0; i < count; i++) {
		struct rule r = read_rule(items[i]);

		if (!r.is_read)
			return false;
		if (!fits(&r, q) || (found && r.order >= lowest))
			continue;
		found = true;
		lowest = r.order;
		allowed = r.allow;
	}
	return allowed;
}

bool domain_filter_allows(enum domain_policy policy, char *const *items, size_t count, const struct domain_question *q)
{
	struct span own = jid_domain(q->user), other = jid_domain(q->other);

	switch (policy) {
	case DOMAIN_LOCAL:
		return q->other_is_local;
	case DOMAIN_OWN:
		return span_eq(own, other) || is_under(other, own);
	case DOMAIN_BLOCK:
		return false;
	case DOMAIN_LIST:
		return names(items, count, other);
	case DOMAIN_BLACKLIST:
		return !names(items, count, other);
	case DOMAIN_CUSTOM:
		return custom_allows(items, count, q);
	case DOMAIN_ALL:
	case DOMAIN_POLICIES:
		break;
	}
	return true;
}
