/* Visitors come, fall silent, return and leave; what their rosters show; the notices that owners get of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/desk/state.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

/* Roster requests that wait for one answer of the pool. */
#define GETS_MAX 32u
#define CLOSE_AGAIN_MS 60000u

/* --- the visitor's roster --- */

static bool desk_view(const struct desk *self)
{
	return self->server->conf->desk_visitor_view == CONFIG_VIEW_DESK;
}

/* The one item of the visitor's roster, and what its presence comes from. */
static struct jid *item_of(struct desk *self, const struct conversation *c, struct notice_item *item,
			   struct jid **presence)
{
	const struct host *host = desk_host(self, c->visitor);
	struct jid *jid = c->owner && !desk_view(self) ? c->owner->bare : host->desk;

	*item = (struct notice_item){ .jid = jid_bare(jid), .name = jid_local(host->desk), .group = "留言" };
	if (c->owner) {
		item->name = jid_local(c->owner->bare);
		item->group = c->owner->class == CLASS_SEAT ? "客服" : "机器人";
	}
	*presence = desk_view(self) ? host->desk : c->owner ? c->owner->face : NULL;
	return jid;
}

static bool owner_is_seen(const struct conversation *c)
{
	return c->owner && c->owner->state != AGENT_GONE;
}

static void set_face(struct conversation *c, struct jid *face)
{
	jid_ref(face);
	jid_unref(c->face);
	c->face = face;
	c->face_agent = c->owner;
}

static void answer_get(struct desk *self, struct conversation *c, struct packet *p)
{
	struct notice_item item;
	struct jid *presence, *jid = item_of(self, c, &item, &presence);

	set_face(c, jid);
	desk_send(self, notice_roster_result(self->builder, p->stanza, SPAN_NONE, jid_full(p->from), &item), c->visitor,
		  p->from, PACKET_SERVER | PACKET_NO_STORE);
	if (owner_is_seen(c))
		desk_send(self, stanza_ref(self->available), presence, p->from, PACKET_SERVER | PACKET_NO_STORE);
	packet_clear(p);
}

void visitor_answer_gets(struct desk *self, struct conversation *c)
{
	struct packet p;

	if (list_empty(&c->gets))
		return;
	if (c->face)
		visitor_push_owner(self, c);
	while (held_pop(&c->gets, &c->get_count, &p))
		answer_get(self, c, &p);
}

/* A robot that nobody talked to yet is no owner: a seat may have become free. */
static bool has_answer(const struct conversation *c)
{
	if (c->phase == CONVERSATION_WAITING)
		return true;
	return owner_is_seen(c) && (c->phase == CONVERSATION_ACTIVE || c->owner->class == CLASS_SEAT);
}

void visitor_on_roster_get(struct desk *self, struct packet *p)
{
	struct conversation *c = desk_open(self, p->from);
	bool asking = c->asked != ASKED_NOTHING;

	if (!asking && !has_answer(c) && !conversation_is_owed(c)) {
		owner_reserve(self, c);
		asking = true;
	}
	/* With words that wait to be moved, or too many requests at once, the answer is what is known now. */
	if (!asking || !held_push(&c->gets, &c->get_count, GETS_MAX, p))
		answer_get(self, c, p);
}

static void push_item(struct desk *self, struct conversation *c, const struct notice_item *item)
{
	char id[CONVERSATION_ID_MAX + 16];

	for (unsigned i = 0; i < c->session_count; i++) {
		(void)snprintf(id, sizeof(id), "%s-r%" PRIu32, c->id, ++c->notices);
		desk_send(self, notice_roster_push(self->builder, id, item), c->visitor, c->sessions[i],
			  PACKET_SERVER | PACKET_NO_STORE);
	}
}

static void push_presence(struct desk *self, struct conversation *c, struct jid *from, bool available)
{
	desk_send(self, stanza_ref(available ? self->available : self->unavailable), from, c->visitor,
		  PACKET_SERVER | PACKET_NO_STORE);
}

/* New item, old one unavailable, new one available, old item removed: at every moment there is somebody to write
 * to. */
void visitor_push_owner(struct desk *self, struct conversation *c)
{
	struct notice_item item;
	struct jid *presence, *jid = item_of(self, c, &item, &presence), *old = jid_ref(c->face);
	bool same = old && jid_eq_bare(old, jid), known = same && (!desk_view(self) || c->face_agent == c->owner);

	set_face(c, jid);
	if (known || c->visitor_phase == VISITOR_PHASE_LEFT) {
		jid_unref(old);
		return;
	}
	push_item(self, c, &item);
	if (old && !same) {
		const struct agent *before = desk_find_agent(self, old);

		if (before)
			push_presence(self, c, before->face, false);
	}
	if (owner_is_seen(c))
		push_presence(self, c, presence, true);
	if (old && !same) {
		const struct notice_item gone = { jid_bare(old), SPAN_NONE, NULL, true };

		push_item(self, c, &gone);
	}
	jid_unref(old);
}

/* --- notices --- */

