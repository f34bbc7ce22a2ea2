#pragma once
/* A growable byte buffer with a read end and a write end. Empty buffers hold no heap memory. One owner. */
#include "runtime/mem/span.h"

struct buf {
	char *base;
	uint32_t start; /* first unread byte */
	uint32_t end;   /* one past the last byte */
	uint32_t size;  /* bytes allocated */
};

#define BUF_INIT ((struct buf){ 0 })

void buf_fini(struct buf *b);  /* frees; b is empty and usable again */
void buf_wipe(struct buf *b);  /* as buf_fini after overwriting the bytes (secrets) */
void buf_clear(struct buf *b); /* empty, keeps the memory */
char *buf_grow(struct buf *b, size_t bytes); /* buf_reserve when there is no room */
/* Room for at least `bytes` at the end; returns where to write. Follow with buf_commit. Here, like buf_add, because every
 * byte that leaves passes through them. */
static inline char *buf_reserve(struct buf *b, size_t bytes)
{
	return b->size - b->end >= bytes && b->base ? b->base + b->end : buf_grow(b, bytes);
}
/* The same for bytes a peer decides about: false, and nothing has changed, when there is no memory for them. What is added up to
 * that size then cannot fail. */
bool buf_try_reserve(struct buf *b, size_t bytes) MUST_CHECK;
void buf_commit(struct buf *b, size_t bytes);
void buf_trim(struct buf *b); /* gives back what it has to spare: for bytes that are kept */
static inline void buf_add(struct buf *b, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), bytes, n);
	b->end += (uint32_t)n;
}
static inline void buf_add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}
static inline void buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.n);
}
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_consume(struct buf *b, size_t bytes); /* drop from the front; frees the memory when emptied */
/* Hands the bytes over as a NUL-terminated heap string; b becomes empty. */
char *buf_take_text(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}
static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->base ? b->base + b->start : "", b->end - b->start };
}
