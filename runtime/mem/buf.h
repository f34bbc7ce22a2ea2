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
/* Room for at least `bytes` at the end; returns where to write. Follow with buf_commit. */
char *buf_reserve(struct buf *b, size_t bytes);
void buf_commit(struct buf *b, size_t bytes);
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_text(struct buf *b, const char *text);
void buf_add_span(struct buf *b, struct span s);
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
