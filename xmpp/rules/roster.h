#pragma once
/* Roster items and the subscription states of RFC 6121 appendix A. Pure: values in, values out.
 *
 * A record of a contact exists from the first request on. While only the contact has asked (ROSTER_NONE_IN and not
 * `listed`) it is no roster item: clients do not see it, the request is shown to them instead (RFC 6121 3.1.3). */
#include "xmpp/stanza.h"

#define ROSTER_GROUPS_MAX 16
#define ROSTER_REQUEST_MAX 4096 /* a longer subscription request is kept without what it says */

enum roster_state { /* appendix A.1; _OUT, _IN: pending out, pending in */
	ROSTER_NONE, ROSTER_NONE_OUT, ROSTER_NONE_IN, ROSTER_NONE_OUT_IN,
	ROSTER_TO, ROSTER_TO_IN, ROSTER_FROM, ROSTER_FROM_OUT, ROSTER_BOTH,
	ROSTER_STATES
};
enum roster_verb { ROSTER_SUBSCRIBE, ROSTER_SUBSCRIBED, ROSTER_UNSUBSCRIBE, ROSTER_UNSUBSCRIBED, ROSTER_VERBS };

struct roster_step {
	enum roster_state next;
	bool pass;   /* outbound: route it to the contact; inbound: show it to the user */
	bool answer; /* inbound subscribe of one who is subscribed already: answer subscribed for the user */
};
struct roster_step roster_outbound(enum roster_state s, enum roster_verb v); /* the user sends it; appendix A.2 */
struct roster_step roster_inbound(enum roster_state s, enum roster_verb v);  /* the contact sends it; appendix A.3 */
bool roster_verb_of(enum stanza_type type, enum roster_verb *out); /* false: no subscription stanza */
enum stanza_type roster_verb_type(enum roster_verb v);

bool roster_shows(enum roster_state s);       /* the contact gets the user's presence: from, both */
bool roster_sees(enum roster_state s);        /* the user gets the contact's presence: to, both */
bool roster_asks(enum roster_state s);        /* the user's request is open: ask='subscribe' */
bool roster_is_asked(enum roster_state s);    /* the contact's request is open */
const char *roster_state_text(enum roster_state s); /* none, to, from, both */

struct roster_item {
	struct roster_item *next; /* for its owner */
	struct jid *jid; /* bare, counted */
	char *name;      /* owned, NULL = none */
	char **groups;   /* owned */
	unsigned group_count;
	enum roster_state state;
	bool listed;     /* clients see it */
	char *request;   /* owned; the contact's open request as saved by stanza_save, NULL = without extras */
};

struct roster_item *roster_item_new(struct jid *jid); /* not listed, no subscription; refs the bare form */
void roster_item_free(struct roster_item *i);         /* NULL allowed */
/* Replaces name and groups by those of another item. */
void roster_item_describe(struct roster_item *i, const struct roster_item *from);

/* What is kept in the store for one contact, and back; NULL when the bytes are damaged. */
void roster_item_save(const struct roster_item *i, struct buf *out);
struct roster_item *roster_item_load(struct span contact, struct span saved);
void roster_item_peek(struct span saved, enum roster_state *state, bool *listed); /* of bytes that load takes */

/* The version of a roster (RFC 6121 2.6) is the digest of what its owner's clients see, in whatever order: nothing has to be
 * kept for it, and a roster that goes back to what it was has its old version again. */
#define ROSTER_VERSION_BYTES 16
struct roster_version {
	uint8_t digest[ROSTER_VERSION_BYTES]; /* zero: of an empty roster */
};
void roster_version_add(struct roster_version *v, const struct roster_item *i);
void roster_version_text(const struct roster_version *v, char out[2 * ROSTER_VERSION_BYTES + 1]);

/* Reads the <item/> of a roster set. *out is the caller's; *remove: subscription='remove'. Other values of
 * subscription and ask are the server's business and ignored (RFC 6121 2.1.2). */
enum stanza_error roster_item_read(const struct stanza *s, stanza_el el, struct roster_item **out, bool *remove);
/* Writes <item/> into the open <query/>. */
void roster_item_write(struct builder *b, const struct roster_item *i);
void roster_item_write_removed(struct builder *b, const struct jid *jid);
