/* XEP-0202, the server's time, always in UTC. */
#include "actors/session/xep.h"
#include "runtime/outside.h"
#include "xmpp/datetime.h"
#include "xmpp/ns.h"

static enum xep_verdict answer(struct passage *p)
{
	struct builder *b = passage_open_result(p);
	char utc[DATETIME_MAX];

	datetime_text(outside_wall_us(), utc);
	builder_open(b, "time", NS_TIME);
	builder_leaf(b, "tzo", NULL, SPAN_LIT("+00:00"));
	builder_leaf(b, "utc", NULL, span_of(utc));
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static const char *const features[] = { NS_TIME, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "time", NS_TIME, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer },
};
const struct xep xep_time = {
	.plugin = CONFIG_PLUGIN_time,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
