#pragma once
/* Data forms (XEP-0004): written from rows, and read against the same rows. Pure. Media elements and multiple items of results
 * (XEP-0221, 3.4) are not made, and ignored when read. */
#include "xmpp/stanza.h"

enum form_type {
	FORM_BOOLEAN, FORM_FIXED, FORM_HIDDEN, FORM_JID_MULTI, FORM_JID_SINGLE, FORM_LIST_MULTI, FORM_LIST_SINGLE, FORM_TEXT_MULTI,
	FORM_TEXT_PRIVATE, FORM_TEXT_SINGLE,
	FORM_TYPES
};

struct form_field {
	const char *var, *label;
	enum form_type type;
	bool required;
	const char *value;   /* filled in; lines are values of their own in the multi types; NULL = none */
	const char *options; /* of the list types: "a|b" */
	const char *about;   /* <desc/>; NULL = none */
};

/* --- writing, into the open element --- */
/* <x type='form'> or 'result'; title and instructions may be NULL. Close it with builder_close. */
void form_open(struct builder *b, const char *type, const char *title, const char *instructions);
void form_kind(struct builder *b, const char *uri); /* the hidden FORM_TYPE (XEP-0068) */
void form_add(struct builder *b, const struct form_field *f);
/* A field with values of the caller's: form_value for each, then builder_close. */
void form_open_field(struct builder *b, const char *var, const char *label, enum form_type type);
void form_value(struct builder *b, struct span value);
void form_add_text(struct builder *b, const char *var, const char *label, enum form_type type, struct span value); /* one value */

/* --- reading --- */
/* The submitted form in an element, or STANZA_NO_EL: none, or of another type than submit. */
stanza_el form_submitted(const struct stanza *s, stanza_el parent);
stanza_el form_find(const struct stanza *s, stanza_el form, const char *var); /* the field, or STANZA_NO_EL */
struct span form_text(const struct stanza *s, stanza_el form, const char *var); /* its first value; n 0 when absent */
/* Values one after the other: begin with STANZA_NO_EL, ends with STANZA_NO_EL. */
stanza_el form_next_value(const struct stanza *s, stanza_el field, stanza_el last);
bool form_truth(struct span value); /* "1" or "true" (XEP-0004 3.3) */
/* Whether the values fit the rows: what is required is there, booleans, options and JIDs are such. Fields in no row are let
 * through. NULL, or what is wrong, in *room. */
const char *form_problem(const struct stanza *s, stanza_el form, const struct form_field *fields, size_t count, char room[160]);
