/* What a BOSH client gets: the body of an answer, the greeting, the last words, and the cache in which answers wait for
 * those who did not get them. */
#include "actors/edge/bosh_answer.h"

#include <stdlib.h>

#include "actors/edge/wrap.h"
#include "runtime/mutant.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

/* --- the cache --- */

static struct bosh_answer *row_of(const struct bosh_session *b, uint64_t rid)
{
	return &b->cache[rid % (b->window + 1u)];
}

const struct bosh_answer *bosh_answer_cached(const struct bosh_session *b, uint64_t rid)
{
	const struct bosh_answer *row = row_of(b, rid);

	return row->rid == rid ? row : NULL;
}

static void add_cookie(const struct bosh_session *b, const struct exchange *x, struct buf *extra)
{
	const struct edge *e = b->s.edge;
	struct visitor_cookie_key key = { e->server->secret, span_of(b->s.vhost->name) };
	struct buf value = BUF_INIT;

	visitor_cookie_value(&value, key, b->cookie_local, outside_wall_us() / 1000000);
	visitor_cookie_header(extra, key, buf_span(&value), e->conf->visitor_cookie_lifetime, x->secure);
	buf_fini(&value);
}

void bosh_answer_send(struct bosh_session *b, const struct bosh_answer *row, struct exchange *x)
{
	struct buf extra = BUF_INIT;

	buf_add_text(&extra, BOSH_HEADERS);
	if (row->with_cookie)
		add_cookie(b, x, &extra);
	exchange_answer(x, 200, b->content, buf_span(&extra), buf_span(&row->body));
	buf_fini(&extra);
}

/* --- answers --- */

static void add_greeting(const struct bosh_session *b, struct buf *body)
{
	const struct config *conf = b->s.edge->conf;
	char ver[8] = "1.";

	ver[2] = (char)(b->minor >= 10 ? '1' : '0' + b->minor);
	if (b->minor >= 10)
		ver[3] = (char)('0' + b->minor - 10);
	wrap_attr(body, "sid", span_of(b->sid));
	wrap_number(body, "wait", b->wait_ms / 1000);
	wrap_number(body, "requests", b->window);
	wrap_number(body, "hold", b->hold);
	wrap_number(body, "inactivity", b->inactivity_ms / 1000);
	wrap_number(body, "polling", (uint64_t)conf->bosh_min_polling);
	if (conf->bosh_max_pause)
		wrap_number(body, "maxpause", (uint64_t)conf->bosh_max_pause);
	wrap_attr(body, "ver", span_of(ver));
	if (b->s.vhost)
		wrap_attr(body, "from", span_of(b->s.vhost->name));
	if (b->s.secure)
		wrap_attr(body, "secure", SPAN_LIT("true"));
	if (b->intake)
		wrap_number(body, "ack", b->rid);
	wrap_attr(body, "charsets", SPAN_LIT("UTF-8"));
	if (b->s.login)
		wrap_attr(body, "authid", span_of(b->s.login->id));
	wrap_attr(body, "xmlns:stream", SPAN_LIT(NS_STREAM));
	wrap_attr(body, "xmlns:xmpp", SPAN_LIT(NS_XBOSH));
	wrap_attr(body, "xmpp:version", SPAN_LIT("1.0"));
	wrap_attr(body, "xmpp:restartlogic", SPAN_LIT("true"));
}

static void write_packet(struct buf *body, const struct packet *p)
{
	stanza_write(body, p->stanza, p->from ? jid_full(p->from) : SPAN_NONE, p->to ? jid_full(p->to) : SPAN_NONE,
		     STANZA_FORM_ALONE);
}

static void write_queue(struct bosh_session *b, struct buf *body, uint64_t rid)
{
	int64_t room = b->s.edge->conf->bosh_batch;
	struct pending *node;

	while (room-- > 0 && (node = pending_pop(&b->queue))) {
		write_packet(body, &node->packet);
		b->queued--;
		b->queued_bytes -= stanza_bytes(node->packet.stanza);
		if (MUTANT(bosh_response_forgotten)) {
			stream_tell_written(&b->s, node->receipt);
			packet_clear(&node->packet);
		} else {
			stream_track(&b->s, &node->packet, node->receipt, rid);
		}
		free(node);
	}
}

static void write_last_words(struct bosh_session *b, struct buf *body)
{
	struct pending *node;

	wrap_attr(body, "type", SPAN_LIT("terminate"));
	if (b->condition)
		wrap_attr(body, "condition", span_of(b->condition));
	wrap_body_content(body);
	while ((node = pending_pop(&b->queue))) {
		write_packet(body, &node->packet);
		packet_clear(&node->packet);
		free(node);
	}
	if (b->error)
		stanza_write(body, b->error, SPAN_NONE, SPAN_NONE, STANZA_FORM_ALONE);
}

/* Answers the oldest held request; invariants 1 and 3. */
void bosh_answer_oldest(struct bosh_session *b)
{
	struct exchange *x = CONTAINER_OF(b->held.next, struct exchange, waiting);
	struct bosh_answer *row = row_of(b, x->rid);

	buf_fini(&row->body);
	free(row->key);
	*row = (struct bosh_answer){ .rid = x->rid, .body = BUF_INIT, .key = x->key, .with_cookie = b->with_cookie };
	x->key = NULL;
	b->with_cookie = false;
	wrap_body_begin(&row->body);
	if (b->greeting)
		add_greeting(b, &row->body);
	else if (b->intake && b->intake->rid != x->rid) /* without it an answer acknowledges its own request */
		wrap_number(&row->body, "ack", b->intake->rid);
	b->greeting = false;
	if (b->over) {
		write_last_words(b, &row->body);
	} else {
		wrap_body_content(&row->body);
		write_queue(b, &row->body, x->rid);
	}
	wrap_body_end(&row->body);
	buf_trim(&row->body); /* it stays, and most sessions are idle */
	b->held_count--;
	list_remove(&x->waiting);
	bosh_answer_send(b, row, x);
}
