/* The way of a request: wrapper parsed under the limits of its session, session found (or the connection moved to the
 * worker that has it), rid put in order, key and acknowledgement read, payload handed to the stream element by element.
 * A refusal is HTTP 200 with a terminate body (XEP-0124 17.2), because clients give up at once on any 4xx. */
#include "actors/edge/bosh.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "actors/edge/bosh_answer.h"
#include "actors/edge/negotiation.h"
#include "actors/edge/wrap.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

#define RID_MAX ((1ull << 53) - 1)
#define KEY_TEXT (2 * SHA_DIGEST_LENGTH)
#define EMPTY_BURST 10
#define BROWSER_CONNECTIONS 6u /* to one host: a page that sends all it has at once shows rids so far ahead, in any order */

void bosh_refuse(struct exchange *x, const char *condition)
{
	struct buf body = BUF_INIT;

	wrap_body_begin(&body);
	wrap_attr(&body, "type", SPAN_LIT("terminate"));
	wrap_attr(&body, "condition", span_of(condition));
	wrap_body_content(&body);
	wrap_body_end(&body);
	exchange_answer(x, 200, "text/xml; charset=utf-8", SPAN_LIT(BOSH_HEADERS), buf_span(&body));
	buf_fini(&body);
}

/* --- attributes --- */

static struct span attr(const struct stanza *w, const char *name)
{
	return stanza_attr(w, STANZA_TOP, name);
}

/* A plain decimal number without leading zeros, up to most. */
static bool number(struct span text, uint64_t most, uint64_t *out)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 16 || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	*out = value;
	return value <= most;
}

static uint64_t number_or(struct span text, uint64_t otherwise)
{
	uint64_t value;

	return number(text, UINT32_MAX, &value) ? value : otherwise;
}

static bool is_blank(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]))
			return false;
	return true;
}

/* --- key sequence (XEP-0124 15) --- */

static bool key_fits(const char *expected, struct span key)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[KEY_TEXT];

	if (!key.p || strlen(expected) != KEY_TEXT)
		return false;
	SHA1((const unsigned char *)key.p, key.n, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	return CRYPTO_memcmp(text, expected, KEY_TEXT) == 0;
}

static bool advance_key(struct bosh_session *b, struct exchange *x)
{
	struct span key = attr(x->wrapper, "key"), fresh = attr(x->wrapper, "newkey");

	if (!b->key)
		return true;
	if (!key_fits(b->key, key))
		return false;
	x->key = b->key; /* a repeat of this request has to fit the same */
	b->key = fresh.p ? xstrndup(fresh.p, fresh.n) : xstrndup(key.p, key.n);
	return true;
}

/* --- payload --- */

static bool is_empty(const struct stanza *w)
{
	return stanza_first(w, STANZA_TOP) == STANZA_NO_EL && !attr(w, "type").p && !attr(w, "pause").p &&
	       !stanza_is_true(stanza_attr_ns(w, STANZA_TOP, "restart", NS_XBOSH));
}

/* Bytes as it is written; 0 for one that is within its limit for sure. */
static size_t size_of(const struct bosh_session *b, const struct stanza *el)
{
	uint32_t most = b->s.regime->xml.stanza_bytes;
	struct buf text = BUF_INIT;
	size_t n;

	/* Cheap bound first: what it takes in memory is more than what it was on the wire. */
	if (!most || stanza_bytes(el) <= most)
		return 0;
	stanza_write(&text, el, SPAN_NONE, SPAN_NONE, STANZA_FORM_ALONE);
	n = buf_len(&text);
	buf_fini(&text);
	return n;
}

/* Takes el. */
static void element_in(struct bosh_session *b, struct stanza *el)
{
	const struct xml_limits *limits = &b->s.regime->xml;
	size_t n = size_of(b, el);

	if (n <= limits->stanza_bytes) {
		negotiation_element(&b->s, el);
		return;
	}
	if (n <= limits->skip_bytes)
		negotiation_oversized(&b->s, stanza_head(xml_pool_builder(b->s.edge->pool), el));
	else
		stream_fail(&b->s, STREAM_ERROR_POLICY_VIOLATION, NULL);
	stanza_unref(el);
}

static void payload_step(struct bosh_session *b)
{
	struct stanza *w = b->payload;
	stanza_el at = b->payload_at;

	if (at == STANZA_NO_EL) {
		b->payload = NULL;
		stanza_unref(w);
		bosh_session_processed(b);
		if (b->payload_last)
			bosh_session_over(b, CLOSE_TERMINATE, NULL, NULL);
		return;
	}
	b->payload_at = stanza_next(w, at);
	if (span_is(stanza_name(w, at), "body")) {
		bosh_session_over(b, CLOSE_ERROR, "bad-request", NULL);
		return;
	}
	element_in(b, stanza_from_child(xml_pool_builder(b->s.edge->pool), w, at));
}

