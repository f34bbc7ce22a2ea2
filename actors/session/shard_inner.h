#pragma once
/* The inside of a session shard, for shard.c and shard_sessions.c alone. */
#include "actors/account.h"
#include "actors/session/ask.h"
#include "actors/session/outbox.h"
#include "actors/session/pipeline.h"

struct shard {
	const struct server *server;
	actor_id self;
	struct users users;
	struct pipeline pipeline;
	struct outbox out;
	struct builder *builder;
	struct xml_pool *xml;
	struct resent *resent;
	bool ticking; /* a SHARD_TICK is on its way */
	bool saving;  /* so is a SHARD_SAVE */
	bool pacing;  /* and a SHARD_PACE */
};

/* A passage with nothing in it yet; from a session of the user (OUTBOUND) or, NULL, to the user. */
struct passage shard_passage(struct shard *self, struct user *user, struct session *s);
/* The end of every handler: runs what can run, sends what was decided, frees a user that nothing keeps. */
void shard_settle(struct shard *self, struct user *user);

/* --- messages about sessions, handled in shard_sessions.c --- */
void on_shard_bind(struct shard *self, struct shard_bind *m);
void on_shard_closed(struct shard *self, struct shard_closed *m);
void on_shard_liveness(struct shard *self, struct shard_liveness *m);
void on_shard_removed(struct shard *self, struct shard_removed *m);
void on_shard_account(struct shard *self, struct account_request *r);
void on_shard_ask(struct shard *self, struct shard_ask *m);
