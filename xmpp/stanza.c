/* Reading and writing stanzas. Walks go over the tape by index; nothing recurses. */
#include "xmpp/stanza.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/mem/held.h"
#include "xmpp/escape.h"
#include "xmpp/ns.h"
#include "xmpp/stanza_inner.h"

struct stanza *stanza_ref(struct stanza *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void stanza_unref(struct stanza *s)
{
	/* release before, acquire after the last one: whoever frees sees all uses done */
	if (s && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		held_add(-(int64_t)stanza_bytes(s));
		free(s);
	}
}

enum stanza_kind stanza_kind(const struct stanza *s)
{
	return (enum stanza_kind)s->kind;
}

enum stanza_type stanza_type(const struct stanza *s)
{
	return (enum stanza_type)s->type;
}

struct span stanza_to(const struct stanza *s)
{
	return stanza_piece(s, s->envelope[ENVELOPE_TO]);
}

struct span stanza_from(const struct stanza *s)
{
	return stanza_piece(s, s->envelope[ENVELOPE_FROM]);
}

struct span stanza_id(const struct stanza *s)
{
	return stanza_piece(s, s->envelope[ENVELOPE_ID]);
}

struct span stanza_lang(const struct stanza *s)
{
	return stanza_piece(s, s->envelope[ENVELOPE_LANG]);
}

struct span stanza_type_text(const struct stanza *s)
{
	return stanza_piece(s, s->envelope[ENVELOPE_TYPE]);
}

size_t stanza_bytes(const struct stanza *s)
{
	return sizeof(*s) + s->tape_n * sizeof(struct entry) + s->canon_n + s->extra_n;
}

bool stanza_has_body(const struct stanza *s)
{
	return s->has_body;
}

static const struct entry *element(const struct stanza *s, stanza_el el)
{
	ASSERT(el < s->tape_n && s->tape[el].kind == ENTRY_ELEMENT);
	return &s->tape[el];
}

struct span stanza_name(const struct stanza *s, stanza_el el)
{
	return stanza_piece(s, element(s, el)->name);
}

struct span stanza_ns(const struct stanza *s, stanza_el el)
{
	return stanza_piece(s, element(s, el)->ns);
}

bool stanza_el_is(const struct stanza *s, stanza_el el, const char *name, const char *ns)
{
	return (!name || span_is(stanza_name(s, el), name)) && (!ns || span_is(stanza_ns(s, el), ns));
}

struct span stanza_attr_ns(const struct stanza *s, stanza_el el, const char *name, const char *ns)
{
	struct span wanted = span_of(name);

	element(s, el);
	for (uint32_t i = el + 1; i < s->tape_n && s->tape[i].kind == ENTRY_ATTRIBUTE; i++) {
		const struct entry *e = &s->tape[i];
		bool same_ns = ns ? span_is(stanza_piece(s, e->ns), ns) : piece_is_absent(e->ns);

		if (same_ns && span_eq(stanza_piece(s, e->name), wanted))
			return stanza_piece(s, e->value);
	}
	if (el != STANZA_TOP)
		return SPAN_NONE;
	if (ns)
		return span_is(wanted, "lang") && strcmp(ns, NS_XML) == 0 ? stanza_lang(s) : SPAN_NONE;
	if (span_is(wanted, "to"))
		return stanza_to(s);
	if (span_is(wanted, "from"))
		return stanza_from(s);
	if (span_is(wanted, "id"))
		return stanza_id(s);
	return span_is(wanted, "type") ? stanza_type_text(s) : SPAN_NONE;
}

struct span stanza_attr(const struct stanza *s, stanza_el el, const char *name)
{
	return stanza_attr_ns(s, el, name, NULL);
}

struct span stanza_text(const struct stanza *s, stanza_el el)
{
	struct span text = stanza_piece(s, element(s, el)->value);

	return text.p ? text : (struct span){ "", 0 };
}

static stanza_el first_element(const struct stanza *s, uint32_t i, uint32_t end)
{
	while (i < end && s->tape[i].kind != ENTRY_ELEMENT)
		i++;
	return i < end ? i : STANZA_NO_EL;
}

stanza_el stanza_first(const struct stanza *s, stanza_el el)
{
	return first_element(s, el + 1, element(s, el)->end);
}

stanza_el stanza_next(const struct stanza *s, stanza_el el)
{
	const struct entry *e = element(s, el);

	return el == STANZA_TOP ? STANZA_NO_EL : first_element(s, e->end, s->tape[e->parent].end);
}

stanza_el stanza_child(const struct stanza *s, stanza_el el, const char *name, const char *ns)
{
	for (stanza_el child = stanza_first(s, el); child != STANZA_NO_EL; child = stanza_next(s, child))
		if (stanza_el_is(s, child, name, ns))
			return child;
	return STANZA_NO_EL;
}

/* --- writing --- */

static void write_field(struct buf *out, const char *name, struct span value, struct span instead)
{
	if (instead.p)
		value = instead;
	if (value.p && !(instead.p && instead.n == 0))
		escape_write_attribute(out, name, value);
}

void stanza_write(struct buf *out, const struct stanza *s, struct span from, struct span to, enum stanza_form form)
{
	struct span name = stanza_name(s, STANZA_TOP), ns = stanza_ns(s, STANZA_TOP);
	bool stream = ns_is_stream(ns);
	const char *canon = stanza_canon(s);

	buf_reserve(out, s->canon_n + s->extra_n + 2 * name.n + from.n + to.n + 128);
	buf_add(out, "<", 1);
	if (stream)
		buf_add(out, "stream:", 7);
	buf_add_span(out, name);
	if (stream && form == STANZA_FORM_ALONE)
		escape_write_attribute(out, "xmlns:stream", ns);
	else if (!stream && (form == STANZA_FORM_ALONE || !span_is(ns, NS_CLIENT)))
		escape_write_attribute(out, "xmlns", ns);
	write_field(out, "from", stanza_from(s), from);
	write_field(out, "to", stanza_to(s), to);
	write_field(out, "type", stanza_type_text(s), SPAN_NONE);
	write_field(out, "id", stanza_id(s), SPAN_NONE);
	write_field(out, "xml:lang", stanza_lang(s), SPAN_NONE);
	buf_add(out, canon, s->head_n);
	if (s->canon_n == s->head_n) {
		buf_add(out, "/>", 2);
		return;
	}
	buf_add(out, ">", 1);
	buf_add(out, canon + s->head_n, s->canon_n - s->head_n);
	buf_add(out, stream ? "</stream:" : "</", stream ? 9 : 2);
	buf_add_span(out, name);
	buf_add(out, ">", 1);
}

void stanza_save(struct buf *out, const struct stanza *s, struct span from, struct span to)
{
	stanza_write(out, s, from, to, STANZA_FORM_ALONE);
}

/* --- replies --- */

void stanza_open_result(struct builder *b, const struct stanza *request, struct span from, struct span to)
{
	builder_reset(b);
	builder_open(b, "iq", NS_CLIENT);
	builder_attr_text(b, "type", "result");
	builder_attr(b, "id", stanza_id(request));
	builder_attr(b, "from", from);
	builder_attr(b, "to", to);
}

struct stanza *stanza_make_result(struct builder *b, const struct stanza *request, struct span from, struct span to)
{
	stanza_open_result(b, request, from, to);
	builder_close(b);
	return builder_finish(b);
}

/* More than this of the original is not worth sending back. */
#define ECHO_MAX 16384u

bool stanza_is_echoed(const struct stanza *s)
{
	return s->canon_n <= ECHO_MAX;
}

static bool has_answer(const struct stanza *s)
{
	return stanza_type(s) != STANZA_TYPE_ERROR &&
	       !(stanza_kind(s) == STANZA_IQ && stanza_type(s) == STANZA_TYPE_RESULT);
}

static void open_error_reply(struct builder *b, const struct stanza *original, struct span from, struct span to)
{
	builder_reset(b);
	builder_open_span(b, stanza_name(original, STANZA_TOP), stanza_ns(original, STANZA_TOP));
	builder_attr_text(b, "type", "error");
	builder_attr(b, "id", stanza_id(original));
	builder_attr(b, "from", from);
	builder_attr(b, "to", to);
}

static void open_error(struct builder *b, enum stanza_error condition, const char *type)
{
	char code[16];

	builder_open(b, "error", NULL);
	builder_attr_text(b, "type", type);
	snprintf(code, sizeof(code), "%d", stanza_error_code(condition));
	if (stanza_error_code(condition))
		builder_attr_text(b, "code", code);
	builder_leaf(b, stanza_error_text(condition), NS_STANZAS, SPAN_NONE);
}

static void put_error_text(struct builder *b, const char *text)
{
	builder_open(b, "text", NS_STANZAS);
	builder_attr_ns(b, SPAN_LIT("lang"), SPAN_LIT(NS_XML), SPAN_LIT("en"));
	builder_text(b, span_of(text));
	builder_close(b);
}

struct stanza *stanza_make_error(struct builder *b, const struct stanza *original, struct span from, struct span to,
				 enum stanza_error condition, const char *text)
{
	if (!has_answer(original))
		return NULL;
	open_error_reply(b, original, from, to);
	if (stanza_is_echoed(original))
		builder_copy_children(b, original, STANZA_TOP);
	open_error(b, condition, stanza_error_type(condition));
	if (text)
		put_error_text(b, text);
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

struct stanza *stanza_make_blocked(struct builder *b, const struct stanza *original, struct span from, struct span to)
{
	if (!has_answer(original))
		return NULL;
	open_error_reply(b, original, from, to);
	if (stanza_is_echoed(original))
		builder_copy_children(b, original, STANZA_TOP);
	open_error(b, STANZA_ERROR_NOT_ACCEPTABLE, stanza_error_type(STANZA_ERROR_NOT_ACCEPTABLE));
	builder_leaf(b, "blocked", NS_BLOCKING_ERRORS, SPAN_NONE);
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

struct stanza *stanza_make_too_big(struct builder *b, const struct stanza *original, struct span from, struct span to,
				   uint32_t limit)
{
	char text[80];

	if (!has_answer(original))
		return NULL;
	open_error_reply(b, original, from, to);
	open_error(b, STANZA_ERROR_POLICY_VIOLATION, "modify"); /* waiting does not make it smaller */
	snprintf(text, sizeof(text), "Too big: at most %u bytes are taken at once.", limit);
	put_error_text(b, text);
	builder_leaf(b, "stanza-too-big", NS_ERRORS, SPAN_NONE);
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

struct stanza *stanza_head(struct builder *b, const struct stanza *s)
{
	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	builder_close(b);
	return builder_finish(b);
}

struct stanza *stanza_from_child(struct builder *b, const struct stanza *s, stanza_el el)
{
	builder_reset(b);
	builder_copy(b, s, el);
	return builder_finish(b);
}

struct stanza *stanza_without(struct builder *b, const struct stanza *s, const char *name, const char *ns)
{
	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	for (uint32_t i = 1; i < s->tape_n; i = s->tape[i].end) {
		if (s->tape[i].kind == ENTRY_TEXT)
			builder_text(b, stanza_piece(s, s->tape[i].value));
		else if (s->tape[i].kind == ENTRY_ELEMENT && !stanza_el_is(s, i, name, ns))
			builder_copy(b, s, i);
	}
	builder_close(b);
	return builder_finish(b);
}
