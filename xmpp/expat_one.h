#pragma once
/* The one place that makes expat parsers: strict settings, counted memory, events into a builder with limits checked before
 * anything is kept. What a stream or document does with it is in parser.c. */
#include "xmpp/parser.h"

enum expat_stop { EXPAT_GO, EXPAT_PAUSE };

/* Decides what happens at the two places a caller cares about. Called inside expat: must not touch the parser. */
struct expat_hooks {
	/* Start of the element at depth 1 when `header` is set: the parser stops right behind its tag. Attributes as expat gives
	 * them, name and ns apart. */
	void (*on_root)(void *ctx, struct span name, struct span prefix, struct span ns, const char **attributes);
	void (*on_declaration)(void *ctx, struct span prefix, struct span uri); /* of the root; p NULL: default, none */
	/* An element at `element_depth` is complete in the builder. */
	enum expat_stop (*on_element)(void *ctx, struct stanza *s);
	/* The same for one that was over stanza_bytes, and skipped: its top alone. */
	enum expat_stop (*on_oversized)(void *ctx, struct stanza *head);
	bool stop_at_head; /* the parser stops behind the element's start tag: expat_take_head */
	void (*on_root_end)(void *ctx);
};

struct expat_one; /* opaque */

struct expat_one *expat_new(bool namespaces_with_prefix);
void expat_free(struct expat_one *x);
/* What the next events mean. element_depth: 1 = the root itself is the element (documents), 2 = its children are
 * (streams), 0 = only the root's start tag is wanted (headers). */
void expat_aim(struct expat_one *x, const struct xml_limits *limits, unsigned element_depth, const struct expat_hooks *hooks,
	       void *ctx);
/* At a boundary: what follows is counted from here, whoever fed before. */
void expat_begin(struct expat_one *x);
/* Feeds; `final` ends the document. Returns the error, or NONE. */
enum stream_error expat_feed(struct expat_one *x, struct span bytes, bool final);
/* Makes deferred tokens come out (E2); returns as expat_feed. */
enum stream_error expat_flush(struct expat_one *x);
/* An element is open that is over its limit: what was kept of it is let go but for its top, the rest is not kept. False:
 * that is not allowed, or its start tag is not even over. */
bool expat_skip(struct expat_one *x);
bool expat_is_skipping(const struct expat_one *x);
/* Under stop_at_head, when the parser stopped there. */
struct stanza *expat_take_head(struct expat_one *x);
bool expat_is_paused(const struct expat_one *x); /* on_element said so, or the root's tag of a header is over */
/* Bytes fed but not yet part of an event (an unfinished token). */
uint64_t expat_pending(const struct expat_one *x);
/* Bytes fed so far and those up to the end of the last event and the last whole element. */
uint64_t expat_fed(const struct expat_one *x);
uint64_t expat_last_event(const struct expat_one *x);
uint64_t expat_last_element(const struct expat_one *x);
bool expat_at_boundary(const struct expat_one *x); /* between two elements, nothing pending */
size_t expat_live_bytes(const struct expat_one *x);
/* Feeds a synthetic stream header, so that stanzas can follow. */
void expat_prime(struct expat_one *x, struct span header);

/* --- the two rules every reader of elements keeps (quick.c is the other one) --- */
/* Namespaces that never belong inside a stanza: a client parser that thinks it sees a stream element there could be fooled
 * (V12). */
bool expat_is_forbidden_inside(struct span ns);
/* What those are forbidden inside of: the element itself, or a child of it when that is a BOSH body. */
bool expat_is_stanza(struct span name, struct span ns);
