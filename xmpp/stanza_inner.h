#pragma once
/* The layout of a stanza, shared by the files that make and read it. One block: this struct, the tape, the canonical bytes,
 * and the few values whose escaped form in the canonical bytes differs from what they say. */
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

/* Where a value lies: in the canonical bytes, or, with the top bit set, in the extra bytes behind them. */
struct piece {
	uint32_t at, n;
};
#define PIECE_EXTRA 0x80000000u
#define PIECE_ABSENT ((struct piece){ 0, UINT32_MAX })
static inline bool piece_is_absent(struct piece p)
{
	return p.n == UINT32_MAX;
}

enum entry_kind { ENTRY_ELEMENT, ENTRY_ATTRIBUTE, ENTRY_TEXT };

/* An element's attributes follow it at once, then its texts and child elements in document order, up to `end`. */
struct entry {
	uint8_t kind;
	bool mixed;         /* element: text, then an element, then text again */
	uint32_t parent;    /* element: index of its parent; the top's is its own */
	uint32_t end;       /* element: index behind its last descendant; others: own index + 1 */
	struct piece name, ns; /* element, attribute (ns absent = none) */
	struct piece value; /* attribute: value; text: the text; element: all its direct text joined, absent = none */
};

enum envelope_field { ENVELOPE_TO, ENVELOPE_FROM, ENVELOPE_ID, ENVELOPE_TYPE, ENVELOPE_LANG, ENVELOPE_FIELDS };

struct stanza {
	uint32_t refs; /* atomic */
	uint8_t kind, type;
	bool has_body;
	uint32_t tape_n, canon_n, extra_n;
	uint32_t head_n; /* canonical bytes of the top's other attributes; the content follows */
	struct piece envelope[ENVELOPE_FIELDS];
	struct entry tape[]; /* then canon_n + extra_n bytes */
};

static inline const char *stanza_canon(const struct stanza *s)
{
	return (const char *)(const void *)(s->tape + s->tape_n);
}
static inline struct span stanza_piece(const struct stanza *s, struct piece p)
{
	if (piece_is_absent(p))
		return SPAN_NONE;
	return (struct span){ stanza_canon(s) + (p.at & PIECE_EXTRA ? s->canon_n + (p.at & ~PIECE_EXTRA) : p.at), p.n };
}

/* The prefix of the stream namespace is the only one elements are written with. */
static inline bool ns_is_stream(struct span ns)
{
	return span_is(ns, NS_STREAM);
}
