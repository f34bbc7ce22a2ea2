/* Visitors' words on disk: their rows in the DESK_LEFT log (owner = the tenant's domain, tag = the visitor's bare JID). A word
 * gets one when nobody is there, and when its owner's client has not acknowledged it soon (decision 0005); it goes when the word
 * was answered or is with a client. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/desk/state.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/parser.h"

#define ROWS_AT_ONCE 500u
#define SAVE_AGAIN_MS 5000u

/* --- writing --- */

void left_save(struct desk *self, struct conversation *c)
{
	const struct config *conf = self->server->conf;

	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);
		struct store_request *r;

		if (w->row || w->storing || conversation_has_arrived(c, w))
			continue;
		r = store_request_new(STORE_OP_LOG_APPEND, STORE_DESK_LEFT, jid_domain(c->visitor), jid_bare(c->visitor),
				      &desk_stored_kind);
		stanza_save(&r->value, w->stanza, jid_full(w->from), SPAN_NONE);
		r->time_us = w->time_us;
		r->limit = (uint64_t)conf->desk_waiting_max;
		r->total = (uint64_t)conf->desk_waiting_total;
		r->note[0] = w->number;
		r->relaxed = config_durability(conf, jid_domain(c->visitor)) == CONFIG_DURABILITY_D1;
		w->storing = true;
		r->note[1] = c->phase == CONVERSATION_WAITING ? METRIC_desk_left_messages : METRIC_custody_saved;
		actor_send(self->server->store, &r);
	}
}

void left_forget(struct desk *self, const struct conversation *c, uint64_t row)
{
	struct store_request *r = store_request_new(STORE_OP_LOG_DELETE_ONE, STORE_DESK_LEFT, jid_domain(c->visitor),
						    jid_bare(c->visitor), NULL);

	r->seq = row;
	actor_send(self->server->store, &r);
}

void left_settle(struct desk *self, struct conversation *c)
{
	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		if (!w->row || !conversation_has_arrived(c, w))
			continue;
		left_forget(self, c, w->row);
		w->row = 0;
	}
}

void left_tell(struct desk *self, struct conversation *c)
{
	char id[CONVERSATION_ID_MAX + 16];
	struct notice n = { .id = id, .kind = "message-left", .conversation = c->id, .epoch = c->epoch, .hold_s = -1,
			    .body = "【系统】当前客服不在线，您的留言已收到，客服上线后会尽快回复您。\n"
				    "Nobody is available right now. Your message has been kept and will be answered as soon as "
				    "somebody is here." };

	if (c->phase != CONVERSATION_WAITING || c->told || !conversation_is_owed(c) ||
	    c->visitor_phase == VISITOR_PHASE_LEFT)
		return;
	LIST_EACH(it, &c->words)
		if (!CONTAINER_OF(it, struct word, link)->row)
			return;
	(void)snprintf(id, sizeof(id), "%s-n%" PRIu32, c->id, ++c->notices);
	desk_send(self, notice_message(self->builder, &n), desk_host(self, c->visitor)->desk, c->visitor,
		  PACKET_SERVER | PACKET_NO_STORE);
	c->told = true;
}

/* The word cannot be kept, and no owner has it: the visitor gets it back. */
static void refuse(struct desk *self, struct conversation *c, struct word *w, enum status status)
{
	struct packet p = packet_make(stanza_ref(w->stanza), w->from, desk_host(self, c->visitor)->desk, 0);

	p.pledge = w->pledge;
	w->pledge = NULL;
	if (status == STATUS_LIMIT)
		metric_limit(METRIC_limit_desk);
	else
		LOG_ERROR("desk", "a message of %.*s could not be kept: %s", SPAN_FMT(jid_bare(c->visitor)),
			  status_text(status));
	desk_bounce(self, &p, status == STATUS_LIMIT || status == STATUS_FULL ? STANZA_ERROR_RESOURCE_CONSTRAINT :
		    STANZA_ERROR_INTERNAL_SERVER_ERROR, NULL);
	conversation_remove_word(c, w);
	if (conversation_is_owed(c) || c->phase != CONVERSATION_WAITING)
		return;
	owner_release(self, c);
	c->phase = CONVERSATION_IDLE;
	desk_place(self, c);
	traffic_settle_claims(self, c, NULL); /* the pool's answer to a seat counts no more: it is asked again */
}

