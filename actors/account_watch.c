#include "actors/account_watch.h"

#include <stdlib.h>

#include "actors/account.h"
#include "actors/session/shard.h"
#include "runtime/mem/list.h"

#define ROWS_AT_ONCE 500u
/* After a removal, when a login that was under way is over; the first when auth-timeout is 0 and it may take for ever. */
#define LOGIN_MS 60000u
#define SECOND_MS 1000u

struct gone { /* an account that will be told again */
	struct list link;
	struct jid *account;
	uint64_t removal, at_ms;
};

struct watch {
	const struct server *server;
	actor_id self;
	uint64_t after;   /* last row that is known */
	struct list gone; /* struct gone, next one first */
};

static void tell_shard(struct watch *self, struct jid *account, uint64_t removal, bool again)
{
	struct shard_removed *m = MSG_NEW(shard_removed, shard_removed);

	m->account = jid_ref(account);
	m->removal = removal;
	m->again = again;
	actor_send(server_shard(self->server, account), &m);
}

/* Visitors, and seats with a cookie, log in without one. */
static bool needs_account(const struct server *s, const struct jid *account)
{
	enum client_class class = server_class(s, account);

	return class != CLASS_VISITOR && !(class == CLASS_SEAT && s->conf->desk_seat_auth == CONFIG_SEAT_AUTH_COOKIE);
}

static void tell_again_later(struct watch *self, struct jid *account, uint64_t removal)
{
	uint64_t login_ms = (uint64_t)self->server->conf->auth_timeout * 1000;
	struct gone *g;

	if (!needs_account(self->server, account))
		return;
	g = xcalloc(1, sizeof(*g));
	g->account = jid_ref(account);
	g->removal = removal;
	g->at_ms = actor_now_ms() + (login_ms ? login_ms : LOGIN_MS) + SECOND_MS;
	list_push_back(&self->gone, &g->link);
}

static void gone_free(struct gone *g)
{
	jid_unref(g->account);
	free(g);
}

static void ask_removals(struct watch *self)
{
	struct store_request *r = store_request_new(STORE_OP_LOG_READ, STORE_REMOVED, span_of(ACCOUNT_REMOVALS), SPAN_NONE,
						    &watch_stored_kind);

	r->seq = self->after;
	r->limit = ROWS_AT_ONCE;
	actor_send(self->server->store, &r);
}

static void tick_later(struct watch *self)
{
	struct watch_tick *t = MSG_NEW(watch_tick, watch_tick);

	actor_send_after(self->self, &t, (uint64_t)self->server->conf->account_watch * 1000);
}

/* A store that fails has logged it; the next tick asks for the same rows. */
static void on_watch_stored(struct watch *self, struct store_request *r)
{
	for (size_t i = 0; r->status == STATUS_OK && i < r->row_count; i++) {
		struct jid *account = jid_parse(span_of(r->rows[i].key));

		self->after = r->rows[i].seq;
		if (!account)
			continue;
		tell_shard(self, account, self->after, false);
		tell_again_later(self, account, self->after);
		jid_unref(account);
	}
	if (r->status == STATUS_OK && r->row_count == ROWS_AT_ONCE)
		ask_removals(self);
	else
		tick_later(self);
}

static void on_watch_tick(struct watch *self, struct watch_tick *t UNUSED)
{
	while (!list_empty(&self->gone)) {
		struct gone *g = CONTAINER_OF(self->gone.next, struct gone, link);

		if (g->at_ms > actor_now_ms())
			break;
		tell_shard(self, g->account, g->removal, true);
		list_remove(&g->link);
		gone_free(g);
	}
	ask_removals(self);
}

MSG_RECEIVE(watch, struct watch, WATCH_PROTOCOL)

static void watch_start(void *state, actor_id id)
{
	struct watch *self = state;

	self->self = id;
	ask_removals(self);
}

static void watch_stop(void *state)
{
	struct watch *self = state;
	struct list *link;

	while ((link = list_pop_front(&self->gone)))
		gone_free(CONTAINER_OF(link, struct gone, link));
	free(self);
}

actor_id account_watch_spawn(const struct server *server, uint64_t after)
{
	static const struct behaviour behaviour = { .name = "account watch", .placement = ACTOR_FLOATING,
						    .receive = watch_receive, .on_start = watch_start, .on_stop = watch_stop };
	struct watch *self = xcalloc(1, sizeof(*self));

	self->server = server;
	self->after = after;
	list_init(&self->gone);
	return actor_spawn(&behaviour, self, 0);
}
