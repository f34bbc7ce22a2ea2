/* XEP-0191, the blocking command: the items of the default privacy list that deny all to an address, in simple words. */
#include <stdlib.h>

#include "actors/session/privacy.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

static stanza_el command_of(const struct stanza *s)
{
	return stanza_first(s, STANZA_TOP);
}

static enum xep_verdict get(struct passage *p)
{
	struct privacy *lists;
	enum xep_verdict v = privacy_open(p, &lists);
	struct builder *b;

	if (v != XEP_PASS)
		return v;
	if (p->session)
		p->session->knows_blocked = true;
	b = passage_open_result(p);
	builder_open(b, "blocklist", NS_BLOCKING);
	for (unsigned k = 0; lists->standard && k < lists->standard->count; k++) {
		const struct privacy_item *i = &lists->standard->items[k];

		if (!privacy_is_block(i))
			continue;
		builder_open(b, "item", NULL);
		builder_attr(b, "jid", jid_full(i->jid));
		builder_close(b);
	}
	builder_close(b);
	builder_close(b);
	privacy_free(lists);
	passage_reply_built(p);
	return XEP_DONE;
}

/* --- set --- */

typedef void change_f(struct privacy *lists, struct jid *jid);

static void block(struct privacy *lists, struct jid *jid)
{
	privacy_block(lists, jid);
}

static void unblock(struct privacy *lists, struct jid *jid)
{
	privacy_unblock(lists, jid);
}

/* Of one <item/>. */
static enum stanza_error change_one(struct passage *p, struct privacy *lists, stanza_el el, change_f *change)
{
	const struct stanza *s = p->packet.stanza;
	struct span text = stanza_attr(s, el, "jid");
	enum stanza_error error = STANZA_ERROR_NONE;
	struct jid *jid;

	if (!stanza_el_is(s, el, "item", NS_BLOCKING) || !text.p)
		return STANZA_ERROR_BAD_REQUEST;
	jid = jid_parse(text);
	if (!jid)
		return STANZA_ERROR_JID_MALFORMED;
	if (change == block && jid_eq_bare(jid, p->user->bare))
		error = STANZA_ERROR_NOT_ALLOWED; /* XEP-0191 5: one's own clients cannot be blocked */
	else
		change(lists, jid);
	jid_unref(jid);
	return error;
}

/* Takes lists. */
static enum xep_verdict change_all(struct passage *p, struct privacy *lists, change_f *change)
{
	const struct stanza *s = p->packet.stanza;
	uint64_t most = (uint64_t)p->server->conf->privacy_items_max;
	enum stanza_error error = STANZA_ERROR_NONE;

	for (stanza_el el = stanza_first(s, command_of(s)); el != STANZA_NO_EL && error == STANZA_ERROR_NONE; el = stanza_next(s, el)) {
		error = change_one(p, lists, el, change);
		if (error == STANZA_ERROR_NONE && change == block && most && lists->standard && lists->standard->count > most) {
			metric_limit(METRIC_limit_kept);
			error = STANZA_ERROR_POLICY_VIOLATION;
		}
	}
	if (error == STANZA_ERROR_NONE)
		return privacy_keep(p, lists);
	privacy_free(lists);
	return passage_refuse(p, error, NULL);
}

static enum xep_verdict set_block(struct passage *p)
{
	struct privacy *lists;
	enum xep_verdict v;

	if (stanza_first(p->packet.stanza, command_of(p->packet.stanza)) == STANZA_NO_EL)
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, "Name whom to block");
	v = privacy_open(p, &lists);
	return v == XEP_PASS ? change_all(p, lists, block) : v;
}

static enum xep_verdict set_unblock(struct passage *p)
{
	struct privacy *lists;
	enum xep_verdict v = privacy_open(p, &lists);

	if (v != XEP_PASS)
		return v;
	if (stanza_first(p->packet.stanza, command_of(p->packet.stanza)) == STANZA_NO_EL)
		privacy_unblock(lists, NULL);
	return change_all(p, lists, unblock);
}

/* Clients that work with privacy lists hear that one of them changed; its name as it is now, or was. */
static void written(struct passage *p, const struct store_request *r)
{
	const struct privacy *lists = p->user->privacy;
	char *before = lists && lists->standard ? xstrdup(lists->standard->name) : NULL;

	privacy_kept(p, r);
	passage_result(p);
	lists = p->user->privacy;
	if (lists && lists->standard)
		privacy_push_list(p, span_of(lists->standard->name), false);
	else if (before)
		privacy_push_list(p, span_of(before), false);
	free(before);
}

static const char *const features[] = { NS_BLOCKING, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "blocklist", NS_BLOCKING, TARGET_BIT(TARGET_SELF), get },
	{ STANZA_TYPE_SET, "block", NS_BLOCKING, TARGET_BIT(TARGET_SELF), set_block },
	{ STANZA_TYPE_SET, "unblock", NS_BLOCKING, TARGET_BIT(TARGET_SELF), set_unblock },
};
const struct xep xep_blocking = {
	.plugin = CONFIG_PLUGIN_blocking,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.written = written,
	.gate = privacy_gate,
};
