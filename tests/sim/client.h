#pragma once
/* A simulated client: logs in over a wire, binds, manages its stream (XEP-0198), resumes after a lost line, and writes into the
 * history what it sends, gets and is told. What it says and when is its owner's business (scenario.c). */
#include "tests/sim/history.h"
#include "tests/sim/login.h"
#include "tests/sim/scan.h"
#include "tests/sim/wire.h"

#define CLIENT_DOMAIN "a.test"
#define CLIENT_JID_MAX 128
#define CLIENT_ROSTER_WAIT_US (100 * UINT64_C(1000000)) /* longer than whatever may hold an answer up */

enum client_mutant { CLIENT_HONEST, CLIENT_LOSES /* acknowledges a message and forgets it */ };

enum client_stage {
	CLIENT_AWAY, CLIENT_CALLING /* waits to connect */, CLIENT_GREETING, CLIENT_AUTHENTICATING, CLIENT_ENTERING /* logged in */,
	CLIENT_RESUMING, CLIENT_BINDING, CLIENT_READY, CLIENT_CLOSING,
};

struct client_sent { /* not acknowledged yet */
	uint64_t number; /* in the stream */
	uint32_t message; /* HISTORY_NONE: another stanza */
	char *text;
};

struct client {
	/* who it is */
	enum history_class class;
	unsigned number;
	char name[16], bare[CLIENT_JID_MAX], full[CLIENT_JID_MAX];
	bool anonymous;
	enum login_mechanism mechanism;
	uint32_t person; /* HISTORY_NONE: an anonymous one before its first login */
	unsigned incarnation; /* of an anonymous one */
	bool manages, resumes, sends_presence, asks_roster;
	void (*heard)(struct client *c, const char *from, uint32_t message);
	void (*entered)(struct client *c, bool fresh);

	/* where it is */
	enum client_stage stage;
	bool wanted; /* it comes back by itself */
	struct wire *wire;
	struct scan scan;
	struct login_state login;
	unsigned line;      /* counts wires */
	unsigned patience;  /* failed calls in a row */
	bool in_stream;     /* authenticated stream header seen */

	/* its session */
	uint32_t session;
	bool managed;       /* stream management is asked for: what is said is counted */
	bool confirmed;     /* and granted: what is heard is counted */
	char resume_id[64]; /* "" = cannot be resumed */
	uint64_t in, out;   /* stanzas since it is on */
	struct client_sent *sent;
	size_t sent_count, sent_room;
	uint32_t *said;     /* messages of this session without a promise yet */
	size_t said_count;
	uint64_t asked_us;  /* for the roster; 0 = answered */
	char contact[CLIENT_JID_MAX]; /* what its roster showed first */
};

void client_mutant(enum client_mutant m);
void client_init(struct client *c, enum history_class class, unsigned number, bool anonymous);
void client_fini(struct client *c);

void client_come(struct client *c);   /* and stay */
void client_leave(struct client *c);  /* ends the stream in good order */
/* Its line breaks; it calls again after that time, if it is wanted. */
void client_lose_line(struct client *c, enum wire_cut how, uint64_t away_us);
void client_rest(struct client *c, bool rest); /* does not read */
static inline bool client_is_ready(const struct client *c)
{
	return c->stage == CLIENT_READY;
}
/* To a person (HISTORY_NONE: the desk) at this address. */
void client_say(struct client *c, uint32_t to, const char *address, bool to_full);
void client_ask_ack(struct client *c);
void client_give_ack(struct client *c); /* unasked */
/* Everything is quiet: whatever it still waits for is wrong. */
void client_check_at_rest(struct client *c);
