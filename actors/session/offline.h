#pragma once
/* Messages for absent users: kept in the store, given out in order, deleted when the receiver has them.
 *
 * A flush brings a user's rows to one session, page by page. A row is deleted when the edge says that it was written
 * out (BOSH: acknowledged); the next page is read when the last one is. While rows may still come, live messages to
 * the user are held behind them, so order holds. When the session ends first, unwritten rows stay in the store and
 * held messages start again as if they came now. At most one flush runs for a user, so no row goes to two sessions. */
#include "actors/session/xep.h"

/* The message in passing is worth keeping (delivery_is_storable, with the paths of the configuration). */
bool offline_is_storable(const struct passage *p);
/* The words of a user's own limit: a number (0 = keep nothing), or none or false, which is UINT64_MAX. False: something else. */
bool offline_read_limit(struct span text, uint64_t *count);
/* Keeps p->packet, or answers its sender. Always takes it. */
enum xep_verdict offline_keep(struct passage *p);
/* Whether it would: XEP_DONE or XEP_REFUSED, XEP_WAIT when a fact is missing. Does nothing. */
enum xep_verdict offline_would_keep(struct passage *p);
/* A store answer to that. What was promised to its sender is not given back as an error because the store fails: its row stays and it
 * is tried again. */
void offline_kept(struct passage *p, struct store_request *r);

/* A kept message and its sender, the caller's; NULL, both: it is damaged. */
struct store_row;
struct stanza *offline_parse_row(struct passage *p, const struct store_row *row, struct jid **from);
/* With the stamp of XEP-0203, if it has none of ours. Takes s. */
struct stanza *offline_stamped(struct passage *p, struct stanza *s, uint64_t time_us);
void offline_delete_row(struct passage *p, uint64_t seq);

/* This session takes messages from now on. */
void offline_begin(struct passage *p, struct session *s);
void offline_page(struct passage *p, struct store_request *r);
void offline_written(struct passage *p, struct session *s, uint64_t receipt);
void offline_session_gone(struct passage *p, const struct session *s);
/* True: the message waits behind a flush, its packet is taken. */
bool offline_hold(struct passage *p);
/* The store did not give a page, and live messages pass meanwhile; or it did not take what was promised, and nothing passes. SHARD_TICK
 * tries again. */
bool offline_is_failed(const struct user *user);
void offline_retry(struct passage *p);
void offline_free(struct user *user);
