#pragma once
/* How text becomes XML, in one place. */
#include "runtime/mem/buf.h"

/* Both append and return whether anything had to be escaped. */
bool escape_attribute(struct buf *out, struct span text); /* between single quotes; TAB, LF, CR as references */
bool escape_text(struct buf *out, struct span text);
/* Appends ` name='value'`; for the few things that are no whole elements: stream headers, BOSH bodies. */
void escape_write_attribute(struct buf *out, const char *name, struct span value);
