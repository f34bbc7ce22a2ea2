/* Makes elements: canonical bytes, tape and envelope grow side by side in buffers that are used again and again;
 * builder_finish packs them into one block. Nothing else in the program makes XML elements. */
#include <stdlib.h>

#include "runtime/mem/held.h"
#include "xmpp/escape.h"
#include "xmpp/ns.h"
#include "xmpp/stanza_inner.h"

#define DEPTH_MAX 1024u

struct builder {
	struct buf canon, extra;
	struct entry *tape;
	uint32_t tape_n, tape_size;
	uint32_t open[DEPTH_MAX]; /* tape index of each open element */
	uint32_t depth;
	bool in_tag;        /* the start tag opened last still lacks its '>' */
	bool in_run;        /* the last thing added was text of the element that is open now */
	uint32_t head_n;
	struct piece envelope[ENVELOPE_FIELDS];
};

struct builder *builder_new(void)
{
	struct builder *b = xcalloc(1, sizeof(*b));

	builder_reset(b);
	return b;
}

void builder_free(struct builder *b)
{
	if (!b)
		return;
	buf_fini(&b->canon);
	buf_fini(&b->extra);
	free(b->tape);
	free(b);
}

void builder_reset(struct builder *b)
{
	buf_clear(&b->canon);
	buf_clear(&b->extra);
	b->tape_n = b->depth = b->head_n = 0;
	b->in_tag = b->in_run = false;
	for (unsigned i = 0; i < ENVELOPE_FIELDS; i++)
		b->envelope[i] = PIECE_ABSENT;
}

unsigned builder_depth(const struct builder *b)
{
	return b->depth;
}

size_t builder_bytes(const struct builder *b)
{
	return buf_len(&b->canon) + buf_len(&b->extra) + b->tape_n * sizeof(struct entry);
}

/* --- values --- */

static struct piece put_extra(struct builder *b, struct span text)
{
	struct piece p = { (uint32_t)buf_len(&b->extra) | PIECE_EXTRA, (uint32_t)text.n };

	buf_add_span(&b->extra, text);
	return p;
}

static struct span look(const struct builder *b, struct piece p)
{
	if (piece_is_absent(p))
		return SPAN_NONE;
	return (struct span){ (p.at & PIECE_EXTRA ? b->extra.base + b->extra.start : b->canon.base + b->canon.start) +
				      (p.at & ~PIECE_EXTRA), p.n };
}

/* Appends text as it is and says where it lies. */
static struct piece put_plain(struct builder *b, struct span text)
{
	struct piece p = { (uint32_t)buf_len(&b->canon), (uint32_t)text.n };

	buf_add_span(&b->canon, text);
	return p;
}

static struct piece put_attribute_value(struct builder *b, struct span value)
{
	struct piece p = { (uint32_t)buf_len(&b->canon), (uint32_t)value.n };

	return escape_attribute(&b->canon, value) ? put_extra(b, value) : p;
}

/* --- tape --- */

static struct entry *add_entry(struct builder *b, enum entry_kind kind)
{
	struct entry *e;

	if (b->tape_n == b->tape_size) {
		b->tape_size = b->tape_size ? b->tape_size * 2 : 32;
		b->tape = xrealloc(b->tape, b->tape_size * sizeof(*b->tape));
	}
	e = &b->tape[b->tape_n++];
	*e = (struct entry){ .kind = (uint8_t)kind, .end = b->tape_n, .name = PIECE_ABSENT, .ns = PIECE_ABSENT,
			     .value = PIECE_ABSENT };
	return e;
}

static void finish_tag(struct builder *b)
{
	if (!b->in_tag)
		return;
	b->in_tag = false;
	if (b->depth > 1)
		buf_add(&b->canon, ">", 1);
	else
		b->head_n = (uint32_t)buf_len(&b->canon); /* the top's own tag is written by stanza_write */
}

void builder_open(struct builder *b, const char *name, const char *ns)
{
	builder_open_span(b, span_of(name), span_of(ns));
}

/* The top element's name and namespace go to the extra bytes: its tag is not among the canonical ones. */
static void open_top(struct builder *b, struct span name, struct span ns)
{
	struct entry *e = add_entry(b, ENTRY_ELEMENT);

	e->parent = 0;
	e->name = put_extra(b, name);
	e->ns = put_extra(b, ns.p ? ns : SPAN_LIT(NS_CLIENT));
}

