/* XEP-0050: requests for commands go to the admin actor, which answers them; what commands there are is shown here, to each
 * asker those it may run. A command is sent to a domain, to a component of it (sess-man@domain, vhost-man@domain), or to nobody: then it
 * is the domain's of the asker. One for another user's full JID is that client's (the default handler). */
#include "actors/admin/admin.h"
#include "actors/admin/commands.h"
#include "actors/session/pipeline.h"
#include "xmpp/ns.h"

/* The domain a request is about. */
static struct span domain_of(const struct passage *p)
{
	return jid_domain(p->packet.to ? p->packet.to : p->user->bare);
}

static enum xep_verdict answer_command(struct passage *p)
{
	struct packet_msg *m;

	if (server_class(p->server, p->packet.from) == CLASS_VISITOR || (p->user && p->user->class == CLASS_VISITOR))
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	m = MSG_NEW(admin_command, packet_msg);
	m->packet = packet_copy(&p->packet);
	if (!m->packet.to)
		m->packet.to = jid_ref(p->user->bare);
	outbox_add(p->out, p->server->admin, m);
	return XEP_DONE;
}

/* --- discovery --- */

static bool may(const struct passage *p, const struct command *c)
{
	return !(p->user && p->user->class == CLASS_VISITOR) && command_reach(p->server, c, p->packet.from, domain_of(p)) != COMMAND_NOWHERE;
}

static struct builder *open_query(struct passage *p, const char *ns, struct span node)
{
	struct builder *b = passage_open_result(p);

	builder_open(b, "query", ns);
	builder_attr(b, "node", node);
	return b;
}

static enum xep_verdict close_query(struct passage *p)
{
	builder_close(p->builder);
	builder_close(p->builder);
	passage_reply_built(p);
	return XEP_DONE;
}

/* part: those of one component, COMMAND_PARTS = all; they are run where they were asked for. */
static enum xep_verdict list_commands(struct passage *p, enum command_part part)
{
	struct span at = p->packet.to ? jid_full(p->packet.to) : domain_of(p);
	struct builder *b = open_query(p, NS_DISCO_ITEMS, SPAN_LIT(NS_COMMANDS));

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if ((part != COMMAND_PARTS && commands[i].part != part) || !may(p, &commands[i]))
			continue;
		builder_open(b, "item", NULL);
		builder_attr(b, "jid", at);
		builder_attr_text(b, "node", commands[i].node);
		builder_attr_text(b, "name", commands[i].title);
		builder_close(b);
	}
	return close_query(p);
}

static void add_identity(struct builder *b, const char *type, const char *name)
{
	builder_open(b, "identity", NULL);
	builder_attr_text(b, "category", "automation");
	builder_attr_text(b, "type", type);
	builder_attr_text(b, "name", name);
	builder_close(b);
}

static void add_feature(struct builder *b, const char *var)
{
	builder_open(b, "feature", NULL);
	builder_attr_text(b, "var", var);
	builder_close(b);
}

static enum xep_verdict describe(struct passage *p, const char *type, const char *name, struct span node)
{
	struct builder *b = open_query(p, NS_DISCO_INFO, node);

	add_identity(b, type, name);
	add_feature(b, NS_COMMANDS);
	add_feature(b, NS_DATA);
	return close_query(p);
}

/* disco#info and #items with a node: the list of commands, or one of them. */
static enum xep_verdict answer_node(struct passage *p, enum command_part part)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el query = stanza_first(s, STANZA_TOP);
	struct span node = stanza_attr(s, query, "node");
	bool items = span_is(stanza_ns(s, query), NS_DISCO_ITEMS);
	const struct command *c = command_find(node);

	if (span_is(node, NS_COMMANDS))
		return items ? list_commands(p, part) : describe(p, "command-list", "Commands", node);
	if (!c || (part != COMMAND_PARTS && c->part != part) || !may(p, c))
		return XEP_PASS;
	if (!items)
		return describe(p, "command-node", c->title, node);
	open_query(p, NS_DISCO_ITEMS, node); /* nothing is below a command */
	return close_query(p);
}

static enum xep_verdict disco_node(struct passage *p)
{
	return answer_node(p, COMMAND_PARTS);
}

/* --- the components' own addresses --- */

static enum xep_verdict answer_part(struct passage *p, enum command_part part)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el child = stanza_first(s, STANZA_TOP);
	bool get = stanza_type(s) == STANZA_TYPE_GET;
	enum xep_verdict v = XEP_PASS;

	if (!get && stanza_el_is(s, child, "command", NS_COMMANDS))
		return answer_command(p);
	if (!get || !(stanza_el_is(s, child, "query", NS_DISCO_INFO) || stanza_el_is(s, child, "query", NS_DISCO_ITEMS)))
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	if (stanza_attr(s, child, "node").n)
		v = answer_node(p, part);
	else if (stanza_el_is(s, child, "query", NS_DISCO_INFO))
		v = describe(p, "command-list", command_part_name(part), SPAN_NONE);
	if (v != XEP_PASS)
		return v;
	if (stanza_attr(s, child, "node").n)
		return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	open_query(p, NS_DISCO_ITEMS, SPAN_NONE);
	return close_query(p);
}

static enum xep_verdict handle(struct passage *p)
{
	enum command_part part;

	if (!passage_is(p, OUTBOUND, STANZA_IQ) || p->target != TARGET_OTHER || !p->packet.to->local_n ||
	    (stanza_type(p->packet.stanza) != STANZA_TYPE_GET && stanza_type(p->packet.stanza) != STANZA_TYPE_SET) ||
	    !command_is_part(p->server, p->packet.to, &part))
		return XEP_PASS;
	return answer_part(p, part);
}

static const char *const features[] = { NS_COMMANDS, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_SET, "command", NS_COMMANDS, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer_command },
};
const struct xep xep_commands = {
	.plugin = CONFIG_PLUGIN_commands,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.handle = handle,
	.disco_node = disco_node,
};
