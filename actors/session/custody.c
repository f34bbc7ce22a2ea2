#include "actors/session/custody.h"

#include <stdlib.h>

#include "actors/session/offline.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

static struct span key_of(const uint64_t *receipt)
{
	return (struct span){ (const char *)receipt, sizeof(*receipt) };
}

static struct custody *by_receipt(const struct users *u, uint64_t receipt)
{
	return map_find(u->custodies, key_of(&receipt));
}

/* A session gives back its messages in their order, so that each is found behind the one before. */
static struct custody *by_stanza(struct user *user, const struct stanza *stanza)
{
	struct list *head = &user->custodies, *start = user->next_back ? user->next_back : head, *it = start;

	do {
		struct custody *c = CONTAINER_OF(it, struct custody, link);

		if (it != head && c->packet.stanza == stanza) {
			user->next_back = it->next;
			return c;
		}
		it = it->next;
	} while (it != start);
	return NULL;
}

static void delete_row(struct users *u, struct outbox *out, struct span owner, uint64_t row)
{
	struct store_request *r = store_request_new(STORE_OP_LOG_DELETE_ONE, STORE_PENDING, owner, SPAN_NONE, NULL);

	r->seq = row;
	outbox_store(out, u->server, NULL, r);
}

/* A row that is being written is deleted when its answer finds no custody. */
static void release_row(struct users *u, struct outbox *out, struct custody *c)
{
	list_remove(&c->to_save);
	if (c->state == ROW_SAVED)
		delete_row(u, out, jid_bare(c->user->bare), c->row);
	c->state = ROW_NONE;
}

static void end(struct users *u, struct custody *c)
{
	if (c->user->next_back == &c->link)
		c->user->next_back = c->link.next;
	list_remove(&c->to_save);
	list_remove(&c->link);
	map_remove(u->custodies, key_of(&c->receipt));
	packet_clear(&c->packet);
	metric_add(METRIC_custody, -1);
	free(c);
}

/* --- opening --- */

static bool wants_row(const struct passage *p)
{
	const struct packet *q = &p->packet;

	return q->pledge && !(q->flags & (PACKET_KEPT | PACKET_NO_STORE | PACKET_FROM_STORE)) &&
	       config_durability(p->server->conf, jid_domain(p->user->bare)) != CONFIG_DURABILITY_D0 &&
	       offline_is_storable(p);
}

static void wait_to_save(struct users *u, struct custody *c)
{
	c->state = ROW_WAITS;
	c->save_at_ms = actor_now_ms() + (uint64_t)u->server->conf->durability_delay;
	list_push_back(&u->unsaved, &c->to_save);
}

/* Recovery tells messages of the same words apart by it. */
static uint64_t time_of_its_own(struct users *u)
{
	uint64_t now_us = outside_wall_us();

	if (now_us <= u->last_us && u->last_us - now_us < 1000) /* not after a clock that was set back */
		now_us = u->last_us + 1;
	u->last_us = now_us;
	return now_us;
}

static struct custody *add(struct passage *p)
{
	struct users *u = p->users;
	struct custody *c = xcalloc(1, sizeof(*c));

	c->user = p->user;
	c->receipt = CUSTODY_RECEIPT | ++u->receipts;
	c->packet = packet_copy(&p->packet);
	c->time_us = time_of_its_own(u);
	list_init(&c->to_save);
	list_push_back(&p->user->custodies, &c->link);
	map_put(u->custodies, key_of(&c->receipt), c);
	metric_add(METRIC_custody, 1);
	return c;
}

struct custody *custody_open(struct passage *p, unsigned copies)
{
	struct users *u = p->users;
	struct custody *c = p->custody;
	bool row = wants_row(p);

	if (copies == 0 || (!c && copies == 1 && !row && !(p->packet.flags & PACKET_KEPT)))
		return NULL;
	if (c) { /* it came back and goes to others now */
		p->custody = NULL;
		pledge_drop(&c->packet.pledge);
		c->packet.pledge = pledge_ref(p->packet.pledge);
	} else {
		c = add(p);
	}
	c->copies = copies;
	if (row && c->state == ROW_NONE)
		wait_to_save(u, c);
	/* From now on the custody answers for it, not the queues of the clients; but for what is worth no row. */
	if (row || c->state == ROW_SAVED || (p->packet.flags & PACKET_KEPT))
		pledge_drop(&p->packet.pledge);
	else
		pledge_drop(&c->packet.pledge);
	return c;
}

void custody_hold(struct passage *p)
{
	struct custody *c = p->custody;

	p->custody = NULL;
	if (p->packet.flags & PACKET_KEPT)
		return; /* the desk writes its rows itself */
	if (!wants_row(p)) {
		pledge_drop(&p->packet.pledge);
		return;
	}
	if (!c)
		c = add(p);
	if (c->state == ROW_NONE)
		wait_to_save(p->users, c);
	pledge_drop(&c->packet.pledge);
	c->packet.pledge = p->packet.pledge;
	p->packet.pledge = NULL;
	p->packet.flags |= PACKET_RETURNED | PACKET_CUSTODY | PACKET_HELD; /* accepted, as if it came back from a client */
}

