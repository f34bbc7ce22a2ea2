#pragma once
/* What a name that a stranger chooses must not be. */
#include "runtime/mem/span.h"

/* Letters of two scripts that look alike (Latin, Greek, Cyrillic, Armenian, Cherokee) in one local part: the ordinary way to
 * pass for somebody else (RFC 6120 13.10, UTS 39 5.2). A name all in one script may still look like another one. local: a
 * prepared local part, valid UTF-8. */
bool names_mix_scripts(struct span local);
