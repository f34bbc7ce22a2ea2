/* XMPP over WebSocket (RFC 7395): one frame an element. */
#include "loadgen.h"

#include <stdio.h>
#include <string.h>

void websocket_upgrade(struct user *u)
{
	char request[512];
	int n = snprintf(request, sizeof(request),
			 "GET /xmpp-websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Protocol: xmpp\r\n\r\n", opt.domain);

	wire_put(u, request, (size_t)n);
}

void websocket_greet(struct user *u)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%s' version='1.0'/>", opt.domain);

	websocket_send(u, text, (size_t)n);
}

/* One masked text frame. The mask is zero: the payload stands as it is, and the server unmasks all the same. */
void websocket_send(struct user *u, const char *xml, size_t n)
{
	char frame[4096 + 8] = { '\x81' };
	size_t head = 2;

	if (n > 4096)
		die("WebSocket", "a frame over 4,096 bytes");
	if (n < 126) {
		frame[1] = (char)(0x80u | n);
	} else {
		frame[1] = (char)(0x80u | 126u);
		frame[2] = (char)(n >> 8);
		frame[3] = (char)(n & 0xffu);
		head = 4;
	}
	memcpy(frame + head + 4, xml, n);
	wire_put(u, frame, head + 4 + n);
}

static size_t take_answer(struct user *u, char *in, size_t n)
{
	char *end = memmem(in, n, "\r\n\r\n", 4);

	if (!end)
		return 0;
	if (strncmp(in + 9, "101", 3) != 0)
		die("WebSocket refused", in);
	u->stage = GREETING;
	websocket_greet(u);
	return (size_t)(end - in) + 4;
}

size_t websocket_take(struct user *u, char *in, size_t n)
{
	size_t head = 2, size;

	if (u->stage == UPGRADING)
		return take_answer(u, in, n);
	if (n < 4)
		return 0;
	size = (unsigned char)in[1];
	if (size == 126) {
		size = (size_t)(unsigned char)in[2] << 8 | (unsigned char)in[3];
		head = 4;
	} else if (size > 126) {
		die("WebSocket", "a frame over 64 KiB");
	}
	if (n < head + size)
		return 0;
	if ((in[0] & 0xf) == 8)
		die("WebSocket closed", in + head + 2);
	if ((in[0] & 0xf) == 1)
		(void)client_understand(u, in + head, size);
	return head + size;
}
