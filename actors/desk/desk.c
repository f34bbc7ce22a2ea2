/* The desk shard: the actor itself, its conversations, its deadlines, and sending. What a conversation does is in
 * owner.c, visitor.c, traffic.c and left.c.
 *
 * Promises: a conversation that owes an answer always has an owner, an ask under way, a place among those to be
 * moved, a deadline at which one is asked for, or a place in the pool's queue with its words on disk or on their way there (live-chat I5). */
#include "actors/desk/desk.h"

#include <stdlib.h>

#include "actors/desk/state.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

/* The pool's answer was under way when a slot was to be given back. */
#define SLOT_AGAIN_MS 1000u

/* --- finding things --- */

struct conversation *desk_find(struct desk *self, const struct jid *visitor)
{
	return map_find_hashed(self->conversations, visitor->bare_hash, jid_bare(visitor));
}

struct conversation *desk_open(struct desk *self, struct jid *visitor)
{
	struct conversation *c = desk_find(self, visitor);
	char id[CONVERSATION_ID_MAX] = "c-";

	if (c)
		return c;
	outside_random_hex(id + 2, 8);
	c = conversation_new(visitor, id);
	map_put(self->conversations, jid_bare(c->visitor), c);
	metric_add(METRIC_desk_conversations, 1);
	return c;
}

struct agent *desk_find_agent(struct desk *self, const struct jid *account)
{
	return map_find_hashed(self->agents, account->bare_hash, jid_bare(account));
}

struct host *desk_host(struct desk *self, const struct jid *anybody)
{
	struct host *h = map_find(self->hosts, jid_domain(anybody));

	if (h)
		return h;
	h = xcalloc(1, sizeof(*h));
	h->desk = jid_make(span_of(self->server->conf->desk_name), jid_domain(anybody), SPAN_NONE);
	ASSERT(h->desk); /* checked with the configuration */
	h->face = jid_with_resource(h->desk, SPAN_LIT(NOTICE_SEAT_RESOURCE));
	map_put(self->hosts, jid_domain(anybody), h);
	return h;
}

void desk_times(const struct desk *self, struct conversation_times *out)
{
	const struct config *conf = self->server->conf;

	*out = (struct conversation_times){
		.notify_grace_ms = (uint64_t)conf->desk_notify_grace * 1000,
		.terminate_grace_ms = (uint64_t)conf->desk_terminate_grace * 1000,
		.hold_ms = (uint64_t)conf->desk_hold * 1000,
		.return_window_ms = (uint64_t)conf->desk_return_window * 1000,
	};
}

/* --- sending --- */

void desk_send_owed(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags,
		    struct pledge **pledge)
{
	struct packet_msg *m = MSG_NEW(shard_route, packet_msg);

	m->packet = packet_make(s, from, to, flags | PACKET_FROM_DESK);
	m->packet.pledge = *pledge;
	*pledge = NULL;
	actor_send(server_shard(self->server, to), &m);
}

void desk_send(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags)
{
	struct pledge *none = NULL;

	desk_send_owed(self, s, from, to, flags, &none);
}

void desk_bounce(struct desk *self, struct packet *p, enum stanza_error condition, const char *text)
{
	struct jid *answerer = p->to ? p->to : desk_host(self, p->from)->desk;
	struct stanza *error = stanza_make_error(self->builder, p->stanza, jid_full(answerer), jid_full(p->from), condition,
						 text);

	/* The message is handled when its sender's connection has the error, not before: the acknowledgement travels behind it. */
	if (error)
		desk_send_owed(self, error, answerer, p->from, PACKET_SERVER | PACKET_NO_STORE, &p->pledge);
	packet_clear(p);
}

void desk_drop_words(struct desk *self, struct conversation *c, struct list *words)
{
	struct list *link;

	while ((link = list_pop_front(words))) {
		struct word *w = CONTAINER_OF(link, struct word, link);

		if (w->row)
			left_forget(self, c, w->row);
		word_free(w);
	}
}

/* --- deadlines --- */

void desk_schedule(struct desk *self, struct conversation *c)
{
	const struct config *conf = self->server->conf;
	uint64_t due;

	/* Most arrive before that; looking once costs less than watching each. */
	if (!c->due[DUE_SAVE] && conversation_has_unsafe(c) &&
	    config_durability(conf, jid_domain(c->visitor)) != CONFIG_DURABILITY_D0)
		c->due[DUE_SAVE] = actor_now_ms() + (uint64_t)conf->durability_delay;
	due = conversation_next_due(c);
	if (due)
		wheel_set(self->ticker.wheel, &c->timer, due);
	else
		wheel_clear(self->ticker.wheel, &c->timer);
}