void visitor_notice(struct desk *self, struct conversation *c, struct agent *a, const char *kind, const char *reason,
		    const char *body)
{
	char id[CONVERSATION_ID_MAX + 16];
	bool left = strcmp(kind, "visitor-disconnected") == 0;
	struct notice n = { .id = id, .kind = kind, .conversation = c->id, .epoch = c->epoch, .reason = reason,
			    .at_us = left ? c->left_at_us : outside_wall_us(), .hold_s = -1, .body = body, .gone = left };

	if (left)
		n.hold_s = conversation_left_on_purpose(c) ? 0 : self->server->conf->desk_hold;
	(void)snprintf(id, sizeof(id), "%s-n%" PRIu32, c->id, ++c->notices);
	desk_send(self, notice_message(self->builder, &n), c->visitor, a->class == CLASS_ROBOT ? a->best : a->bare,
		  PACKET_SERVER | PACKET_NO_STORE);
}

static void notify_left(struct desk *self, struct conversation *c)
{
	const char *reason = conversation_left_reason(c);
	char *body;

	c->owes_notice = false;
	/* A robot has nothing to do with those who said nothing yet; a seat has seen them in its list. */
	if (!c->owner || conversation_is_notified(c) || (c->owner->class == CLASS_ROBOT && !c->talked))
		return;
	if (c->owner->state != AGENT_HERE) {
		c->owes_notice = true;
		return;
	}
	body = notice_disconnected_body(reason, c->left_at_us);
	visitor_notice(self, c, c->owner, "visitor-disconnected", reason, body);
	free(body);
	conversation_note_notified(c);
	metric_inc(METRIC_desk_notices);
}

void visitor_new_owner(struct desk *self, struct conversation *c)
{
	struct conversation_times times;
	uint64_t now_ms = actor_now_ms();

	if (c->visitor_phase != VISITOR_PHASE_LEFT)
		return;
	desk_times(self, &times);
	c->due[DUE_SLOT] = now_ms + times.hold_ms;
	c->due[DUE_CLOSE] = now_ms + times.return_window_ms;
	if (c->left_at_us)
		notify_left(self, c);
}

struct conversation *visitor_open_absent(struct desk *self, struct jid *visitor)
{
	struct conversation *c = desk_find(self, visitor);
	struct conversation_times times;

	if (c)
		return c;
	c = desk_open(self, visitor);
	desk_times(self, &times);
	c->visitor_phase = VISITOR_PHASE_LEFT;
	c->left_how = CLOSE_SHUTDOWN;
	c->due[DUE_CLOSE] = actor_now_ms() + times.return_window_ms;
	desk_place(self, c);
	desk_schedule(self, c);
	return c;
}

/* Who only looked is remembered no longer, but for an owner who is to hear of it when its line is back, and for a seat whose first
 * word to it waits for the pool. */
static bool only_looked(const struct conversation *c)
{
	return !conversation_is_owed(c) && !c->talked && !c->owes_notice && list_empty(&c->claims) &&
	       (c->phase == CONVERSATION_RESERVED || c->phase == CONVERSATION_IDLE);
}

void visitor_owner_is_back(struct desk *self, struct conversation *c)
{
	if (!c->owes_notice || c->visitor_phase != VISITOR_PHASE_LEFT)
		return;
	notify_left(self, c);
	if (only_looked(c))
		c->due[DUE_CLOSE] = actor_now_ms();
}

/* --- coming and going --- */

static void came(struct desk *self, struct desk_visitor *v)
{
	struct conversation *c = desk_open(self, v->visitor);

	if (!jid_is_bare(v->visitor))
		conversation_add_session(c, v->visitor, v->sessions);
	if (conversation_came(c)) {
		desk_place(self, c);
		owner_show(self, c);
		if (conversation_is_notified(c) && c->owner->state == AGENT_HERE)
			visitor_notice(self, c, c->owner, "visitor-returned", NULL, "【系统】访客已返回\nThe visitor is back.");
		left_tell(self, c);
	}
	c->notified = 0;
	c->owes_notice = false;
	desk_schedule(self, c);
}

static void grace_now_or_later(struct desk *self, struct conversation *c)
{
	if (c->due[DUE_GRACE] && c->due[DUE_GRACE] <= actor_now_ms())
		visitor_due_grace(self, c);
	else
		desk_schedule(self, c);
}

void visitor_on_event(struct desk *self, struct desk_visitor *v)
{
	struct conversation *c;
	struct conversation_times times;

	if (v->event == VISITOR_ONLINE || v->event == VISITOR_PRESENT) {
		came(self, v);
		return;
	}
	c = desk_find(self, v->visitor);
	if (!c)
		return;
	desk_times(self, &times);
	if (v->event == VISITOR_ABSENT)
		conversation_silent(c, actor_now_ms(), outside_wall_us(), &times);
	else
		conversation_ended(c, v->reason, actor_now_ms(), outside_wall_us(), &times);
	grace_now_or_later(self, c);
}

void visitor_due_grace(struct desk *self, struct conversation *c)
{
	struct conversation_times times;

	desk_times(self, &times);
	conversation_left(c, actor_now_ms(), &times);
	notify_left(self, c);
	if (only_looked(c)) {
		desk_close(self, c);
		return;
	}
	owner_show(self, c);
	if (conversation_left_on_purpose(c) && c->slot && c->asked == ASKED_NOTHING) {
		c->due[DUE_SLOT] = 0;
		owner_release(self, c);
	}
	desk_place(self, c);
	desk_schedule(self, c);
}

void visitor_due_close(struct desk *self, struct conversation *c)
{
	if (desk_can_close(c)) {
		desk_close(self, c);
		return;
	}
	c->due[DUE_CLOSE] = actor_now_ms() + CLOSE_AGAIN_MS;
	desk_schedule(self, c);
}
