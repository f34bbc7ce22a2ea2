/* Stanzas from and to visitors: who reaches whom, under which address (docs/live-chat-protocol.md, "Addresses"). */
#include <stdlib.h>

#include "actors/desk/state.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

/* Messages of seats that wait for one answer of the pool, which takes microseconds. */
#define CLAIMS_MAX 16u
/* A returned word is tried again when the news of what happened to its receiver had time to come. */
#define RETRY_MS 1000u
#define RETRIES_MAX 3u

/* --- to the owner --- */

static void show_word(struct desk *self, struct conversation *c, struct word *w)
{
	struct agent *a = c->owner;
	bool robot = a->class == CLASS_ROBOT, failed = w->robots_failed >= CONVERSATION_ROBOTS_MAX;
	struct notice_stamp stamp = { .epoch = c->epoch, .domain = jid_domain(c->visitor) };
	struct pledge *arrival = pledge_of_desk(self->self, c->visitor, ++self->numbers);
	struct stanza *sent;

	if (robot || failed)
		stamp.conversation = c->id;
	if (c->seat)
		stamp.seat = jid_bare(c->seat);
	if (failed)
		stamp.robots_failed = w->robots_failed;
	if (w->late)
		stamp.delay_us = w->time_us;
	sent = notice_stamped(self->builder, w->stanza, &stamp);
	conversation_show(c, w, sent, self->numbers);
	if (config_durability(self->server->conf, jid_domain(c->visitor)) == CONFIG_DURABILITY_D0)
		pledge_drop(&w->pledge); /* the queue of its receiver is enough */
	if (robot)
		metric_inc(METRIC_desk_to_robot);
	desk_send_owed(self, sent, w->from, robot ? a->best : a->bare, PACKET_KEPT, &arrival);
}

void traffic_show_words(struct desk *self, struct conversation *c)
{
	uint64_t now_ms = actor_now_ms();
	struct word *w;
	bool any = false;

	ASSERT(c->owner && c->owner->state == AGENT_HERE);
	while ((w = conversation_next_word(c))) {
		show_word(self, c, w);
		any = true;
	}
	if (any && c->owner->class == CLASS_ROBOT && !c->due[DUE_ROBOT] && self->server->conf->desk_robot_deadline)
		c->due[DUE_ROBOT] = now_ms + (uint64_t)self->server->conf->desk_robot_deadline * 1000;
	left_settle(self, c);
	desk_schedule(self, c);
}

/* What is not kept: typing, receipts, errors. Worth nothing to anybody but the present owner, now. */
static void pass_to_owner(struct desk *self, struct conversation *c, struct packet *p)
{
	const struct notice_stamp no_stamp = { 0 };
	struct agent *a = c->owner;

	if (!a || a->state != AGENT_HERE || (c->phase != CONVERSATION_ACTIVE && a->class != CLASS_SEAT))
		return;
	desk_send(self, notice_stamped(self->builder, p->stanza, &no_stamp), p->from,
		  a->class == CLASS_ROBOT ? a->best : a->bare, PACKET_NO_STORE);
}

/* --- from a visitor --- */

enum target { TARGET_AGENT, TARGET_DESK, TARGET_WALL };

static enum target target_of(struct desk *self, const struct packet *p)
{
	enum client_class class;

	if (!p->to)
		return TARGET_DESK;
	if (!span_eq(jid_domain(p->to), jid_domain(p->from)) || p->to->local_n == 0)
		return TARGET_WALL;
	if (server_is_desk(self->server, p->to))
		return TARGET_DESK;
	class = server_class(self->server, p->to);
	return class == CLASS_SEAT || class == CLASS_ROBOT ? TARGET_AGENT : TARGET_WALL;
}

static void set_jid(struct jid **slot, struct jid *taken)
{
	jid_unref(*slot);
	*slot = taken;
}

/* Words of the same text are told apart by it when they are read from the log (left.c). */
static uint64_t time_of_its_own(struct desk *self)
{
	uint64_t now_us = outside_wall_us();

	if (now_us <= self->last_word_us && self->last_word_us - now_us < 1000) /* not after a clock that was set back */
		now_us = self->last_word_us + 1;
	self->last_word_us = now_us;
	return now_us;
}