static bool is_due(struct conversation *c, enum conversation_due which, uint64_t now_ms)
{
	if (!c->due[which] || c->due[which] > now_ms)
		return false;
	c->due[which] = 0;
	return true;
}

static void on_due(struct desk *self, struct conversation *c)
{
	uint64_t now_ms = actor_now_ms();

	if (is_due(c, DUE_RETRY, now_ms))
		owner_seek(self, c);
	if (is_due(c, DUE_ROBOT, now_ms) && c->owner && conversation_is_owed(c))
		owner_failed(self, c, REASON_ROBOT_FAILED);
	if (is_due(c, DUE_SAVE, now_ms))
		left_save(self, c);
	if (is_due(c, DUE_SLOT, now_ms) && c->slot) {
		if (c->asked == ASKED_NOTHING)
			owner_release(self, c);
		else
			c->due[DUE_SLOT] = now_ms + SLOT_AGAIN_MS;
	}
	desk_schedule(self, c);
	/* these may end it; no visitor is in both */
	if (is_due(c, DUE_GRACE, now_ms))
		visitor_due_grace(self, c);
	else if (is_due(c, DUE_CLOSE, now_ms))
		visitor_due_close(self, c);
}

bool desk_can_close(const struct conversation *c)
{
	if (c->asked != ASKED_NOTHING || c->phase == CONVERSATION_WAITING)
		return false;
	return !conversation_needs_words(c);
}

static void unplace(struct desk *self, struct conversation *c)
{
	if (c->is_in_left)
		self->left_count--;
	c->is_in_left = false;
	list_remove(&c->place);
}

/* Visitors who left long ago give way to those who left just now. */
static void close_oldest_left(struct desk *self)
{
	LIST_EACH(it, &self->left) {
		struct conversation *c = CONTAINER_OF(it, struct conversation, place);

		if (desk_can_close(c)) {
			metric_limit(METRIC_limit_desk);
			desk_close(self, c);
			return;
		}
	}
}

void desk_place(struct desk *self, struct conversation *c)
{
	bool left = c->phase != CONVERSATION_WAITING && c->visitor_phase == VISITOR_PHASE_LEFT;

	if (left && c->is_in_left)
		return;
	unplace(self, c);
	if (c->phase == CONVERSATION_WAITING)
		list_push_back(&self->waiting, &c->place);
	if (!left)
		return;
	if (self->left_count >= (uint64_t)self->server->conf->desk_left_max)
		close_oldest_left(self);
	list_push_back(&self->left, &c->place);
	c->is_in_left = true;
	self->left_count++;
}

void desk_close(struct desk *self, struct conversation *c)
{
	if (c->phase != CONVERSATION_IDLE || c->asked != ASKED_NOTHING)
		owner_release(self, c);
	owner_disown(self, c);
	remember_not(self, c);
	self->restored -= c->restored_until_ms != 0;
	desk_drop_words(self, c, &c->words);
	c->word_count = 0;
	unplace(self, c);
	list_remove(&c->move);
	wheel_clear(self->ticker.wheel, &c->timer);
	LOG_INFO("desk", "%.*s: conversation %s closed", SPAN_FMT(jid_bare(c->visitor)), c->id);
	map_remove(self->conversations, jid_bare(c->visitor));
	metric_add(METRIC_desk_conversations, -1);
	conversation_free(c);
}

/* --- the actor --- */

static void on_desk_visitor(struct desk *self, struct desk_visitor *v)
{
	visitor_on_event(self, v);
	ticker_arm(&self->ticker);
}

static void on_desk_from_visitor(struct desk *self, struct packet_msg *m)
{
	traffic_from_visitor(self, &m->packet);
	ticker_arm(&self->ticker);
}

static void on_desk_to_visitor(struct desk *self, struct packet_msg *m)
{
	traffic_to_visitor(self, &m->packet);
	ticker_arm(&self->ticker);
}

static void on_desk_roster_get(struct desk *self, struct packet_msg *m)
{
	visitor_on_roster_get(self, &m->packet);
	ticker_arm(&self->ticker);
}

