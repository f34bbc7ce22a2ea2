/* The functions of switchboard.h on a stanza on its way: what it is, and what a hook may do with it. A hook of a plugin stands in
 * a passage of the session shard (actors/session/xep.h), a component in its own actor. */
#include <stdlib.h>

#include "actors/extension/inner.h"
#include "actors/session/pipeline.h"
#include "runtime/log.h"

/* --- what it is --- */

static struct sb_text text_of(struct span s)
{
	return (struct sb_text){ s.p, s.n };
}

static struct span span_from(struct sb_text t)
{
	return (struct span){ t.p, t.n };
}

static const struct user *user_of(const struct sb_packet *sp)
{
	return sp->p ? sp->p->user : NULL;
}

const struct sb_stanza *sb_stanza(const struct sb_packet *sp)
{
	return sp->packet ? (const struct sb_stanza *)(const void *)sp->packet->stanza : NULL;
}

struct sb_text sb_from(const struct sb_packet *sp)
{
	return text_of(sp->packet && sp->packet->from ? jid_full(sp->packet->from) : SPAN_NONE);
}

struct sb_text sb_to(const struct sb_packet *sp)
{
	if (!sp->packet)
		return text_of(SPAN_NONE);
	return text_of(sp->packet->to ? jid_full(sp->packet->to) : jid_bare(sp->packet->from));
}

enum sb_direction sb_direction(const struct sb_packet *sp)
{
	return sp->p && sp->p->direction == OUTBOUND ? SB_FROM_USER : SB_TO_USER;
}

struct sb_text sb_user(const struct sb_packet *sp)
{
	return text_of(user_of(sp) ? jid_bare(sp->p->user->bare) : SPAN_NONE);
}

enum sb_role sb_user_role(const struct sb_packet *sp)
{
	static const enum sb_role roles[] = { [CLASS_USER] = SB_USER, [CLASS_VISITOR] = SB_VISITOR, [CLASS_SEAT] = SB_SEAT,
					      [CLASS_ROBOT] = SB_ROBOT };

	if (user_of(sp))
		return roles[sp->p->user->class];
	return sp->packet && sp->packet->from ? roles[server_class(sp->server, sp->packet->from)] : SB_USER;
}

struct sb_text sb_session(const struct sb_packet *sp)
{
	return text_of(sp->p && sp->p->session ? jid_full(sp->p->session->full) : SPAN_NONE);
}

/* --- answers --- */

static bool is_request(const struct packet *p)
{
	return stanza_kind(p->stanza) == STANZA_IQ &&
	       (stanza_type(p->stanza) == STANZA_TYPE_GET || stanza_type(p->stanza) == STANZA_TYPE_SET);
}

static bool may_answer(const struct sb_packet *sp)
{
	return sp->packet && sp->stage != STAGE_FILTER && sp->stage != STAGE_AFTER && !sp->answered;
}

static enum stanza_error condition_of(const struct sb_packet *sp, const char *text)
{
	for (int e = STANZA_ERROR_NONE + 1; e <= STANZA_ERROR_UNEXPECTED_REQUEST; e++)
		if (text && strcmp(stanza_error_text((enum stanza_error)e), text) == 0)
			return (enum stanza_error)e;
	LOG_WARNING(sp->area, "the extension refuses with '%s', which is no condition of RFC 6120 8.3.3", text ? text : "");
	return STANZA_ERROR_UNDEFINED_CONDITION;
}

/* Of a component: its addresses are turned round, and who waits to hear that the stanza is handled hears it behind the answer. */
static void answer_from_component(struct sb_packet *sp, struct stanza *reply)
{
	struct packet out = packet_make(reply, sp->packet->to, sp->packet->from, PACKET_SERVER);

	out.pledge = sp->packet->pledge;
	sp->packet->pledge = NULL;
	server_route(sp->server, &out);
}

enum sb_verdict sb_refuse(struct sb_packet *sp, const char *condition, const char *text)
{
	enum stanza_error error = condition_of(sp, condition);
	struct stanza *reply;

	if (!may_answer(sp))
		return SB_DROP;
	sp->answered = true;
	if (sp->p) {
		(void)passage_refuse(sp->p, error, text);
		return SB_DROP;
	}
	reply = stanza_make_error(sp->builder->b, sp->packet->stanza, SPAN_NONE, SPAN_NONE, error, text);
	if (reply)
		answer_from_component(sp, reply);
	return SB_DROP;
}

enum sb_verdict sb_result(struct sb_packet *sp, struct sb_stanza *payload)
{
	struct stanza *content = (struct stanza *)(void *)payload;
	struct builder *b = sp->builder->b;

	if (!may_answer(sp) || !is_request(sp->packet)) {
		LOG_WARNING(sp->area, "the extension answers what is no request, or twice");
		stanza_unref(content);
		return SB_TAKEN;
	}
	sp->answered = true;
	stanza_open_result(b, sp->packet->stanza, SPAN_NONE, SPAN_NONE);
	if (content)
		builder_copy(b, content, STANZA_TOP);
	builder_close(b);
	stanza_unref(content);
	if (sp->p)
		passage_reply(sp->p, builder_finish(b));
	else
		answer_from_component(sp, builder_finish(b));
	return SB_TAKEN;
}

