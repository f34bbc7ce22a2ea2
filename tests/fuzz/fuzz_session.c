/* dict xmpp: A client of the edge in its test world, over TCP or a WebSocket, that says anything in any order: whole elements of a
 * table, raw bytes, nothing for a while, the end of the line. Whatever it does, nothing reaches a session before its login
 * and its resource, nothing under another's name, and stream management keeps its books: receipts come in order, each once,
 * and what was delivered is acknowledged, waiting or given back, never lost. First byte: the transport. Then acts. */
#include "tests/unit/actors/edge/world.h"

#include <stdio.h>

#define ACTS 300

static const char *const elements[] = {
	HEAD,
	"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>",
	ANONYMOUS_AUTH, ALICE_AUTH, ALICE_WRONG,
	"<auth xmlns='" SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPWFiYw==</auth>",
	"<response xmlns='" SASL "'>Yz1iaXdz</response>", "<abort xmlns='" SASL "'/>", BIND_IQ,
	"<message xmlns='jabber:client' to='bob@localhost'><body>x</body></message>",
	"<message xmlns='jabber:client' to='bob@localhost' from='mallory@localhost/x'/>",
	"<message xmlns='jabber:client' to='@'/>", "<presence xmlns='jabber:client'/>",
	"<iq xmlns='jabber:client' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", "<iq xmlns='jabber:client' type='get'/>",
	"<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<r xmlns='urn:xmpp:sm:3'/>",
	"<a xmlns='urn:xmpp:sm:3' h='4294967295'/>", "<a xmlns='urn:xmpp:sm:3'/>",
	"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<x xmlns='urn:x'/>", "<!-- c -->", " ", "</stream:stream>",
	"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
};

static struct world *w;
static struct client *client, *left[ACTS + 1]; /* connections it opened and does not look at any more */
static unsigned left_count;
static bool websocket, bound;
static unsigned delivered, settled; /* stanzas for the client; those whose fate was told */
static unsigned written;            /* the last receipt that was told */
static char previd[64];
static uint32_t seen; /* stanzas that came out since stream management began */

static void say(const char *text, size_t n)
{
	uint8_t head[8] = { 0x81, 0x80 };
	struct buf frame = BUF_INIT;

	if (!client->conn)
		return;
	if (!websocket) {
		client_send_bytes(client, text, n);
		return;
	}
	head[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
	buf_add(&frame, head, 2);
	if (n >= 126) {
		head[0] = (uint8_t)(n >> 8);
		head[1] = (uint8_t)n;
		buf_add(&frame, head, 2);
	}
	buf_add(&frame, "\0\0\0\0", 4); /* a mask of zeros is one */
	buf_add(&frame, text, n);
	client_send_bytes(client, buf_span(&frame).p, buf_len(&frame));
	buf_fini(&frame);
}

static void say_text(const char *text)
{
	say(text, strlen(text));
}

static void arrive(void)
{
	if (client)
		left[left_count++] = client;
	client = client_open(w, websocket ? CONFIG_COMPONENT_ws2s : CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	bound = false;
	if (websocket)
		client_send(client, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				    "Sec-WebSocket-Key: a2V5a2V5a2V5a2V5a2V5IQ==\r\nSec-WebSocket-Version: 13\r\n"
				    "Sec-WebSocket-Protocol: xmpp\r\n\r\n");
}

static void come_back(void)
{
	char resume[160];

	arrive();
	say_text(websocket ? elements[1] : elements[0]);
	say_text(ALICE_AUTH);
	say_text(websocket ? elements[1] : elements[0]);
	snprintf(resume, sizeof(resume), "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%u'/>", previd, seen);
	say_text(resume);
}

static void act(const uint8_t **at, const uint8_t *end)
{
	uint8_t what = *(*at)++;
	char text[80];

	if (what < 150) {
		say_text(elements[what % ARRAY_LEN(elements)]);
	} else if (what < 170) {
		size_t n = what - 149u < (size_t)(end - *at) ? what - 149u : (size_t)(end - *at);

		say((const char *)*at, n);
		*at += n;
	} else if (what < 200 && w->session) {
		world_deliver(w, "<message xmlns='jabber:client' from='bob@localhost'><body>hi</body></message>", ++delivered);
	} else if (what < 220) {
		snprintf(text, sizeof(text), "<a xmlns='urn:xmpp:sm:3' h='%u'/>", seen - (what < 215 ? 0 : what - 214u));
		say_text(text);
	} else if (what < 230) {
		world_pass(w, what < 228 ? 100 : 70000);
	} else if (what < 240 && client->conn) {
		client_drop(client, CONN_END_CLOSED);
	} else if (what < 250) {
		come_back();
	} else {
		arrive();
	}
}

/* Delivered stanzas are numbered; the shard hears of each exactly once: it was written, or it comes back. */
static void check_log(const char *log)
{
	for (const char *line = log; *line; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "BIND ", 5) == 0) {
			bound = true;
		} else if (strncmp(line, "INBOUND ", 8) == 0) {
			ASSERT(bound || w->session); /* a sleeper's last words may still come */
			ASSERT(strncmp(line, "INBOUND from=alice@localhost/", 29) == 0 || strncmp(line, "INBOUND from=v-", 15) == 0);
		} else if (strncmp(line, "WRITTEN ", 8) == 0) {
			unsigned receipt = (unsigned)strtoul(line + 8, NULL, 10);

			ASSERT(receipt > written && receipt <= delivered);
			written = receipt;
			settled++;
		} else if (strncmp(line, "UNDELIVERED ", 12) == 0) {
			settled++;
		}
		ASSERT(settled <= delivered);
	}
}

static void check_answer(const char *text)
{
	if (strstr(text, "<enabled ")) {
		seen = 0;
		if (strstr(text, " id='") && strstr(strstr(text, "<enabled "), " id='"))
			snprintf(previd, sizeof(previd), "%s", between(strstr(text, "<enabled "), " id='", "'"));
	}
	seen += count_of(text, "<message") + count_of(text, "<iq");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data + 1, *end = data + size;

	if (size < 2)
		return 0;
	websocket = data[0] & 1;
	w = world_new("", 1);
	delivered = settled = written = seen = 0;
	previd[0] = '\0';
	arrive();
	for (unsigned i = 0; i < ACTS && at < end; i++) {
		act(&at, end);
		check_answer(client_read(client));
		check_log(world_log(w));
	}
	left[left_count++] = client;
	client = NULL;
	for (unsigned i = 0; i < left_count; i++)
		if (left[i]->conn)
			client_drop(left[i], CONN_END_CLOSED);
	world_pass(w, 2000000); /* nobody is asleep any more */
	check_log(world_log(w));
	ASSERT(settled == delivered);
	while (left_count)
		client_free(left[--left_count]);
	world_free(w);
	return 0;
}
