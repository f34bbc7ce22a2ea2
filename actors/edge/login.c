/* The order of checks is the same for every mechanism: offered here and now, syntax, throttles, what kind of account
 * it is, then the look-up on another thread. What a stranger sees does not depend on whether an account exists. */
#include "actors/edge/login.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/edge/iq_auth.h"
#include "actors/edge/register.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/throttle.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

#define COOKIE_ANSWER_MS 2000  /* temporary-auth-failure within this time when the cookie cache is away */
#define AUTH_ANSWER_MS 20000
#define SASL_TEXT_MAX 8192     /* base64; the longest sensible message has two 1,023 byte names and a password */

struct login *login_new(const struct stream *s)
{
	struct login *l = xcalloc(1, sizeof(*l));

	if (s->edge->conf->auth_timeout)
		l->bind_by_ms = actor_now_ms() + (uint64_t)s->edge->conf->auth_timeout * 1000;
	return l;
}

void login_free(struct login *l)
{
	if (!l)
		return;
	if (l->sasl_runs)
		sasl_free(&l->sasl);
	jid_unref(l->user);
	stanza_unref(l->bind);
	stanza_unref(l->old);
	free(l->old_resource);
	sasl2_free(l->two);
	jid_unref(l->from);
	buf_fini(&l->cookies);
	buf_fini(&l->certified);
	free(l);
}

static struct visitor_cookie_key cookie_key(const struct stream *s)
{
	return (struct visitor_cookie_key){ s->edge->server->secret, span_of(s->vhost->name) };
}

void login_cookies(struct stream *s, struct span list)
{
	if (!s->login || !list.n)
		return;
	buf_fini(&s->login->cookies);
	buf_add_span(&s->login->cookies, list);
	if (s->vhost)
		login_host(s);
}

void login_host(struct stream *s)
{
	struct buf all = s->login->cookies;
	struct span own = visitor_cookies_find(cookie_key(s), buf_span(&all));

	s->login->cookies = BUF_INIT;
	if (own.p)
		visitor_cookies_put(&s->login->cookies, cookie_key(s), own);
	buf_fini(&all);
}

bool login_from(struct stream *s, struct span from)
{
	struct login *l = s->login;
	struct jid *j = s->edge->conf->plugins[CONFIG_PLUGIN_sasl2] && !l->user && !span_empty(from) ? jid_parse(from) : NULL;
	bool same = !j || span_is(jid_domain(j), s->vhost->name);

	jid_unref(l->from);
	l->from = j && same && j->local_n && jid_is_bare(j) ? jid_ref(j) : NULL;
	jid_unref(j);
	return same;
}

/* --- answers --- */

void login_reply_error(struct stream *s, const struct stanza *iq, enum stanza_error condition, const char *text)
{
	struct builder *b = xml_pool_builder(s->edge->pool);
	struct stanza *head = stanza_head(b, iq);
	struct stanza *error = stanza_make_error(b, head, span_of(s->vhost->name), SPAN_NONE, condition, text);

	stanza_unref(head);
	if (error)
		s->ops->element(s, error);
}

static void send_data(struct stream *s, const char *name, const struct buf *bytes)
{
	struct builder *b = xml_pool_builder(s->edge->pool);
	struct buf text = BUF_INIT;

	if (buf_len(bytes))
		sasl_encode(buf_span(bytes), &text);
	builder_reset(b);
	builder_leaf(b, name, s->login->two ? NS_SASL2 : NS_SASL, buf_len(&text) ? buf_span(&text) : SPAN_NONE);
	s->ops->element(s, builder_finish(b));
	buf_wipe(&text);
}

static void end_exchange(struct login *l)
{
	if (l->sasl_runs)
		sasl_free(&l->sasl);
	l->sasl_runs = false;
	l->doomed = false;
	l->check_by_ms = 0;
}

/* A client that has no channel binding of ours, and says so with each mechanism in turn until it comes to PLAIN (slixmpp does),
 * has guessed at nothing: the first such failure of a mechanism is not counted. */
