/* Rules of senders for their messages (XEP-0079): the plugin `amp`, with `message` and `msgoffline` as its parts, as Tigase has
 * it. What Tigase sends to a component of its own happens here, in the passage of the message; the component of the name
 * only says whether it happens. A message without rules costs one look at its flags. */
#include <stdio.h>

#include "actors/session/pipeline.h"
#include "actors/session/amp_rules.h"
#include "xmpp/ns.h"
#include "xmpp/rules/amp.h"

static enum xep_verdict handle(struct passage *p)
{
	if (!(p->packet.flags & PACKET_RULES))
		return XEP_PASS;
	return p->direction == OUTBOUND ? amp_rules_check(p) : amp_rules_deliver(p);
}

static void add_feature(struct builder *b, const char *what, const char *name)
{
	char var[96];

	(void)snprintf(var, sizeof(var), NS_AMP "%s%s", what, name);
	builder_open(b, "feature", NULL);
	builder_attr_text(b, "var", var);
	builder_close(b);
}

/* 2.1.1: the node that says which actions and conditions there are. */
static enum xep_verdict disco_node(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el query = stanza_first(s, STANZA_TOP);
	struct builder *b;

	if (p->target != TARGET_SERVER || !stanza_el_is(s, query, NULL, NS_DISCO_INFO) ||
	    !span_is(stanza_attr(s, query, "node"), NS_AMP))
		return XEP_PASS;
	b = passage_open_result(p);
	builder_open(b, "query", NS_DISCO_INFO);
	builder_attr_text(b, "node", NS_AMP);
	builder_open(b, "identity", NULL);
	builder_attr_text(b, "category", "im");
	builder_attr_text(b, "type", "generic");
	builder_attr_text(b, "name", "Message rules");
	builder_close(b);
	add_feature(b, "", "");
	for (const char *const *a = amp_action_names; *a; a++)
		add_feature(b, "?action=", *a);
	for (const char *const *c = amp_condition_names; *c; c++)
		add_feature(b, "?condition=", *c);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static const char *const features[] = { NS_AMP, NULL };
const struct xep xep_amp = {
	.plugin = CONFIG_PLUGIN_amp,
	.needs = CONFIG_COMPONENT_amp,
	.features = features,
	.disco_node = disco_node,
	.handle = handle,
	.handle_on = XEP_BOTH(STANZA_MESSAGE),
};
