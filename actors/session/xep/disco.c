/* XEP-0030: what the server, an account and the desk are and can do. Features are those of the loaded plugins. A query for a
 * node is answered by the plugin it belongs to, or with item-not-found; the node that names the server with the hash of its
 * features (XEP-0115) is answered here. Of an account others hear only what its contacts may know (XEP-0030 8). */
#include <stdio.h>

#include "actors/admin/commands.h"
#include "actors/session/caps.h"
#include "actors/session/contacts.h"
#include "actors/session/pipeline.h"
#include "actors/session/privacy.h"
#include "xmpp/ns.h"

static struct span node_of(const struct stanza *s)
{
	return stanza_attr(s, stanza_first(s, STANZA_TOP), "node");
}

static bool is_own_node(const struct passage *p)
{
	struct span node = node_of(p->packet.stanza);
	size_t n = sizeof(SERVER_CAPS_NODE) - 1;

	return p->target == TARGET_SERVER && *p->server->caps && node.n > n && memcmp(node.p, SERVER_CAPS_NODE "#", n + 1) == 0 &&
	       span_is((struct span){ node.p + n + 1, node.n - n - 1 }, p->server->caps);
}

/* A node is some plugin's, or nobody's. */
static enum xep_verdict answer_node(struct passage *p)
{
	for (unsigned i = 0; i < p->pipeline->count; i++) {
		xep_phase_f *node = p->pipeline->loaded[i]->disco_node;
		enum xep_verdict v = node ? node(p) : XEP_PASS;

		if (v != XEP_PASS)
			return v;
	}
	return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
}