static bool is_free(struct login *l, enum sasl_failure failure)
{
	uint32_t bit = l->sasl_runs ? SASL_BIT(l->sasl.mechanism) : 0;

	if (failure != SASL_FAIL_NOT_AUTHORIZED || !(bit & (SASL_PLUS_BITS | SASL_SCRAM_BITS)) || l->sasl.user || (l->unbound & bit))
		return false;
	l->unbound |= bit;
	return true;
}

static void tell_failure(struct stream *s, enum sasl_failure failure)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	s->login->sasl_failed = true;
	builder_reset(b);
	builder_open(b, "failure", s->login->two ? NS_SASL2 : NS_SASL);
	builder_leaf(b, sasl_failure_text(failure), NS_SASL, SPAN_NONE);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
	sasl2_free(s->login->two); /* what it had asked for is not done */
	s->login->two = NULL;
}

/* The login block may be gone afterwards: too many failures end the stream. */
void login_refuse(struct stream *s, enum sasl_failure failure)
{
	struct login *l = s->login;
	int64_t most = s->edge->conf->limit_sasl_stream;
	bool counts = !is_free(l, failure);
	bool over;

	if (failure != SASL_FAIL_ABORTED)
		metric_inc(METRIC_logins_failed);
	if (failure == SASL_FAIL_NOT_AUTHORIZED && l->sasl_runs && l->sasl.user && !l->barred)
		throttle_failure(s->edge->shared->throttle, &s->peer, jid_bare(l->sasl.user), actor_now_ms());
	end_exchange(l);
	s->phase = STREAM_LOGIN;
	l->failures += counts;
	over = l->barred || (most && l->failures >= most);
	if (l->old)
		iq_auth_refused(s, failure);
	else
		tell_failure(s, failure);
	if (over)
		stream_fail(s, STREAM_ERROR_POLICY_VIOLATION, NULL);
}

static const struct regime *regime_of(const struct edge *e, enum client_class class)
{
	switch (class) {
	case CLASS_VISITOR: return &e->shared->regimes[REGIME_VISITOR];
	case CLASS_ROBOT: return &e->shared->regimes[REGIME_ROBOT];
	default: return &e->shared->regimes[REGIME_USER];
	}
}

/* Takes user. */
static void succeed(struct stream *s, struct jid *user, enum client_class class, const struct buf *last)
{
	struct login *l = s->login;

	if (!l->old && !l->two)
		send_data(s, "success", last);
	end_exchange(l);
	l->user = user;
	l->class = class;
	metric_inc(METRIC_logins_total);
	s->regime = regime_of(s->edge, class);
	if (l->old) {
		iq_auth_succeeded(s);
		return;
	}
	if (l->two) {
		sasl2_succeeded(s, last);
		return;
	}
	s->phase = STREAM_OPENING;
	s->opened = false;
	s->ops->restart(s);
}

/* --- who may --- */

static void anonymous(struct stream *s)
{
	struct edge *e = s->edge;
	struct visitor_cookie_key key = cookie_key(s);
	struct span cookie = visitor_cookies_find(key, buf_span(&s->login->cookies));
	const struct buf nothing = BUF_INIT;
	char local[VISITOR_LOCAL_MAX];

	if (!throttle_take(e->shared->throttle, THROTTLE_ANONYMOUS, &s->peer)) {
		metric_limit(METRIC_limit_anonymous);
		login_refuse(s, SASL_FAIL_TEMPORARY);
		return;
	}
	s->anonymous = true;
	if (!cookie.p || !visitor_cookie_check(key, cookie, outside_wall_us() / 1000000,
					       e->conf->visitor_cookie_lifetime, local))
		visitor_cookie_new_local(local);
	succeed(s, jid_make(span_of(local), key.domain, SPAN_NONE), CLASS_VISITOR, &nothing);
}

