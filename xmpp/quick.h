#pragma once
/* Elements of the plain kind, read without expat: what nearly every client sends. It either returns exactly the element that
 * expat would have made of the same bytes, or nothing, and then expat reads them and has the last word. So it refuses nothing,
 * reports no error, and whatever it does not know by heart is not its business:
 *   - names of ASCII letters, digits, `.`, `-` and `_`; of prefixes only xml:lang; a namespace is declared as the default one;
 *   - attribute values without references, white space other than blanks, or `<`;
 *   - text with the five predefined entities, but without CR and `]]`;
 *   - no declarations, comments, instructions, CDATA, character references; no blanks around `=` or in end tags;
 *   - at most QUICK_DEPTH deep, QUICK_ATTRIBUTES on one element, complete in the bytes at hand, within the limits.
 * tests/fuzz/fuzz_stanza.c holds it against expat. */
#include "xmpp/parser.h"

#define QUICK_DEPTH 16u
#define QUICK_ATTRIBUTES 16u

/* The element that begins with the first byte, made in `b`; NULL: let expat look. The caller has seen that the bytes are UTF-8
 * (an unfinished character at the very end does not matter) without a NUL. ns: the default namespace around it. *used: its length. */
struct stanza *quick_element(struct builder *b, struct span bytes, struct span ns, const struct xml_limits *limits, size_t *used);
/* The header of a client's stream in the usual words: the prefix `stream` for the stream, jabber:client as the default namespace, no
 * other declaration, no other attributes than those of RFC 6120 4.7, perhaps an XML declaration in front. False: let expat look.
 * The same of the bytes holds as above; h has spans of them. */
bool quick_header(struct span bytes, const struct xml_limits *limits, struct xml_header *h, size_t *used);
