#include "actors/session/card.h"

#include "actors/store.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"
#include "xmpp/parser.h"
#include "xmpp/vcard.h"

static void open_empty(struct builder *b, enum card_form form)
{
	if (form == CARD_4)
		builder_open(b, "vcard", NS_VCARD4);
	else
		builder_open(b, "vCard", NS_VCARD);
}

static enum xep_verdict answer_none(struct passage *p, enum card_form form)
{
	struct builder *b;

	if (p->target == TARGET_CONTACT)
		return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
	b = passage_open_result(p);
	open_empty(b, form);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static enum xep_verdict answer_card(struct passage *p, const struct stanza *card, enum card_form form)
{
	bool is_4 = span_is(stanza_ns(card, STANZA_TOP), NS_VCARD4);
	struct builder *b = passage_open_result(p);

	if (is_4 == (form == CARD_4))
		builder_copy(b, card, STANZA_TOP);
	else if (is_4)
		vcard_write_temp(b, card, STANZA_TOP);
	else
		vcard_write_4(b, card, STANZA_TOP);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

enum xep_verdict card_get(struct passage *p, enum card_form form)
{
	static const struct xml_limits no_limits;
	const struct store_request *r;
	struct stanza *card = NULL;
	enum xep_verdict v;

	if (p->user->class == CLASS_VISITOR)
		return answer_none(p, form);
	r = passage_read(p, STORE_OP_GET, STORE_CARD, jid_bare(p->user->bare), SPAN_NONE);
	if (!r)
		return XEP_WAIT;
	if (r->status == STATUS_NOT_FOUND)
		return answer_none(p, form);
	if (r->status != STATUS_OK)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	if (xml_parse_document(p->xml, buf_span(&r->value), &no_limits, &card) != STREAM_ERROR_NONE) {
		LOG_ERROR("card", "the card of %.*s is damaged", SPAN_FMT(jid_bare(p->user->bare)));
		return answer_none(p, form);
	}
	v = answer_card(p, card, form);
	stanza_unref(card);
	return v;
}

enum xep_verdict card_set(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el el = stanza_first(s, STANZA_TOP);
	bool empty = stanza_first(s, el) == STANZA_NO_EL;
	int64_t most = p->server->conf->card_max;
	struct store_request *w;
	struct stanza *card;

	if (p->target == TARGET_CONTACT)
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	if (p->user->class == CLASS_VISITOR)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Guests have no card");
	w = store_request_new(empty ? STORE_OP_DELETE : STORE_OP_PUT, STORE_CARD, jid_bare(p->user->bare), SPAN_NONE, NULL);
	if (empty)
		return passage_write(p, w);
	card = stanza_from_child(p->builder, s, el);
	stanza_save(&w->value, card, SPAN_NONE, SPAN_NONE);
	stanza_unref(card);
	if (most && buf_len(&w->value) > (size_t)most) {
		msg_free(&w->m);
		metric_limit(METRIC_limit_kept);
		return passage_refuse(p, STANZA_ERROR_POLICY_VIOLATION, "The card is too large: take a smaller picture");
	}
	return passage_write(p, w);
}
