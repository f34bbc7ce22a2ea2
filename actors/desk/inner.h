#pragma once
/* What desks and the pool say to each other and to themselves; nobody else includes this (but for the reference
 * page). */
#include "actors/desk/desk.h"
#include "actors/desk/policy.h"

/* Why a conversation gets an owner: logged, and told to the owner. */
#define DESK_REASON_ROWS(X) \
	X(ROSTER_GET, "roster-get") \
	X(FIRST_MESSAGE, "first-message") \
	X(NEXT_MESSAGE, "next-message") \
	X(VISITOR_RETURNED, "visitor-returned") \
	X(SEAT_RETURNED, "seat-returned") \
	X(SEAT_CAME, "seat-came") \
	X(SEAT_SIGNED_OUT, "seat-signed-out") \
	X(SEAT_DISCONNECTED, "seat-disconnected") \
	X(SEAT_REMOVED, "seat-removed") \
	X(SEAT_UNREACHABLE, "seat-unreachable") \
	X(SEAT_TOOK, "seat-took") \
	X(ROBOT_FAILED, "robot-failed") \
	X(ROBOT_CAME, "robot-came") \
	X(LEFT_MESSAGE, "left-message")

enum desk_reason {
#define DESK_REASON_ENUM(NAME, text) REASON_##NAME,
	DESK_REASON_ROWS(DESK_REASON_ENUM)
#undef DESK_REASON_ENUM
};
const char *desk_reason_text(enum desk_reason r);

/* A desk asks for an owner; the pool sends the same message back as DESK_CHOSEN. For a visitor that waits the pool
 * makes one of its own when its turn comes, with the serial of the ask it answers late. */
struct pool_ask {
	struct msg m;
	struct jid *visitor; /* bare, counted */
	uint64_t serial;     /* rises with everything a desk says about this visitor; it ignores answers to older words */
	bool commit;         /* takes a slot; else a reservation */
	bool wait;           /* when there is nobody: wait for a seat */
	bool keep;           /* when there is nobody: leave everything as it was (a seat that wanted to take over) */
	enum policy_seats seats;
	bool robots, robots_first, returning;
	struct jid *seat, *robot;              /* the visitor's own ones, bare, counted, may be NULL */
	struct jid *barred[POLICY_BARRED_MAX]; /* who failed it just now, bare, counted, may be NULL */
	uint64_t since_us;                     /* wall clock of the oldest waiting message: the order of those who wait */
	enum desk_reason reason;
	/* answer */
	struct jid *agent; /* bare, counted; NULL = nobody */
};
struct pool_release { /* the visitor takes no slot and is nobody's any more */
	struct msg m;
	struct jid *visitor; /* bare, counted */
	uint64_t serial;
};

enum agent_state {
	AGENT_GONE, /* signed out, removed, or lost for longer than the hold */
	AGENT_HELD, /* a seat whose line was lost a moment ago: keeps its chats, gets nothing */
	AGENT_HERE,
};
struct desk_agent { /* news of a seat or robot, to every desk */
	struct msg m;
	struct jid *account; /* bare, counted */
	struct jid *best;    /* full, counted; NULL unless HERE */
	enum client_class class;
	enum agent_state state;
	bool taking;
	enum agent_exit exit; /* why it is GONE */
};
struct desk_tick { /* the owner of a ticker wakes itself; see ticker.h */
	struct msg m;
	uint64_t at_ms;
};

void pool_ask_drop(struct msg *m);
void pool_release_drop(struct msg *m);
void desk_agent_drop(struct msg *m);

#define DESK_PROTOCOL(M) \
	DESK_OUTER_ROWS(M) \
	M(DESK_CHOSEN, desk_chosen, pool_ask, pool_ask_drop, "The pool has chosen an owner, or nobody.") \
	M(DESK_AGENT, desk_agent, desk_agent, desk_agent_drop, "A seat or robot came, changed, lost its line or went.") \
	M(DESK_STORED, desk_stored, store_request, store_request_drop, "A left message was written, read or deleted.") \
	M(DESK_TICK, desk_tick, desk_tick, NULL, "Deadlines of conversations; sent by the desk to itself.")
#define POOL_PROTOCOL(M) \
	POOL_OUTER_ROWS(M) \
	M(POOL_ASK, pool_ask, pool_ask, pool_ask_drop, "Choose an owner for a visitor.") \
	M(POOL_RELEASE, pool_release, pool_release, pool_release_drop, "A visitor gives its slot or reservation back.") \
	M(POOL_TICK, pool_tick, desk_tick, NULL, "The hold of a seat ends; sent by the pool to itself.")
MSG_DECLARE_NUMBERS(desk, DESK_PROTOCOL)
MSG_DECLARE_NUMBERS(pool, POOL_PROTOCOL)
extern const struct msg_kind desk_chosen_kind, desk_agent_kind, desk_stored_kind, desk_tick_kind;
extern const struct msg_kind pool_ask_kind, pool_release_kind, pool_tick_kind;
