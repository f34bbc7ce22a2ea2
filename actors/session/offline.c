#include "actors/session/offline.h"

#include <stdlib.h>

#include "actors/session/custody.h"
#include "actors/session/amp_rules.h"
#include "actors/session/privacy.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/mutant.h"
#include "xmpp/datetime.h"
#include "xmpp/ns.h"
#include "xmpp/parser.h"

/* A page waits in its client's output as a whole: far less than any hard bound of it. */
#define PAGE_ROWS 100u
#define PAGE_BYTES 65536u
#define HELD_MAX 1000u
/* In user->returned: no session's, but of messages that wait for the store. */
#define OFFLINE_AGAIN UINT64_MAX
/* A visitor who left rarely comes back for more (reliability 6b). */
#define VISITOR_KEEP_MAX 50u

struct offline_flush {
	uint64_t session;   /* handle; stale when it ended while a page was read */
	uint64_t after;     /* row number of the last one given out */
	unsigned in_flight; /* rows given out and not written yet */
	bool reading;       /* a page is on its way from the store */
	bool more;          /* rows may be left: live messages are held */
	bool failed;        /* the store did not answer; SHARD_TICK tries again */
	unsigned held_count;
	struct list held;   /* of struct waiting */
};

/* --- keeping --- */

static bool is_only_chat_state(const struct stanza *s)
{
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el))
		if (stanza_el_is(s, el, NULL, NS_CHATSTATES))
			return !stanza_has_body(s);
	return false;
}

bool offline_is_storable(const struct passage *p)
{
	const struct config_list *paths = &p->server->conf->msg_store_paths;

	return delivery_is_storable(p->packet.stanza, paths->items, paths->count);
}

bool offline_read_limit(struct span text, uint64_t *count)
{
	*count = UINT64_MAX;
	if (span_is(text, "none") || span_is(text, "false"))
		return true;
	*count = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*count = *count * 10 + (uint64_t)(text.p[i] - '0');
	}
	return text.n > 0 && text.n <= 9;
}

static bool is_loaded(const struct config *conf)
{
	return conf->plugins[CONFIG_PLUGIN_amp] || conf->plugins[CONFIG_PLUGIN_msgoffline];
}

/* How many of one sender are kept for this user, UINT64_MAX = any number. False: the store is being asked. */
static bool knows_limit(struct passage *p, uint64_t *most)
{
	const struct config *conf = p->server->conf;
	const struct store_request *r;
	uint64_t own;

	*most = conf->store_limit ? (uint64_t)conf->store_limit : UINT64_MAX;
	if (!conf->user_store_limit || p->user->class == CLASS_VISITOR)
		return true;
	r = passage_read(p, STORE_OP_GET, STORE_OFFLINE_LIMIT, jid_bare(p->user->bare), SPAN_NONE);
	if (r && r->status == STATUS_OK && offline_read_limit(buf_span(&r->value), &own))
		*most = own;
	return r != NULL;
}

static void append(struct passage *p, uint64_t most)
{
	const struct config *conf = p->server->conf;
	const struct packet *q = &p->packet;
	struct packet copy = packet_copy(q);
	struct store_request *r = store_request_new(STORE_OP_LOG_APPEND, STORE_OFFLINE, jid_bare(p->user->bare),
						    jid_bare(q->from), &shard_stored_kind);

	stanza_save(&r->value, q->stanza, jid_full(q->from), jid_full(q->to));
	r->time_us = custody_time_us(p);
	r->limit = most == UINT64_MAX ? 0 : most;
	r->total = p->user->class == CLASS_VISITOR ? VISITOR_KEEP_MAX : (uint64_t)conf->store_limit_total;
	/* Its sender was told that it is safe and may be gone: an error would reach nobody. How many such there are is
	 * bounded by what receivers may leave unacknowledged; the second total bounds those who come and go. */
	if (custody_is_promised(p)) {
		r->limit = 0;
		r->total *= 2;
	}
	r->packet = packet_note_new(&copy);
	r->note[0] = custody_move(p);
	outbox_store(p->out, p->server, p->user, r);
}

/* The promised message in passing: it lies in its row, and is decided anew when the store may be whole again. What comes for its user
 * waits behind it. */
static void keep_later(struct passage *p)
{
	struct packet again = packet_copy(&p->packet);

	again.flags |= PACKET_RETURNED | PACKET_CUSTODY;
	list_push_back(&p->user->returned, &waiting_new(&again, false, OFFLINE_AGAIN)->link);
	p->user->waits_for_store = true;
}

static enum xep_verdict too_many(struct passage *p)
{
	metric_inc(METRIC_offline_refused);
	if (p->server->conf->quota_exceeded == CONFIG_QUOTA_DROP)
		return XEP_REFUSED;
	return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, "Offline messages queue is full");
}

/* An account that keeps nothing and one that does not exist answer alike, so accounts cannot be enumerated. */
enum xep_verdict offline_keep(struct passage *p)
{
	const struct packet *q = &p->packet;
	uint64_t most;

