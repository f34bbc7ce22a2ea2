#pragma once
/* XMPP over WebSocket (RFC 7395). */
#include "actors/edge/http_conn.h"

/* Answers an upgrade request: true when the connection is a WebSocket now and `h` is gone. */
bool websocket_stream_upgrade(struct http_conn *h, struct exchange *x, const struct http_request *r);
