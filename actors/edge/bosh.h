#pragma once
/* BOSH requests (XEP-0124, XEP-0206): reads the wrapper, creates sessions, puts rids in order, replays, checks key
 * sequences, and hands the payload to the stream. */
#include "actors/edge/http_conn.h"

/* On every answer: it holds what others wrote, and a stranger's page can make a browser show it as a document of ours (by a
 * form post). Nothing in it may run. */
#define BOSH_HEADERS "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n"

/* Any POST; x is answered now or later. `body` lives during the call. */
void bosh_request(struct exchange *x, struct span body);
/* The connection of an unanswered request is gone; x->conn is NULL now and x belongs to its session, if it has one. */
void bosh_exchange_lost(struct exchange *x);
