/* The sessions of a shard's users: bound, silent, replaced, closed by their clients, ended because of what became of their account
 * or domain. */
#include <stdlib.h>

#include "actors/session/contacts.h"
#include "actors/session/desk_link.h"
#include "actors/session/kept.h"
#include "actors/session/last_seen.h"
#include "actors/session/offline.h"
#include "actors/session/privacy.h"
#include "actors/session/shard_inner.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

#define RESOURCE_BYTES 8 /* random ones in a resource the server makes up */

static void answer_bind(struct shard *self, const struct shard_bind *m, const struct session *s,
			enum stanza_error error)
{
	struct edge_bound *bound = MSG_NEW(edge_bound, edge_bound);

	bound->link = m->link;
	bound->error = error;
	if (s) {
		bound->full = jid_ref(s->full);
		bound->session = s->handle;
	}
	outbox_add(&self->out, m->link.edge, bound);
}

static struct jid *choose_full(const struct user *user, const char *wanted)
{
	struct span text = span_of(wanted);
	struct jid *full = text.n ? jid_with_resource(user->bare, text) : NULL;
	char made_up[2 * RESOURCE_BYTES + 1];

	if (full)
		return full;
	outside_random_hex(made_up, RESOURCE_BYTES);
	return jid_with_resource(user->bare, span_of(made_up));
}

/* The client is told why; SHARD_CLOSED of its connection will find nobody. */
static void close_client(struct shard *self, struct session *s, enum stream_error error, const char *text)
{
	struct edge_close *m = MSG_NEW(edge_close, edge_close);

	m->link = s->client;
	m->error = error;
	m->text = text;
	outbox_add(&self->out, s->client.edge, m);
	session_unlink(&self->users, s);
}

/* Another one has its place. */
static void close_replaced(struct shard *self, struct session *s)
{
	close_client(self, s, STREAM_ERROR_CONFLICT, "Replaced by new connection");
}

static void end_session(struct shard *self, struct session *s, enum close_reason reason)
{
	struct passage p = shard_passage(self, s->user, s);

	pipeline_closed(&p, reason);
	user_release_returned(s->user, s->handle);
	session_free(s);
}

/* Room for one session more? A visitor's oldest tab gives way; an account's new client is refused. */
static bool make_room(struct shard *self, struct user *user)
{
	const struct config *conf = self->server->conf;
	int64_t most = user->class == CLASS_VISITOR ? conf->limit_sessions_visitor : conf->limit_sessions_account;

	if (!most || user->session_count < (uint64_t)most)
		return true;
	metric_limit(METRIC_limit_sessions);
	if (user->class != CLASS_VISITOR)
		return false;
	while (user->session_count >= (uint64_t)most) {
		struct session *oldest = CONTAINER_OF(user->sessions.next, struct session, link);

		close_replaced(self, oldest);
		if (user->session_count > 0) {
			end_session(self, oldest, CLOSE_REPLACED);
		} else { /* the new one comes at once: the visitor never left */
			struct passage p = shard_passage(self, user, oldest);

			pipeline_replaced(&p);
			offline_session_gone(&p, oldest);
			user_release_returned(user, oldest->handle);
			session_free(oldest);
		}
	}
	return true;
}

/* A page that was reloaded after its line broke logs in anew while the server still waits for its old session. What was
 * said to that one must not wait with it (live-chat 4.5): a visitor's session that has fallen silent gives way to one
 * that came after it and lives. Two tabs that both live keep both. */
static void replace_silent(struct shard *self, struct user *user)
{
	bool lives = false;
	struct list *it = user->sessions.prev;

	if (user->class != CLASS_VISITOR)
		return;
	while (it != &user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		it = it->prev;
		if (s->alive) {
			lives = true;
		} else if (lives) {
			close_replaced(self, s);
			end_session(self, s, CLOSE_REPLACED);
		}
	}
}

/* --- ended by others than their clients --- */

/* Which ones end: the one with this address; those that are older; both unset: all. */
struct ending {
	const struct jid *full;
	bool older;
};
#define ALL_SESSIONS (struct ending){ NULL, false }

