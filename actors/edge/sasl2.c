#include "actors/edge/sasl2.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/edge/csi.h"
#include "actors/edge/features.h"
#include "actors/edge/login.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/sm.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

#define PREVID_MAX 128 /* longer than any of ours */

/* --- the offer --- */

bool sasl2_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_sasl2] && login_may_send_password(s) && login_offered(s);
}

void sasl2_features(struct stream *s, uint32_t offered, struct builder *b)
{
	uint32_t tokens = fast_offered(s);

	builder_open(b, "authentication", NS_SASL2);
	login_mechanisms(s, offered, b);
	if (bind2_offered(s) || sm_possible(s) || tokens) {
		builder_open(b, "inline", NULL);
		if (bind2_offered(s))
			bind2_feature(s, b);
		if (sm_possible(s))
			builder_leaf(b, "sm", NS_SM, SPAN_NONE);
		if (tokens)
			fast_feature(tokens, b);
		builder_close(b);
	}
	builder_close(b);
}

/* --- what came --- */

static struct sasl2 *sasl2_new(void)
{
	return xcalloc(1, sizeof(struct sasl2));
}

void sasl2_free(struct sasl2 *x)
{
	if (!x)
		return;
	buf_wipe(&x->data);
	bind2_fini(&x->bind);
	stanza_unref(x->failed);
	OPENSSL_cleanse(x->fast.token, sizeof(x->fast.token));
	free(x->previd);
	free(x);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* What is no UUID names no installation (2.3). */
static void read_agent(struct sasl2 *x, struct span id)
{
	bool fits = id.n == SASL2_AGENT_MAX - 1;

	for (size_t i = 0; fits && i < id.n; i++) {
		char c = id.p[i] >= 'A' && id.p[i] <= 'F' ? (char)(id.p[i] - 'A' + 'a') : id.p[i];

		fits = i == 8 || i == 13 || i == 18 || i == 23 ? c == '-' : is_hex(c);
		x->agent[i] = c;
	}
	if (!fits)
		memset(x->agent, 0, sizeof(x->agent));
}

/* What is not understood is not wanted. */
static struct sasl2 *read_wishes(const struct stream *s, const struct stanza *el)
{
	struct sasl2 *x = sasl2_new();
	stanza_el agent = stanza_child(el, STANZA_TOP, "user-agent", NS_SASL2);
	stanza_el resume = stanza_child(el, STANZA_TOP, "resume", NS_SM);

	if (agent != STANZA_NO_EL)
		read_agent(x, stanza_attr(el, agent, "id"));
	if (resume != STANZA_NO_EL && s->edge->conf->plugins[CONFIG_PLUGIN_sm]) {
		struct span previd = stanza_attr(el, resume, "previd");

		x->previd = previd.n && previd.n <= PREVID_MAX ? xstrndup(previd.p, previd.n) : xstrdup("");
		x->has_h = sm_read_number(stanza_attr(el, resume, "h"), &x->h);
	}
	if (bind2_offered(s))
		bind2_read(&x->bind, el);
	fast_read(s, &x->fast, el);
	x->fast.wanted &= *x->agent != '\0'; /* a token belongs to an installation */
	return x;
}

static void authenticate(struct stream *s, const struct stanza *el)
{
	stanza_el initial = stanza_child(el, STANZA_TOP, "initial-response", NS_SASL2);
	struct span data = initial == STANZA_NO_EL ? SPAN_NONE : stanza_text(el, initial);

	if (initial != STANZA_NO_EL && span_empty(data))
		data = SPAN_LIT(""); /* an empty one, unlike none */
	s->login->two = read_wishes(s, el);
	if (!login_may_send_password(s))
		login_refuse(s, SASL_FAIL_ENCRYPTION_REQUIRED);
	else if (s->login->two->fast.used && (s->login->two->fast.malformed || !*s->login->two->agent))
		login_refuse(s, SASL_FAIL_MALFORMED_REQUEST);
	else
		login_start(s, stanza_attr(el, STANZA_TOP, "mechanism"), data);
}

/* Out of turn, as by SASL of RFC 6120: no exchange has begun. */
static void out_of_turn(struct stream *s, enum sasl_failure failure)
{
	s->login->two = sasl2_new(); /* says how the answer is worded */
	login_refuse(s, failure);
}

void sasl2_element(struct stream *s, const struct stanza *el)
{
	struct span name = stanza_name(el, STANZA_TOP);
	bool runs = s->login->two, first = span_is(name, "authenticate"), abort = span_is(name, "abort");

	if (runs && span_is(name, "response"))
		login_answer(s, stanza_text(el, STANZA_TOP));
	else if (runs && abort)
		login_refuse(s, SASL_FAIL_ABORTED);
	else if (runs || s->phase == STREAM_EXCHANGE) /* 2.4; or the exchange is one of RFC 6120 */
		stream_fail(s, STREAM_ERROR_POLICY_VIOLATION, NULL);
	else if (first)
		authenticate(s, el);
	else
		out_of_turn(s, abort ? SASL_FAIL_ABORTED : SASL_FAIL_MALFORMED_REQUEST);
}

/* --- success --- */

static void add_text(struct builder *b, const char *name, struct span bytes)
{
	struct buf text = BUF_INIT;

	sasl_encode(bytes, &text);
	builder_leaf(b, name, NULL, buf_span(&text));
	buf_wipe(&text);
}

/* The answer to all of it. Takes x. */
static void welcome(struct stream *s, struct sasl2 *x, bool resumed)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	builder_open(b, "success", NS_SASL2);
	if (buf_len(&x->data))
		add_text(b, "additional-data", buf_span(&x->data));
	builder_leaf(b, "authorization-identifier", NULL, jid_full(s->bound ? s->full : s->login->user));
	fast_add_token(&x->fast, b);
	if (x->failed)
		builder_copy(b, x->failed, STANZA_TOP);
	if (resumed)
		sm_add_resumed(s->sm, b);
	else if (s->bound)
		bind2_bound(s, &x->bind, b);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
	features_send(s);
	if (!resumed && s->bound && x->bind.inactive && s->edge->conf->plugins[CONFIG_PLUGIN_csi])
		csi_inactive(s);
	sasl2_free(x);
}

