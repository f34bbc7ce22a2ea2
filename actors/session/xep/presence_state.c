/* Presence, RFC 6121 4: who is told that a client is there, and what a client is told when it comes. Visitors with a
 * desk have no audience: the desk tells their owner.
 *
 * Deviation from 4.3.2: a probe by somebody who may not know, or of somebody who is not there, is not answered at
 * all. So the two look alike, and nothing has to be loaded for users who are offline. */
#include <stdlib.h>

#include "actors/session/contacts.h"
#include "actors/session/pace.h"
#include "actors/session/privacy.h"

#define PRESENCE_FLAGS (PACKET_SERVER | PACKET_NO_STORE)

struct broadcast {
	struct stanza *stanza;
	struct jid *from;
	enum privacy_kind kind;  /* for the list that is over the client */
	const struct session *s; /* the client; NULL = gone */
};

static void tell_contact(struct passage *p, struct jid *contact, void *ctx)
{
	const struct broadcast *b = ctx;

	if (privacy_lets(p, b->s, b->kind, contact))
		passage_send(p, stanza_ref(b->stanza), b->from, contact, PRESENCE_FLAGS);
}

/* The user's clients see each other, the sender itself too (4.2.2). */
static void tell_own(struct passage *p, const struct broadcast *b)
{
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);
		struct packet copy;

		if (!s->presence)
			continue;
		copy = packet_make(stanza_ref(b->stanza), b->from, s->full, PRESENCE_FLAGS);
		outbox_deliver(p->out, s, &copy, 0);
	}
}

/* 4.6.3: those outside the roster who were told of this client. */
static void tell_directed(struct passage *p, const struct session *s, const struct broadcast *b)
{
	for (unsigned k = 0; k < s->directed_count; k++)
		if (!roster_shows(contacts_state(p->user, s->directed[k])))
			passage_send(p, stanza_ref(b->stanza), b->from, s->directed[k], PRESENCE_FLAGS);
}

/* The first presence of a client: it learns who else is there. */
static void greet(struct passage *p, struct session *newcomer)
{
	struct broadcast probe = { passage_make_presence(p, "probe"), newcomer->full, PRIVACY_PRESENCE_IN, newcomer };

	contacts_each_jid(p, roster_sees, tell_contact, &probe);
	stanza_unref(probe.stanza);
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);
		struct packet copy;

		if (s == newcomer || !s->presence)
			continue;
		copy = packet_make(stanza_ref(s->presence), s->full, newcomer->full, PRESENCE_FLAGS);
		outbox_deliver(p->out, newcomer, &copy, 0);
	}
}

static void announce(struct passage *p)
{
	struct session *s = p->session;
	struct broadcast b = { p->packet.stanza, s->full, PRIVACY_PRESENCE_OUT, s };

	session_note_presence(p->users, s, p->packet.stanza);
	contacts_each_jid(p, roster_shows, tell_contact, &b);
	tell_own(p, &b);
	if (!s->is_announced)
		greet(p, s);
	s->is_announced = true;
}

static void withdraw(struct passage *p)
{
	struct session *s = p->session;
	struct broadcast b = { p->packet.stanza, s->full, PRIVACY_PRESENCE_OUT, s };

	if (!s->presence)
		return;
	contacts_each_jid(p, roster_shows, tell_contact, &b);
	tell_directed(p, s, &b);
	tell_own(p, &b);
	session_note_presence(p->users, s, p->packet.stanza);
	s->is_announced = false;
}

/* The session ended before its roster was there. What stands in for it has the list that was over it, if it is still there. */
static void withdraw_late(struct passage *p)
{
	struct session gone = { .active = NULL };
	struct broadcast b = { p->packet.stanza, p->packet.from, PRIVACY_PRESENCE_OUT, &gone };
	char *list;

	if (!(p->packet.flags & PACKET_SERVER))
		return;
	list = users_take_leaving(p->users, p->packet.from);
	if (list && p->user->privacy)
		gone.active = privacy_find(p->user->privacy, span_of(list));
	free(list);
	contacts_each_jid(p, roster_shows, tell_contact, &b);
	tell_own(p, &b);
}

