/* WebSocket frames made by hand, good and bad, fed whole, byte by byte and in random pieces. */
#include "tests/support/check.h"

#include <malloc.h>

#include "runtime/io/websocket.h"

static const struct websocket_limits limits = {
	.message_bytes = 300, .fragments = 4, .pings_per_second = 1, .ping_burst = 3
};

struct seen {
	struct buf texts; /* each followed by '|' */
	unsigned pongs;
	int code; /* of on_close; 0 = none */
	struct websocket *w;
	bool stop_each, close_each;
	struct buf *out;
};

static void on_text(void *ctx, struct span message)
{
	struct seen *s = ctx;

	buf_add_span(&s->texts, message);
	buf_add_text(&s->texts, "|");
	if (s->stop_each)
		websocket_stop(s->w);
	if (s->close_each)
		websocket_close(s->w, 1000, s->out);
}
static void on_oversized(void *ctx, struct span begin)
{
	struct seen *s = ctx;

	buf_addf(&s->texts, "too long, %zu kept: %.8s|", begin.n, begin.p);
}
static void on_pong(void *ctx)
{
	((struct seen *)ctx)->pongs++;
}
static void on_close(void *ctx, int code)
{
	assert_int_equal(((struct seen *)ctx)->code, 0);
	((struct seen *)ctx)->code = code;
}
static const struct websocket_events events = { on_text, on_oversized, on_pong, on_close };

/* A frame as a client sends it: first byte (FIN, RSV, opcode), payload, masked. */
static void frame(struct buf *to, unsigned first, const void *payload, size_t n)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0xab, 0xcd };
	uint8_t head[10] = { (uint8_t)first, 0x80 };
	size_t head_n = 2;

	if (n < 126) {
		head[1] |= (uint8_t)n;
	} else if (n < 65536) {
		head[1] |= 126;
		head[2] = (uint8_t)(n >> 8);
		head[3] = (uint8_t)n;
		head_n = 4;
	} else {
		head[1] |= 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (uint8_t)((uint64_t)n >> (8 * (7 - i)));
		head_n = 10;
	}
	buf_add(to, head, head_n);
	buf_add(to, mask, 4);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)(((const uint8_t *)payload)[i] ^ mask[i % 4]);

		buf_add(to, &c, 1);
	}
}

static size_t whole(size_t left)
{
	return left;
}
static size_t one_byte(size_t left)
{
	(void)left;
	return 1;
}
static uint32_t seed = 3;
static size_t some_bytes(size_t left)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % 20 + 1 < left ? (seed >> 16) % 20 + 1 : left;
}
static size_t (*const pieces[])(size_t) = { whole, one_byte, some_bytes, some_bytes };

static void start(struct seen *s, const struct websocket_limits *l)
{
	*s = (struct seen){ 0 };
	s->w = websocket_new(l, &events, s);
}

static void finish(struct seen *s)
{
	websocket_free(s->w);
	buf_fini(&s->texts);
}

static void feed_all(struct seen *s, struct span bytes, size_t (*piece)(size_t), struct buf *out)
{
	for (size_t done = 0; done < bytes.n;) {
		size_t n = piece(bytes.n - done);

		done += websocket_feed(s->w, (struct span){ bytes.p + done, n }, 1000, out);
	}
}

/* Feeds the frames in all kinds of pieces; expects the texts and on_close's code (0 = none). */
static void expect(const struct buf *in, const char *texts, int code, const char *answer, size_t answer_n)
{
	for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
		struct buf out = BUF_INIT;
		struct seen s;

		start(&s, &limits);
		feed_all(&s, buf_span(in), pieces[k], &out);
		if (!span_is(buf_span(&s.texts), texts) || s.code != code)
			fail_msg("pieces %zu: texts '%.*s', code %d", k, SPAN_FMT(buf_span(&s.texts)), s.code);
		if (code) {
			char close_frame[4] = { (char)0x88, 2, (char)(code >> 8), (char)code };

			assert_true(buf_len(&out) >= 4);
			assert_memory_equal(out.base + out.end - 4, close_frame, 4);
		} else if (answer) {
			assert_int_equal(buf_len(&out), answer_n);
			assert_memory_equal(buf_span(&out).p, answer, answer_n);
		}
		finish(&s);
		buf_fini(&out);
	}
}

