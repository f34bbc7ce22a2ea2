#include "actors/session/desk_link.h"

static void tell(struct passage *p, struct jid *full, enum visitor_event event, enum close_reason reason)
{
	struct desk_visitor *m = MSG_NEW(desk_visitor, desk_visitor);

	m->visitor = jid_ref(full);
	m->event = event;
	m->reason = reason;
	m->sessions = p->user->session_count;
	outbox_add(p->out, server_desk(p->server, p->user->bare), m);
}

static bool concerns_visitor(const struct passage *p)
{
	return p->server->desk_on && p->user->class == CLASS_VISITOR;
}

void desk_link_visitor(struct passage *p, enum visitor_event event, enum close_reason reason)
{
	if (!concerns_visitor(p))
		return;
	p->user->is_absent = false;
	tell(p, p->session->full, event, reason);
}

void desk_link_liveness(struct passage *p)
{
	bool absent = !user_is_alive(p->user);

	if (!concerns_visitor(p) || p->user->session_count == 0 || absent == p->user->is_absent)
		return;
	p->user->is_absent = absent;
	tell(p, p->session->full, absent ? VISITOR_ABSENT : VISITOR_PRESENT, CLOSE_SOCKET_LOST);
}

/* A client whose line was lost takes no chats; when no other is there, the pool holds those it has (live-chat 4.1).
 * Highest priority, and of equals the one that came last (live-chat 2.5). */
static struct session *best_of(const struct passage *p)
{
	struct session *best = NULL;

	LIST_EACH(it, &p->user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);
		int priority = session_priority(p->users, s);

		if (!session_is_available(p->users, s) || priority < 0 || session_is_asleep(s))
			continue;
		if (!best || priority > session_priority(p->users, best) ||
		    (priority == session_priority(p->users, best) && s->available_order > best->available_order))
			best = s;
	}
	return best;
}

static bool concerns_pool(const struct passage *p)
{
	return p->server->desk_on && (p->user->class == CLASS_SEAT || p->user->class == CLASS_ROBOT);
}

static void tell_pool(struct passage *p, struct session *best, bool taking, enum agent_exit exit)
{
	struct user *user = p->user;
	struct pool_presence *m = MSG_NEW(pool_presence, pool_presence);

	jid_unref(user->told_best);
	user->told_best = best ? jid_ref(best->full) : NULL;
	user->told_taking = taking;
	m->account = jid_ref(user->bare);
	m->best = best ? jid_ref(best->full) : NULL;
	m->class = user->class;
	m->taking_chats = taking;
	m->exit = exit;
	outbox_add(p->out, p->server->pool, m);
}

void desk_link_agent(struct passage *p, enum agent_exit exit)
{
	struct user *user = p->user;
	struct session *best;
	bool taking, same;

	if (!concerns_pool(p))
		return;
	best = best_of(p);
	taking = best && !best->is_busy;
	same = best ? user->told_best && jid_eq(user->told_best, best->full) : !user->told_best;
	if (!same || (best && taking != user->told_taking))
		tell_pool(p, best, taking, best ? AGENT_SIGNED_OUT : exit);
}

void desk_link_removed(struct passage *p)
{
	if (concerns_pool(p))
		tell_pool(p, NULL, false, AGENT_REMOVED);
}
