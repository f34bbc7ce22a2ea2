#pragma once
/* One visitor's conversation: who owns it, what the visitor said and nobody answered yet, whether the visitor is
 * there. State and pure transitions: nothing here sends, asks or reads a clock.
 *
 * Invariants:
 * 1. At most one owner (live-chat I4); it is linked in its agent's list exactly while it is the owner.
 * 2. `words` are in the order in which they were said. One is shown to each owner at most once (I3): bit i of
 *    `shown` stands for seen[i].
 * 3. The epoch rises with every change of owner and never falls. */
#include "actors/desk/inner.h"
#include "runtime/mem/list.h"
#include "runtime/mem/wheel.h"

#define CONVERSATION_SEEN_MAX 8
#define CONVERSATION_SESSIONS_MAX 8
#define CONVERSATION_ID_MAX 24
#define CONVERSATION_ROBOTS_MAX 2 /* robots that may fail on a message before no other sees it */

struct agent { /* a seat or robot as the pool last told; lives as long as its desk */
	struct jid *bare, *best;
	struct jid *face; /* what its visitors see: the bare JID with a fixed resource */
	enum client_class class;
	enum agent_state state;
	bool taking;
	uint32_t life;             /* counts its returns from GONE */
	struct list conversations; /* which it owns */
};

struct word { /* a message of the visitor that has no answer yet */
	struct list link;
	struct stanza *stanza;
	struct stanza *sent; /* as the last owner got it; NULL = nobody did */
	struct jid *from;
	uint64_t number;  /* unique in its desk */
	uint64_t time_us; /* wall clock, when it was said */
	uint64_t row;     /* in the DESK_LEFT log; 0 = none */
	uint64_t ways[CONVERSATION_SEEN_MAX]; /* as seen[]: number of its way to this owner; 0 = none, arrived or came back */
	struct pledge *pledge; /* NULL: an owner has it, or its row is written, or its visitor asks for no word */
	uint8_t shown;
	uint8_t arrived;  /* bits as in `shown`: a client of this owner has acknowledged it */
	uint8_t robots_failed;
	bool storing;     /* its row is being written */
	bool late;        /* whoever gets it next gets it with <delay/> */
	bool answered;    /* somebody to whom it was on its way has spoken since: done as soon as it arrives */
};

struct held_packet { /* a stanza that waits for the pool's answer */
	struct list link;
	struct packet packet;
};

enum conversation_phase {
	CONVERSATION_IDLE,     /* nobody's */
	CONVERSATION_RESERVED, /* shown to the visitor as somebody's; nothing was said */
	CONVERSATION_ACTIVE,   /* somebody's (held while that seat's line is lost) */
	CONVERSATION_WAITING,  /* nobody could take it: words are stored, the pool knows that it waits */
};

enum visitor_phase {
	VISITOR_PHASE_HERE,
	VISITOR_PHASE_ABSENT, /* silent or gone, for less than the grace */
	VISITOR_PHASE_LEFT,   /* gone, the owner knows */
};

enum conversation_due {
	DUE_GRACE,  /* the owner is told that the visitor left */
	DUE_SLOT,   /* a left visitor's slot is given back */
	DUE_CLOSE,  /* a left visitor's conversation ends */
	DUE_ROBOT,  /* the robot should have answered */
	DUE_SAVE,   /* words that no client has acknowledged get rows */
	DUE_RETRY,  /* an undelivered word is sent again */
	DUE_COUNT
};

enum conversation_asked { ASKED_NOTHING, ASKED_RESERVE, ASKED_COMMIT, ASKED_CLAIM, ASKED_SWITCH };

struct conversation {
	struct jid *visitor; /* bare */
	char id[CONVERSATION_ID_MAX];
	uint32_t epoch, notices;
	enum conversation_phase phase;
	enum visitor_phase visitor_phase;
	enum close_reason left_how;
	uint64_t left_at_us; /* wall clock of the moment the visitor fell silent */

	struct agent *owner;
	struct list owner_link;
	struct agent *last_owner; /* the one before there was none */
	struct jid *seat, *robot; /* the visitor's own ones, bare; may be NULL */
	struct agent *face_agent; /* who was behind the face when it was shown */
	struct jid *face;         /* whom the visitor sees, bare; NULL = it never asked and was never told */
	struct jid *iq_asker;     /* who sent the last IQ to the visitor: its results go there */
	bool slot;     /* the pool knows it as active */
	bool returning; /* its slot was given back while the visitor was away */
	bool talked;   /* an owner got a word */
	bool told;     /* the visitor knows that its words were stored */
	uint8_t notified; /* bit per party: knows that the visitor left */
	bool remembered;  /* it has a row in DESK_CONVERSATION */
	uint64_t restored_until_ms; /* of a former run, waits for its own seat until then; 0 = no */
	bool owes_notice; /* the owner should, but its line was lost at that moment */

	enum conversation_asked asked; /* what the pool has not answered yet */
	uint64_t serial;
	enum desk_reason reason;       /* for the next ask */
	struct {
		struct agent *agent;
		uint32_t life;
	} barred[POLICY_BARRED_MAX];   /* who failed; forgiven when somebody answers, or with the agent's next life */
	unsigned tries;                /* words that came back from this owner */

