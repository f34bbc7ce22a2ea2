/* id -> actor. Slots are made once and never freed before the engine ends, so a sender with a stale id reads valid memory
 * and finds another generation there. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/actor/inner.h"
#include "runtime/actor/order.h"

#define INDEX_BITS 24u
#define ACTORS_MAX 65536u

static struct {
	pthread_mutex_t lock; /* spawning and releasing; look-ups take none */
	struct actor **slots;
	uint32_t size, used;
	uint32_t *idle; /* released slots */
	uint32_t idle_count;
} directory = { .lock = PTHREAD_MUTEX_INITIALIZER };

void directory_init(uint32_t actors_max)
{
	directory.size = actors_max ? actors_max : ACTORS_MAX;
	ASSERT(directory.size < 1u << INDEX_BITS);
	directory.slots = xcalloc(directory.size, sizeof(*directory.slots));
	directory.idle = xcalloc(directory.size, sizeof(*directory.idle));
	directory.used = directory.idle_count = 0;
}

void directory_fini(void)
{
	for (uint32_t i = 0; i < directory.used; i++)
		free(directory.slots[i]);
	free(directory.slots);
	free(directory.idle);
	directory.slots = NULL;
	directory.idle = NULL;
	directory.used = directory.size = 0;
}

struct actor *directory_find(actor_id id)
{
	uint32_t index = (uint32_t)(id & ((1u << INDEX_BITS) - 1));
	struct actor *a;

	if (id == ACTOR_NONE || index >= directory.size)
		return NULL;
	/* Acquire; pairs with the store of the slot in directory_new. */
	a = order_load_ptr(&directory.slots[index]);
	/* Acquire; pairs with the stores of id in directory_new and directory_release. An actor may end right after this
	 * look: its messages are then dropped by the check of msg.to at the other end. */
	return a && order_load_u64(&a->id) == id ? a : NULL;
}

static struct actor *take_slot(uint32_t *index)
{
	struct actor *a;

	if (directory.idle_count) {
		*index = directory.idle[--directory.idle_count];
		return directory.slots[*index];
	}
	if (directory.used == directory.size)
		BUG("more actors than actors_max");
	*index = directory.used++;
	a = aligned_alloc(64, (sizeof(*a) + 63) / 64 * 64);
	ASSERT(a);
	memset(a, 0, sizeof(*a));
	mailbox_init(&a->mailbox);
	return a;
}

struct actor *directory_new(const struct behaviour *b, void *state, unsigned home)
{
	struct actor *a;
	uint32_t index;

	pthread_mutex_lock(&directory.lock);
	a = take_slot(&index);
	a->b = b;
	a->state = state;
	a->home = home;
	a->mailbox_max = b->mailbox_max ? b->mailbox_max : MAILBOX_MAX;
	a->stopping = false;
	a->blocked_until_us = 0;
	a->generation++;
	order_store_u64(&a->id, (uint64_t)a->generation << INDEX_BITS | index);
	order_store_ptr(&directory.slots[index], a);
	pthread_mutex_unlock(&directory.lock);
	return a;
}

void directory_release(struct actor *a)
{
	uint32_t index = (uint32_t)(a->id & ((1u << INDEX_BITS) - 1));

	pthread_mutex_lock(&directory.lock);
	order_store_u64(&a->id, ACTOR_NONE);
	a->released_index = index;
	a->released = !a->thread; /* a threaded actor's struct stays with its thread */
	pthread_mutex_unlock(&directory.lock);
}

void directory_recycle(struct actor *a)
{
	pthread_mutex_lock(&directory.lock);
	if (a->released) {
		a->released = false;
		directory.idle[directory.idle_count++] = a->released_index;
	}
	pthread_mutex_unlock(&directory.lock);
}

void directory_each(directory_visit_f *visit, void *ctx)
{
	for (uint32_t i = 0; i < directory.used; i++)
		visit(directory.slots[i], ctx);
}