static void restart_stream(struct bosh_session *b, const struct stanza *w)
{
	struct xml_header h = {
		.to = attr(w, "to"), .version = SPAN_LIT("1.0"), .lang = stanza_lang(w), .content_ns_ok = true,
	};

	if (b->s.phase != STREAM_OPENING)
		return;
	if (!h.to.p && b->s.vhost)
		h.to = span_of(b->s.vhost->name);
	negotiation_header(&b->s, &h);
}

/* --- one request, in its turn --- */

/* Overactivity (XEP-0124 11): an empty request behind an empty one that only pushes out the one that waits. A few may
 * come at once. Repeats never count, nor does the empty request with which a client replaces one that it used to talk. */
static bool overactive(struct bosh_session *b, bool empty)
{
	int64_t rate = b->s.edge->conf->limit_bosh_empty;
	uint64_t now_us = actor_now_ms() * 1000, every_us = rate ? 1000000u / (uint64_t)rate : 0;
	bool again = empty && b->was_empty;

	b->was_empty = empty;
	if (!again || (b->held_count == 0 && b->hold > 0))
		return false;
	if (b->calm_us < now_us)
		b->calm_us = now_us;
	b->calm_us += every_us;
	return b->calm_us > now_us + EMPTY_BURST * every_us;
}

static void read_acks(struct bosh_session *b, const struct stanza *w, uint64_t rid)
{
	uint64_t ack;

	/* XEP-0124 9.2; without negotiated acknowledgements a request only proves that the window has moved. */
	if (number(attr(w, "ack"), RID_MAX, &ack))
		bosh_session_acked(b, ack < rid ? ack : rid - 1);
	else if (rid > b->window)
		bosh_session_acked(b, rid - (b->intake ? 1 : b->window));
}

/* False when the session ended. */
static bool read_pause(struct bosh_session *b, const struct stanza *w)
{
	uint64_t pause_s;
	struct span text = attr(w, "pause");

	b->pause_ms = 0;
	if (!text.p)
		return true;
	if (!number(text, (uint64_t)b->s.edge->conf->bosh_max_pause, &pause_s)) {
		bosh_session_over(b, CLOSE_ERROR, "policy-violation", NULL);
		return false;
	}
	b->pause_ms = (uint32_t)pause_s * 1000;
	b->answer_all = true; /* XEP-0124 10: all open requests, this one too */
	return true;
}

static void process(struct bosh_session *b, struct exchange *x)
{
	struct stanza *w = x->wrapper;
	bool calm, fits = advance_key(b, x);

	list_remove(&x->waiting);
	calm = !overactive(b, is_empty(w));
	b->rid = x->rid;
	bosh_session_hold(b, x);
	x->wrapper = NULL;
	b->payload = w;
	b->payload_at = stanza_first(w, STANZA_TOP);
	b->payload_last = span_is(attr(w, "type"), "terminate");
	if (!fits) {
		bosh_session_over(b, CLOSE_ERROR, "item-not-found", NULL);
		return;
	}
	if (!calm) {
		metric_limit(METRIC_limit_bosh_polls);
		bosh_session_over(b, CLOSE_ERROR, "policy-violation", NULL);
		return;
	}
	read_acks(b, w, x->rid);
	if (!is_blank(stanza_text(w, STANZA_TOP))) {
		bosh_session_over(b, CLOSE_ERROR, "bad-request", NULL);
		return;
	}
	if (read_pause(b, w) && stanza_is_true(stanza_attr_ns(w, STANZA_TOP, "restart", NS_XBOSH)))
		restart_stream(b, w);
}

void bosh_advance(struct bosh_session *b)
{
	while (stream_listens(&b->s)) {
		struct exchange *next = CONTAINER_OF(b->early.next, struct exchange, waiting);

		if (b->payload)
			payload_step(b);
		else if (!list_empty(&b->early) && next->rid == b->rid + 1)
			process(b, next);
		else
			break;
	}
	stream_check_flow(&b->s);
	bosh_session_touch(b);
	bosh_session_later(b);
}

static void refuse_and_end(struct bosh_session *b, struct exchange *x, const char *condition)
{
	bosh_refuse(x, condition);
	bosh_session_over(b, CLOSE_ERROR, condition, NULL);
}

