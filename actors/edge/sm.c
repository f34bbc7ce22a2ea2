#include "actors/edge/login.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/sm.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/metric.h"
#include "runtime/mutant.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

/* As much is asked for at once: what is stored for a client is read in pages of a few times that, and the next one waits for it. */
#define ASK_BYTES 16384u
#define PAST_MAX (UINT32_C(1) << 31) /* an h that lies further back is one that was never reached */

static bool is_awake(const struct stream *s)
{
	return s->conn && !s->sm->greeting;
}

bool sm_possible(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_sm] && s->ops->write && !s->astray;
}

/* --- elements --- */

static struct builder *start(struct stream *s, const char *name)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	builder_open(b, name, NS_SM);
	return b;
}

static void attr_number(struct builder *b, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	builder_attr_text(b, name, text);
}

static void finish(struct stream *s, struct builder *b)
{
	builder_close(b);
	s->ops->element(s, builder_finish(b));
}

void sm_add_failed(struct builder *b, enum stanza_error condition, const struct sm_grave *grave)
{
	builder_open(b, "failed", NS_SM);
	if (grave && !grave->mute)
		attr_number(b, "h", grave->h);
	builder_leaf(b, stanza_error_text(condition), NS_STANZAS, SPAN_NONE);
	builder_close(b);
}

void sm_refuse(struct stream *s, enum stanza_error condition, const struct sm_grave *grave)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	sm_add_failed(b, condition, grave);
	if (s->phase == STREAM_SETTLING)
		sasl2_not_resumed(s, builder_finish(b));
	else
		s->ops->element(s, builder_finish(b));
}

bool sm_read_number(struct span text, uint32_t *out)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 10)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= UINT32_MAX;
}

/* --- from the client --- */

void sm_void_on_its_way(struct sm *m)
{
	intake_forget(&m->in);
}

static void tell(struct stream *s)
{
	struct sm *m = s->sm;
	struct builder *b = start(s, "a");

	attr_number(b, "h", (uint32_t)m->in.handled);
	finish(s, b);
	/* An answer is never withheld; when it falls short, the rest follows by itself. */
	m->owed = m->in.handled < m->in.received ? m->in.received : 0;
}

void sm_handled(struct stream *s, uint64_t number)
{
	struct sm *m = s->sm;

	intake_handled(&m->in, number);
	sm_state_later(s);
	if (m->greeting && s->conn && m->in.handled == m->in.received)
		sm_greet(s);
	else if (m->owed && m->in.handled >= m->owed && is_awake(s))
		tell(s);
}

/* --- to the client --- */

static void ask(struct stream *s)
{
	struct sm *m = s->sm;

	m->asking = true;
	m->asked = m->sent;
	m->ask_by_ms = 0;
	finish(s, start(s, "r"));
}

void sm_ask_soon(struct stream *s)
{
	const struct config *conf = s->edge->conf;
	struct sm *m = s->sm;

	if (m->asking || !m->queue.first || !is_awake(s))
		return;
	if (m->sent - m->asked >= (uint64_t)conf->sm_ask_count || (m->sent != m->asked && m->queued_bytes >= ASK_BYTES)) {
		ask(s);
	} else if (!m->ask_by_ms) {
		m->ask_by_ms = actor_now_ms() + (uint64_t)conf->sm_ask_delay;
		stream_rearm(s);
	}
}

void sm_deliver(struct stream *s, struct packet *p, uint64_t receipt)
{
	struct sm *m = s->sm;
	uint32_t most = s->regime->unacknowledged, bytes_max = s->regime->conn.out_hard;

	if (MUTANT(drop_on_mailbox_full) && most && m->sent - m->acked >= most) {
		stream_tell_written(s, receipt);
		packet_clear(p);
		return;
	}
	m->sent++;
	m->queued_bytes += stanza_bytes(p->stanza);
	if (is_awake(s))
		s->ops->write(s, p);
	pending_add(&m->queue, p, receipt, m->sent);
	if ((most && m->sent - m->acked > most) || (bytes_max && m->queued_bytes > bytes_max))
		stream_fail(s, STREAM_ERROR_RESOURCE_CONSTRAINT, NULL);
	else
		sm_ask_soon(s);
}

void sm_add_resumed(const struct sm *m, struct builder *b)
{
	builder_open(b, "resumed", NS_SM);
	attr_number(b, "h", (uint32_t)m->in.handled);
	builder_attr_text(b, "previd", m->id);
	builder_close(b);
}

static bool is_past(const struct sm *m, uint32_t h)
{
	uint32_t back = (uint32_t)m->acked - h;

	return back < PAST_MAX && back <= m->acked;
}

bool sm_h_is_possible(const struct sm *m, uint32_t h)
{
	return (uint32_t)(h - (uint32_t)m->acked) <= m->sent - m->acked || is_past(m, h);
}

void sm_too_high(struct stream *s, const struct sm *m, uint32_t h)
{
	struct builder *b = start(s, "handled-count-too-high");

	attr_number(b, "h", h);
	attr_number(b, "send-count", (uint32_t)m->sent);
	builder_close(b);
	stream_fail_detail(s, STREAM_ERROR_UNDEFINED_CONDITION, builder_finish(b));
}

