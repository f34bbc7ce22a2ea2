/* One TCP stream is one connection. Input goes through the parser in place; the parser is only kept between two
 * reads in the middle of an element. Output is appended to the connection's buffer and leaves once at the end of the
 * turn. */
#include "actors/edge/tcp.h"

#include <stdlib.h>

#include "actors/edge/login.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/sm.h"
#include "actors/edge/wrap.h"
#include "actors/edge/zip.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

struct tcp {
	struct edge_connection c;
	struct stream s;
	struct xml_stream xml;
	struct zip *zip;   /* NULL = not compressed */
	uint64_t spoke_ms; /* last ping */
	bool restart;      /* the next byte begins a new stream */
	bool handshake;
};

static struct tcp *of_stream(const struct stream *s)
{
	return (struct tcp *)((uintptr_t)s - offsetof(struct tcp, s));
}

static struct tcp *of_connection(struct edge_connection *c)
{
	return CONTAINER_OF(c, struct tcp, c);
}

/* --- input --- */

static bool goes_on(const struct tcp *t)
{
	return stream_listens(&t->s) && !t->restart && !t->c.is_leaving;
}

static enum xml_verdict on_header(void *ctx, const struct xml_header *h)
{
	struct tcp *t = ctx;

	negotiation_header(&t->s, h);
	return goes_on(t) ? XML_GO : XML_STOP;
}

static enum xml_verdict on_element(void *ctx, struct stanza *el)
{
	struct tcp *t = ctx;

	negotiation_element(&t->s, el);
	return goes_on(t) ? XML_GO : XML_STOP;
}

static enum xml_verdict on_oversized(void *ctx, struct stanza *head)
{
	struct tcp *t = ctx;

	negotiation_oversized(&t->s, head);
	return goes_on(t) ? XML_GO : XML_STOP;
}

static enum xml_verdict on_stream_end(void *ctx)
{
	struct tcp *t = ctx;

	negotiation_end(&t->s);
	return XML_STOP;
}

static const struct xml_sink sink = { on_header, on_element, on_oversized, on_stream_end };

static size_t feed(struct tcp *t, struct span bytes, bool drained)
{
	struct stream *s = &t->s;
	struct xml_pool *pool = t->c.edge->pool;
	enum stream_error error;
	size_t used = 0;

	if (t->restart) {
		xml_stream_restart(&t->xml, pool);
		t->restart = false;
	}
	t->xml.limits = &s->regime->xml;
	error = xml_stream_feed(&t->xml, pool, bytes, drained, &sink, t, &used);
	shaper_take(&s->shaper, s->regime, actor_now_ms(), used, 0);
	if (error != STREAM_ERROR_NONE)
		stream_fail(s, error, NULL);
	else
		stream_check_flow(s);
	return used;
}

static bool listens(void *ctx)
{
	const struct tcp *t = ctx;

	return stream_listens(&t->s) && !t->c.is_leaving;
}

static size_t feed_all(void *ctx, struct span bytes, bool drained)
{
	struct tcp *t = ctx;
	const struct zip *zip = t->zip; /* once there is one, what follows is not for the parser */
	size_t done = 0;

	while (done < bytes.n && listens(t) && t->zip == zip) {
		size_t used = feed(t, (struct span){ bytes.p + done, bytes.n - done }, drained);

		done += used;
		if (used == 0)
			break;
	}
	return done;
}

static void fail_unpacking(struct tcp *t, enum compress_verdict verdict)
{
	struct builder *b = xml_pool_builder(t->c.edge->pool);

	if (verdict == COMPRESS_TOO_DENSE) {
		metric_limit(METRIC_limit_compression);
		stream_fail(&t->s, STREAM_ERROR_POLICY_VIOLATION, NULL);
		return;
	}
	builder_reset(b);
	builder_open(b, "failure", NS_COMPRESS);
	builder_leaf(b, "processing-failed", NULL, SPAN_NONE);
	builder_close(b);
	stream_fail_detail(&t->s, STREAM_ERROR_UNDEFINED_CONDITION, builder_finish(b));
}

