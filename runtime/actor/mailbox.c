#include "runtime/actor/mailbox.h"

#include "runtime/actor/order.h"

void mailbox_init(struct mailbox *q)
{
	q->stub.next = NULL;
	q->head = &q->stub;
	q->tail = &q->stub;
}

void mailbox_push(struct mailbox *q, struct msg *m)
{
	struct msg *before;

	m->next = NULL;
	/* Pairs with the swap of the next producer: orders m->next = NULL before anybody can link behind m. */
	before = order_swap_ptr(&q->tail, m);
	/* Release; pairs with the acquire load of `next` in mailbox_pop: the consumer that sees the link sees the message. */
	order_store_ptr(&before->next, m);
	/* The caller now looks whether the consumer sleeps; the fence keeps that look behind the link. Pairs with the fence
	 * between the consumer's "idle" and its last look into the mailbox. Without it both could miss each other. */
	order_fence();
}

struct msg *mailbox_pop(struct mailbox *q)
{
	struct msg *head = q->head, *next = order_load_ptr(&head->next);

	if (head == &q->stub) {
		if (!next)
			return NULL;
		q->head = head = next;
		next = order_load_ptr(&head->next);
	}
	if (next) {
		q->head = next;
		return head;
	}
	/* head may be the last one: it can only be given away once something stands behind it. Acquire; pairs with the swap
	 * in mailbox_push. */
	if (head != order_load_ptr(&q->tail))
		return NULL;
	mailbox_push(q, &q->stub);
	next = order_load_ptr(&head->next);
	if (!next)
		return NULL;
	q->head = next;
	return head;
}

bool mailbox_is_empty(const struct mailbox *q)
{
	return q->head == &q->stub && order_load_ptr(&q->stub.next) == NULL && order_load_ptr(&q->tail) == &q->stub;
}