/* Every client is told. How many there were. */
static uint32_t end_sessions(struct shard *self, struct user *user, struct ending which, enum stream_error error, const char *text)
{
	uint32_t ended = 0;

	LIST_EACH_SAFE(it, next, &user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		if ((which.full && !jid_eq(s->full, which.full)) || (which.older && !s->is_older))
			continue;
		metric_inc(METRIC_sessions_removed);
		close_client(self, s, error, text);
		end_session(self, s, CLOSE_REMOVED);
		ended++;
	}
	return ended;
}

/* What is known of the account is asked for again: there may be another one of its name. */
static void forget_account(struct user *user, uint64_t removal)
{
	if (user->removal < removal)
		user->removal = removal;
	if (user->class == CLASS_USER && user->account == FACT_YES)
		user->account = FACT_UNKNOWN;
	if (user->class != CLASS_VISITOR && user->roster == FACT_YES)
		contacts_forget(user);
	privacy_forget(user);
}

/* The condition is that of RFC 6120 4.9.3.12: the client is logged in as somebody who may not log in. Who has logged in to a new
 * account of the name goes on. removal 0: none of a later account can be there. */
static void end_account(struct shard *self, struct user *user, uint64_t removal, bool again)
{
	struct passage p = shard_passage(self, user, NULL);
	bool all = !removal || removal > user->removal; /* nobody here knows of a later account */
	bool is_news = all && !again;
	uint32_t ended;

	user->is_removed = true;
	ended = end_sessions(self, user, (struct ending){ NULL, !all }, STREAM_ERROR_NOT_AUTHORIZED,
			     "This account was removed");
	user->is_removed = false;
	if (is_news || ended)
		LOG_INFO("session", "%.*s was removed, sessions ended: %u", SPAN_FMT(jid_bare(user->bare)), ended);
	if (!is_news)
		return;
	last_seen_forget(self->users.last_seen, user->bare);
	forget_account(user, removal);
	if (user->session_count == 0)
		desk_link_removed(&p);
}

/* A login to a new account of this name tells that the old one is gone, before the account watch does. */
static void begin_account(struct shard *self, struct user *user, uint64_t since)
{
	if (since <= user->removal)
		return;
	if (user->session_count > 0)
		end_account(self, user, since, false);
	else
		forget_account(user, since);
}

/* --- as their clients say --- */

/* The client's own part of the resource (struct shard_bind): all, or what is behind the last slash. */
static struct span client_part(const struct jid *full)
{
	struct span text = jid_resource(full);

	for (size_t i = text.n; i > 0; i--)
		if (text.p[i - 1] == '/')
			return (struct span){ text.p + i, text.n - i };
	return text;
}

/* Another session of the same client; NULL = there is none. */
static struct session *earlier(struct user *user, const struct jid *full)
{
	LIST_EACH(it, &user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		if (!jid_eq(s->full, full) && span_eq(client_part(s->full), client_part(full)))
			return s;
	}
	return NULL;
}

static void replace_earlier(struct shard *self, struct user *user, const struct jid *full)
{
	struct session *s;

	while ((s = earlier(user, full))) {
		close_replaced(self, s);
		end_session(self, s, CLOSE_REPLACED);
	}
}

