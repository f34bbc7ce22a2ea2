/* HTTP requests: every row whole, byte by byte, and in random pieces. */
#include "tests/support/check.h"

#include "runtime/io/http.h"

static const struct http_limits limits = {
	.line_bytes = 1000, .header_bytes = 2000, .header_count = 20, .body_bytes = 500
};

struct outcome {
	enum http_progress progress;
	int status;
	size_t used;
	unsigned continues;
	struct http_request r;
	struct buf bytes; /* where the spans of r point */
};

/* Feeds `text` piece by piece, as a connection would: what is not consumed stays in front, and may move. */
static struct outcome feed(const char *text, size_t n, size_t (*piece)(size_t left))
{
	struct outcome o = { .progress = HTTP_MORE };
	struct http_reader reader = { 0 };

	for (size_t done = 0; done < n && o.progress == HTTP_MORE;) {
		size_t take = piece(n - done);
		char *moved = malloc(buf_len(&o.bytes) + take);
		struct buf fresh = { .base = moved, .size = (uint32_t)(buf_len(&o.bytes) + take) };

		if (buf_len(&o.bytes))
			memcpy(moved, buf_span(&o.bytes).p, buf_len(&o.bytes));
		memcpy(moved + buf_len(&o.bytes), text + done, take);
		fresh.end = fresh.size;
		buf_fini(&o.bytes);
		o.bytes = fresh;
		done += take;
		do {
			o.progress = http_read(&reader, &limits, o.bytes.base, buf_len(&o.bytes), &o.r, &o.used,
					       &o.status);
			o.continues += o.progress == HTTP_CONTINUE;
		} while (o.progress == HTTP_CONTINUE);
	}
	return o;
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
static uint32_t seed = 7;
static size_t some_bytes(size_t left)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % 40 + 1 < left ? (seed >> 16) % 40 + 1 : left;
}
static size_t (*const pieces[])(size_t) = { whole, one_byte, some_bytes, some_bytes, some_bytes };

#define G "GET / HTTP/1.1\r\n"
#define P "POST /b HTTP/1.1\r\nHost: x\r\n"
#define H G "Host: x\r\n"
#define CHUNKED P "Transfer-Encoding: chunked\r\n\r\n"

