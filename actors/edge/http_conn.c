/* Requests are read one after the other and handed to routes_handle; each becomes an exchange at the end of the
 * list. Answers leave in that order: one that is ready too early waits in its exchange. Reading stops while too many
 * exchanges are open, while the client does not take its answers, and while the connection waits to move. */
#include "actors/edge/http_conn.h"

#include <stdlib.h>

#include "actors/edge/bosh.h"
#include "conf/option.h"
#include "runtime/metric.h"

#define BODY_GRACE_MS 5000 /* a body may arrive at any speed for this long */
#define BODY_CHECK_MS 1000
#define ORIGIN_MAX 256

static struct http_conn *of_connection(struct edge_connection *c)
{
	return CONTAINER_OF(c, struct http_conn, c);
}

/* --- deadlines --- */

static uint64_t deadline(const struct http_conn *h)
{
	const struct config *conf = h->c.edge->conf;

	if (h->closing || h->stuffed)
		return 0;
	if (h->received == 0)
		return h->open ? 0 : h->since_ms + (uint64_t)conf->limit_http_keepalive * 1000;
	if (h->reader.header_end == 0)
		return conf->limit_http_header_time ? h->since_ms + (uint64_t)conf->limit_http_header_time * 1000 : 0;
	return conf->limit_http_body_rate ? actor_now_ms() + BODY_CHECK_MS : 0;
}

static void rearm(struct http_conn *h)
{
	uint64_t at = deadline(h);

	/* A deadline that moved away is left to fire and be set again. */
	if (at && (!wheel_is_set(&h->timer.node) || at < h->timer.node.at_ms))
		edge_timer_set(h->c.edge, &h->timer, at);
}

static bool body_too_slow(const struct http_conn *h, uint64_t elapsed_ms)
{
	uint64_t rate = (uint64_t)h->c.edge->conf->limit_http_body_rate;

	return elapsed_ms > BODY_GRACE_MS && h->received * 1000 < rate * (elapsed_ms - BODY_GRACE_MS);
}

static void request_timeout(struct http_conn *h)
{
	struct exchange *x = exchange_new(h);

	metric_limit(METRIC_limit_http);
	exchange_answer_last(x, 408, NULL, SPAN_NONE, SPAN_NONE);
}

static void close_now(struct http_conn *h)
{
	h->closing = true;
	conn_close(h->c.conn);
}

static void on_timer(struct edge_timer *t)
{
	struct http_conn *h = CONTAINER_OF(t, struct http_conn, timer);
	uint64_t now = actor_now_ms(), at = deadline(h);

	if (at && h->received && h->reader.header_end) {
		if (body_too_slow(h, now - h->since_ms))
			request_timeout(h);
	} else if (at && now >= at) {
		if (h->received)
			request_timeout(h);
		else
			close_now(h);
	}
	rearm(h);
}

/* --- answers --- */

struct exchange *exchange_new(struct http_conn *h)
{
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->conn = h;
	x->secure = conn_is_secure(h->c.conn);
	list_init(&x->waiting);
	list_push_back(&h->exchanges, &x->link);
	h->open++;
	return x;
}

void exchange_free(struct exchange *x)
{
	list_remove(&x->waiting);
	if (!list_empty(&x->link))
		list_remove(&x->link);
	buf_fini(&x->answer);
	buf_fini(&x->body);
	stanza_unref(x->wrapper);
	free(x->origin);
	buf_fini(&x->cookies);
	free(x->key);
	free(x);
}

bool exchange_origin_allowed(const struct exchange *x)
{
	const struct config_list *origins = &x->conn->c.edge->conf->origins;

	for (size_t i = 0; i < origins->count; i++)
		if (option_matches(origins->items[i], x->origin ? x->origin : ""))
			return true; /* "*" also stands for no Origin */
	return false;
}

static void add_cors(struct buf *out, const struct exchange *x)
{
	const char *configured = x->conn->c.edge->shared->extra_headers;

	if (configured) {
		buf_add_text(out, configured);
		return;
	}
	/* With credentials, so that the visitor cookie works on the sites that embed the widget; a wildcard would
	 * not. */
	if (x->origin && exchange_origin_allowed(x))
		buf_addf(out, "Access-Control-Allow-Origin: %s\r\nAccess-Control-Allow-Credentials: true\r\n"
			      "Vary: Origin\r\n", x->origin);
	else
		buf_add_text(out, "Access-Control-Allow-Origin: *\r\n");
	buf_add_text(out, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
			  "Access-Control-Allow-Headers: Content-Type\r\nAccess-Control-Max-Age: 86400\r\n");
}

