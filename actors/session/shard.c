/* The session shard: takes messages, sets up a passage for each, lets the plugins decide and sends what they decided.
 *
 * It owns the users of its share of the bare JIDs and their sessions. It promises:
 *   1. Stanzas of one user are handled in the order in which they came, also when some of them wait for the store:
 *      while anything waits, all that comes for or from that user waits behind it.
 *   2. A message is delivered, kept, given back to the desk or answered with an error; a request is answered once.
 *   3. Nothing is written to the store because somebody logs in or out.
 *   4. A user is in memory only while a session or something pending needs it.
 * Messages to a session that has ended are ignored, but for what its client said before: that is still delivered. */
#include "actors/session/shard_inner.h"

#include <stdlib.h>

#include "actors/extension/extension.h"
#include "actors/session/ask.h"
#include "actors/session/contacts.h"
#include "actors/session/custody.h"
#include "actors/session/expire.h"
#include "actors/session/kept.h"
#include "actors/session/offline.h"
#include "actors/session/pace.h"
#include "actors/session/pipeline.h"
#include "actors/session/resent.h"
#include "runtime/metric.h"
#include "xmpp/parser.h"

#define RETRY_MS 5000u

/* --- passages --- */

struct passage shard_passage(struct shard *self, struct user *user, struct session *s)
{
	return (struct passage){
		.server = self->server,
		.pipeline = &self->pipeline,
		.users = &self->users,
		.out = &self->out,
		.builder = self->builder,
		.xml = self->xml,
		.resent = self->resent,
		.user = user,
		.session = s,
		.direction = s ? OUTBOUND : INBOUND,
	};
}

static struct session *session_of(struct shard *self, const struct user *user, const struct packet *p, bool outbound,
				  uint64_t handle)
{
	struct session *s;

	if (!outbound)
		return jid_is_bare(p->to) ? NULL : user_resource(user, p->to);
	s = users_session(&self->users, handle);
	return s && s->user == user ? s : NULL;
}

static void ask_account(struct shard *self, struct user *user)
{
	struct store_request *r =
		store_request_new(STORE_OP_GET, STORE_ACCOUNT, jid_bare(user->bare), SPAN_NONE, &shard_stored_kind);

	user->account = FACT_ASKED;
	outbox_store(&self->out, self->server, user, r);
}

static bool is_blocked(const struct user *user)
{
	return user->account == FACT_ASKED || user->roster == FACT_ASKED || user->waits_for_store || kept_is_asked(user);
}

/* Runs one stanza; false: it must wait, and what it waits for has been asked. Takes *packet otherwise. */
static bool run_one(struct shard *self, struct user *user, struct packet *packet, bool outbound, uint64_t session)
{
	struct passage p = shard_passage(self, user, NULL);

	p.direction = outbound ? OUTBOUND : INBOUND;
	p.session = session_of(self, user, packet, outbound, session);
	p.packet = packet_take(packet);
	if (custody_came_back(&p)) { /* another copy is on its way or has arrived */
		packet_clear(&p.packet);
		return true;
	}
	if (pipeline_run(&p) != XEP_WAIT) {
		custody_leave(&p);
		kept_forget(user);
		return true;
	}
	*packet = packet_take(&p.packet);
	if (p.wants_account && user->account == FACT_UNKNOWN)
		ask_account(self, user);
	if (p.wants_roster && user->roster == FACT_UNKNOWN)
		contacts_ask(&self->out, self->server, user);
	ASSERT(is_blocked(user));
	return false;
}

/* Bad news from the store is good for those that waited for it, not for ever. */
static void forget_bad_news(struct user *user)
{
	if (user->account == FACT_NO || user->account == FACT_LOST)
		user->account = FACT_UNKNOWN;
	if (user->roster == FACT_LOST)
		contacts_forget(user);
}

static void run_waiting(struct shard *self, struct user *user)
{
	struct list *link;

	while (!is_blocked(user) && (link = list_pop_front(&user->waiting))) {
		struct waiting *w = CONTAINER_OF(link, struct waiting, link);

		if (run_one(self, user, &w->packet, w->outbound, w->session)) {
			waiting_free(w);
			user->waiting_count--;
			continue;
		}
		list_push_back(user->waiting.next, &w->link); /* first again */
	}
	if (!is_blocked(user))
		forget_bad_news(user);
}

/* One signal of each kind is on its way at most: *sent says so. */
#define SIGNAL_LATER(self, kind, sent, ms) \
	do { \
		struct edge_signal *signal_ = MSG_NEW(kind, edge_signal); \
		*(sent) = true; \
		actor_send_after((self)->self, &signal_, ms); \
	} while (0)

static void wake_later(struct shard *self, struct user *user)
{
	const struct config *conf = self->server->conf;

	if ((offline_is_failed(user) || !list_empty(&self->users.failed)) && !self->ticking)
		SIGNAL_LATER(self, shard_tick, &self->ticking, RETRY_MS);
	if (!list_empty(&self->users.paced) && !self->pacing)
		SIGNAL_LATER(self, shard_pace, &self->pacing, 1000 / (uint64_t)conf->limit_presence_rate);
	if (!list_empty(&self->users.unsaved) && !self->saving)
		SIGNAL_LATER(self, shard_save, &self->saving, (uint64_t)conf->durability_delay);
}