static void repeat(struct bosh_session *b, struct exchange *x)
{
	struct exchange *held = bosh_session_held(b, x->rid);
	const struct bosh_answer *row = held ? NULL : bosh_answer_cached(b, x->rid);
	const char *key = held ? held->key : row ? row->key : NULL;

	if (key && !key_fits(key, attr(x->wrapper, "key"))) {
		refuse_and_end(b, x, "item-not-found");
	} else if (held) {
		bosh_session_replace(b, held, x);
	} else if (row) {
		bosh_answer_send(b, row, x);
	} else {
		refuse_and_end(b, x, "item-not-found");
	}
}

/* A request that waits for its answer holds none. */
static void hand_cookies(struct bosh_session *b, struct exchange *x)
{
	login_cookies(&b->s, buf_span(&x->cookies));
	buf_fini(&x->cookies);
}

static unsigned live(const struct list *l, uint64_t but)
{
	unsigned n = 0;

	LIST_EACH(it, l) {
		const struct exchange *x = CONTAINER_OF(it, struct exchange, waiting);

		n += x->conn && x->rid != but;
	}
	return n;
}

/* XEP-0124 11: more new requests than `requests` without an answer to any; one that pauses or terminates may be one more.
 * Those of lost connections do not count: the client has given them up. */
static bool too_many_at_once(const struct bosh_session *b, const struct exchange *x)
{
	if (attr(x->wrapper, "pause").p || span_is(attr(x->wrapper, "type"), "terminate"))
		return false;
	return live(&b->held, x->rid) + live(&b->early, x->rid) + 1 > b->window;
}

/* A new rid that the session has no place for. False: it has. */
static bool beyond_window(struct bosh_session *b, struct exchange *x)
{
	uint64_t ahead = x->rid - b->rid;

	if (ahead > b->window + BROWSER_CONNECTIONS) {
		refuse_and_end(b, x, "item-not-found"); /* XEP-0124 14: no number of this session */
	} else if (ahead > b->window || too_many_at_once(b, x)) {
		metric_limit(METRIC_limit_bosh_requests);
		refuse_and_end(b, x, "policy-violation");
	} else {
		return false;
	}
	return true;
}

static void take(struct bosh_session *b, struct exchange *x)
{
	if (b->over) {
		bosh_session_hold(b, x); /* it hears the last words */
		bosh_session_later(b);
		return;
	}
	hand_cookies(b, x);
	if (x->rid <= b->rid) {
		repeat(b, x);
		return;
	}
	if (beyond_window(b, x))
		return;
	b->s.heard_ms = actor_now_ms();
	bosh_session_early(b, x);
	bosh_advance(b);
}

/* --- session creation --- */

static unsigned version_minor(struct span ver)
{
	uint64_t minor;

	if (ver.n > 2 && memcmp(ver.p, "1.", 2) == 0 &&
	    number((struct span){ ver.p + 2, ver.n - 2 }, UINT32_MAX, &minor))
		return minor > 99 ? 99 : (unsigned)minor;
	return ver.n > 1 && ver.p[0] >= '2' && ver.p[0] <= '9' ? 99 : 5; /* XEP-0124 7.1: no version means 1.5 */
}

static void create(struct edge *e, struct exchange *x)
{
	struct stanza *w = x->wrapper;
	struct bosh_wishes wishes = {
		.wait_s = (uint32_t)number_or(attr(w, "wait"), UINT32_MAX),
		.hold = (uint32_t)number_or(attr(w, "hold"), UINT32_MAX),
		.minor = version_minor(attr(w, "ver")),
		.acks = span_is(attr(w, "ack"), "1"),
		.content = attr(w, "content"),
		.newkey = attr(w, "newkey"),
	};
	struct bosh_session *b;

	if (span_empty(attr(w, "to"))) {
		bosh_refuse(x, "improper-addressing");
	} else if (!config_vhost(e->conf, attr(w, "to"))) {
		bosh_refuse(x, "host-unknown");
	} else if (e->stopping) {
		bosh_refuse(x, "system-shutdown");
	} else if (!(b = bosh_session_new(e, x, &wishes, x->rid))) {
		bosh_refuse(x, "policy-violation");
	} else {
		hand_cookies(b, x);
		bosh_session_hold(b, x);
		x->wrapper = NULL;
		b->payload = w;
		b->payload_at = stanza_first(w, STANZA_TOP);
		restart_stream(b, w);
		bosh_advance(b);
	}
}

/* --- any request --- */