void login_ask(struct stream *s, enum auth_op op, struct jid *user, struct token_work *token)
{
	struct login *l = s->login;
	const struct server *server = s->edge->server;
	struct auth_request *m = op == AUTH_OP_COOKIE ? MSG_NEW(cookie_request, auth_request) :
							MSG_NEW(auth_request, auth_request);

	m->reply = &edge_auth_kind;
	m->op = op;
	m->slot = s->slot;
	m->gen = s->gen;
	m->asked_ms = actor_now_ms();
	m->user = jid_ref(user);
	m->token = token;
	m->password = l->sasl.password;
	l->sasl.password = NULL;
	s->phase = STREAM_CHECKING;
	l->check_by_ms = actor_now_ms() + (op == AUTH_OP_COOKIE ? COOKIE_ANSWER_MS : AUTH_ANSWER_MS);
	stream_pause(s, STREAM_PAUSE_ANSWER);
	stream_rearm(s);
	actor_send(op == AUTH_OP_COOKIE ? server->cookie : server->auth[user->bare_hash % server->auths], &m);
}

static void ask(struct stream *s, enum auth_op op)
{
	login_ask(s, op, s->login->sasl.user, NULL);
}

static bool uses_cookie(const struct stream *s, enum client_class class)
{
	return class == CLASS_SEAT && s->edge->conf->desk_seat_auth == CONFIG_SEAT_AUTH_COOKIE;
}

static bool is_barred(struct stream *s)
{
	struct login *l = s->login;

	l->barred = throttle_refuses(s->edge->shared->throttle, &s->peer, jid_bare(l->sasl.user), actor_now_ms());
	if (!l->barred)
		return false;
	metric_limit(METRIC_limit_login_failures);
	login_refuse(s, SASL_FAIL_NOT_AUTHORIZED);
	return true;
}

/* Nobody logs in as somebody's anonymous identity or as the desk. */
static bool is_nobodys(const struct stream *s, const struct jid *user)
{
	return server_is_anonymous_local(jid_local(user)) || server_is_desk(s->edge->server, user);
}

bool login_keeps_tokens(const struct stream *s, const struct jid *user)
{
	enum client_class class = server_class(s->edge->server, user);

	return class != CLASS_VISITOR && !uses_cookie(s, class) && !is_nobodys(s, user);
}

static void forget_password(struct login *l)
{
	if (l->sasl.password)
		OPENSSL_cleanse(l->sasl.password, strlen(l->sasl.password));
	free(l->sasl.password);
	l->sasl.password = NULL;
}

/* The answer is given or will come later. */
static void password_step(struct stream *s)
{
	struct login *l = s->login;
	enum client_class class = server_class(s->edge->server, l->sasl.user);
	bool nobodys = is_nobodys(s, l->sasl.user);

	if (is_barred(s))
		return;
	if (class == CLASS_VISITOR && !nobodys) {
		if (!login_may_send_password(s))
			forget_password(l); /* should an account have the name: not in the clear */
		ask(s, AUTH_OP_VISITOR);
		return;
	}
	if (!login_may_send_password(s)) {
		login_refuse(s, SASL_FAIL_ENCRYPTION_REQUIRED);
		return;
	}
	l->doomed = nobodys;
	ask(s, uses_cookie(s, class) ? AUTH_OP_COOKIE : AUTH_OP_PASSWORD);
}

/* False: the answer is given or will come later; true: *step is to be done next. */
static bool credential_step(struct stream *s, enum sasl_step *step, struct buf *out)
{
	const struct edge *e = s->edge;
	struct login *l = s->login;
	enum client_class class = server_class(e->server, l->sasl.user);
	struct credential fake;

	if (is_barred(s))
		return false;
	if (!is_nobodys(s, l->sasl.user) && !uses_cookie(s, class)) {
		ask(s, AUTH_OP_CREDENTIAL);
		return false;
	}
	/* These have no stored keys: the exchange goes its normal way and no proof fits. */
	credential_fake(&fake, jid_bare(l->sasl.user), e->server->secret, (uint32_t)e->conf->scram_iterations);
	*step = sasl_give_credential(&l->sasl, &fake, out);
	credential_wipe(&fake);
	return true;
}

