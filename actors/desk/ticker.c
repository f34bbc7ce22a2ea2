#include "actors/desk/ticker.h"

/* Graces and holds are seconds; a twentieth is fine enough and keeps ticks rare. */
#define TICK_MS 50u

void ticker_init(struct ticker *t, const struct msg_kind *kind)
{
	*t = (struct ticker){ .wheel = wheel_new(actor_now_ms(), TICK_MS), .kind = kind };
}

void ticker_fini(struct ticker *t)
{
	wheel_free(t->wheel);
	t->wheel = NULL;
}

void ticker_arm(struct ticker *t)
{
	uint64_t now = actor_now_ms(), next = wheel_next_ms(t->wheel);
	struct desk_tick *m;

	if (next == UINT64_MAX || (t->armed_at_ms && t->armed_at_ms <= next))
		return;
	if (next <= now)
		next = now + 1;
	m = (struct desk_tick *)(void *)msg_new(t->kind);
	m->at_ms = t->armed_at_ms = next;
	actor_send_after(actor_self(), &m, next - now);
}

bool ticker_wakes(struct ticker *t, const struct desk_tick *m)
{
	if (m->at_ms != t->armed_at_ms)
		return false;
	t->armed_at_ms = 0;
	return true;
}
