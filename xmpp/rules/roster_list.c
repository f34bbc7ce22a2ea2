/* A record: its head, the contact's bare JID, the saved item. Looking for a contact passes over the heads. */
#include "xmpp/rules/roster_list.h"

#include <stdlib.h>

struct head {
	uint32_t hash; /* of the contact, as many bits as fit */
	uint16_t contact_n, saved_n;
};
#define TRIM_BELOW 64u /* not worth a copy */

void roster_list_fini(struct roster_list *l)
{
	free(l->bytes);
	*l = (struct roster_list){ 0 };
}

static struct head head_at(const struct roster_list *l, uint32_t at)
{
	struct head h;

	memcpy(&h, l->bytes + at, sizeof(h));
	return h;
}

static uint32_t length(struct head h)
{
	return (uint32_t)sizeof(h) + h.contact_n + h.saved_n;
}

/* Where the contact's record begins; l->n: nowhere. */
static uint32_t locate(const struct roster_list *l, const struct jid *contact)
{
	struct span bare = jid_bare(contact);

	for (uint32_t at = 0; at < l->n; at += length(head_at(l, at))) {
		struct head h = head_at(l, at);

		if (h.hash == (uint32_t)contact->bare_hash && h.contact_n == bare.n &&
		    memcmp(l->bytes + at + sizeof(h), bare.p, bare.n) == 0)
			return at;
	}
	return l->n;
}

static struct roster_list_entry entry_at(const struct roster_list *l, uint32_t at)
{
	struct head h = head_at(l, at);
	const char *contact = l->bytes + at + sizeof(h);
	struct roster_list_entry e = { { contact, h.contact_n }, { contact + h.contact_n, h.saved_n }, ROSTER_NONE, false };

	roster_item_peek(e.saved, &e.state, &e.listed);
	return e;
}

bool roster_list_find(const struct roster_list *l, const struct jid *contact, struct span *saved)
{
	uint32_t at = locate(l, contact);

	if (at == l->n)
		return false;
	*saved = entry_at(l, at).saved;
	return true;
}

bool roster_list_remove(struct roster_list *l, const struct jid *contact)
{
	uint32_t at = locate(l, contact), n;

	if (at == l->n)
		return false;
	n = length(head_at(l, at));
	memmove(l->bytes + at, l->bytes + at + n, l->n - at - n);
	l->n -= n;
	l->count--;
	return true;
}

void roster_list_put(struct roster_list *l, const struct jid *contact, struct span saved)
{
	struct span bare = jid_bare(contact);
	struct head h = { (uint32_t)contact->bare_hash, (uint16_t)bare.n, (uint16_t)saved.n };
	char *at;

	ASSERT(bare.n <= UINT16_MAX && saved.n <= UINT16_MAX);
	(void)roster_list_remove(l, contact);
	if (l->size - l->n < length(h)) {
		l->size = l->n + length(h) + l->n / 4;
		l->bytes = xrealloc(l->bytes, l->size);
	}
	at = l->bytes + l->n;
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), bare.p, bare.n);
	memcpy(at + sizeof(h) + bare.n, saved.p, saved.n);
	l->n += length(h);
	l->count++;
}

void roster_list_trim(struct roster_list *l)
{
	if (l->n == 0) {
		roster_list_fini(l);
	} else if (l->size - l->n >= TRIM_BELOW) {
		l->bytes = xrealloc(l->bytes, l->n);
		l->size = l->n;
	}
}

bool roster_list_next(const struct roster_list *l, uint32_t *at, struct roster_list_entry *out)
{
	if (*at >= l->n)
		return false;
	*out = entry_at(l, *at);
	*at += length(head_at(l, *at));
	return true;
}