static void on_written(struct desk *self, struct store_request *r)
{
	struct jid *visitor = jid_parse(span_of(r->key));
	struct conversation *c = visitor ? desk_find(self, visitor) : NULL;
	struct word *w = c ? conversation_find_word(c, r->note[0]) : NULL;

	if (r->status == STATUS_OK)
		metric_inc((enum metric)r->note[1]);
	if (r->status == STATUS_OK && (!self->first_row || r->seq < self->first_row))
		self->first_row = r->seq;
	if (w)
		w->storing = false;
	if (w && !conversation_has_arrived(c, w) && r->status == STATUS_OK) {
		w->row = r->seq;
		pledge_drop(&w->pledge);
		left_tell(self, c);
	} else if (w && r->status != STATUS_OK) {
		if (c->phase == CONVERSATION_WAITING)
			refuse(self, c, w, r->status);
		else
			c->due[DUE_SAVE] = actor_now_ms() + SAVE_AGAIN_MS; /* an owner may have it before that */
	} else if (r->status == STATUS_OK) { /* answered, or with a client, meanwhile */
		struct store_request *forget = store_request_new(STORE_OP_LOG_DELETE_ONE, STORE_DESK_LEFT, span_of(r->owner),
								 span_of(r->key), NULL);

		forget->seq = r->seq;
		actor_send(self->server->store, &forget);
	}
	if (c)
		desk_schedule(self, c);
	jid_unref(visitor);
}

/* --- reading, at start --- */

static void read_from(struct desk *self, struct span domain, uint64_t after, uint64_t delay_ms)
{
	struct store_request *r = store_request_new(STORE_OP_LOG_READ, STORE_DESK_LEFT, domain, SPAN_NONE,
						    &desk_stored_kind);

	r->seq = after;
	r->limit = ROWS_AT_ONCE;
	if (delay_ms)
		actor_send_after(self->server->store, &r, delay_ms);
	else
		actor_send(self->server->store, &r);
}

void left_load(struct desk *self, struct span domain)
{
	read_from(self, domain, 0, 0);
}

static bool is_same(const struct stanza *a, const struct stanza *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	bool same;

	stanza_save(&x, a, SPAN_NONE, SPAN_NONE);
	stanza_save(&y, b, SPAN_NONE, SPAN_NONE);
	same = span_eq(buf_span(&x), buf_span(&y));
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

/* A word may have two rows: the deletion of its first and the writing of its second failed, and the server died before either was
 * tried again. A disk whose sync failed may have the second all the same. No two words of a desk have the same time. */
static bool has_row_already(const struct conversation *c, const struct stanza *s, uint64_t time_us)
{
	LIST_EACH(it, &c->words) {
		const struct word *w = CONTAINER_OF(it, struct word, link);

		if (w->row && w->time_us == time_us && is_same(w->stanza, s))
			return true;
	}
	return false;
}

static void load_row(struct desk *self, struct xml_pool *pool, const struct store_row *row)
{
	static const struct xml_limits no_limits; /* they held when the message came in */
	struct jid *visitor = jid_parse(span_of(row->key)), *from = NULL;
	struct conversation *c;
	struct stanza *s = NULL;
	struct list dropped;
	struct word *w;

	/* Not ours, or written since the start and known already (its answer came before this one). */
	if (!visitor || server_desk(self->server, visitor) != self->self ||
	    (self->first_row && row->seq >= self->first_row)) {
		jid_unref(visitor);
		return;
	}
	if (xml_parse_document(pool, (struct span){ row->bytes, row->n }, &no_limits, &s) != STREAM_ERROR_NONE) {
		LOG_ERROR("desk", "left message %" PRIu64 " of %s cannot be read; it stays in the store", row->seq, row->key);
		jid_unref(visitor);
		return;
	}
	from = stanza_from(s).p ? jid_parse(stanza_from(s)) : NULL;
	if (!desk_find(self, visitor))
		visitor_open_absent(self, visitor)->told = true;
	c = desk_find(self, visitor);
	if (has_row_already(c, s, row->time_us)) {
		left_forget(self, c, row->seq);
		goto done;
	}
	list_init(&dropped);
	w = conversation_add_word(c, s, from && jid_eq_bare(from, visitor) ? from : visitor, ++self->numbers, row->time_us,
				  UINT32_MAX, &dropped);
	w->row = row->seq;
	w->late = true;
	c->reason = REASON_LEFT_MESSAGE;
	owner_seek(self, c);
	desk_schedule(self, c);
done:
	stanza_unref(s);
	jid_unref(from);
	jid_unref(visitor);
}

static void on_read(struct desk *self, struct store_request *r)
{
	struct xml_pool *pool;

	if (r->status != STATUS_OK) {
		LOG_ERROR("desk", "left messages of %s cannot be read, trying again in %u s: %s", r->owner, DESK_READ_AGAIN_MS / 1000,
			  status_text(r->status));
		read_from(self, span_of(r->owner), r->seq, DESK_READ_AGAIN_MS);
		return;
	}
	if (r->row_count == 0)
		return;
	pool = xml_pool_new();
	for (size_t i = 0; i < r->row_count; i++)
		load_row(self, pool, &r->rows[i]);
	xml_pool_free(pool);
	if (r->row_count >= ROWS_AT_ONCE)
		read_from(self, span_of(r->owner), r->rows[r->row_count - 1].seq, 0);
}

void left_on_stored(struct desk *self, struct store_request *r)
{
	if (r->op == STORE_OP_LOG_READ)
		on_read(self, r);
	else if (r->op == STORE_OP_LOG_APPEND)
		on_written(self, r);
}
