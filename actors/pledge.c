#include "actors/pledge.h"

#include <stdlib.h>

#include "actors/desk/desk.h"
#include "actors/edge/edge.h"

struct pledge {
	actor_id home;
	uint64_t number;
	struct jid *visitor; /* counted; NULL = home is an edge */
	uint32_t slot, gen;
	uint32_t refs;    /* holders; the last one tells home */
	uint32_t watches; /* those who watch, and one for all holders together; the last one frees it */
	struct pledge *followers; /* a stack by `next`; OVER when home was told */
	struct pledge *next;
};

#define OVER ((struct pledge *)-1)

struct pledge *pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number)
{
	struct pledge *p = xmalloc(sizeof(*p));

	*p = (struct pledge){ .home = edge, .number = number, .slot = slot, .gen = gen, .refs = 1, .watches = 1 };
	return p;
}

struct pledge *pledge_of_desk(actor_id desk, struct jid *visitor, uint64_t number)
{
	struct pledge *p = xmalloc(sizeof(*p));

	*p = (struct pledge){ .home = desk, .number = number, .visitor = jid_ref(visitor), .refs = 1, .watches = 1 };
	return p;
}

struct pledge *pledge_ref(struct pledge *p)
{
	if (p)
		__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

static void tell_edge(const struct pledge *p)
{
	struct edge_handled *m = MSG_NEW(edge_handled, edge_handled);

	m->slot = p->slot;
	m->gen = p->gen;
	m->number = p->number;
	actor_send(p->home, &m);
}

static void tell_desk(const struct pledge *p)
{
	struct desk_handled *m = MSG_NEW(desk_handled, desk_handled);

	m->visitor = p->visitor;
	m->number = p->number;
	actor_send(p->home, &m);
}

static void release(struct pledge *p)
{
	if (__atomic_sub_fetch(&p->watches, 1, __ATOMIC_ACQ_REL) == 0)
		free(p);
}

void pledge_drop(struct pledge **p)
{
	struct pledge *taken = *p, *follower, *next;

	*p = NULL;
	/* Pairs with the same operation of the other holders: the last one sees all they did done. */
	if (!taken || __atomic_sub_fetch(&taken->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (taken->visitor)
		tell_desk(taken);
	else
		tell_edge(taken);
	/* Pairs with the compare and exchange in pledge_follow: a follower is seen here, or sees that it is over. */
	follower = __atomic_exchange_n(&taken->followers, OVER, __ATOMIC_ACQ_REL);
	for (; follower; follower = next) {
		next = follower->next;
		pledge_drop(&follower);
	}
	release(taken);
}

struct pledge *pledge_watch(struct pledge *p)
{
	if (p)
		__atomic_add_fetch(&p->watches, 1, __ATOMIC_RELAXED);
	return p;
}

void pledge_unwatch(struct pledge **watched)
{
	if (*watched)
		release(*watched);
	*watched = NULL;
}

bool pledge_is_over(const struct pledge *watched)
{
	return __atomic_load_n(&watched->followers, __ATOMIC_ACQUIRE) == OVER;
}

void pledge_follow(struct pledge *watched, struct pledge **mine)
{
	struct pledge *p = *mine, *first = __atomic_load_n(&watched->followers, __ATOMIC_ACQUIRE);

	*mine = NULL;
	while (p && first != OVER) {
		p->next = first;
		if (__atomic_compare_exchange_n(&watched->followers, &first, p, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return;
	}
	pledge_drop(&p);
}
