#pragma once
/* The admin actor runs ad-hoc commands (XEP-0050). It has a thread of its own, since it derives keys of passwords, writes accounts
 * through a handle of its own, and reads and makes certificates; the workers never wait for it. What only the session shards know it
 * asks them by SHARD_ASK and collects until all have answered or the time for it is over. Everything it keeps is bounded:
 * dialogues in number and time (sess-man/limits/command-…), commands under way in number. */
#include "actors/session/shard.h"

struct admin_deadline { /* an answer to a command is due, complete or not */
	struct msg m;
	uint64_t call;
};

#define ADMIN_PROTOCOL(M) \
	M(ADMIN_COMMAND, admin_command, packet_msg, packet_msg_drop, \
	  "An iq with a command; packet.to is set: the address it was sent to, or the asker's own account.") \
	M(ADMIN_ANSWERED, admin_answered, shard_ask, shard_ask_drop, "A shard's answer to SHARD_ASK.") \
	M(ADMIN_DEADLINE, admin_deadline, admin_deadline, NULL, "Time for the shards' answers is over.")
MSG_DECLARE(admin, ADMIN_PROTOCOL)

/* The only one that changes the domains served (conf/hosts.c) while the server runs. */
actor_id admin_spawn(const struct server *server, const char *store_uri);
