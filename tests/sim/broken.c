#include "tests/sim/broken.h"

#include <stdlib.h>
#include <string.h>

#include "actors/desk/state.h"
#include "actors/edge/sm.h"
#include "actors/session/custody.h"
#include "actors/session/user.h"
#include "runtime/mem/map.h"
#include "xmpp/ns.h"
#include "tests/sim/sim.h"

enum breakage {
	WHOLE,
	FORGETS_QUEUE,  /* what a client had not acknowledged is dropped when its session ends */
	FORGETS_RETURN, /* the desk drops what comes back from an owner whose line broke */
	TWICE,          /* now and then a message is delivered twice */
	OUT_OF_TURN,    /* now and then two messages change places */
	WRONG_SENDER,   /* now and then a message comes from its receiver */
	COUNTS_TWICE,   /* what is sent again after a short <resumed/> counts twice in h */
	ACK_ON_RECEIPT, /* h covers what has come in, handled or not */
	ROW_GOES_EARLY, /* a stored message is deleted when it is sent, not when it is acknowledged */
	ACK_BEFORE_ROW, /* a message counts as handled when its row is asked for, not when that is committed */
	TOLD_TWICE,     /* now and then a leaving is told twice */
	TOLD_NEVER,     /* now and then it is not */
};

static const char *const names[] = {
	[FORGETS_QUEUE] = "forgets-queue", [FORGETS_RETURN] = "forgets-return", [TWICE] = "twice",
	[OUT_OF_TURN] = "out-of-turn", [WRONG_SENDER] = "wrong-sender", [COUNTS_TWICE] = "counts-twice",
	[ACK_ON_RECEIPT] = "ack-on-receipt", [ROW_GOES_EARLY] = "row-goes-early",
	[ACK_BEFORE_ROW] = "ack-before-row", [TOLD_TWICE] = "told-twice", [TOLD_NEVER] = "told-never",
};
static enum breakage broken;

bool broken_server(const char *name)
{
	for (size_t i = 1; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0) {
			broken = (enum breakage)i;
			return true;
		}
	return false;
}

static bool is_chat(const struct packet *p)
{
	return stanza_kind(p->stanza) == STANZA_MESSAGE && stanza_has_body(p->stanza) &&
	       stanza_type(p->stanza) == STANZA_TYPE_CHAT;
}

/* --- one way to each client --- */

void __real_stream_deliver(struct stream *s, struct packet *p, uint64_t receipt);
void __wrap_stream_deliver(struct stream *s, struct packet *p, uint64_t receipt);

static struct {
	struct packet packet;
	uint32_t slot, gen;
} kept; /* until the next message of its stream */

static void swap_with_next(struct stream *s, struct packet *p)
{
	if (!kept.packet.stanza && sim_chance(100)) {
		kept.packet = packet_take(p);
		kept.slot = s->slot;
		kept.gen = s->gen;
		return;
	}
	__real_stream_deliver(s, p, 0);
	if (kept.packet.stanza && kept.slot == s->slot && kept.gen == s->gen)
		__real_stream_deliver(s, &kept.packet, 0);
}

void __wrap_stream_deliver(struct stream *s, struct packet *p, uint64_t receipt)
{
	bool chat = is_chat(p);

	if (broken == TWICE && chat && sim_chance(20)) {
		struct packet copy = packet_copy(p);

		__real_stream_deliver(s, &copy, 0);
	} else if (broken == WRONG_SENDER && chat && sim_chance(20)) {
		jid_unref(p->from);
		p->from = jid_ref(p->to);
	} else if (broken == ROW_GOES_EARLY && receipt && p->flags & PACKET_FROM_STORE) {
		stream_tell_written(s, receipt);
		receipt = 0;
	} else if (broken == OUT_OF_TURN && chat && !receipt) {
		swap_with_next(s, p);
		return;
	}
	__real_stream_deliver(s, p, receipt);
}

/* --- acknowledgements --- */

struct pledge *__real_pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number);
struct pledge *__wrap_pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number);
struct pledge *__wrap_pledge_new(actor_id edge, uint32_t slot, uint32_t gen, uint64_t number)
{
	struct pledge *p = __real_pledge_new(edge, slot, gen, number);

	if (broken == ACK_ON_RECEIPT)
		pledge_drop(&p);
	return p;
}

static void let_go_when_asked(void *ctx UNUSED, struct span key UNUSED, void *value)
{
	struct custody *c = value;

	if (c->state == ROW_SAVING)
		pledge_drop(&c->packet.pledge);
}

uint64_t __real_custody_save_due(struct users *u, struct outbox *out, uint64_t now_ms);
uint64_t __wrap_custody_save_due(struct users *u, struct outbox *out, uint64_t now_ms);
uint64_t __wrap_custody_save_due(struct users *u, struct outbox *out, uint64_t now_ms)
{
	uint64_t next = __real_custody_save_due(u, out, now_ms);

	if (broken == ACK_BEFORE_ROW)
		map_each(u->custodies, let_go_when_asked, NULL);
	return next;
}

/* --- notices --- */

void __real_desk_send(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags);
void __wrap_desk_send(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags);
void __wrap_desk_send(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags)
{
	stanza_el event = stanza_child(s, STANZA_TOP, "event", NS_DESK);
	bool left = event != STANZA_NO_EL && span_is(stanza_attr(s, event, "kind"), "visitor-disconnected");

	if (left && broken == TOLD_TWICE && sim_chance(200))
		__real_desk_send(self, stanza_ref(s), from, to, flags);
	if (left && broken == TOLD_NEVER && sim_chance(200))
		stanza_unref(s);
	else
		__real_desk_send(self, s, from, to, flags);
}

/* --- ways back --- */

void __real_stream_give_back(struct stream *s, struct packet *p);
void __wrap_stream_give_back(struct stream *s, struct packet *p);
void __wrap_stream_give_back(struct stream *s, struct packet *p)
{
	if (broken == FORGETS_QUEUE)
		packet_clear(p);
	else
		__real_stream_give_back(s, p);
}

void __real_traffic_came_back(struct desk *self, struct packet *p);
void __wrap_traffic_came_back(struct desk *self, struct packet *p);
void __wrap_traffic_came_back(struct desk *self, struct packet *p)
{
	if (broken != FORGETS_RETURN)
		__real_traffic_came_back(self, p);
}

void __real_sm_void_on_its_way(struct sm *m);
void __wrap_sm_void_on_its_way(struct sm *m);
void __wrap_sm_void_on_its_way(struct sm *m)
{
	if (broken != COUNTS_TWICE)
		__real_sm_void_on_its_way(m);
}
