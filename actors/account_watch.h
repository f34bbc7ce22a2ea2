#pragma once
/* The account watch: an actor that learns from the store which accounts were removed by `account delete`, another process,
 * and tells their session shards (SHARD_REMOVED). It asks every sess-man/account-watch seconds for the rows of
 * STORE_REMOVED behind the last one it knows; any back end has logs, and an empty answer costs one look into an index.
 * It writes nothing, so any number of servers may watch one store.
 *
 * A login may be under way while its account goes: checked before, bound after. So once auth-timeout has passed, when no
 * such login can be left, each is told a second time. Sessions of a new account of the same name go on: they logged in behind
 * the removal (account_since). */
#include "actors/server.h"
#include "actors/store.h"

struct watch_tick {
	struct msg m;
};

#define WATCH_PROTOCOL(M) \
	M(WATCH_STORED, watch_stored, store_request, store_request_drop, "Rows of removed accounts.") \
	M(WATCH_TICK, watch_tick, watch_tick, NULL, "Time to ask again; sent by the watch to itself.")
MSG_DECLARE(watch, WATCH_PROTOCOL)

/* Removals up to the row `after` are known (account_last_removal, read before anybody can log in). */
actor_id account_watch_spawn(const struct server *server, uint64_t after);
