/* WebSocket conversations (RFC 7395): handshake, literal framing elements, limits, pings, the visitor cookie. */
#include "world.h"

#include "runtime/metric.h"

#include <stdio.h>

#include "runtime/actor/engine.h"

#define OPEN "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
#define CLOSE "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />"
#define UPGRADE(more) \
	"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost:5280\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" more "\r\n"
#define XMPP "Sec-WebSocket-Protocol: xmpp\r\n"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_new("", 1);
	return 0;
}

static int setup_origins(void **state)
{
	(void)state;
	w = world_new("bosh/origins[s]=https://*.shop.example,https://shop.example\n", 1);
	return 0;
}

static int setup_two_workers(void **state)
{
	(void)state;
	w = world_new("", 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

/* A client frame; the mask of zeros leaves the payload readable. */
static size_t frame(char *out, unsigned opcode, const char *payload)
{
	size_t n = strlen(payload), head = 2;

	out[0] = (char)(0x80 | opcode);
	if (n < 126) {
		out[1] = (char)(0x80 | n);
	} else if (n < 65536) {
		out[1] = (char)(0x80 | 126);
		out[2] = (char)(n >> 8);
		out[3] = (char)n;
		head = 4;
	} else {
		out[1] = (char)(0x80 | 127);
		for (int i = 0; i < 8; i++)
			out[2 + i] = (char)((uint64_t)n >> (8 * (7 - i)));
		head = 10;
	}
	memset(out + head, 0, 4);
	memcpy(out + head + 4, payload, n);
	return head + 4 + n;
}

static void say(struct client *c, const char *text)
{
	static char bytes[100000];

	client_send_bytes(c, bytes, frame(bytes, 1, text));
}

/* The payloads of what came, one a line; a close frame as "[code]", a ping as "[ping]". */
static const char *hear(struct client *c)
{
	static char text[65536];
	const unsigned char *p;
	size_t left, used = 0;

	client_take(c);
	p = (const unsigned char *)buf_span(&c->in).p;
	left = buf_len(&c->in);
	while (left >= 2) {
		size_t n = p[1], head = 2;

		if (n == 126) {
			n = (size_t)p[2] << 8 | p[3];
			head = 4;
		}
		assert_true(head + n <= left);
		if ((p[0] & 15) == 8)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "[%u]\n", p[head] << 8 | p[head + 1]);
		else if ((p[0] & 15) == 9)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "[ping]\n");
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s\n", (int)n, p + head);
		p += head + n;
		left -= head + n;
	}
	text[used] = '\0';
	buf_fini(&c->in);
	return text;
}

static struct client *upgraded(void)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);

	client_send(c, UPGRADE(XMPP));
	assert_has(client_read(c), "HTTP/1.1 101 ");
	return c;
}

static struct client *bound(void)
{
	struct client *c = upgraded();

	say(c, OPEN);
	say(c, ANONYMOUS_AUTH);
	say(c, OPEN);
	say(c, BIND_IQ);
	assert_has(hear(c), "<jid>v-");
	world_log(w);
	return c;
}

