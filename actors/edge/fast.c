#include "actors/edge/fast.h"

#include <stdlib.h>

#include "actors/edge/login.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/sm.h"
#include "xmpp/datetime.h"
#include "xmpp/ns.h"

_Static_assert(SASL2_AGENT_MAX <= TOKEN_CLIENT_MAX, "an installation is a token's client");
_Static_assert(TLS_BINDING_MAX <= TOKEN_BINDING_MAX, "a token may be bound to any line");

/* --- the offer --- */

uint32_t fast_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_fast] && sasl2_offered(s) ? login_token_bits(s) : 0;
}

void fast_feature(uint32_t offered, struct builder *b)
{
	builder_open(b, "fast", NS_FAST);
	for (unsigned i = 0; i < SASL_NAMES; i++)
		if (offered & SASL_BIT(i))
			builder_leaf(b, "mechanism", NULL, span_of(sasl_text((enum sasl_name)i)));
	builder_close(b);
}

/* --- what came --- */

static void read_use(struct fast_wish *w, const struct stanza *el, stanza_el fast)
{
	struct span count = stanza_attr(el, fast, "count");

	w->used = true;
	w->invalidate = stanza_is_true(stanza_attr(el, fast, "invalidate"));
	w->counted = count.p;
	w->malformed = count.p && (!sm_read_number(count, &w->count) || w->count == 0);
}

void fast_read(const struct stream *s, struct fast_wish *w, const struct stanza *el)
{
	uint32_t offered = fast_offered(s);
	stanza_el fast = stanza_child(el, STANZA_TOP, "fast", NS_FAST), request = stanza_child(el, STANZA_TOP, "request-token", NS_FAST);

	if (!offered)
		return;
	if (fast != STANZA_NO_EL)
		read_use(w, el, fast);
	w->wanted = request != STANZA_NO_EL && sasl_find(stanza_attr(el, request, "mechanism"), &w->mechanism) &&
		    (offered & SASL_BIT(w->mechanism));
}

/* --- for the auth actor, and back --- */

static void show(struct token_work *t, const struct sasl_exchange *e, const struct fast_wish *w)
{
	struct span binding = e->context.binding[sasl_token_binding(e->mechanism)];

	t->mechanism = e->mechanism;
	memcpy(t->proof, e->proof, sizeof(t->proof));
	memcpy(t->binding, binding.n ? binding.p : "", binding.n);
	t->binding_n = binding.n;
	t->counted = w->counted;
	t->count = w->count;
	t->invalidate = w->invalidate;
}

struct token_work *fast_work(struct stream *s, const struct sasl2 *x, bool issue)
{
	struct token_work *t = xcalloc(1, sizeof(*t));

	memcpy(t->client, x->agent, sizeof(x->agent));
	t->wanted = x->fast.wanted;
	t->wanted_mechanism = x->fast.mechanism;
	if (!issue)
		show(t, &s->login->sasl, &x->fast);
	return t;
}

void fast_given(struct fast_wish *w, const struct token_work *answer)
{
	memcpy(w->token, answer->fresh, sizeof(w->token));
	w->expiry_s = answer->expiry_s;
}

void fast_add_token(const struct fast_wish *w, struct builder *b)
{
	char stamp[DATETIME_MAX];

	if (!*w->token)
		return;
	datetime_text(w->expiry_s * 1000000, stamp);
	builder_open(b, "token", NS_FAST);
	builder_attr_text(b, "expiry", stamp);
	builder_attr_text(b, "token", w->token);
	builder_close(b);
}
