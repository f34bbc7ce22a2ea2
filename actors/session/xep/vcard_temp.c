/* XEP-0054, cards in the old form. */
#include "actors/session/card.h"
#include "xmpp/ns.h"

static enum xep_verdict get(struct passage *p)
{
	return card_get(p, CARD_TEMP);
}

static const char *const features[] = { NS_VCARD, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "vCard", NS_VCARD, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), get },
	{ STANZA_TYPE_SET, "vCard", NS_VCARD, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), card_set },
};
const struct xep xep_vcard_temp = {
	.plugin = CONFIG_PLUGIN_vcard_temp,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
