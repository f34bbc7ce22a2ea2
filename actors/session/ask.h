#pragma once
/* What administrators ask a shard about its sessions (SHARD_ASK), but for ending them, which is the shard's own. */
#include "actors/session/outbox.h"

/* Answers ONLINE, ACTIVE, IDLE, RESOURCES and ANNOUNCE into *m. */
void ask_answer(struct shard_ask *m, struct users *u, struct outbox *out);
/* The users of a domain, visitors too; *count of them, each reference and the array the caller's. */
struct jid **ask_users_of(struct users *u, const struct jid *domain, size_t *count);
