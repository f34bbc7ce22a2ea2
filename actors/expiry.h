#pragma once
/* Expiry: an actor that sees to it that messages in the offline store do not stay for ever. Every amp/expiry-interval it goes
 * through the users that have any, a hundred a second, and asks the shard of each to look at them (SHARD_EXPIRE): only the
 * shard knows whether they are being given out this moment. What is over: actors/session/expire.h. It writes nothing. */
#include "actors/server.h"
#include "actors/store.h"

struct expiry_tick {
	struct msg m;
};

#define EXPIRY_PROTOCOL(M) \
	M(EXPIRY_STORED, expiry_stored, store_request, store_request_drop, "Users with offline messages, the next hundred.") \
	M(EXPIRY_TICK, expiry_tick, expiry_tick, NULL, "Time to go on; sent by the actor to itself.")
MSG_DECLARE(expiry, EXPIRY_PROTOCOL)

actor_id expiry_spawn(const struct server *server);