/* All answers at the front of the line leave; what waited for that goes on. */
static void send_ready(struct http_conn *h)
{
	struct conn *conn = h->c.conn;
	bool last = false;

	while (!last && !list_empty(&h->exchanges)) {
		struct exchange *x = CONTAINER_OF(h->exchanges.next, struct exchange, link);

		if (!x->answered)
			break;
		conn_write(conn, buf_span(&x->answer));
		last = !x->keep_alive;
		h->open--;
		exchange_free(x);
	}
	if (h->open == 0 && h->received == 0)
		h->since_ms = actor_now_ms();
	if (last) {
		close_now(h);
		return;
	}
	if (h->carried && h->exchanges.next == &h->carried->link && !h->c.is_leaving)
		connection_leave(&h->c, h->carry_for);
	else if (h->stuffed && !h->carried && h->open < h->c.edge->conf->limit_http_pipeline && !conn_is_full(conn)) {
		h->stuffed = false;
		conn_resume(conn);
	}
	rearm(h);
}

void exchange_answer(struct exchange *x, int status, const char *type, struct span extra, struct span body)
{
	struct http_conn *h = x->conn;
	struct buf headers = BUF_INIT;

	ASSERT(!x->answered);
	if (!h) {
		exchange_free(x);
		return;
	}
	add_cors(&headers, x);
	buf_add_span(&headers, extra);
	if (h->c.edge->stopping)
		x->keep_alive = false;
	http_write_head(&x->answer, status, type, body.n, x->keep_alive, buf_span(&headers));
	if (!x->head)
		buf_add_span(&x->answer, body);
	buf_fini(&headers);
	x->answered = true;
	x->session = NULL;
	list_remove(&x->waiting);
	send_ready(h);
}

void exchange_answer_text(struct exchange *x, int status, const char *text)
{
	exchange_answer(x, status, "text/plain; charset=utf-8", SPAN_LIT("X-Content-Type-Options: nosniff\r\n"),
			span_of(text));
}

void exchange_answer_last(struct exchange *x, int status, const char *type, struct span extra, struct span body)
{
	x->keep_alive = false;
	if (x->conn)
		x->conn->closing = true; /* nothing after it is read */
	exchange_answer(x, status, type, extra, body);
}

void exchange_drop(struct exchange *x)
{
	ASSERT(!x->session && !x->answered);
	if (x->conn)
		close_now(x->conn);
	else
		exchange_free(x);
}

/* --- requests --- */

/* It goes into the answer's head, where not all that a header may hold is allowed. */
static bool is_origin(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return false;
	return text.n > 0 && text.n <= ORIGIN_MAX;
}

static struct exchange *exchange_of(struct http_conn *h, const struct http_request *r)
{
	struct exchange *x = exchange_new(h);
	struct span origin = http_header(r, "Origin");

	x->keep_alive = r->keep_alive;
	x->head = span_is(r->method, "HEAD");
	if (is_origin(origin))
		x->origin = xstrndup(origin.p, origin.n);
	return x;
}

/* http_read joins chunks in place; conn shows its own buffer. */
static char *writable(const char *p)
{
	return (char *)(uintptr_t)p;
}

enum reading { READ_ON, READ_LATER, READ_GONE /* the connection is another object now */ };

static enum reading say_continue(struct http_conn *h)
{
	if (h->open) {
		h->stuffed = true; /* our 100 must not get between the answers */
		return READ_LATER;
	}
	h->owes_continue = false;
	h->since_ms = actor_now_ms(); /* the body comes from now on */
	conn_write(h->c.conn, http_continue());
	return READ_ON;
}

static enum reading read_request(struct http_conn *h, struct span bytes, size_t *used)
{
	struct edge *e = h->c.edge;
	struct http_request r;
	struct http_reader fresh = { 0 };
	int status = 0;

	if (h->owes_continue && say_continue(h) == READ_LATER)
		return READ_LATER;
	if (h->received == 0)
		h->since_ms = actor_now_ms();
	h->received = bytes.n;
	switch (http_read(&h->reader, &e->shared->http, writable(bytes.p), bytes.n, &r, used, &status)) {
	case HTTP_MORE:
		return READ_LATER;
	case HTTP_CONTINUE:
		h->owes_continue = true;
		return say_continue(h);
	case HTTP_REFUSED:
		h->received = 0;
		metric_limit(METRIC_limit_http);
		exchange_answer_last(exchange_new(h), status, NULL, SPAN_NONE, SPAN_NONE);
		return READ_LATER;
	case HTTP_DONE:
		break;
	}
	h->reader = fresh;
	h->received = 0;
	if (!r.upgrade)
		connection_admitted(&h->c);
	return routes_handle(exchange_of(h, &r), &r) ? READ_GONE : READ_ON;
}

