#pragma once
/* BOSH requests (XEP-0124, XEP-0206): reads the wrapper, creates sessions, puts rids in order, replays, checks key
 * sequences, and hands the payload to the stream. */
#include "actors/edge/http_conn.h"

/* Any POST; x is answered now or later. `body` lives during the call. */
void bosh_request(struct exchange *x, struct span body);
/* The connection of an unanswered request is gone; x->conn is NULL now and x belongs to its session, if it has one. */
void bosh_exchange_lost(struct exchange *x);
