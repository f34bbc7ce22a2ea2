#pragma once
/* What stands around stanzas and has no end yet when it is written: the stream header, the BOSH body, and the
 * WebSocket framing elements whose exact spelling clients compare. No builder can make those; all else is made by
 * xmpp/builder. Values come from the server alone (domains, hex, numbers, checked language tags and addresses): that none needs
 * escaping is asserted. */
#include "runtime/mem/buf.h"

#define WRAP_LANG_MAX 35
/* A language tag that may be written back to the client; "en" for anything else. */
struct span wrap_lang(struct span wanted);

void wrap_attr(struct buf *out, const char *name, struct span value);
void wrap_number(struct buf *out, const char *name, uint64_t value);

struct wrap_head {
	struct span from, to, id, lang; /* to: whom the client said it is; p NULL = it did not say */
};
void wrap_stream_header(struct buf *out, const struct wrap_head *h);
void wrap_stream_end(struct buf *out);

void wrap_open(struct buf *out, const struct wrap_head *h); /* WebSocket */
struct span wrap_close(void);                               /* WebSocket */

void wrap_body_begin(struct buf *out); /* attributes follow */
void wrap_body_content(struct buf *out); /* elements follow */
void wrap_body_end(struct buf *out);