void shard_settle(struct shard *self, struct user *user)
{
	run_waiting(self, user);
	wake_later(self, user);
	contacts_settle(user);
	users_settle(&self->users, user);
	outbox_send(&self->out, self->server);
}

/* Too many wait already: this one is refused. Takes *packet. */
static void turn_away(struct shard *self, struct user *user, struct packet *packet, bool outbound, uint64_t session)
{
	struct passage p = shard_passage(self, user, NULL);

	metric_limit(METRIC_limit_waiting);
	p.direction = outbound ? OUTBOUND : INBOUND;
	p.session = session_of(self, user, packet, outbound, session);
	p.packet = packet_take(packet);
	if (!custody_came_back(&p))
		passage_refuse(&p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	custody_leave(&p);
	packet_clear(&p.packet);
}

/* Takes *packet. With nothing before it and nothing missing, which is the rule, it runs without having waited. */
static void take_in(struct shard *self, struct user *user, struct packet *packet, bool outbound, uint64_t session)
{
	if (user->waiting_count >= USER_WAITING_MAX) {
		turn_away(self, user, packet, outbound, session);
	} else if (!list_empty(&user->waiting) || is_blocked(user) || !run_one(self, user, packet, outbound, session)) {
		list_push_back(&user->waiting, &waiting_new(packet, outbound, session)->link);
		user->waiting_count++;
	}
	shard_settle(self, user);
}

/* --- stanzas --- */

static void on_shard_inbound(struct shard *self, struct shard_inbound *m)
{
	struct session *s = users_session(&self->users, m->session);

	/* Of a client that was replaced meanwhile only its messages still matter. */
	if (!s && stanza_kind(m->packet.stanza) != STANZA_MESSAGE)
		return;
	if (stanza_kind(m->packet.stanza) == STANZA_MESSAGE &&
	    resent_is(self->resent, m->packet.from, m->packet.stanza, &m->packet.pledge)) {
		metric_inc(METRIC_messages_resent); /* the first one is on its way: this one is handled with it */
		return;
	}
	m->packet.flags = 0;
	take_in(self, s ? s->user : users_get(&self->users, m->packet.from), &m->packet, true, m->session);
}

static void serve(struct shard *self, struct packet *packet)
{
	struct passage p = shard_passage(self, NULL, NULL);

	p.packet = packet_take(packet);
	pipeline_run(&p);
	outbox_send(&self->out, self->server);
}

static void receive(struct shard *self, struct packet *packet)
{
	struct user *user;

	if (packet->to->local_n == 0) {
		serve(self, packet);
		return;
	}
	user = users_find(&self->users, packet->to);
	if (!user && user_must_be_here(packet->stanza)) {
		if (stanza_kind(packet->stanza) == STANZA_MESSAGE)
			resent_forget(self->resent, packet->to, packet->stanza); /* its sender may try again when it is back */
		return;
	}
	take_in(self, user ? user : users_get(&self->users, packet->to), packet, false, 0);
}

static void on_shard_route(struct shard *self, struct packet_msg *m)
{
	receive(self, &m->packet);
}

static void on_shard_undelivered(struct shard *self, struct packet_msg *m)
{
	struct session *s = users_session(&self->users, m->session);

	if (!m->packet.to || (m->packet.flags & PACKET_COPY) || (stanza_kind(m->packet.stanza) != STANZA_MESSAGE && user_must_be_here(m->packet.stanza)))
		return;
	m->packet.flags |= PACKET_RETURNED;
	if (s) /* bound for a moment yet: its SHARD_CLOSED is next */
		list_push_back(&s->user->returned, &waiting_new(&m->packet, false, m->session)->link);
	else
		receive(self, &m->packet);
}

static void on_shard_written(struct shard *self, struct shard_written *m)
{
	struct session *s = users_session(&self->users, m->session);
	struct user *user = NULL;
	struct passage p;

	if (m->receipt & CUSTODY_RECEIPT) {
		user = custody_acknowledged(&self->users, &self->out, m->receipt); /* the session may be gone by now */
	} else if (s) {
		user = s->user;
		p = shard_passage(self, user, s);
		offline_written(&p, s, m->receipt);
	}
	if (user)
		shard_settle(self, user);
}

/* --- the store and the desk --- */

static void on_account(struct user *user, const struct store_request *r)
{
	if (user->account != FACT_ASKED)
		return; /* somebody has logged in meanwhile */
	user->account = r->status == STATUS_OK ? FACT_YES : r->status == STATUS_NOT_FOUND ? FACT_NO : FACT_LOST;
}

static void on_shard_stored(struct shard *self, struct store_request *r)
{
	struct user *user = map_find(self->users.by_bare, span_of(r->owner));
	struct passage p;

	ASSERT(user && user->pending > 0);
	user->pending--;
	p = shard_passage(self, user, NULL);
	if (r->packet)
		p.packet = packet_take(&r->packet->packet);
	if (r->op == STORE_OP_GET) {
		on_account(user, r);
	} else if (r->op == STORE_OP_MAP_ALL) {
		contacts_loaded(user, r);
	} else if (r->op == STORE_OP_LOG_APPEND && r->collection == STORE_PENDING) {
		custody_saved(&self->users, &self->out, r);
	} else if (r->op == STORE_OP_LOG_APPEND) {
		offline_kept(&p, r);
	} else if (r->op == STORE_OP_LOG_READ && expire_is_page(r)) {
		expire_page(&p, r);
	} else if (r->op == STORE_OP_LOG_READ) {
		offline_page(&p, r);
	} else {
		p.direction = OUTBOUND;
		p.session = users_session(&self->users, r->note[0]);
		contacts_written(&p, r);
	}
	packet_clear(&p.packet);
	shard_settle(self, user);
}

static void on_shard_read(struct shard *self, struct store_request *r)
{
	struct user *user = kept_read(r);

	shard_settle(self, user);
}

static void on_shard_kept(struct shard *self, struct store_request *r)
{
	struct user *user = kept_user(r);
	struct passage p = shard_passage(self, user, NULL);

	kept_written(&p, r);
	packet_clear(&p.packet);
	shard_settle(self, user);
}

static void on_shard_contact(struct shard *self, struct shard_contact *m)
{
	struct user *user = users_get(&self->users, m->user);
	struct passage p = shard_passage(self, user, NULL);

	contacts_show(&p, m);
	shard_settle(self, user);
}

struct retrying {
	struct shard *self;
	struct user **users; /* whose waiting stanzas may run; not while the table of all is walked */
	size_t count;
};

static void retry(void *ctx, struct span key UNUSED, void *value)
{
	struct retrying *r = ctx;
	struct user *user = value;
	struct passage p = shard_passage(r->self, user, NULL);

	if (user->waits_for_store) {
		r->users = xrealloc(r->users, (r->count + 1) * sizeof(struct user *));
		r->users[r->count++] = user;
	}
	offline_retry(&p);
}

static void on_shard_expire(struct shard *self, struct shard_expire *m)
{
	struct user *user = users_get(&self->users, m->user);
	struct passage p = shard_passage(self, user, NULL);

	expire_begin(&p);
	shard_settle(self, user);
}

static void on_shard_tick(struct shard *self, struct edge_signal *m UNUSED)
{
	struct retrying r = { .self = self };

	self->ticking = false;
	map_each(self->users.by_bare, retry, &r);
	custody_retry(&self->users, &self->out);
	for (size_t i = 0; i < r.count; i++)
		shard_settle(self, r.users[i]);
	free(r.users);
	outbox_send(&self->out, self->server);
}

static void on_shard_pace(struct shard *self, struct edge_signal *m UNUSED)
{
	uint64_t now_ms = actor_now_ms(), next;
	struct stanza *held;
	struct session *s;

	while ((s = pace_due(&self->users, now_ms, &held, &next))) {
		struct packet packet = packet_make(held, s->full, NULL, 0);

		take_in(self, s->user, &packet, true, s->handle);
	}
	self->pacing = false;
	if (next)
		SIGNAL_LATER(self, shard_pace, &self->pacing, next - now_ms);
}

static void on_shard_save(struct shard *self, struct edge_signal *m UNUSED)
{
	uint64_t now_ms = actor_now_ms(), next = custody_save_due(&self->users, &self->out, now_ms);

	self->saving = false;
	if (next)
		SIGNAL_LATER(self, shard_save, &self->saving, next - now_ms);
	outbox_send(&self->out, self->server);
}

MSG_RECEIVE(shard, struct shard, SHARD_PROTOCOL)

/* --- life --- */

static void shard_start(void *state, actor_id self)
{
	((struct shard *)state)->self = self;
}

static void shard_stop(void *state)
{
	struct shard *self = state;

	plugins_close(&self->pipeline);
	outbox_fini(&self->out);
	users_fini(&self->users);
	builder_free(self->builder);
	xml_pool_free(self->xml);
	resent_free(self->resent);
	free(self);
}

actor_id shard_spawn(const struct server *server, unsigned index)
{
	static const struct behaviour behaviour = {
		.name = "shard",
		.placement = ACTOR_PINNED,
		.receive = shard_receive,
		.on_start = shard_start,
		.on_stop = shard_stop,
	};
	struct shard *self = xcalloc(1, sizeof(*self));

	self->server = server;
	users_init(&self->users, server);
	pipeline_init(&self->pipeline, server->conf);
	plugins_open(&self->pipeline, server);
	self->builder = builder_new();
	self->xml = xml_pool_new();
	self->resent = resent_new((uint64_t)server->conf->limit_remembered_ids);
	return actor_spawn(&behaviour, self, server_shard_worker(server, index));
}
