/* The contact list, RFC 6121 2. Visitors have none of their own. */
#include "actors/session/contacts.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

static stanza_el query_of(const struct stanza *s)
{
	return stanza_first(s, STANZA_TOP);
}

static enum xep_verdict get(struct passage *p)
{
	struct span known = stanza_attr(p->packet.stanza, query_of(p->packet.stanza), "ver");
	/* What a visitor is shown is the desk's choice of the moment: it never has it already. */
	bool versioned = known.p && p->user->class != CLASS_VISITOR;
	char version[CONTACTS_VERSION_MAX];
	struct builder *b;

	if (!passage_knows_roster(p))
		return XEP_WAIT;
	if (p->user->roster == FACT_LOST)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	if (p->session) {
		p->session->is_interested = true;
		p->session->wants_version = versioned;
	}
	if (versioned)
		contacts_version(p, version);
	if (versioned && span_is(known, version)) {
		passage_result(p); /* it has this very roster */
		return XEP_DONE;
	}
	b = passage_open_result(p);
	builder_open(b, "query", NS_ROSTER);
	if (versioned)
		builder_attr_text(b, "ver", version);
	contacts_write(p, b);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

/* RFC 6121 2.5.2: whoever sees or is seen is told, and pending requests are over. */
static void cancel_subscriptions(struct passage *p, const struct roster_item *i)
{
	bool unsubscribe = roster_sees(i->state) || roster_asks(i->state);
	bool shows = roster_shows(i->state);

	if (unsubscribe)
		passage_send_presence(p, "unsubscribe", p->user->bare, i->jid);
	if (shows || roster_is_asked(i->state))
		passage_send_presence(p, "unsubscribed", p->user->bare, i->jid);
	if (!shows)
		return;
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (s->presence)
			passage_send_presence(p, "unavailable", s->full, i->jid);
	}
}

static enum xep_verdict remove_item(struct passage *p, struct jid *contact)
{
	struct roster_item *i = contacts_find(p->user, contact);
	struct packet request;

	if (contacts_is_shown(p->user, contact)) { /* hides it; the conversation goes on (live-chat 2.3) */
		contacts_hide(p, contact);
		passage_result(p);
		return XEP_DONE;
	}
	if (!i || !i->listed)
		return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	cancel_subscriptions(p, i);
	request = packet_copy(&p->packet);
	contacts_erase(p, i, &request);
	return XEP_DONE;
}

static enum xep_verdict put_item(struct passage *p, const struct roster_item *wanted)
{
	struct roster_item *i = contacts_find(p->user, wanted->jid);
	struct packet request;

	if (contacts_is_shown(p->user, wanted->jid))
		return passage_refuse(p, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED,
				      "You cannot modify this contact. It is controlled by the desk.");
	if ((!i || !i->listed) && contacts_is_full(p)) {
		metric_limit(METRIC_limit_roster);
		return passage_refuse(p, STANZA_ERROR_POLICY_VIOLATION, "Too many elements in the user roster.");
	}
	i = contacts_get(p, wanted->jid);
	if (!i)
		return passage_refuse(p, STANZA_ERROR_POLICY_VIOLATION, "Too many elements in the user roster.");
	roster_item_describe(i, wanted);
	contacts_list(p, i);
	request = packet_copy(&p->packet);
	contacts_save(p, i, &request);
	return XEP_DONE;
}

static enum xep_verdict set(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el item = stanza_child(s, query_of(s), "item", NS_ROSTER);
	struct roster_item *wanted;
	enum stanza_error error;
	enum xep_verdict v;
	bool remove;

	if (p->user->class == CLASS_VISITOR)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, NULL);
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	if (p->user->roster == FACT_LOST)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	/* RFC 6121 2.1.5: exactly one item */
	if (item == STANZA_NO_EL || stanza_first(s, query_of(s)) != item || stanza_next(s, item) != STANZA_NO_EL)
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	error = roster_item_read(s, item, &wanted, &remove);
	if (error != STANZA_ERROR_NONE)
		return passage_refuse(p, error, NULL);
	if (jid_eq_bare(wanted->jid, p->user->bare))
		v = passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, NULL);
	else
		v = remove ? remove_item(p, wanted->jid) : put_item(p, wanted);
	roster_item_free(wanted);
	return v;
}

static const char *const features[] = { NS_ROSTER, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_ROSTER, TARGET_BIT(TARGET_SELF), get },
	{ STANZA_TYPE_SET, "query", NS_ROSTER, TARGET_BIT(TARGET_SELF), set },
};
const struct xep xep_roster = {
	.plugin = CONFIG_PLUGIN_roster,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
