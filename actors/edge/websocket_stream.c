/* One WebSocket is one stream: a message is one element, <open/> and <close/> stand for the stream header and its
 * end. The spelling of both is compared literally by Strophe (actors/edge/wrap). */
#include "actors/edge/websocket_stream.h"

#include <stdlib.h>

#include "actors/edge/budget.h"
#include "actors/edge/login.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/sm.h"
#include "actors/edge/wrap.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

#define PINGS_UNANSWERED_MAX 2
#define CLOSE_NORMAL 1000
#define CLOSE_GOING_AWAY 1001
#define CLOSE_POLICY 1008
#define CLOSE_TOO_BIG 1009
#define SCRATCH_KEEP 65536
#define VERSION_HEADER "Sec-WebSocket-Version: 13\r\n"

struct ws {
	struct edge_connection c;
	struct stream s;
	struct websocket *frames;
	uint64_t spoke_ms; /* last ping */
	uint8_t unanswered;
};

static struct ws *of_stream(const struct stream *s)
{
	return (struct ws *)((uintptr_t)s - offsetof(struct ws, s));
}

static struct ws *of_connection(struct edge_connection *c)
{
	return CONTAINER_OF(c, struct ws, c);
}

/* --- input --- */

static void framing_element(struct ws *w, struct stanza *el)
{
	struct xml_header h = {
		.to = stanza_to(el), .from = stanza_from(el), .version = stanza_attr(el, STANZA_TOP, "version"),
		.lang = stanza_lang(el), .content_ns_ok = true,
	};

	if (stanza_el_is(el, STANZA_TOP, "close", NS_FRAMING))
		negotiation_end(&w->s);
	else if (stanza_el_is(el, STANZA_TOP, "open", NS_FRAMING) && w->s.phase == STREAM_OPENING)
		negotiation_header(&w->s, &h);
	else
		stream_fail(&w->s, STREAM_ERROR_BAD_FORMAT, NULL);
	stanza_unref(el);
}

static void on_text(void *ctx, struct span message)
{
	struct ws *w = ctx;
	struct stanza *el = NULL;
	enum stream_error error;

	if (w->s.phase == STREAM_CLOSING)
		return;
	error = xml_parse_document(w->c.edge->pool, message, &w->s.regime->xml, &el);
	if (error != STREAM_ERROR_NONE)
		stream_fail(&w->s, error, NULL);
	else if (span_is(stanza_ns(el, STANZA_TOP), NS_FRAMING))
		framing_element(w, el);
	else
		negotiation_element(&w->s, el);
	if (!stream_listens(&w->s) || w->c.is_leaving)
		websocket_stop(w->frames);
}

/* Well-formed or not: of what is not kept only the top is looked at. */
static void on_oversized(void *ctx, struct span begin)
{
	struct ws *w = ctx;
	struct stanza *head = NULL;
	enum stream_error error;

	if (w->s.phase == STREAM_CLOSING)
		return;
	error = xml_parse_head(w->c.edge->pool, begin, &w->s.regime->xml, &head);
	if (error != STREAM_ERROR_NONE)
		stream_fail(&w->s, error, NULL);
	else
		negotiation_oversized(&w->s, head);
	if (!stream_listens(&w->s) || w->c.is_leaving)
		websocket_stop(w->frames);
}

static void on_pong(void *ctx UNUSED)
{
	/* Any input resets the count of unanswered pings. */
}

static void on_close(void *ctx, int code)
{
	struct ws *w = ctx;

	if (code == CLOSE_POLICY || code == CLOSE_TOO_BIG)
		metric_limit(METRIC_limit_websocket);
	/* A page that is left closes the socket without <close/>: for the desk that is a lost line. Not so when one side got
	 * what is too big for it: a resumed session would bring the same again. */
	if (code != CLOSE_TOO_BIG)
		sm_sleep(&w->s, CLOSE_SOCKET_LOST);
	stream_end(&w->s, CLOSE_SOCKET_LOST);
	conn_close(w->c.conn);
}

static const struct websocket_events frame_events = { on_text, on_oversized, on_pong, on_close };

static size_t on_input(void *ctx, struct span bytes, bool drained UNUSED)
{
	struct ws *w = of_connection(ctx);
	struct stream *s = &w->s;
	size_t done;

	if (s->phase == STREAM_CLOSING)
		return bytes.n;
	if (!stream_listens(s) || w->c.is_leaving)
		return 0;
	s->heard_ms = actor_now_ms();
	w->unanswered = 0;
	done = websocket_feed(w->frames, bytes, s->heard_ms, conn_out(s->conn));
	conn_flush_later(s->conn);
	shaper_take(&s->shaper, s->regime, s->heard_ms, done, 0);
	stream_check_flow(s);
	return s->phase == STREAM_CLOSING ? bytes.n : done;
}

static void on_secure(void *ctx UNUSED)
{
}

