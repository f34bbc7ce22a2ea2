#include "xmpp/rules/dataform.h"

#include <stdio.h>

#include "xmpp/ns.h"

static const char *const types[FORM_TYPES] = {
	[FORM_BOOLEAN] = "boolean", [FORM_FIXED] = "fixed", [FORM_HIDDEN] = "hidden", [FORM_JID_MULTI] = "jid-multi",
	[FORM_JID_SINGLE] = "jid-single", [FORM_LIST_MULTI] = "list-multi", [FORM_LIST_SINGLE] = "list-single",
	[FORM_TEXT_MULTI] = "text-multi", [FORM_TEXT_PRIVATE] = "text-private", [FORM_TEXT_SINGLE] = "text-single",
};

static bool has_many(enum form_type type)
{
	return type == FORM_JID_MULTI || type == FORM_LIST_MULTI || type == FORM_TEXT_MULTI;
}

/* --- writing --- */

static void leaf(struct builder *b, const char *name, const char *text)
{
	if (text)
		builder_leaf(b, name, NULL, span_of(text));
}

void form_open(struct builder *b, const char *type, const char *title, const char *instructions)
{
	builder_open(b, "x", NS_DATA);
	builder_attr_text(b, "type", type);
	leaf(b, "title", title);
	leaf(b, "instructions", instructions);
}

void form_open_field(struct builder *b, const char *var, const char *label, enum form_type type)
{
	builder_open(b, "field", NULL);
	builder_attr_text(b, "var", var);
	builder_attr_text(b, "type", types[type]);
	builder_attr_text(b, "label", label);
}

void form_value(struct builder *b, struct span value)
{
	builder_leaf(b, "value", NULL, value.p ? value : SPAN_LIT(""));
}

void form_add_text(struct builder *b, const char *var, const char *label, enum form_type type, struct span value)
{
	form_open_field(b, var, label, type);
	form_value(b, value);
	builder_close(b);
}

void form_kind(struct builder *b, const char *uri)
{
	form_add_text(b, "FORM_TYPE", NULL, FORM_HIDDEN, span_of(uri));
}

/* Each piece between the separators; none for an empty text. */
static void each_piece(struct builder *b, const char *text, char separator, void (*put)(struct builder *b, struct span piece))
{
	while (text && *text) {
		const char *end = strchr(text, separator);
		size_t n = end ? (size_t)(end - text) : strlen(text);

		put(b, (struct span){ text, n });
		text = end ? end + 1 : NULL;
	}
}

static void put_option(struct builder *b, struct span option)
{
	builder_open(b, "option", NULL);
	form_value(b, option);
	builder_close(b);
}

void form_add(struct builder *b, const struct form_field *f)
{
	form_open_field(b, f->var, f->label, f->type);
	leaf(b, "desc", f->about);
	if (f->required) {
		builder_open(b, "required", NULL);
		builder_close(b);
	}
	if (f->value && has_many(f->type))
		each_piece(b, f->value, '\n', form_value);
	else if (f->value)
		form_value(b, span_of(f->value));
	each_piece(b, f->options, '|', put_option);
	builder_close(b);
}

/* --- reading --- */

stanza_el form_submitted(const struct stanza *s, stanza_el parent)
{
	stanza_el form = stanza_child(s, parent, "x", NS_DATA);

	return form != STANZA_NO_EL && span_is(stanza_attr(s, form, "type"), "submit") ? form : STANZA_NO_EL;
}

stanza_el form_find(const struct stanza *s, stanza_el form, const char *var)
{
	stanza_el el = form == STANZA_NO_EL ? STANZA_NO_EL : stanza_first(s, form);

	while (el != STANZA_NO_EL && !(stanza_el_is(s, el, "field", NS_DATA) && span_is(stanza_attr(s, el, "var"), var)))
		el = stanza_next(s, el);
	return el;
}

stanza_el form_next_value(const struct stanza *s, stanza_el field, stanza_el last)
{
	stanza_el el = field == STANZA_NO_EL ? STANZA_NO_EL : last == STANZA_NO_EL ? stanza_first(s, field) : stanza_next(s, last);

	while (el != STANZA_NO_EL && !stanza_el_is(s, el, "value", NS_DATA))
		el = stanza_next(s, el);
	return el;
}

struct span form_text(const struct stanza *s, stanza_el form, const char *var)
{
	stanza_el value = form_next_value(s, form_find(s, form, var), STANZA_NO_EL);

	return value == STANZA_NO_EL ? SPAN_LIT("") : stanza_text(s, value);
}

bool form_truth(struct span value)
{
	return span_is(value, "1") || span_is(value, "true");
}

static bool is_option(const char *options, struct span value)
{
	while (options && *options) {
		const char *end = strchr(options, '|');
		size_t n = end ? (size_t)(end - options) : strlen(options);

		if (span_eq(value, (struct span){ options, n }))
			return true;
		options = end ? end + 1 : NULL;
	}
	return false;
}

static const char *wrong_with(const struct form_field *f, struct span value)
{
	struct jid *j;

	switch (f->type) {
	case FORM_BOOLEAN:
		return form_truth(value) || span_is(value, "0") || span_is(value, "false") ? NULL : "is neither true nor false";
	case FORM_JID_SINGLE:
	case FORM_JID_MULTI:
		j = jid_parse(value);
		jid_unref(j);
		return j ? NULL : "is no address";
	case FORM_LIST_SINGLE:
	case FORM_LIST_MULTI:
		return is_option(f->options, value) ? NULL : "is none of the options";
	default:
		return NULL;
	}
}

const char *form_problem(const struct stanza *s, stanza_el form, const struct form_field *fields, size_t count, char room[160])
{
	for (size_t i = 0; i < count; i++) {
		stanza_el field = form_find(s, form, fields[i].var), value = STANZA_NO_EL;
		unsigned values = 0;

		while ((value = form_next_value(s, field, value)) != STANZA_NO_EL) {
			struct span text = stanza_text(s, value);
			const char *wrong = text.n ? wrong_with(&fields[i], text) : NULL;

			values += text.n > 0;
			if (!wrong && values > 1 && !has_many(fields[i].type))
				wrong = "is one value too many";
			if (!wrong)
				continue;
			(void)snprintf(room, 160, "%s: '%.*s' %s", fields[i].var, text.n > 64 ? 64 : (int)text.n, text.p, wrong);
			return room;
		}
		if (values == 0 && fields[i].required) {
			(void)snprintf(room, 160, "%s is required", fields[i].var);
			return room;
		}
	}
	return NULL;
}