enum sb_verdict packet_verdict(struct sb_packet *sp, enum sb_verdict v)
{
	if (v != SB_TAKEN && v != SB_DROP)
		return SB_PASS;
	if (may_answer(sp) && is_request(sp->packet)) {
		LOG_WARNING(sp->area, "the extension leaves a request of %.*s without an answer", SPAN_FMT(jid_full(sp->packet->from)));
		(void)sb_refuse(sp, "service-unavailable", NULL);
	}
	return v;
}

/* --- sending --- */

/* The one it speaks for when it does not say. Counted, or NULL. */
static struct jid *usual_sender(const struct sb_packet *sp)
{
	if (user_of(sp))
		return jid_make(SPAN_NONE, jid_domain(sp->p->user->bare), SPAN_NONE);
	return sp->packet && sp->packet->to ? jid_make(SPAN_NONE, jid_domain(sp->packet->to), SPAN_NONE) : NULL;
}

static bool may_send_as(const struct sb_packet *sp, const struct jid *from)
{
	if (!sp->p) /* the component's own addresses: those that lead to it */
		return sp->packet && server_component(sp->server, from) == actor_self();
	if (from->local_n == 0)
		return server_is_local(sp->server, jid_domain(from));
	return user_of(sp) && jid_eq_bare(from, sp->p->user->bare);
}

bool sb_send(struct sb_packet *sp, struct sb_stanza *stanza, struct sb_text from, struct sb_text to)
{
	struct stanza *s = (struct stanza *)(void *)stanza;
	struct jid *sender = from.p ? jid_parse(span_from(from)) : usual_sender(sp), *receiver = to.p ? jid_parse(span_from(to)) : NULL;
	bool ok = s && stanza_kind(s) != STANZA_OTHER && sender && receiver && may_send_as(sp, sender);

	if (ok) {
		struct packet out = packet_make(s, sender, receiver, PACKET_SERVER | (sp->p ? PACKET_SEEN : 0));

		if (sp->p)
			outbox_route(sp->p->out, &out);
		else
			server_route(sp->server, &out);
	} else {
		LOG_WARNING(sp->area, "the extension cannot send this from '%.*s' to '%.*s'", (int)from.n, from.p ? from.p : "", (int)to.n,
			    to.p ? to.p : "");
		stanza_unref(s);
	}
	jid_unref(sender);
	jid_unref(receiver);
	return ok;
}

/* --- changing it --- */

bool sb_set_to(struct sb_packet *sp, struct sb_text to)
{
	struct jid *j = sp->stage == STAGE_BEFORE && to.p ? jid_parse(span_from(to)) : NULL;

	if (!j)
		return false;
	jid_unref(sp->packet->to);
	sp->packet->to = j;
	sp->readdressed = true;
	return true;
}

static bool may_replace(const struct sb_packet *sp, const struct stanza *s)
{
	const struct stanza *old = sp->packet ? sp->packet->stanza : NULL;

	if (!s || !old || (sp->stage != STAGE_BEFORE && sp->stage != STAGE_FILTER))
		return false;
	if (sp->own_delivery && stanza_kind(old) == STANZA_MESSAGE)
		return false;
	return stanza_kind(s) == stanza_kind(old) && (stanza_kind(s) != STANZA_IQ || stanza_type(s) == stanza_type(old));
}

bool sb_replace(struct sb_packet *sp, struct sb_stanza *stanza)
{
	struct stanza *s = (struct stanza *)(void *)stanza;

	if (!may_replace(sp, s)) {
		stanza_unref(s);
		return false;
	}
	stanza_unref(sp->packet->stanza);
	sp->packet->stanza = s;
	sp->replaced = true;
	return true;
}

bool sb_add_child(struct sb_packet *sp, struct sb_stanza *element)
{
	struct stanza *child = (struct stanza *)(void *)element, *s = sp->packet ? sp->packet->stanza : NULL;
	struct builder *b = sp->builder->b;

	if (!child || !s) {
		stanza_unref(child);
		return false;
	}
	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	builder_copy_children(b, s, STANZA_TOP);
	builder_copy(b, child, STANZA_TOP);
	builder_close(b);
	stanza_unref(child);
	return sb_replace(sp, (struct sb_stanza *)(void *)builder_finish(b));
}

bool sb_remove_children(struct sb_packet *sp, const char *name, const char *ns)
{
	struct stanza *s = sp->packet ? sp->packet->stanza : NULL;

	if (!s || stanza_child(s, STANZA_TOP, name, ns) == STANZA_NO_EL)
		return false;
	return sb_replace(sp, (struct sb_stanza *)(void *)stanza_without(sp->builder->b, s, name, ns));
}