static void on_sent(void *ctx, uint64_t sent)
{
	stream_written(&of_connection(ctx)->s, sent);
}

static void on_end(void *ctx, enum conn_end why)
{
	struct ws *w = of_connection(ctx);

	if (why == CONN_END_STALLED)
		metric_limit(METRIC_limit_output);
	sm_sleep(&w->s, CLOSE_SOCKET_LOST);
	stream_gone(&w->s, CLOSE_SOCKET_LOST);
	connection_free(&w->c);
}

static const struct conn_events events = { on_input, on_secure, on_sent, on_end };

/* --- output: struct stream_ops --- */

static struct buf *scratch(struct stream *s)
{
	struct buf *b = &s->edge->scratch;

	if (b->size > SCRATCH_KEEP)
		buf_fini(b);
	else
		buf_clear(b);
	return b;
}

static void send_text(struct stream *s, struct span text)
{
	websocket_text(of_stream(s)->frames, text, conn_out(s->conn));
	conn_flush_later(s->conn);
}

static void write_header(struct stream *s, const struct wrap_head *h)
{
	struct buf *text = scratch(s);

	wrap_open(text, h);
	send_text(s, buf_span(text));
}

static void send_stanza(struct stream *s, const struct stanza *el, struct span from, struct span to)
{
	struct buf *text = scratch(s);

	stanza_write(text, el, from, to, STANZA_FORM_ALONE);
	send_text(s, buf_span(text));
}

static void write_element(struct stream *s, struct stanza *el)
{
	send_stanza(s, el, SPAN_NONE, SPAN_NONE);
	stanza_unref(el);
}

static void write_packet(struct stream *s, const struct packet *p)
{
	send_stanza(s, p->stanza, p->from ? jid_full(p->from) : SPAN_NONE, p->to ? jid_full(p->to) : SPAN_NONE);
}

static void deliver(struct stream *s, struct packet *p, uint64_t receipt)
{
	write_packet(s, p);
	stream_track(s, p, receipt, conn_queued(s->conn));
}

static void close_stream(struct stream *s, enum stream_error condition, struct stanza *error)
{
	int code = condition == STREAM_ERROR_SYSTEM_SHUTDOWN ? CLOSE_GOING_AWAY : CLOSE_NORMAL;

	if (!s->opened)
		negotiation_open(s, NULL);
	if (error)
		write_element(s, error);
	send_text(s, wrap_close());
	websocket_close(of_stream(s)->frames, code, conn_out(s->conn));
	conn_flush_later(s->conn);
	conn_close(s->conn);
}

static void pause_input(struct stream *s)
{
	conn_pause(s->conn);
}

static void resume_input(struct stream *s)
{
	if (!of_stream(s)->c.is_leaving)
		conn_resume(s->conn);
}

static void admitted(struct stream *s)
{
	struct ws *w = of_stream(s);

	websocket_set_limits(w->frames, &s->regime->websocket);
	conn_set_limits(s->conn, &s->regime->conn);
	connection_admitted(&w->c);
}

static bool go_home(struct stream *s)
{
	const struct server *server = s->edge->server;
	unsigned home = server_shard_worker(server, server_shard_index(server, s->login->user));

	admitted(s);
	if (home == s->edge->worker)
		return false;
	connection_leave(&of_stream(s)->c, home);
	return true;
}

static void restart(struct stream *s)
{
	(void)go_home(s);
}

static uint64_t deadline(const struct stream *s)
{
	const struct ws *w = of_stream(s);
	uint64_t last = s->heard_ms > w->spoke_ms ? s->heard_ms : w->spoke_ms;
	int64_t ping_s = s->edge->conf->ws_idle_ping;

	return ping_s && s->phase != STREAM_CLOSING ? last + (uint64_t)ping_s * 1000 : 0;
}

static void due(struct stream *s, uint64_t now)
{
	struct ws *w = of_stream(s);
	uint64_t at = deadline(s);

	if (!at || now < at)
		return;
	if (w->unanswered == PINGS_UNANSWERED_MAX) {
		sm_sleep(s, CLOSE_INACTIVITY);
		stream_fail(s, STREAM_ERROR_CONNECTION_TIMEOUT, NULL);
		return;
	}
	w->unanswered++;
	w->spoke_ms = now;
	websocket_ping(w->frames, conn_out(s->conn));
	conn_flush_later(s->conn);
}

static const struct stream_ops ops = {
	.transport = TRANSPORT_WEBSOCKET,
	.header = write_header,
	.element = write_element,
	.deliver = deliver,
	.write = write_packet,
	.close = close_stream,
	.pause = pause_input,
	.resume = resume_input,
	.restart = restart,
	.go_home = go_home,
	.admitted = admitted,
	.deadline = deadline,
	.due = due,
};

/* --- struct connection_kind --- */

static const struct conn_limits *limits(struct edge_connection *c)
{
	return &of_connection(c)->s.regime->conn;
}

