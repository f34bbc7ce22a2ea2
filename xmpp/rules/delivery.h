#pragma once
/* RFC 6121 section 8 as one table: which resources of a local account get a stanza that is addressed to it, and what
 * happens when there are none. Pure; every cell of the table is a row of the unit test. */
#include "xmpp/stanza.h"

enum delivery_target {
	DELIVERY_BARE,      /* the account's bare JID */
	DELIVERY_FULL_HERE, /* a resource that is bound */
	DELIVERY_FULL_GONE, /* a resource that is not */
};
enum delivery_resources { /* the account's available resources */
	DELIVERY_NOBODY,    /* none */
	DELIVERY_NEGATIVE,  /* only such that want no messages to the bare JID (negative priority) */
	DELIVERY_SOMEBODY,  /* at least one with priority >= 0 */
	DELIVERY_NO_ACCOUNT, /* there is no such account (8.5.1) */
};
enum delivery_verdict {
	DELIVERY_TO_RESOURCE,      /* the one that is named */
	DELIVERY_TO_NON_NEGATIVE,  /* every resource with priority >= 0 (8.5.2.1.1 allows it; Tigase does it) */
	DELIVERY_TO_AVAILABLE,     /* every available resource */
	DELIVERY_TO_ACCOUNT,       /* nobody's client: the server acts for the account */
	DELIVERY_STORE,            /* keep it; service-unavailable if it cannot be kept */
	DELIVERY_BOUNCE,           /* service-unavailable */
	DELIVERY_IGNORE,
};

enum delivery_verdict delivery_decide(enum stanza_kind kind, enum stanza_type type, enum delivery_target target,
				      enum delivery_resources resources);

/* Worth keeping for an absent user (XEP-0160, XEP-0334): normal or chat, unless the sender asks not to (no-store), with
 * something to read, a receipt, or the hint to store it. With paths these say what instead: "/message/NAME[NAMESPACE]", the
 * namespace left out = any, with "-" before it = not; the first that is there decides, and none is no. */
bool delivery_is_storable(const struct stanza *message, char *const *paths, size_t path_count);
