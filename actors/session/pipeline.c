#include "actors/session/pipeline.h"

#include "actors/desk/desk.h"
#include "actors/session/recipients.h"
#include "actors/session/resent.h"
#include "actors/session/sanitise.h"
#include "runtime/log.h"

const struct xep *const pipeline_all[] = {
#define XEP(name) &xep_##name,
#include "actors/session/xeps.def"
#undef XEP
};
const unsigned pipeline_all_count = ARRAY_LEN(pipeline_all);

struct phase_row { /* what a plugin has for one phase */
	xep_phase_f *function;
	uint8_t on;
};

static void phases_of(const struct xep *x, struct phase_row out[PHASES])
{
	out[PHASE_GATE] = (struct phase_row){ x->gate, x->gate_on };
	out[PHASE_ASKED] = (struct phase_row){ x->asked, 0 };
	out[PHASE_HANDLE] = (struct phase_row){ x->handle, x->handle_on };
	out[PHASE_TAP] = (struct phase_row){ x->tap, x->tap_on };
	out[PHASE_UNDELIVERED] = (struct phase_row){ x->undelivered, x->undelivered_on };
	out[PHASE_OTHERWISE] = (struct phase_row){ x->otherwise, 0 };
}

static void add_function(xep_phase_f **list, xep_phase_f *function)
{
	for (; *list; list++)
		if (*list == function)
			return; /* two plugins may share one */
	*list = function;
}

static void list_phases_of(struct pipeline *l, const struct xep *x)
{
	struct phase_row rows[PHASES];

	phases_of(x, rows);
	for (unsigned phase = 0; phase < PHASES; phase++)
		for (unsigned passing = 0; rows[phase].function && passing < PIPELINE_PASSING; passing++)
			if (rows[phase].on == 0 || (rows[phase].on & 1u << passing))
				add_function(l->phases[phase][passing], rows[phase].function);
	l->filter = x->filter ? x->filter : l->filter;
}

static void list_phases(struct pipeline *l)
{
	memset(l->phases, 0, sizeof(l->phases));
	for (unsigned i = 0; i < l->count; i++)
		list_phases_of(l, l->loaded[i]);
}

void pipeline_init(struct pipeline *l, const struct config *conf)
{
	*l = (struct pipeline){ 0 };
	for (unsigned i = 0; i < pipeline_all_count; i++) {
		const struct xep *x = pipeline_all[i];

		if (!conf->plugins[x->plugin] && !(x->part_of && conf->plugins[x->part_of]))
			continue;
		if (x->needs && !conf->components[x->needs])
			continue;
		ASSERT(l->count < PIPELINE_XEPS_MAX);
		l->loaded[l->count++] = pipeline_all[i];
	}
	list_phases(l);
}

void pipeline_put_first(struct pipeline *l, const struct xep *x)
{
	ASSERT(l->count < PIPELINE_XEPS_MAX);
	memmove(l->loaded + 1, l->loaded, l->count++ * sizeof(l->loaded[0]));
	l->loaded[0] = x;
	list_phases(l);
}

/* --- facts --- */

bool passage_knows_account(struct passage *p)
{
	if (p->user->account != FACT_UNKNOWN && p->user->account != FACT_ASKED)
		return true;
	p->wants_account = true;
	return false;
}

bool passage_knows_roster(struct passage *p)
{
	if (p->user->roster != FACT_UNKNOWN && p->user->roster != FACT_ASKED)
		return true;
	p->wants_roster = true;
	return false;
}

/* --- answers --- */

/* A seat or robot talks to a visitor's address as the desk mapped it; only the desk can map the answer back. */
static bool answers_through_desk(const struct passage *p)
{
	const struct packet *q = &p->packet;

	if (!p->user || p->direction != INBOUND || !p->server->desk_on || p->user->class != CLASS_VISITOR ||
	    !(q->flags & PACKET_FROM_DESK) || q->from->local_n == 0 || jid_eq_bare(q->from, q->to))
		return false;
	/* A request to the visitor's bare JID comes under the asker's real address. */
	return !(stanza_kind(q->stanza) == STANZA_IQ && jid_is_bare(q->to));
}

