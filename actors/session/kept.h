#pragma once
/* What plugins keep in the store for a user: reads that a waiting passage needs, and writes that a request waits for
 * (passage_read and passage_write in xep.h); and work on its account, by an auth actor. An answer lives until the passage that asked has run. */
#include "actors/session/xep.h"

bool kept_is_asked(const struct user *user); /* an answer is on its way: the user's stanzas wait */
void kept_forget(struct user *user);

/* The user that sent a request which comes home; its `pending` kept it. */
struct user *kept_user(struct store_request *r);
struct user *kept_account_user(struct account_request *r);
struct user *kept_read(struct store_request *r); /* keeps the answer: takes what is in r */
/* Answers the request that was written for: p->packet, taken from r. */
void kept_written(struct passage *p, struct store_request *r);
/* Answers the request that an account was worked on for: as above. */
void kept_accounted(struct passage *p, struct account_request *r);
