#pragma once
/* A stanza on its way: the shared immutable body and the two addresses it travels under. What changes on the way
 * (from, to, flags) is here; the body never changes. Embedded in messages; whoever holds the message owns it. */
#include "actors/pledge.h"
#include "xmpp/stanza.h"

enum packet_flag {
	PACKET_FROM_DESK = 1 << 0,  /* the desk has decided: deliver, never redirect or mediate again */
	PACKET_SERVER = 1 << 1,     /* made by the server itself: gates (privacy, rates) do not apply */
	PACKET_FROM_STORE = 1 << 2, /* comes from the offline store: never stored as new */
	PACKET_NO_STORE = 1 << 3,   /* if nobody is there, drop (presence, notices that must not wait) */
	PACKET_RETURNED = 1 << 4,   /* was handed to a connection that closed before it was written out */
	PACKET_KEPT = 1 << 5,       /* its sender (the desk) keeps it until the pledge is let go: when a client has it */
	PACKET_CUSTODY = 1 << 6,    /* its shard had a custody of it when it was handed out (actors/session/custody.h) */
	PACKET_COPY = 1 << 7,       /* of a message another client has: for this client alone, and lost with it (carbons) */
	PACKET_HELD = 1 << 8,       /* has not been handed to any client yet, though it is marked as returned (custody_hold) */
	PACKET_RULES = 1 << 9,      /* a message with rules of its sender (XEP-0079) */
	PACKET_TO_SERVER = 1 << 10, /* a copy of mail to a domain: answered as from the address its sender wrote to */
};

/* A bit for each hook of extensions, and direction, that has seen it (actors/extension/plugin.c). */
#define PACKET_SEEN_FIRST (1u << 16) /* above all flags */
#define PACKET_SEEN (0xffu * PACKET_SEEN_FIRST)

struct packet {
	struct stanza *stanza;
	struct jid *from, *to; /* counted; `to` NULL = the sender's own account (RFC 6120 10.3.3) */
	uint32_t flags;
	struct pledge *pledge; /* counted; NULL = nobody waits to hear that it is handled */
};

/* Takes the reference to stanza; from/to are ref'ed. */
struct packet packet_make(struct stanza *stanza, struct jid *from, struct jid *to, uint32_t flags);
struct packet packet_copy(const struct packet *p); /* refs everything */
void packet_clear(struct packet *p);               /* unrefs; safe on a cleared one */
/* A packet on the heap, for requests that carry one home (actors/store.h). */
struct packet_note {
	struct packet packet;
};
struct packet_note *packet_note_new(struct packet *p); /* takes *p */
void packet_note_free(struct packet_note *n);          /* NULL allowed */
struct packet packet_take(struct packet *p);       /* moves out, leaves *p cleared */
