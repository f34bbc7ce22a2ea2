#include "xmpp/vcard.h"

#include "xmpp/ns.h"

/* How the value of a property is written in each form. */
enum shape {
	TEXT,     /* FN: <text/>, several of them are several properties of the old form */
	VALUE,    /* BDAY: one element, named by the row */
	LIST,     /* CATEGORIES: <KEYWORD/>s, <text/>s */
	PARTS,    /* N, ADR: one element a part */
	NUMBER,   /* TEL: <NUMBER/>, a tel: URI or text */
	MAIL,     /* EMAIL: <USERID/>, text */
	ADDRESS,  /* JABBERID: text, an xmpp: URI */
	PLACE,    /* GEO: <LAT/> and <LON/>, a geo: URI */
	FIRM,     /* ORG: <ORGNAME/> and <ORGUNIT/>s, <text/>s */
	MEDIA,    /* PHOTO: <EXTVAL/> or <TYPE/> and <BINVAL/>, a URI */
	PROOF,    /* KEY: <CRED/>, text or a URI */
};
struct pair {
	const char *temp, *v4;
};
struct property {
	const char *temp, *v4;
	enum shape shape;
	const char *value;         /* VALUE: the element's name; MEDIA: the type when none is told */
	const struct pair *parts;  /* PARTS; ends with NULL */
	const struct pair *types;  /* what <parameters><type/> may say; ends with NULL */
};

static const struct pair name_parts[] = {
	{ "FAMILY", "surname" }, { "GIVEN", "given" }, { "MIDDLE", "additional" }, { "PREFIX", "prefix" }, { "SUFFIX", "suffix" },
	{ NULL, NULL },
};
static const struct pair address_parts[] = {
	{ "POBOX", "pobox" }, { "EXTADD", "ext" }, { "STREET", "street" }, { "LOCALITY", "locality" }, { "REGION", "region" },
	{ "PCODE", "code" }, { "CTRY", "country" }, { NULL, NULL },
};
static const struct pair place_types[] = { { "HOME", "home" }, { "WORK", "work" }, { NULL, NULL } };
static const struct pair phone_types[] = {
	{ "HOME", "home" }, { "WORK", "work" }, { "TEXT", "text" }, { "VOICE", "voice" }, { "FAX", "fax" }, { "CELL", "cell" },
	{ "VIDEO", "video" }, { "PAGER", "pager" }, { "TEXTPHONE", "textphone" }, { NULL, NULL },
};

/* DESC stands before NOTE: a note of the new form becomes what old clients show. */
static const struct property properties[] = {
	{ "FN", "fn", TEXT, NULL, NULL, NULL },
	{ "N", "n", PARTS, NULL, name_parts, NULL },
	{ "NICKNAME", "nickname", TEXT, NULL, NULL, NULL },
	{ "PHOTO", "photo", MEDIA, "image/png", NULL, NULL },
	{ "BDAY", "bday", VALUE, "date", NULL, NULL },
	{ "ADR", "adr", PARTS, NULL, address_parts, place_types },
	{ "TEL", "tel", NUMBER, NULL, NULL, phone_types },
	{ "EMAIL", "email", MAIL, NULL, NULL, place_types },
	{ "JABBERID", "impp", ADDRESS, NULL, NULL, NULL },
	{ "TZ", "tz", TEXT, NULL, NULL, NULL },
	{ "GEO", "geo", PLACE, NULL, NULL, NULL },
	{ "TITLE", "title", TEXT, NULL, NULL, NULL },
	{ "ROLE", "role", TEXT, NULL, NULL, NULL },
	{ "LOGO", "logo", MEDIA, "image/png", NULL, NULL },
	{ "ORG", "org", FIRM, NULL, NULL, NULL },
	{ "CATEGORIES", "categories", LIST, NULL, NULL, NULL },
	{ "DESC", "note", TEXT, NULL, NULL, NULL },
	{ "NOTE", "note", TEXT, NULL, NULL, NULL },
	{ "PRODID", "prodid", TEXT, NULL, NULL, NULL },
	{ "REV", "rev", VALUE, "timestamp", NULL, NULL },
	{ "SOUND", "sound", MEDIA, "audio/basic", NULL, NULL },
	{ "UID", "uid", VALUE, "uri", NULL, NULL },
	{ "URL", "url", VALUE, "uri", NULL, NULL },
	{ "KEY", "key", PROOF, NULL, NULL, NULL },
};

/* --- reading and writing --- */

struct writer {
	struct builder *b;
	const struct stanza *s;
};

