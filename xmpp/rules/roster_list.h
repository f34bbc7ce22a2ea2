#pragma once
/* A whole roster as one block of bytes: for each contact its address and its saved record (roster_item_save), one behind the
 * other, in no order. Rosters are many, are kept as long as somebody is logged in and are seldom looked at: twenty contacts
 * take some 600 bytes, and looking for one passes over the heads of all. One owner. */
#include "xmpp/rules/roster.h"

struct roster_list { /* zero: empty */
	char *bytes;
	uint32_t n, size, count;
};

void roster_list_fini(struct roster_list *l); /* empty and usable again */
/* By the bare form. *saved lives until the list changes. */
bool roster_list_find(const struct roster_list *l, const struct jid *contact, struct span *saved);
void roster_list_put(struct roster_list *l, const struct jid *contact, struct span saved); /* adds or replaces */
bool roster_list_remove(struct roster_list *l, const struct jid *contact);
/* Gives back what is left over after many additions. */
void roster_list_trim(struct roster_list *l);

struct roster_list_entry {
	struct span contact, saved; /* live until the list changes */
	enum roster_state state;
	bool listed;
};
/* Begins with *at = 0; false at the end. The list must not change in between. */
bool roster_list_next(const struct roster_list *l, uint32_t *at, struct roster_list_entry *out);
