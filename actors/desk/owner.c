/* Who has a conversation: asking the pool, taking its answers, moving what a lost owner leaves behind. */
#include <stdlib.h>

#include "actors/desk/state.h"
#include "runtime/log.h"
#include "runtime/metric.h"

/* A whole office that drops at once must not flood the few who stay (live-chat 4.1). */
#define MOVES_PER_SECOND 50u

/* --- what the owner and the visitor see of each other --- */

static void contact(struct desk *self, struct conversation *c, struct agent *seat, const char *group)
{
	struct shard_contact *m = MSG_NEW(shard_contact, shard_contact);
	struct span local = jid_local(c->visitor);
	struct buf name = BUF_INIT;
	size_t tail = local.n < 4 ? local.n : 4;

	m->user = jid_ref(seat->bare);
	m->contact = jid_ref(c->visitor);
	m->remove = group == NULL;
	if (group) {
		buf_addf(&name, "访客 %.*s", (int)tail, local.p + local.n - tail);
		m->name = buf_take_text(&name);
		m->group = xstrdup(group);
	}
	actor_send(server_shard(self->server, seat->bare), &m);
}

static void seat_loses_sight(struct desk *self, struct conversation *c, struct agent *seat)
{
	if (seat->state == AGENT_HERE)
		desk_send(self, stanza_ref(self->unavailable), c->visitor, seat->bare, PACKET_SERVER | PACKET_NO_STORE);
	contact(self, c, seat, NULL);
}

void owner_show(struct desk *self, struct conversation *c)
{
	struct agent *seat = c->owner;
	bool left = c->visitor_phase == VISITOR_PHASE_LEFT;

	if (!seat || seat->class != CLASS_SEAT)
		return;
	contact(self, c, seat, left ? "已离开" : c->phase == CONVERSATION_RESERVED ? "浏览中" : "进行中");
	if (seat->state == AGENT_HERE)
		desk_send(self, stanza_ref(left ? self->unavailable : self->available), c->visitor, seat->bare,
			  PACKET_SERVER | PACKET_NO_STORE);
}

void owner_disown(struct desk *self, struct conversation *c)
{
	struct agent *old = c->owner;

	if (!old)
		return;
	conversation_disown(c);
	if (old->class == CLASS_SEAT)
		seat_loses_sight(self, c, old);
}

/* --- asking --- */

static struct pool_ask *ask_new(struct desk *self, struct conversation *c)
{
	struct pool_ask *a = MSG_NEW(pool_ask, pool_ask);
	struct jid *seat = c->owner && c->owner->class == CLASS_SEAT ? c->owner->bare : c->seat;

	a->visitor = jid_ref(c->visitor);
	a->serial = c->serial = ++self->numbers;
	a->seat = jid_ref(seat);
	a->robot = jid_ref(c->robot);
	for (size_t i = 0; i < POLICY_BARRED_MAX; i++) {
		struct agent *barred = c->barred[i].agent;

		if (barred && conversation_is_barred(c, barred))
			a->barred[i] = jid_ref(barred->bare);
	}
	a->since_us = conversation_since_us(c);
	a->reason = c->reason;
	a->commit = true;
	return a;
}

static void ask_send(struct desk *self, struct conversation *c, struct pool_ask *a, enum conversation_asked what)
{
	ASSERT(c->asked == ASKED_NOTHING);
	c->asked = what;
	list_remove(&c->move);
	actor_send(self->server->pool, &a);
}

void owner_reserve(struct desk *self, struct conversation *c)
{
	struct pool_ask *a = ask_new(self, c);

	a->commit = false;
	a->robots = true;
	a->reason = REASON_ROSTER_GET;
	ask_send(self, c, a, ASKED_RESERVE);
}

static void ask_commit(struct desk *self, struct conversation *c)
{
	struct pool_ask *a = ask_new(self, c);

	a->wait = true;
	a->returning = c->returning;
	a->robots = conversation_suits_robots(c);
	a->robots_first = c->reason == REASON_ROBOT_FAILED;
	ask_send(self, c, a, ASKED_COMMIT);
}

