/* The pool: every seat and robot of every tenant, how many chats and reservations each has, and who waits for a
 * seat.
 *
 * Invariants:
 * 1. A visitor has at most one tie. A candidate's `chats` and `reserved` are the numbers of its active and reserved
 *    ties.
 * 2. A seat's chats never pass the capacity, but by one for its own returning visitor (live-chat I8).
 * 3. Nobody waits who could be given to a free seat: every handler that frees something ends in serve_waiting. */
#include <stdlib.h>

#include "actors/desk/ticker.h"
#include "runtime/log.h"
#include "runtime/mem/list.h"
#include "runtime/mem/map.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

struct member;

struct side {
	struct policy_candidate *items; /* in step with members */
	struct member **members;
	size_t count, room;
};

struct tenant {
	struct side seats, robots;
	struct list waiting; /* ties, by since_us */
};

struct member { /* a seat or robot that was seen since the start; lives as long as the pool */
	struct jid *bare, *best;
	struct tenant *tenant;
	struct side *side;
	size_t index;
	enum client_class class;
	enum agent_state state;
	struct wheel_node hold; /* HELD only */
	struct list ties;
};

enum tie_kind { TIE_RESERVED, TIE_ACTIVE, TIE_WAITING };

struct tie {
	struct list link; /* in member.ties or tenant.waiting */
	struct jid *visitor;
	actor_id desk;
	uint64_t serial, since_us;
	enum tie_kind kind;
	struct member *member; /* NULL: waiting */
	struct member *own, *barred[POLICY_BARRED_MAX]; /* what a waiting visitor's ask said */
};

struct pool {
	const struct server *server;
	struct map *tenants, *members, *ties;
	struct ticker ticker;
	uint64_t order; /* counts assignments and ends */
};

/* --- tenants and members --- */

static struct tenant *tenant_get(struct pool *self, struct span domain)
{
	struct tenant *t = map_find(self->tenants, domain);

	if (t)
		return t;
	t = xcalloc(1, sizeof(*t));
	list_init(&t->waiting);
	map_put(self->tenants, domain, t);
	return t;
}

static struct policy_candidate *candidate(const struct member *m)
{
	return &m->side->items[m->index];
}

static struct member *member_find(struct pool *self, const struct jid *bare)
{
	return bare ? map_find_hashed(self->members, bare->bare_hash, jid_bare(bare)) : NULL;
}

static struct member *member_get(struct pool *self, struct jid *account, enum client_class class)
{
	struct member *m = member_find(self, account);
	struct side *side;

	if (m)
		return m;
	m = xcalloc(1, sizeof(*m));
	m->bare = jid_to_bare(account);
	m->class = class;
	m->tenant = tenant_get(self, jid_domain(account));
	m->side = side = class == CLASS_SEAT ? &m->tenant->seats : &m->tenant->robots;
	wheel_node_init(&m->hold);
	list_init(&m->ties);
	if (side->count == side->room) {
		side->room = side->room ? side->room * 2 : 8;
		side->items = xrealloc(side->items, side->room * sizeof(*side->items));
		side->members = xrealloc(side->members, side->room * sizeof(*side->members));
	}
	m->index = side->count++;
	side->items[m->index] = (struct policy_candidate){ .hash = account->bare_hash };
	side->members[m->index] = m;
	map_put(self->members, jid_bare(account), m);
	return m;
}

/* --- ties --- */

static void untie(struct tie *t)
{
	list_remove(&t->link);
	if (t->kind == TIE_ACTIVE)
		candidate(t->member)->chats--;
	else if (t->kind == TIE_RESERVED)
		candidate(t->member)->reserved--;
	else
		metric_add(METRIC_desk_waiting, -1);
	t->member = NULL;
}

static void tie_to(struct tie *t, struct member *m, enum tie_kind kind)
{
	t->member = m;
	t->kind = kind;
	if (kind == TIE_ACTIVE)
		candidate(m)->chats++;
	else
		candidate(m)->reserved++;
	list_push_back(&m->ties, &t->link);
}

/* Behind all that wait for longer; almost always the end of the list. */
static void tie_waits(struct tie *t, struct tenant *tenant)
{
	struct list *before = tenant->waiting.prev;

	while (before != &tenant->waiting && CONTAINER_OF(before, struct tie, link)->since_us > t->since_us)
		before = before->prev;
	t->kind = TIE_WAITING;
	list_push_back(before->next, &t->link);
	metric_add(METRIC_desk_waiting, 1);
}

/* Unlinked already. */
static void tie_free(struct pool *self, struct tie *t)
{
	map_remove(self->ties, jid_bare(t->visitor));
	jid_unref(t->visitor);
	free(t);
}