static void open_child(struct builder *b, struct span name, struct span ns)
{
	uint32_t parent = b->open[b->depth - 1];
	struct piece parent_ns = b->tape[parent].ns;
	bool same = !ns.p || span_eq(ns, look(b, parent_ns));
	bool stream = ns_is_stream(same ? look(b, parent_ns) : ns); /* always with its prefix, declared where it begins */
	struct entry *e = add_entry(b, ENTRY_ELEMENT);

	e->parent = parent;
	buf_add(&b->canon, stream ? "<stream:" : "<", stream ? 8 : 1);
	e->name = put_plain(b, name);
	if (same) {
		e->ns = parent_ns;
		return;
	}
	buf_add_text(&b->canon, stream ? " xmlns:stream='" : " xmlns='");
	e->ns = put_attribute_value(b, ns);
	buf_add(&b->canon, "'", 1);
}

void builder_open_span(struct builder *b, struct span name, struct span ns)
{
	ASSERT(b->depth < DEPTH_MAX && (b->depth > 0 || b->tape_n == 0));
	finish_tag(b);
	b->in_run = false;
	if (b->depth == 0)
		open_top(b, name, ns);
	else
		open_child(b, name, ns);
	b->open[b->depth++] = b->tape_n - 1;
	b->in_tag = true;
}

static int envelope_field(struct span name, struct span ns)
{
	if (ns.p)
		return span_is(ns, NS_XML) && span_is(name, "lang") ? ENVELOPE_LANG : -1;
	if (span_is(name, "to"))
		return ENVELOPE_TO;
	if (span_is(name, "from"))
		return ENVELOPE_FROM;
	if (span_is(name, "id"))
		return ENVELOPE_ID;
	return span_is(name, "type") ? ENVELOPE_TYPE : -1;
}

static void put_prefixed_name(struct builder *b, struct entry *e, struct span name, struct span ns)
{
	struct piece ns_piece, name_piece;
	unsigned number = b->tape_n; /* unique within the stanza */

	if (span_is(ns, NS_XML)) {
		buf_add_text(&b->canon, " xml:");
		name_piece = put_plain(b, name);
		ns_piece = put_extra(b, ns);
	} else {
		buf_addf(&b->canon, " xmlns:p%u='", number);
		ns_piece = put_attribute_value(b, ns);
		buf_addf(&b->canon, "' p%u:", number);
		name_piece = put_plain(b, name);
	}
	e->name = name_piece;
	e->ns = ns_piece;
}

void builder_attr_ns(struct builder *b, struct span name, struct span ns, struct span value)
{
	int field;
	struct entry *e;

	ASSERT(b->in_tag);
	if (!value.p)
		return;
	if (b->depth == 1 && (field = envelope_field(name, ns)) >= 0) {
		b->envelope[field] = put_extra(b, value);
		return;
	}
	e = add_entry(b, ENTRY_ATTRIBUTE);
	if (ns.p) {
		put_prefixed_name(b, e, name, ns);
	} else {
		buf_add(&b->canon, " ", 1);
		e->name = put_plain(b, name);
	}
	buf_add(&b->canon, "='", 2);
	e->value = put_attribute_value(b, value);
	buf_add(&b->canon, "'", 1);
}

void builder_attr(struct builder *b, const char *name, struct span value)
{
	builder_attr_ns(b, span_of(name), SPAN_NONE, value);
}

void builder_attr_text(struct builder *b, const char *name, const char *value)
{
	builder_attr(b, name, span_of(value));
}

/* Lengthens a run of text by what was just written at `fresh`; copies to the extra bytes only when the two do not touch. */
static struct piece join(struct builder *b, struct piece old, struct piece fresh, struct span text)
{
	struct piece joined;

	if (!piece_is_absent(fresh) && (old.at & PIECE_EXTRA) == (fresh.at & PIECE_EXTRA) && old.at + old.n == fresh.at)
		return (struct piece){ old.at, old.n + fresh.n };
	if (old.at & PIECE_EXTRA && (old.at & ~PIECE_EXTRA) + old.n == buf_len(&b->extra)) {
		buf_add_span(&b->extra, text);
		return (struct piece){ old.at, old.n + (uint32_t)text.n };
	}
	joined = (struct piece){ (uint32_t)buf_len(&b->extra) | PIECE_EXTRA, old.n + (uint32_t)text.n };
	buf_reserve(&b->extra, joined.n); /* so that the spans below do not move */
	buf_add_span(&b->extra, look(b, old));
	buf_add_span(&b->extra, text);
	return joined;
}

/* Room for the text escaped as text mostly is; one that is all `<` may still need more than is there. */
bool builder_try_text(struct builder *b, struct span text)
{
	if (!buf_try_reserve(&b->canon, 2 * text.n + 16) || !buf_try_reserve(&b->extra, 2 * text.n + 16))
		return false;
	builder_text(b, text);
	return true;
}

