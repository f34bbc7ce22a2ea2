/* RFC 6455 framing by wslay's frame layer: it reads heads, checks lengths and unmasks; what is left to us is to judge
 * heads, put fragments together, bound them, check UTF-8 and answer control frames.
 *
 * wslay reads ahead into a buffer of 4 KiB. Two things keep that from hurting: it is given a frame's head byte by byte
 * and never more than the rest of its payload, so what lies behind the frame stays with the caller; and its context
 * exists only while a frame is incomplete, so an idle connection holds this struct alone. */
#include "runtime/io/websocket.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>
#include <wslay/wslay.h>

#define CONTROL_MAX 125u
#define MESSAGE_MAX 0x10000000u /* where no limit is set */

struct websocket {
	wslay_frame_context_ptr frames; /* NULL between frames */
	const struct websocket_limits *limits;
	const struct websocket_events *events;
	void *ctx;
	struct buf message; /* empty between messages */
	struct span input;  /* of the present feed */
	uint8_t control[CONTROL_MAX];
	uint8_t control_n;
	uint8_t opcode;     /* of the message being put together; 0 = none */
	uint16_t fragments;
	bool in_head, in_frame, fin, stop, closed;
	uint64_t frame_left, message_n; /* bytes of the message, kept or not */
	uint8_t frame_opcode;
	/* ping budget, in thousandths */
	uint32_t pings;
	uint64_t pings_at_ms;
};

static ssize_t take_input(uint8_t *to, size_t n, int flags, void *opaque)
{
	struct websocket *w = opaque;
	uint64_t most = w->in_frame ? w->frame_left : 1;

	(void)flags;
	if (w->input.n == 0)
		return -1;
	if (n > most)
		n = (size_t)most;
	if (n > w->input.n)
		n = w->input.n;
	w->in_head = !w->in_frame;
	memcpy(to, w->input.p, n);
	w->input = (struct span){ w->input.p + n, w->input.n - n };
	return (ssize_t)n;
}

static void need_frames(struct websocket *w)
{
	static const struct wslay_frame_callbacks callbacks = { .recv_callback = take_input };

	if (!w->frames && wslay_frame_context_init(&w->frames, &callbacks, w) != 0)
		base_out_of_memory();
}

static void drop_frames(struct websocket *w)
{
	if (w->frames)
		wslay_frame_context_free(w->frames);
	w->frames = NULL;
}

struct websocket *websocket_new(const struct websocket_limits *limits, const struct websocket_events *events, void *ctx)
{
	struct websocket *w = xcalloc(1, sizeof(*w));

	w->limits = limits;
	w->events = events;
	w->ctx = ctx;
	w->pings = UINT32_MAX;
	return w;
}

void websocket_free(struct websocket *w)
{
	if (!w)
		return;
	drop_frames(w);
	buf_fini(&w->message);
	free(w);
}

void websocket_set_limits(struct websocket *w, const struct websocket_limits *limits)
{
	w->limits = limits;
}

/* --- writing: the server does not mask --- */

static void put_frame(struct buf *out, unsigned opcode, struct span payload)
{
	uint8_t head[10] = { (uint8_t)(0x80 | opcode) };
	size_t n = 2;

	if (payload.n < 126) {
		head[1] = (uint8_t)payload.n;
	} else if (payload.n < 65536) {
		head[1] = 126;
		head[2] = (uint8_t)(payload.n >> 8);
		head[3] = (uint8_t)payload.n;
		n = 4;
	} else {
		head[1] = 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (uint8_t)((uint64_t)payload.n >> (8 * (7 - i)));
		n = 10;
	}
	buf_add(out, head, n);
	buf_add_span(out, payload);
}

void websocket_text(struct websocket *w, struct span message, struct buf *out)
{
	if (!w->closed)
		put_frame(out, WSLAY_TEXT_FRAME, message);
}

void websocket_ping(struct websocket *w, struct buf *out)
{
	if (!w->closed)
		put_frame(out, WSLAY_PING, SPAN_NONE);
}

void websocket_close(struct websocket *w, int code, struct buf *out)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	if (w->closed)
		return;
	w->closed = true;
	put_frame(out, WSLAY_CONNECTION_CLOSE, code ? (struct span){ payload, 2 } : SPAN_NONE);
}