static void keep_word(struct desk *self, struct conversation *c, struct packet *p)
{
	struct list dropped;
	struct word *w;

	list_init(&dropped);
	w = conversation_add_word(c, p->stanza, p->from, ++self->numbers, time_of_its_own(self),
				  (unsigned)self->server->conf->desk_waiting_max, &dropped);
	if (!w) {
		metric_limit(METRIC_limit_desk);
		desk_bounce(self, p, STANZA_ERROR_RESOURCE_CONSTRAINT,
			    "留言已满，请稍后再试 / too many messages are waiting already");
		return;
	}
	w->pledge = p->pledge;
	p->pledge = NULL;
	desk_drop_words(self, c, &dropped);
	if (p->to && !c->seat && server_class(self->server, p->to) == CLASS_SEAT)
		set_jid(&c->seat, jid_to_bare(p->to));
	if (!c->face)
		set_jid(&c->face, p->to ? jid_to_bare(p->to) : jid_ref(desk_host(self, p->from)->desk));
	owner_seek(self, c);
	desk_schedule(self, c);
}

/* The server could neither deliver nor keep what an agent said. The agent hears that whoever has the conversation by now,
 * and also while its line is lost: its session may be resumed. Under the desk's address only the owner is known. */
static void error_for_agent(struct desk *self, struct packet *p)
{
	const struct notice_stamp no_stamp = { 0 };
	struct conversation *c = desk_find(self, p->from);
	struct jid *to = NULL;

	if (target_of(self, p) == TARGET_AGENT)
		to = jid_to_bare(p->to);
	else if (c && c->owner)
		to = jid_ref(c->owner->bare);
	if (to)
		desk_send_owed(self, notice_stamped(self->builder, p->stanza, &no_stamp), p->from, to,
			       PACKET_SERVER | PACKET_NO_STORE, &p->pledge);
	jid_unref(to);
}

