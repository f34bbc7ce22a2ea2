#pragma once
/* The verifier: what must hold in every history, whatever died (I1–I8 of the reliability specification, of live-chat the part that
 * clients can see). It knows nothing of the server. Each rule is one function over the same view; the first message that breaks
 * one is reported with its life line. There is no I7: the server keeps no archive yet. */
#include "tests/sim/history.h"

struct rules_options {
	bool durability;    /* what is acknowledged must outlive a crash, and be durable or with its receiver before */
	bool store_refuses; /* so that an error may come for what was said by somebody who has ended the stream meanwhile */
	uint64_t settle_us; /* I8: so long after the last fault, or after it was sent, everything has settled */
};

struct rules_violation {
	const char *rule, *what;
	uint32_t message; /* HISTORY_NONE: of none */
	const struct history_entry *entry; /* NULL or where it shows */
};

/* True: the history keeps all rules. */
bool rules_check(const struct history *h, const struct rules_options *o, struct rules_violation *out);
void rules_print(FILE *to, const struct history *h, const struct rules_violation *v);
