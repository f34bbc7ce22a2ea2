/* What a stranger can learn here is whether a name is taken: there is no registration without that. So a name that nobody may
 * have (seats, robots, visitors by name, administrators, the desk) is looked up like any other and "taken", attempts are counted
 * per address, and the password comes back in no answer. */
#include "actors/edge/register.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/admin/commands.h"
#include "actors/edge/login.h"
#include "actors/edge/throttle.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"
#include "xmpp/rules/names.h"

#define ANSWER_MS 20000 /* hashing and a commit of the store */

/* --- who may --- */

static bool is_listed(const struct address_block *blocks, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_in(a, &blocks[i]))
			return true;
	return false;
}

static bool address_may(const struct stream *s)
{
	const struct edge_shared *shared = s->edge->shared;

	if (is_listed(shared->register_white, shared->register_white_count, &s->peer))
		return true;
	return !s->edge->conf->register_whitelist_only &&
	       !is_listed(shared->register_black, shared->register_black_count, &s->peer);
}

static const char *why_not(const struct stream *s)
{
	if (!s->vhost->registration)
		return "Registration is not allowed for this domain.";
	if (!address_may(s))
		return "Registration is not allowed for this connection.";
	return login_may_send_password(s) ? NULL : "Registration needs an encrypted connection.";
}

bool register_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_register] && !why_not(s);
}

/* --- answers --- */

static void refuse(struct stream *s, const struct stanza *iq, enum stanza_error condition, const char *text)
{
	metric_inc(METRIC_registrations_refused);
	login_reply_error(s, iq, condition, text);
}

static void send_form(struct stream *s, const struct stanza *iq)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	stanza_open_result(b, iq, span_of(s->vhost->name), SPAN_NONE);
	builder_open(b, "query", NS_REGISTER);
	builder_leaf(b, "instructions", NULL, span_of(s->edge->conf->register_instructions));
	builder_leaf(b, "username", NULL, SPAN_NONE);
	builder_leaf(b, "password", NULL, SPAN_NONE);
	builder_close(b);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
}

/* --- the request --- */

/* Names that mean something to the desk or the server: whoever had one would be taken for its owner. */
static bool is_reserved(const struct stream *s, const struct jid *user)
{
	const struct server *server = s->edge->server;

	return server_is_reserved(server, jid_local(user)) || command_names(server, user) || server_class(server, user) != CLASS_USER;
}

static void ask(struct stream *s, struct stanza *iq, struct jid *user, struct span password)
{
	const struct server *server = s->edge->server;
	struct account_request *m = MSG_NEW(auth_account, account_request);
	struct login *l = s->login;

	m->reply = &edge_account_kind;
	m->op = ACCOUNT_CREATE;
	m->slot = s->slot;
	m->gen = s->gen;
	m->user = user;
	m->password = xstrndup(password.p, password.n);
	m->reserved = is_reserved(s, user);
	l->bind = stanza_ref(iq);
	s->phase = STREAM_CHECKING;
	l->check_by_ms = actor_now_ms() + ANSWER_MS;
	stream_pause(s, STREAM_PAUSE_ANSWER);
	stream_rearm(s);
	actor_send(server->auth[user->bare_hash % server->auths], &m);
}

static void create(struct stream *s, struct stanza *iq, stanza_el query)
{
	stanza_el name = stanza_child(iq, query, "username", NS_REGISTER);
	stanza_el word = stanza_child(iq, query, "password", NS_REGISTER);
	struct span password = word == STANZA_NO_EL ? SPAN_NONE : stanza_text(iq, word);
	char prepared[JID_PART_MAX + 1];
	struct jid *user;
	bool fit;

	if (name == STANZA_NO_EL || span_empty(stanza_text(iq, name)) || span_empty(password)) {
		refuse(s, iq, STANZA_ERROR_NOT_ACCEPTABLE, "A user name and a password are needed.");
		return;
	}
	user = jid_make(stanza_text(iq, name), span_of(s->vhost->name), SPAN_NONE);
	if (!user || !user->local_n) {
		jid_unref(user);
		refuse(s, iq, STANZA_ERROR_JID_MALFORMED, NULL);
		return;
	}
	fit = jid_saslprep(password, prepared) && *prepared;
	OPENSSL_cleanse(prepared, sizeof(prepared));
	if (!fit || names_mix_scripts(jid_local(user))) {
		jid_unref(user);
		refuse(s, iq, STANZA_ERROR_NOT_ACCEPTABLE, fit ? "Take the letters of one alphabet." : "This password cannot be used.");
	} else if (!throttle_registration(s->edge->shared->throttle, &s->peer, actor_now_ms())) {
		jid_unref(user);
		metric_limit(METRIC_limit_registration);
		refuse(s, iq, STANZA_ERROR_RESOURCE_CONSTRAINT, "Too many attempts; try again later.");
	} else {
		ask(s, iq, user, password);
	}
}

void register_element(struct stream *s, struct stanza *iq)
{
	stanza_el query = stanza_child(iq, STANZA_TOP, "query", NS_REGISTER);
	const char *text = why_not(s);

	if (!stanza_attr(iq, STANZA_TOP, "id").p)
		refuse(s, iq, STANZA_ERROR_BAD_REQUEST, NULL);
	else if (text)
		refuse(s, iq, STANZA_ERROR_NOT_ALLOWED, text);
	else if (stanza_type(iq) == STANZA_TYPE_GET)
		send_form(s, iq);
	else if (stanza_type(iq) != STANZA_TYPE_SET)
		refuse(s, iq, STANZA_ERROR_BAD_REQUEST, NULL);
	else if (stanza_child(iq, query, "remove", NS_REGISTER) != STANZA_NO_EL)
		refuse(s, iq, STANZA_ERROR_UNEXPECTED_REQUEST, "Log in to remove an account.");
	else
		create(s, iq, query);
}

/* --- the answer --- */

static void answer(struct stream *s, const struct stanza *iq, enum status status)
{
	switch (status) {
	case STATUS_OK:
		metric_inc(METRIC_accounts_registered);
		s->ops->element(s, stanza_make_result(xml_pool_builder(s->edge->pool), iq, span_of(s->vhost->name), SPAN_NONE));
		break;
	case STATUS_EXISTS: refuse(s, iq, STANZA_ERROR_CONFLICT, "This name is taken."); break;
	case STATUS_LIMIT: refuse(s, iq, STANZA_ERROR_NOT_ALLOWED, "This domain has as many accounts as it may have."); break;
	case STATUS_INVALID: refuse(s, iq, STANZA_ERROR_NOT_ACCEPTABLE, "This password cannot be used."); break;
	default: refuse(s, iq, STANZA_ERROR_INTERNAL_SERVER_ERROR, NULL); break;
	}
}

static void finish(struct stream *s, enum status status)
{
	struct login *l = s->login;
	struct stanza *iq = l->bind;

	l->bind = NULL;
	l->check_by_ms = 0;
	s->phase = STREAM_LOGIN;
	answer(s, iq, status);
	stanza_unref(iq);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}

void register_answered(struct stream *s, const struct account_request *r)
{
	finish(s, r->status);
}

void register_late(struct stream *s)
{
	LOG_WARNING("edge", "a registration got no answer in time");
	stream_rename(s);
	finish(s, STATUS_TIMEOUT);
}