static void send_to_desk(struct passage *p, struct packet *reply)
{
	struct packet_msg *m = MSG_NEW(desk_from_visitor, packet_msg);
	actor_id desk = server_desk(p->server, p->user->bare);

	m->packet = packet_take(reply);
	outbox_add(p->out, desk, m);
}

/* A new reference; NULL: the account itself. */
static struct jid *answers_as(const struct passage *p)
{
	struct span written = p->packet.flags & PACKET_TO_SERVER ? stanza_to(p->packet.stanza) : SPAN_NONE;
	struct jid *as = written.p ? jid_parse(written) : NULL;

	return as ? as : p->packet.to ? jid_ref(p->packet.to) : NULL;
}

void passage_reply(struct passage *p, struct stanza *reply)
{
	struct jid *as = answers_as(p);
	struct packet out = packet_make(reply, as, p->packet.from, PACKET_SERVER);

	jid_unref(as);
	/* What is answered is handled when the answer is with its sender's connection, where the acknowledgement travels behind it. */
	out.pledge = p->packet.pledge;
	p->packet.pledge = NULL;
	if (p->direction == OUTBOUND) {
		if (p->session)
			outbox_deliver(p->out, p->session, &out, 0);
	} else if (answers_through_desk(p)) {
		send_to_desk(p, &out);
	} else {
		outbox_route(p->out, &out);
	}
	packet_clear(&out);
}

void passage_result(struct passage *p)
{
	passage_reply(p, stanza_make_result(p->builder, p->packet.stanza, SPAN_NONE, SPAN_NONE));
}

struct builder *passage_open_result(struct passage *p)
{
	stanza_open_result(p->builder, p->packet.stanza, SPAN_NONE, SPAN_NONE);
	return p->builder;
}

void passage_reply_built(struct passage *p)
{
	passage_reply(p, builder_finish(p->builder));
}

enum xep_verdict passage_give_back(struct passage *p)
{
	struct packet_msg *m = MSG_NEW(desk_undelivered, packet_msg);

	m->packet = packet_copy(&p->packet);
	outbox_add(p->out, server_desk(p->server, p->packet.from), m);
	return XEP_REFUSED;
}

/* error NULL: what must not be answered is dropped. */
static void answer_error(struct passage *p, struct stanza *error)
{
	if (error && p->direction == OUTBOUND && stanza_kind(error) == STANZA_MESSAGE)
		resent_forget(p->resent, p->user->bare, error);
	if (error)
		passage_reply(p, error);
}

enum xep_verdict passage_refuse(struct passage *p, enum stanza_error condition, const char *text)
{
	const struct packet *q = &p->packet;
	struct stanza *error;

	if (q->flags & PACKET_KEPT)
		return passage_give_back(p);
	if ((q->flags & PACKET_NO_STORE) && stanza_kind(q->stanza) != STANZA_IQ)
		return XEP_REFUSED;
	error = stanza_make_error(p->builder, q->stanza, SPAN_NONE, SPAN_NONE, condition, text);
	answer_error(p, error);
	return XEP_REFUSED;
}

enum xep_verdict passage_refuse_blocked(struct passage *p)
{
	answer_error(p, stanza_make_blocked(p->builder, p->packet.stanza, SPAN_NONE, SPAN_NONE));
	return XEP_REFUSED;
}

/* --- on its way --- */

void passage_deliver(struct passage *p, const struct session *s)
{
	struct packet copy = packet_copy(&p->packet);

	outbox_deliver(p->out, s, &copy, 0);
}

void passage_send(struct passage *p, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags)
{
	struct packet packet = packet_make(s, from, to, flags);

	outbox_route(p->out, &packet);
}