/* Logged in, and no resource is bound. */
static void welcome_unbound(struct stream *s)
{
	struct sasl2 *x = s->login->two;

	s->login->two = NULL;
	s->phase = STREAM_UNBOUND;
	welcome(s, x, false);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}

void sasl2_resumed(struct stream *s, struct sasl2 *x)
{
	welcome(s, x, true);
}

/* --- steps --- */

static void settle(struct stream *s)
{
	s->phase = STREAM_SETTLING;
	if (s->ops->go_home(s))
		stream_pause(s, STREAM_PAUSE_ANSWER);
	else
		sasl2_go_on(s);
}

/* A login by a token has been given the next one already. */
void sasl2_succeeded(struct stream *s, const struct buf *data)
{
	struct login *l = s->login;
	struct sasl2 *x = l->two;

	metric_inc(METRIC_logins_sasl2);
	buf_add_span(&x->data, buf_span(data));
	if (x->fast.used)
		metric_inc(METRIC_logins_token);
	if (x->fast.wanted && !x->fast.used && login_keeps_tokens(s, l->user))
		login_ask(s, AUTH_OP_ISSUE, l->user, fast_work(s, x, true));
	else
		settle(s);
}

void sasl2_issued(struct stream *s, const struct token_work *answer)
{
	if (answer)
		fast_given(&s->login->two->fast, answer);
	settle(s);
}

static void bind(struct stream *s)
{
	if (s->login->two->bind.wanted)
		bind2_ask(s);
	else
		welcome_unbound(s);
}

void sasl2_go_on(struct stream *s)
{
	const struct sasl2 *x = s->login->two;

	if (!x->previd)
		bind(s);
	else if (sm_possible(s))
		sm_resume(s, span_of(x->previd), x->has_h ? &x->h : NULL);
	else
		sm_refuse(s, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED, NULL);
}

void sasl2_not_resumed(struct stream *s, struct stanza *failed)
{
	s->login->two->failed = failed;
	bind(s);
}

/* A refusal is no end: the client may ask again by RFC 6120 7, and is told why. */
void sasl2_bound(struct stream *s, struct edge_bound *m)
{
	struct sasl2 *x = s->login->two;

	if (m->error != STANZA_ERROR_NONE) {
		welcome_unbound(s);
		return;
	}
	s->login->two = NULL;
	negotiation_now_bound(s, m);
	welcome(s, x, false);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}