/* A robot has it and a seat may be free: its own one before others, else the robot goes on. */
static void ask_switch(struct desk *self, struct conversation *c)
{
	struct pool_ask *a = ask_new(self, c);
	struct agent *own = c->seat ? desk_find_agent(self, c->seat) : NULL;

	a->robots = true;
	a->reason = own && own->state == AGENT_HERE ? REASON_SEAT_RETURNED : REASON_SEAT_CAME;
	ask_send(self, c, a, ASKED_SWITCH);
}

void owner_claim(struct desk *self, struct conversation *c, struct jid *seat)
{
	struct pool_ask *a = ask_new(self, c);

	jid_unref(a->seat);
	a->seat = jid_to_bare(seat);
	a->seats = POLICY_SEATS_OWN;
	a->keep = true;
	a->returning = c->returning && c->seat && jid_eq_bare(c->seat, seat);
	a->reason = REASON_SEAT_TOOK;
	ask_send(self, c, a, ASKED_CLAIM);
}

void owner_release(struct desk *self, struct conversation *c)
{
	struct pool_release *r = MSG_NEW(pool_release, pool_release);

	r->visitor = jid_ref(c->visitor);
	r->serial = c->serial = ++self->numbers;
	c->asked = ASKED_NOTHING;
	c->slot = false;
	c->returning = true;
	actor_send(self->server->pool, &r);
}

/* --- coming to rest --- */

/* A robot has it because no seat was free; a person is better. Whether one is free now, the pool knows. */
static bool wants_seat(struct desk *self, struct conversation *c)
{
	return c->owner->class == CLASS_ROBOT && self->server->conf->desk_on_return == CONFIG_RETURN_AUTO &&
	       desk_host(self, c->visitor)->taking > 0;
}

void owner_seek(struct desk *self, struct conversation *c)
{
	if (c->asked != ASKED_NOTHING || !conversation_is_owed(c) || remember_waits(self, c))
		return;
	if (c->phase != CONVERSATION_ACTIVE || !c->owner) {
		ask_commit(self, c);
	} else if (c->owner->state == AGENT_HELD) {
		conversation_mark_late(c);
	} else if (conversation_next_word(c)) {
		if (!c->slot)
			ask_commit(self, c);
		else if (wants_seat(self, c))
			ask_switch(self, c);
		else
			traffic_show_words(self, c);
	}
}

/* --- the pool's answers --- */

static void set_own(struct jid **own, struct jid *bare)
{
	jid_ref(bare);
	jid_unref(*own);
	*own = bare;
}

static bool is_move(const struct conversation *c, const struct agent *before)
{
	return c->talked && before && before != c->owner;
}

static void tell_moved(struct desk *self, struct conversation *c, const struct agent *before, enum desk_reason reason)
{
	struct buf body = BUF_INIT;
	char *text;

	LOG_INFO("desk", "%.*s: %s moves from %.*s to %.*s, epoch %u (%s)", SPAN_FMT(jid_bare(c->visitor)), c->id,
		 SPAN_FMT(jid_bare(before->bare)), SPAN_FMT(jid_bare(c->owner->bare)), c->epoch, desk_reason_text(reason));
	metric_inc(METRIC_desk_moved);
	if (c->owner->class != CLASS_SEAT)
		return;
	buf_addf(&body, "【系统】此会话由 %.*s 转来\nThis conversation was with %.*s before.",
		 SPAN_FMT(jid_local(before->bare)), SPAN_FMT(jid_local(before->bare)));
	text = buf_take_text(&body);
	visitor_notice(self, c, c->owner, "assigned", desk_reason_text(reason), text);
	free(text);
}

static void given(struct desk *self, struct conversation *c, struct agent *a, bool commit, enum desk_reason reason)
{
	struct agent *before = c->owner ? c->owner : c->last_owner;
	bool changed;

	if (c->owner && c->owner != a)
		owner_disown(self, c);
	changed = conversation_own(c, a);
	changed |= c->phase != (commit ? CONVERSATION_ACTIVE : CONVERSATION_RESERVED);
	c->phase = commit ? CONVERSATION_ACTIVE : CONVERSATION_RESERVED;
	c->slot = commit;
	c->told = false;
	c->returning = false;
	c->reason = REASON_NEXT_MESSAGE;
	if (a->class == CLASS_ROBOT)
		set_own(&c->robot, a->bare);
	else if (commit)
		set_own(&c->seat, a->bare);
	desk_place(self, c);
	if (changed)
		owner_show(self, c);
	if (commit)
		visitor_push_owner(self, c);
	if (is_move(c, before))
		tell_moved(self, c, before, reason);
	c->last_owner = a;
	if (commit) {
		if (changed)
			remember_state(self, c);
		traffic_show_words(self, c);
		visitor_new_owner(self, c);
	}
}