/* The parser's limits and the client's rates count what was unpacked; what came counts too, for it may be nothing but work. */
static size_t unpack(struct tcp *t, struct span bytes, bool drained)
{
	struct stream *s = &t->s;
	enum compress_verdict verdict;
	size_t used = 0;

	verdict = zip_input(t->zip, bytes, drained, feed_all, listens, t, &used);
	shaper_take(&s->shaper, s->regime, actor_now_ms(), used, 0);
	if (verdict != COMPRESS_OK)
		fail_unpacking(t, verdict);
	else
		stream_check_flow(s);
	return used;
}

static size_t on_input(void *ctx, struct span bytes, bool drained)
{
	struct tcp *t = of_connection(ctx);
	size_t done = 0;

	t->s.heard_ms = actor_now_ms();
	if (!t->zip)
		done = feed_all(t, bytes, drained);
	if (t->zip && listens(t))
		done += unpack(t, (struct span){ bytes.p + done, bytes.n - done }, drained);
	if (t->s.phase == STREAM_SECURING && !t->handshake) {
		/* The parser goes with the clear text it has seen; what follows unread is an injection (V24). */
		t->handshake = true;
		t->restart = true;
		conn_start_tls(t->c.conn, t->c.edge->server->tls, t->s.vhost ? t->s.vhost->name : NULL, "xmpp-client");
	}
	return t->s.phase == STREAM_CLOSING ? bytes.n : done;
}

static void on_secure(void *ctx)
{
	struct tcp *t = of_connection(ctx);

	t->s.secure = true;
	if (t->s.phase == STREAM_SECURING)
		t->s.phase = STREAM_OPENING;
}

static void on_sent(void *ctx, uint64_t sent)
{
	stream_written(&of_connection(ctx)->s, sent);
}

static void on_end(void *ctx, enum conn_end why)
{
	struct tcp *t = of_connection(ctx);

	if (why == CONN_END_STALLED)
		metric_limit(METRIC_limit_output);
	sm_sleep(&t->s, CLOSE_SOCKET_LOST);
	stream_gone(&t->s, CLOSE_SOCKET_LOST);
	connection_free(&t->c);
}

static const struct conn_events events = { on_input, on_secure, on_sent, on_end };

/* --- output: struct stream_ops --- */

/* Where to write; `leave` follows. */
static struct buf *out_of(struct stream *s)
{
	if (!of_stream(s)->zip)
		return conn_out(s->conn);
	buf_clear(&s->edge->scratch);
	return &s->edge->scratch;
}

static void leave(struct stream *s)
{
	const struct tcp *t = of_stream(s);

	if (t->zip)
		compress_pack(t->zip->z, buf_span(&s->edge->scratch), conn_out(s->conn));
	conn_flush_later(s->conn);
}

static void write_header(struct stream *s, const struct wrap_head *h)
{
	wrap_stream_header(out_of(s), h);
	leave(s);
}

