#include "actors/session/caps.h"

#include "actors/extension/extension.h"
#include "actors/session/pipeline.h"
#include "xmpp/caps.h"
#include "xmpp/ns.h"

static bool is_said(const struct pipeline *l, unsigned plugin, unsigned feature)
{
	for (unsigned i = 0; i <= plugin; i++)
		for (unsigned k = 0; l->loaded[i]->features && l->loaded[i]->features[k] && (i < plugin || k < feature); k++)
			if (strcmp(l->loaded[i]->features[k], l->loaded[plugin]->features[feature]) == 0)
				return true;
	return false;
}

static void add_field(struct builder *b, const char *var, const char *type, const struct config_list *values)
{
	builder_open(b, "field", NULL);
	builder_attr_text(b, "var", var);
	builder_attr_text(b, "type", type);
	for (size_t i = 0; i < values->count; i++)
		builder_leaf(b, "value", NULL, span_of(values->items[i]));
	builder_close(b);
}

/* XEP-0157: a form, if there is anybody to write to. */
static void add_contacts(struct builder *b, const struct config *conf)
{
	static char server_info[] = NS_SERVERINFO;
	static char *form_type[] = { server_info };
	const struct {
		const char *var;
		const struct config_list *addresses;
	} rows[] = {
		{ "abuse-addresses", &conf->contact_abuse },       { "admin-addresses", &conf->contact_admin },
		{ "feedback-addresses", &conf->contact_feedback }, { "sales-addresses", &conf->contact_sales },
		{ "security-addresses", &conf->contact_security }, { "status-addresses", &conf->contact_status },
		{ "support-addresses", &conf->contact_support },
	};
	bool open = false;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].addresses->count == 0)
			continue;
		if (!open) {
			builder_open(b, "x", NS_DATA);
			builder_attr_text(b, "type", "result");
			add_field(b, "FORM_TYPE", "hidden", &(struct config_list){ form_type, 1 });
			open = true;
		}
		add_field(b, rows[i].var, "list-multi", rows[i].addresses);
	}
	if (open)
		builder_close(b);
}

void caps_describe(struct builder *b, const struct config *conf, const struct pipeline *l, const char *node)
{
	builder_open(b, "query", NS_DISCO_INFO);
	builder_attr_text(b, "node", node);
	builder_open(b, "identity", NULL);
	builder_attr_text(b, "category", "server");
	builder_attr_text(b, "type", "im");
	builder_attr_text(b, "name", SERVER_NAME);
	builder_close(b);
	for (unsigned i = 0; i < l->count; i++)
		for (unsigned k = 0; l->loaded[i]->features && l->loaded[i]->features[k]; k++) {
			if (is_said(l, i, k)) /* twice would be ill-formed (XEP-0115 5.4) */
				continue;
			builder_open(b, "feature", NULL);
			builder_attr_text(b, "var", l->loaded[i]->features[k]);
			builder_close(b);
		}
	add_contacts(b, conf);
}

void caps_fill(struct server *server)
{
	const struct xep *extensions = extensions_xep(server->extensions);
	struct pipeline l;
	struct builder *b;
	struct stanza *s;

	_Static_assert(sizeof(server->caps) > CAPS_VER_BYTES, "room for the hash");
	if (!server->conf->plugins[CONFIG_PLUGIN_disco])
		return;
	pipeline_init(&l, server->conf);
	if (extensions)
		pipeline_put_first(&l, extensions);
	b = builder_new();
	caps_describe(b, server->conf, &l, NULL);
	builder_close(b);
	s = builder_finish(b);
	if (!caps_hash(s, STANZA_TOP, server->caps))
		BUG("what the server says of itself is ill-formed");
	stanza_unref(s);
	builder_free(b);
}
