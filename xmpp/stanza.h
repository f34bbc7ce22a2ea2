#pragma once
/* A stanza (or any top-level element): immutable, counted, one block of canonical bytes with a tape beside it
 * (architecture 4). `to`, `from`, `id`, `type` and `xml:lang` of the top element live in the envelope, not in the
 * bytes, so one body can go to many receivers under fresh heads. Shared freely between threads.
 *
 * Elements are tape indices: STANZA_TOP is the top element. All accessors return unescaped values that live as long
 * as the stanza. Walks never recurse. */
#include "runtime/mem/buf.h"
#include "xmpp/condition.h"
#include "xmpp/jid.h"

struct stanza; /* opaque */
struct builder;

typedef uint32_t stanza_el;
#define STANZA_TOP ((stanza_el)0)
#define STANZA_NO_EL UINT32_MAX

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ, STANZA_OTHER /* stream-level element */ };
enum stanza_type {
	STANZA_TYPE_NONE, /* no type attribute: message = normal, presence = available */
	STANZA_TYPE_NORMAL, STANZA_TYPE_CHAT, STANZA_TYPE_GROUPCHAT, STANZA_TYPE_HEADLINE, STANZA_TYPE_ERROR,
	STANZA_TYPE_GET, STANZA_TYPE_SET, STANZA_TYPE_RESULT,
	STANZA_TYPE_UNAVAILABLE, STANZA_TYPE_SUBSCRIBE, STANZA_TYPE_SUBSCRIBED, STANZA_TYPE_UNSUBSCRIBE,
	STANZA_TYPE_UNSUBSCRIBED, STANZA_TYPE_PROBE,
	STANZA_TYPE_UNKNOWN, /* any other text: message is treated as normal, the rest is bad-request */
};

struct stanza *stanza_ref(struct stanza *s);
void stanza_unref(struct stanza *s); /* NULL allowed */

enum stanza_kind stanza_kind(const struct stanza *s);
enum stanza_type stanza_type(const struct stanza *s);
struct span stanza_to(const struct stanza *s);   /* as sent; SPAN_NONE (p NULL) when absent */
struct span stanza_from(const struct stanza *s);
struct span stanza_id(const struct stanza *s);
struct span stanza_lang(const struct stanza *s);
struct span stanza_type_text(const struct stanza *s);
size_t stanza_bytes(const struct stanza *s); /* memory it holds */

struct span stanza_name(const struct stanza *s, stanza_el el);
struct span stanza_ns(const struct stanza *s, stanza_el el);
bool stanza_el_is(const struct stanza *s, stanza_el el, const char *name, const char *ns);
/* Attribute without namespace; p NULL when absent. On STANZA_TOP the five envelope attributes answer too. */
struct span stanza_attr(const struct stanza *s, stanza_el el, const char *name);
struct span stanza_attr_ns(const struct stanza *s, stanza_el el, const char *name, const char *ns);
/* Text directly inside the element, pieces joined; empty when none. */
struct span stanza_text(const struct stanza *s, stanza_el el);
stanza_el stanza_first(const struct stanza *s, stanza_el el);  /* first child element or STANZA_NO_EL */
stanza_el stanza_next(const struct stanza *s, stanza_el el);   /* next sibling element or STANZA_NO_EL */
/* First child with this name and namespace (either may be NULL = any). */
stanza_el stanza_child(const struct stanza *s, stanza_el el, const char *name, const char *ns);
static inline struct span stanza_child_text(const struct stanza *s, const char *name, const char *ns)
{
	stanza_el el = stanza_child(s, STANZA_TOP, name, ns);

	return el == STANZA_NO_EL ? SPAN_NONE : stanza_text(s, el);
}
/* A boolean of XML Schema, as attributes have it: whether it is true. */
static inline bool stanza_is_true(struct span text)
{
	return span_is(text, "true") || span_is(text, "1");
}
bool stanza_has_body(const struct stanza *s); /* message with a non-empty <body/> in the content namespace */

/* How the top element is written. Children always carry their own xmlns where it differs from their parent's. */
enum stanza_form {
	STANZA_FORM_STREAM, /* xmlns='jabber:client' and prefix stream are in scope: neither is repeated */
	STANZA_FORM_ALONE,  /* BOSH, WebSocket: the element declares its own namespace */
};
/* Appends the element. from/to replace those in the envelope when p is not NULL; a span with p set and n == 0 leaves
 * the attribute out. */