/* The tie changed hands (NULL = nobody): whoever got or lost it was busy just now. */
static void note_change(struct pool *self, struct member *old, struct member *now)
{
	if (old == now)
		return;
	self->order++;
	if (old)
		candidate(old)->idle_since = self->order;
	if (now)
		candidate(now)->idle_since = candidate(now)->assigned_at = self->order;
}

/* --- choosing --- */

static size_t index_in(const struct side *side, const struct member *m)
{
	return m && m->side == side ? m->index : POLICY_NOBODY;
}

static struct policy_side side_view(const struct side *side, enum policy_rule rule, int64_t capacity,
				    const struct member *own, struct member *const barred[POLICY_BARRED_MAX])
{
	struct policy_side view = { side->items, side->count, (uint32_t)capacity, rule, index_in(side, own), { 0 } };

	for (size_t i = 0; i < POLICY_BARRED_MAX; i++)
		view.barred[i] = index_in(side, barred[i]);
	return view;
}

static enum policy_rule seat_rule(const struct config *conf)
{
	switch (conf->desk_seat_policy) {
	case CONFIG_SEAT_ROUND_ROBIN: return POLICY_ROUND_ROBIN;
	case CONFIG_SEAT_RANDOM: return POLICY_RANDOM;
	case CONFIG_SEAT_HASH: return POLICY_HASH;
	default: return POLICY_LEAST;
	}
}

static enum policy_rule robot_rule(const struct config *conf)
{
	switch (conf->desk_robot_policy) {
	case CONFIG_ROBOT_LEAST_SESSIONS: return POLICY_LEAST;
	case CONFIG_ROBOT_RANDOM: return POLICY_RANDOM;
	case CONFIG_ROBOT_HASH: return POLICY_HASH;
	default: return POLICY_ROUND_ROBIN;
	}
}

static const char *rule_text(enum policy_rule r)
{
	static const char *const texts[] = { [POLICY_LEAST] = "least", [POLICY_ROUND_ROBIN] = "round-robin",
					     [POLICY_RANDOM] = "random", [POLICY_HASH] = "hash" };

	return texts[r];
}

static void log_choice(const struct tie *t, const struct member *m, const struct policy_answer *a,
		       enum policy_rule rule, enum desk_reason reason, bool commit)
{
	if (!m) {
		LOG_INFO("desk", "%.*s: nobody free (%s)", SPAN_FMT(jid_bare(t->visitor)), desk_reason_text(reason));
		return;
	}
	LOG_INFO("desk", "%.*s: %s %s %.*s (%s; %s of %zu, %u chats, %u reserved)", SPAN_FMT(jid_bare(t->visitor)),
		 commit ? "given to" : "reserved for", m->class == CLASS_SEAT ? "seat" : "robot", SPAN_FMT(jid_bare(m->bare)),
		 desk_reason_text(reason), a->own ? "its own" : rule_text(rule), a->candidates, candidate(m)->chats,
		 candidate(m)->reserved);
}

/* Puts the question for a visitor that holds nothing now; NULL when there is nobody. `robot` is the visitor's own
 * one. */
static struct member *choose(struct pool *self, const struct tenant *tenant, const struct tie *t,
			     struct policy_question *q, const struct member *robot, enum tie_kind kind,
			     enum desk_reason reason)
{
	const struct config *conf = self->server->conf;
	struct policy_answer a;
	struct member *m = NULL;

	q->seats = side_view(&tenant->seats, seat_rule(conf), conf->desk_capacity, t->own, t->barred);
	q->robots = side_view(&tenant->robots, robot_rule(conf), 0, robot, t->barred);
	q->visitor_hash = t->visitor->bare_hash;
	outside_random(&q->chance, sizeof(q->chance));
	a = policy_choose(q);
	if (a.kind == POLICY_SEAT)
		m = tenant->seats.members[a.index];
	else if (a.kind == POLICY_ROBOT)
		m = tenant->robots.members[a.index];
	log_choice(t, m, &a, a.kind == POLICY_SEAT ? q->seats.rule : q->robots.rule, reason, kind == TIE_ACTIVE);
	return m;
}

static bool any_seat_free(struct pool *self, const struct tenant *tenant)
{
	static struct member *const none[POLICY_BARRED_MAX];
	struct policy_side view = side_view(&tenant->seats, POLICY_LEAST, self->server->conf->desk_capacity, NULL, none);

	for (size_t i = 0; i < view.count; i++)
		if (policy_is_free(&view, i))
			return true;
	return false;
}

static void tell_late(struct tie *t)
{
	struct pool_ask *late = MSG_NEW(desk_chosen, pool_ask);

	late->visitor = jid_ref(t->visitor);
	late->serial = t->serial;
	late->commit = true;
	late->reason = REASON_LEFT_MESSAGE;
	late->agent = jid_ref(t->member->bare);
	actor_send(t->desk, &late);
}

