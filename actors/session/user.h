#pragma once
/* The users of one shard and their bound sessions. A user is here while a session of its account is bound or
 * something is pending for it (a store answer, a waiting stanza, a roster entry shown by the desk), and not a moment
 * longer. Idle accounts cost nothing, an idle session a few hundred bytes; rosters are loaded when first needed. */
#include "actors/session/shard.h"
#include "runtime/mem/list.h"
#include "runtime/mem/map.h"
#include "xmpp/rules/delivery.h"
#include "xmpp/rules/roster_list.h"

struct offline_flush; /* offline.c */
struct recipients;    /* recipients.c */
struct last_seen;     /* last_seen.c */
struct privacy;       /* xmpp/rules/privacy.h */
struct privacy_list;
struct kept;          /* kept.c */
struct owners;        /* actors/owners.h */

/* Directed presences that are remembered until the session ends (RFC 6121 4.6.3); beyond it the first is forgotten. */
#define SESSION_DIRECTED_MAX 1000u
/* Stanzas of one user that wait for the store. */
#define USER_WAITING_MAX 1000u

struct session {
	struct list link;         /* in user->sessions, oldest first */
	struct user *user;
	struct jid *full;         /* counted */
	struct link client;       /* as the edge names it */
	uint64_t handle;          /* as the edge names us */
	enum transport transport;
	unsigned directed_count;
	bool alive;               /* see struct shard_liveness */
	bool is_confidential;     /* a password may be sent over it */
	bool is_interested;       /* asked for the roster: gets pushes */
	bool wants_version;       /* named a version when it asked (RFC 6121 2.6): pushes bear one */
	bool is_announced;        /* sent its own initial presence */
	bool saw_requests;        /* got the subscription requests that wait for an answer */
	bool looks_itself;        /* looks at offline messages one by one (XEP-0013): is not given them */
	bool takes_offline;       /* wants messages to the bare JID: sent presence with priority >= 0 */
	bool carbons;             /* wants copies of its user's other messages: session_set_carbons */
	bool is_busy;             /* show is away, xa or dnd */
	bool uses_privacy;        /* spoke of privacy lists: hears when the blocking command changes them */
	bool knows_blocked;       /* asked for the blocked addresses: gets pushes */
	bool is_older;            /* logged in to an account of this name that is gone: was under way when user->removal was told */
	int8_t priority;
	uint64_t available_order; /* when it became available, counted by the shard; 0 = it is not */
	struct stanza *presence;  /* last available one, counted; NULL = none sent or unavailable */
	struct jid **directed;    /* full or bare JIDs that got directed presence, counted */
	struct privacy_list *active; /* one of user->privacy, chosen for this session; NULL = the default list applies */
	struct list paced;        /* in users->paced while held_presence is there (pace.h) */
	struct stanza *held_presence; /* the next one, counted; NULL = none */
	uint64_t paced_us;
};

enum user_fact { /* what must be asked of the store */
	FACT_UNKNOWN,
	FACT_ASKED,
	FACT_YES,  /* the account exists; the roster is loaded */
	FACT_NO,   /* there is no such account */
	FACT_LOST, /* the store failed */
};

struct waiting { /* a stanza that waits for a fact */
	struct list link;
	struct packet packet;
	bool outbound;
	uint64_t session; /* outbound: handle of the sender's; returned: of the one it came back from */
};

struct contact { /* shown by the desk, in memory only */
	struct jid *jid;
	char *name, *group;
};

struct user {
	struct jid *bare; /* counted */
	const struct config_vhost *host; /* as it was when the user came into memory; NULL = not served */
	enum client_class class : 8;
	enum user_fact account : 8, roster : 8;
	bool is_absent;   /* visitor: no session is alive, and the desk knows */
	bool told_taking; /* what the pool was told last */
	bool privacy_known;
	bool account_busy : 1;    /* an auth actor works on it */
	bool waits_for_store : 1; /* for messages it must take (offline.c): all that comes waits behind them */
	bool is_removed : 1;      /* its account was: nothing is kept of the sessions that end now */
	unsigned carbons;  /* sessions that want them */
	unsigned session_count, waiting_count, pending; /* pending: store answers that will come */
	unsigned listed;    /* items clients see */
	unsigned unwritten; /* changes of the roster on their way to the disk */
	struct list sessions, waiting;
	struct list custodies; /* custody.h */
	struct list *next_back; /* in it: where the next one that comes back is looked for first; NULL = at the oldest */
	struct list returned; /* struct waiting: came back, its session has yet to end */
	uint64_t account_by_ms; /* not again before this */
	uint64_t removal;       /* of an account of this name, the last one known: all here is of a later one, but what is_older */
	struct roster_list items; /* while roster is FACT_YES */
	struct roster_item *open; /* those a handler is looking at, until it ends: see contacts.h */
	struct map *contacts; /* bare JID -> struct contact; NULL when none */
	struct offline_flush *flush; /* offline messages on their way to a session; NULL = none */
	struct jid *told_best; /* what the pool was told last, counted */
	struct recipients *recipients; /* NULL: wrote to nobody yet */
	struct privacy *privacy; /* while privacy_known; NULL = no lists */
	struct kept *kept; /* what a waiting passage read of the store; NULL = none */
};

