#include "actors/session/pace.h"

#include "runtime/metric.h"

#define BURST 5

/* When the next one may go; the bucket of a session is the time at which it is empty. */
static uint64_t free_at_us(const struct session *s, uint64_t rate)
{
	uint64_t room_us = BURST * 1000000u / rate;

	return s->paced_us > room_us ? s->paced_us - room_us : 0;
}

bool pace_holds(struct passage *p)
{
	struct session *s = p->session;
	uint64_t rate = (uint64_t)p->server->conf->limit_presence_rate, now_us = actor_now_ms() * 1000;

	if (!rate || !s)
		return false;
	if (!s->held_presence && now_us >= free_at_us(s, rate)) {
		s->paced_us = (s->paced_us > now_us ? s->paced_us : now_us) + 1000000u / rate;
		return false;
	}
	metric_limit(METRIC_limit_presence);
	if (s->held_presence)
		stanza_unref(s->held_presence);
	else
		list_push_back(&p->users->paced, &s->paced);
	s->held_presence = stanza_ref(p->packet.stanza);
	return true;
}

struct session *pace_due(struct users *u, uint64_t now_ms, struct stanza **held, uint64_t *next_ms)
{
	uint64_t rate = (uint64_t)u->server->conf->limit_presence_rate;

	*next_ms = 0;
	LIST_EACH(it, &u->paced) {
		struct session *s = CONTAINER_OF(it, struct session, paced);
		uint64_t at_ms = (free_at_us(s, rate) + 999) / 1000;

		if (at_ms <= now_ms) {
			list_remove(&s->paced);
			*held = s->held_presence;
			s->held_presence = NULL;
			return s;
		}
		if (!*next_ms || at_ms < *next_ms)
			*next_ms = at_ms;
	}
	return NULL;
}

void pace_forget(struct session *s)
{
	list_remove(&s->paced);
	stanza_unref(s->held_presence);
	s->held_presence = NULL;
}