static const struct property *find(const struct stanza *s, stanza_el el, bool v4)
{
	if (!span_is(stanza_ns(s, el), v4 ? NS_VCARD4 : NS_VCARD))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(properties); i++)
		if (span_is(stanza_name(s, el), v4 ? properties[i].v4 : properties[i].temp))
			return &properties[i];
	return NULL;
}

/* Of the child with this name; p NULL when there is none. */
static struct span text_of(const struct writer *w, stanza_el el, const char *name)
{
	stanza_el child = stanza_child(w->s, el, name, NULL);

	return child == STANZA_NO_EL ? SPAN_NONE : stanza_text(w->s, child);
}

static void leaf(const struct writer *w, const char *name, struct span text)
{
	builder_leaf(w->b, name, NULL, text.n ? text : SPAN_NONE);
}

static bool begins(struct span text, const char *with)
{
	size_t n = strlen(with);

	return text.n >= n && memcmp(text.p, with, n) == 0;
}

static struct span after(struct span text, size_t n)
{
	return (struct span){ text.p + n, text.n - n };
}

static struct span until(struct span text, char stop)
{
	const char *at = text.n ? memchr(text.p, stop, text.n) : NULL;

	return at ? (struct span){ text.p, (size_t)(at - text.p) } : text;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span trim(struct span text)
{
	while (text.n && is_space(text.p[0]))
		text = after(text, 1);
	while (text.n && is_space(text.p[text.n - 1]))
		text.n--;
	return text;
}

/* --- vcard-temp -> vCard4 --- */

static bool has(const struct writer *w, stanza_el el, const char *name)
{
	return stanza_child(w->s, el, name, NULL) != STANZA_NO_EL;
}

static void put_parameters(const struct writer *w, const struct property *p, stanza_el el)
{
	bool any = false, preferred = p->types && has(w, el, "PREF");

	for (const struct pair *t = p->types; t && t->temp && !any; t++)
		any = has(w, el, t->temp);
	if (!any && !preferred)
		return;
	builder_open(w->b, "parameters", NULL);
	if (any) {
		builder_open(w->b, "type", NULL);
		for (const struct pair *t = p->types; t->temp; t++)
			if (has(w, el, t->temp))
				builder_leaf(w->b, "text", NULL, span_of(t->v4));
		builder_close(w->b);
	}
	if (preferred) {
		builder_open(w->b, "pref", NULL);
		builder_leaf(w->b, "integer", NULL, SPAN_LIT("1"));
		builder_close(w->b);
	}
	builder_close(w->b);
}

/* RFC 3966: a global number is a URI as it is; what people type otherwise is text. */
static bool is_global_number(struct span text)
{
	if (!begins(text, "+") || text.n < 2)
		return false;
	for (size_t i = 1; i < text.n; i++)
		if (!memchr("0123456789-.()", text.p[i], 14))
			return false;
	return true;
}

static void put_uri(const struct writer *w, const char *scheme, struct span rest)
{
	builder_open(w->b, "uri", NULL);
	builder_text(w->b, span_of(scheme));
	builder_text(w->b, rest);
	builder_close(w->b);
}

/* A data: URI has no white space; base64 in stanzas is often wrapped. */
static void put_packed(const struct writer *w, struct span text)
{
	while (text.n) {
		size_t n = 0;

		while (n < text.n && !is_space(text.p[n]))
			n++;
		if (n)
			builder_text(w->b, (struct span){ text.p, n });
		text = after(text, n < text.n ? n + 1 : n);
	}
}

static void media_to_4(const struct writer *w, const struct property *p, stanza_el el)
{
	struct span outside = trim(text_of(w, el, "EXTVAL")), type = trim(text_of(w, el, "TYPE"));

	if (outside.n) {
		put_uri(w, "", outside);
		return;
	}
	builder_open(w->b, "uri", NULL);
	builder_text(w->b, SPAN_LIT("data:"));
	builder_text(w->b, type.n ? type : span_of(p->value));
	builder_text(w->b, SPAN_LIT(";base64,"));
	put_packed(w, text_of(w, el, "BINVAL"));
	builder_close(w->b);
}

static void place_to_4(const struct writer *w, stanza_el el)
{
	builder_open(w->b, "uri", NULL);
	builder_text(w->b, SPAN_LIT("geo:"));
	builder_text(w->b, trim(text_of(w, el, "LAT")));
	builder_text(w->b, SPAN_LIT(","));
	builder_text(w->b, trim(text_of(w, el, "LON")));
	builder_close(w->b);
}

static void each_to_text(const struct writer *w, stanza_el el, const char *name)
{
	for (stanza_el c = stanza_first(w->s, el); c != STANZA_NO_EL; c = stanza_next(w->s, c))
		if (stanza_el_is(w->s, c, name, NULL) && stanza_text(w->s, c).n)
			leaf(w, "text", stanza_text(w->s, c));
}

/* A property that says nothing (clients send empty ones) is left out. */
static bool says_nothing(const struct writer *w, const struct property *p, stanza_el el)
{
	switch (p->shape) {
	case TEXT:
	case VALUE:
	case ADDRESS:
		return stanza_text(w->s, el).n == 0;
	case NUMBER:
		return trim(text_of(w, el, "NUMBER")).n == 0;
	case MAIL:
		return trim(text_of(w, el, "USERID")).n == 0;
	case PLACE:
		return trim(text_of(w, el, "LAT")).n == 0 || trim(text_of(w, el, "LON")).n == 0;
	case MEDIA:
		return trim(text_of(w, el, "EXTVAL")).n == 0 && trim(text_of(w, el, "BINVAL")).n == 0;
	case PROOF:
		return text_of(w, el, "CRED").n == 0;
	case LIST:
		return text_of(w, el, "KEYWORD").n == 0;
	case FIRM:
		return text_of(w, el, "ORGNAME").n == 0;
	case PARTS:
		return stanza_first(w->s, el) == STANZA_NO_EL;
	}
	return true;
}

static void value_to_4(const struct writer *w, const struct property *p, stanza_el el)
{
	struct span text = stanza_text(w->s, el), number;

	switch (p->shape) {
	case TEXT:
		leaf(w, "text", text);
		return;
	case VALUE:
		leaf(w, p->value, trim(text));
		return;
	case LIST:
		each_to_text(w, el, "KEYWORD");
		return;
	case PARTS:
		for (const struct pair *part = p->parts; part->temp; part++)
			if (has(w, el, part->temp))
				leaf(w, part->v4, text_of(w, el, part->temp));
		return;
	case NUMBER:
		number = trim(text_of(w, el, "NUMBER"));
		if (is_global_number(number))
			put_uri(w, "tel:", number);
		else
			leaf(w, "text", number);
		return;
	case MAIL:
		leaf(w, "text", trim(text_of(w, el, "USERID")));
		return;
	case ADDRESS:
		put_uri(w, "xmpp:", trim(text));
		return;
	case PLACE:
		place_to_4(w, el);
		return;
	case FIRM:
		leaf(w, "text", text_of(w, el, "ORGNAME"));
		each_to_text(w, el, "ORGUNIT");
		return;
	case MEDIA:
		media_to_4(w, p, el);
		return;
	case PROOF:
		leaf(w, "text", text_of(w, el, "CRED"));
		return;
	}
}

void vcard_write_4(struct builder *b, const struct stanza *s, stanza_el temp)
{
	const struct writer w = { b, s };

	builder_open(b, "vcard", NS_VCARD4);
	if (text_of(&w, temp, "FN").n == 0 && stanza_first(s, temp) != STANZA_NO_EL) { /* RFC 6350 6.2.1: must be there */
		builder_open(b, "fn", NULL);
		builder_leaf(b, "text", NULL, SPAN_NONE);
		builder_close(b);
	}
	for (stanza_el el = stanza_first(s, temp); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		const struct property *p = find(s, el, false);

		if (!p || says_nothing(&w, p, el))
			continue;
		builder_open(b, p->v4, NULL);
		put_parameters(&w, p, el);
		value_to_4(&w, p, el);
		builder_close(b);
	}
	builder_close(b);
}

/* --- vCard4 -> vcard-temp --- */

/* The first child that is a value. */
static struct span value_of(const struct writer *w, stanza_el el)
{
	stanza_el c = stanza_first(w->s, el);