void on_shard_bind(struct shard *self, struct shard_bind *m)
{
	struct user *user = users_get(&self->users, m->bare);
	struct jid *full = choose_full(user, m->resource);
	struct session *old, *s;
	struct passage p;

	begin_account(self, user, m->since);
	old = user_resource(user, full);
	if (m->class == CLASS_VISITOR && user->class == CLASS_USER && user->session_count == 0) {
		user->class = CLASS_VISITOR; /* an anonymous login decides that */
		if (user->roster == FACT_UNKNOWN)
			contacts_begin(user);
	}
	if (!server_is_local(self->server, jid_domain(user->bare))) { /* removed while its client was logging in */
		jid_unref(full);
		answer_bind(self, m, NULL, STANZA_ERROR_SERVICE_UNAVAILABLE);
		shard_settle(self, user);
		return;
	}
	if (!old && !(m->known_client && earlier(user, full)) && !make_room(self, user)) {
		jid_unref(full);
		answer_bind(self, m, NULL, STANZA_ERROR_RESOURCE_CONSTRAINT);
		shard_settle(self, user);
		return;
	}
	user->account = FACT_YES;
	s = session_open(&self->users, user, full, m);
	p = shard_passage(self, user, s);
	answer_bind(self, m, s, STANZA_ERROR_NONE);
	if (old) {
		struct passage gone = shard_passage(self, user, old);

		pipeline_replaced(&gone);
		s->takes_offline = old->takes_offline && !old->looks_itself; /* else it has been given nothing yet */
		session_inherit(s, old);
		close_replaced(self, old);
		offline_session_gone(&p, old);
		user_release_returned(user, old->handle);
		session_free(old);
	}
	LOG_DEBUG("session", "%.*s bound from %s", SPAN_FMT(jid_full(full)), m->address);
	session_set_carbons(s, m->carbons);
	pipeline_opened(&p);
	if (m->known_client)
		replace_earlier(self, user, full);
	replace_silent(self, user);
	shard_settle(self, user);
}

void on_shard_closed(struct shard *self, struct shard_closed *m)
{
	struct session *s = users_session(&self->users, m->session);
	struct user *user;

	if (!s)
		return;
	user = s->user;
	LOG_DEBUG("session", "%.*s ended", SPAN_FMT(jid_full(s->full)));
	session_unlink(&self->users, s);
	end_session(self, s, m->reason);
	shard_settle(self, user);
}

void on_shard_liveness(struct shard *self, struct shard_liveness *m)
{
	struct session *s = users_session(&self->users, m->session);
	struct user *user;
	struct passage p;

	if (!s)
		return;
	user = s->user;
	s->alive = m->alive;
	p = shard_passage(self, user, s);
	desk_link_liveness(&p);
	desk_link_agent(&p, AGENT_LOST);
	replace_silent(self, user);
	shard_settle(self, user);
}

/* --- ended by others than their clients, as they hear of it --- */

void on_shard_removed(struct shard *self, struct shard_removed *m)
{
	struct user *user = users_get(&self->users, m->account);

	end_account(self, user, m->removal, m->again);
	shard_settle(self, user);
}

void on_shard_account(struct shard *self, struct account_request *r)
{
	struct user *user = kept_account_user(r);
	struct passage p = shard_passage(self, user, NULL);

	kept_accounted(&p, r);
	packet_clear(&p.packet);
	if (r->op == ACCOUNT_REMOVE && r->status == STATUS_OK)
		end_account(self, user, r->removal, false); /* behind the answer */
	shard_settle(self, user);
}

/* A seat is let go at once also when it is held or waits to be resumed, so all of an account are ended when none is here, too. */
static void end_by_order(struct shard *self, struct shard_ask *m)
{
	bool all = jid_is_bare(m->about);
	struct user *user = all ? users_get(&self->users, m->about) : users_find(&self->users, m->about);
	struct passage p;

	if (!user)
		return;
	p = shard_passage(self, user, NULL);
	m->count = end_sessions(self, user, (struct ending){ all ? NULL : m->about, false }, STREAM_ERROR_NOT_AUTHORIZED, "Logged out by an administrator");
	if (all)
		desk_link_removed(&p);
	shard_settle(self, user);
}

static void end_domain(struct shard *self, struct shard_ask *m)
{
	size_t count;
	struct jid **users = ask_users_of(&self->users, m->about, &count);

	for (size_t i = 0; i < count; i++) {
		struct user *user = users_find(&self->users, users[i]);

		if (user) {
			m->count += end_sessions(self, user, ALL_SESSIONS, STREAM_ERROR_HOST_GONE, "This domain is served no more");
			shard_settle(self, user);
		}
		jid_unref(users[i]);
	}
	free(users);
}

void on_shard_ask(struct shard *self, struct shard_ask *m)
{
	if (m->op == SHARD_ASK_END)
		end_by_order(self, m);
	else if (m->op == SHARD_ASK_END_DOMAIN)
		end_domain(self, m);
	else
		ask_answer(m, &self->users, &self->out);
	outbox_send(&self->out, self->server);
	actor_reply_as(&m->m, m->reply);
}

