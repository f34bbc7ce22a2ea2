/* XEP-0199, ping of the server. */
#include "actors/session/xep.h"
#include "xmpp/ns.h"

static enum xep_verdict answer(struct passage *p)
{
	passage_result(p);
	return XEP_DONE;
}

static const char *const features[] = { NS_PING, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "ping", NS_PING, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer },
};
const struct xep xep_ping = {
	.plugin = CONFIG_PLUGIN_ping,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
