#pragma once
/* A strict UTF-8 checker (RFC 3629) that may stop and go on at any byte: no overlong forms, no surrogates, nothing above
 * U+10FFFF, not U+FFFE and U+FFFF. */
#include "runtime/mem/span.h"

struct utf8 { /* zeroed = at the start of a character */
	uint8_t left;       /* continuation bytes still to come */
	uint8_t low, high;  /* range of the next one */
	bool last_e_or_f;   /* EF BF so far: BE and BF would be noncharacters */
};

bool utf8_feed(struct utf8 *u, struct span bytes); /* false: bad byte */
bool utf8_is_valid(struct span text);              /* whole text */
