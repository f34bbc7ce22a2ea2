#pragma once
/* WebSocket framing, server side (RFC 6455) over wslay: handshake, messages read and written. No sockets. Refuses
 * unmasked frames, reserved bits and opcodes, oversized messages before their payload is kept, more than
 * `fragments` fragments, bad UTF-8, long or fragmented control frames. */
#include "runtime/io/http.h"

struct websocket; /* opaque; one per connection */

struct websocket_limits { /* 0 = no limit */
	uint32_t message_bytes, fragments, pings_per_second, ping_burst;
	uint32_t skip_bytes; /* a text over message_bytes and up to this is read, not kept; 0 = the connection ends */
};

struct websocket_events { /* none of them may free the websocket */
	void (*on_text)(void *ctx, struct span message); /* whole message, valid UTF-8; lives during the call */
	/* A text that was too long to keep: its first message_bytes, which may end inside a character; what came behind was
	 * not looked at. Only with skip_bytes. */
	void (*on_oversized)(void *ctx, struct span begin);
	void (*on_pong)(void *ctx);
	void (*on_close)(void *ctx, int code); /* the peer sent a close frame (answered already) or broke the protocol
						  (`code` was sent): flush and close the socket */
};

/* Checks an upgrade request and appends the 101 answer with the subprotocol (must be offered: "xmpp") and extra header
 * lines; 0, or the HTTP status to refuse with (400, 426). */
int websocket_accept(const struct http_request *r, const char *subprotocol, struct span extra, struct buf *out);

struct websocket *websocket_new(const struct websocket_limits *limits /* borrowed */,
				const struct websocket_events *events, void *ctx);
void websocket_free(struct websocket *w);
void websocket_set_limits(struct websocket *w, const struct websocket_limits *limits);
/* Memory held for a half-received message is 0 between messages. Feeds received bytes, calls events, appends answers
 * (pong, close) to out. Stops early, returning how many bytes it took, when websocket_stop was called in an event. */
size_t websocket_feed(struct websocket *w, struct span bytes, uint64_t now_ms, struct buf *out);
void websocket_stop(struct websocket *w); /* inside on_text: deliver nothing more for now; feed the rest later */
void websocket_text(struct websocket *w, struct span message, struct buf *out);
void websocket_ping(struct websocket *w, struct buf *out);
void websocket_close(struct websocket *w, int code, struct buf *out); /* once; later calls do nothing */
