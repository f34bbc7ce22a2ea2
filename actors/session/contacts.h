#pragma once
/* A user's contacts in memory: the roster as loaded from the store, and the entries the desk shows beside it. Changes
 * are made in memory at once and written behind; when a write fails the memory is forgotten, so that the next look
 * reads what is true.
 *
 * The roster is kept packed (xmpp/rules/roster_list). An item that is asked for is unpacked, and stays so until the handler
 * ends (contacts_settle): whoever changes it calls contacts_save, or the change is lost. */
#include "actors/session/xep.h"
#include "xmpp/rules/roster.h"

/* --- loading --- */
void contacts_begin(struct user *user); /* empty and known: visitors have no roster in the store */
void contacts_ask(struct outbox *o, const struct server *server, struct user *user);
void contacts_loaded(struct user *user, const struct store_request *r);
void contacts_forget(struct user *user); /* to be asked for again */
void contacts_end(struct user *user);    /* frees all */
void contacts_settle(struct user *user); /* the handler is done with its items */

/* --- while passage_knows_roster --- */
struct roster_item *contacts_find(struct user *user, const struct jid *contact); /* NULL = no record */
enum roster_state contacts_state(const struct user *user, const struct jid *contact); /* no record: ROSTER_NONE */
/* Made when there is none; NULL when the user has too many. */
struct roster_item *contacts_get(struct passage *p, struct jid *contact);
bool contacts_is_full(const struct passage *p); /* no more items that clients see */
void contacts_list(struct passage *p, struct roster_item *i); /* from now on clients see it */
/* Writes the record, or erases it (and frees it) when it says nothing any more. `request`: a roster set that is
 * answered, and pushed, when the write is done; taken; NULL = none. */
void contacts_save(struct passage *p, struct roster_item *i, struct packet *request);
void contacts_erase(struct passage *p, struct roster_item *i, struct packet *request);
/* The store's answer to both; p->packet is the request or empty. */
void contacts_written(struct passage *p, struct store_request *r);
/* The item changed, or is gone: tells the sessions that asked for the roster. */
void contacts_push(struct passage *p, const struct roster_item *i);
void contacts_push_removed(struct passage *p, const struct jid *contact);
/* The version of what clients see (RFC 6121 2.6). While a change is on its way to the disk it is one that will not be again:
 * who has seen the one push and not the next must not take itself for up to date. */
#define CONTACTS_VERSION_MAX 64
void contacts_version(struct passage *p, char out[CONTACTS_VERSION_MAX]);
/* All items clients see, into the open <query/>. */
void contacts_write(struct passage *p, struct builder *b);
/* Those whose state passes the test, NULL = all. The visitors must not change the roster; the item is gone afterwards. */
typedef bool contacts_test_f(enum roster_state state);
typedef void contacts_visit_f(struct passage *p, const struct roster_item *i, void *ctx);
typedef void contacts_visit_jid_f(struct passage *p, struct jid *contact, void *ctx);
void contacts_each(struct passage *p, contacts_test_f *test, contacts_visit_f *visit, void *ctx);
void contacts_each_jid(struct passage *p, contacts_test_f *test, contacts_visit_jid_f *visit, void *ctx);

/* --- shown by the desk --- */
void contacts_show(struct passage *p, struct shard_contact *m); /* takes name and group */
bool contacts_is_shown(const struct user *user, const struct jid *contact);
void contacts_hide(struct passage *p, const struct jid *contact);
void contacts_hide_all(struct user *user); /* tells nobody */