static void add_identity(struct builder *b, const char *category, const char *type, const char *name)
{
	builder_open(b, "identity", NULL);
	builder_attr_text(b, "category", category);
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

static void add_account_features(const struct passage *p, struct builder *b)
{
	for (unsigned i = 0; i < p->pipeline->count; i++)
		for (const char *const *vars = p->pipeline->loaded[i]->account_features; vars && *vars; vars++)
			add_feature(b, *vars);
}

static void add_item(struct builder *b, const struct jid *jid, const char *name)
{
	builder_open(b, "item", NULL);
	builder_attr(b, "jid", jid_full(jid));
	builder_attr_text(b, "name", name);
	builder_close(b);
}

static void finish(struct passage *p, struct builder *b)
{
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
}

static const char *account_type(enum client_class class)
{
	return class == CLASS_VISITOR ? "anonymous" : "registered";
}

static void describe_desk(const struct passage *p, struct builder *b)
{
	builder_open(b, "query", NS_DISCO_INFO);
	add_identity(b, "collaboration", "workgroup", p->server->conf->desk_name);
	add_feature(b, NS_DISCO_INFO);
	add_feature(b, NS_DISCO_ITEMS);
	add_feature(b, NS_DESK);
}

static void describe_account(const struct passage *p, struct builder *b)
{
	builder_open(b, "query", NS_DISCO_INFO);
	add_identity(b, "account", account_type(p->user->class), NULL);
	add_account_features(p, b);
}

/* Somebody else asks this account. XEP_PASS: he may know; that there is none, or that he may not, looks the same. */
static enum xep_verdict admit(struct passage *p)
{
	if (server_is_desk(p->server, p->packet.to))
		return XEP_PASS;
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	if (p->user->roster == FACT_YES && roster_shows(contacts_state(p->user, p->packet.from)))
		return XEP_PASS;
	return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

static enum xep_verdict answer_info(struct passage *p)
{
	enum xep_verdict v = p->target == TARGET_CONTACT ? admit(p) : XEP_PASS;
	bool own_node = is_own_node(p);
	struct builder *b;
	char node[sizeof(SERVER_CAPS_NODE) + sizeof(p->server->caps)];

	if (v != XEP_PASS)
		return v;
	if (node_of(p->packet.stanza).n && !own_node)
		return answer_node(p);
	b = passage_open_result(p);
	snprintf(node, sizeof(node), SERVER_CAPS_NODE "#%s", p->server->caps);
	if (p->target == TARGET_SERVER)
		caps_describe(b, p->server->conf, p->pipeline, own_node ? node : NULL);
	else if (p->target == TARGET_CONTACT && server_is_desk(p->server, p->packet.to))
		describe_desk(p, b);
	else
		describe_account(p, b);
	finish(p, b);
	return XEP_DONE;
}

static void add_desk(const struct passage *p, struct builder *b)
{
	const struct jid *asked = p->packet.to;
	const char *name = p->server->conf->desk_name;
	struct jid *desk = p->server->desk_on ? jid_make(span_of(name), jid_domain(asked), SPAN_NONE) : NULL;

	if (desk)
		add_item(b, desk, name);
	jid_unref(desk);
}

static void add_components(const struct passage *p, struct builder *b)
{
	for (unsigned i = 0; i < p->server->component_count; i++) {
		const struct server_component *c = &p->server->components[i];
		struct buf text = BUF_INIT;
		struct jid *jid;

		if (!server_component_serves(p->server, c, jid_domain(p->packet.to)))
			continue;
		buf_addf(&text, "%s.%.*s", c->name, SPAN_FMT(jid_domain(p->packet.to)));
		jid = jid_parse(buf_span(&text));
		buf_fini(&text);
		if (jid)
			add_item(b, jid, c->title);
		jid_unref(jid);
	}
}

static bool may_run_any(const struct passage *p, enum command_part part)
{
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		if (commands[i].part == part &&
		    command_reach(p->server, &commands[i], p->packet.from, jid_domain(p->packet.to)) != COMMAND_NOWHERE)
			return true;
	return false;
}

/* Where commands are sent, for whom there are some. */
static void add_managers(const struct passage *p, struct builder *b)
{
	static const char *const titles[COMMAND_PARTS] = { "Session manager", "Domain manager" };

	for (unsigned part = 0; part < COMMAND_PARTS && p->server->conf->plugins[CONFIG_PLUGIN_commands]; part++) {
		struct jid *jid;

		if (!may_run_any(p, (enum command_part)part))
			continue;
		jid = jid_make(span_of(command_part_name((enum command_part)part)), jid_domain(p->packet.to), SPAN_NONE);
		if (jid)
			add_item(b, jid, titles[part]);
		jid_unref(jid);
	}
}

static void add_clients(const struct passage *p, struct builder *b)
{
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (session_is_available(p->users, s) && privacy_lets(p, s, PRIVACY_PRESENCE_OUT, p->packet.from))
			add_item(b, s->full, NULL);
	}
}

/* Of the domain: the desk and components, for an admin also what the server is made of. Of an account: its clients (XEP-0030 8). */
static enum xep_verdict answer_items(struct passage *p)
{
	enum xep_verdict v = p->target == TARGET_CONTACT ? admit(p) : XEP_PASS;
	struct builder *b;

	if (v != XEP_PASS)
		return v;
	if (node_of(p->packet.stanza).n)
		return answer_node(p);
	b = passage_open_result(p);
	builder_open(b, "query", NS_DISCO_ITEMS);
	if (p->target == TARGET_SERVER) {
		add_desk(p, b);
		add_components(p, b);
		add_managers(p, b);
	} else {
		add_clients(p, b); /* the desk has none */
	}
	finish(p, b);
	return XEP_DONE;
}

#define ALL_TARGETS (TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER) | TARGET_BIT(TARGET_CONTACT))
static const char *const features[] = { NS_DISCO_INFO, NS_DISCO_ITEMS, NULL };
static const char *const server_features[] = { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_CAPS, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_DISCO_INFO, ALL_TARGETS, answer_info },
	{ STANZA_TYPE_GET, "query", NS_DISCO_ITEMS, ALL_TARGETS, answer_items },
};
const struct xep xep_disco = {
	.plugin = CONFIG_PLUGIN_disco,
	.features = server_features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