struct session_slot {
	struct session *session;
	uint32_t gen, next_free;
};

struct users {
	const struct server *server;
	struct map *by_bare;
	struct session_slot *slots;
	uint32_t slot_count, first_free;
	uint64_t order;    /* counts what happens, for `available_order` */
	uint64_t receipts; /* counts custodies */
	uint64_t last_us;  /* when the last one was opened */
	struct map *custodies; /* by receipt */
	struct list unsaved, failed; /* of struct custody: those due to be written first, and those the store could not write */
	struct list paced; /* of struct session: a presence waits */
	struct list leaving; /* clients that are gone, whose contacts have yet to hear: see users_note_leaving */
	struct last_seen *last_seen;
	struct owners *privacy_owners; /* users who have got privacy lists since the start */
	uint64_t pushes;   /* counts roster pushes, for their ids */
};

void users_init(struct users *u, const struct server *server);
void users_fini(struct users *u); /* frees all, sessions too */

struct user *users_find(const struct users *u, const struct jid *any); /* NULL = not here */
struct user *users_get(struct users *u, struct jid *any);              /* made when not here */
struct session *users_session(const struct users *u, uint64_t handle); /* NULL = ended */
/* Frees it when nothing keeps it. */
void users_settle(struct users *u, struct user *user);

/* A client left under an active privacy list while its contacts could not be told; and that list's name (the caller's to free),
 * NULL = none, when they can. */
void users_note_leaving(struct users *u, struct jid *full, const char *list);
char *users_take_leaving(struct users *u, const struct jid *full);

/* A new session of `user`; takes full. */
struct session *session_open(struct users *u, struct user *user, struct jid *full, const struct shard_bind *bind);
/* Out of the user's list and of the table: nobody finds it any more. The struct lives until session_free. */
void session_unlink(struct users *u, struct session *s);
void session_free(struct session *s);
/* A new session under the same full JID: takes over presence and directed presences. */
void session_inherit(struct session *s, struct session *old);

/* Copies of messages between its user's other clients and others (XEP-0280), from now on or no more. Also for those who enable
 * them at the bind (XEP-0386), while the plugin is loaded. */
void session_set_carbons(struct session *s, bool on);

struct session *user_resource(const struct user *user, const struct jid *full); /* NULL = not bound */
/* Its line was lost; what it is sent waits for it to be resumed. A BOSH client between two polls is not asleep. */
static inline bool session_is_asleep(const struct session *s)
{
	return !s->alive && s->transport != TRANSPORT_BOSH;
}
bool user_is_alive(const struct user *user); /* some session is */
/* Gets messages to the bare JID, or would if its priority were not negative. Without the plugin presence-state, and for
 * visitors always, every bound session does: old widgets send no presence at all. */
bool session_is_available(const struct users *u, const struct session *s);
int session_priority(const struct users *u, const struct session *s);
/* Of no use to somebody who is not here: a user is not even looked for in the store. */
bool user_must_be_here(const struct stanza *s);
enum delivery_resources user_resources(const struct users *u, const struct user *user);

/* Reads an available or unavailable presence without `to`. */
void session_note_presence(struct users *u, struct session *s, struct stanza *presence);
void session_note_directed(struct session *s, struct jid *to, bool available);

struct waiting *waiting_new(struct packet *p, bool outbound, uint64_t session); /* takes *p */
void waiting_free(struct waiting *w);
/* Its session has ended: what came back from it goes before all that waits. */
void user_release_returned(struct user *user, uint64_t session);