static void on_desk_undelivered(struct desk *self, struct packet_msg *m)
{
	traffic_came_back(self, &m->packet);
	ticker_arm(&self->ticker);
}

/* Of a domain removed in another run the conversations are still in the store; what this run knows of one is known. */
static void on_desk_domain(struct desk *self, struct desk_domain *m)
{
	remember_load(self, jid_domain(m->domain));
	left_load(self, jid_domain(m->domain));
}

static void save_words(void *ctx, struct span key UNUSED, void *value)
{
	left_save(ctx, value);
}

/* No deadline comes any more: neither that of a save that waits for others, nor that of one that failed. */
static void on_desk_settle(struct desk *self, struct desk_settle *m UNUSED)
{
	map_each(self->conversations, save_words, self);
}

static void on_desk_handled(struct desk *self, struct desk_handled *m)
{
	traffic_arrived(self, m);
}

static void on_desk_chosen(struct desk *self, struct pool_ask *a)
{
	owner_on_chosen(self, a);
	ticker_arm(&self->ticker);
}

static void on_desk_agent(struct desk *self, struct desk_agent *news)
{
	owner_on_agent(self, news);
	ticker_arm(&self->ticker);
}

static void on_desk_stored(struct desk *self, struct store_request *r)
{
	if (r->op == STORE_OP_MAP_ALL)
		remember_on_read(self, r);
	else
		left_on_stored(self, r);
	ticker_arm(&self->ticker);
}

static void on_desk_tick(struct desk *self, struct desk_tick *t)
{
	struct wheel_node *node;

	if (!ticker_wakes(&self->ticker, t))
		return;
	while ((node = wheel_pop(self->ticker.wheel, actor_now_ms()))) {
		if (node == &self->move_timer)
			owner_move_some(self);
		else
			on_due(self, CONTAINER_OF(node, struct conversation, timer));
	}
	ticker_arm(&self->ticker);
}

MSG_RECEIVE(desk, struct desk, DESK_PROTOCOL)

/* --- life --- */

static void load_domain(void *desk, const struct config_vhost *v)
{
	remember_load(desk, span_of(v->name));
	left_load(desk, span_of(v->name));
}

static void desk_start(void *state, actor_id id)
{
	struct desk *self = state;

	self->self = id;
	ticker_init(&self->ticker, &desk_tick_kind);
	self->available = notice_presence(self->builder, true);
	self->unavailable = notice_presence(self->builder, false);
	config_each_vhost(self->server->conf, load_domain, self);
}

static void free_conversation(void *opaque, struct span key, void *value)
{
	struct desk *self = opaque;
	struct conversation *c = value;

	(void)key;
	conversation_disown(c);
	list_remove(&c->place);
	list_remove(&c->move);
	wheel_clear(self->ticker.wheel, &c->timer);
	metric_add(METRIC_desk_conversations, -1);
	conversation_free(c);
}

static void free_agent(void *ctx, struct span key, void *value)
{
	struct agent *a = value;

	(void)ctx;
	(void)key;
	jid_unref(a->bare);
	jid_unref(a->best);
	jid_unref(a->face);
	free(a);
}

static void free_host(void *ctx, struct span key, void *value)
{
	struct host *h = value;

	(void)ctx;
	(void)key;
	jid_unref(h->desk);
	jid_unref(h->face);
	free(h);
}

static void desk_stop(void *state)
{
	struct desk *self = state;

	map_each(self->conversations, free_conversation, self); /* each clears its timers */
	map_free(self->conversations);
	map_each(self->agents, free_agent, NULL);
	map_free(self->agents);
	map_each(self->hosts, free_host, NULL);
	map_free(self->hosts);
	ticker_fini(&self->ticker);
	stanza_unref(self->available);
	stanza_unref(self->unavailable);
	builder_free(self->builder);
	free(self);
}

actor_id desk_spawn(const struct server *server, unsigned index)
{
	static const struct behaviour behaviour = { .name = "desk", .placement = ACTOR_FLOATING, .receive = desk_receive,
						    .on_start = desk_start, .on_stop = desk_stop };
	struct desk *self = xcalloc(1, sizeof(*self));

	(void)index;
	self->server = server;
	self->conversations = map_new();
	self->agents = map_new();
	self->hosts = map_new();
	list_init(&self->waiting);
	list_init(&self->left);
	list_init(&self->moving);
	wheel_node_init(&self->move_timer);
	self->builder = builder_new();
	return actor_spawn(&behaviour, self, 0);
}