/* Gives free seats to those who wait, oldest first. Somebody who may not have the only free seat (it failed him)
 * does not hold up those behind. */
static void serve_waiting(struct pool *self, struct tenant *tenant)
{
	LIST_EACH_SAFE(it, tmp, &tenant->waiting) {
		struct tie *t = CONTAINER_OF(it, struct tie, link);
		struct policy_question q = { .which_seats = POLICY_SEATS_ANY };
		struct member *m;

		if (!any_seat_free(self, tenant))
			return;
		m = choose(self, tenant, t, &q, NULL, TIE_ACTIVE, REASON_LEFT_MESSAGE);
		if (!m)
			continue;
		untie(t);
		tie_to(t, m, TIE_ACTIVE);
		note_change(self, NULL, m);
		metric_inc(METRIC_desk_assignments);
		tell_late(t);
	}
}

/* --- seats and robots come and go --- */

static void tell_desks(struct pool *self, const struct member *m, enum agent_exit exit)
{
	for (unsigned i = 0; i < self->server->desks; i++) {
		struct desk_agent *news = MSG_NEW(desk_agent, desk_agent);

		news->account = jid_ref(m->bare);
		news->best = jid_ref(m->best);
		news->class = m->class;
		news->state = m->state;
		news->taking = candidate(m)->taking;
		news->exit = exit;
		actor_send(self->server->desk[i], &news);
	}
}

static void set_best(struct member *m, struct jid *best)
{
	jid_ref(best);
	jid_unref(m->best);
	m->best = best;
	candidate(m)->here = best != NULL;
}

/* Who failed before it went may do better now. */
static void forgive(struct member *m)
{
	LIST_EACH(it, &m->tenant->waiting) {
		struct tie *t = CONTAINER_OF(it, struct tie, link);

		for (size_t i = 0; i < POLICY_BARRED_MAX; i++)
			if (t->barred[i] == m)
				t->barred[i] = NULL;
	}
}

static void member_here(struct pool *self, struct member *m, const struct pool_presence *p)
{
	bool same = m->state == AGENT_HERE && jid_eq(m->best, p->best) && candidate(m)->taking == p->taking_chats;

	if (same)
		return;
	wheel_clear(self->ticker.wheel, &m->hold);
	if (m->state == AGENT_GONE) {
		LOG_INFO("desk", "%.*s is here", SPAN_FMT(jid_full(p->best)));
		forgive(m);
	}
	m->state = AGENT_HERE;
	set_best(m, p->best);
	candidate(m)->taking = p->taking_chats;
	tell_desks(self, m, AGENT_SIGNED_OUT);
	if (m->class == CLASS_SEAT)
		serve_waiting(self, m->tenant);
}

/* Its visitors are nobody's now; their desks ask again for those who are owed an answer. */
static void member_gone(struct pool *self, struct member *m, enum agent_exit exit)
{
	static const char *const how[] = { [AGENT_SIGNED_OUT] = "signed out", [AGENT_LOST] = "line lost",
					   [AGENT_REMOVED] = "account removed" };
	struct list *link;

	LOG_INFO("desk", "%.*s is gone (%s)", SPAN_FMT(jid_bare(m->bare)), how[exit]);
	wheel_clear(self->ticker.wheel, &m->hold);
	m->state = AGENT_GONE;
	set_best(m, NULL);
	while ((link = m->ties.next) != &m->ties) {
		struct tie *t = CONTAINER_OF(link, struct tie, link);

		untie(t);
		tie_free(self, t);
	}
	tell_desks(self, m, exit);
}

static void member_away(struct pool *self, struct member *m, enum agent_exit exit)
{
	int64_t hold_s = self->server->conf->desk_hold;

	if (m->state == AGENT_GONE || (m->state == AGENT_HELD && exit == AGENT_LOST))
		return;
	if (m->class != CLASS_SEAT || exit != AGENT_LOST || hold_s == 0) {
		member_gone(self, m, exit);
		return;
	}
	LOG_INFO("desk", "%.*s lost its line, held for %lld s", SPAN_FMT(jid_bare(m->bare)), (long long)hold_s);
	m->state = AGENT_HELD;
	set_best(m, NULL);
	wheel_set(self->ticker.wheel, &m->hold, actor_now_ms() + (uint64_t)hold_s * 1000);
	tell_desks(self, m, AGENT_LOST);
}

static void on_pool_presence(struct pool *self, struct pool_presence *p)
{
	struct member *m;

	if (p->class != CLASS_SEAT && p->class != CLASS_ROBOT)
		return;
	if (!p->best && !member_find(self, p->account))
		return;
	m = member_get(self, p->account, p->class);
	if (p->best)
		member_here(self, m, p);
	else
		member_away(self, m, p->exit);
	ticker_arm(&self->ticker);
}

