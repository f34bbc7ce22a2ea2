/* What the HTTP ports answer besides BOSH and WebSocket, and how a connection reads and answers requests. */
#include "world.h"

#include <stdio.h>
#include <unistd.h>

#include "runtime/actor/engine.h"

static struct world *w;
static char directory[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	char lines[512], headers[2048];

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/edge-routes-XXXXXX");
	assert_non_null(mkdtemp(directory));
	put("visitor.html", "<!doctype html>visitor");
	put("seat.html", "<!doctype html>seat");
	put("widget.js", "'use strict';");
	snprintf(headers, sizeof(headers), "%s", "# for the shop\nAccess-Control-Allow-Origin: https://shop.example\nbroken line\nX-Extra: 1\n"
			   "X-Tab: a\tb\nX-Delete: a\x7f\nX Name: 1\n: 1\n");
	snprintf(headers + strlen(headers), sizeof(headers) - strlen(headers), "%s", filled("X-Long: ", ": cut\nX-Last: 1\n", 1200));
	put("headers.txt", headers);
	snprintf(lines, sizeof(lines), "bosh/pages-dir=%s\nmonitor/metrics-allow[s]=198.51.100.0/24\n", directory);
	w = world_new(lines, 1);
	return 0;
}

static int setup_headers(void **state)
{
	char lines[512];

	setup(state);
	world_free(w);
	snprintf(lines, sizeof(lines), "--bosh-extra-headers-file=%s/headers.txt\n", directory);
	w = world_new(lines, 1);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "visitor.html", "seat.html", "widget.js", "headers.txt" };
	char path[128];

	(void)state;
	world_free(w);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
	return 0;
}

