/* What an HTTP request asks for. POST is BOSH on any path; GET and HEAD are looked up in a table; an upgrade is a
 * WebSocket. All decisions are made on the path as sent, compared whole: nothing is decoded, so nothing can be
 * smuggled. */
#include <stdlib.h>
#include <strings.h>

#include "actors/edge/bosh.h"
#include "actors/edge/pages.h"
#include "actors/edge/visitor_cookie.h"
#include "actors/edge/websocket_stream.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

#define ALLOW "Allow: GET, HEAD, POST, OPTIONS\r\n"
#define PAGE_HEADERS "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n"
/* The pages may talk to another host's BOSH or WebSocket service, and to nothing else. */
#define PAGE_POLICY "Content-Security-Policy: default-src 'self'; img-src 'self' data:; connect-src *; " \
		    "object-src 'none'; base-uri 'none'; frame-ancestors 'self'\r\n"
#define HOST_MAX 255

static void not_found(struct exchange *x)
{
	exchange_answer_text(x, 404, "Not found.\n");
}

static void healthz(struct exchange *x, const struct http_request *r UNUSED)
{
	exchange_answer_text(x, 200, "ok\n");
}

static void metrics(struct exchange *x, const struct http_request *r UNUSED)
{
	const struct edge_shared *shared = x->conn->c.edge->shared;
	const struct address *peer = conn_peer(x->conn->c.conn);
	struct buf text = BUF_INIT;
	bool allowed = false;

	for (size_t i = 0; i < shared->metrics_allow_count; i++)
		allowed = allowed || address_in(peer, &shared->metrics_allow[i]);
	if (!allowed) {
		not_found(x);
		return;
	}
	metric_print(&text);
	exchange_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8", SPAN_LIT("Cache-Control: no-store\r\n"),
			buf_span(&text));
	buf_fini(&text);
}

static void info(struct exchange *x, const struct http_request *r UNUSED)
{
	static const char text[] =
		"<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Switchboard</title>\n"
		"<h1>Switchboard</h1>\n<p>An XMPP server for live chat. BOSH: <code>/http-bind</code>, "
		"WebSocket: <code>/xmpp-websocket</code>.</p>\n"
		"<p><a href=\"/visitor\">A visitor's page</a> · <a href=\"/seat\">A seat's page</a></p>\n</html>\n";

	exchange_answer(x, 200, "text/html; charset=utf-8", SPAN_LIT(PAGE_HEADERS PAGE_POLICY), span_of(text));
}

/* --- static pages --- */

static void page(struct exchange *x, const struct http_request *r, struct span name)
{
	const struct page *p = pages_find(x->conn->c.edge->shared->pages, name);
	struct span known = http_header(r, "If-None-Match");
	struct buf extra = BUF_INIT;

	if (!p) {
		not_found(x);
		return;
	}
	buf_addf(&extra, "ETag: %s\r\n%s", p->etag, PAGE_HEADERS);
	if (strncmp(p->type, "text/html", 9) == 0)
		buf_add_text(&extra, PAGE_POLICY);
	if (known.p && http_has_token(known, p->etag))
		exchange_answer(x, 304, NULL, buf_span(&extra), SPAN_NONE);
	else
		exchange_answer(x, 200, p->type, buf_span(&extra), (struct span){ p->bytes, p->n });
	buf_fini(&extra);
}

static void visitor_page(struct exchange *x, const struct http_request *r)
{
	page(x, r, SPAN_LIT("visitor.html"));
}

static void seat_page(struct exchange *x, const struct http_request *r)
{
	page(x, r, SPAN_LIT("seat.html"));
}

/* --- XEP-0156: where the services are, by the name the client used --- */

static bool in_host(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(".-:[]_", c));
}

static bool host_of(const struct http_request *r, struct span *out)
{
	*out = http_header(r, "Host");
	if (out->n == 0 || out->n > HOST_MAX)
		return false;
	for (size_t i = 0; i < out->n; i++)
		if (!in_host(out->p[i]))
			return false;
	return true;
}

#define REL_BOSH "urn:xmpp:alt-connections:xbosh"
#define REL_WEBSOCKET "urn:xmpp:alt-connections:websocket"

/* A Host header's name without its port. */
static struct span name_of(struct span host)
{
	size_t n = host.n;

	while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
		n--;
	return n > 0 && host.p[n - 1] == ':' ? (struct span){ host.p, n - 1 } : host;
}

/* The address that is announced for this host: its own, else the one for all. NULL: none is configured. */
static const char *configured(const struct config_list *urls, struct span host)
{
	const char *for_all = NULL;
	struct span name = name_of(host);

	for (size_t i = 0; i < urls->count; i++) {
		const char *text = urls->items[i], *equals = strchr(text, '='), *colon = strstr(text, "://");

		if (!equals || (colon && colon < equals))
			for_all = text;
		else if (name.n == (size_t)(equals - text) && strncasecmp(name.p, text, name.n) == 0)
			return equals + 1;
	}
	return for_all;
}

/* Appends the URL of a service as clients of this host reach it; nothing: it is not announced. */
static void service_url(struct buf *out, const struct exchange *x, const struct config_list *urls, struct span host,
			const char *scheme, const char *path)
{
	const char *url = configured(urls, host);

	if (!url)
		buf_addf(out, "%s%s://%.*s%s", scheme, x->secure ? "s" : "", SPAN_FMT(host), path);
	else if (strcmp(url, "none") != 0)
		buf_add_text(out, url);
}

struct services {
	struct buf bosh, websocket; /* their URLs */
};

