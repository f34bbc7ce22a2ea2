/* XEP-0292, cards in the form of RFC 6351, in a request of their own as clients of vcard-temp are used to. */
#include "actors/session/card.h"
#include "xmpp/ns.h"

static enum xep_verdict get(struct passage *p)
{
	return card_get(p, CARD_4);
}

static const char *const features[] = { NS_VCARD4, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "vcard", NS_VCARD4, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), get },
	{ STANZA_TYPE_SET, "vcard", NS_VCARD4, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), card_set },
};
const struct xep xep_vcard4 = {
	.plugin = CONFIG_PLUGIN_vcard4,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
