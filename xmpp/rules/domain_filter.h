#pragma once
/* Whom the users of a domain may talk to: the policies of Tigase's domain filter. Pure. The own account and the server of the own
 * domain are always reached; that is the caller's business. */
#include "xmpp/jid.h"

enum domain_policy {
	DOMAIN_ALL,
	DOMAIN_LOCAL,     /* domains this server serves */
	DOMAIN_OWN,       /* the own domain and those under it */
	DOMAIN_BLOCK,     /* nobody */
	DOMAIN_LIST,      /* the domains named */
	DOMAIN_BLACKLIST, /* all but the domains named */
	DOMAIN_CUSTOM,    /* rules "order|allow or deny|self, all, jid or domain[|which]"; the lowest order that fits decides, none: allowed */
	DOMAIN_POLICIES
};

struct domain_question {
	const struct jid *user, *other;
	bool other_is_local; /* the other's domain is served here */
};
/* items: domains or rules, prepared. A rule that cannot be read fits everybody and denies. */
bool domain_filter_allows(enum domain_policy policy, char *const *items, size_t count, const struct domain_question *q);
const char *domain_filter_text(enum domain_policy policy); /* what a user is told who may not */