	if (c != STANZA_NO_EL && stanza_el_is(w->s, c, "parameters", NULL))
		c = stanza_next(w->s, c);
	return c == STANZA_NO_EL ? SPAN_NONE : trim(stanza_text(w->s, c));
}

static bool has_type(const struct writer *w, stanza_el type, const char *name)
{
	if (type == STANZA_NO_EL)
		return false;
	for (stanza_el t = stanza_first(w->s, type); t != STANZA_NO_EL; t = stanza_next(w->s, t))
		if (span_is(trim(stanza_text(w->s, t)), name))
			return true;
	return false;
}

static void put_flags(const struct writer *w, const struct property *p, stanza_el el)
{
	stanza_el parameters = stanza_child(w->s, el, "parameters", NULL), type, pref;

	if (!p->types || parameters == STANZA_NO_EL)
		return;
	type = stanza_child(w->s, parameters, "type", NULL);
	pref = stanza_child(w->s, parameters, "pref", NULL);
	for (const struct pair *t = p->types; t->temp; t++)
		if (has_type(w, type, t->v4))
			leaf(w, t->temp, SPAN_NONE);
	if (pref != STANZA_NO_EL && span_is(trim(text_of(w, pref, "integer")), "1"))
		leaf(w, "PREF", SPAN_NONE);
}

/* Several values of one part: a list with commas (XEP-0054, the DTD on N and ADR). */
static void part_to_temp(const struct writer *w, const struct pair *part, stanza_el el)
{
	bool open = false;

	for (stanza_el c = stanza_first(w->s, el); c != STANZA_NO_EL; c = stanza_next(w->s, c)) {
		if (!stanza_el_is(w->s, c, part->v4, NULL))
			continue;
		if (!open)
			builder_open(w->b, part->temp, NULL);
		else
			builder_text(w->b, SPAN_LIT(","));
		open = true;
		builder_text(w->b, stanza_text(w->s, c));
	}
	if (open)
		builder_close(w->b);
}

static void media_to_temp(const struct writer *w, struct span uri)
{
	struct span head = begins(uri, "data:") ? after(until(uri, ','), 5) : SPAN_NONE;
	bool inside = head.n >= 7 && head.n + 5 < uri.n && memcmp(head.p + head.n - 7, ";base64", 7) == 0;

	if (!inside) {
		leaf(w, "EXTVAL", uri);
		return;
	}
	leaf(w, "TYPE", until(head, ';'));
	leaf(w, "BINVAL", after(uri, 5 + head.n + 1));
}

static void place_to_temp(const struct writer *w, struct span uri)
{
	struct span at = until(begins(uri, "geo:") ? after(uri, 4) : uri, ';'), lat = until(at, ',');

	leaf(w, "LAT", lat);
	leaf(w, "LON", lat.n < at.n ? until(after(at, lat.n + 1), ',') : SPAN_NONE);
}

static void each_to_temp(const struct writer *w, stanza_el el, const char *first, const char *further)
{
	const char *name = first;

	for (stanza_el c = stanza_first(w->s, el); c != STANZA_NO_EL; c = stanza_next(w->s, c)) {
		if (!stanza_el_is(w->s, c, "text", NULL))
			continue;
		leaf(w, name, stanza_text(w->s, c));
		name = further;
	}
}

static void open_to_temp(const struct writer *w, const struct property *p, stanza_el el)
{
	struct span value = value_of(w, el);

	builder_open(w->b, p->temp, NULL);
	put_flags(w, p, el);
	switch (p->shape) {
	case PARTS:
		for (const struct pair *part = p->parts; part->temp; part++)
			part_to_temp(w, part, el);
		break;
	case LIST:
		each_to_temp(w, el, "KEYWORD", "KEYWORD");
		break;
	case FIRM:
		each_to_temp(w, el, "ORGNAME", "ORGUNIT");
		break;
	case NUMBER:
		leaf(w, "NUMBER", begins(value, "tel:") ? until(after(value, 4), ';') : value);
		break;
	case MAIL:
		leaf(w, "INTERNET", SPAN_NONE);
		leaf(w, "USERID", value);
		break;
	case PLACE:
		place_to_temp(w, value);
		break;
	case MEDIA:
		media_to_temp(w, value);
		break;
	case PROOF:
		leaf(w, "CRED", value);
		break;
	case ADDRESS:
		builder_text(w->b, until(after(value, 5), '?'));
		break;
	case VALUE:
	case TEXT:
		builder_text(w->b, value);
		break;
	}
	builder_close(w->b);
}

static void property_to_temp(const struct writer *w, stanza_el el)
{
	const struct property *p = find(w->s, el, true);

	if (!p || (p->shape == ADDRESS && !begins(value_of(w, el), "xmpp:")))
		return;
	if (p->shape == TEXT && stanza_child(w->s, el, "text", NULL) != STANZA_NO_EL)
		each_to_temp(w, el, p->temp, p->temp);
	else
		open_to_temp(w, p, el);
}

void vcard_write_temp(struct builder *b, const struct stanza *s, stanza_el v4)
{
	const struct writer w = { b, s };

	builder_open(b, "vCard", NS_VCARD);
	for (stanza_el el = stanza_first(s, v4); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		if (!stanza_el_is(s, el, "group", NS_VCARD4)) {
			property_to_temp(&w, el);
			continue;
		}
		for (stanza_el in = stanza_first(s, el); in != STANZA_NO_EL; in = stanza_next(s, in)) /* RFC 6351 5 */
			property_to_temp(&w, in);
	}
	builder_close(b);
}