static void nobody(struct desk *self, struct conversation *c, enum conversation_asked asked)
{
	if (asked == ASKED_CLAIM)
		return;
	owner_disown(self, c);
	c->slot = false;
	if (asked != ASKED_COMMIT) {
		c->phase = CONVERSATION_IDLE;
		return;
	}
	c->phase = CONVERSATION_WAITING;
	if (c->remembered)
		remember_state(self, c);
	conversation_mark_late(c);
	desk_place(self, c);
	visitor_push_owner(self, c);
	left_save(self, c);
	left_tell(self, c);
}

void owner_on_chosen(struct desk *self, struct pool_ask *a)
{
	struct conversation *c = desk_find(self, a->visitor);
	enum conversation_asked asked;
	struct agent *agent;

	if (!c || a->serial != c->serial)
		return; /* said something newer meanwhile: its answer is under way */
	asked = c->asked;
	c->asked = ASKED_NOTHING;
	if (a->agent) {
		agent = desk_find_agent(self, a->agent);
		ASSERT(agent); /* the pool told of it before it chose it */
		given(self, c, agent, a->commit, a->reason);
	} else {
		nobody(self, c, asked == ASKED_NOTHING ? ASKED_COMMIT : asked);
	}
	visitor_answer_gets(self, c);
	traffic_settle_claims(self, c, asked == ASKED_CLAIM && !a->agent ? a->seat : NULL);
	/* What was said meanwhile. A conversation that waits was asked for with all its words just now. */
	if (c->phase != CONVERSATION_WAITING || asked == ASKED_CLAIM)
		owner_seek(self, c);
	desk_schedule(self, c);
}

/* --- losing an owner --- */

static void lose_owner(struct desk *self, struct conversation *c, enum desk_reason reason)
{
	owner_disown(self, c);
	c->phase = CONVERSATION_IDLE;
	c->slot = false;
	c->reason = reason;
}

void owner_failed(struct desk *self, struct conversation *c, enum desk_reason reason)
{
	LOG_INFO("desk", "%.*s: %.*s failed (%s)", SPAN_FMT(jid_bare(c->visitor)), SPAN_FMT(jid_bare(c->owner->bare)),
		 desk_reason_text(reason));
	conversation_bar_owner(c);
	lose_owner(self, c, reason);
	owner_seek(self, c);
	desk_schedule(self, c);
}

static int by_age(const void *a, const void *b)
{
	const struct conversation *const *x = a, *const *y = b;
	uint64_t s = conversation_since_us(*x), t = conversation_since_us(*y);

	return s < t ? -1 : s > t;
}

/* Oldest unanswered word first. */
static void queue_moves(struct desk *self, struct conversation **owed, size_t count)
{
	qsort(owed, count, sizeof(*owed), by_age);
	for (size_t i = 0; i < count; i++)
		list_push_back(&self->moving, &owed[i]->move);
	if (count && !wheel_is_set(&self->move_timer))
		owner_move_some(self);
}

void owner_move_some(struct desk *self)
{
	struct list *link;

	for (unsigned n = 0; n < MOVES_PER_SECOND && (link = list_pop_front(&self->moving)); n++) {
		struct conversation *c = CONTAINER_OF(link, struct conversation, move);

		owner_seek(self, c);
		desk_schedule(self, c);
	}
	if (!list_empty(&self->moving))
		wheel_set(self->ticker.wheel, &self->move_timer, actor_now_ms() + 1000);
}

