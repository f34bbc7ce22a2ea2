#include "actors/edge/sasl2.h"

#include <stdlib.h>

#include "actors/edge/features.h"
#include "actors/edge/login.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

/* --- the offer --- */

bool sasl2_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_sasl2] && login_may_send_password(s) && login_offered(s);
}

void sasl2_features(struct stream *s, uint32_t offered, struct builder *b)
{
	builder_open(b, "authentication", NS_SASL2);
	login_mechanisms(s, offered, b);
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
	free(x);
}

static struct sasl2 *read_wishes(const struct stanza *el)
{
	struct sasl2 *x = sasl2_new();

	(void)el;
	return x;
}

static void authenticate(struct stream *s, const struct stanza *el)
{
	stanza_el initial = stanza_child(el, STANZA_TOP, "initial-response", NS_SASL2);
	struct span data = initial == STANZA_NO_EL ? SPAN_NONE : stanza_text(el, initial);

	if (initial != STANZA_NO_EL && span_empty(data))
		data = SPAN_LIT(""); /* an empty one, unlike none */
	s->login->two = read_wishes(el);
	if (!login_may_send_password(s))
		login_refuse(s, SASL_FAIL_ENCRYPTION_REQUIRED);
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

/* `who` is the stream's address now: full when a resource is bound. */
static void write_success(struct stream *s, const struct sasl2 *x, const struct jid *who)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	builder_open(b, "success", NS_SASL2);
	if (buf_len(&x->data))
		add_text(b, "additional-data", buf_span(&x->data));
	builder_leaf(b, "authorization-identifier", NULL, jid_full(who));
	builder_close(b);
	s->ops->element(s, builder_finish(b));
	features_send(s);
}

void sasl2_succeeded(struct stream *s, const struct buf *data)
{
	metric_inc(METRIC_logins_sasl2);
	buf_add_span(&s->login->two->data, buf_span(data));
	s->phase = STREAM_SETTLING;
	if (s->ops->go_home(s))
		stream_pause(s, STREAM_PAUSE_ANSWER);
	else
		sasl2_go_on(s);
}

void sasl2_go_on(struct stream *s)
{
	struct login *l = s->login;
	struct sasl2 *x = l->two;

	l->two = NULL;
	s->phase = STREAM_UNBOUND;
	write_success(s, x, l->user);
	sasl2_free(x);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}
