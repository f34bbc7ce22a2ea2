/* One pass, a table for the characters, a stack of fixed depth. Every `return false` means "let expat look". What a check
 * here has to agree with stands in expat_one.c: on_start, within_limits, expat_is_forbidden_inside. */
#include "xmpp/quick.h"

#include "xmpp/expat_one.h"
#include "xmpp/ns.h"

enum {
	NAME_START = 1,
	NAME = 2,
	SPACE = 4, /* between attributes */
	VALUE = 8, /* stands for itself in an attribute value, but for the quote that ends it */
	TEXT = 16, /* stands for itself between tags */
};
#define ORDINARY (VALUE | TEXT)

static const uint8_t class_of[256] = {
	['\t'] = SPACE | TEXT,
	['\n'] = SPACE | TEXT,
	['\r'] = SPACE,
	[' '] = SPACE | ORDINARY,
	['!' ... '%'] = ORDINARY,
	['\'' ... ','] = ORDINARY,
	['-' ... '.'] = NAME | ORDINARY,
	['/'] = ORDINARY,
	['0' ... '9'] = NAME | ORDINARY,
	[':' ... ';'] = ORDINARY,
	['=' ... '@'] = ORDINARY,
	['A' ... 'Z'] = NAME_START | NAME | ORDINARY,
	['[' ... '\\'] = ORDINARY,
	[']'] = VALUE,
	['^'] = ORDINARY,
	['_'] = NAME_START | NAME | ORDINARY,
	['`'] = ORDINARY,
	['a' ... 'z'] = NAME_START | NAME | ORDINARY,
	['{' ... 0xff] = ORDINARY,
};

typedef unsigned char block __attribute__((vector_size(16)));

/* Passes over sixteen bytes at a time as long as all of them stand for themselves, in a value or between tags. */
static inline const char *skip_ordinary(const char *p, const char *end)
{
	for (; end - p >= (ptrdiff_t)sizeof(block); p += sizeof(block)) {
		uint64_t half[2];
		block c;

		memcpy(&c, p, sizeof(c));
		c = (block)(c < 0x20) | (block)((c | 1) == '\'') /* & too */ | (block)(c == '"') | (block)(c == '<') | (block)(c == ']');
		memcpy(half, &c, sizeof(half));
		if (half[0] | half[1])
			break;
	}
	return p;
}

struct attribute {
	struct span name, value;
	bool xml; /* xml:lang */
};

struct open_element {
	struct span name, ns;
};

struct quick {
	const char *p, *end;
	struct builder *b;
	const struct xml_limits *limits;
	uint32_t elements, declarations;
	unsigned depth, stanza_depth;
	struct open_element open[QUICK_DEPTH + 1]; /* [0]: around the element */
	struct attribute attributes[QUICK_ATTRIBUTES];
	unsigned attribute_count;
};

static bool over(size_t value, uint32_t limit)
{
	return limit && value > limit;
}

static bool is(const struct quick *q, uint8_t class)
{
	return class_of[(unsigned char)*q->p] & class;
}

/* In local variables: a char might be part of *q as far as the compiler knows. */
static inline struct span scan(struct quick *q, uint8_t class)
{
	const char *from = q->p, *p = from, *end = q->end;

	while (p < end && class_of[(unsigned char)*p] & class)
		p++;
	q->p = p;
	return (struct span){ from, (size_t)(p - from) };
}

static bool take(struct quick *q, char c)
{
	if (q->p >= q->end || *q->p != c)
		return false;
	q->p++;
	return true;
}

static bool read_name(struct quick *q, struct span *name)
{
	if (q->p >= q->end || !is(q, NAME_START))
		return false;
	*name = scan(q, NAME);
	return true;
}

static bool read_value(struct quick *q, struct span *value)
{
	const char *p = q->p, *end = q->end;
	char quote;

	if (p >= end || (*p != '\'' && *p != '"'))
		return false;
	quote = *p++;
	value->p = p;
	p = skip_ordinary(p, end);
	while (p < end && *p != quote && class_of[(unsigned char)*p] & VALUE)
		p++;
	value->n = (size_t)(p - value->p);
	q->p = p;
	return take(q, quote);
}

static bool read_attribute(struct quick *q, struct attribute *a)
{
	if (!read_name(q, &a->name))
		return false;
	a->xml = span_is(a->name, "xml") && take(q, ':');
	if (a->xml && (!read_name(q, &a->name) || !span_is(a->name, "lang")))
		return false;
	return take(q, '=') && read_value(q, &a->value);
}