	if (q->flags & (PACKET_NO_STORE | PACKET_FROM_STORE))
		return XEP_REFUSED; /* not worth it, or its row is still there */
	if (is_only_chat_state(q->stanza))
		return XEP_REFUSED; /* XEP-0085: typing at nobody is no news */
	if (!p->server->conf->msg_offline || !offline_is_storable(p))
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	if (!passage_knows_account(p))
		return XEP_WAIT;
	if (p->user->account == FACT_LOST && custody_move(p)) {
		keep_later(p);
		return XEP_REFUSED;
	}
	if (p->user->account == FACT_LOST)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	if (p->user->account == FACT_NO &&
	    delivery_decide(STANZA_MESSAGE, stanza_type(q->stanza), DELIVERY_BARE, DELIVERY_NO_ACCOUNT) == DELIVERY_BOUNCE)
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	if (!knows_limit(p, &most))
		return XEP_WAIT;
	if (most == 0 && !custody_is_promised(p))
		return too_many(p);
	append(p, most);
	p->is_kept = true;
	return XEP_REFUSED; /* nobody has it yet */
}

enum xep_verdict offline_would_keep(struct passage *p)
{
	const struct packet *q = &p->packet;
	uint64_t most;

	if (!is_loaded(p->server->conf) || !p->server->conf->msg_offline || (q->flags & (PACKET_NO_STORE | PACKET_FROM_STORE)) ||
	    is_only_chat_state(q->stanza) || !offline_is_storable(p))
		return XEP_REFUSED;
	if (!passage_knows_account(p))
		return XEP_WAIT;
	if (p->user->account != FACT_YES)
		return XEP_REFUSED;
	if (!knows_limit(p, &most))
		return XEP_WAIT;
	return most ? XEP_DONE : XEP_REFUSED;
}

void offline_kept(struct passage *p, struct store_request *r)
{
	uint64_t promised = r->note[0];

	if (promised && r->status != STATUS_OK && r->status != STATUS_LIMIT) {
		keep_later(p);
		return;
	}
	if (promised)
		custody_moved(p->users, p->out, promised);
	if (r->status == STATUS_OK) {
		metric_inc(METRIC_offline_stored);
		return;
	}
	if (r->status == STATUS_LIMIT) {
		too_many(p);
		return;
	}
	passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
}

/* --- giving out --- */

static void read_page(struct passage *p, struct offline_flush *f)
{
	struct span owner = jid_bare(p->user->bare);
	struct store_request *r =
		store_request_new(STORE_OP_LOG_READ, STORE_OFFLINE, owner, SPAN_NONE, &shard_stored_kind);

	r->seq = f->after;
	r->limit = PAGE_ROWS;
	r->bytes = PAGE_BYTES;
	f->reading = f->more = true;
	f->failed = false;
	outbox_store(p->out, p->server, p->user, r);
}

void offline_begin(struct passage *p, struct session *s)
{
	struct offline_flush *f;

	if (p->user->flush || !is_loaded(p->server->conf))
		return;
	f = p->user->flush = xcalloc(1, sizeof(*f));
	f->session = s->handle;
	list_init(&f->held);
	read_page(p, f);
}

/* Before what waits already, for it came later. The shard runs them before it returns. */
static void release_held(struct user *user, struct offline_flush *f)
{
	while (!list_empty(&f->held)) {
		struct list *last = f->held.prev;

		list_remove(last);
		list_push_back(user->waiting.next, last);
		user->waiting_count++;
	}
	f->held_count = 0;
}

static void end_flush(struct user *user)
{
	release_held(user, user->flush);
	free(user->flush);
	user->flush = NULL;
}

/* Its session ended: another one that takes messages gets the rest. */
static void start_again(struct passage *p)
{
	end_flush(p->user);
	LIST_EACH(it, &p->user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		if (s->takes_offline && !s->looks_itself && session_is_available(p->users, s) && session_priority(p->users, s) >= 0) {
			offline_begin(p, s);
			return;
		}
	}
}

static bool has_our_delay(const struct stanza *s, const struct user *user)
{
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el))
		if (stanza_el_is(s, el, "delay", NS_DELAY) &&
		    span_eq(stanza_attr(s, el, "from"), jid_domain(user->bare)))
			return true;
	return false;
}

struct stanza *offline_stamped(struct passage *p, struct stanza *s, uint64_t time_us)
{
	struct builder *b = p->builder;
	char stamp[DATETIME_MAX];
	struct stanza *out;

	if (has_our_delay(s, p->user))
		return s; /* the desk said already when it was written */
	datetime_text(time_us, stamp);
	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	builder_copy_children(b, s, STANZA_TOP);
	builder_open(b, "delay", NS_DELAY);
	builder_attr(b, "from", jid_domain(p->user->bare));
	builder_attr_text(b, "stamp", stamp);
	builder_text(b, SPAN_LIT("Offline Storage"));
	builder_close(b);
	builder_close(b);
	out = builder_finish(b);
	stanza_unref(s);
	return out;
}

