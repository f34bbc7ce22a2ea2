/* XEP-0078 comes before login and is the edge's (actors/edge/iq_auth.c). Who has logged in has done so once and for all. */
#include "actors/session/xep.h"
#include "xmpp/ns.h"

static enum xep_verdict answer(struct passage *p)
{
	struct stanza *head = stanza_head(p->builder, p->packet.stanza); /* a password must not come back */

	stanza_unref(p->packet.stanza);
	p->packet.stanza = head;
	return passage_refuse(p, STANZA_ERROR_NOT_AUTHORIZED, "Cannot authenticate twice on the same stream.");
}

static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_IQ_AUTH, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer },
	{ STANZA_TYPE_SET, "query", NS_IQ_AUTH, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer },
};
const struct xep xep_iq_auth = { .plugin = CONFIG_PLUGIN_iq_auth, .claims = claims, .claim_count = ARRAY_LEN(claims) };