static void agent_gone(struct desk *self, struct agent *a, enum agent_exit exit)
{
	static const enum desk_reason reasons[] = { [AGENT_SIGNED_OUT] = REASON_SEAT_SIGNED_OUT,
						    [AGENT_LOST] = REASON_SEAT_DISCONNECTED,
						    [AGENT_REMOVED] = REASON_SEAT_REMOVED };
	enum desk_reason reason = a->class == CLASS_ROBOT ? REASON_ROBOT_FAILED : reasons[exit];
	struct conversation **owed;
	size_t count = 0, room = 0;

	LIST_EACH(it, &a->conversations)
		room++;
	owed = xcalloc(room + 1, sizeof(*owed));
	while (!list_empty(&a->conversations)) {
		struct conversation *c = CONTAINER_OF(a->conversations.next, struct conversation, owner_link);

		if (a->class == CLASS_ROBOT && conversation_is_owed(c))
			conversation_bar_owner(c);
		lose_owner(self, c, reason);
		if (conversation_is_owed(c))
			owed[count++] = c;
		else
			c->reason = REASON_NEXT_MESSAGE;
		desk_schedule(self, c);
	}
	queue_moves(self, owed, count);
	free(owed);
}

/* --- an owner comes --- */

/* Its own visitors: the line is back, or another of its clients answers now. */
static void agent_back(struct desk *self, struct agent *a, bool was_held)
{
	LIST_EACH_SAFE(it, tmp, &a->conversations) {
		struct conversation *c = CONTAINER_OF(it, struct conversation, owner_link);

		if (was_held) {
			owner_show(self, c);
			visitor_owner_is_back(self, c);
		}
		owner_seek(self, c);
		desk_schedule(self, c);
	}
}

/* Visitors who wait and are still there for an answer. */
static void robot_came(struct desk *self, const struct agent *robot)
{
	LIST_EACH_SAFE(it, tmp, &self->waiting) {
		struct conversation *c = CONTAINER_OF(it, struct conversation, place);

		if (!span_eq(jid_domain(c->visitor), jid_domain(robot->bare)) || !conversation_suits_robots(c))
			continue;
		c->reason = REASON_ROBOT_CAME;
		owner_seek(self, c);
	}
}

struct offer {
	struct desk *self;
	struct agent *seat;
};

/* on-return=offer: the seat is told which of its conversations robots have. It takes one by answering. */
static void offer_those_of(void *opaque, struct span key, void *value)
{
	struct offer *o = opaque;
	struct agent *robot = value;

	(void)key;
	if (robot->class != CLASS_ROBOT)
		return;
	LIST_EACH(it, &robot->conversations) {
		struct conversation *c = CONTAINER_OF(it, struct conversation, owner_link);

		if (c->seat && jid_eq_bare(c->seat, o->seat->bare) && c->visitor_phase == VISITOR_PHASE_HERE)
			visitor_notice(o->self, c, o->seat, "offer", "seat-returned",
				       "【系统】机器人正在接待您的访客，回复即可接回会话\n"
				       "A robot has your visitor. Answer here to take the conversation back.");
	}
}

static struct agent *agent_get(struct desk *self, struct jid *account, enum client_class class)
{
	struct agent *a = desk_find_agent(self, account);

	if (a)
		return a;
	a = xcalloc(1, sizeof(*a));
	a->bare = jid_to_bare(account);
	a->face = jid_with_resource(a->bare, SPAN_LIT(NOTICE_SEAT_RESOURCE));
	a->class = class;
	list_init(&a->conversations);
	map_put(self->agents, jid_bare(account), a);
	return a;
}

static bool is_taking_seat(const struct agent *a)
{
	return a->class == CLASS_SEAT && a->state == AGENT_HERE && a->taking;
}

void owner_on_agent(struct desk *self, struct desk_agent *news)
{
	struct agent *a = agent_get(self, news->account, news->class);
	struct host *host = desk_host(self, a->bare);
	enum agent_state before = a->state;

	host->taking -= is_taking_seat(a);
	jid_unref(a->best);
	a->best = news->best;
	news->best = NULL;
	a->state = news->state;
	a->life += before == AGENT_GONE && a->state == AGENT_HERE;
	a->taking = news->taking;
	host->taking += is_taking_seat(a);
	if (a->state == AGENT_GONE) {
		agent_gone(self, a, news->exit);
		return;
	}
	if (a->state == AGENT_HELD)
		return;
	agent_back(self, a, before == AGENT_HELD);
	if (before != AGENT_GONE)
		return;
	remember_seat_came(self, a);
	if (a->class == CLASS_ROBOT) {
		robot_came(self, a);
	} else if (self->server->conf->desk_on_return == CONFIG_RETURN_OFFER) {
		struct offer o = { self, a };

		map_each(self->agents, offer_those_of, &o);
	}
}
