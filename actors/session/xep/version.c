/* XEP-0092, what program this is. */
#include <sys/utsname.h>

#include "actors/session/xep.h"
#include "xmpp/ns.h"

static enum xep_verdict answer(struct passage *p)
{
	struct builder *b = passage_open_result(p);
	struct utsname os;

	builder_open(b, "query", NS_VERSION);
	builder_leaf(b, "name", NULL, SPAN_LIT(SERVER_NAME));
	builder_leaf(b, "version", NULL, SPAN_LIT(SERVER_VERSION));
	if (p->server->conf->version_os && uname(&os) == 0)
		builder_leaf(b, "os", NULL, span_of(os.sysname));
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static const char *const features[] = { NS_VERSION, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_VERSION, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer },
};
const struct xep xep_version = {
	.plugin = CONFIG_PLUGIN_version,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