static void write_element(struct stream *s, struct stanza *el)
{
	stanza_write(out_of(s), el, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	leave(s);
	stanza_unref(el);
}

static void write_packet(struct stream *s, const struct packet *p)
{
	stanza_write(out_of(s), p->stanza, p->from ? jid_full(p->from) : SPAN_NONE, p->to ? jid_full(p->to) : SPAN_NONE,
		     STANZA_FORM_STREAM);
	leave(s);
}

static bool start_compression(struct stream *s, struct stanza *go_ahead)
{
	struct tcp *t = of_stream(s);
	struct zip *zip = zip_new(s->edge);

	if (!zip)
		return false;
	write_element(s, go_ahead);
	t->zip = zip;
	t->restart = true;
	return true;
}

static void deliver(struct stream *s, struct packet *p, uint64_t receipt)
{
	write_packet(s, p);
	stream_track(s, p, receipt, conn_queued(s->conn));
}

static void close_stream(struct stream *s, enum stream_error condition UNUSED, struct stanza *error)
{
	struct buf *out;

	/* Under a handshake there is nobody to talk to. */
	if (s->phase != STREAM_SECURING) {
		if (!s->opened)
			negotiation_open(s, NULL);
		out = out_of(s);
		if (error)
			stanza_write(out, error, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
		wrap_stream_end(out);
		leave(s);
	}
	stanza_unref(error);
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
	conn_set_limits(s->conn, &s->regime->conn);
	connection_admitted(&of_stream(s)->c);
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
	of_stream(s)->restart = true;
	(void)go_home(s);
}

static uint64_t deadline(const struct stream *s)
{
	const struct config *conf = s->edge->conf;
	const struct tcp *t = of_stream(s);
	uint64_t ping = 0, last = s->heard_ms > t->spoke_ms ? s->heard_ms : t->spoke_ms, end = 0;

	if (s->phase != STREAM_BOUND)
		return 0;
	if (conf->tcp_idle_ping)
		ping = last + (uint64_t)conf->tcp_idle_ping * 1000;
	if (conf->tcp_max_inactivity)
		end = s->heard_ms + (uint64_t)conf->tcp_max_inactivity * 1000;
	return ping && (!end || ping < end) ? ping : end;
}

static void due(struct stream *s, uint64_t now)
{
	const struct config *conf = s->edge->conf;
	struct tcp *t = of_stream(s);

	if (s->phase != STREAM_BOUND)
		return;
	if (conf->tcp_max_inactivity && now >= s->heard_ms + (uint64_t)conf->tcp_max_inactivity * 1000) {
		sm_sleep(s, CLOSE_INACTIVITY);
		stream_fail(s, STREAM_ERROR_CONNECTION_TIMEOUT, NULL);
	} else if (now >= deadline(s)) {
		/* One space: a dead line shows when nobody acknowledges it. */
		t->spoke_ms = now;
		buf_add_text(out_of(s), " ");
		leave(s);
	}
}

static const struct stream_ops ops = {
	.transport = TRANSPORT_TCP,
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
	.compress = start_compression,
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
	struct tcp *t = of_connection(c);

	/* Between two elements a stream that goes on has no parser (xmpp/parser.h): nothing of it belongs to this worker. */
	ASSERT(t->restart || !t->xml.parser);
	if (t->restart) {
		xml_stream_fini(&t->xml, c->edge->pool);
		xml_stream_init(&t->xml, &t->s.regime->xml);
	}
	t->restart = false;
	stream_leave(&t->s);
	t->s.edge = NULL;
}

static void shut(struct edge_connection *c)
{
	stream_fail(&of_connection(c)->s, STREAM_ERROR_SYSTEM_SHUTDOWN, NULL);
}

static void release(struct edge_connection *c)
{
	struct tcp *t = of_connection(c);

	zip_free(t->zip, t->s.edge);
	if (t->s.edge) {
		xml_stream_fini(&t->xml, t->s.edge->pool);
		stream_leave(&t->s);
	}
	stream_fini(&t->s);
}

static const struct connection_kind kind = { &events, limits, arrived, departing, shut, release };

struct edge_connection *tcp_new(struct edge *e, const struct config_listener *listener, const struct address *peer)
{
	struct tcp *t = xcalloc(1, sizeof(*t));

	connection_init(&t->c, &kind, e, listener);
	stream_init(&t->s, &ops, e, NULL, listener, peer);
	xml_stream_init(&t->xml, &t->s.regime->xml);
	return &t->c;
}

void tcp_opened(struct edge_connection *c)
{
	struct tcp *t = of_connection(c);

	t->s.conn = c->conn;
	stream_enter(&t->s);
}
