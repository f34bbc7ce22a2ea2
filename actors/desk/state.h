#pragma once
/* A desk shard's state and what its files offer each other: desk.c (the actor, sending), owner.c (who has a
 * conversation), visitor.c (visitors come and go), traffic.c (stanzas from and to visitors), remember.c (conversations on disk), left.c (messages
 * that are on disk). All of it runs in the desk's own context. */
#include "actors/desk/conversation.h"
#include "actors/desk/notice.h"
#include "actors/desk/ticker.h"
#include "runtime/mem/map.h"

#define DESK_READ_AGAIN_MS 5000u /* what a former run left behind and the store could not read */

struct host { /* one tenant */
	struct jid *desk, *face; /* the desk's own addresses */
	unsigned taking;         /* seats that are here and take new visitors, full or not */
};

struct desk {
	const struct server *server;
	actor_id self;
	struct map *conversations; /* by the visitor's bare JID */
	struct map *agents;        /* by bare JID */
	struct map *hosts;         /* by domain */
	struct list waiting;       /* conversations in CONVERSATION_WAITING */
	struct list left;          /* of visitors who left, longest ago first, unless waiting */
	struct list moving;        /* lost their owner, owed an answer, not asked for yet */
	size_t left_count;
	struct wheel_node move_timer;
	struct ticker ticker;
	struct builder *builder;
	struct stanza *available, *unavailable; /* presence, shared by all */
	uint64_t numbers; /* serials, word numbers */
	uint64_t last_word_us; /* when the last word was said */
	size_t restored;    /* conversations of the former run that wait for their seats */
	uint64_t first_row; /* of those written since the start; 0 = none yet */
};

/* --- desk.c --- */
struct conversation *desk_find(struct desk *self, const struct jid *visitor); /* NULL when unknown */
struct conversation *desk_open(struct desk *self, struct jid *visitor);       /* made when unknown */
/* Ends it: slot and roster entry go, what is left of its words too. */
void desk_close(struct desk *self, struct conversation *c);
struct agent *desk_find_agent(struct desk *self, const struct jid *account); /* NULL when never seen */
/* Puts it into the list that its phases ask for: after every change of them. May close others that left long ago. */
void desk_place(struct desk *self, struct conversation *c);
/* Nothing is owed that would be lost with it. */
bool desk_can_close(const struct conversation *c);
struct host *desk_host(struct desk *self, const struct jid *anybody);
/* Sets the conversation's timer by its deadlines: after every change of `due`. */
void desk_schedule(struct desk *self, struct conversation *c);
void desk_times(const struct desk *self, struct conversation_times *out);
/* Sends a stanza on its way past all mediation. Takes s. */
void desk_send(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags);
/* The same; takes the pledge over, which may be NULL. */
void desk_send_owed(struct desk *self, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags,
		    struct pledge **pledge);
/* An error back to who sent it (none for what is not answered); clears *p. */
void desk_bounce(struct desk *self, struct packet *p, enum stanza_error condition, const char *text);
/* Frees words that need no owner any more, with their rows. */
void desk_drop_words(struct desk *self, struct conversation *c, struct list *words);

/* --- owner.c --- */
/* Brings the conversation to rest: shows unseen words to the owner, or asks the pool for one when somebody is owed. */
void owner_seek(struct desk *self, struct conversation *c);
void owner_reserve(struct desk *self, struct conversation *c); /* for a roster request */
/* A seat that is not the owner wants to be: one question to the pool, which changes nothing when it has no slot. */
void owner_claim(struct desk *self, struct conversation *c, struct jid *seat);
void owner_disown(struct desk *self, struct conversation *c); /* and takes it out of its roster */
/* The owner did not do its work: the conversation goes elsewhere at once. */
void owner_failed(struct desk *self, struct conversation *c, enum desk_reason reason);
void owner_release(struct desk *self, struct conversation *c); /* the pool forgets the visitor */
/* The owner's roster entry and presence for this visitor. */
void owner_show(struct desk *self, struct conversation *c);
void owner_on_chosen(struct desk *self, struct pool_ask *a);
void owner_on_agent(struct desk *self, struct desk_agent *news);
void owner_move_some(struct desk *self); /* the timer of `moving` */

/* --- visitor.c --- */
void visitor_on_event(struct desk *self, struct desk_visitor *v);
void visitor_on_roster_get(struct desk *self, struct packet *p);
void visitor_answer_gets(struct desk *self, struct conversation *c);
/* Tells the visitor's sessions whom they talk to now, if they knew another. */
void visitor_push_owner(struct desk *self, struct conversation *c);
/* Somebody got the conversation: a visitor who left takes its slot for the hold only, and the owner is told. */
void visitor_new_owner(struct desk *self, struct conversation *c);
/* A conversation with a visitor who was never seen, or not since the start: treated as one who left. */
struct conversation *visitor_open_absent(struct desk *self, struct jid *visitor);
void visitor_owner_is_back(struct desk *self, struct conversation *c); /* notices that could not be given */
void visitor_due_grace(struct desk *self, struct conversation *c); /* may close c */
void visitor_due_close(struct desk *self, struct conversation *c); /* may close c */
/* A notice from the visitor's address to this agent, which is HERE; `reason` may be NULL. */
void visitor_notice(struct desk *self, struct conversation *c, struct agent *a, const char *kind, const char *reason,
		    const char *body);

/* --- traffic.c --- */
void traffic_from_visitor(struct desk *self, struct packet *p);
void traffic_to_visitor(struct desk *self, struct packet *p);
void traffic_came_back(struct desk *self, struct packet *p);
void traffic_arrived(struct desk *self, const struct desk_handled *m);
void traffic_show_words(struct desk *self, struct conversation *c); /* all unseen ones, to the owner, who is HERE */
/* Decides over messages of seats that waited for the pool; `full`: this seat asked and has no free slot, or NULL. */
void traffic_settle_claims(struct desk *self, struct conversation *c, const struct jid *full);

/* --- remember.c --- */
void remember_load(struct desk *self, struct span domain); /* at start, or when it is served anew; before left_load */
void remember_on_read(struct desk *self, struct store_request *r);
void remember_state(struct desk *self, struct conversation *c); /* it has another owner, or none */
void remember_not(struct desk *self, struct conversation *c);   /* it ends */
/* True while a conversation of the former run waits for its own seat; sets the deadline at which it no longer does. */
bool remember_waits(struct desk *self, struct conversation *c);
void remember_seat_came(struct desk *self, struct agent *seat);

/* --- left.c --- */
void left_load(struct desk *self, struct span domain); /* the same */
void left_save(struct desk *self, struct conversation *c); /* words that are in memory alone */
void left_settle(struct desk *self, struct conversation *c); /* rows of words that are with the owner's client go */
void left_tell(struct desk *self, struct conversation *c); /* the visitor, once, when all words are safe */
void left_forget(struct desk *self, const struct conversation *c, uint64_t row);
void left_on_stored(struct desk *self, struct store_request *r);
