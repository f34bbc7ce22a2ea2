#include "actors/expiry.h"

#include <stdlib.h>

#include "actors/session/shard.h"

#define USERS_AT_ONCE 100u
#define PAUSE_MS 1000u

struct expiry {
	const struct server *server;
	actor_id self;
	char *after; /* the last user of this round that was looked at; "" = a round begins */
};

static void tick_after(struct expiry *self, uint64_t ms)
{
	struct expiry_tick *t = MSG_NEW(expiry_tick, expiry_tick);

	actor_send_after(self->self, &t, ms);
}

static void set_after(struct expiry *self, const char *owner)
{
	free(self->after);
	self->after = xstrdup(owner);
}

static void on_expiry_tick(struct expiry *self, struct expiry_tick *t UNUSED)
{
	struct store_request *r = store_request_new(STORE_OP_OWNERS, STORE_OFFLINE, SPAN_LIT("users"), span_of(self->after),
						    &expiry_stored_kind);

	r->limit = USERS_AT_ONCE;
	actor_send(self->server->store, &r);
}

static void tell_shard(struct expiry *self, const char *owner)
{
	struct jid *user = jid_parse(span_of(owner));
	struct shard_expire *m;

	if (!user)
		return;
	m = MSG_NEW(shard_expire, shard_expire);
	m->user = user;
	actor_send(server_shard(self->server, user), &m);
}

/* A store that fails has logged it; the next round begins anew. */
static void on_expiry_stored(struct expiry *self, struct store_request *r)
{
	for (size_t i = 0; r->status == STATUS_OK && i < r->row_count; i++)
		tell_shard(self, r->rows[i].key);
	if (r->status == STATUS_OK && r->row_count == USERS_AT_ONCE) {
		set_after(self, r->rows[r->row_count - 1].key);
		tick_after(self, PAUSE_MS);
	} else {
		set_after(self, "");
		tick_after(self, (uint64_t)self->server->conf->expiry_interval * 1000);
	}
}

MSG_RECEIVE(expiry, struct expiry, EXPIRY_PROTOCOL)

static void expiry_start(void *state, actor_id id)
{
	struct expiry *self = state;

	self->self = id;
	tick_after(self, (uint64_t)self->server->conf->expiry_interval * 1000);
}

static void expiry_stop(void *state)
{
	struct expiry *self = state;

	free(self->after);
	free(self);
}

actor_id expiry_spawn(const struct server *server)
{
	static const struct behaviour behaviour = { .name = "expiry", .placement = ACTOR_FLOATING, .receive = expiry_receive,
						    .on_start = expiry_start, .on_stop = expiry_stop };
	struct expiry *self = xcalloc(1, sizeof(*self));

	self->server = server;
	self->after = xstrdup("");
	return actor_spawn(&behaviour, self, 0);
}