static void good_requests_are_taken(void **state)
{
	static const struct {
		const char *text, *method, *path, *query, *body;
		bool keep_alive;
	} rows[] = {
		{ H "\r\n", "GET", "/", "", "", true },
		{ "\r\n" H "\r\n", "GET", "/", "", "", true },
		{ "GET /a/b?c=d&e HTTP/1.1\r\nHost: x:80\r\n\r\n", "GET", "/a/b", "c=d&e", "", true },
		{ "GET /? HTTP/1.1\r\nhOST:x\r\n\r\n", "GET", "/", "", "", true },
		{ "GET http://X/p?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/p", "q", "", true },
		{ "GET https://x:5281 HTTP/1.1\r\nHost: x:5281\r\n\r\n", "GET", "/", "", "", true },
		{ "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "OPTIONS", "*", "", "", true },
		{ "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", "", "", true },
		{ H "Connection: close\r\n\r\n", "GET", "/", "", "", false },
		{ H "Connection: foo\r\nConnection: bar, Close\r\n\r\n", "GET", "/", "", "", false },
		{ H "X: a\tb \xc3\xa9\r\nY:\r\n\r\n", "GET", "/", "", "", true },
		{ P "Content-Length: 5\r\n\r\nhello", "POST", "/b", "", "hello", true },
		{ P "Content-Length: 0\r\n\r\n", "POST", "/b", "", "", true },
		{ P "Content-Length: 007\r\n\r\n1234567", "POST", "/b", "", "1234567", true },
		{ CHUNKED "0\r\n\r\n", "POST", "/b", "", "", true },
		{ CHUNKED "5\r\nhello\r\n0\r\n\r\n", "POST", "/b", "", "hello", true },
		{ CHUNKED "3;a=b\r\nhel\r\n02\r\nlo\r\n000\r\n\r\n", "POST", "/b", "", "hello", true },
		{ CHUNKED "A\r\n0123456789\r\n1\r\na\r\n1\r\nb\r\n0;x\r\n\r\n", "POST", "/b", "",
		  "0123456789ab", true },
		{ P "Transfer-Encoding: CHUNKED\r\n\r\n1\r\n\r\r\n0\r\n\r\n", "POST", "/b", "", "\r", true },
		{ "PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n", "PROPFIND", "/", "", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct outcome o = feed(rows[i].text, strlen(rows[i].text), pieces[k]);

			if (o.progress != HTTP_DONE)
				fail_msg("row %zu by pieces %zu: progress %d, status %d", i, k, o.progress, o.status);
			assert_true(span_is(o.r.method, rows[i].method));
			assert_true(span_is(o.r.path, rows[i].path));
			assert_true(span_is(o.r.query, rows[i].query));
			assert_true(span_is(o.r.body, rows[i].body));
			assert_int_equal(o.r.keep_alive, rows[i].keep_alive);
			assert_int_equal(o.used, strlen(rows[i].text));
			buf_fini(&o.bytes);
		}
}

static void bad_requests_are_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		/* H195-H198: where the body ends */
		{ P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
		{ P "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
		{ P "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 400 },
		{ P "Content-Length: 5, 5\r\n\r\n", 400 },
		{ P "Content-Length: +5\r\n\r\n", 400 },
		{ P "Content-Length: -5\r\n\r\n", 400 },
		{ P "Content-Length: 0x5\r\n\r\n", 400 },
		{ P "Content-Length: 5 5\r\n\r\n", 400 },
		{ P "Content-Length:\r\n\r\n", 400 },
		{ P "Content-Length: 12345678901234567890\r\n\r\n", 400 },
		{ P "Content-Length: 501\r\n\r\n", 413 },
		{ P "Content-Length: 10000000\r\n\r\n", 413 },
		{ P "Transfer-Encoding: xchunked\r\n\r\n", 501 },
		{ P "Transfer-Encoding: chunked, identity\r\n\r\n", 501 },
		{ P "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ P "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 400 },
		{ P "Transfer-Encoding : chunked\r\n\r\n", 400 },
		{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ CHUNKED "FFFFFFFFFFFFFFFF\r\n", 400 },
		{ CHUNKED "80000000\r\n", 400 },
		{ CHUNKED "-1\r\n", 400 },
		{ CHUNKED "\r\n", 400 },
		{ CHUNKED "0x1\r\n", 400 },
		{ CHUNKED " 1\r\n", 400 },
		{ CHUNKED "1\na", 400 },
		{ CHUNKED "1;a\rb\r\na\r\n", 400 },
		{ CHUNKED "1\r\nab\r\n", 400 },
		{ CHUNKED "1\r\na\n0\r\n\r\n", 400 },
		{ CHUNKED "1f5\r\n", 413 },
		{ CHUNKED "0\r\nHost: y\r\n\r\n", 400 },
		{ CHUNKED "0\r\nX: y\r\n\r\n", 400 },
		/* H199: lines and fields */
		{ "GET / HTTP/1.1\nHost: x\n\n", 400 },
		{ H "A: b\n\r\n", 400 },
		{ H "A: b\rc\r\n\r\n", 400 },
		{ H "A: b\r\r\n\r\n", 400 },
		{ H "A: b\r\n c\r\n\r\n", 400 },
		{ G " Host: x\r\n\r\n", 400 },
		{ H "\xc3\xa9: b\r\n\r\n", 400 },
		{ H "A b: c\r\n\r\n", 400 },
		{ H "A\r\n\r\n", 400 },
		{ H ": b\r\n\r\n", 400 },
		{ H "A: \x01\r\n\r\n", 400 },
		{ H "A: \x7f\r\n\r\n", 400 },
		/* H200: whom it is for */
		{ G "\r\n", 400 },
		{ H "Host: x\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", 400 },
		{ G "Host: a b\r\n\r\n", 400 },
		{ G "Host:\r\n\r\n", 400 },
		{ G "Host: a,b\r\n\r\n", 400 },
		{ G "Host: u@a\r\n\r\n", 400 },
		{ "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET http:///p HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		/* H201, H202: the line */
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505 },
		{ "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505 },
		{ "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
		{ "GET / http/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GEt / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "G\xc3\x89T / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "MMMMMMMMMMMMMMMMMMMMM / HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
		{ "\r\n\r\n", 400 },
		{ "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		/* H203, H204 */
		{ P "Expect: x\r\nContent-Length: 1\r\n\r\n", 417 },
		{ "\x16\x03\x01\x02", 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct outcome o = feed(rows[i].text, strlen(rows[i].text), pieces[k]);

			if (o.progress != HTTP_REFUSED || o.status != rows[i].status)
				fail_msg("row %zu by pieces %zu: progress %d, status %d", i, k, o.progress, o.status);
			buf_fini(&o.bytes);
		}
}

static void a_nul_in_the_head_is_refused(void **state)
{
	static const char text[] = H "A: b\0c\r\n\r\n";

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
		struct outcome o = feed(text, sizeof(text) - 1, pieces[k]);

		assert_int_equal(o.progress, HTTP_REFUSED);
		assert_int_equal(o.status, 400);
		buf_fini(&o.bytes);
	}
}

static void incomplete_requests_wait(void **state)
{
	static const char *const rows[] = {
		"G", H, H "\r", P "Content-Length: 5\r\n\r\nhell", CHUNKED, CHUNKED "5", CHUNKED "5\r\nhell",
		CHUNKED "5\r\nhello\r\n0\r\n", CHUNKED "5\r\nhello\r\n0\r\n\r",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct outcome o = feed(rows[i], strlen(rows[i]), pieces[k]);

			assert_int_equal(o.progress, HTTP_MORE);
			assert_int_equal(o.used, 0);
			buf_fini(&o.bytes);
		}
}

static void check_too_long(const char *before, size_t filler, const char *after, int status)
{
	struct buf text = BUF_INIT;

	buf_add_text(&text, before);
	memset(buf_reserve(&text, filler), 'a', filler);
	buf_commit(&text, filler);
	buf_add_text(&text, after);
	for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
		struct outcome o = feed(buf_span(&text).p, buf_len(&text), pieces[k]);

		assert_int_equal(o.progress, HTTP_REFUSED);
		assert_int_equal(o.status, status);
		buf_fini(&o.bytes);
	}
	buf_fini(&text);
}

static void limits_hold_before_the_end_has_come(void **state)
{
	(void)state;
	check_too_long("GET /", 1000, "", 414);
	check_too_long("GET /", 1000, " HTTP/1.1\r\nHost: x\r\n\r\n", 414);
	check_too_long("", 10000, "", 400); /* no method begins like this */
	check_too_long("A", 10000, "", 414);
	check_too_long(H "A: ", 3500, "", 431);
	check_too_long(H "A: ", 2000, "\r\n\r\n", 431);
}

static void too_many_headers_are_refused(void **state)
{
	struct buf text = BUF_INIT;
	struct outcome o;

	(void)state;
	buf_add_text(&text, H);
	for (int i = 0; i < 20; i++)
		buf_add_text(&text, "A: b\r\n");
	buf_add_text(&text, "\r\n");
	o = feed(buf_span(&text).p, buf_len(&text), whole);
	assert_int_equal(o.status, 431);
	buf_fini(&o.bytes);
	buf_fini(&text);
}

static void tiny_chunks_with_long_extensions_are_refused(void **state)
{
	struct buf text = BUF_INIT;
	struct outcome o;

	(void)state;
	buf_add_text(&text, CHUNKED);
	for (int i = 0; i < 100; i++)
		buf_addf(&text, "1;%0100d\r\na\r\n", 0);
	o = feed(buf_span(&text).p, buf_len(&text), some_bytes);
	assert_int_equal(o.progress, HTTP_REFUSED);
	assert_int_equal(o.status, 400);
	buf_fini(&o.bytes);
	buf_fini(&text);
}

static void pipelined_requests_are_told_apart(void **state)
{
	char text[] = P "Content-Length: 2\r\n\r\nab" CHUNKED "2\r\ncd\r\n0\r\n\r\n" H "\r\n" H;
	size_t n = sizeof(text) - 1, at = 0;
	static const char *const bodies[] = { "ab", "cd", "" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct http_reader reader = { 0 };
		struct http_request r;
		size_t used;
		int status;

		assert_int_equal(http_read(&reader, &limits, text + at, n - at, &r, &used, &status), HTTP_DONE);
		assert_true(span_is(r.body, bodies[i]));
		at += used;
	}
	assert_int_equal(n - at, strlen(H));
}

static void a_client_that_waits_is_told_to_continue_once(void **state)
{
	static const struct {
		const char *text;
		unsigned continues; /* when the head comes first */
	} rows[] = {
		{ P "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 1 },
		{ P "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 1 },
		{ P "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", 0 },
		{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct outcome slow = feed(rows[i].text, strlen(rows[i].text), one_byte);
		struct outcome fast = feed(rows[i].text, strlen(rows[i].text), whole);

		assert_int_equal(slow.progress, HTTP_DONE);
		assert_int_equal(slow.continues, rows[i].continues);
		assert_int_equal(fast.progress, HTTP_DONE);
		assert_int_equal(fast.continues, 0); /* it did not wait */
		buf_fini(&slow.bytes);
		buf_fini(&fast.bytes);
	}
}

/* The cookies one after the other, as "name=value|". */
static struct span cookies_of(const struct http_request *r, struct buf *out)
{
	struct http_cookie_at at = { 0 };
	struct span name, value;

	while (http_next_cookie(r, &at, &name, &value))
		buf_addf(out, "%.*s=%.*s|", SPAN_FMT(name), SPAN_FMT(value));
	return buf_span(out);
}

static void headers_cookies_and_tokens_are_found(void **state)
{
	static const char text[] = H "X-One: 1\r\nx-one: 2\r\nCookie: a=b;visitor=v1= ; c;;=d\r\nCookie: late=x\r\n"
				     "Connection: keep-alive , Upgrade\r\nUpgrade: websocket\r\n\r\n";
	struct outcome o = feed(text, strlen(text), whole);
	struct buf cookies = BUF_INIT;

	(void)state;
	assert_int_equal(o.progress, HTTP_DONE);
	assert_true(o.r.upgrade);
	assert_true(span_is(http_header(&o.r, "X-ONE"), "1"));
	assert_null(http_header(&o.r, "absent").p);
	assert_true(span_is(cookies_of(&o.r, &cookies), "a=b|visitor=v1=|=c|=|=d|late=x|"));
	assert_true(http_has_token(SPAN_LIT("a,\tB ,c"), "b"));
	assert_false(http_has_token(SPAN_LIT("ab"), "a"));
	assert_false(http_has_token(SPAN_NONE, "a"));
	buf_fini(&cookies);
	buf_fini(&o.bytes);
}

static void answers_are_written_line_by_line(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	http_write_head(&out, 200, "text/plain", 5, true, SPAN_LIT("X: y\r\n"));
	assert_true(span_is(buf_span(&out), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
					    "Connection: keep-alive\r\nX: y\r\n\r\n"));
	buf_fini(&out);
	http_write_head(&out, 204, NULL, 0, false, SPAN_NONE);
	assert_true(span_is(buf_span(&out), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
	buf_fini(&out);
	assert_string_equal(http_reason(417), "Expectation Failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests_are_taken),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(a_nul_in_the_head_is_refused),
		cmocka_unit_test(incomplete_requests_wait),
		cmocka_unit_test(limits_hold_before_the_end_has_come),
		cmocka_unit_test(too_many_headers_are_refused),
		cmocka_unit_test(tiny_chunks_with_long_extensions_are_refused),
		cmocka_unit_test(pipelined_requests_are_told_apart),
		cmocka_unit_test(a_client_that_waits_is_told_to_continue_once),
		cmocka_unit_test(headers_cookies_and_tokens_are_found),
		cmocka_unit_test(answers_are_written_line_by_line),
	};

	return RUN(tests);
}