/* False, with an answer: there is no knowing which host is meant. The caller frees them. */
static bool find_services(struct exchange *x, const struct http_request *r, struct services *out)
{
	const struct config *conf = x->conn->c.edge->conf;
	struct span host;

	*out = (struct services){ BUF_INIT, BUF_INIT };
	if (!host_of(r, &host)) {
		exchange_answer_text(x, 400, "Bad Host.\n");
		return false;
	}
	service_url(&out->bosh, x, &conf->public_bosh, host, "http", "/http-bind");
	service_url(&out->websocket, x, &conf->public_websocket, host, "ws", "/xmpp-websocket");
	return true;
}

static void free_services(struct services *s)
{
	buf_fini(&s->bosh);
	buf_fini(&s->websocket);
}

static void add_link(struct builder *b, const char *rel, struct span url)
{
	if (span_empty(url))
		return;
	builder_open(b, "Link", NULL);
	builder_attr_text(b, "rel", rel);
	builder_attr(b, "href", url);
	builder_close(b);
}

static void host_meta(struct exchange *x, const struct http_request *r)
{
	struct builder *b = xml_pool_builder(x->conn->c.edge->pool);
	struct buf text = BUF_INIT;
	struct services found;
	struct stanza *xrd;

	if (!find_services(x, r, &found))
		return;
	builder_reset(b);
	builder_open(b, "XRD", NS_XRD);
	add_link(b, REL_BOSH, buf_span(&found.bosh));
	add_link(b, REL_WEBSOCKET, buf_span(&found.websocket));
	builder_close(b);
	xrd = builder_finish(b);
	buf_add_text(&text, "<?xml version='1.0' encoding='utf-8'?>");
	stanza_write(&text, xrd, SPAN_NONE, SPAN_NONE, STANZA_FORM_ALONE);
	stanza_unref(xrd);
	exchange_answer(x, 200, "application/xrd+xml; charset=utf-8", SPAN_NONE, buf_span(&text));
	buf_fini(&text);
	free_services(&found);
}

/* Neither a Host that was accepted nor a configured URL has a character that JSON escapes. */
static void add_json_link(struct buf *text, const char *rel, struct span url)
{
	if (span_empty(url))
		return;
	buf_addf(text, "%s{\"rel\":\"%s\",\"href\":\"%.*s\"}", text->base[text->end - 1] == '[' ? "" : ",", rel, SPAN_FMT(url));
}

static void host_meta_json(struct exchange *x, const struct http_request *r)
{
	struct buf text = BUF_INIT;
	struct services found;

	if (!find_services(x, r, &found))
		return;
	buf_add_text(&text, "{\"links\":[");
	add_json_link(&text, REL_BOSH, buf_span(&found.bosh));
	add_json_link(&text, REL_WEBSOCKET, buf_span(&found.websocket));
	buf_add_text(&text, "]}\n");
	exchange_answer(x, 200, "application/json", SPAN_NONE, buf_span(&text));
	buf_fini(&text);
	free_services(&found);
}

/* --- the table --- */

static const struct route {
	const char *path;
	void (*handle)(struct exchange *x, const struct http_request *r);
} routes[] = {
	{ "/", info },
	{ "/http-bind", info }, /* who opens the address of the service in a browser sees that it is there */
	{ "/healthz", healthz },
	{ "/metrics", metrics },
	{ "/visitor", visitor_page },
	{ "/seat", seat_page },
	{ "/.well-known/host-meta", host_meta },
	{ "/.well-known/host-meta.json", host_meta_json },
};

static void get(struct exchange *x, const struct http_request *r)
{
	static const char web[] = "/web/";
	const size_t n = sizeof(web) - 1;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (span_is(r->path, routes[i].path)) {
			routes[i].handle(x, r);
			return;
		}
	if (r->path.n > n && memcmp(r->path.p, web, n) == 0)
		page(x, r, (struct span){ r->path.p + n, r->path.n - n });
	else
		not_found(x);
}

static void post(struct exchange *x, const struct http_request *r)
{
	struct span body = r->body;

	while (body.n && strchr(" \t\r\n", body.p[0]) && body.p[0]) {
		body.p++;
		body.n--;
	}
	if (body.n == 0 || (body.p[0] != '<' && (unsigned char)body.p[0] != 0xef)) {
		exchange_answer_text(x, 400, "This is no BOSH request.\n");
		return;
	}
	visitor_cookies_collect(&x->cookies, r);
	if (x->conn->c.edge->conf->bosh_close_connection)
		x->keep_alive = false;
	bosh_request(x, body);
}

bool routes_handle(struct exchange *x, const struct http_request *r)
{
	struct http_conn *h = x->conn;
	bool websocket_only = h->c.listener->component == CONFIG_COMPONENT_ws2s;
	bool get_like = span_is(r->method, "GET") || x->head;

	if (get_like && r->upgrade) {
		if (websocket_only || span_is(r->path, "/xmpp-websocket") || span_is(r->path, "/ws"))
			return websocket_stream_upgrade(h, x, r);
		not_found(x);
	} else if (span_is(r->method, "OPTIONS")) {
		exchange_answer(x, 200, NULL, SPAN_LIT(ALLOW), SPAN_NONE);
	} else if (websocket_only && !(get_like && span_is(r->path, "/healthz"))) {
		not_found(x);
	} else if (span_is(r->method, "POST")) {
		post(x, r);
	} else if (get_like) {
		get(x, r);
	} else {
		exchange_answer(x, 405, NULL, SPAN_LIT(ALLOW), SPAN_NONE);
	}
	return false;
}