	struct list words;
	unsigned word_count;
	struct agent *seen[CONVERSATION_SEEN_MAX];
	unsigned seen_next;

	struct jid *sessions[CONVERSATION_SESSIONS_MAX]; /* full, oldest first */
	unsigned session_count;
	struct list gets;   /* roster requests (struct held_packet) */
	struct list claims; /* messages of seats that are not the owner */
	unsigned get_count, claim_count;

	struct list place; /* in the desk's list of waiting or left ones */
	bool is_in_left;
	struct list move;  /* in the desk's list of those to be moved */
	uint64_t due[DUE_COUNT];
	struct wheel_node timer; /* the earliest of due */
};

struct conversation_times {
	uint64_t notify_grace_ms, terminate_grace_ms, hold_ms, return_window_ms;
};

struct conversation *conversation_new(struct jid *visitor, const char *id);
/* Unlinked from all lists of others and from the wheel by the caller. */
void conversation_free(struct conversation *c);

/* --- the visitor --- */

/* Remembers a bound session; `bound` is how many there are now. The oldest are forgotten first. */
void conversation_add_session(struct conversation *c, struct jid *full, unsigned bound);
/* True when the visitor had left: a return worth telling. */
bool conversation_came(struct conversation *c);
void conversation_silent(struct conversation *c, uint64_t now_ms, uint64_t wall_us, const struct conversation_times *t);
/* The last session ended. The grace counts from the moment of silence, and is never longer than this end alone
 * deserves. */
void conversation_ended(struct conversation *c, enum close_reason how, uint64_t now_ms, uint64_t wall_us,
			const struct conversation_times *t);
/* The grace is over. */
void conversation_left(struct conversation *c, uint64_t now_ms, const struct conversation_times *t);
/* "closed", "terminated", "timeout", "error". */
const char *conversation_left_reason(const struct conversation *c);
bool conversation_left_on_purpose(const struct conversation *c);

/* --- owner --- */

/* True when the owner changed (and the epoch rose). */
bool conversation_own(struct conversation *c, struct agent *a);
void conversation_disown(struct conversation *c);
/* Did the present owner hear that the visitor left? Noting it: it does now. */
bool conversation_is_notified(const struct conversation *c);
void conversation_note_notified(struct conversation *c);
/* The owner could not do it: not this one again, until somebody answered. What a robot has seen was lost with it,
 * and counts as its failure. */
void conversation_bar_owner(struct conversation *c);
bool conversation_is_barred(const struct conversation *c, const struct agent *a);
/* Robots may see all of its words, and the visitor is there for their answer. */
bool conversation_suits_robots(const struct conversation *c);

/* --- words --- */

/* Keeps the order of time_us. With `max` words the oldest gives way when the owner's client has it (moved to
 * `dropped`); else NULL: there is no room. */
struct word *conversation_add_word(struct conversation *c, struct stanza *s, struct jid *from, uint64_t number,
				   uint64_t time_us, unsigned max, struct list *dropped);
/* The first word the owner has not seen; NULL = none, or no owner. */
struct word *conversation_next_word(const struct conversation *c);
/* The owner gets it as `sent` (counted here), under this number of handing over. */
void conversation_show(struct conversation *c, struct word *w, struct stanza *sent, uint64_t handover);
bool conversation_is_shown(const struct conversation *c, const struct word *w); /* to the present owner */
/* An answer: moves all words the owner's client has to `answered`. Those still on their way follow when they arrive: an
 * answer may have crossed them. */
void conversation_answered(struct conversation *c, struct list *answered);
/* A stanza came back from this agent: the word it was; NULL = none of ours any more. */
struct word *conversation_came_back(struct conversation *c, const struct stanza *s, const struct agent *a);
struct word *conversation_find_word(const struct conversation *c, uint64_t number);
/* A client of the present or an earlier owner has acknowledged what went out under this number: lets the word's pledge go;
 * moves it to `answered` if it was, and is with the present one. */
void conversation_arrived(struct conversation *c, uint64_t handover, struct list *answered);
/* The present owner's client has it: it needs no row. */
bool conversation_has_arrived(const struct conversation *c, const struct word *w);
/* Some word is not with the owner's client, or there is no owner: with the conversation it would be lost. */
bool conversation_needs_words(const struct conversation *c);
/* Some word is in memory alone: neither on disk nor on its way there nor with the owner's client. */
bool conversation_has_unsafe(const struct conversation *c);
void conversation_remove_word(struct conversation *c, struct word *w); /* and frees it */
void conversation_mark_late(struct conversation *c);
static inline bool conversation_is_owed(const struct conversation *c)
{
	return !list_empty(&c->words);
}
/* When the oldest word was said; 0 = none. */
uint64_t conversation_since_us(const struct conversation *c);
void word_free(struct word *w);

/* --- held stanzas and deadlines --- */

/* False when `count` has reached `max`; takes *p otherwise. */
bool held_push(struct list *head, unsigned *count, unsigned max, struct packet *p);
bool held_pop(struct list *head, unsigned *count, struct packet *out);
uint64_t conversation_next_due(const struct conversation *c); /* 0 = none */