void websocket_stop(struct websocket *w)
{
	w->stop = true;
}

/* --- reading --- */

static void end_with(struct websocket *w, int code, struct buf *out)
{
	websocket_close(w, code, out);
	w->stop = true;
	w->events->on_close(w->ctx, code);
}

/* Strict UTF-8, a whole message at a time. */
static bool is_utf8(struct span s)
{
	const uint8_t *p = (const uint8_t *)s.p, *end = p + s.n;

	while (p < end) {
		unsigned more;
		uint32_t c = *p++;

		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return false;
		more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		c &= 0x3fu >> more;
		if ((size_t)(end - p) < more)
			return false;
		for (unsigned i = 0; i < more; i++, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (more == 2 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff)))
			return false;
		if (more == 3 && (c < 0x10000 || c > 0x10ffff))
			return false;
	}
	return true;
}

static bool take_ping(struct websocket *w, uint64_t now_ms)
{
	uint32_t rate = w->limits->pings_per_second, most = w->limits->ping_burst * 1000u;
	uint64_t grown;

	if (rate == 0)
		return true;
	grown = w->pings == UINT32_MAX ? most : w->pings + (now_ms - w->pings_at_ms) * rate;
	w->pings = grown > most ? most : (uint32_t)grown;
	w->pings_at_ms = now_ms;
	if (w->pings < 1000)
		return false;
	w->pings -= 1000;
	return true;
}

static int close_code_of(const struct websocket *w)
{
	int code = w->control_n >= 2 ? w->control[0] << 8 | w->control[1] : 1000;
	bool known = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
		     (code >= 3000 && code <= 4999);
	struct span reason = { (const char *)w->control + 2, w->control_n > 2 ? w->control_n - 2u : 0 };

	if (w->control_n == 1 || !known)
		return 1002;
	return is_utf8(reason) ? code : 1007;
}

static void handle_control(struct websocket *w, uint64_t now_ms, struct buf *out)
{
	struct span payload = { (const char *)w->control, w->control_n };

	switch (w->frame_opcode) {
	case WSLAY_PING:
		if (!take_ping(w, now_ms))
			end_with(w, 1008, out);
		else if (!w->closed)
			put_frame(out, WSLAY_PONG, payload);
		break;
	case WSLAY_PONG: /* answers to ours are rarer than the budget; a flood costs as much as one of pings */
		if (!take_ping(w, now_ms))
			end_with(w, 1008, out);
		else
			w->events->on_pong(w->ctx);
		break;
	default:
		end_with(w, close_code_of(w), out);
	}
}

static void finish_message(struct websocket *w, struct buf *out)
{
	uint8_t opcode = w->opcode;
	bool whole = w->message_n == buf_len(&w->message);

	w->opcode = 0;
	w->fragments = 0;
	w->message_n = 0;
	if (opcode != WSLAY_TEXT_FRAME) {
		end_with(w, 1003, out); /* XMPP is text (RFC 7395 3.2) */
		return;
	}
	if (whole && !is_utf8(buf_span(&w->message))) {
		end_with(w, 1007, out);
		return;
	}
	if (whole)
		w->events->on_text(w->ctx, buf_span(&w->message));
	else
		w->events->on_oversized(w->ctx, buf_span(&w->message));
	buf_fini(&w->message);
}

static uint64_t most_kept(const struct websocket *w)
{
	return w->limits->message_bytes ? w->limits->message_bytes : MESSAGE_MAX;
}

/* A new frame's head. False: the peer broke a rule, and was told. */
static bool begin_frame(struct websocket *w, const struct wslay_frame_iocb *f, struct buf *out)
{
	bool control = f->opcode & 8;
	uint64_t most = w->limits->skip_bytes > most_kept(w) ? w->limits->skip_bytes : most_kept(w);
	int wrong = 0;

	if (!f->mask || f->rsv || f->opcode > WSLAY_PONG ||
	    (f->opcode > WSLAY_BINARY_FRAME && f->opcode < WSLAY_CONNECTION_CLOSE))
		wrong = 1002;
	else if (control && (!f->fin || f->payload_length > CONTROL_MAX))
		wrong = 1002;
	else if (!control && (f->opcode == WSLAY_CONTINUATION_FRAME) != (w->opcode != 0))
		wrong = 1002;
	else if (!control && w->message_n + f->payload_length > most)
		wrong = 1009;
	else if (!control && w->fragments >= (w->limits->fragments ? w->limits->fragments : UINT16_MAX))
		wrong = 1008;
	if (wrong) {
		end_with(w, wrong, out);
		return false;
	}
	w->in_frame = true;
	w->fin = f->fin;
	w->frame_opcode = f->opcode;
	w->frame_left = f->payload_length;
	w->control_n = 0;
	if (!control) {
		if (f->opcode)
			w->opcode = f->opcode;
		w->fragments++;
	}
	return true;
}

