#pragma once
/* The message reference, docs/reference/messages.md: every actor's protocol, printed from its table. */
#include "runtime/mem/buf.h"

void reference_print_messages(struct buf *out);