static void message_from_visitor(struct desk *self, struct packet *p)
{
	struct conversation *c;
	enum stanza_type type = stanza_type(p->stanza);

	if (target_of(self, p) == TARGET_WALL) {
		metric_inc(METRIC_desk_refused);
		desk_bounce(self, p, STANZA_ERROR_FORBIDDEN, NULL);
		return;
	}
	if (type == STANZA_TYPE_GROUPCHAT) {
		desk_bounce(self, p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
		return;
	}
	if (type == STANZA_TYPE_ERROR && (p->flags & PACKET_SERVER)) {
		error_for_agent(self, p);
		return;
	}
	c = desk_open(self, p->from);
	if (type != STANZA_TYPE_ERROR && stanza_has_body(p->stanza))
		keep_word(self, c, p);
	else
		pass_to_owner(self, c, p);
}

static bool is_request(const struct stanza *iq)
{
	return stanza_type(iq) == STANZA_TYPE_GET || stanza_type(iq) == STANZA_TYPE_SET;
}

/* The owner's client hides behind a fixed resource: of its own address, or of the desk's. */
static bool is_face(const struct packet *p)
{
	return p->to && span_is(jid_resource(p->to), NOTICE_SEAT_RESOURCE);
}

static void answer_info(struct desk *self, const struct packet *p)
{
	struct jid *desk = desk_host(self, p->from)->desk;
	struct stanza *info = notice_desk_info(self->builder, p->stanza, jid_full(desk), jid_full(p->from),
					       self->server->conf->desk_name);

	desk_send(self, info, desk, p->from, PACKET_SERVER | PACKET_NO_STORE);
}

static void iq_from_visitor(struct desk *self, struct packet *p)
{
	struct conversation *c = desk_find(self, p->from);
	struct agent *a = c ? c->owner : NULL;
	enum target target = target_of(self, p);
	bool request = is_request(p->stanza);

	if (target == TARGET_DESK && stanza_type(p->stanza) == STANZA_TYPE_GET && !is_face(p) &&
	    stanza_child(p->stanza, STANZA_TOP, "query", NS_DISCO_INFO) != STANZA_NO_EL) {
		answer_info(self, p);
	} else if (target != TARGET_WALL && is_face(p) && a && a->state == AGENT_HERE) {
		desk_send(self, stanza_ref(p->stanza), p->from, !request && c->iq_asker ? c->iq_asker : a->best,
			  PACKET_NO_STORE);
	} else if (request) {
		metric_inc(METRIC_desk_refused);
		desk_bounce(self, p, target == TARGET_WALL ? STANZA_ERROR_FORBIDDEN : STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	}
}

void traffic_from_visitor(struct desk *self, struct packet *p)
{
	switch (stanza_kind(p->stanza)) {
	case STANZA_MESSAGE:
		message_from_visitor(self, p);
		break;
	case STANZA_IQ:
		iq_from_visitor(self, p);
		break;
	default: /* the desk itself tells owners where their visitors are; subscriptions exist without asking */
		metric_inc(METRIC_desk_refused);
		break;
	}
}

/* --- to a visitor --- */

static struct jid *face_of(struct desk *self, const struct conversation *c, const struct agent *a)
{
	if (self->server->conf->desk_visitor_view == CONFIG_VIEW_DESK)
		return desk_host(self, c->visitor)->desk;
	return a->face;
}

static void note_activity(struct desk *self, struct conversation *c, const struct stanza *s, bool body)
{
	struct list answered;

	if (body) {
		list_init(&answered);
		conversation_answered(c, &answered);
		desk_drop_words(self, c, &answered);
	} else if (c->due[DUE_ROBOT] && stanza_child(s, STANZA_TOP, "composing", NS_CHATSTATES) != STANZA_NO_EL) {
		c->due[DUE_ROBOT] = actor_now_ms() + (uint64_t)self->server->conf->desk_robot_deadline * 1000;
	}
	desk_schedule(self, c);
}

static void deliver_to_visitor(struct desk *self, struct conversation *c, struct packet *p, bool body)
{
	note_activity(self, c, p->stanza, body && stanza_type(p->stanza) != STANZA_TYPE_ERROR);
	desk_send_owed(self, stanza_ref(p->stanza), face_of(self, c, c->owner), c->visitor, body ? 0 : PACKET_NO_STORE,
		       &p->pledge);
}

static void bounce_late(struct desk *self, struct conversation *c, struct packet *p)
{
	struct buf text = BUF_INIT;
	char *owned;

	metric_inc(METRIC_desk_bounced);
	if (c && c->owner) {
		struct span name = jid_local(c->owner->bare);

		buf_addf(&text, "会话已转接给 %.*s / already taken by %.*s", SPAN_FMT(name), SPAN_FMT(name));
	} else {
		buf_add_text(&text, "会话不在您这里 / this conversation is not yours");
	}
	owned = buf_take_text(&text);
	desk_bounce(self, p, STANZA_ERROR_NOT_ALLOWED, owned);
	free(owned);
}

/* May this seat, which is not the active owner, become it by speaking? */
static bool may_claim(struct desk *self, const struct conversation *c, const struct jid *seat)
{
	if (!c->owner || (c->phase == CONVERSATION_RESERVED && c->owner->class == CLASS_ROBOT))
		return true;
	if (jid_eq_bare(c->owner->bare, seat))
		return true;
	return c->owner->class == CLASS_ROBOT && c->seat && jid_eq_bare(c->seat, seat) &&
	       self->server->conf->desk_on_return != CONFIG_RETURN_NEVER;
}

static bool is_active_owner(const struct conversation *c, const struct jid *sender)
{
	return c->owner && c->phase == CONVERSATION_ACTIVE && jid_eq_bare(c->owner->bare, sender);
}

static void claim(struct desk *self, struct conversation *c, struct packet *p)
{
	struct jid *seat = jid_ref(p->from);

	if (!held_push(&c->claims, &c->claim_count, CLAIMS_MAX, p))
		desk_bounce(self, p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	else if (c->asked == ASKED_NOTHING)
		owner_claim(self, c, seat);
	jid_unref(seat);
}

void traffic_settle_claims(struct desk *self, struct conversation *c, const struct jid *full)
{
	struct packet p;
	struct list waiting = c->claims;
	unsigned count = c->claim_count;

	if (list_empty(&c->claims))
		return;
	/* Taken off first: a claim that asks again starts a new list. */
	waiting.next->prev = waiting.prev->next = &waiting;
	list_init(&c->claims);
	c->claim_count = 0;
	while (held_pop(&waiting, &count, &p)) {
		if (is_active_owner(c, p.from))
			deliver_to_visitor(self, c, &p, true);
		else if (full && jid_eq_bare(p.from, full))
			desk_bounce(self, &p, STANZA_ERROR_RESOURCE_CONSTRAINT, "您的接待数已满 / you have no free slot");
		else if (may_claim(self, c, p.from))
			claim(self, c, &p);
		else
			bounce_late(self, c, &p);
		packet_clear(&p);
	}
}

static void message_from_agent(struct desk *self, struct packet *p, bool seat)
{
	struct conversation *c = desk_find(self, p->to);
	bool error = stanza_type(p->stanza) == STANZA_TYPE_ERROR, body = stanza_has_body(p->stanza) && !error;

	if (c && c->owner && jid_eq_bare(c->owner->bare, p->from) && (!body || c->phase == CONVERSATION_ACTIVE)) {
		deliver_to_visitor(self, c, p, body);
		return;
	}
	if (!body)
		return; /* typing and receipts of somebody who has no part in this */
	if (seat) {
		if (!c)
			c = visitor_open_absent(self, p->to);
		if (c->asked != ASKED_NOTHING || may_claim(self, c, p->from)) {
			claim(self, c, p);
			return;
		}
	}
	bounce_late(self, c, p);
}

static void iq_to_visitor(struct desk *self, struct packet *p)
{
	struct conversation *c = desk_find(self, p->to);
	bool request = is_request(p->stanza);
	struct jid *from;

	if (!c || !c->owner || !jid_eq_bare(c->owner->bare, p->from)) {
		if (request)
			desk_bounce(self, p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
		return;
	}
	/* To the bare JID: the server answers, to the seat's real address; the visitor does not see it. */
	from = jid_is_bare(p->to) ? p->from : c->owner->face;
	if (from != p->from && self->server->conf->desk_visitor_view == CONFIG_VIEW_DESK)
		from = desk_host(self, p->to)->face;
	if (request && from != p->from)
		set_jid(&c->iq_asker, jid_ref(p->from));
	desk_send(self, stanza_ref(p->stanza), from, p->to, PACKET_NO_STORE);
}

static void presence_to_visitor(struct desk *self, struct packet *p)
{
	struct conversation *c = desk_find(self, p->to);

	if (c && c->owner && jid_eq_bare(c->owner->bare, p->from) && stanza_type(p->stanza) == STANZA_TYPE_NONE)
		desk_send(self, stanza_ref(p->stanza), face_of(self, c, c->owner), c->visitor, PACKET_NO_STORE);
}

void traffic_to_visitor(struct desk *self, struct packet *p)
{
	enum client_class class = server_class(self->server, p->from);
	bool own_domain = span_eq(jid_domain(p->from), jid_domain(p->to));

	/* the server itself, and the visitor's other sessions */
	if (own_domain && (p->from->local_n == 0 || jid_eq_bare(p->from, p->to))) {
		desk_send_owed(self, stanza_ref(p->stanza), p->from, p->to, p->flags, &p->pledge);
		return;
	}
	if (!own_domain || (class != CLASS_SEAT && class != CLASS_ROBOT)) {
		if (stanza_kind(p->stanza) == STANZA_MESSAGE || stanza_kind(p->stanza) == STANZA_IQ)
			desk_bounce(self, p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
		return;
	}
	if (stanza_kind(p->stanza) == STANZA_MESSAGE)
		message_from_agent(self, p, class == CLASS_SEAT);
	else if (stanza_kind(p->stanza) == STANZA_IQ)
		iq_to_visitor(self, p);
	else
		presence_to_visitor(self, p);
}

/* --- what became of it --- */

void traffic_arrived(struct desk *self, const struct desk_handled *m)
{
	struct conversation *c = desk_find(self, m->visitor);
	struct list answered;

	if (!c)
		return;
	list_init(&answered);
	conversation_arrived(c, m->number, &answered);
	desk_drop_words(self, c, &answered);
	left_settle(self, c);
}

void traffic_came_back(struct desk *self, struct packet *p)
{
	struct conversation *c = p->from ? desk_find(self, p->from) : NULL;
	struct agent *a = p->to ? desk_find_agent(self, p->to) : NULL;

	if (!c || !a || !conversation_came_back(c, p->stanza, a) || a != c->owner)
		return;
	if (a->state == AGENT_HERE) {
		if (++c->tries > RETRIES_MAX)
			owner_failed(self, c, a->class == CLASS_ROBOT ? REASON_ROBOT_FAILED : REASON_SEAT_UNREACHABLE);
		else
			c->due[DUE_RETRY] = actor_now_ms() + RETRY_MS;
	}
	desk_schedule(self, c);
}