static void take_payload(struct websocket *w, const struct wslay_frame_iocb *f, struct buf *out)
{
	if (w->frame_opcode & 8) {
		memcpy(w->control + w->control_n, f->data, f->data_length);
		w->control_n = (uint8_t)(w->control_n + f->data_length);
	} else {
		size_t kept = buf_len(&w->message), room = most_kept(w) > kept ? (size_t)most_kept(w) - kept : 0;
		size_t take = f->data_length < room ? f->data_length : room;

		if (buf_try_reserve(&w->message, take))
			buf_add(&w->message, f->data, take);
		else
			end_with(w, 1011, out); /* no memory: this connection alone pays */
		w->message_n += f->data_length;
	}
	w->frame_left -= f->data_length;
}

size_t websocket_feed(struct websocket *w, struct span bytes, uint64_t now_ms, struct buf *out)
{
	struct wslay_frame_iocb f;
	size_t left;

	w->input = bytes;
	w->stop = false;
	need_frames(w);
	while (!w->stop && !w->closed) {
		ssize_t n;

		memset(&f, 0, sizeof(f));
		n = wslay_frame_recv(w->frames, &f);
		if (n == WSLAY_ERR_WANT_READ && w->input.n)
			continue; /* the next byte of the head */
		if (n == WSLAY_ERR_WANT_READ)
			break;
		if (n < 0) {
			end_with(w, 1002, out);
			break;
		}
		if (!w->in_frame && !begin_frame(w, &f, out))
			break;
		take_payload(w, &f, out);
		if (w->stop)
			break; /* there was no memory for it */
		if (w->frame_left)
			continue;
		w->in_head = w->in_frame = false;
		if (w->frame_opcode & 8)
			handle_control(w, now_ms, out);
		else if (w->fin)
			finish_message(w, out);
	}
	left = w->input.n;
	w->input = SPAN_NONE;
	if (w->closed || (!w->in_head && !w->in_frame))
		drop_frames(w);
	return w->closed ? bytes.n : bytes.n - left;
}

/* --- handshake --- */

static bool accept_key(struct span key, char out[32])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char text[24 + sizeof(guid)], digest[EVP_MAX_MD_SIZE];
	unsigned digest_n;

	/* 16 bytes in base64 are 24 characters, the last two of them '=' */
	if (key.n != 24 || memcmp(key.p + 22, "==", 2) != 0)
		return false;
	for (size_t i = 0; i < 22; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", key.p[i]) || !key.p[i])
			return false;
	memcpy(text, key.p, 24);
	memcpy(text + 24, guid, sizeof(guid) - 1);
	if (EVP_Digest(text, 24 + sizeof(guid) - 1, digest, &digest_n, EVP_sha1(), NULL) != 1)
		BUG("no SHA-1");
	EVP_EncodeBlock((unsigned char *)out, digest, (int)digest_n);
	return true;
}

int websocket_accept(const struct http_request *r, const char *subprotocol, struct span extra, struct buf *out)
{
	struct span version = http_header(r, "sec-websocket-version"), key = http_header(r, "sec-websocket-key");
	char answer[32];

	if (!span_is(r->method, "GET") || r->minor != 1)
		return 400;
	if (!r->upgrade || !http_has_token(http_header(r, "upgrade"), "websocket"))
		return 426;
	if (!span_is(version, "13"))
		return 426;
	if (!key.p || !accept_key(key, answer) ||
	    !http_has_token(http_header(r, "sec-websocket-protocol"), subprotocol))
		return 400;
	buf_addf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		      "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n", answer, subprotocol);
	buf_add_span(out, extra);
	buf_add(out, "\r\n", 2);
	return 0;
}