static void whole_and_fragmented_texts_arrive(void **state)
{
	struct buf in = BUF_INIT;
	char long_text[300];

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	frame(&in, 0x81, "one", 3);
	frame(&in, 0x81, "", 0);
	frame(&in, 0x01, "t", 1);
	frame(&in, 0x00, "", 0);
	frame(&in, 0x89, "ping", 4); /* control frames may come between fragments */
	frame(&in, 0x80, "wo", 2);
	frame(&in, 0x01, "\xc3", 1); /* a character may be cut */
	frame(&in, 0x80, "\xa9", 1);
	expect(&in, "one||two|\xc3\xa9|", 0, "\x8a\x04ping", 6);
	buf_fini(&in);
	frame(&in, 0x81, long_text, 125);
	frame(&in, 0x81, long_text, 126);
	frame(&in, 0x81, long_text, 300);
	for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
		struct buf out = BUF_INIT;
		struct seen s;

		start(&s, &limits);
		feed_all(&s, buf_span(&in), pieces[k], &out);
		assert_int_equal(buf_len(&s.texts), 125 + 126 + 300 + 3);
		assert_int_equal(buf_len(&out), 0);
		finish(&s);
	}
	buf_fini(&in);
}

static void broken_frames_end_with_their_code(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int code;
	} rows[] = {
#define ROW(bytes, code) { bytes, sizeof(bytes) - 1, code }
		/* H228 */
		ROW("\x81\x02hi", 1002),
		ROW("\x89\x00", 1002),
		/* H229: reserved bits, reserved opcodes (masked with zeros) */
		ROW("\xc1\x81\0\0\0\0a", 1002),
		ROW("\xa1\x81\0\0\0\0a", 1002),
		ROW("\x91\x81\0\0\0\0a", 1002),
		ROW("\x83\x80\0\0\0\0", 1002),
		ROW("\x87\x81\0\0\0\0a", 1002),
		ROW("\x8b\x80\0\0\0\0", 1002),
		ROW("\x8f\x80\0\0\0\0", 1002),
		/* H230: control frames too long or in fragments */
		ROW("\x89\xfe\0\x7e\0\0\0\0", 1002),
		ROW("\x09\x81\0\0\0\0a", 1002),
		ROW("\x08\x80\0\0\0\0", 1002),
		/* H231: lengths */
		ROW("\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 1002),
		ROW("\x81\xfe\0\x05\0\0\0\0hello", 1002),
		ROW("\x81\xff\0\0\0\0\0\0\0\x05\0\0\0\0hello", 1002),
		ROW("\x81\xff\0\0\1\0\0\0\0\0\0\0\0\0x", 1009),
		ROW("\x81\xfe\x01\x2d\0\0\0\0x", 1009),
		/* H232: order of fragments */
		ROW("\x80\x81\0\0\0\0a", 1002),
		ROW("\x00\x81\0\0\0\0a", 1002),
		ROW("\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", 1002),
		ROW("\x01\x81\0\0\0\0a\x02\x81\0\0\0\0b", 1002),
		/* H233: the fifth fragment */
		ROW("\x01\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0\x80\x80\0\0\0\0", 1008),
		ROW("\x01\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0", 1008),
		/* H235 */
		ROW("\x82\x81\0\0\0\0a", 1003),
		ROW("\x82\x80\0\0\0\0", 1003),
		ROW("\x02\x81\0\0\0\0a\x80\x80\0\0\0\0", 1003),
		/* H236 */
		ROW("\x81\x82\0\0\0\0\xff\xfe", 1007),
		ROW("\x81\x81\0\0\0\0\xc3", 1007),
		ROW("\x81\x82\0\0\0\0\xc0\xaf", 1007),
		ROW("\x81\x83\0\0\0\0\xed\xa0\x80", 1007),
		ROW("\x81\x84\0\0\0\0\xf4\x90\x80\x80", 1007),
		ROW("\x81\x84\0\0\0\0\xf0\x80\x80\xaf", 1007),
		/* H238: close frames; a good one is answered in kind */
		ROW("\x88\x81\0\0\0\0\x03", 1002),
		ROW("\x88\x82\0\0\0\0\0\0", 1002),
		ROW("\x88\x82\0\0\0\0\x03\xe7", 1002),
		ROW("\x88\x82\0\0\0\0\x03\xec", 1002), /* 1004 */
		ROW("\x88\x82\0\0\0\0\x03\xed", 1002), /* 1005 */
		ROW("\x88\x82\0\0\0\0\x03\xee", 1002), /* 1006 */
		ROW("\x88\x82\0\0\0\0\x03\xf7", 1002), /* 1015 */
		ROW("\x88\x82\0\0\0\0\x13\x88", 1002), /* 5000 */
		ROW("\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
		ROW("\x88\x82\0\0\0\0\x03\xe8", 1000),
		ROW("\x88\x85\0\0\0\0\x03\xe9" "bye", 1001),
		ROW("\x88\x82\0\0\0\0\x0b\xb8", 3000),
		ROW("\x88\x80\0\0\0\0", 1000),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf in = BUF_INIT;

		buf_add(&in, rows[i].bytes, rows[i].n);
		expect(&in, "", rows[i].code, NULL, 0);
		/* nothing behind it counts */
		frame(&in, 0x81, "late", 4);
		expect(&in, "", rows[i].code, NULL, 0);
		buf_fini(&in);
	}
}

static void a_message_beyond_the_limit_is_refused_however_it_is_cut(void **state)
{
	struct buf in = BUF_INIT;
	char text[200] = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	frame(&in, 0x01, text, 200);
	frame(&in, 0x80, text, 101);
	expect(&in, "", 1009, NULL, 0);
	buf_fini(&in);
}

static void a_text_beyond_the_limit_may_be_skipped(void **state)
{
	static const struct websocket_limits skipping = {
		.message_bytes = 300, .skip_bytes = 1000, .fragments = 4, .pings_per_second = 1, .ping_burst = 3
	};
	static const struct {
		unsigned opcode;
		size_t first, second;
		const char *texts;
		int code;
	} rows[] = {
		{ 1, 200, 101, "too long, 300 kept: xxxxxxxx|next|", 0 },
		{ 1, 500, 500, "too long, 300 kept: xxxxxxxx|next|", 0 },
		{ 1, 500, 501, "", 1009 },
		{ 2, 500, 100, "", 1003 },
	};
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(pieces); i++) {
		struct buf in = BUF_INIT, out = BUF_INIT;
		struct seen s;

		frame(&in, rows[i / ARRAY_LEN(pieces)].opcode, text, rows[i / ARRAY_LEN(pieces)].first);
		frame(&in, 0x80, text, rows[i / ARRAY_LEN(pieces)].second);
		frame(&in, 0x81, "next", 4);
		start(&s, &skipping);
		feed_all(&s, buf_span(&in), pieces[i % ARRAY_LEN(pieces)], &out);
		assert_true(span_is(buf_span(&s.texts), rows[i / ARRAY_LEN(pieces)].texts));
		assert_int_equal(s.code, rows[i / ARRAY_LEN(pieces)].code);
		buf_fini(&in);
		buf_fini(&out);
		finish(&s);
	}
}