void builder_text(struct builder *b, struct span text)
{
	struct entry *run, *element;
	struct piece fresh;

	ASSERT(b->depth > 0);
	if (text.n == 0)
		return;
	finish_tag(b);
	fresh = (struct piece){ (uint32_t)buf_len(&b->canon), (uint32_t)text.n };
	if (escape_text(&b->canon, text)) {
		/* a run that ends the extra bytes is lengthened there by join */
		bool grows = b->in_run && b->tape[b->tape_n - 1].value.at & PIECE_EXTRA;

		fresh = grows ? PIECE_ABSENT : put_extra(b, text);
	}
	if (!b->in_run) {
		run = add_entry(b, ENTRY_TEXT);
		run->value = fresh;
	} else {
		run = &b->tape[b->tape_n - 1];
		run->value = join(b, run->value, fresh, text);
	}
	element = &b->tape[b->open[b->depth - 1]];
	/* With a single run, and nearly all elements have one at most, both are the same piece; several are joined when the
	 * element ends, once, so that mixed content costs no more than its own length. */
	if (!element->mixed && (b->in_run || piece_is_absent(element->value)))
		element->value = run->value;
	else
		element->mixed = true;
	b->in_run = true;
}

/* All direct text of an element that has other elements in between, as one piece. */
static void join_runs(struct builder *b, uint32_t el)
{
	uint32_t at = (uint32_t)buf_len(&b->extra), n = 0;

	for (uint32_t i = el + 1; i < b->tape_n; i = b->tape[i].end)
		if (b->tape[i].kind == ENTRY_TEXT)
			n += b->tape[i].value.n;
	buf_reserve(&b->extra, n); /* so that the spans below do not move */
	for (uint32_t i = el + 1; i < b->tape_n; i = b->tape[i].end)
		if (b->tape[i].kind == ENTRY_TEXT)
			buf_add_span(&b->extra, look(b, b->tape[i].value));
	b->tape[el].value = (struct piece){ at | PIECE_EXTRA, n };
}

void builder_close(struct builder *b)
{
	struct entry *e;
	bool empty = b->in_tag, stream;
	struct span name;

	ASSERT(b->depth > 0);
	b->in_run = false;
	if (b->tape[b->open[b->depth - 1]].mixed)
		join_runs(b, b->open[b->depth - 1]);
	if (b->depth == 1) {
		finish_tag(b);
		b->depth = 0;
		b->tape[0].end = b->tape_n;
		return;
	}
	e = &b->tape[b->open[--b->depth]];
	e->end = b->tape_n;
	b->in_tag = false;
	if (empty) {
		buf_add(&b->canon, "/>", 2);
		return;
	}
	name = look(b, e->name);
	stream = ns_is_stream(look(b, e->ns));
	buf_reserve(&b->canon, name.n + 16); /* name points into this buffer */
	buf_add_text(&b->canon, stream ? "</stream:" : "</");
	buf_add_span(&b->canon, look(b, e->name));
	buf_add(&b->canon, ">", 1);
}

void builder_leaf(struct builder *b, const char *name, const char *ns, struct span text)
{
	builder_open(b, name, ns);
	builder_text(b, text);
	builder_close(b);
}

/* Copies entries first..end-1 of another stanza below what is open; closes each element when its range is over. */
static void copy_range(struct builder *b, const struct stanza *s, uint32_t first, uint32_t end)
{
	uint32_t ends[DEPTH_MAX];
	uint32_t depth = 0;

	for (uint32_t i = first; i < end; i++) {
		const struct entry *e = &s->tape[i];

		while (depth > 0 && i >= ends[depth - 1]) {
			builder_close(b);
			depth--;
		}
		switch (e->kind) {
		case ENTRY_ELEMENT:
			builder_open_span(b, stanza_piece(s, e->name), stanza_piece(s, e->ns));
			ends[depth++] = e->end;
			break;
		case ENTRY_ATTRIBUTE:
			builder_attr_ns(b, stanza_piece(s, e->name), stanza_piece(s, e->ns), stanza_piece(s, e->value));
			break;
		default:
			builder_text(b, stanza_piece(s, e->value));
		}
	}
	for (; depth > 0; depth--)
		builder_close(b);
}

static const struct {
	const char *name;
	bool xml;
} envelope_names[ENVELOPE_FIELDS] = { { "to", false }, { "from", false }, { "id", false }, { "type", false }, { "lang", true } };

