#pragma once
/* XMPP over TCP: parser in, bytes out, STARTTLS, whitespace pings. */
#include "actors/edge/edge_inner.h"

/* A new connection; the caller sets its conn, then says so. */
struct edge_connection *tcp_new(struct edge *e, const struct config_listener *listener, const struct address *peer);
void tcp_opened(struct edge_connection *c);
