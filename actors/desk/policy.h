#pragma once
/* Who gets a visitor: pure functions over a snapshot of candidates. No clock, no chance (a random number is passed
 * in), no messages; the same question has the same answer for ever. */
#include "runtime/base.h"

enum policy_rule { POLICY_LEAST, POLICY_ROUND_ROBIN, POLICY_RANDOM, POLICY_HASH };

/* One seat or robot as the pool sees it. `assigned_at` and `idle_since` are order numbers, not times: smaller is
 * longer ago. */
struct policy_candidate {
	bool here;   /* a resource is available */
	bool taking; /* gets new chats (not away, xa or dnd) */
	uint32_t chats, reserved;
	uint64_t assigned_at; /* when it last got somebody */
	uint64_t idle_since;  /* when it last got somebody or lost a chat */
	uint64_t hash;        /* of its JID */
};

#define POLICY_NOBODY SIZE_MAX
#define POLICY_BARRED_MAX 2

struct policy_side { /* the seats, or the robots, of one tenant */
	const struct policy_candidate *items;
	size_t count;
	uint32_t capacity; /* chats each may have; 0 = any number */
	enum policy_rule rule;
	size_t own;        /* the visitor's own one, POLICY_NOBODY if it has none */
	size_t barred[POLICY_BARRED_MAX]; /* failed this visitor just now; POLICY_NOBODY = unused */
};

enum policy_seats {
	POLICY_SEATS_ANY, /* its own, else the best */
	POLICY_SEATS_OWN, /* its own or none */
	POLICY_SEATS_NONE,
};

struct policy_question {
	struct policy_side seats, robots;
	enum policy_seats which_seats;
	bool allow_robots, robots_first;
	bool returning; /* the own seat may take this visitor one over its capacity, and although it takes no new ones */
	uint64_t visitor_hash, chance;
};

enum policy_kind { POLICY_NONE, POLICY_SEAT, POLICY_ROBOT };

struct policy_answer {
	enum policy_kind kind;
	size_t index;       /* in the items of that side */
	bool own;           /* it was the visitor's own one */
	size_t candidates;  /* how many could have taken it, the chosen one included */
};

struct policy_answer policy_choose(const struct policy_question *q);
/* May this one take a chat it does not have yet? */
bool policy_is_free(const struct policy_side *side, size_t index);
