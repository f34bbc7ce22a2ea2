#pragma once
/* Privacy lists at work (XEP-0016, XEP-0191): which list applies to whom, what is refused, and what contacts hear when lists change.
 * The rules themselves are xmpp/rules/privacy.
 *
 * A list is active in the session that chose it; the default list applies to all other sessions and while the account is offline. The
 * account itself, its domain and its desk are never blocked. Who has no lists costs nothing: which accounts have some is known since
 * the start (actors/owners.h), and is looked up once while a user is in memory. Visitors have none.
 *
 * One record of the store holds all lists of an account, so a change is one write. A request reads that record, changes it and
 * writes it back, behind all it wrote before; the memory follows when the write is durable. */
#include "actors/session/xep.h"
#include "xmpp/rules/privacy.h"

/* The gate, of both plugins. */
enum xep_verdict privacy_gate(struct passage *p);

/* --- for those who send or deliver beside the gate --- */
bool privacy_decides(const struct passage *p, const struct session *s, enum privacy_kind kind, const struct jid *other);
/* May a stanza of this kind go between session s (NULL: the account) and the other? As far as its roster is in memory. */
static inline bool privacy_lets(const struct passage *p, const struct session *s, enum privacy_kind kind, const struct jid *other)
{
	return !p->user->privacy || privacy_decides(p, s, kind, other);
}
/* The stanza in passing is for the bare JID and this session's list denies it; another one's does not. */
static inline bool privacy_skips(const struct passage *p, const struct session *s)
{
	return p->is_filtered && !privacy_decides(p, s, privacy_kind_in(p->packet.stanza), p->packet.from);
}

/* May the other know that session s (NULL: any client of the account) is there? Who is denied presence is told nothing in
 * other ways either. */
bool privacy_shows(const struct passage *p, const struct session *s, const struct jid *other);

/* The client's active list keeps its presence from somebody whom the default list does not mean. */
bool privacy_hides(const struct session *s);

/* --- for requests --- */
/* XEP_PASS: *out is what is kept, the caller's; roster and lists are known. Else return what it returns. */
enum xep_verdict privacy_open(struct passage *p, struct privacy **out);
/* Writes it back; takes it. Always XEP_DONE. */
enum xep_verdict privacy_keep(struct passage *p, struct privacy *changed);
/* What is kept is this now: sessions go on under it, contacts and clients hear what changed for them. Takes it. */
void privacy_apply(struct passage *p, struct privacy *kept);
/* All that is known is of an account that is gone: it is looked up again. */
void privacy_forget(struct user *user);
void privacy_kept(struct passage *p, const struct store_request *r); /* the same, of what was written */
/* The session in passing goes on under this list of user->privacy; NULL: under the default list. */
void privacy_activate(struct passage *p, struct privacy_list *list);
/* A session other than that in passing is under this list: actively, or because it is the default. */
bool privacy_is_in_use(const struct passage *p, const char *name, bool is_default);
/* XEP-0016 2.2 rule 10: tells clients that this list changed; `all`, or those that have used privacy lists. */
void privacy_push_list(struct passage *p, struct span name, bool all);