static void copy_head(struct builder *b, const struct stanza *s, struct span from, struct span to)
{
	for (unsigned i = 0; i < ENVELOPE_FIELDS; i++)
		builder_attr_ns(b, span_of(envelope_names[i].name), envelope_names[i].xml ? SPAN_LIT(NS_XML) : SPAN_NONE,
				i == ENVELOPE_FROM ? from : i == ENVELOPE_TO ? to : stanza_piece(s, s->envelope[i]));
	for (uint32_t i = 1; i < s->tape_n && s->tape[i].kind == ENTRY_ATTRIBUTE; i++)
		builder_attr_ns(b, stanza_piece(s, s->tape[i].name), stanza_piece(s, s->tape[i].ns),
				stanza_piece(s, s->tape[i].value));
}

void builder_copy_head(struct builder *b, const struct stanza *s)
{
	copy_head(b, s, stanza_from(s), stanza_to(s));
}

void builder_copy_under(struct builder *b, const struct stanza *s, struct span from, struct span to)
{
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	copy_head(b, s, from, to);
	builder_copy_children(b, s, STANZA_TOP);
	builder_close(b);
}

void builder_copy(struct builder *b, const struct stanza *s, stanza_el el)
{
	if (el != STANZA_TOP) {
		copy_range(b, s, el, s->tape[el].end);
		return;
	}
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	builder_copy_children(b, s, STANZA_TOP);
	builder_close(b);
}

void builder_copy_children(struct builder *b, const struct stanza *s, stanza_el el)
{
	uint32_t first = el + 1;

	while (first < s->tape[el].end && s->tape[first].kind == ENTRY_ATTRIBUTE)
		first++;
	copy_range(b, s, first, s->tape[el].end);
}

/* --- the finished block --- */

static enum stanza_kind kind_of(struct span name, struct span ns)
{
	if (!span_is(ns, NS_CLIENT))
		return STANZA_OTHER;
	if (span_is(name, "message"))
		return STANZA_MESSAGE;
	if (span_is(name, "presence"))
		return STANZA_PRESENCE;
	return span_is(name, "iq") ? STANZA_IQ : STANZA_OTHER;
}

static enum stanza_type type_of(struct span text)
{
	static const char *const names[] = { "",    "normal",	   "chat",      "groupchat",  "headline",    "error",	     "get",
					     "set", "result", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed",
					     "probe" };

	if (!text.p)
		return STANZA_TYPE_NONE;
	if (span_is(text, "chat")) /* nearly every one */
		return STANZA_TYPE_CHAT;
	for (unsigned i = 1; i < ARRAY_LEN(names); i++)
		if (span_is(text, names[i]))
			return (enum stanza_type)i;
	return STANZA_TYPE_UNKNOWN;
}

/* A message's child <body/> with text in it. A child in its parent's namespace shares the piece that names it. */
static bool has_body(const struct stanza *s)
{
	for (uint32_t i = 1; i < s->tape_n; i = s->tape[i].end) {
		const struct entry *e = &s->tape[i];

		if (e->kind == ENTRY_ELEMENT && e->ns.at == s->tape[0].ns.at && span_is(stanza_piece(s, e->name), "body"))
			return stanza_text(s, i).n > 0;
	}
	return false;
}

struct stanza *builder_finish(struct builder *b)
{
	struct stanza *s = builder_try_finish(b);

	if (!s)
		base_out_of_memory();
	return s;
}

struct stanza *builder_try_finish(struct builder *b)
{
	size_t tape_bytes = b->tape_n * sizeof(struct entry), canon_n = buf_len(&b->canon), extra_n = buf_len(&b->extra);
	struct stanza *s;
	char *bytes;

	ASSERT(b->depth == 0 && b->tape_n > 0);
	s = malloc(sizeof(*s) + tape_bytes + canon_n + extra_n);
	if (!s) {
		builder_reset(b);
		return NULL;
	}
	s->refs = 1;
	s->tape_n = b->tape_n;
	s->canon_n = (uint32_t)canon_n;
	s->extra_n = (uint32_t)extra_n;
	s->head_n = b->head_n;
	held_add((int64_t)stanza_bytes(s));
	memcpy(s->envelope, b->envelope, sizeof(s->envelope));
	memcpy(s->tape, b->tape, tape_bytes);
	bytes = (char *)(void *)(s->tape + s->tape_n);
	if (canon_n)
		memcpy(bytes, b->canon.base + b->canon.start, canon_n);
	memcpy(bytes + canon_n, b->extra.base + b->extra.start, extra_n);
	s->kind = (uint8_t)kind_of(stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	s->type = (uint8_t)type_of(stanza_type_text(s));
	s->has_body = s->kind == STANZA_MESSAGE && has_body(s);
	builder_reset(b);
	return s;
}