static bool has_no_audience(const struct passage *p)
{
	return p->server->desk_on && p->user->class == CLASS_VISITOR;
}

static enum xep_verdict own_presence(struct passage *p)
{
	bool available = stanza_type(p->packet.stanza) == STANZA_TYPE_NONE;

	if (has_no_audience(p)) {
		if (p->session)
			session_note_presence(p->users, p->session, p->packet.stanza);
		return XEP_DONE;
	}
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	if (pace_holds(p))
		return XEP_DONE;
	if (!p->session && !available)
		withdraw_late(p);
	else if (p->session && available)
		announce(p);
	else if (p->session)
		withdraw(p);
	return XEP_DONE;
}

/* To one of the user's clients only when the probe names it (4.3.2). */
static enum xep_verdict answer_probe(struct passage *p)
{
	if (user_resources(p->users, p->user) == DELIVERY_NOBODY)
		return XEP_REFUSED;
	if (!jid_eq_bare(p->packet.from, p->user->bare)) {
		if (!passage_knows_roster(p))
			return XEP_WAIT;
		if (!roster_shows(contacts_state(p->user, p->packet.from)))
			return XEP_REFUSED;
	}
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (s->presence && (jid_is_bare(p->packet.to) || s == p->session) &&
		    privacy_lets(p, s, PRIVACY_PRESENCE_OUT, p->packet.from))
			passage_send(p, stanza_ref(s->presence), s->full, p->packet.from, PRESENCE_FLAGS);
	}
	return XEP_DONE;
}

static enum xep_verdict handle(struct passage *p)
{
	enum stanza_type type = stanza_type(p->packet.stanza);
	bool state = type == STANZA_TYPE_NONE || type == STANZA_TYPE_UNAVAILABLE;

	if (passage_is(p, INBOUND, STANZA_PRESENCE))
		return type == STANZA_TYPE_PROBE ? answer_probe(p) : XEP_PASS;
	if (!passage_is(p, OUTBOUND, STANZA_PRESENCE) || !state)
		return XEP_PASS;
	if (!p->packet.to)
		return own_presence(p);
	if (p->target == TARGET_OTHER && p->session)
		session_note_directed(p->session, p->packet.to, type == STANZA_TYPE_NONE);
	return XEP_PASS;
}

/* The roster is here but for a moment after a failed write: then this waits for it like any stanza. */
static void withdraw_gone(struct passage *p, struct broadcast *b)
{
	struct packet late;

	if (passage_knows_roster(p)) {
		contacts_each_jid(p, roster_shows, tell_contact, b);
		tell_own(p, b);
		return;
	}
	if (b->s->active)
		users_note_leaving(p->users, b->from, b->s->active->name);
	late = packet_make(stanza_ref(b->stanza), b->from, NULL, PACKET_SERVER);
	list_push_back(&p->user->waiting, &waiting_new(&late, true, 0)->link);
	p->user->waiting_count++;
}

static void closed(struct passage *p, enum close_reason reason UNUSED)
{
	struct session *s = p->session;
	struct broadcast b;

	if (!s->presence && s->directed_count == 0)
		return;
	b = (struct broadcast){ passage_make_presence(p, "unavailable"), s->full, PRIVACY_PRESENCE_OUT, s };
	tell_directed(p, s, &b);
	if (s->presence && !has_no_audience(p))
		withdraw_gone(p, &b);
	stanza_unref(b.stanza);
}

const struct xep xep_presence_state = {
	.plugin = CONFIG_PLUGIN_presence_state,
	.handle = handle,
	.handle_on = XEP_BOTH(STANZA_PRESENCE),
	.closed = closed,
};
