#include "conf/option.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "runtime/mem/buf.h"

const struct option_row option_rows[CONFIG_OPTION_COUNT] = {
#define COMMON(field, key, def, doc) #field, key, def
#define OPTION_BOOL(f, key, def, doc) { OPTION_KIND_BOOL, #f, key, def, 0, 1, NULL, NULL, doc, offsetof(struct config, f) },
#define OPTION_INT(f, key, def, min, max, unit, doc) \
	{ OPTION_KIND_INT, #f, key, def, min, max, unit, NULL, doc, offsetof(struct config, f) },
#define OPTION_TEXT(f, key, def, doc) { OPTION_KIND_TEXT, #f, key, def, 0, 0, NULL, NULL, doc, offsetof(struct config, f) },
#define OPTION_SECRET(f, key, def, doc) { OPTION_KIND_SECRET, #f, key, def, 0, 0, NULL, NULL, doc, offsetof(struct config, f) },
#define OPTION_LIST(f, key, def, doc) { OPTION_KIND_LIST, #f, key, def, 0, 0, NULL, NULL, doc, offsetof(struct config, f) },
#define OPTION_ENUM(f, key, names, def, doc) \
	{ OPTION_KIND_ENUM, #f, key, def, 0, 0, NULL, names, doc, offsetof(struct config, f) },
#define ALIAS(f, key)
#define LATER(key, doc)
#include "conf/options.def"
#undef OPTION_BOOL
#undef OPTION_INT
#undef OPTION_TEXT
#undef OPTION_SECRET
#undef OPTION_LIST
#undef OPTION_ENUM
#undef ALIAS
#undef LATER
#undef COMMON
};

#define OPTION_BOOL(f, key, def, doc)
#define OPTION_INT(f, key, def, min, max, unit, doc)
#define OPTION_TEXT(f, key, def, doc)
#define OPTION_SECRET(f, key, def, doc)
#define OPTION_LIST(f, key, def, doc)
#define OPTION_ENUM(f, key, names, def, doc)

#define LATER(key, doc)
#define ALIAS(f, key) { key, CONFIG_OPTION_##f },
const struct option_alias option_aliases[] = {
#include "conf/options.def"
};
#undef LATER
#undef ALIAS
const size_t option_alias_count = ARRAY_LEN(option_aliases);

#define ALIAS(f, key)
#define LATER(key, doc) { key, doc },
const struct option_later option_laters[] = {
#include "conf/options.def"
};
const size_t option_later_count = ARRAY_LEN(option_laters);

const struct option_row *option_find(const char *key)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (strcmp(option_rows[i].key, key) == 0)
			return &option_rows[i];
	for (size_t i = 0; i < option_alias_count; i++)
		if (strcmp(option_aliases[i].key, key) == 0)
			return &option_rows[option_aliases[i].option];
	return NULL;
}

bool option_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			again = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

const struct option_later *option_find_later(const char *key)
{
	for (size_t i = 0; i < option_later_count; i++)
		if (option_matches(option_laters[i].key, key))
			return &option_laters[i];
	return NULL;
}

#define KEY_MAX 160u

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Levenshtein distance, one row at a time. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[KEY_MAX + 1];
	size_t n = strlen(b);

	if (n > KEY_MAX || strlen(a) > KEY_MAX)
		return UINT32_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned above = row[j];

			row[j] = least(least(above + 1, row[j - 1] + 1), diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

struct nearest nearest_to(const char *word)
{
	return (struct nearest){ .word = word, .beyond = (unsigned)strlen(word) / 4 + 2 };
}

void nearest_consider(struct nearest *n, const char *candidate)
{
	unsigned d = distance(n->word, candidate);

	if (d < n->beyond) {
		n->beyond = d;
		n->best = candidate;
	}
}

void option_consider_all(struct nearest *n)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		nearest_consider(n, option_rows[i].key);
	for (size_t i = 0; i < option_alias_count; i++)
		nearest_consider(n, option_aliases[i].key);
}

/* --- values --- */

bool option_parse_bool(const char *text, bool *out)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0", "" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (strcasecmp(text, yes[i]) == 0)
			return *out = true, true;
	*out = false;
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (strcasecmp(text, no[i]) == 0)
			return true;
	return false;
}

bool option_parse_int(const char *text, int64_t *out)
{
	char *end;
	int64_t unit = 1;
	const char *digits = *text == '-' || *text == '+' ? text + 1 : text;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*out = strtoll(text, &end, 0); /* 0x…, leading 0, decimal: Java's decode */
	if (errno)
		return false;
	if (*end == 'k' || *end == 'K')
		unit = 1024;
	else if (*end == 'm' || *end == 'M')
		unit = 1024 * 1024;
	else if (*end == 'g' || *end == 'G')
		unit = 1024 * 1024 * 1024;
	if (unit > 1)
		end++;
	if (*end != '\0')
		return false;
	return !__builtin_mul_overflow(*out, unit, out);
}