static bool is_stuffed(const struct http_conn *h)
{
	return h->carried || h->open >= h->c.edge->conf->limit_http_pipeline || conn_is_full(h->c.conn);
}

static size_t on_input(void *ctx, struct span bytes, bool drained UNUSED)
{
	struct http_conn *h = of_connection(ctx);
	enum reading reading = READ_ON;
	size_t done = 0;

	while (done < bytes.n && reading == READ_ON && !h->closing && !(h->stuffed = is_stuffed(h))) {
		size_t used = 0;

		reading = read_request(h, (struct span){ bytes.p + done, bytes.n - done }, &used);
		done += used;
	}
	if (reading == READ_GONE)
		return done;
	if (h->closing)
		return bytes.n;
	if (h->stuffed)
		conn_pause(h->c.conn);
	rearm(h);
	return done;
}

static void on_secure(void *ctx UNUSED)
{
}

static void on_sent(void *ctx, uint64_t sent UNUSED)
{
	struct http_conn *h = of_connection(ctx);

	if (h->stuffed && !h->closing && !h->c.is_leaving)
		send_ready(h);
}

static void on_end(void *ctx, enum conn_end why)
{
	if (why == CONN_END_STALLED)
		metric_limit(METRIC_limit_output);
	connection_free(ctx);
}

static const struct conn_events events = { on_input, on_secure, on_sent, on_end };

void exchange_carry(struct exchange *x, struct span body, unsigned worker)
{
	struct http_conn *h = x->conn;

	ASSERT(h && !h->carried);
	buf_add_span(&x->body, body);
	h->carried = x;
	h->carry_for = worker;
	h->stuffed = true;
	if (h->open == 1)
		connection_leave(&h->c, worker);
}

/* --- struct connection_kind --- */

static const struct conn_limits *limits(struct edge_connection *c)
{
	const struct edge_shared *shared = c->edge->shared;

	return of_connection(c)->regime->name == REGIME_PREAUTH ? &shared->http_newcomer : &shared->http_conn;
}

static void arrived(struct edge_connection *c)
{
	struct http_conn *h = of_connection(c);
	struct exchange *x = h->carried;
	struct buf body = x->body;

	h->carried = NULL;
	h->stuffed = false;
	x->body = BUF_INIT;
	bosh_request(x, buf_span(&body));
	buf_fini(&body);
	rearm(h);
}

static void departing(struct edge_connection *c)
{
	edge_timer_set(c->edge, &of_connection(c)->timer, 0);
}

static void shut(struct edge_connection *c)
{
	struct http_conn *h = of_connection(c);

	/* Open exchanges close it with their answers. */
	if (h->open == 0 && !h->closing)
		close_now(h);
}

static void release(struct edge_connection *c)
{
	struct http_conn *h = of_connection(c);
	struct list *node;

	if (c->edge)
		edge_timer_set(c->edge, &h->timer, 0);
	while ((node = list_pop_front(&h->exchanges))) {
		struct exchange *x = CONTAINER_OF(node, struct exchange, link);

		x->conn = NULL;
		if (x->session)
			bosh_exchange_lost(x);
		else
			exchange_free(x);
	}
}

void http_conn_serves(struct http_conn *h, const struct regime *regime)
{
	bool settles = h->regime->name == REGIME_PREAUTH && regime->name != REGIME_PREAUTH;

	h->regime = regime;
	if (settles)
		conn_set_limits(h->c.conn, limits(&h->c));
}

static const struct connection_kind kind = { &events, limits, arrived, departing, shut, release };

struct edge_connection *http_conn_new(struct edge *e, const struct config_listener *listener)
{
	struct http_conn *h = xcalloc(1, sizeof(*h));

	connection_init(&h->c, &kind, e, listener);
	list_init(&h->exchanges);
	wheel_node_init(&h->timer.node);
	h->timer.fire = on_timer;
	h->since_ms = actor_now_ms();
	h->regime = &e->shared->regimes[REGIME_PREAUTH];
	return &h->c;
}

void http_conn_opened(struct edge_connection *c)
{
	rearm(of_connection(c));
}
