#pragma once
/* A borrowed run of bytes: pointer and length, not NUL-terminated. The owner is whoever made it. */
#include <string.h>

#include "runtime/base.h"

struct span {
	const char *p;
	size_t n;
};

#define SPAN_LIT(text) ((struct span){ (text), sizeof(text) - 1 })
#define SPAN_NONE ((struct span){ NULL, 0 })
/* For printf: "%.*s", SPAN_FMT(s) */
#define SPAN_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct span span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}
static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool span_is(struct span a, const char *text)
{
	return span_eq(a, span_of(text));
}
static inline bool span_empty(struct span a)
{
	return a.n == 0;
}