void stanza_write(struct buf *out, const struct stanza *s, struct span from, struct span to, enum stanza_form form);
/* Self-contained canonical bytes of the whole element incl. its envelope (storage), and back. */
void stanza_save(struct buf *out, const struct stanza *s, struct span from, struct span to);

/* --- making elements: the only writer of XML in the program. The parser uses it too. --- */

/* A builder is reusable scratch of one thread. */
struct builder *builder_new(void);
void builder_free(struct builder *b);
/* Starts over. */
void builder_reset(struct builder *b);
/* Opens an element; ns NULL = the parent's (top: jabber:client). */
void builder_open(struct builder *b, const char *name, const char *ns);
void builder_open_span(struct builder *b, struct span name, struct span ns);
/* Attribute of the element opened last, before any child or text. A value with p NULL leaves it out. */
void builder_attr(struct builder *b, const char *name, struct span value);
void builder_attr_text(struct builder *b, const char *name, const char *value); /* NULL leaves it out */
void builder_attr_ns(struct builder *b, struct span name, struct span ns, struct span value);
void builder_text(struct builder *b, struct span text);
/* The same for bytes a peer decides about: false, and nothing has changed, when there is no memory for them. */
bool builder_try_text(struct builder *b, struct span text) MUST_CHECK;
void builder_close(struct builder *b);
/* <name xmlns=ns>text</name>; text with p NULL makes an empty element. */
void builder_leaf(struct builder *b, const char *name, const char *ns, struct span text);
/* Copies an element of another stanza, with all below it. STANZA_TOP copies the whole. */
void builder_copy(struct builder *b, const struct stanza *s, stanza_el el);
/* The whole stanza, as an element, under the addresses it travels with. */
void builder_copy_under(struct builder *b, const struct stanza *s, struct span from, struct span to);
/* Copies all children and text of an element into the open one. */
void builder_copy_children(struct builder *b, const struct stanza *s, stanza_el el);
/* All attributes of the top element of another stanza, for the one just opened. */
void builder_copy_head(struct builder *b, const struct stanza *s);
/* All open elements are closed; one top element must have been made. */
struct stanza *builder_finish(struct builder *b);
struct stanza *builder_try_finish(struct builder *b); /* NULL, and the builder is empty, when there is no memory for it */
unsigned builder_depth(const struct builder *b);
size_t builder_bytes(const struct builder *b);

/* --- common replies (from and to already swapped by the router: `from` = old to, `to` = old from) --- */
/* <iq type='result' id=…/> around `b`'s caller-made child: opens the iq; caller adds children and closes. */
void stanza_open_result(struct builder *b, const struct stanza *request, struct span from, struct span to);
struct stanza *stanza_make_result(struct builder *b, const struct stanza *request, struct span from, struct span to);
/* Small enough that an error about it repeats its children. */
bool stanza_is_echoed(const struct stanza *s);
/* Error reply with the original children (RFC 6120 8.3.1). NULL when the original is itself an error or a result:
 * errors are never answered. `text` may be NULL. */
struct stanza *stanza_make_error(struct builder *b, const struct stanza *original, struct span from, struct span to,
				 enum stanza_error condition, const char *text);
/* The same with not-acceptable and <blocked/>: the sender itself has blocked whom it writes to (XEP-0191 3.3). */
struct stanza *stanza_make_blocked(struct builder *b, const struct stanza *original, struct span from, struct span to);
/* The reply to a stanza of more than `limit` bytes (RFC 6120 13.12, XEP-0205): policy-violation and stanza-too-big, nothing of
 * the original. NULL as above. */
struct stanza *stanza_make_too_big(struct builder *b, const struct stanza *original, struct span from, struct span to,
				   uint32_t limit);
/* The top element with its attributes and without content. */
struct stanza *stanza_head(struct builder *b, const struct stanza *s);
/* A child of a stanza as a stanza of its own (BOSH body -> stanzas). */
struct stanza *stanza_from_child(struct builder *b, const struct stanza *s, stanza_el el);
/* A copy with the named children removed and/or one added; what extensions use to rewrite. */
struct stanza *stanza_without(struct builder *b, const struct stanza *s, const char *name, const char *ns);
