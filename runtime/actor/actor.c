/* Sending and running.
 *
 * An actor is idle (scheduled = 0) or scheduled (1: in exactly one run queue, or running). Whoever turns 0 into 1 puts it
 * into a queue. Two rules keep a message from lying in the mailbox of an idle actor:
 *   1. a sender pushes first and looks at `scheduled` afterwards (fence in mailbox_push);
 *   2. the runner sets `scheduled` to 0 first and compares `pushed` with `handled` afterwards (fence in actor_rest).
 * Whatever the interleaving, at least one of the two sees the other. */
#include <stdlib.h>

#include "runtime/actor/inner.h"
#include "runtime/actor/order.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

/* System messages: the first and the last an actor gets. */
static const struct msg_kind start_kind = { "START", sizeof(struct msg), UINT32_MAX, NULL, "The actor begins." };
static const struct msg_kind stop_kind = { "STOP", sizeof(struct msg), UINT32_MAX - 1, NULL, "The actor ends." };

static _Thread_local struct actor *current;
static _Thread_local uint64_t current_now_ms;
static _Thread_local struct msg *handling; /* NULL once the handler gave it away */

struct actor *actor_current(void)
{
	return current;
}

void actor_set_current(struct actor *a, uint64_t now_ms)
{
	current = a;
	current_now_ms = now_ms;
}

actor_id actor_self(void)
{
	return current ? current->id : ACTOR_NONE;
}

uint64_t actor_now_ms(void)
{
	return current ? current_now_ms : outside_mono_ms();
}

static void dead_letter(struct msg *m)
{
	metric_inc(METRIC_actor_dead_letters);
	msg_free(m);
}

void actor_deliver(struct msg *m)
{
	struct actor *a = directory_find(m->to);

	if (!a) {
		dead_letter(m);
		return;
	}
	order_add_u32(&a->pushed, 1);
	mailbox_push(&a->mailbox, m);
	/* The plain look spares the swap when the actor is scheduled already; see the rules above. */
	if (order_load_u32(&a->scheduled) == 0 && order_swap_u32(&a->scheduled, 1) == 0)
		worker_schedule(a);
}

void actor_send_msg(actor_id to, struct msg **m)
{
	struct msg *taken = *m;

	*m = NULL;
	taken->to = to;
	taken->from = actor_self();
	actor_deliver(taken);
}

void actor_send_after_msg(actor_id to, struct msg **m, uint64_t delay_ms)
{
	struct msg *taken = *m;

	*m = NULL;
	taken->to = to;
	taken->from = actor_self();
	worker_delay(taken, actor_now_ms() + delay_ms);
}

void actor_forward(actor_id to, struct msg *m)
{
	ASSERT(m == handling);
	handling = NULL;
	actor_send_msg(to, &m);
}

void actor_reply_as(struct msg *m, const struct msg_kind *kind)
{
	ASSERT(m == handling && kind->size == m->kind->size);
	m->kind = kind;
	actor_forward(m->from, m);
}

void actor_keep(struct msg *m)
{
	ASSERT(m == handling);
	handling = NULL;
}

actor_id actor_spawn(const struct behaviour *b, void *state, unsigned worker)
{
	struct actor *a;
	struct msg *start = msg_new(&start_kind);
	actor_id id;

	ASSERT(b->placement != ACTOR_PINNED || worker < workers_count());
	a = directory_new(b, state, b->placement == ACTOR_PINNED ? worker : 0);
	id = a->id;
	if (b->placement == ACTOR_THREADED && !sim_is_on())
		thread_attach(a);
	actor_send_msg(id, &start);
	return id;
}

void actor_stop(actor_id id)
{
	struct msg *stop = msg_new(&stop_kind);

	actor_send_msg(id, &stop);
}

void actor_end(struct actor *a)
{
	void *state = a->state;

	a->stopping = true;
	if (a->b->on_stop)
		a->b->on_stop(state);
	a->state = NULL;
	directory_release(a);
}

static void handle(struct actor *a, struct msg *m)
{
	if (m->to != a->id || a->id == ACTOR_NONE) {
		dead_letter(m);
	} else if (m->kind == &start_kind) {
		if (a->b->on_start)
			a->b->on_start(a->state, a->id);
		free(m);
	} else if (m->kind == &stop_kind) {
		actor_end(a);
		free(m);
	} else {
		handling = m;
		a->b->receive(a->state, m);
		if (handling)
			msg_free(m);
		handling = NULL;
	}
}

bool actor_run_slice(struct actor *a, uint32_t most)
{
	uint64_t begin = outside_mono_us();
	uint32_t done = 0;
	struct msg *m = NULL;

	actor_set_current(a, begin / 1000);
	while (done < most && (m = mailbox_pop(&a->mailbox))) {
		if (sim_is_on())
			sim_note(a, m);
		handle(a, m);
		done++;
		/* the clock costs more than most handlers: look every eighth message */
		if (done % 8 == 0 && outside_mono_us() - begin >= SLICE_US)
			break;
	}
	order_store_u32(&a->handled, a->handled + done);
	actor_set_current(NULL, 0);
	metric_add(METRIC_actor_messages, done);
	return m != NULL;
}

bool actor_rest(struct actor *a)
{
	order_store_u32(&a->scheduled, 0);
	order_fence(); /* pairs with the fence in mailbox_push: see rule 2 */
	/* By the counters, not by the mailbox: another worker may be running a floating actor by now. */
	return order_load_u32(&a->pushed) != order_load_u32(&a->handled) && order_swap_u32(&a->scheduled, 1) == 0;
}

void actor_drop_mailbox(struct actor *a)
{
	struct msg *m;

	while ((m = mailbox_pop(&a->mailbox)))
		dead_letter(m);
}

uint32_t actor_backlog(actor_id id)
{
	struct actor *a = directory_find(id);

	return a ? order_load_u32(&a->pushed) - order_load_u32(&a->handled) : 0;
}

bool actor_is_pressed(actor_id id)
{
	struct actor *a = directory_find(id);
	uint32_t backlog;

	if (!a)
		return false;
	backlog = order_load_u32(&a->pushed) - order_load_u32(&a->handled);
	/* A race between two callers costs one of them a wrong answer for a moment; both marks are far apart. */
	if (backlog > a->mailbox_max / 4 * 3)
		order_store_u32(&a->pressed, 1);
	else if (backlog < a->mailbox_max / 4 && order_load_u32(&a->pressed))
		order_store_u32(&a->pressed, 0);
	return order_load_u32(&a->pressed) != 0;
}
