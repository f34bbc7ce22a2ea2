#include "actors/pledge.h"

#include <stdlib.h>

#include "actors/edge/edge.h"

struct pledge {
	actor_id edge;
	uint64_t number;
	uint32_t slot, gen;
	uint32_t refs;
};

struct pledge *pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number)
{
	struct pledge *p = xmalloc(sizeof(*p));

	*p = (struct pledge){ .edge = edge, .number = number, .slot = slot, .gen = gen, .refs = 1 };
	return p;
}

struct pledge *pledge_ref(struct pledge *p)
{
	if (p)
		__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void pledge_drop(struct pledge **p)
{
	struct pledge *taken = *p;
	struct edge_handled *m;

	*p = NULL;
	/* Pairs with the same operation of the other holders: the last one sees all they did done. */
	if (!taken || __atomic_sub_fetch(&taken->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	m = MSG_NEW(edge_handled, edge_handled);
	m->slot = taken->slot;
	m->gen = taken->gen;
	m->number = taken->number;
	actor_send(taken->edge, &m);
	free(taken);
}
