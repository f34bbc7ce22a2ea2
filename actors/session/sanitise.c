#include "actors/session/sanitise.h"

#include "xmpp/ns.h"

enum forged_when {
	ALWAYS,
	BY_US,   /* the attribute names a JID of a domain we serve */
};
struct forged_row {
	const char *name; /* NULL = any */
	const char *ns;
	enum forged_when when;
	const char *attribute;
};

/* Children of messages and presences that are taken out. */
static const struct forged_row forged[] = {
	{ "received", NS_CARBONS, ALWAYS, NULL },   /* V60 */
	{ "sent", NS_CARBONS, ALWAYS, NULL },
	{ "result", NS_MAM, ALWAYS, NULL },         /* V62 */
	{ "stanza-id", NS_SID, BY_US, "by" },
	{ "delay", NS_DELAY, BY_US, "from" },       /* V64 */
	{ "x", NS_MUC_USER, ALWAYS, NULL },         /* no rooms here: whoever says so forges it */
	{ "addresses", NS_ADDRESS, ALWAYS, NULL },
	{ NULL, NS_DESK, ALWAYS, NULL },
};

/* Settings that only the account's own server may push (V61): an iq set with one of these goes to nobody else. */
static const char *const private_sets[] = { NS_ROSTER, NS_BLOCKING, NS_PRIVACY };

static bool is_ours(const struct server *server, struct span text)
{
	struct jid *j = text.p ? jid_parse(text) : NULL;
	bool ours = j && server_is_local(server, jid_domain(j));

	jid_unref(j);
	return ours;
}

static bool is_forged(const struct server *server, const struct stanza *s, stanza_el el)
{
	for (size_t i = 0; i < ARRAY_LEN(forged); i++) {
		const struct forged_row *row = &forged[i];

		if (stanza_el_is(s, el, row->name, row->ns))
			return row->when == ALWAYS || is_ours(server, stanza_attr(s, el, row->attribute));
	}
	return false;
}

static void strip(struct passage *p)
{
	struct stanza *s = p->packet.stanza;
	struct builder *b = p->builder;

	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el))
		if (!is_forged(p->server, s, el))
			builder_copy(b, s, el);
	builder_close(b);
	p->packet.stanza = builder_finish(b);
	stanza_unref(s);
}

static bool is_private_set(const struct stanza *s)
{
	stanza_el child = stanza_first(s, STANZA_TOP);

	if (stanza_type(s) != STANZA_TYPE_SET || child == STANZA_NO_EL)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(private_sets); i++)
		if (span_is(stanza_ns(s, child), private_sets[i]))
			return true;
	return false;
}

enum xep_verdict sanitise(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	bool forged_too = false;

	if (stanza_kind(s) == STANZA_IQ) {
		if (p->target == TARGET_OTHER && is_private_set(s))
			return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
		return XEP_PASS;
	}
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		if (span_is(stanza_ns(s, el), NS_CLIENT)) /* nearly every child; no row is in that namespace */
			continue;
		if (stanza_el_is(s, el, "amp", NS_AMP) && stanza_kind(s) == STANZA_MESSAGE &&
		    stanza_type(s) != STANZA_TYPE_ERROR) /* an error only repeats them */
			p->packet.flags |= PACKET_RULES;
		forged_too |= is_forged(p->server, s, el);
	}
	if (forged_too)
		strip(p);
	return XEP_PASS;
}
