#pragma once
/* The live-chat desk. Desk shards own conversations, keyed by the visitor's bare JID; the pool owns the seats and
 * robots: who is available, how many chats each has, who is chosen. See docs/architecture.md, "The desk". */
#include "actors/session/shard.h"

struct server;

enum visitor_event {
	VISITOR_ONLINE,  /* a session was bound */
	VISITOR_ABSENT,  /* the last live session stopped polling or lost its socket */
	VISITOR_PRESENT, /* back without a new login */
	VISITOR_LEFT,    /* the last session ended; `reason` says how */
};

struct desk_visitor {
	struct msg m;
	struct jid *visitor; /* full, counted */
	enum visitor_event event;
	enum close_reason reason;
	unsigned sessions; /* still bound */
};
enum agent_exit { /* how a seat or robot went */
	AGENT_SIGNED_OUT,
	AGENT_LOST,    /* its line broke: it may be back in a moment */
	AGENT_REMOVED, /* its account is no more */
};
struct pool_presence { /* state of a seat's or robot's account, on every change, from its shard */
	struct msg m;
	struct jid *account; /* bare, counted */
	struct jid *best;    /* full JID of the resource that decides, counted; NULL = none bound or available */
	enum client_class class;
	bool taking_chats;   /* show is none or chat (away, xa, dnd: keeps what it has, gets no new ones) */
	enum agent_exit exit; /* why best is NULL */
};

struct desk_handled { /* what the desk gave to an owner, by the number of the handing over (actors/pledge.h) */
	struct msg m;
	struct jid *visitor; /* bare, counted */
	uint64_t number;
};

struct desk_domain { /* served for the first time in this run: what is kept of its conversations is read */
	struct msg m;
	struct jid *domain; /* counted */
};

struct desk_settle {
	struct msg m;
};
void desk_domain_drop(struct msg *m);
void desk_visitor_drop(struct msg *m);
void desk_handled_drop(struct msg *m);
void pool_presence_drop(struct msg *m);

/* Messages from outside the desk. Its inner protocol (choose, release, changed, timers) is in desk/inner.h. */
#define DESK_OUTER_ROWS(M) \
	M(DESK_VISITOR, desk_visitor, desk_visitor, desk_visitor_drop, "A visitor came, went silent, returned or left.") \
	M(DESK_FROM_VISITOR, desk_from_visitor, packet_msg, packet_msg_drop, "A stanza a visitor sent to anybody but the server.") \
	M(DESK_TO_VISITOR, desk_to_visitor, packet_msg, packet_msg_drop, "A stanza somebody sent to a visitor.") \
	M(DESK_ROSTER_GET, desk_roster_get, packet_msg, packet_msg_drop, "A visitor asks for its roster: assign.") \
	M(DESK_UNDELIVERED, desk_undelivered, packet_msg, packet_msg_drop, \
	  "A visitor's message could not be given to the owner it was sent to.") \
	M(DESK_DOMAIN, desk_domain, desk_domain, desk_domain_drop, "A domain was added while the server runs.") \
	M(DESK_SETTLE, desk_settle, desk_settle, NULL, "The server stops: what is in memory alone goes to the store now.") \
	M(DESK_HANDLED, desk_handled, desk_handled, desk_handled_drop, \
	  "A client of the owner has acknowledged a visitor's message.")
#define POOL_OUTER_ROWS(M) \
	M(POOL_PRESENCE, pool_presence, pool_presence, pool_presence_drop, "A seat or robot changed its availability.")
MSG_DECLARE_KINDS(DESK_OUTER_ROWS)
MSG_DECLARE_KINDS(POOL_OUTER_ROWS)

actor_id desk_spawn(const struct server *server, unsigned index);
actor_id pool_spawn(const struct server *server);
