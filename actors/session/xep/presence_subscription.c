/* Presence subscriptions, RFC 6121 3. The states and what they allow are tables (xmpp/rules/roster); here they are
 * carried out: the record changes, the user's clients hear of it, the stanza goes on, and presence follows. */
#include <stdlib.h>

#include "actors/session/contacts.h"
#include "actors/session/privacy.h"
#include "xmpp/parser.h"

static void clear_request(struct roster_item *i)
{
	free(i->request);
	i->request = NULL;
}

/* All available clients of the user to a contact that may see them from now on, or no more. */
static void show_clients(struct passage *p, struct jid *contact, bool available)
{
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (!s->presence || !privacy_lets(p, s, PRIVACY_PRESENCE_OUT, contact))
			continue;
		if (available)
			passage_send(p, stanza_ref(s->presence), s->full, contact, PACKET_SERVER | PACKET_NO_STORE);
		else
			passage_send_presence(p, "unavailable", s->full, contact);
	}
}

/* Saving may free the item. */
static void change(struct passage *p, struct roster_item *i, enum roster_state next)
{
	i->state = next;
	if (!roster_is_asked(next))
		clear_request(i);
	contacts_push(p, i);
	contacts_save(p, i, NULL);
}

/* --- what the user wants --- */

static enum xep_verdict send(struct passage *p, enum roster_verb verb, struct jid *contact)
{
	struct roster_item *i = contacts_find(p->user, contact);
	enum roster_state state = i ? i->state : ROSTER_NONE;
	struct roster_step step = roster_outbound(state, verb);
	bool list = verb == ROSTER_SUBSCRIBE || (verb == ROSTER_SUBSCRIBED && step.pass);

	list = list && !(i && i->listed);
	if (list && contacts_is_full(p))
		return passage_refuse(p, STANZA_ERROR_POLICY_VIOLATION, "Too many elements in the user roster.");
	if (list || step.next != state) {
		i = contacts_get(p, contact);
		if (!i)
			return passage_refuse(p, STANZA_ERROR_POLICY_VIOLATION, NULL);
		if (list)
			contacts_list(p, i);
		change(p, i, step.next);
	}
	if (!step.pass)
		return XEP_DONE;
	passage_send(p, stanza_ref(p->packet.stanza), p->user->bare, contact, 0);
	if (roster_shows(state) != roster_shows(step.next))
		show_clients(p, contact, roster_shows(step.next));
	return XEP_DONE;
}

static enum xep_verdict outbound(struct passage *p, enum roster_verb verb)
{
	struct jid *contact;
	enum xep_verdict v;

	if (!p->packet.to || p->target == TARGET_SERVER)
		return XEP_PASS;
	if (jid_eq_bare(p->packet.to, p->user->bare))
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, NULL);
	if (p->server->desk_on && server_class(p->server, p->packet.to) == CLASS_VISITOR)
		return XEP_REFUSED; /* the desk shows a seat its visitors unasked */
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	if (p->user->roster == FACT_LOST)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	contact = jid_to_bare(p->packet.to);
	v = send(p, verb, contact);
	jid_unref(contact);
	return v;
}

/* --- what the contact wants --- */

static void deliver(struct passage *p, struct stanza *s, struct jid *contact, const struct session *only)
{
	LIST_EACH(it, &p->user->sessions) {
		const struct session *to = CONTAINER_OF(it, struct session, link);
		struct packet copy;

		if (only ? to != only : !session_is_available(p->users, to) || privacy_skips(p, to))
			continue;
		copy = packet_make(stanza_ref(s), contact, p->user->bare, PACKET_NO_STORE);
		outbox_deliver(p->out, to, &copy, 0);
	}
}

/* 3.1.3: the whole request is kept until it is answered. */
static void keep_request(struct roster_item *i, const struct stanza *s)
{
	struct buf saved = BUF_INIT;

	clear_request(i);
	stanza_save(&saved, s, jid_full(i->jid), SPAN_NONE);
	if (buf_len(&saved) <= ROSTER_REQUEST_MAX)
		i->request = buf_take_text(&saved);
	buf_fini(&saved);
}

static enum xep_verdict receive(struct passage *p, enum roster_verb verb, struct jid *contact)
{
	struct roster_item *i = contacts_find(p->user, contact);
	enum roster_state state = i ? i->state : ROSTER_NONE;
	struct roster_step step = roster_inbound(state, verb);

	if (step.answer) {
		passage_send_presence(p, "subscribed", p->user->bare, contact);
		return XEP_DONE;
	}
	if (!step.pass)
		return XEP_REFUSED;
	i = contacts_get(p, contact);
	if (!i)
		return XEP_REFUSED;
	if (verb == ROSTER_SUBSCRIBE)
		keep_request(i, p->packet.stanza);
	change(p, i, step.next);
	deliver(p, p->packet.stanza, contact, NULL);
	if (roster_shows(state) && !roster_shows(step.next))
		show_clients(p, contact, false);
	return XEP_DONE;
}

/* Accounts that do not exist keep silent, and so do those that do not answer: they look alike (3.1.3). */
static enum xep_verdict inbound(struct passage *p, enum roster_verb verb)
{
	struct jid *contact;
	enum xep_verdict v;

	if (jid_eq_bare(p->packet.from, p->user->bare))
		return XEP_REFUSED;
	if (!passage_knows_account(p))
		return XEP_WAIT;
	if (p->user->account == FACT_NO)
		return XEP_REFUSED;
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	if (p->user->account == FACT_LOST || p->user->roster == FACT_LOST)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	contact = jid_to_bare(p->packet.from);
	v = receive(p, verb, contact);
	jid_unref(contact);
	return v;
}

/* --- requests that wait --- */

static void show_request(struct passage *p, const struct roster_item *i, void *ctx UNUSED)
{
	static const struct xml_limits no_limits;
	struct stanza *s = NULL;

	if (!i->request || xml_parse_document(p->xml, span_of(i->request), &no_limits, &s) != STREAM_ERROR_NONE)
		s = passage_make_presence(p, "subscribe");
	deliver(p, s, i->jid, p->session);
	stanza_unref(s);
}

/* 3.1.3: at each login, until they are answered. */
static enum xep_verdict own_presence(struct passage *p)
{
	if (!p->session || p->session->saw_requests || p->user->class == CLASS_VISITOR)
		return XEP_PASS;
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	p->session->saw_requests = p->user->roster == FACT_YES;
	contacts_each(p, roster_is_asked, show_request, NULL);
	return XEP_PASS; /* presence-state, next in line, needs nothing more: this is not done twice */
}

static enum xep_verdict handle(struct passage *p)
{
	enum stanza_type type = stanza_type(p->packet.stanza);
	enum roster_verb verb;

	if (stanza_kind(p->packet.stanza) != STANZA_PRESENCE)
		return XEP_PASS;
	if (roster_verb_of(type, &verb))
		return p->direction == OUTBOUND ? outbound(p, verb) : inbound(p, verb);
	return p->direction == OUTBOUND && !p->packet.to && type == STANZA_TYPE_NONE ? own_presence(p) : XEP_PASS;
}

const struct xep xep_presence_subscription = {
	.plugin = CONFIG_PLUGIN_presence_subscription,
	.handle = handle,
	.handle_on = XEP_BOTH(STANZA_PRESENCE),
};