static bool is_twice(const struct quick *q, const struct attribute *a)
{
	for (unsigned i = 0; i < q->attribute_count; i++)
		if (q->attributes[i].xml == a->xml && span_eq(q->attributes[i].name, a->name))
			return true;
	return false;
}

/* A namespace declaration is an attribute that is not kept. The namespaces of XML itself may not be the default one. */
static bool declare(struct quick *q, struct span *ns, struct span value)
{
	static const char reserved[] = "http://www.w3.org/";

	if (ns->p || value.n == 0 || over(++q->declarations, q->limits->ns_declarations) || over(value.n, q->limits->uri_bytes))
		return false;
	if (value.n >= sizeof(reserved) - 1 && memcmp(value.p, reserved, sizeof(reserved) - 1) == 0)
		return false;
	*ns = value;
	return true;
}

static bool attribute_fits(const struct quick *q, const struct attribute *a)
{
	return !over(a->name.n, q->limits->name_bytes) && !over(a->value.n, q->limits->value_bytes) &&
	       !(a->xml && over(sizeof(NS_XML) - 1, q->limits->uri_bytes));
}

/* Behind the name: the attributes, up to `>` or `/>`. */
static bool read_attributes(struct quick *q, struct span *ns)
{
	q->attribute_count = 0;
	for (;;) {
		struct attribute a;
		bool space = scan(q, SPACE).n > 0;

		if (q->p >= q->end)
			return false;
		if (*q->p == '>' || *q->p == '/')
			return true;
		if (!space || !read_attribute(q, &a))
			return false;
		if (!a.xml && span_is(a.name, "xmlns")) {
			if (!declare(q, ns, a.value))
				return false;
			continue;
		}
		if (q->attribute_count == QUICK_ATTRIBUTES || is_twice(q, &a) || !attribute_fits(q, &a))
			return false;
		q->attributes[q->attribute_count++] = a;
	}
}

static bool element_fits(struct quick *q, const struct open_element *e)
{
	const struct xml_limits *l = q->limits;

	if (over(++q->elements, l->elements) || over(q->depth, l->depth) || over(e->name.n, l->name_bytes) ||
	    over(e->ns.n, l->uri_bytes) || over(q->attribute_count, l->attributes))
		return false;
	if (q->stanza_depth) /* an inherited namespace was looked at where it was declared */
		return e->ns.p == q->open[q->depth - 1].ns.p || !expat_is_forbidden_inside(e->ns);
	if (q->depth <= 2 && expat_is_stanza(e->name, e->ns))
		q->stanza_depth = q->depth;
	return true;
}

static void close_element(struct quick *q)
{
	builder_close(q->b);
	if (q->depth-- == q->stanza_depth)
		q->stanza_depth = 0;
}

/* At the first character of a name behind `<`. */
static bool read_start(struct quick *q)
{
	struct span ns = SPAN_NONE;
	struct open_element *e;

	if (q->depth == QUICK_DEPTH)
		return false;
	e = &q->open[++q->depth];
	if (!read_name(q, &e->name) || !read_attributes(q, &ns))
		return false;
	e->ns = ns.p ? ns : q->open[q->depth - 1].ns;
	if (!element_fits(q, e))
		return false;
	builder_open_span(q->b, e->name, e->ns);
	for (unsigned i = 0; i < q->attribute_count; i++) {
		const struct attribute *a = &q->attributes[i];

		builder_attr_ns(q->b, a->name, a->xml ? SPAN_LIT(NS_XML) : SPAN_NONE, a->value);
	}
	if (take(q, '>'))
		return true;
	if (!take(q, '/') || !take(q, '>'))
		return false;
	close_element(q);
	return true;
}

/* Behind `</`. */
static bool read_end(struct quick *q)
{
	struct span name = q->open[q->depth].name;

	if ((size_t)(q->end - q->p) <= name.n || memcmp(q->p, name.p, name.n) != 0)
		return false;
	q->p += name.n;
	if (!take(q, '>'))
		return false;
	close_element(q);
	return true;
}

static bool read_entity(struct quick *q)
{
	static const struct {
		const char *name, *text;
	} entities[] = { { "lt;", "<" }, { "gt;", ">" }, { "amp;", "&" }, { "apos;", "'" }, { "quot;", "\"" } };

	for (unsigned i = 0; i < ARRAY_LEN(entities); i++) {
		size_t n = strlen(entities[i].name);

		if ((size_t)(q->end - q->p) >= n && memcmp(q->p, entities[i].name, n) == 0) {
			q->p += n;
			builder_text(q->b, (struct span){ entities[i].text, 1 });
			return true;
		}
	}
	return false;
}

