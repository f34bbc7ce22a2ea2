#pragma once
/* The mailbox: an intrusive queue with many producers and one consumer (after Vyukov), linked through msg.next. Producers
 * never wait; the consumer sees messages of one producer in the order in which they were pushed.
 *
 * A push is two steps: swap the tail, then link the predecessor. Between the two the consumer sees a queue that ends
 * early: mailbox_pop returns NULL although mailbox_is_empty is false. The producer that is between its steps will then
 * find the actor idle or not, as actor.c explains, so nothing is forgotten. */
#include "runtime/actor/msg.h"

struct mailbox {
	/* producers */
	_Alignas(64) struct msg *tail;
	/* consumer */
	_Alignas(64) struct msg *head;
	struct msg stub;
};

void mailbox_init(struct mailbox *q);
/* Any thread; takes the message. A full barrier lies between the push and what the caller does next. */
void mailbox_push(struct mailbox *q, struct msg *m);
/* Consumer only. NULL: empty, or a producer is between its two steps. */
struct msg *mailbox_pop(struct mailbox *q);
/* Consumer only: no message and no producer between its steps. */
bool mailbox_is_empty(const struct mailbox *q);
