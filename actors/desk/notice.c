#include "actors/desk/notice.h"

#include <inttypes.h>
#include <stdio.h>

#include "xmpp/datetime.h"
#include "xmpp/ns.h"

static void number(struct builder *b, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	builder_attr_text(b, name, text);
}

static void stamp_attr(struct builder *b, const char *name, uint64_t wall_us)
{
	char text[DATETIME_MAX];

	datetime_text(wall_us, text);
	builder_attr_text(b, name, text);
}

struct stanza *notice_message(struct builder *b, const struct notice *n)
{
	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr_text(b, "type", "chat");
	builder_attr_text(b, "id", n->id);
	builder_leaf(b, "thread", NULL, span_of(n->conversation));
	builder_leaf(b, "body", NULL, span_of(n->body));
	if (n->gone)
		builder_leaf(b, "gone", NS_CHATSTATES, SPAN_NONE);
	builder_open(b, "event", NS_DESK);
	builder_attr_text(b, "kind", n->kind);
	builder_attr_text(b, "conversation", n->conversation);
	number(b, "epoch", n->epoch);
	builder_attr_text(b, "reason", n->reason);
	if (n->at_us)
		stamp_attr(b, "at", n->at_us);
	if (n->hold_s >= 0)
		number(b, "hold", (uint64_t)n->hold_s);
	builder_close(b);
	builder_leaf(b, "no-store", NS_HINTS, SPAN_NONE);
	builder_close(b);
	return builder_finish(b);
}

char *notice_disconnected_body(const char *reason, uint64_t at_us)
{
	bool lost = strcmp(reason, "timeout") == 0;
	char at[DATETIME_MAX];
	struct buf text = BUF_INIT;

	datetime_text(at_us, at); /* characters 11 to 18 are hh:mm:ss */
	buf_addf(&text, "【系统】访客已断开连接（%.8s UTC，%s）\nThe visitor has disconnected (%.8s UTC, %s).", at + 11,
		 lost ? "连接中断" : "离开页面", at + 11, lost ? "connection lost" : "left the page");
	return buf_take_text(&text);
}

static bool has_ours(const struct stanza *s)
{
	return stanza_child(s, STANZA_TOP, NULL, NS_DESK) != STANZA_NO_EL;
}

struct stanza *notice_stamped(struct builder *b, struct stanza *message, const struct notice_stamp *stamp)
{
	bool forged = has_ours(message);

	if (!stamp->conversation && !stamp->delay_us && !forged)
		return stanza_ref(message);
	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr(b, "type", stanza_type_text(message));
	builder_attr(b, "id", stanza_id(message));
	if (stanza_lang(message).p)
		builder_attr_ns(b, SPAN_LIT("lang"), SPAN_LIT(NS_XML), stanza_lang(message));
	for (stanza_el el = stanza_first(message, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(message, el))
		if (!forged || !span_is(stanza_ns(message, el), NS_DESK))
			builder_copy(b, message, el);
	if (stamp->conversation) {
		builder_open(b, "assigned", NS_DESK);
		if (!span_empty(stamp->seat))
			builder_attr(b, "seat", stamp->seat);
		builder_attr_text(b, "conversation", stamp->conversation);
		number(b, "epoch", stamp->epoch);
		if (stamp->robots_failed)
			number(b, "robots-failed", stamp->robots_failed);
		builder_close(b);
	}
	if (stamp->delay_us) {
		builder_open(b, "delay", NS_DELAY);
		builder_attr(b, "from", stamp->domain);
		stamp_attr(b, "stamp", stamp->delay_us);
		builder_close(b);
	}
	builder_close(b);
	return builder_finish(b);
}

static void add_item(struct builder *b, const struct notice_item *item)
{
	builder_open(b, "query", NS_ROSTER);
	builder_open(b, "item", NULL);
	builder_attr(b, "jid", item->jid);
	if (!item->remove)
		builder_attr(b, "name", item->name);
	builder_attr_text(b, "subscription", item->remove ? "remove" : "both");
	if (item->group && !item->remove)
		builder_leaf(b, "group", NULL, span_of(item->group));
	builder_close(b);
	builder_close(b);
}

struct stanza *notice_roster_result(struct builder *b, const struct stanza *request, struct span from, struct span to,
				    const struct notice_item *item)
{
	builder_reset(b);
	stanza_open_result(b, request, from, to);
	add_item(b, item);
	builder_close(b);
	return builder_finish(b);
}

struct stanza *notice_roster_push(struct builder *b, const char *id, const struct notice_item *item)
{
	builder_reset(b);
	builder_open(b, "iq", NULL);
	builder_attr_text(b, "type", "set");
	builder_attr_text(b, "id", id);
	add_item(b, item);
	builder_close(b);
	return builder_finish(b);
}

struct stanza *notice_presence(struct builder *b, bool available)
{
	builder_reset(b);
	builder_open(b, "presence", NULL);
	if (!available)
		builder_attr_text(b, "type", "unavailable");
	builder_close(b);
	return builder_finish(b);
}

struct stanza *notice_desk_info(struct builder *b, const struct stanza *request, struct span from, struct span to,
				const char *name)
{
	static const char *const features[] = { NS_DISCO_INFO, NS_CHATSTATES, NS_DESK };

	builder_reset(b);
	stanza_open_result(b, request, from, to);
	builder_open(b, "query", NS_DISCO_INFO);
	builder_open(b, "identity", NULL);
	builder_attr_text(b, "category", "collaboration");
	builder_attr_text(b, "type", "workgroup");
	builder_attr_text(b, "name", name);
	builder_close(b);
	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		builder_open(b, "feature", NULL);
		builder_attr_text(b, "var", features[i]);
		builder_close(b);
	}
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}