/* The certificate says who it is; that there is such an account nobody has looked at yet. */
static void certificate_step(struct stream *s)
{
	s->login->doomed = is_nobodys(s, s->login->sasl.user);
	if (!is_barred(s))
		ask(s, AUTH_OP_ACCOUNT);
}

static void token_step(struct stream *s)
{
	struct login *l = s->login;

	l->doomed = !login_keeps_tokens(s, l->sasl.user);
	if (!is_barred(s))
		login_ask(s, AUTH_OP_TOKEN, l->sasl.user, fast_work(s, l->two, false));
}

static void go_on(struct stream *s, enum sasl_step step, struct buf *out)
{
	struct login *l = s->login;

	if (step == SASL_CERTIFIED) {
		certificate_step(s);
		return;
	}
	if (step == SASL_PASSWORD) {
		password_step(s);
		return;
	}
	if (step == SASL_TOKEN) {
		token_step(s);
		return;
	}
	if (step == SASL_CREDENTIAL && !credential_step(s, &step, out))
		return;
	switch (step) {
	case SASL_CHALLENGE:
		s->phase = STREAM_EXCHANGE;
		send_data(s, "challenge", out);
		break;
	case SASL_ANONYMOUS_OK:
		anonymous(s);
		break;
	case SASL_SUCCESS:
		succeed(s, jid_ref(l->sasl.user), server_class(s->edge->server, l->sasl.user), out);
		break;
	case SASL_FAILURE:
		login_refuse(s, l->sasl.failure);
		break;
	case SASL_PASSWORD:
	case SASL_CREDENTIAL:
	case SASL_CERTIFIED:
	case SASL_TOKEN:
		BUG("a mechanism asked twice");
	}
}

/* --- elements --- */

void login_plain(struct stream *s, struct span message)
{
	struct login *l = s->login;
	struct buf out = BUF_INIT;
	struct sasl_context context;

	login_context(s, &context);
	context.offered = SASL_BIT(SASL_PLAIN);
	l->sasl = (struct sasl_exchange){ 0 };
	l->sasl_runs = true;
	go_on(s, sasl_start(&l->sasl, SASL_PLAIN, &context, message, &out), &out);
	buf_wipe(&out);
}

/* p NULL: none came. "=" is nothing but for SASL of RFC 6120, which has no other word for a response of no bytes. */
static bool decode(struct stream *s, struct span text, struct buf *out, struct span *data)
{
	*data = text;
	if (span_empty(text))
		return true;
	if (text.n > SASL_TEXT_MAX) {
		login_refuse(s, SASL_FAIL_MALFORMED_REQUEST);
		return false;
	}
	if ((s->login->two && span_is(text, "=")) || !sasl_decode(text, out)) {
		login_refuse(s, SASL_FAIL_INCORRECT_ENCODING);
		return false;
	}
	*data = buf_len(out) ? buf_span(out) : SPAN_LIT("");
	return true;
}

static enum sasl_failure why_not(const struct stream *s, enum sasl_name mechanism, bool known)
{
	if (login_needs_tls(s) || (known && mechanism == SASL_PLAIN && !login_may_send_password(s)))
		return SASL_FAIL_ENCRYPTION_REQUIRED;
	return SASL_FAIL_INVALID_MECHANISM;
}

void login_start(struct stream *s, struct span name, struct span text)
{
	struct login *l = s->login;
	struct buf bytes = BUF_INIT, out = BUF_INIT;
	struct sasl_context context;
	enum sasl_name mechanism = SASL_PLAIN;
	struct span data;
	bool known = sasl_find(name, &mechanism);

	if (s->phase == STREAM_EXCHANGE) {
		login_refuse(s, SASL_FAIL_MALFORMED_REQUEST);
		return;
	}
	if (!known || !(login_taken(s) & SASL_BIT(mechanism))) {
		login_refuse(s, why_not(s, mechanism, known));
		return;
	}
	if (decode(s, text, &bytes, &data)) {
		login_context(s, &context);
		l->sasl = (struct sasl_exchange){ 0 };
		l->sasl_runs = true;
		go_on(s, sasl_start(&l->sasl, mechanism, &context, data, &out), &out);
	}
	buf_wipe(&bytes);
	buf_wipe(&out);
}