static void pings_and_pongs_have_a_budget_that_grows_again(void **state)
{
	static const unsigned opcodes[] = { 0x89, 0x8a };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		struct buf in = BUF_INIT, out = BUF_INIT;
		struct seen s;

		start(&s, &limits);
		frame(&in, opcodes[i], "", 0);
		for (int k = 0; k < 3; k++)
			websocket_feed(s.w, buf_span(&in), 1000, &out);
		assert_int_equal(s.code, 0);
		websocket_feed(s.w, buf_span(&in), 2000, &out);
		assert_int_equal(s.code, 0);
		websocket_feed(s.w, buf_span(&in), 2999, &out);
		assert_int_equal(s.code, 1008);
		assert_int_equal(s.pongs, opcodes[i] == 0x8a ? 4 : 0);
		finish(&s);
		buf_fini(&in);
		buf_fini(&out);
	}
}

static void a_stop_leaves_the_rest_to_the_caller(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
		struct buf in = BUF_INIT, out = BUF_INIT;
		struct seen s;
		size_t first, used;

		start(&s, &limits);
		s.stop_each = true;
		frame(&in, 0x81, "one", 3);
		first = buf_len(&in);
		frame(&in, 0x81, "two", 3);
		used = websocket_feed(s.w, buf_span(&in), 1000, &out);
		assert_int_equal(used, first);
		assert_true(span_is(buf_span(&s.texts), "one|"));
		feed_all(&s, (struct span){ buf_span(&in).p + used, buf_len(&in) - used }, pieces[k], &out);
		assert_true(span_is(buf_span(&s.texts), "one|two|"));
		finish(&s);
		buf_fini(&in);
		buf_fini(&out);
	}
}

static void nothing_is_shown_after_our_own_close(void **state)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct seen s;

	(void)state;
	start(&s, &limits);
	s.close_each = true;
	s.out = &out;
	frame(&in, 0x81, "one", 3);
	frame(&in, 0x81, "two", 3);
	frame(&in, 0x88, "\x03\xe8", 2);
	assert_int_equal(websocket_feed(s.w, buf_span(&in), 1000, &out), buf_len(&in));
	assert_true(span_is(buf_span(&s.texts), "one|"));
	assert_int_equal(s.code, 0);
	websocket_close(s.w, 1001, &out);
	websocket_text(s.w, SPAN_LIT("late"), &out);
	websocket_ping(s.w, &out);
	assert_true(span_eq(buf_span(&out), (struct span){ "\x88\x02\x03\xe8", 4 }));
	finish(&s);
	buf_fini(&in);
	buf_fini(&out);
}