struct stanza *passage_make_presence(struct passage *p, const char *type)
{
	builder_reset(p->builder);
	builder_open(p->builder, "presence", NULL);
	builder_attr_text(p->builder, "type", type);
	builder_close(p->builder);
	return builder_finish(p->builder);
}

void passage_send_presence(struct passage *p, const char *type, struct jid *from, struct jid *to)
{
	passage_send(p, passage_make_presence(p, type), from, to, PACKET_SERVER | PACKET_NO_STORE);
}

bool passage_is(const struct passage *p, enum direction d, enum stanza_kind kind)
{
	return p->direction == d && stanza_kind(p->packet.stanza) == kind;
}

/* --- phases --- */

static enum xep_verdict run_phase(struct passage *p, enum phase phase)
{
	unsigned passing = (p->direction == INBOUND ? 4 : 0) + (unsigned)stanza_kind(p->packet.stanza);

	for (xep_phase_f *const *f = p->pipeline->phases[phase][passing]; *f; f++) {
		enum xep_verdict v = (*f)(p);

		if (v != XEP_PASS && phase != PHASE_TAP)
			return v;
	}
	return XEP_PASS;
}

static bool is_request(const struct stanza *s)
{
	return stanza_kind(s) == STANZA_IQ && (stanza_type(s) == STANZA_TYPE_GET || stanza_type(s) == STANZA_TYPE_SET);
}

const struct xep_claim *pipeline_claim(const struct passage *p, const struct xep **owner)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el child = stanza_first(s, STANZA_TOP);

	for (unsigned i = 0; i < p->pipeline->count; i++) {
		const struct xep *x = p->pipeline->loaded[i];

		for (unsigned k = 0; k < x->claim_count; k++) {
			const struct xep_claim *c = &x->claims[k];

			if (c->type == stanza_type(s) && (c->targets & TARGET_BIT(p->target)) &&
			    stanza_el_is(s, child, c->name, c->ns)) {
				if (owner)
					*owner = x;
				return c;
			}
		}
	}
	return NULL;
}

/* What the server answers itself, for the account or for itself. */
static enum xep_verdict run_claims(struct passage *p)
{
	enum xep_verdict v = run_phase(p, PHASE_ASKED);
	const struct xep_claim *c = v == XEP_PASS ? pipeline_claim(p, NULL) : NULL;

	if (v != XEP_PASS)
		return v;
	return c ? c->answer(p) : passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

static enum target target_of(const struct passage *p)
{
	const struct jid *to = p->packet.to;

	if (!to)
		return TARGET_SELF;
	if (jid_is_bare(to) && to->local_n == 0 && server_is_local(p->server, jid_domain(to)))
		return TARGET_SERVER;
	return jid_is_bare(to) && jid_eq_bare(to, p->user->bare) ? TARGET_SELF : TARGET_OTHER;
}

/* RFC 6120 8.2.3: an iq has one of four types, a request exactly one child. RFC 6121 4.7.1 for presence. A message of
 * unknown type is a normal one. */
static bool is_well_made(const struct stanza *s)
{
	stanza_el child;

	switch (stanza_kind(s)) {
	case STANZA_IQ:
		if (!is_request(s))
			return stanza_type(s) == STANZA_TYPE_RESULT || stanza_type(s) == STANZA_TYPE_ERROR;
		child = stanza_first(s, STANZA_TOP);
		return child != STANZA_NO_EL && stanza_next(s, child) == STANZA_NO_EL;
	case STANZA_PRESENCE:
		return stanza_type(s) == STANZA_TYPE_NONE || stanza_type(s) == STANZA_TYPE_ERROR ||
		       (stanza_type(s) >= STANZA_TYPE_UNAVAILABLE && stanza_type(s) <= STANZA_TYPE_PROBE);
	default:
		return true;
	}
}

bool passage_is_well_made(const struct passage *p)
{
	return is_well_made(p->packet.stanza);
}

void passage_find_target(struct passage *p)
{
	p->target = target_of(p);
}

static enum xep_verdict run_outbound(struct passage *p)
{
	enum xep_verdict v;

