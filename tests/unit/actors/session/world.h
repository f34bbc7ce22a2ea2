#pragma once
/* Session shards alone in the world: simulated engine, two shards on two workers, a real store actor over memory, and
 * probe actors in place of the edges, the desk and the pool. What a probe gets becomes a line in the log of whom it
 * concerns. */
#include "tests/support/check.h"

#include "actors/desk/desk.h"
#include "actors/expiry.h"
#include "actors/extension/extension.h"
#include "runtime/metric.h"
#include "xmpp/parser.h"

#define WORLD_CLIENTS 1024
#define NO_DESK ""
#define DESK "sess-man/desk/seats[s]=seat*@localhost\nsess-man/desk/robots[s]=robot*@localhost\n"
/* The plugin list that the project's first users run: no presence plugin. */
#define NO_PRESENCE \
	"sess-man/plugins[s]=session-close,session-open,default-handler,urn:ietf:params:xml:ns:xmpp-sasl," \
	"urn:ietf:params:xml:ns:xmpp-bind,urn:ietf:params:xml:ns:xmpp-session,jabber:iq:roster,jabber:iq:privacy," \
	"jabber:iq:version,http://jabber.org/protocol/stats,starttls,vcard-temp,http://jabber.org/protocol/commands," \
	"jabber:iq:private,urn:xmpp:ping,amp,disco,domain-filter,zlib,message-carbons,vcard-xep-0292,urn:xmpp:time\n"

struct kept { /* a message the edge has not written out yet */
	struct packet packet;
	uint64_t receipt;
};
struct client {
	struct buf log;
	struct jid *full; /* NULL until bound */
	uint64_t session;
	bool slow;        /* the edge keeps what is delivered until client_writes or client_drop */
	bool gone;        /* dropped: what crosses that goes back */
	struct kept kept[256];
	unsigned kept_count;
};

struct world {
	struct server server;
	struct config *conf;
	struct extensions *extensions; /* those conf names; NULL = none */
	struct store *reader; /* a handle of the test's own */
	actor_id real_store;
	actor_id expiry; /* of a test that has one */
	enum status store_answer; /* not OK: the store answers this and does nothing */
	bool store_stalls;        /* requests wait until world_release_store */
	struct msg *stalled[64];
	unsigned stalled_count;
	uint64_t since;           /* which account the next clients log in to (account_since) */
	bool unsafe;              /* others can read what the next clients send */
	bool known, carbons;      /* the next clients name their installation; want carbons (XEP-0386) */
	struct client clients[WORLD_CLIENTS];
	unsigned client_count;
	struct buf desk, pool;
	char *shown;
	struct xml_pool *xml;
};

/* `lines` as in init.properties; alice, romeo, carol and dave have accounts. */
struct world *world_new(const char *lines);
struct world *world_new_seeded(const char *lines, uint64_t seed);
void world_free(struct world *w);
void world_run(struct world *w);
void world_pass(struct world *w, uint64_t ms);
void world_release_store(struct world *w);
int64_t world_store_writes(void);

/* Asks for a session; the client is at the returned place in w->clients. resource NULL: the server chooses. */
unsigned client_new(struct world *w, const char *bare, const char *resource);
/* The same, bound, presence sent, and what came of it read away. */
unsigned client_online(struct world *w, const char *bare, const char *resource);
void client_send(struct world *w, unsigned client, const char *xml);
void client_send_later(struct world *w, unsigned client, const char *xml); /* does not run the world */
/* The same with stream management: "HANDLED number" is in the client's log when the server answers for it. */
void client_send_owed(struct world *w, unsigned client, const char *xml, uint64_t number);
void client_writes(struct world *w, unsigned client); /* all that was kept is written out */
void client_drop(struct world *w, unsigned client, enum close_reason reason); /* what was kept comes back */
void world_removed(struct world *w, const char *bare); /* an account is no more */
void world_removed_at(struct world *w, const char *bare, uint64_t removal, bool again);
void client_liveness(struct world *w, unsigned client, bool alive);

/* A stanza from somewhere inside the server. */
void world_route(struct world *w, const char *xml, uint32_t flags);
void world_contact(struct world *w, const char *user, const char *contact, const char *name, const char *group);

/* The log since the last look. */
const char *client_log(struct world *w, unsigned client);
const char *world_desk(struct world *w);
const char *world_pool(struct world *w);
uint64_t world_offline_rows(struct world *w, const char *bare);
uint64_t world_pending_rows(struct world *w, const char *bare);

#define assert_log(w, client, text) assert_string_equal(client_log(w, client), text)
#define assert_desk(w, text) assert_string_equal(world_desk(w), text)
#define assert_pool(w, text) assert_string_equal(world_pool(w), text)
#define assert_has(text, part) assert_has_at(text, part, __FILE__, __LINE__)
void assert_has_at(const char *text, const char *part, const char *file, int line);
#define assert_lacks(text, part) assert_null(strstr(text, part))
