/* XEP-0049, private XML: what an account's clients keep for themselves (bookmarks, notes). Each element is one thing, named by
 * its name and namespace; nobody else reads or writes it, for nobody else's request is claimed. Visitors keep nothing.
 *
 * Kept as one value for each namespace, all its elements in a <query/>: so what one request sets is written as a whole or not at
 * all. A request is about one namespace (XEP-0049 3). What nobody has set is answered with the element as it was asked for: so a
 * client takes something away by setting it without content. */
#include "actors/session/xep.h"
#include "actors/store.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"
#include "xmpp/parser.h"

static const struct xml_limits no_limits;

static stanza_el query_of(const struct stanza *s)
{
	return stanza_first(s, STANZA_TOP);
}

/* The elements are of one namespace, which is not the query's own. */
static enum stanza_error check(const struct stanza *s)
{
	stanza_el first = stanza_first(s, query_of(s));

	if (first == STANZA_NO_EL)
		return STANZA_ERROR_NOT_ACCEPTABLE;
	for (stanza_el el = first; el != STANZA_NO_EL; el = stanza_next(s, el)) {
		struct span ns = stanza_ns(s, el);

		if (ns.n == 0 || span_is(ns, NS_PRIVATE))
			return STANZA_ERROR_NOT_ACCEPTABLE;
		if (!span_eq(ns, stanza_ns(s, first)))
			return STANZA_ERROR_BAD_REQUEST;
	}
	return STANZA_ERROR_NONE;
}

/* NULL when there is none, or it is damaged. */
static struct stanza *parse(struct passage *p, struct span saved)
{
	struct stanza *s = NULL;

	if (saved.n == 0 || xml_parse_document(p->xml, saved, &no_limits, &s) != STREAM_ERROR_NONE)
		return NULL;
	return s;
}

static stanza_el named(const struct stanza *s, stanza_el parent, struct span name)
{
	for (stanza_el el = stanza_first(s, parent); el != STANZA_NO_EL; el = stanza_next(s, el))
		if (span_eq(stanza_name(s, el), name))
			return el;
	return STANZA_NO_EL;
}

/* --- get --- */

static void answer_with(struct passage *p, const struct stanza *kept)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el asked = stanza_first(s, query_of(s));
	stanza_el el = kept ? named(kept, STANZA_TOP, stanza_name(s, asked)) : STANZA_NO_EL;
	struct builder *b = passage_open_result(p);

	builder_open(b, "query", NS_PRIVATE);
	if (el != STANZA_NO_EL)
		builder_copy(b, kept, el);
	else
		builder_copy(b, s, asked);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
}

static enum xep_verdict get(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el asked = stanza_first(s, query_of(s));
	enum stanza_error error = check(s);
	const struct store_request *r;
	struct stanza *kept;

	if (p->user->class == CLASS_VISITOR)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Guests keep nothing here");
	if (error == STANZA_ERROR_NONE && stanza_next(s, asked) != STANZA_NO_EL)
		error = STANZA_ERROR_BAD_REQUEST;
	if (error != STANZA_ERROR_NONE)
		return passage_refuse(p, error, "Ask for one element, of a namespace of its own");
	r = passage_read(p, STORE_OP_MAP_GET, STORE_PRIVATE, jid_bare(p->user->bare), stanza_ns(s, asked));
	if (!r)
		return XEP_WAIT;
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	kept = parse(p, r->status == STATUS_OK ? buf_span(&r->value) : SPAN_NONE);
	answer_with(p, kept);
	stanza_unref(kept);
	return XEP_DONE;
}

/* --- set --- */

/* The namespace as it will be: what is set, and what was there under other names. */
static void merge(struct passage *p, const struct stanza *old, struct buf *out)
{
	const struct stanza *s = p->packet.stanza;
	struct builder *b = p->builder;
	struct stanza *made;

	builder_reset(b);
	builder_open(b, "query", NS_PRIVATE);
	for (stanza_el el = stanza_first(s, query_of(s)); el != STANZA_NO_EL; el = stanza_next(s, el))
		builder_copy(b, s, el);
	for (stanza_el el = old ? stanza_first(old, STANZA_TOP) : STANZA_NO_EL; el != STANZA_NO_EL; el = stanza_next(old, el))
		if (named(s, query_of(s), stanza_name(old, el)) == STANZA_NO_EL)
			builder_copy(b, old, el);
	builder_close(b);
	made = builder_finish(b);
	stanza_save(out, made, SPAN_NONE, SPAN_NONE);
	stanza_unref(made);
}

static enum xep_verdict write_merged(struct passage *p, const struct store_request *all)
{
	const struct stanza *s = p->packet.stanza;
	struct span owner = jid_bare(p->user->bare), ns = stanza_ns(s, stanza_first(s, query_of(s)));
	uint64_t most = (uint64_t)p->server->conf->private_max, others = 0;
	struct store_request *w = store_request_new(STORE_OP_MAP_PUT, STORE_PRIVATE, owner, ns, NULL);
	struct stanza *old = NULL;

	for (size_t i = 0; i < all->row_count; i++) {
		if (span_is(ns, all->rows[i].key))
			old = parse(p, (struct span){ all->rows[i].bytes, all->rows[i].n });
		else
			others += strlen(all->rows[i].key) + all->rows[i].n;
	}
	merge(p, old, &w->value);
	stanza_unref(old);
	if (most && others + ns.n + buf_len(&w->value) > most) {
		msg_free(&w->m);
		metric_limit(METRIC_limit_kept);
		return passage_refuse(p, STANZA_ERROR_POLICY_VIOLATION, "Too much private data: remove some of it first");
	}
	return passage_write(p, w);
}

static enum xep_verdict set(struct passage *p)
{
	enum stanza_error error = check(p->packet.stanza);
	const struct store_request *r;

	if (p->user->class == CLASS_VISITOR)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Guests keep nothing here");
	if (error != STANZA_ERROR_NONE)
		return passage_refuse(p, error, "Set elements of one namespace, which is their own");
	r = passage_read(p, STORE_OP_MAP_ALL, STORE_PRIVATE, jid_bare(p->user->bare), SPAN_NONE);
	if (!r)
		return XEP_WAIT;
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	return write_merged(p, r);
}

static const char *const features[] = { NS_PRIVATE, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_PRIVATE, TARGET_BIT(TARGET_SELF), get },
	{ STANZA_TYPE_SET, "query", NS_PRIVATE, TARGET_BIT(TARGET_SELF), set },
};
const struct xep xep_iq_private = {
	.plugin = CONFIG_PLUGIN_iq_private,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