static void arrived(struct edge_connection *c)
{
	stream_arrived(&of_connection(c)->s, c->edge);
}

static void departing(struct edge_connection *c)
{
	struct ws *w = of_connection(c);

	stream_leave(&w->s);
	w->s.edge = NULL;
}

static void shut(struct edge_connection *c)
{
	stream_fail(&of_connection(c)->s, STREAM_ERROR_SYSTEM_SHUTDOWN, NULL);
}

static void release(struct edge_connection *c)
{
	struct ws *w = of_connection(c);

	if (w->s.edge)
		stream_leave(&w->s);
	stream_fini(&w->s);
	websocket_free(w->frames);
	metric_add(METRIC_websocket_sessions, -1);
}

static const struct connection_kind kind = { &events, limits, arrived, departing, shut, release };

/* --- the handshake --- */

/* The tenant a browser most likely means, before <open/> says it: by the name it used, else the only one there is. */
static const struct config_vhost *likely_host(const struct config *conf, const struct http_request *r)
{
	struct span host = http_header(r, "Host");
	const char *colon = host.n ? memchr(host.p, ':', host.n) : NULL;
	const struct config_vhost *found;

	if (colon)
		host.n = (size_t)(colon - host.p);
	found = host.n ? config_vhost(conf, host) : NULL;
	return found || conf->vhost_count != 1 ? found : &conf->vhosts[0];
}

/* The visitor cookies for this socket: those that came, and for the likely tenant a fresh one that goes into `extra` when
 * its own is missing or stale: behind the handshake no header can be sent. Which tenant it is <open/> says. */
static void choose_cookie(struct stream *s, const struct http_request *r, struct buf *extra)
{
	const struct edge *e = s->edge;
	const struct config_vhost *host = likely_host(e->conf, r);
	uint64_t now_s = outside_wall_us() / 1000000;
	int64_t lifetime_s = e->conf->visitor_cookie_lifetime;
	struct visitor_cookie_key key = { e->server->secret, span_of(host ? host->name : "") };
	char local[VISITOR_LOCAL_MAX];
	struct buf value = BUF_INIT, all = BUF_INIT;

	visitor_cookies_collect(&all, r);
	if (host && host->anonymous && lifetime_s &&
	    !visitor_cookie_check(key, visitor_cookies_find(key, buf_span(&all)), now_s, lifetime_s, local)) {
		visitor_cookie_new_local(local);
		visitor_cookie_value(&value, key, local, now_s);
		visitor_cookie_header(extra, key, buf_span(&value), lifetime_s, s->secure);
		visitor_cookies_put(&all, key, buf_span(&value));
	}
	login_cookies(s, buf_span(&all));
	buf_fini(&value);
	buf_fini(&all);
}

static struct ws *ws_new(struct http_conn *h)
{
	struct ws *w = xcalloc(1, sizeof(*w));
	struct conn *conn = h->c.conn;

	connection_init(&w->c, &kind, h->c.edge, h->c.listener);
	stream_init(&w->s, &ops, h->c.edge, conn, h->c.listener, conn_peer(conn));
	w->s.secure = conn_is_secure(conn);
	w->frames = websocket_new(&w->s.regime->websocket, &frame_events, w);
	metric_inc(METRIC_websocket_sessions);
	return w;
}

bool websocket_stream_upgrade(struct http_conn *h, struct exchange *x, const struct http_request *r)
{
	struct conn *conn = h->c.conn;
	struct buf extra = BUF_INIT, answer = BUF_INIT;
	struct ws *w;
	int status;

	if (!exchange_origin_allowed(x)) {
		exchange_answer_last(x, 403, NULL, SPAN_NONE, SPAN_NONE);
		return false;
	}
	if (h->open > 1) { /* answers to earlier requests would get between the frames */
		exchange_answer_last(x, 400, NULL, SPAN_NONE, SPAN_NONE);
		return false;
	}
	if (!budget_admits(h->c.edge) || !connection_expects_login(&h->c)) { /* an earlier request on it had made it one of those that do not count */
		exchange_answer_last(x, 503, NULL, SPAN_NONE, SPAN_NONE);
		return false;
	}
	w = ws_new(h);
	choose_cookie(&w->s, r, &extra);
	status = websocket_accept(r, "xmpp", buf_span(&extra), &answer);
	if (status == 0) {
		conn_write(conn, buf_span(&answer));
		connection_succeed(&h->c, &w->c); /* frees h and x */
		stream_enter(&w->s);
		/* Frames that came with the request are shown to their new owner. */
		conn_pause(conn);
		conn_resume(conn);
	} else {
		w->s.edge = NULL;
		release(&w->c);
		free(w);
		exchange_answer_last(x, status, NULL, status == 426 ? SPAN_LIT(VERSION_HEADER) : SPAN_NONE, SPAN_NONE);
	}
	buf_fini(&extra);
	buf_fini(&answer);
	return status == 0;
}
