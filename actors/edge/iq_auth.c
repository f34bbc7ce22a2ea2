#include "actors/edge/iq_auth.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/edge/negotiation.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

bool iq_auth_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_iq_auth] && (login_possible(s) & SASL_BIT(SASL_PLAIN));
}

static void send_fields(struct stream *s, const struct stanza *iq)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	stanza_open_result(b, iq, span_of(s->vhost->name), SPAN_NONE);
	builder_open(b, "query", NS_IQ_AUTH);
	builder_leaf(b, "username", NULL, SPAN_NONE); /* whether one was named, and exists, makes no difference */
	builder_leaf(b, "password", NULL, SPAN_NONE);
	builder_leaf(b, "resource", NULL, SPAN_NONE);
	builder_close(b);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
}

static struct span field(const struct stanza *iq, stanza_el query, const char *name)
{
	stanza_el el = stanza_child(iq, query, name, NS_IQ_AUTH);

	return el == STANZA_NO_EL ? SPAN_NONE : stanza_text(iq, el);
}

/* What login_plain reads: no authorization identity, name, password. The caller wipes it. */
static void plain_message(struct buf *out, struct span user, struct span password)
{
	(void)buf_reserve(out, user.n + password.n + 2); /* it never moves and leaves no copy behind */
	buf_add(out, "", 1);
	buf_add_span(out, user);
	buf_add(out, "", 1);
	buf_add_span(out, password);
}

static void log_in(struct stream *s, const struct stanza *iq)
{
	stanza_el query = stanza_child(iq, STANZA_TOP, "query", NS_IQ_AUTH);
	struct span user = field(iq, query, "username"), password = field(iq, query, "password");
	struct span resource = field(iq, query, "resource");
	struct jid *full = span_empty(user) || span_empty(password) || span_empty(resource) ?
				   NULL : jid_make(user, span_of(s->vhost->name), resource);
	struct buf message = BUF_INIT;

	if (!full) {
		login_reply_error(s, iq, STANZA_ERROR_NOT_ACCEPTABLE, "User name, password and resource are needed.");
		return;
	}
	s->login->old = stanza_head(xml_pool_builder(s->edge->pool), iq);
	free(s->login->old_resource); /* of a try before */
	s->login->old_resource = xstrndup(jid_resource(full).p, jid_resource(full).n);
	jid_unref(full);
	plain_message(&message, user, password);
	login_plain(s, buf_span(&message));
	buf_wipe(&message);
}

void iq_auth_element(struct stream *s, const struct stanza *iq)
{
	if (s->login->sasl_failed)
		stream_fail(s, STREAM_ERROR_POLICY_VIOLATION, NULL); /* XEP-0078 3.1: no way down after SASL said no */
	else if (!stanza_attr(iq, STANZA_TOP, "id").p)
		login_reply_error(s, iq, STANZA_ERROR_BAD_REQUEST, NULL);
	else if (!iq_auth_offered(s))
		login_reply_error(s, iq, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	else if (stanza_type(iq) == STANZA_TYPE_GET)
		send_fields(s, iq);
	else if (stanza_type(iq) == STANZA_TYPE_SET)
		log_in(s, iq);
	else
		login_reply_error(s, iq, STANZA_ERROR_BAD_REQUEST, NULL);
}

void iq_auth_refused(struct stream *s, enum sasl_failure failure)
{
	struct stanza *iq = s->login->old;

	s->login->old = NULL;
	switch (failure) {
	case SASL_FAIL_TEMPORARY:
		login_reply_error(s, iq, STANZA_ERROR_INTERNAL_SERVER_ERROR, NULL);
		break;
	case SASL_FAIL_ENCRYPTION_REQUIRED:
		login_reply_error(s, iq, STANZA_ERROR_NOT_ACCEPTABLE, "A password needs an encrypted connection.");
		break;
	default:
		login_reply_error(s, iq, STANZA_ERROR_NOT_AUTHORIZED, NULL);
		stream_fail(s, STREAM_ERROR_NONE, NULL);
		break;
	}
	stanza_unref(iq);
}

void iq_auth_succeeded(struct stream *s)
{
	struct login *l = s->login;
	const struct server *server = s->edge->server;

	s->astray = server_shard_worker(server, server_shard_index(server, l->user)) != s->edge->worker;
	if (s->ops->admitted)
		s->ops->admitted(s);
	negotiation_bind(s, l->old, span_of(l->old_resource));
}
