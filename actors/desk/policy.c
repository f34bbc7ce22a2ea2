/* The choice among seats and robots. `least` looks at chats, then reservations, then who has been idle for longest,
 * so that visitors who only looked are spread evenly too and never count more than one who talks. */
#include "actors/desk/policy.h"

static bool is_barred(const struct policy_side *side, size_t index)
{
	for (size_t i = 0; i < POLICY_BARRED_MAX; i++)
		if (side->barred[i] == index)
			return true;
	return false;
}

static bool has_room(const struct policy_side *side, size_t index, uint32_t extra)
{
	return side->capacity == 0 || side->items[index].chats < side->capacity + extra;
}

bool policy_is_free(const struct policy_side *side, size_t index)
{
	const struct policy_candidate *c = &side->items[index];

	return c->here && c->taking && has_room(side, index, 0) && !is_barred(side, index);
}

/* SplitMix64's finisher: spreads visitor and candidate over all bits (rendezvous hashing, so that a seat which
 * comes or goes moves only its own visitors). */
static uint64_t mixed(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* True when a should get the visitor rather than b. */
static bool is_better(const struct policy_question *q, enum policy_rule rule, const struct policy_candidate *a,
		      const struct policy_candidate *b)
{
	switch (rule) {
	case POLICY_ROUND_ROBIN:
		return a->assigned_at < b->assigned_at;
	case POLICY_HASH:
		return mixed(a->hash ^ q->visitor_hash) > mixed(b->hash ^ q->visitor_hash);
	case POLICY_LEAST:
	case POLICY_RANDOM:
		break;
	}
	if (a->chats != b->chats)
		return a->chats < b->chats;
	if (a->reserved != b->reserved)
		return a->reserved < b->reserved;
	return a->idle_since < b->idle_since;
}

static size_t nth_free(const struct policy_side *side, size_t n)
{
	for (size_t i = 0; i < side->count; i++)
		if (policy_is_free(side, i) && n-- == 0)
			return i;
	return POLICY_NOBODY;
}

static size_t best_of(const struct policy_question *q, const struct policy_side *side, size_t *out_free)
{
	size_t best = POLICY_NOBODY;

	*out_free = 0;
	for (size_t i = 0; i < side->count; i++) {
		if (!policy_is_free(side, i))
			continue;
		++*out_free;
		if (best == POLICY_NOBODY || is_better(q, side->rule, &side->items[i], &side->items[best]))
			best = i;
	}
	if (best != POLICY_NOBODY && side->rule == POLICY_RANDOM)
		best = nth_free(side, (size_t)(q->chance % *out_free));
	return best;
}

static bool own_can(const struct policy_side *side, bool returning)
{
	size_t own = side->own;

	if (own == POLICY_NOBODY || !side->items[own].here || is_barred(side, own))
		return false;
	return policy_is_free(side, own) || (returning && has_room(side, own, 1));
}

static bool try_side(const struct policy_question *q, enum policy_kind kind, struct policy_answer *a)
{
	const struct policy_side *side = kind == POLICY_SEAT ? &q->seats : &q->robots;

	if (kind == POLICY_SEAT ? q->which_seats == POLICY_SEATS_NONE : !q->allow_robots)
		return false;
	a->index = best_of(q, side, &a->candidates);
	/* A robot keeps its own visitors whatever it says about new ones. */
	if (own_can(side, q->returning || kind == POLICY_ROBOT)) {
		a->index = side->own;
		a->own = true;
		if (a->candidates == 0)
			a->candidates = 1;
	} else if (kind == POLICY_SEAT && q->which_seats == POLICY_SEATS_OWN) {
		return false;
	}
	a->kind = kind;
	return a->index != POLICY_NOBODY;
}

struct policy_answer policy_choose(const struct policy_question *q)
{
	const enum policy_kind order[2] = { q->robots_first ? POLICY_ROBOT : POLICY_SEAT,
					    q->robots_first ? POLICY_SEAT : POLICY_ROBOT };

	for (size_t i = 0; i < 2; i++) {
		struct policy_answer a = { 0 };

		if (try_side(q, order[i], &a))
			return a;
	}
	return (struct policy_answer){ POLICY_NONE, POLICY_NOBODY, false, 0 };
}
