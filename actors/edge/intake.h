#pragma once
/* What a client sent and waits to hear of: stanzas numbered in the order in which they came, handled in any order
 * (actors/pledge.h). The client may be told of the prefix without gaps alone (reliability 5a): h of stream management, the
 * ack of BOSH. Belongs to one stream; its edge's thread. */
#include "runtime/base.h"

#define INTAKE_MAX 1024u /* stanzas of one client on their way; beyond it its input waits */

struct intake {
	uint64_t received, handled; /* as the client counts; handled: 1 … this are */
	uint64_t skipped;           /* numbers given to stanzas that count no more: those on the way are higher by it */
	uint64_t early[INTAKE_MAX / 64]; /* bits, by number modulo INTAKE_MAX: handled out of turn */
};

static inline bool intake_is_behind(const struct intake *in)
{
	return in->received - in->handled >= INTAKE_MAX;
}

/* One more came in: its number, never given again. Not while it is behind. */
static inline uint64_t intake_count(struct intake *in)
{
	ASSERT(!intake_is_behind(in));
	return ++in->received + in->skipped;
}

/* The client was told what is handled and sends the rest again: it counts on from there, and what is on its way
 * counts no more. */
static inline void intake_forget(struct intake *in)
{
	in->skipped += in->received - in->handled;
	in->received = in->handled;
	memset(in->early, 0, sizeof(in->early));
}

/* This one is handled; each number once. */
static inline void intake_handled(struct intake *in, uint64_t number)
{
	uint64_t *early = in->early;

	if (number <= in->skipped + in->handled)
		return; /* forgotten */
	number -= in->skipped;
	ASSERT(number > in->handled && number <= in->received);
	early[number % INTAKE_MAX / 64] |= UINT64_C(1) << (number % 64);
	while (in->handled < in->received) {
		uint64_t next = in->handled + 1, *word = &early[next % INTAKE_MAX / 64], bit = UINT64_C(1) << (next % 64);

		if (!(*word & bit))
			return;
		*word &= ~bit;
		in->handled = next;
	}
}
