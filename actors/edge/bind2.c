#include "actors/edge/bind2.h"

#include <stdlib.h>

#include "actors/edge/login.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/sm.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

#define ID_BYTES 8

bool bind2_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_bind2];
}

static void add_feature(struct builder *b, const char *ns)
{
	builder_open(b, "feature", NULL);
	builder_attr_text(b, "var", ns);
	builder_close(b);
}

void bind2_feature(const struct stream *s, struct builder *b)
{
	const bool *plugins = s->edge->conf->plugins;
	bool any = plugins[CONFIG_PLUGIN_carbons] || plugins[CONFIG_PLUGIN_csi] || sm_possible(s);

	builder_open(b, "bind", NS_BIND2);
	if (any)
		builder_open(b, "inline", NULL);
	if (plugins[CONFIG_PLUGIN_carbons])
		add_feature(b, NS_CARBONS);
	if (plugins[CONFIG_PLUGIN_csi])
		add_feature(b, NS_CSI);
	if (sm_possible(s))
		add_feature(b, NS_SM);
	if (any)
		builder_close(b);
	builder_close(b);
}

/* --- the request --- */

static void read_management(struct bind2_wish *w, const struct stanza *el, stanza_el enable)
{
	struct span max = stanza_attr(el, enable, "max");

	w->manage = true;
	w->resumable = stanza_is_true(stanza_attr(el, enable, "resume"));
	if (max.n && max.n < sizeof(w->max))
		memcpy(w->max, max.p, max.n);
}

void bind2_read(struct bind2_wish *w, const struct stanza *el)
{
	stanza_el bind = stanza_child(el, STANZA_TOP, "bind", NS_BIND2), tag, enable;

	if (bind == STANZA_NO_EL)
		return;
	w->wanted = true;
	tag = stanza_child(el, bind, "tag", NS_BIND2);
	if (tag != STANZA_NO_EL && stanza_text(el, tag).n)
		w->tag = xstrndup(stanza_text(el, tag).p, stanza_text(el, tag).n);
	w->carbons = stanza_child(el, bind, "enable", NS_CARBONS) != STANZA_NO_EL;
	w->inactive = stanza_child(el, bind, "inactive", NS_CSI) != STANZA_NO_EL;
	enable = stanza_child(el, bind, "enable", NS_SM);
	if (enable != STANZA_NO_EL)
		read_management(w, el, enable);
}

void bind2_fini(struct bind2_wish *w)
{
	free(w->tag);
	w->tag = NULL;
}

/* --- the resource --- */

static void choose_id(const struct stream *s, const char *agent, char id[2 * ID_BYTES + 1])
{
	uint8_t digest[CREDENTIAL_KEY_MAX];
	struct buf text = BUF_INIT;

	if (!*agent) {
		outside_random_hex(id, ID_BYTES);
		return;
	}
	buf_addf(&text, "client %s %s", s->login->user->text, agent);
	credential_hmac(CREDENTIAL_SHA256, s->edge->server->secret, sizeof(s->edge->server->secret), buf_span(&text), digest);
	for (unsigned i = 0; i < ID_BYTES; i++) {
		id[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		id[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	id[(size_t)2 * ID_BYTES] = '\0';
	buf_fini(&text);
}

/* A tag that is none of a resource's is left out. */
static struct jid *choose_full(const struct stream *s, const struct sasl2 *x)
{
	char id[2 * ID_BYTES + 1];
	struct buf text = BUF_INIT;
	struct jid *full = NULL;

	choose_id(s, x->agent, id);
	if (x->bind.tag) {
		buf_addf(&text, "%s/%s", x->bind.tag, id);
		full = jid_with_resource(s->login->user, buf_span(&text));
	}
	buf_fini(&text);
	return full ? full : jid_with_resource(s->login->user, span_of(id));
}

void bind2_ask(struct stream *s)
{
	struct jid *full = choose_full(s, s->login->two);

	negotiation_bind(s, NULL, jid_resource(full));
	jid_unref(full);
}

/* --- the answer --- */

void bind2_bound(struct stream *s, const struct bind2_wish *w, struct builder *b)
{
	builder_open(b, "bound", NS_BIND2);
	if (w->manage && sm_possible(s))
		sm_enable(s, b, w->resumable, span_of(w->max));
	else if (w->manage)
		sm_add_failed(b, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED, NULL);
	builder_close(b);
}