void option_free_list(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){ 0 };
}

void option_add_item(struct config_list *list, char *item)
{
	list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = item;
}

static struct span trimmed(struct span s)
{
	while (s.n && strchr(" \t", *s.p))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n && strchr(" \t", s.p[s.n - 1]))
		s.n--;
	return s;
}

void option_parse_list(const char *text, struct config_list *out)
{
	*out = (struct config_list){ 0 };
	for (;;) {
		size_t n = strcspn(text, ",");
		struct span item = trimmed((struct span){ text, n });

		if (item.n)
			option_add_item(out, xstrndup(item.p, item.n));
		if (text[n] == '\0')
			return;
		text += n + 1;
	}
}

static bool parse_enum(const char *names, const char *text, int *out)
{
	size_t length = strlen(text);
	int position = 0;

	for (const char *at = names;; position++) {
		size_t n = strcspn(at, "|");

		if (n == length && strncasecmp(at, text, n) == 0)
			return *out = position, true;
		if (at[n] == '\0')
			return false;
		at += n + 1;
	}
}

static void *field_of(const struct config *c, const struct option_row *row)
{
	return (char *)(uintptr_t)c + row->offset;
}

void option_free(struct config *c, const struct option_row *row)
{
	void *field = field_of(c, row);

	if (row->kind == OPTION_KIND_LIST) {
		option_free_list(field);
	} else if (row->kind == OPTION_KIND_TEXT || row->kind == OPTION_KIND_SECRET) {
		free(*(char **)field);
		*(char **)field = NULL;
	}
}

static char *say(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *say(const char *fmt, ...)
{
	struct buf out = BUF_INIT;
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_add_text(&out, text);
	return buf_take_text(&out);
}

static bool set_int(const struct option_row *row, const char *text, int64_t *field, char **problem)
{
	int64_t value;

	if (!option_parse_int(text, &value)) {
		*problem = say("'%s' is no number; %s takes %lld to %lld %s", text, row->key, (long long)row->min,
			       (long long)row->max, row->unit);
		return false;
	}
	if (value < row->min || value > row->max) {
		*problem = say("%lld is out of range; %s takes %lld to %lld %s", (long long)value, row->key, (long long)row->min,
			       (long long)row->max, row->unit);
		return false;
	}
	*field = value;
	return true;
}

bool option_set(struct config *c, const struct option_row *row, const char *text, char **problem)
{
	void *field = field_of(c, row);

	switch (row->kind) {
	case OPTION_KIND_BOOL:
		if (option_parse_bool(text, field))
			return true;
		*problem = say("'%s' is neither true nor false; %s takes true or false", text, row->key);
		return false;
	case OPTION_KIND_INT:
		return set_int(row, text, field, problem);
	case OPTION_KIND_ENUM:
		if (parse_enum(row->names, text, field))
			return true;
		*problem = say("'%s' is not known; %s takes one of %s", text, row->key, row->names);
		return false;
	case OPTION_KIND_LIST:
		option_free_list(field);
		option_parse_list(text, field);
		return true;
	case OPTION_KIND_TEXT:
	case OPTION_KIND_SECRET:
		break;
	}
	free(*(char **)field);
	*(char **)field = xstrdup(text);
	return true;
}

static void print_enum(const char *names, int position, struct buf *out)
{
	for (; position > 0; position--)
		names += strcspn(names, "|") + 1;
	buf_add(out, names, strcspn(names, "|"));
}

void option_print(const struct config *c, const struct option_row *row, struct buf *out)
{
	const void *field = field_of(c, row);
	const struct config_list *list = field;

	switch (row->kind) {
	case OPTION_KIND_BOOL:
		buf_add_text(out, *(const bool *)field ? "true" : "false");
		break;
	case OPTION_KIND_INT:
		buf_addf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case OPTION_KIND_ENUM:
		print_enum(row->names, *(const int *)field, out);
		break;
	case OPTION_KIND_LIST:
		for (size_t i = 0; i < list->count; i++)
			buf_addf(out, "%s%s", i ? "," : "", list->items[i]);
		break;
	case OPTION_KIND_TEXT:
		buf_add_text(out, *(char *const *)field);
		break;
	case OPTION_KIND_SECRET:
		buf_add_text(out, "***");
		break;
	}
}

const char *option_suffix(const struct option_row *row)
{
	static const char *const suffixes[] = { "[B]", "[I]", "", "", "[s]", "" };

	if (strncmp(row->key, "--", 2) == 0)
		return "";
	return row->kind == OPTION_KIND_INT && strstr(row->key, "store-limit") ? "[L]" : suffixes[row->kind];
}
