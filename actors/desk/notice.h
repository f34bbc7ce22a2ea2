#pragma once
/* Every stanza the desk makes or rewrites (docs/live-chat-protocol.md). Pure: all facts are passed in. The stanzas
 * carry no addresses; those travel in the packet. Each function leaves the builder empty and gives the caller a
 * reference. */
#include "xmpp/stanza.h"

#define NOTICE_SEAT_RESOURCE "seat" /* what a visitor sees instead of the owner's real resource */

struct notice {
	const char *id;
	const char *kind;         /* of the event */
	const char *conversation;
	uint32_t epoch;
	const char *reason;       /* NULL = left out */
	uint64_t at_us;           /* wall clock; 0 = left out */
	int64_t hold_s;           /* < 0 = left out */
	const char *body;
	bool gone;                /* with the chat state of a closed window */
};
struct stanza *notice_message(struct builder *b, const struct notice *n);
/* What a human reads; `reason` as in the event. Owned by the caller. */
char *notice_disconnected_body(const char *reason, uint64_t at_us);

struct notice_stamp { /* what an owner is told with a visitor's message */
	const char *conversation; /* NULL = no <assigned/> */
	uint32_t epoch;
	struct span seat;         /* the conversation's seat; may be empty */
	unsigned robots_failed;   /* on this message; 0 = left out */
	struct span domain;
	uint64_t delay_us;        /* when it was said; 0 = no <delay/> */
};
/* The visitor's message with the stamp, and without any element of our own namespace that the visitor put in. */
struct stanza *notice_stamped(struct builder *b, struct stanza *message, const struct notice_stamp *stamp);

struct notice_item {
	struct span jid, name;
	const char *group; /* NULL = none */
	bool remove;
};
struct stanza *notice_roster_result(struct builder *b, const struct stanza *request, struct span from, struct span to,
				    const struct notice_item *item);
struct stanza *notice_roster_push(struct builder *b, const char *id, const struct notice_item *item);
struct stanza *notice_presence(struct builder *b, bool available);
/* Answer of the desk's address to disco#info. */
struct stanza *notice_desk_info(struct builder *b, const struct stanza *request, struct span from, struct span to,
				const char *name);