static void the_handshake_agrees_on_xmpp(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	const char *text;

	(void)state;
	client_send(c, UPGRADE(XMPP));

	text = client_read(c);
	assert_has(text, "HTTP/1.1 101 ");
	assert_has(text, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
	assert_has(text, "Sec-WebSocket-Protocol: xmpp\r\n");
	client_free(c);
}

static void a_client_logs_in_with_literal_framing(void **state)
{
	struct client *c = upgraded();
	const char *text;

	(void)state;
	say(c, OPEN);
	text = hear(c);
	assert_memory_equal(text, "<open ", 6);
	assert_has(text, " version=\"1.0\"");
	assert_has(text, "\n<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='" SASL "'><mechanism>");
	say(c, ANONYMOUS_AUTH);
	assert_string_equal(hear(c), "<success xmlns='" SASL "'/>\n");
	say(c, OPEN);
	text = hear(c);
	assert_memory_equal(text, "<open ", 6);
	assert_has(text, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
	say(c, BIND_IQ);
	assert_has(hear(c), "<iq xmlns='jabber:client' type='result' id='b1'><bind");
	assert_has(world_log(w), "class=1 transport=2 anonymous=1");
	client_free(c);
}

static void stanzas_carry_their_namespace_and_are_confirmed(void **state)
{
	struct client *c = bound();

	(void)state;
	world_deliver(w, "<message xmlns='jabber:client' id='1'><body>hi</body></message>", 3);
	assert_has(hear(c), "<message xmlns='jabber:client' from='bob@localhost/phone' to='v-");
	assert_has(world_log(w), "WRITTEN 3\n");
	say(c, "<message xmlns='jabber:client' to='bob@localhost'><body>x</body></message>");
	assert_has(world_log(w), "INBOUND from=v-");
	client_free(c);
}

static void close_is_answered_by_the_exact_string(void **state)
{
	struct client *c = bound();

	(void)state;
	say(c, CLOSE);
	assert_string_equal(hear(c), CLOSE "\n[1000]\n");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=0\n");
	client_free(c);
}

static void a_close_frame_alone_is_a_lost_line(void **state)
{
	struct client *c = bound();
	char bytes[16];
	size_t n = frame(bytes, 8, "\x03\xe9");

	(void)state;
	client_send_bytes(c, bytes, n);
	world_run(w);
	assert_string_equal(world_log(w), "CLOSED session=1 reason=2\n");
	client_free(c);
}

static void errors_come_as_messages_before_the_close(void **state)
{
	static const struct {
		const char *message, *condition;
	} rows[] = {
		{ "<foo xmlns='urn:x'/>", "unsupported-stanza-type" },
		{ OPEN, "bad-format" },
		{ "<message xmlns='jabber:client' from='x@localhost'/>", "invalid-from" },
		{ "<!DOCTYPE a [<!ENTITY b 'c'>]><presence xmlns='jabber:client'/>", "restricted-xml" },
		{ "<presence", "not-well-formed" },
		{ "<presence xmlns='jabber:client'/><presence xmlns='jabber:client'/>", "not-well-formed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = bound();
		char expected[256];

		say(c, rows[i].message);
		snprintf(expected, sizeof(expected), "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><%s xmlns='urn:ietf:"
			 "params:xml:ns:xmpp-streams'/></stream:error>\n" CLOSE "\n[1000]\n", rows[i].condition);
		assert_string_equal(hear(c), expected);
		client_free(c);
	}
}

static void an_error_before_open_is_preceded_by_our_open(void **state)
{
	struct client *c = upgraded();
	const char *text;

	(void)state;
	say(c, "<!DOCTYPE x [<!ENTITY a 'b'>]>" OPEN);
	text = hear(c);
	assert_memory_equal(text, "<open ", 6);
	assert_has(text, "<restricted-xml");
	client_free(c);
}

static void messages_over_the_limit_are_cut_at_their_head(void **state)
{
	struct client *c = upgraded();
	static char big[12000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	say(c, big);
	assert_string_equal(hear(c), "[1009]\n");
	client_free(c);
}

static void a_message_over_the_limit_is_refused_alone_after_login(void **state)
{
	struct client *c = bound();
	char expected[300];

	(void)state;
	say(c, filled("<message xmlns='jabber:client' to='bob@localhost' id='m1'><body>", "</body></message>", 16385));
	(void)snprintf(expected, sizeof(expected), "<message xmlns='jabber:client' from='bob@localhost' to='%s' type='error' id='m1'><error "
						   "type='modify'>", w->full);
	assert_has(hear(c), expected);
	assert_string_equal(world_log(w), "");
	say(c, filled("<message xmlns='jabber:client' to='bob@localhost'/>", "", 16384 + 65536));
	world_pass(w, 30000);
	assert_has(hear(c), "<stanza-too-big ");
	say(c, "<message xmlns='jabber:client' to='bob@localhost'><body>x</body></message>");
	assert_has(world_log(w), "INBOUND");
	say(c, filled("<message xmlns='jabber:client' to='bob@localhost'><body>", "</body></message>", 16384 + 65536 + 1));
	assert_string_equal(hear(c), "[1009]\n");
	assert_has(world_log(w), "CLOSED");
	client_free(c);
}

static void a_start_tag_over_the_limit_ends_the_stream(void **state)
{
	struct client *c = bound();

	(void)state;
	say(c, filled("<message xmlns='jabber:client' to='", "'/>", 16500));
	assert_has(hear(c), "<policy-violation");
	client_free(c);
}

static void what_is_too_big_is_not_brought_again_by_a_resumption(void **state)
{
	struct client *c = bound();

	(void)state;
	say(c, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
	assert_has(hear(c), "<enabled");
	say(c, filled("<message xmlns='jabber:client' id='m1'><body>", "</body></message>", 16385));
	hear(c);
	say(c, "<r xmlns='urn:xmpp:sm:3'/>");
	assert_has(hear(c), "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	world_pass(w, 10000);
	say(c, filled("<message xmlns='jabber:client'>", "</message>", 16384 + 65536 + 1));
	assert_has(hear(c), "[1009]\n");
	assert_has(world_log(w), "CLOSED");
	assert_int_equal(metric_read(METRIC_sm_asleep), 0);
	client_free(c);
}

static void frames_in_the_same_flight_as_the_request_count(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	char bytes[1024];
	size_t n = sizeof(UPGRADE(XMPP)) - 1;

	(void)state;
	memcpy(bytes, UPGRADE(XMPP), n);
	n += frame(bytes + n, 1, OPEN);
	client_send_bytes(c, bytes, n);
	client_take(c);
	assert_non_null(memmem(buf_span(&c->in).p, buf_len(&c->in), "<open ", 6));
	client_free(c);
}

static void bad_handshakes_are_refused(void **state)
{
	static const struct {
		const char *request, *status;
	} rows[] = {
		{ UPGRADE(""), "HTTP/1.1 400 " },
		{ UPGRADE("Sec-WebSocket-Protocol: mqtt\r\n"), "HTTP/1.1 400 " },
		{ "GET /xmpp-websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n" XMPP "\r\n", "HTTP/1.1 426 " },
		{ "GET /elsewhere HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" XMPP "\r\n", "HTTP/1.1 404 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
		const char *text;

		client_send(c, rows[i].request);
		text = client_read(c);
		assert_has(text, rows[i].status);
		if (strstr(text, " 426 "))
			assert_has(text, "Sec-WebSocket-Version: 13\r\n");
		client_free(c);
	}
}

static void a_port_of_its_own_takes_any_path_and_nothing_else(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_ws2s), *d = client_new(w, CONFIG_COMPONENT_ws2s);

	(void)state;
	client_send(c, "GET /anything HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" XMPP "\r\n");
	assert_has(client_read(c), "HTTP/1.1 101 ");
	http_post(d, "<body/>", NULL);
	assert_has(client_read(d), "HTTP/1.1 404 ");
	client_free(c);
	client_free(d);
}

static void only_listed_origins_may_connect(void **state)
{
	static const struct {
		const char *origin;
		bool allowed;
	} rows[] = {
		{ "Origin: https://shop.example\r\n", true },
		{ "Origin: https://www.shop.example\r\n", true },
		{ "Origin: https://evil.example\r\n", false },
		{ "Origin: https://shop.example.evil.example\r\n", false },
		{ "Origin: http://shop.example\r\n", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);

		http_get(c, "/xmpp-websocket", NULL);
		client_read(c);
		client_free(c);
		c = client_new(w, CONFIG_COMPONENT_bosh);
		{
			char request[1024];

			snprintf(request, sizeof(request), UPGRADE(XMPP "%s"), rows[i].origin);
			client_send(c, request);
		}
		assert_has(client_read(c), rows[i].allowed ? "HTTP/1.1 101 " : "HTTP/1.1 403 ");
		client_free(c);
	}
}

static void a_silent_socket_is_pinged_and_then_closed(void **state)
{
	struct client *c = bound();

	(void)state;
	world_pass(w, 61 * 1000);
	assert_string_equal(hear(c), "[ping]\n");
	world_pass(w, 60 * 1000);
	assert_string_equal(hear(c), "[ping]\n");
	world_pass(w, 61 * 1000);
	assert_has(hear(c), "<connection-timeout");
	assert_string_equal(world_log(w), "CLOSED session=1 reason=3\n");
	client_free(c);
}

static void the_handshake_brings_a_cookie_that_the_login_uses(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh), *d;
	char cookie[256], request[1024], jid[64];
	const char *text;

	(void)state;
	client_send(c, UPGRADE(XMPP));
	snprintf(cookie, sizeof(cookie), "%s", between(client_read(c), "Set-Cookie: ", ";"));
	snprintf(jid, sizeof(jid), "<jid>%.22s@localhost/", strchr(cookie, '=') + 1);
	say(c, OPEN);
	say(c, ANONYMOUS_AUTH);
	say(c, OPEN);
	say(c, BIND_IQ);
	assert_has(hear(c), jid);

	d = client_new(w, CONFIG_COMPONENT_bosh);
	snprintf(request, sizeof(request), UPGRADE(XMPP "Cookie: switchboard-visitor-0123456789abcdef=v-another; %s\r\n"), cookie);
	client_send(d, request);
	text = client_read(d);
	assert_has(text, " 101 ");
	assert_lacks(text, "Set-Cookie");
	say(d, OPEN);
	say(d, ANONYMOUS_AUTH);
	say(d, OPEN);
	say(d, BIND_IQ);
	assert_has(hear(d), jid);
	client_free(c);
	client_free(d);
}

static void a_session_moves_to_the_worker_of_its_shard(void **state)
{
	struct client *all[8];
	bool moved = false, stayed = false;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		all[i] = bound();
		moved = moved || w->link.edge == w->server.edge[1];
		stayed = stayed || w->link.edge == w->server.edge[0];
		world_deliver(w, "<message xmlns='jabber:client'><body>there</body></message>", 1);
		assert_has(hear(all[i]), "<body>there</body>");
		assert_has(world_log(w), "WRITTEN 1\n");
	}
	assert_true(moved && stayed);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		client_free(all[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_handshake_agrees_on_xmpp),
		TEST(a_client_logs_in_with_literal_framing),
		TEST(stanzas_carry_their_namespace_and_are_confirmed),
		TEST(close_is_answered_by_the_exact_string),
		TEST(a_close_frame_alone_is_a_lost_line),
		TEST(errors_come_as_messages_before_the_close),
		TEST(an_error_before_open_is_preceded_by_our_open),
		TEST(messages_over_the_limit_are_cut_at_their_head),
		TEST(a_message_over_the_limit_is_refused_alone_after_login),
		TEST(a_start_tag_over_the_limit_ends_the_stream),
		TEST(what_is_too_big_is_not_brought_again_by_a_resumption),
		TEST(frames_in_the_same_flight_as_the_request_count),
		TEST(bad_handshakes_are_refused),
		TEST(a_port_of_its_own_takes_any_path_and_nothing_else),
		cmocka_unit_test_setup_teardown(only_listed_origins_may_connect, setup_origins, teardown),
		TEST(a_silent_socket_is_pinged_and_then_closed),
		TEST(the_handshake_brings_a_cookie_that_the_login_uses),
		cmocka_unit_test_setup_teardown(a_session_moves_to_the_worker_of_its_shard, setup_two_workers, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
