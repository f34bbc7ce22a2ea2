#pragma once
/* Answers to BOSH requests, and their cache (invariants 1 and 3 of bosh_session.h). */
#include "actors/edge/bosh_session.h"

/* Answers the oldest held request with what waits for the client. */
void bosh_answer_oldest(struct bosh_session *b);
/* The answer given to this rid, while it is remembered; NULL otherwise. */
const struct bosh_answer *bosh_answer_cached(const struct bosh_session *b, uint64_t rid);
/* Sends an answer of the cache; x is gone afterwards. */
void bosh_answer_send(struct bosh_session *b, const struct bosh_answer *row, struct exchange *x);