void offline_delete_row(struct passage *p, uint64_t seq)
{
	struct store_request *r =
		store_request_new(STORE_OP_LOG_DELETE_ONE, STORE_OFFLINE, jid_bare(p->user->bare), SPAN_NONE, NULL);

	r->seq = seq;
	outbox_store(p->out, p->server, NULL, r);
}

struct stanza *offline_parse_row(struct passage *p, const struct store_row *row, struct jid **from)
{
	static const struct xml_limits no_limits;
	struct stanza *s = NULL;

	*from = NULL;
	if (xml_parse_document(p->xml, (struct span){ row->bytes, row->n }, &no_limits, &s) != STREAM_ERROR_NONE)
		return NULL;
	*from = jid_parse(stanza_from(s));
	if (*from)
		return s;
	stanza_unref(s);
	return NULL;
}

static void give_row(struct passage *p, struct offline_flush *f, struct session *s, const struct store_row *row)
{
	struct jid *from;
	struct stanza *stanza = offline_parse_row(p, row, &from);
	struct packet packet;

	f->after = row->seq;
	if (!stanza) {
		LOG_ERROR("offline", "%.*s: row %llu is damaged and left out", SPAN_FMT(jid_bare(p->user->bare)),
			  (unsigned long long)row->seq);
		return;
	}
	if (!privacy_lets(p, s, privacy_kind_in(stanza), from)) { /* blocked since: it stays where it is */
		stanza_unref(stanza);
		jid_unref(from);
		return;
	}
	if (amp_rules_expired(p, stanza, from, true)) {
		metric_inc(METRIC_offline_expired);
		offline_delete_row(p, row->seq);
		stanza_unref(stanza);
		jid_unref(from);
		return;
	}
	packet = packet_make(offline_stamped(p, stanza, row->time_us), from, p->user->bare, PACKET_SERVER | PACKET_FROM_STORE);
	jid_unref(from);
	f->in_flight++;
	outbox_deliver(p->out, s, &packet, row->seq);
	if (MUTANT(delete_offline_before_ack))
		offline_delete_row(p, row->seq);
}

/* After any step: the next page, or the end. */
static void go_on(struct passage *p, struct offline_flush *f)
{
	if (f->reading || f->in_flight)
		return;
	if (f->more)
		read_page(p, f);
	else
		end_flush(p->user);
}

static void wait_for_tick(struct passage *p, struct offline_flush *f)
{
	f->failed = true;
	f->more = false;
	release_held(p->user, f);
}

void offline_page(struct passage *p, struct store_request *r)
{
	struct offline_flush *f = p->user->flush;
	struct session *s;

	ASSERT(f && f->reading);
	f->reading = false;
	s = users_session(p->users, f->session);
	if (!s) {
		start_again(p);
		return;
	}
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND) {
		wait_for_tick(p, f);
		return;
	}
	for (size_t i = 0; i < r->row_count; i++)
		give_row(p, f, s, &r->rows[i]);
	f->more = r->row_count == PAGE_ROWS || r->cut;
	if (!f->more)
		release_held(p->user, f);
	go_on(p, f);
}

void offline_written(struct passage *p, struct session *s, uint64_t receipt)
{
	struct offline_flush *f = p->user->flush;

	metric_inc(METRIC_offline_delivered);
	offline_delete_row(p, receipt);
	if (!f || f->session != s->handle)
		return;
	ASSERT(f->in_flight > 0);
	f->in_flight--;
	go_on(p, f);
}

void offline_session_gone(struct passage *p, const struct session *s)
{
	struct offline_flush *f = p->user->flush;

	if (!f || f->session != s->handle)
		return;
	f->in_flight = 0;
	if (!f->reading)
		start_again(p);
}

bool offline_hold(struct passage *p)
{
	struct offline_flush *f = p->user->flush;
	struct packet copy;

	/* What became of the user's own words need not wait for those of others; and while it waited, the word would count
	 * as handled and its error be in memory alone. */
	if (!f || !f->more || stanza_type(p->packet.stanza) == STANZA_TYPE_ERROR)
		return false;
	if (f->held_count >= HELD_MAX) {
		metric_limit(METRIC_limit_waiting);
		passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
		return true;
	}
	custody_hold(p); /* if it came back it keeps its row as long as it is held */
	copy = packet_copy(&p->packet);
	list_push_back(&f->held, &waiting_new(&copy, false, 0)->link);
	f->held_count++;
	return true;
}

bool offline_is_failed(const struct user *user)
{
	return user->waits_for_store || (user->flush && user->flush->failed);
}

void offline_retry(struct passage *p)
{
	struct offline_flush *f = p->user->flush;

	if (f && f->failed)
		read_page(p, f);
	if (p->user->waits_for_store)
		user_release_returned(p->user, OFFLINE_AGAIN);
	p->user->waits_for_store = false;
}

void offline_free(struct user *user)
{
	struct list *link;

	if (!user->flush)
		return;
	while ((link = list_pop_front(&user->flush->held)))
		waiting_free(CONTAINER_OF(link, struct waiting, link));
	free(user->flush);
	user->flush = NULL;
}
