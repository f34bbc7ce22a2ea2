#pragma once
/* Privacy lists (XEP-0016) and what the blocking command (XEP-0191) sees of them. Pure: values in, values out.
 *
 * A list is items in rising order; the first one that fits a stanza decides, and when none does the stanza is allowed. An item
 * fits by its type (an address, a roster group, a subscription, anything) and by the kinds of stanzas it names (none named: all).
 * Where Tigase stops at an item that fits by type and not by kind, the XEP goes on, and so do we.
 *
 * The blocked addresses are the items of the default list that deny all kinds to an address (XEP-0191 5). */
#include "xmpp/rules/roster.h"

enum privacy_kind { /* what a stanza is to the rules; bits of struct privacy_item.kinds */
	PRIVACY_OTHER = 0, /* outgoing messages and requests, subscriptions, probes: only items for all kinds fit */
	PRIVACY_MESSAGE = 1,
	PRIVACY_IQ = 2,
	PRIVACY_PRESENCE_IN = 4,
	PRIVACY_PRESENCE_OUT = 8,
};
enum privacy_kind privacy_kind_in(const struct stanza *s);  /* received by the owner of the list */
enum privacy_kind privacy_kind_out(const struct stanza *s); /* sent by it */

enum privacy_type { PRIVACY_ANY, PRIVACY_JID, PRIVACY_GROUP, PRIVACY_SUBSCRIPTION };
struct privacy_item {
	uint32_t order;
	uint8_t type;          /* enum privacy_type */
	uint8_t kinds;         /* 0 = all */
	uint8_t subscription;  /* ROSTER_NONE, _TO, _FROM or _BOTH */
	bool allow;
	struct jid *jid;       /* JID: counted */
	char *group;           /* GROUP: owned */
};
struct privacy_list {
	char *name;            /* owned */
	struct privacy_item *items; /* by rising order, no two alike */
	unsigned count;
	bool needs_roster;     /* some item asks for a group or a subscription */
};
struct privacy { /* all lists of an account */
	struct privacy_list **lists; /* owned */
	unsigned count;
	struct privacy_list *standard; /* the default list, one of them; NULL = none */
};

struct privacy_contact { /* what the roster says of the other side; all zero: not in it */
	enum roster_state state;
	char *const *groups;
	unsigned group_count;
};
/* True: allowed. list NULL: none applies. contact is looked at only when list->needs_roster. */
bool privacy_allows(const struct privacy_list *list, enum privacy_kind kind, const struct jid *other,
		    const struct privacy_contact *contact);

/* Reads a <list/> with its items: STANZA_ERROR_NONE and *out, the caller's; bad-request for what the XEP does not allow,
 * policy-violation for more than `most` items (0 = no limit). */
enum stanza_error privacy_list_read(const struct stanza *s, stanza_el el, unsigned most, struct privacy_list **out);
void privacy_list_write(struct builder *b, const struct privacy_list *list); /* <list/> into the open element */
void privacy_list_free(struct privacy_list *list); /* NULL allowed */

struct privacy *privacy_new(void);
void privacy_free(struct privacy *p); /* NULL allowed */
struct privacy_list *privacy_find(const struct privacy *p, struct span name); /* NULL = none */
void privacy_put(struct privacy *p, struct privacy_list *list); /* takes it; replaces the one of that name, also as default */
void privacy_remove(struct privacy *p, struct privacy_list *list);
/* What is kept: a <query/> with all of it, as the top element; and back. Damaged lists are left out. */
void privacy_save(struct builder *b, const struct privacy *p);
struct privacy *privacy_load(const struct stanza *query);

/* --- the blocking command --- */
static inline bool privacy_is_block(const struct privacy_item *i)
{
	return i->type == PRIVACY_JID && !i->allow && i->kinds == 0;
}
bool privacy_is_blocked(const struct privacy *p, const struct jid *jid); /* exactly this address */
/* Puts it before all other items of the default list, which is made when there is none. */
void privacy_block(struct privacy *p, struct jid *jid);
/* jid NULL: all. A default list that is empty then is removed. */
void privacy_unblock(struct privacy *p, const struct jid *jid);