static void on_pool_tick(struct pool *self, struct desk_tick *t)
{
	struct wheel_node *node;

	if (!ticker_wakes(&self->ticker, t))
		return;
	while ((node = wheel_pop(self->ticker.wheel, actor_now_ms())))
		member_gone(self, CONTAINER_OF(node, struct member, hold), AGENT_LOST);
	ticker_arm(&self->ticker);
}

/* --- what desks want --- */

/* The visitor's tie, untied; a new one if it has none. *old is what it was. */
static struct tie *take_tie(struct pool *self, const struct pool_ask *a, struct tie *old)
{
	struct tie *t = map_find(self->ties, jid_bare(a->visitor));

	*old = (struct tie){ 0 };
	if (t) {
		*old = *t;
		untie(t);
	} else {
		t = xcalloc(1, sizeof(*t));
		list_init(&t->link);
		t->visitor = jid_ref(a->visitor);
		map_put(self->ties, jid_bare(t->visitor), t);
	}
	t->desk = a->m.from;
	t->serial = a->serial;
	t->since_us = a->since_us;
	t->own = member_find(self, a->seat);
	for (size_t i = 0; i < POLICY_BARRED_MAX; i++)
		t->barred[i] = member_find(self, a->barred[i]);
	return t;
}

static void on_pool_ask(struct pool *self, struct pool_ask *a)
{
	struct tenant *tenant = tenant_get(self, jid_domain(a->visitor));
	struct tie old, *t = take_tie(self, a, &old);
	struct member *now;
	struct policy_question q = { .which_seats = a->seats, .allow_robots = a->robots, .robots_first = a->robots_first,
				     .returning = a->returning };
	enum tie_kind kind = a->commit ? TIE_ACTIVE : TIE_RESERVED;
	bool freed;

	now = choose(self, tenant, t, &q, member_find(self, a->robot), kind, a->reason);
	if (now) {
		tie_to(t, now, kind);
		a->agent = jid_ref(now->bare);
		if (now != old.member)
			metric_inc(METRIC_desk_assignments);
	} else if (a->keep && old.member) {
		tie_to(t, old.member, old.kind);
	} else if (a->wait || (a->keep && old.visitor)) {
		tie_waits(t, tenant);
	} else {
		tie_free(self, t);
		t = NULL;
	}
	note_change(self, old.member, t ? t->member : NULL);
	freed = old.member && !(t && t->member == old.member);
	actor_reply_as(&a->m, &desk_chosen_kind);
	if (freed)
		serve_waiting(self, tenant);
}

static void on_pool_release(struct pool *self, struct pool_release *r)
{
	struct tie *t = map_find(self->ties, jid_bare(r->visitor));
	struct tenant *tenant;
	struct member *old;

	if (!t)
		return;
	tenant = tenant_get(self, jid_domain(t->visitor));
	old = t->member;
	untie(t);
	note_change(self, old, NULL);
	tie_free(self, t);
	serve_waiting(self, tenant);
}

MSG_RECEIVE(pool, struct pool, POOL_PROTOCOL)

/* --- life --- */

static void free_member(void *ctx, struct span key, void *value)
{
	struct member *m = value;

	(void)ctx;
	(void)key;
	jid_unref(m->bare);
	jid_unref(m->best);
	free(m);
}

static void free_tenant(void *ctx, struct span key, void *value)
{
	struct tenant *t = value;

	(void)ctx;
	(void)key;
	free(t->seats.items);
	free(t->seats.members);
	free(t->robots.items);
	free(t->robots.members);
	free(t);
}

static void free_tie(void *ctx, struct span key, void *value)
{
	struct tie *t = value;

	(void)ctx;
	(void)key;
	jid_unref(t->visitor);
	free(t);
}

static void pool_start(void *state, actor_id id)
{
	(void)id;
	ticker_init(&((struct pool *)state)->ticker, &pool_tick_kind);
}

static void pool_stop(void *state)
{
	struct pool *self = state;

	ticker_fini(&self->ticker); /* while the nodes in its wheel still exist */
	map_each(self->ties, free_tie, NULL);
	map_free(self->ties);
	map_each(self->members, free_member, NULL);
	map_free(self->members);
	map_each(self->tenants, free_tenant, NULL);
	map_free(self->tenants);
	free(self);
}

actor_id pool_spawn(const struct server *server)
{
	static const struct behaviour behaviour = { .name = "pool", .placement = ACTOR_FLOATING, .receive = pool_receive,
						    .on_start = pool_start, .on_stop = pool_stop };
	struct pool *self = xcalloc(1, sizeof(*self));

	self->server = server;
	self->tenants = map_new();
	self->members = map_new();
	self->ties = map_new();
	return actor_spawn(&behaviour, self, 0);
}