static void each_path_has_its_answer(void **state)
{
	static const struct {
		const char *path, *status, *type, *body;
	} rows[] = {
		{ "/healthz", "200 OK", "text/plain", "\r\n\r\nok\n" },
		{ "/", "200 OK", "text/html", "Switchboard" },
		{ "/visitor", "200 OK", "text/html", "\r\n\r\n<!doctype html>visitor" },
		{ "/visitor?domain=x", "200 OK", "text/html", "visitor" },
		{ "/seat", "200 OK", "text/html", "\r\n\r\n<!doctype html>seat" },
		{ "/web/widget.js", "200 OK", "text/javascript", "'use strict';" },
		{ "/.well-known/host-meta", "200 OK", "application/xrd+xml", "href='http://localhost:5280/http-bind'" },
		{ "/.well-known/host-meta", "200 OK", "application/xrd+xml", "href='ws://localhost:5280/xmpp-websocket'" },
		{ "/.well-known/host-meta.json", "200 OK", "application/json", "\"href\":\"http://localhost:5280/http-bind\"" },
		{ "/metrics", "404 Not Found", "text/plain", "Not found" },
		{ "/web/headers.txt", "404 Not Found", "text/plain", "Not found" },
		{ "/web/../etc/passwd", "404 Not Found", "text/plain", "Not found" },
		{ "/web/%2e%2e/etc/passwd", "404 Not Found", "text/plain", "Not found" },
		{ "/web/", "404 Not Found", "text/plain", "Not found" },
		{ "/http-bind", "200 OK", "text/html", "BOSH: <code>/http-bind</code>" },
		{ "/xmpp-websocket", "404 Not Found", "text/plain", "Not found" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
		const char *text;
		char head[128];

		http_get(c, rows[i].path, NULL);
		text = client_read(c);
		snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s", rows[i].status, rows[i].type);
		assert_has(text, head);
		assert_has(text, rows[i].body);
		assert_has(text, "Access-Control-Allow-Origin: *\r\n");
		client_free(c);
	}
}

/* XEP-0156 behind a proxy: each host is told its own addresses. */
static void services_are_where_the_configuration_says(void **state)
{
	static const struct {
		const char *host, *bosh, *websocket; /* NULL = not announced */
	} rows[] = {
		{ "chat.example", "https://chat.example/bosh", "ws://chat.example/xmpp-websocket" },
		{ "acme.example:5280", "https://acme.example/b?c=d", "ws://acme.example:5280/xmpp-websocket" },
		{ "ACME.example", "https://acme.example/b?c=d", "ws://ACME.example/xmpp-websocket" },
		{ "quiet.example", NULL, NULL },
		{ "[::1]:5280", "https://chat.example/bosh", "ws://[::1]:5280/xmpp-websocket" },
	};

	(void)state;
	w = world_new("bosh/public-url/bosh[s]=https://chat.example/bosh,acme.example=https://acme.example/b?c=d,quiet.example=none\n"
		      "bosh/public-url/websocket[s]=quiet.example=none\n", 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
		char request[200], wanted[400];
		const char *text;

		snprintf(request, sizeof(request), "GET /.well-known/host-meta.json HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
		client_send(c, request);
		text = client_read(c);
		assert_has(text, "Access-Control-Allow-Origin: *\r\n");
		if (rows[i].bosh)
			snprintf(wanted, sizeof(wanted), "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:xbosh\",\"href\":\"%s\"},"
				 "{\"rel\":\"urn:xmpp:alt-connections:websocket\",\"href\":\"%s\"}]}\n", rows[i].bosh, rows[i].websocket);
		else
			snprintf(wanted, sizeof(wanted), "{\"links\":[]}\n");
		assert_has(text, wanted);
		snprintf(request, sizeof(request), "GET /.well-known/host-meta HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
		client_send(c, request);
		text = client_read(c);
		assert_has(text, "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'");
		assert_int_equal(count_of(text, "<Link"), rows[i].bosh ? 2 : 0);
		client_free(c);
	}
	world_free(w);
}

static void pages_are_hardened_and_cached_by_their_tag(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	const char *text;
	char header[128];

	(void)state;
	http_get(c, "/seat", NULL);
	text = client_read(c);
	assert_has(text, "X-Content-Type-Options: nosniff\r\n");
	assert_has(text, "Content-Security-Policy: default-src 'self';");
	assert_has(text, "Cache-Control: no-cache\r\n");
	snprintf(header, sizeof(header), "If-None-Match: \"%s\"\r\n", between(text, "ETag: \"", "\""));
	http_get(c, "/seat", header);
	text = client_read(c);
	assert_has(text, "HTTP/1.1 304 ");
	assert_lacks(text, "doctype");
	client_free(c);
}

static void head_is_get_without_the_body(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);

	(void)state;
	client_send(c, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_has(client_read(c), "Content-Length: 3\r\n");
	client_send(c, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_lacks(client_read(c), "ok\n");
	client_free(c);
}

static void metrics_are_for_the_addresses_of_the_list(void **state)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_bosh, "198.51.100.9", 0);

	(void)state;
	http_get(c, "/metrics", NULL);
	assert_has(client_read(c), "connections_open");
	client_free(c);
}

static void preflight_and_errors_carry_cors(void **state)
{
	static const char *const requests[] = {
		"OPTIONS /http-bind HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\n\r\n",
		"POST /http-bind HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\nContent-Length: 8\r\n\r\nnonsense",
		"DELETE /http-bind HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\n\r\n",
	};
	static const char *const statuses[] = { " 200 ", " 400 ", " 405 " };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
		const char *text;

		client_send(c, requests[i]);
		text = client_read(c);
		assert_has(text, statuses[i]);
		assert_has(text, "Access-Control-Allow-Origin: https://shop.example\r\nAccess-Control-Allow-Credentials: true\r\n"
				 "Vary: Origin\r\n");
		assert_has(text, "Access-Control-Allow-Headers: Content-Type\r\n");
		client_free(c);
	}
}

static void a_headers_file_replaces_them(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	const char *text;

	(void)state;
	http_get(c, "/healthz", "Origin: https://other.example\r\n");
	text = client_read(c);
	assert_has(text, "Access-Control-Allow-Origin: https://shop.example\r\nX-Extra: 1\r\nX-Last: 1\r\n");
	assert_lacks(text, "broken");
	assert_lacks(text, "X-Tab");
	assert_lacks(text, "X-Delete");
	assert_lacks(text, "X Name");
	assert_lacks(text, "Credentials");
	client_free(c);
}

static void what_is_no_http_is_refused_and_closed(void **state)
{
	static const struct {
		const char *request, *status;
	} rows[] = {
		{ "GET /healthz HTTP/1.1\r\n\r\n", " 400 " },
		{ "\x16\x03\x01\x02", " 400 " },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", " 400 " },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", " 413 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
		const char *text;

		client_send(c, rows[i].request);
		text = client_read(c);
		assert_has(text, rows[i].status);
		assert_has(text, "Connection: close\r\n");
		client_send(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_string_equal(client_read(c), "");
		client_free(c);
	}
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	const char *text, *held, *last;

	(void)state;
	client_send(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 83\r\n\r\n"
		       "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' hold='1'/>"
		       "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	text = client_read(c);
	held = strstr(text, " 200 OK");
	last = strstr(text, " 404 ");
	assert_true(held && last && held < last);
	assert_true(last < strstr(text, "Connection: close"));
	assert_int_equal(count_of(text, "HTTP/1.1 "), 3);
	client_free(c);
}

static void an_answer_waits_for_those_before_it(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh), *other = client_new(w, CONFIG_COMPONENT_bosh);
	char body[256];
	const char *text;

	(void)state;
	http_post(c, "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' hold='1' wait='10'/>", NULL);
	snprintf(body, sizeof(body), "<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='%s'/>",
		 between(client_read(c), "sid='", "'"));
	http_post(c, body, NULL);
	http_get(c, "/healthz", NULL);
	assert_string_equal(client_read(c), "");
	world_pass(w, 11 * 1000);
	text = client_read(c);
	assert_before(text, "<body", "ok\n");
	assert_int_equal(count_of(text, "HTTP/1.1 200"), 2);
	client_free(c);
	client_free(other);
}

static void who_waits_for_a_continue_hears_it_behind_the_answers_before(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	char body[256];
	const char *text;

	(void)state;
	http_post(c, "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' hold='1' wait='20'/>", NULL);
	snprintf(body, sizeof(body), "<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='%s'/>",
		 between(client_read(c), "sid='", "'"));
	http_post(c, body, NULL);
	client_send(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n");
	assert_string_equal(client_read(c), "");
	world_pass(w, 21 * 1000);
	text = client_read(c);
	assert_has(text, "<body");
	assert_has(strstr(text, "<body"), "HTTP/1.1 100 Continue\r\n\r\n");
	world_pass(w, 3 * 1000); /* its time begins with that */
	assert_string_equal(client_read(c), "");
	client_send(c, "nonsense");
	assert_has(client_read(c), "HTTP/1.1 400 ");
	client_free(c);
}

static void many_pipelined_requests_are_all_answered(void **state)
{
	struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
	struct buf all = BUF_INIT;
	char *text;
	unsigned got = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_add_text(&all, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
	text = buf_take_text(&all);
	client_send(c, text);
	for (int i = 0; i < 100 && got < 1000; i++)
		got += count_of(client_read(c), "HTTP/1.1 200");
	assert_int_equal(got, 1000);
	free(text);
	client_free(c);
}

static void slow_headers_and_slow_bodies_time_out(void **state)
{
	struct client *head = client_new(w, CONFIG_COMPONENT_bosh), *body = client_new(w, CONFIG_COMPONENT_bosh);

	(void)state;
	client_send(head, "GET / HTTP/1.1\r\nHost: x\r\nX-");
	client_send(body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n<");
	world_pass(w, 5 * 1000);
	assert_string_equal(client_read(head), "");
	assert_string_equal(client_read(body), "");
	world_pass(w, 6 * 1000);
	assert_has(client_read(head), "HTTP/1.1 408 ");
	assert_has(client_read(body), "HTTP/1.1 408 ");
	client_free(head);
	client_free(body);
}

/* A header may hold a tab, which the head of an answer may not: such an Origin is nobody's. */
static void an_origin_that_cannot_be_repeated_is_none(void **state)
{
	static const char *const origins[] = { "https://a\tb", "https://a b", "https://\xc3\xa4", "https://a\xff", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		struct client *c = client_new(w, CONFIG_COMPONENT_bosh);
		char header[64];
		const char *text;

		snprintf(header, sizeof(header), "Origin: %s\r\n", origins[i]);
		http_get(c, "/healthz", header);
		text = client_read(c);
		assert_has(text, "HTTP/1.1 200 OK\r\n");
		assert_has(text, "Access-Control-Allow-Origin: *\r\n");
		client_free(c);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_where_the_configuration_says),
		TEST(each_path_has_its_answer),
		TEST(pages_are_hardened_and_cached_by_their_tag),
		TEST(head_is_get_without_the_body),
		TEST(metrics_are_for_the_addresses_of_the_list),
		TEST(preflight_and_errors_carry_cors),
		cmocka_unit_test_setup_teardown(a_headers_file_replaces_them, setup_headers, teardown),
		TEST(an_origin_that_cannot_be_repeated_is_none),
		TEST(what_is_no_http_is_refused_and_closed),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(an_answer_waits_for_those_before_it),
		TEST(who_waits_for_a_continue_hears_it_behind_the_answers_before),
		TEST(many_pipelined_requests_are_all_answered),
		TEST(slow_headers_and_slow_bodies_time_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
