/* Four levels of 64 slots: level k holds deadlines up to 64^(k+1) ticks ahead; what is further waits in the last slot of
 * the last level and is sorted in again when its turn comes. When a level's hand moves on, the slot it reaches is sorted
 * into the level below; a deadline belongs to the first tick that is not before it, so none fires early. */
#include "runtime/mem/wheel.h"

#include <stdlib.h>

#define LEVELS 4u
#define BITS 6u
#define SLOTS (1u << BITS)

struct wheel {
	uint32_t tick_ms;
	uint64_t now_tick; /* every tick up to here was handled */
	size_t count;
	struct list due; /* nodes whose time has come */
	struct list slots[LEVELS][SLOTS];
};

struct wheel *wheel_new(uint64_t now_ms, uint32_t tick_ms)
{
	struct wheel *w = xmalloc(sizeof(*w));

	ASSERT(tick_ms > 0);
	w->tick_ms = tick_ms;
	w->now_tick = now_ms / tick_ms;
	w->count = 0;
	list_init(&w->due);
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned slot = 0; slot < SLOTS; slot++)
			list_init(&w->slots[level][slot]);
	return w;
}

static void forget_all(struct list *head)
{
	struct list *link;

	while ((link = list_pop_front(head)))
		CONTAINER_OF(link, struct wheel_node, link)->at_ms = 0;
}

void wheel_free(struct wheel *w)
{
	if (!w)
		return;
	forget_all(&w->due);
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned slot = 0; slot < SLOTS; slot++)
			forget_all(&w->slots[level][slot]);
	free(w);
}

void wheel_node_init(struct wheel_node *n)
{
	list_init(&n->link);
	n->at_ms = 0;
}

static void place(struct wheel *w, struct wheel_node *n)
{
	uint64_t tick = (n->at_ms + w->tick_ms - 1) / w->tick_ms;
	uint64_t ahead = tick - w->now_tick;
	unsigned level = 0;

	if (tick <= w->now_tick) {
		list_push_back(&w->due, &n->link);
		return;
	}
	while (level < LEVELS - 1 && ahead >= (uint64_t)1 << (BITS * (level + 1)))
		level++;
	if (ahead >= (uint64_t)1 << (BITS * LEVELS)) /* beyond the horizon: the last slot it can be seen in */
		tick = w->now_tick + ((uint64_t)(SLOTS - 1) << (BITS * (LEVELS - 1)));
	list_push_back(&w->slots[level][tick >> (BITS * level) & (SLOTS - 1)], &n->link);
}

void wheel_set(struct wheel *w, struct wheel_node *n, uint64_t at_ms)
{
	if (n->at_ms)
		list_remove(&n->link);
	else
		w->count++;
	n->at_ms = at_ms ? at_ms : 1;
	place(w, n);
}

void wheel_clear(struct wheel *w, struct wheel_node *n)
{
	if (!n->at_ms)
		return;
	list_remove(&n->link);
	n->at_ms = 0;
	w->count--;
}

static void sort_in_again(struct wheel *w, struct list *slot)
{
	struct list moving, *link;

	if (list_empty(slot))
		return;
	list_init(&moving);
	moving.next = slot->next;
	moving.prev = slot->prev;
	moving.next->prev = moving.prev->next = &moving;
	list_init(slot);
	while ((link = list_pop_front(&moving)))
		place(w, CONTAINER_OF(link, struct wheel_node, link));
}

static void step(struct wheel *w)
{
	uint64_t tick = ++w->now_tick;

	for (unsigned level = LEVELS - 1; level > 0; level--)
		if ((tick & (((uint64_t)1 << (BITS * level)) - 1)) == 0)
			sort_in_again(w, &w->slots[level][tick >> (BITS * level) & (SLOTS - 1)]);
	sort_in_again(w, &w->slots[0][tick & (SLOTS - 1)]);
}

struct wheel_node *wheel_pop(struct wheel *w, uint64_t now_ms)
{
	uint64_t target = now_ms / w->tick_ms;
	struct list *link;
	struct wheel_node *n;

	while (list_empty(&w->due) && w->now_tick < target) {
		if (w->count == 0)
			w->now_tick = target;
		else
			step(w);
	}
	link = list_pop_front(&w->due);
	if (!link)
		return NULL;
	n = CONTAINER_OF(link, struct wheel_node, link);
	n->at_ms = 0;
	w->count--;
	return n;
}

uint64_t wheel_next_ms(const struct wheel *w)
{
	if (w->count == 0)
		return UINT64_MAX;
	if (!list_empty(&w->due))
		return w->now_tick * w->tick_ms;
	for (uint64_t tick = w->now_tick + 1; tick <= w->now_tick + SLOTS; tick++)
		/* a filled slot, or the moment at which a higher level is sorted in */
		if (!list_empty(&w->slots[0][tick & (SLOTS - 1)]) || (tick & (SLOTS - 1)) == 0)
			return tick * w->tick_ms;
	return (w->now_tick + SLOTS) * w->tick_ms;
}
