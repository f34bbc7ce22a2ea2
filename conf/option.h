#pragma once
/* The rows of options.def as data: kinds, parsing, printing. */
#include "conf/config.h"

enum option_kind { OPTION_KIND_BOOL, OPTION_KIND_INT, OPTION_KIND_TEXT, OPTION_KIND_SECRET, OPTION_KIND_LIST, OPTION_KIND_ENUM };

struct option_row {
	enum option_kind kind;
	const char *field, *key, *standard; /* default as text */
	int64_t min, max;
	const char *unit;  /* INT */
	const char *names; /* ENUM: "a|b|c" */
	const char *doc;
	size_t offset;     /* in struct config */
};
extern const struct option_row option_rows[CONFIG_OPTION_COUNT];

struct option_alias {
	const char *key;
	enum config_option option;
};
extern const struct option_alias option_aliases[];
extern const size_t option_alias_count;

struct option_later {
	const char *key, *doc; /* a key that ends in '*' stands for all that begin so; a star inside for any run */
};
extern const struct option_later option_laters[];
extern const size_t option_later_count;

/* Row of a key as written in the file; NULL when unknown. */
const struct option_row *option_find(const char *key);
const struct option_later *option_find_later(const char *key);

/* The known word nearest to an unknown one: ask with nearest_to, offer what is known, read best. */
struct nearest {
	const char *word;
	const char *best; /* one of those offered, or NULL when none is near */
	unsigned beyond;  /* the next one must be nearer than this */
};
struct nearest nearest_to(const char *word);
void nearest_consider(struct nearest *n, const char *candidate);
void option_consider_all(struct nearest *n); /* every key of options.def */

/* Parses by the row's kind and puts the value into the config, freeing what was there. False: *problem (owned by the caller)
 * says what is wrong and what is allowed. */
bool option_set(struct config *c, const struct option_row *row, const char *text, char **problem);
/* Value as init.properties text; secrets as stars. */
void option_print(const struct config *c, const struct option_row *row, struct buf *out);
void option_free(struct config *c, const struct option_row *row);
/* Suffix of tigase's type notation: "[B]", "[I]", "[s]", or "" for text. */
const char *option_suffix(const struct option_row *row);

/* --- values --- */
bool option_parse_bool(const char *text, bool *out); /* yes, true, on, 1 and their opposites */
/* Java's decode (sign, 0x, leading 0 octal, decimal), with k, m, g for powers of 1024 behind. */
bool option_parse_int(const char *text, int64_t *out);
void option_parse_list(const char *text, struct config_list *out);
void option_add_item(struct config_list *list, char *item); /* takes item */
void option_free_list(struct config_list *list);
bool option_matches(const char *pattern, const char *text); /* '*' = any run */