/* The worker a sid names; our own for anything that is no sid. */
static unsigned worker_of(const struct edge *e, struct span sid)
{
	unsigned worker = 0;

	if (sid.n != BOSH_SID_MAX - 1)
		return e->worker;
	for (int i = 0; i < 2; i++) {
		char c = sid.p[i];

		if (c >= '0' && c <= '9')
			worker = worker << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			worker = worker << 4 | (unsigned)(c - 'a' + 10);
		else
			return e->worker;
	}
	return worker < e->server->workers ? worker : e->worker;
}

static enum stream_error parse(struct edge *e, const struct regime *r, struct span body, struct stanza **out)
{
	return xml_parse_document(e->pool, body, &r->body, out);
}

static void refuse_body(struct exchange *x, enum stream_error error)
{
	if (error == STREAM_ERROR_POLICY_VIOLATION)
		metric_limit(METRIC_limit_policy);
	bosh_refuse(x, error == STREAM_ERROR_POLICY_VIOLATION ? "policy-violation" : "bad-request");
}

static const struct regime *regime_of(struct edge *e, const struct stanza *w, struct bosh_session **session)
{
	*session = bosh_session_find(e, attr(w, "sid"));
	return *session ? (*session)->s.regime : &e->shared->regimes[REGIME_PREAUTH];
}

/* Its session ends with it; NULL allowed. */
static void refuse_for(struct exchange *x, enum stream_error error, struct bosh_session *session)
{
	refuse_body(x, error);
	if (session)
		bosh_session_over(session, CLOSE_ERROR, "policy-violation", NULL);
}

/* Under `used` the body broke a limit: what session it is of, and whether that one may send it. On another worker only the
 * top is needed, to send it there. */
static bool read_again(struct exchange *x, struct span body, const struct regime *used, struct stanza **out,
		       struct bosh_session **session)
{
	struct edge *e = x->conn->c.edge;
	const struct regime *own;
	struct stanza *head;
	enum stream_error error =
		xml_parse_head(e->pool, body, &e->shared->regimes[REGIME_PREAUTH].body, &head);

	if (error == STREAM_ERROR_NONE && worker_of(e, attr(head, "sid")) != e->worker) {
		*out = head;
		return true;
	}
	if (error == STREAM_ERROR_NONE) {
		own = regime_of(e, head, session);
		http_conn_serves(x->conn, own);
		error = own->name > used->name ? parse(e, own, body, out) : STREAM_ERROR_POLICY_VIOLATION;
		stanza_unref(head);
	}
	if (error == STREAM_ERROR_NONE)
		return true;
	refuse_for(x, error, *session);
	return false;
}

/* Parses under the limits of the session last seen on this connection. Which session it really is for only the body
 * tells: when it is too big for those limits, its top alone is read first; when its own are stricter, it is parsed once
 * more. Nothing is ever parsed under wider limits than those of a session that is there. */
static bool read_wrapper(struct exchange *x, struct span body, struct stanza **out, struct bosh_session **session)
{
	struct http_conn *h = x->conn;
	struct edge *e = h->c.edge;
	const struct regime *used = h->regime, *own;
	enum stream_error error = parse(e, used, body, out);

	if (error == STREAM_ERROR_POLICY_VIOLATION)
		return read_again(x, body, used, out, session);
	if (error != STREAM_ERROR_NONE) {
		refuse_body(x, error);
		return false;
	}
	if (worker_of(e, attr(*out, "sid")) != e->worker)
		return true; /* its own worker looks closer */
	own = regime_of(e, *out, session);
	http_conn_serves(h, own);
	if (own->name >= used->name)
		return true;
	stanza_unref(*out);
	error = parse(e, own, body, out);
	if (error == STREAM_ERROR_NONE)
		return true;
	refuse_for(x, error, *session);
	return false;
}

void bosh_request(struct exchange *x, struct span body)
{
	struct edge *e = x->conn->c.edge;
	struct bosh_session *b = NULL;
	struct stanza *w = NULL;
	struct span sid;
	unsigned worker;

	if (!read_wrapper(x, body, &w, &b))
		return;
	x->wrapper = w;
	sid = attr(w, "sid");
	worker = worker_of(e, sid);
	if (!stanza_el_is(w, STANZA_TOP, "body", NS_HTTPBIND) || !number(attr(w, "rid"), RID_MAX, &x->rid) ||
	    x->rid == 0) {
		bosh_refuse(x, "bad-request");
	} else if (worker != e->worker) {
		x->wrapper = NULL;
		stanza_unref(w);
		exchange_carry(x, body, worker);
	} else if (b) {
		shaper_take(&b->s.shaper, b->s.regime, actor_now_ms(), body.n, 0);
		take(b, x);
	} else if (sid.p) {
		bosh_refuse(x, "item-not-found");
	} else {
		create(e, x);
	}
}