void sm_acknowledge(struct stream *s, uint32_t h)
{
	struct sm *m = s->sm;
	uint32_t ahead = h - (uint32_t)m->acked;
	struct pending *node;

	if (ahead > m->sent - m->acked)
		return;
	m->acked += ahead;
	while (m->queue.first && m->queue.first->mark <= m->acked) {
		node = pending_pop(&m->queue);
		m->queued_bytes -= stanza_bytes(node->packet.stanza);
		stream_tell_written(s, node->receipt);
		packet_clear(&node->packet);
		free(node);
	}
	sm_state_later(s);
}

static void on_ack(struct stream *s, const struct stanza *el)
{
	uint32_t h;

	if (!sm_read_number(stanza_attr(el, STANZA_TOP, "h"), &h)) {
		stream_fail(s, STREAM_ERROR_BAD_FORMAT, NULL);
		return;
	}
	if (!sm_h_is_possible(s->sm, h)) {
		sm_too_high(s, s->sm, h);
		return;
	}
	s->sm->asking = false;
	sm_acknowledge(s, h);
	sm_ask_soon(s);
}

/* --- on and off --- */

/* Seats are held no longer than this either; a robot is another one's at once (live-chat 4.1, 4.3). */
static uint32_t window_s(const struct stream *s, struct span wanted)
{
	const struct config *conf = s->edge->conf;
	const struct server *server = s->edge->server;
	enum client_class class = server_class(server, s->full);
	uint64_t seconds = (uint64_t)conf->sm_timeout, most = (uint64_t)conf->sm_timeout_max;
	uint32_t number;

	if (conf->sm_timeout == 0 || (server->desk_on && class == CLASS_ROBOT))
		return 0;
	if (server->desk_on && class == CLASS_SEAT && (uint64_t)conf->desk_hold < most)
		most = (uint64_t)conf->desk_hold;
	if (sm_read_number(wanted, &number) && number > 0)
		seconds = number;
	return (uint32_t)(seconds < most ? seconds : most);
}

void sm_enable(struct stream *s, struct builder *b, bool resumable, struct span max)
{
	struct sm *m = xcalloc(1, sizeof(*m));
	uint32_t window = resumable ? window_s(s, max) : 0;

	builder_open(b, "enabled", NS_SM);
	s->sm = m;
	s->intake = &m->in;
	metric_add(METRIC_sm_sessions, 1);
	if (window) {
		outside_random_hex(m->id, (SM_ID_MAX - 1) / 2);
		m->window_ms = window * 1000;
		map_put(s->edge->resumable, span_of(m->id), s);
		builder_attr_text(b, "id", m->id);
		builder_attr_text(b, "resume", "true");
		attr_number(b, "max", window);
	}
	builder_close(b);
}

static void enable(struct stream *s, const struct stanza *el)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	sm_enable(s, b, stanza_is_true(stanza_attr(el, STANZA_TOP, "resume")), stanza_attr(el, STANZA_TOP, "max"));
	s->ops->element(s, builder_finish(b));
}

void sm_element(struct stream *s, const struct stanza *el)
{
	struct span name = stanza_name(el, STANZA_TOP);

	if (span_is(name, "enable") && !s->sm)
		enable(s, el);
	else if (span_is(name, "resume"))
		sm_refuse(s, STANZA_ERROR_UNEXPECTED_REQUEST, NULL);
	else if (span_is(name, "r") && s->sm)
		tell(s);
	else if (span_is(name, "a") && s->sm)
		on_ack(s, el);
	else
		stream_fail(s, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, NULL);
}

bool sm_owes_errors(const struct sm *m)
{
	for (const struct pending *node = m->queue.first; node; node = node->next)
		if (stanza_type(node->packet.stanza) == STANZA_TYPE_ERROR)
			return true;
	return false;
}

void sm_end(struct stream *s)
{
	struct sm *m = s->sm;
	struct pending *node;

	sm_state_end(s);
	s->sm = NULL;
	s->intake = NULL;
	if (m->id[0])
		map_remove(s->edge->resumable, span_of(m->id));
	while ((node = pending_pop(&m->queue))) {
		/* What went out before stream management was switched on and is not out yet goes first. */
		if (s->pending.first)
			pending_add(&s->pending, &node->packet, 0, UINT64_MAX);
		else
			stream_give_back(s, &node->packet);
		free(node);
	}
	sm_free(m);
}

void sm_free(struct sm *m)
{
	struct pending *node;

	if (!m)
		return;
	while ((node = pending_pop(&m->queue))) {
		packet_clear(&node->packet);
		free(node);
	}
	metric_add(METRIC_sm_sessions, -1);
	sasl2_free(m->welcome);
	free(m);
}

/* --- deadlines --- */

uint64_t sm_deadline(const struct sm *m)
{
	uint64_t at = m->until_ms ? m->until_ms : m->ask_by_ms;

	return m->note_by_ms && (!at || m->note_by_ms < at) ? m->note_by_ms : at;
}

void sm_due(struct stream *s, uint64_t now_ms)
{
	struct sm *m = s->sm;

	if (m->note_by_ms && now_ms >= m->note_by_ms)
		sm_state_write(s);
	if (m->until_ms && now_ms >= m->until_ms) {
		if (s->conn)
			sm_greet(s);
		else
			sm_expire(s);
	} else if (m->ask_by_ms && now_ms >= m->ask_by_ms) {
		m->ask_by_ms = 0;
		if (!m->asking && m->queue.first && is_awake(s))
			ask(s);
	}
}
