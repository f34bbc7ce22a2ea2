#pragma once
/* What one address (an IPv4 address, an IPv6 /64) has open and how often it failed to log in, for the whole process:
 * one table for all edges, any thread, no locks. It is a count-min sketch of fixed size, so that no number of
 * addresses makes it grow and nothing has to be evicted; two addresses may share a cell in one row, hardly ever in
 * both, and never because a peer wants them to (the hash is keyed). Exempt addresses are never counted. */
#include "conf/config.h"
#include "runtime/io/address.h"

struct throttle; /* opaque */

enum throttle_gauge { THROTTLE_OPEN, THROTTLE_UNAUTH, THROTTLE_BOSH, THROTTLE_ANONYMOUS, THROTTLE_GAUGES };

struct throttle *throttle_new(const struct config *conf);
void throttle_free(struct throttle *t);
bool throttle_exempt(const struct throttle *t, const struct address *a);

/* Counts one more unless the limit is reached; every true needs its throttle_release. */
bool throttle_take(struct throttle *t, enum throttle_gauge g, const struct address *a);
void throttle_release(struct throttle *t, enum throttle_gauge g, const struct address *a);
/* One more connection now: false when the address connects too often. */
bool throttle_connection(struct throttle *t, const struct address *a, uint64_t now_ms);

/* One more attempt to make an account now: false when the address makes too many in a second or an hour. */
bool throttle_registration(struct throttle *t, const struct address *a, uint64_t now_ms);

/* Logins: failures of the address, and of the address for one account. */
void throttle_failure(struct throttle *t, const struct address *a, struct span account, uint64_t now_ms);
bool throttle_refuses(struct throttle *t, const struct address *a, struct span account, uint64_t now_ms);
