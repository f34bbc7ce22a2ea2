#pragma once
/* init.properties by the rules of Java's Properties, as Tigase reads it (docs/operations.md): logical lines, escapes, keys and
 * values; then the type suffix is taken off the key. Knows no option. */
#include "runtime/mem/span.h"

struct property {
	char *key;   /* without the suffix */
	char *value; /* trailing white space off */
	char type;   /* F L I S B f l i s b, or 0 */
	unsigned line; /* where the key stands */
};
struct properties {
	struct property *items;
	size_t count;
	/* lines with something odd, for the caller to report */
	struct property_note {
		unsigned line;
		const char *text; /* static */
	} *notes;
	size_t note_count;
};

/* Any bytes are accepted: as in Java, nothing is a syntax error. */
void properties_parse(struct span text, struct properties *out);
void properties_free(struct properties *p);