static void texts_are_written_with_the_shortest_head(void **state)
{
	static const struct {
		size_t n;
		const char *head;
		size_t head_n;
	} rows[] = {
		{ 0, "\x81\x00", 2 },	       { 125, "\x81\x7d", 2 },
		{ 126, "\x81\x7e\x00\x7e", 4 }, { 65535, "\x81\x7e\xff\xff", 4 },
		{ 65536, "\x81\x7f\0\0\0\0\0\1\0\0", 10 },
	};
	char *text = calloc(1, 65536);
	struct seen s;

	(void)state;
	start(&s, &limits);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_INIT;

		websocket_text(s.w, (struct span){ text, rows[i].n }, &out);
		assert_int_equal(buf_len(&out), rows[i].head_n + rows[i].n);
		assert_memory_equal(buf_span(&out).p, rows[i].head, rows[i].head_n);
		buf_fini(&out);
	}
	finish(&s);
	free(text);
}

static void an_idle_websocket_is_small(void **state)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct websocket *many[64];
	struct seen s;
	size_t before;

	(void)state;
	start(&s, &limits);
	frame(&in, 0x81, "one", 3);
	websocket_feed(s.w, buf_span(&in), 1000, &out);
	finish(&s);
	before = mallinfo2().uordblks;
	for (size_t i = 0; i < 64; i++) {
		many[i] = websocket_new(&limits, &events, &s);
		start(&s, &limits);
		finish(&s);
	}
	s = (struct seen){ 0 };
	for (size_t i = 0; i < 64; i++)
		websocket_feed(many[i], buf_span(&in), 1000, &out);
	buf_fini(&s.texts);
	assert_true((mallinfo2().uordblks - before) / 64 < 1024);
	for (size_t i = 0; i < 64; i++)
		websocket_free(many[i]);
	buf_fini(&in);
	buf_fini(&out);
}

/* --- handshake --- */

#define UPGRADE "GET /xmpp-websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define UPGRADES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: chat, xmpp\r\n"

static void upgrades_are_judged(void **state)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{ UPGRADE KEY VERSION PROTOCOL "\r\n", 0 },
		/* H226 */
		{ UPGRADE VERSION PROTOCOL "\r\n", 400 },
		{ UPGRADE "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n" VERSION PROTOCOL "\r\n", 400 },
		{ UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" VERSION PROTOCOL "\r\n", 400 },
		{ UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n" VERSION PROTOCOL "\r\n", 400 },
		{ UPGRADE KEY "Sec-WebSocket-Version: 8\r\n" PROTOCOL "\r\n", 426 },
		{ UPGRADE KEY PROTOCOL "\r\n", 426 },
		{ UPGRADE KEY VERSION "\r\n", 400 },
		{ UPGRADE KEY VERSION "Sec-WebSocket-Protocol: chat\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\nHost: x\r\n" UPGRADES KEY VERSION PROTOCOL "\r\n", 400 },
		{ "POST / HTTP/1.1\r\nHost: x\r\n" UPGRADES KEY VERSION PROTOCOL "\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\n" KEY VERSION PROTOCOL "\r\n", 426 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", 426 },
	};
	static const struct http_limits no_limits;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *copy = strdup(rows[i].request);
		struct http_reader reader = { 0 };
		struct http_request r;
		struct buf out = BUF_INIT;
		size_t used;
		int status;

		assert_int_equal(http_read(&reader, &no_limits, copy, strlen(copy), &r, &used, &status), HTTP_DONE);
		assert_int_equal(websocket_accept(&r, "xmpp", SPAN_LIT("X: y\r\n"), &out), rows[i].status);
		if (rows[i].status)
			assert_int_equal(buf_len(&out), 0);
		else /* the key and the answer of RFC 6455 1.3 */
			assert_true(span_is(buf_span(&out), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
							    "Connection: Upgrade\r\n"
							    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
							    "Sec-WebSocket-Protocol: xmpp\r\nX: y\r\n\r\n"));
		buf_fini(&out);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_fragmented_texts_arrive),
		cmocka_unit_test(broken_frames_end_with_their_code),
		cmocka_unit_test(a_message_beyond_the_limit_is_refused_however_it_is_cut),
		cmocka_unit_test(a_text_beyond_the_limit_may_be_skipped),
		cmocka_unit_test(pings_and_pongs_have_a_budget_that_grows_again),
		cmocka_unit_test(a_stop_leaves_the_rest_to_the_caller),
		cmocka_unit_test(nothing_is_shown_after_our_own_close),
		cmocka_unit_test(texts_are_written_with_the_shortest_head),
		cmocka_unit_test(an_idle_websocket_is_small),
		cmocka_unit_test(upgrades_are_judged),
	};

	return RUN(tests);
}