	p->target = target_of(p);
	if (!is_well_made(p->packet.stanza))
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	v = sanitise(p);
	if (v == XEP_PASS)
		v = run_phase(p, PHASE_GATE);
	if (v == XEP_PASS && !recipients_allow(p))
		v = XEP_REFUSED;
	if (v == XEP_PASS && p->target != TARGET_OTHER && is_request(p->packet.stanza))
		v = run_claims(p);
	if (v == XEP_PASS)
		v = run_phase(p, PHASE_HANDLE);
	return v == XEP_PASS ? run_phase(p, PHASE_OTHERWISE) : v;
}

/* A stanza to a domain of ours from somebody who is no client here: only requests mean anything. */
static enum xep_verdict run_served(struct passage *p)
{
	p->target = TARGET_SERVER;
	if (stanza_kind(p->packet.stanza) == STANZA_PRESENCE)
		return XEP_REFUSED;
	if (is_request(p->packet.stanza) && is_well_made(p->packet.stanza))
		return run_claims(p);
	return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

/* Somebody asks an account, and a plugin answers for it. */
static enum xep_verdict run_asked(struct passage *p)
{
	const struct xep_claim *c;
	enum xep_verdict v;

	if (!is_request(p->packet.stanza) || !jid_is_bare(p->packet.to))
		return XEP_PASS;
	p->target = TARGET_CONTACT;
	v = run_phase(p, PHASE_ASKED);
	if (v != XEP_PASS)
		return v;
	c = pipeline_claim(p, NULL);
	return c ? c->answer(p) : XEP_PASS;
}

static enum xep_verdict run_inbound(struct passage *p)
{
	enum xep_verdict v;

	if (stanza_kind(p->packet.stanza) == STANZA_MESSAGE && stanza_type(p->packet.stanza) == STANZA_TYPE_ERROR)
		resent_forget(p->resent, p->user->bare, p->packet.stanza);
	v = run_phase(p, PHASE_GATE);
	if (v == XEP_PASS)
		v = run_asked(p);
	if (v == XEP_PASS)
		v = run_phase(p, PHASE_HANDLE);
	if (v == XEP_PASS)
		v = run_phase(p, PHASE_UNDELIVERED);
	return v == XEP_PASS ? run_phase(p, PHASE_OTHERWISE) : v;
}

enum xep_verdict pipeline_run(struct passage *p)
{
	enum xep_verdict v;

	p->begin = p->out->count;
	if (!p->user)
		v = run_served(p);
	else
		v = p->direction == OUTBOUND ? run_outbound(p) : run_inbound(p);
	ASSERT(v != XEP_PASS); /* default-handler takes what nobody else does */
	if ((v == XEP_DONE || p->is_kept) && p->user)
		run_phase(p, PHASE_TAP);
	if (p->pipeline->filter)
		p->pipeline->filter(p, p->begin);
	if (v == XEP_WAIT)
		return v;
	packet_clear(&p->packet);
	return v;
}

void pipeline_opened(struct passage *p)
{
	for (unsigned i = 0; i < p->pipeline->count; i++)
		if (p->pipeline->loaded[i]->opened)
			p->pipeline->loaded[i]->opened(p);
}

void pipeline_replaced(struct passage *p)
{
	for (unsigned i = 0; i < p->pipeline->count; i++)
		if (p->pipeline->loaded[i]->replaced)
			p->pipeline->loaded[i]->replaced(p);
}

void pipeline_closed(struct passage *p, enum close_reason reason)
{
	for (unsigned i = 0; i < p->pipeline->count; i++)
		if (p->pipeline->loaded[i]->closed)
			p->pipeline->loaded[i]->closed(p, reason);
}