void login_answer(struct stream *s, struct span text)
{
	struct buf bytes = BUF_INIT, out = BUF_INIT;
	struct span data;

	if (s->phase != STREAM_EXCHANGE) {
		login_refuse(s, SASL_FAIL_MALFORMED_REQUEST);
		return;
	}
	if (decode(s, text, &bytes, &data))
		go_on(s, sasl_respond(&s->login->sasl, data.p ? data : SPAN_LIT(""), &out), &out);
	buf_wipe(&bytes);
	buf_wipe(&out);
}

void login_element(struct stream *s, const struct stanza *el)
{
	struct span name = stanza_name(el, STANZA_TOP), text = stanza_text(el, STANZA_TOP);

	if (span_is(name, "auth"))
		login_start(s, stanza_attr(el, STANZA_TOP, "mechanism"), span_empty(text) ? SPAN_NONE : text);
	else if (span_is(name, "response"))
		login_answer(s, text);
	else
		login_refuse(s, span_is(name, "abort") ? SASL_FAIL_ABORTED : SASL_FAIL_MALFORMED_REQUEST);
}

static enum sasl_step check_token(struct login *l, const struct auth_request *r, struct buf *out)
{
	bool right = r->verdict == AUTH_OK && !l->doomed;

	if (right)
		fast_given(&l->two->fast, r->token);
	return sasl_give_token(&l->sasl, right ? r->token->answer : NULL, r->token->expired && !l->doomed, out);
}

void login_checked(struct stream *s, struct auth_request *r)
{
	struct login *l = s->login;
	struct buf out = BUF_INIT;
	bool two = l->two != NULL;

	l->check_by_ms = 0;
	if (r->op == AUTH_OP_ISSUE) {
		sasl2_issued(s, r->token);
		return;
	}
	l->since = r->since;
	s->phase = STREAM_EXCHANGE;
	if (r->verdict == AUTH_UNAVAILABLE)
		login_refuse(s, SASL_FAIL_TEMPORARY);
	else if (r->op == AUTH_OP_CREDENTIAL)
		go_on(s, sasl_give_credential(&l->sasl, &r->credential, &out), &out);
	else if (r->op == AUTH_OP_TOKEN)
		go_on(s, check_token(l, r, &out), &out);
	else
		go_on(s, sasl_give_verdict(&l->sasl, r->verdict == AUTH_OK && !l->doomed), &out);
	buf_wipe(&out);
	/* XEP-0078: one answer leads to the next question. SASL2: and what comes of a success goes on by itself. */
	if (two ? s->phase == STREAM_EXCHANGE || s->phase == STREAM_LOGIN : s->phase != STREAM_BINDING)
		stream_resume(s, STREAM_PAUSE_ANSWER);
}

void login_due(struct stream *s, uint64_t now_ms)
{
	struct login *l = s->login;

	if (l->bind_by_ms && now_ms >= l->bind_by_ms) {
		metric_limit(METRIC_limit_login_time);
		stream_fail(s, STREAM_ERROR_CONNECTION_TIMEOUT, NULL);
		return;
	}
	if (!l->check_by_ms || now_ms < l->check_by_ms)
		return;
	if (l->bind) {
		register_late(s);
		return;
	}
	LOG_WARNING("edge", "a login check of %s got no answer in time", l->user ? l->user->text : l->sasl.user->text);
	stream_rename(s);
	if (l->user) { /* it is a token that did not come: the login does not depend on it */
		l->check_by_ms = 0;
		sasl2_issued(s, NULL);
		return;
	}
	login_refuse(s, SASL_FAIL_TEMPORARY);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}