static bool read_text(struct quick *q)
{
	const char *from = q->p;

	for (;;) {
		q->p = skip_ordinary(q->p, q->end);
		(void)scan(q, TEXT);
		if (q->end - q->p < 2 || *q->p != ']' || q->p[1] == ']')
			break;
		q->p++;
	}
	if (!builder_try_text(q->b, (struct span){ from, (size_t)(q->p - from) }))
		return false;
	return q->p < q->end && (*q->p == '<' || (take(q, '&') && read_entity(q)));
}

static bool read_element(struct quick *q)
{
	do {
		if (!(take(q, '<') ? take(q, '/') ? read_end(q) : read_start(q) : read_text(q)))
			return false;
	} while (q->depth > 0);
	return true;
}

struct stanza *quick_element(struct builder *b, struct span bytes, struct span ns, const struct xml_limits *limits, size_t *used)
{
	struct quick q;

	q.p = bytes.p;
	q.end = bytes.p + bytes.n;
	q.b = b;
	q.limits = limits;
	q.elements = q.declarations = 0;
	q.depth = q.stanza_depth = 0;
	q.open[0] = (struct open_element){ SPAN_NONE, ns };
	builder_reset(b);
	if (bytes.n < 2 || *bytes.p != '<' || bytes.p[1] == '/' || !read_element(&q))
		return NULL;
	*used = (size_t)(q.p - bytes.p);
	return over(*used, limits->stanza_bytes) ? NULL : builder_try_finish(b);
}

/* --- the stream header --- */

static bool take_text(struct quick *q, struct span text)
{
	if ((size_t)(q->end - q->p) < text.n || memcmp(q->p, text.p, text.n) != 0)
		return false;
	q->p += text.n;
	return true;
}

/* Reads ` name='value'`. */
static bool read_pair(struct quick *q, struct attribute *a)
{
	return scan(q, SPACE).n > 0 && read_attribute(q, a);
}

static bool read_declaration(struct quick *q)
{
	struct attribute a;

	if (!take_text(q, SPAN_LIT("<?xml")))
		return true; /* there need not be one */
	if (!read_pair(q, &a) || a.xml || !span_is(a.name, "version") || !span_is(a.value, "1.0"))
		return false;
	if (q->p < q->end && *q->p != '?' &&
	    (!read_pair(q, &a) || a.xml || !span_is(a.name, "encoding") || !(span_is(a.value, "UTF-8") || span_is(a.value, "utf-8"))))
		return false;
	if (!take_text(q, SPAN_LIT("?>")))
		return false;
	(void)scan(q, SPACE);
	return true;
}

/* NULL: no attribute of a stream header. */
static struct span *field_of(struct xml_header *h, const struct attribute *a)
{
	if (a->xml)
		return &h->lang;
	if (span_is(a->name, "to"))
		return &h->to;
	if (span_is(a->name, "from"))
		return &h->from;
	if (span_is(a->name, "version"))
		return &h->version;
	return span_is(a->name, "id") ? &h->id : NULL;
}

/* One attribute or declaration. *client, *stream: the two declarations were seen. */
static bool read_header_attribute(struct quick *q, struct xml_header *h, bool *client, bool *stream)
{
	struct attribute a;
	struct span *field;

	if (scan(q, SPACE).n == 0)
		return false;
	if (take_text(q, SPAN_LIT("xmlns:stream="))) {
		bool again = *stream;

		*stream = true;
		return !again && read_value(q, &a.value) && span_is(a.value, NS_STREAM);
	}
	if (!read_attribute(q, &a))
		return false;
	if (!a.xml && span_is(a.name, "xmlns")) {
		bool again = *client;

		*client = true;
		return !again && span_is(a.value, NS_CLIENT);
	}
	field = field_of(h, &a);
	if (!field || field->p)
		return false;
	*field = a.value;
	return true;
}

bool quick_header(struct span bytes, const struct xml_limits *limits, struct xml_header *h, size_t *used)
{
	struct quick q;
	bool client = false, stream = false;

	q.p = bytes.p;
	q.end = bytes.p + bytes.n;
	*h = (struct xml_header){ .content_ns_ok = true };
	if (over(2, limits->ns_declarations) || over(sizeof(NS_STREAM) - 1, limits->uri_bytes) || !read_declaration(&q) ||
	    !take_text(&q, SPAN_LIT("<stream:stream")))
		return false;
	while (!take(&q, '>'))
		if (!read_header_attribute(&q, h, &client, &stream))
			return false;
	*used = (size_t)(q.p - bytes.p);
	return client && stream && !over(*used, limits->stanza_bytes);
}
