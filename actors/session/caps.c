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

void caps_describe(struct builder *b, const struct pipeline *l, const char *node)
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
	caps_describe(b, &l, NULL);
	builder_close(b);
	s = builder_finish(b);
	if (!caps_hash(s, STANZA_TOP, server->caps))
		BUG("what the server says of itself is ill-formed");
	stanza_unref(s);
	builder_free(b);
}
