#include "actors/edge/features.h"

#include "actors/edge/iq_auth.h"
#include "actors/edge/login.h"
#include "actors/edge/register.h"
#include "actors/edge/sm.h"
#include "xmpp/ns.h"

bool features_starttls(const struct stream *s)
{
	return s->ops->transport == TRANSPORT_TCP && !s->secure && s->edge->server->tls &&
	       s->edge->conf->plugins[CONFIG_PLUGIN_starttls] && !s->login->user;
}

/* Not for strangers (a bomb costs its sender a login at least), nor for visitors, who are many. */
bool features_compression(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_zlib] && s->ops->compress && !s->compressed && s->login && s->login->user &&
	       s->login->class != CLASS_VISITOR;
}

/* XEP-0115 6.3: what the server can do need not be asked for by whoever knows this hash. */
static void add_caps(const struct server *server, struct builder *b)
{
	if (!*server->caps)
		return;
	builder_open(b, "c", NS_CAPS);
	builder_attr_text(b, "hash", "sha-1");
	builder_attr_text(b, "node", SERVER_CAPS_NODE);
	builder_attr_text(b, "ver", server->caps);
	builder_close(b);
}

static void before_login(struct stream *s, struct builder *b)
{
	if (features_starttls(s)) {
		builder_open(b, "starttls", NS_TLS);
		if (s->vhost->tls_required)
			builder_leaf(b, "required", NULL, SPAN_NONE);
		builder_close(b);
	}
	login_features(s, b);
	if (iq_auth_offered(s))
		builder_leaf(b, "auth", NS_IQ_AUTH_FEATURE, SPAN_NONE);
	if (register_offered(s))
		builder_leaf(b, "register", NS_REGISTER_FEATURE, SPAN_NONE);
}

static void before_bind(struct stream *s, struct builder *b)
{
	const bool *plugins = s->edge->conf->plugins;

	if (features_compression(s)) {
		builder_open(b, "compression", NS_COMPRESS_FEATURE);
		builder_leaf(b, "method", NULL, SPAN_LIT("zlib"));
		builder_close(b);
	}
	if (plugins[CONFIG_PLUGIN_bind])
		builder_leaf(b, "bind", NS_BIND, SPAN_NONE);
	if (plugins[CONFIG_PLUGIN_session]) {
		builder_open(b, "session", NS_SESSION);
		builder_leaf(b, "optional", NULL, SPAN_NONE);
		builder_close(b);
	}
}

static void after_login(struct stream *s, struct builder *b)
{
	const bool *plugins = s->edge->conf->plugins;

	if (sm_possible(s) && !s->sm)
		builder_leaf(b, "sm", NS_SM, SPAN_NONE);
	if (plugins[CONFIG_PLUGIN_csi])
		builder_leaf(b, "csi", NS_CSI, SPAN_NONE);
	if (plugins[CONFIG_PLUGIN_roster] && !s->anonymous)
		builder_leaf(b, "ver", NS_ROSTER_VERSIONS, SPAN_NONE);
	add_caps(s->edge->server, b);
}

void features_send(struct stream *s)
{
	struct builder *b = xml_pool_builder(s->edge->pool);
	bool known = s->bound || s->login->user;

	builder_reset(b);
	builder_open(b, "features", NS_STREAM);
	if (!known)
		before_login(s, b);
	if (known && !s->bound)
		before_bind(s, b);
	if (known)
		after_login(s, b);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
}
