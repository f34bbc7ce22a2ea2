/* The session request of RFC 3921 3: means nothing any more, but old clients wait for its answer. */
#include "actors/session/xep.h"
#include "xmpp/ns.h"

static enum xep_verdict answer(struct passage *p)
{
	passage_result(p);
	return XEP_DONE;
}

static const struct xep_claim claims[] = {
	{ STANZA_TYPE_SET, "session", NS_SESSION, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer },
};
const struct xep xep_session = { .plugin = CONFIG_PLUGIN_session, .claims = claims, .claim_count = ARRAY_LEN(claims) };