void custody_deliver(struct passage *p, struct custody *c, const struct session *s)
{
	struct packet copy = packet_copy(&p->packet);

	copy.flags &= ~(uint32_t)PACKET_HELD;
	if (c)
		copy.flags |= PACKET_CUSTODY;
	outbox_deliver(p->out, s, &copy, c ? c->receipt : 0);
}

/* --- coming back --- */

bool custody_came_back(struct passage *p)
{
	struct custody *c = p->packet.flags & PACKET_CUSTODY ? by_stanza(p->user, p->packet.stanza) : NULL;

	if (!c)
		return false;
	if (c->copies > 0 && --c->copies > 0)
		return true;
	if (c->written) {
		end(p->users, c);
		return true;
	}
	if (!p->packet.pledge) {
		p->packet.pledge = c->packet.pledge;
		c->packet.pledge = NULL;
	}
	p->custody = c;
	return false;
}

uint64_t custody_time_us(const struct passage *p)
{
	return p->custody ? p->custody->time_us : outside_wall_us();
}

bool custody_is_promised(const struct passage *p)
{
	return p->custody && p->custody->state == ROW_SAVED;
}

uint64_t custody_move(struct passage *p)
{
	uint64_t receipt = custody_is_promised(p) ? p->custody->receipt : 0;

	if (receipt)
		p->custody = NULL;
	return receipt;
}

void custody_moved(struct users *u, struct outbox *out, uint64_t receipt)
{
	struct custody *c = by_receipt(u, receipt);

	if (!c)
		return;
	release_row(u, out, c);
	end(u, c);
}

void custody_leave(struct passage *p)
{
	struct custody *c = p->custody;

	if (!c)
		return;
	p->custody = NULL;
	release_row(p->users, p->out, c);
	end(p->users, c);
}

/* --- acknowledged --- */

struct user *custody_acknowledged(struct users *u, struct outbox *out, uint64_t receipt)
{
	struct custody *c = by_receipt(u, receipt);
	struct user *user;

	if (!c)
		return NULL;
	user = c->user;
	c->written = true;
	release_row(u, out, c);
	pledge_drop(&c->packet.pledge);
	if (c->copies > 0)
		c->copies--;
	if (c->copies == 0)
		end(u, c);
	return user;
}

/* --- rows --- */

static void save(struct users *u, struct outbox *out, struct custody *c)
{
	const struct packet *q = &c->packet;
	struct store_request *r = store_request_new(STORE_OP_LOG_APPEND, STORE_PENDING, jid_bare(c->user->bare),
						    jid_bare(q->from), &shard_stored_kind);

	c->state = ROW_SAVING;
	stanza_save(&r->value, q->stanza, jid_full(q->from), jid_full(q->to));
	r->time_us = c->time_us;
	r->note[0] = c->receipt;
	r->relaxed = config_durability(u->server->conf, jid_domain(c->user->bare)) == CONFIG_DURABILITY_D1;
	metric_inc(METRIC_custody_saved);
	outbox_store(out, u->server, c->user, r);
}

/* Those the store could not write go first, in the order in which they were delivered. */
static void wait_for_store(struct users *u, struct custody *c)
{
	struct list *at = &u->failed;

	c->state = ROW_FAILED;
	while (at->prev != &u->failed && CONTAINER_OF(at->prev, struct custody, to_save)->receipt > c->receipt)
		at = at->prev;
	list_push_back(at, &c->to_save);
}

uint64_t custody_save_due(struct users *u, struct outbox *out, uint64_t now_ms)
{
	while (!list_empty(&u->unsaved)) {
		struct custody *c = CONTAINER_OF(u->unsaved.next, struct custody, to_save);

		if (c->save_at_ms > now_ms)
			return c->save_at_ms;
		list_remove(&c->to_save);
		if (list_empty(&u->failed))
			save(u, out, c);
		else
			wait_for_store(u, c);
	}
	return 0;
}

void custody_retry(struct users *u, struct outbox *out)
{
	struct list *link;

	while ((link = list_pop_front(&u->failed)))
		save(u, out, CONTAINER_OF(link, struct custody, to_save));
}

void custody_saved(struct users *u, struct outbox *out, const struct store_request *r)
{
	struct custody *c = by_receipt(u, r->note[0]);
	bool wanted = c && c->state == ROW_SAVING;

	if (r->status != STATUS_OK) {
		/* The message is on its way; only its sender's word has to wait, for the disk or the receiver. */
		if (wanted)
			wait_for_store(u, c);
	} else if (wanted) {
		c->state = ROW_SAVED;
		c->row = r->seq;
		pledge_drop(&c->packet.pledge);
	} else { /* acknowledged or decided otherwise meanwhile */
		delete_row(u, out, span_of(r->owner), r->seq);
	}
}

void custody_free_all(struct users *u, struct user *user)
{
	while (!list_empty(&user->custodies))
		end(u, CONTAINER_OF(user->custodies.next, struct custody, link));
}
