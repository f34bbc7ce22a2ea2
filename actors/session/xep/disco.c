/* XEP-0030: what the server, an account and the desk are and can do. Features are those of the loaded plugins. A
 * query for a node is answered by the plugin it belongs to, or with item-not-found. */
#include "actors/session/pipeline.h"
#include "xmpp/ns.h"

static bool names_a_node(const struct stanza *s)
{
	return stanza_attr(s, stanza_first(s, STANZA_TOP), "node").n > 0;
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

static void add_features(const struct passage *p, struct builder *b, bool account)
{
	for (unsigned i = 0; i < p->pipeline->count; i++) {
		const struct xep *x = p->pipeline->loaded[i];
		const char *const *vars = account ? x->account_features : x->features;

		for (; vars && *vars; vars++)
			add_feature(b, *vars);
	}
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

static enum xep_verdict answer_info(struct passage *p)
{
	bool account = p->target == TARGET_SELF;
	struct builder *b;

	if (names_a_node(p->packet.stanza))
		return answer_node(p);
	b = passage_open_result(p);
	builder_open(b, "query", NS_DISCO_INFO);
	if (account)
		add_identity(b, "account", account_type(p->user->class), NULL);
	else
		add_identity(b, "server", "im", SERVER_NAME);
	add_features(p, b, account);
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

		buf_addf(&text, "%s.%.*s", c->name, SPAN_FMT(jid_domain(p->packet.to)));
		jid = jid_parse(buf_span(&text));
		buf_fini(&text);
		if (jid)
			add_item(b, jid, c->title);
		jid_unref(jid);
	}
}

/* Of the domain: the desk and components. Of the own account: the other clients of the same user (XEP-0030 8). */
static enum xep_verdict answer_items(struct passage *p)
{
	struct builder *b;

	if (names_a_node(p->packet.stanza))
		return answer_node(p);
	b = passage_open_result(p);
	builder_open(b, "query", NS_DISCO_ITEMS);
	if (p->target == TARGET_SERVER) {
		add_desk(p, b);
		add_components(p, b);
	} else {
		LIST_EACH(it, &p->user->sessions) {
			const struct session *s = CONTAINER_OF(it, struct session, link);

			if (session_is_available(p->users, s))
				add_item(b, s->full, NULL);
		}
	}
	finish(p, b);
	return XEP_DONE;
}

/* The desk's own address, asked by others than visitors (those ask the desk itself). */
static enum xep_verdict handle(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	struct builder *b;

	if (!passage_is(p, INBOUND, STANZA_IQ) || stanza_type(s) != STANZA_TYPE_GET || !jid_is_bare(p->packet.to) ||
	    !server_is_desk(p->server, p->packet.to))
		return XEP_PASS;
	if (stanza_child(s, STANZA_TOP, "query", NS_DISCO_INFO) != STANZA_NO_EL) {
		b = passage_open_result(p);
		builder_open(b, "query", NS_DISCO_INFO);
		add_identity(b, "collaboration", "workgroup", p->server->conf->desk_name);
		add_feature(b, NS_DISCO_INFO);
		add_feature(b, NS_DISCO_ITEMS);
		add_feature(b, NS_DESK);
	} else if (stanza_child(s, STANZA_TOP, "query", NS_DISCO_ITEMS) != STANZA_NO_EL) {
		b = passage_open_result(p);
		builder_open(b, "query", NS_DISCO_ITEMS);
	} else {
		return XEP_PASS;
	}
	finish(p, b);
	return XEP_DONE;
}

static const char *const features[] = { NS_DISCO_INFO, NS_DISCO_ITEMS, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_DISCO_INFO, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer_info },
	{ STANZA_TYPE_GET, "query", NS_DISCO_ITEMS, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer_items },
};
const struct xep xep_disco = {
	.plugin = CONFIG_PLUGIN_disco,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.handle = handle,
	.handle_on = XEP_IN(STANZA_IQ),
};
