/* Messages for users who are not there (XEP-0160): the plugin `msgoffline`, part of `amp`. Without it nothing is kept, and
 * what finds nobody goes back to its sender. A user may set how many messages of one sender are kept for him, where
 * user-store-limit-enable allows it. */
#include <stdio.h>

#include "actors/session/deliver.h"
#include "actors/session/offline.h"
#include "actors/store.h"
#include "xmpp/ns.h"

#define NUMBER_MAX 24

/* Without `message` nobody has looked at it yet: it is kept only when no client gets it. */
static enum xep_verdict undelivered(struct passage *p)
{
	return deliver_decide(p) == DELIVERY_STORE ? offline_keep(p) : XEP_PASS;
}

/* XEP-0160 3: the first presence that shows interest in messages brings the stored ones. */
static enum xep_verdict tap(struct passage *p)
{
	struct session *s = p->session;
	bool takes;

	if (p->packet.to || !s)
		return XEP_PASS;
	takes = stanza_type(p->packet.stanza) == STANZA_TYPE_NONE && session_priority(p->users, s) >= 0;
	if (takes && !s->takes_offline && !s->looks_itself)
		offline_begin(p, s);
	s->takes_offline = takes;
	return XEP_PASS;
}

static void closed(struct passage *p, enum close_reason reason UNUSED)
{
	offline_session_gone(p, p->session);
}

/* --- the user's own limit --- */

static bool may_have_a_limit(const struct passage *p)
{
	return p->server->conf->user_store_limit && p->user->class != CLASS_VISITOR;
}

static const char *standard_limit(const struct config *conf, char number[NUMBER_MAX])
{
	if (conf->store_limit == 0)
		return "false";
	(void)snprintf(number, NUMBER_MAX, "%lld", (long long)conf->store_limit);
	return number;
}

static enum xep_verdict get_limit(struct passage *p)
{
	char number[NUMBER_MAX];
	const struct store_request *r;
	struct builder *b;

	if (!may_have_a_limit(p))
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Nobody sets limits of his own here.");
	r = passage_read(p, STORE_OP_GET, STORE_OFFLINE_LIMIT, jid_bare(p->user->bare), SPAN_NONE);
	if (!r)
		return XEP_WAIT;
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	b = passage_open_result(p);
	builder_open(b, "msgoffline", NS_MSGOFFLINE);
	if (r->status == STATUS_OK)
		builder_attr(b, "limit", buf_span(&r->value));
	else
		builder_attr_text(b, "limit", standard_limit(p->server->conf, number));
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static enum xep_verdict set_limit(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	struct span limit = stanza_attr(s, stanza_first(s, STANZA_TOP), "limit"), owner = jid_bare(p->user->bare);
	struct store_request *r;
	uint64_t count;

	if (!may_have_a_limit(p))
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Nobody sets limits of his own here.");
	if (!offline_read_limit(limit, &count))
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, "The limit is a number, none or false.");
	r = store_request_new(STORE_OP_PUT, STORE_OFFLINE_LIMIT, owner, SPAN_NONE, NULL);
	buf_add_span(&r->value, limit);
	return passage_write(p, r);
}

/* With what was set, as Tigase does it. */
static void written(struct passage *p, const struct store_request *r UNUSED)
{
	struct builder *b = passage_open_result(p);

	builder_copy(b, p->packet.stanza, stanza_first(p->packet.stanza, STANZA_TOP));
	builder_close(b);
	passage_reply_built(p);
}

static const char *const features[] = { NS_MSGOFFLINE, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "msgoffline", NS_MSGOFFLINE, TARGET_BIT(TARGET_SELF), get_limit },
	{ STANZA_TYPE_SET, "msgoffline", NS_MSGOFFLINE, TARGET_BIT(TARGET_SELF), set_limit },
};
const struct xep xep_msgoffline = {
	.plugin = CONFIG_PLUGIN_msgoffline,
	.part_of = CONFIG_PLUGIN_amp,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.written = written,
	.undelivered = undelivered,
	.undelivered_on = XEP_IN(STANZA_MESSAGE),
	.tap = tap,
	.tap_on = XEP_OUT(STANZA_PRESENCE),
	.closed = closed,
};
