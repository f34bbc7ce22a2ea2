#include "runtime/mem/buf.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/mem/held.h"

#define FIRST_SIZE 256u

void buf_fini(struct buf *b)
{
	if (b->base)
		held_add(-(int64_t)b->size);
	free(b->base);
	*b = BUF_INIT;
}

void buf_wipe(struct buf *b)
{
	if (b->base)
		OPENSSL_cleanse(b->base, b->size);
	buf_fini(b);
}

void buf_clear(struct buf *b)
{
	b->start = b->end = 0;
}

/* NULL: no memory, and nothing has changed. */
static char *try_grow(struct buf *b, size_t bytes)
{
	size_t used = buf_len(b), size = b->size ? b->size : FIRST_SIZE;

	ASSERT(bytes < UINT32_MAX / 2 && used < UINT32_MAX / 2);
	if (b->base && used + bytes <= b->size / 2) { /* room enough once the read part is gone */
		memmove(b->base, b->base + b->start, used);
	} else {
		char *fresh;

		while (size < used + bytes)
			size *= 2;
		fresh = malloc(size);
		if (!fresh)
			return NULL;
		if (used)
			memcpy(fresh, b->base + b->start, used);
		held_add((int64_t)size - (b->base ? (int64_t)b->size : 0));
		free(b->base);
		b->base = fresh;
		b->size = (uint32_t)size;
	}
	b->start = 0;
	b->end = (uint32_t)used;
	return b->base + b->end;
}

char *buf_grow(struct buf *b, size_t bytes)
{
	char *at = try_grow(b, bytes);

	if (!at)
		base_out_of_memory();
	return at;
}

bool buf_try_reserve(struct buf *b, size_t bytes)
{
	return (b->size - b->end >= bytes && b->base) || try_grow(b, bytes);
}

void buf_commit(struct buf *b, size_t bytes)
{
	ASSERT(bytes <= b->size - b->end);
	b->end += (uint32_t)bytes;
}

/* By a copy: allocators shrink in place, and keep the block, where less than half is spared. */
void buf_trim(struct buf *b)
{
	uint32_t used = (uint32_t)buf_len(b);
	char *fresh;

	if (used == b->size)
		return;
	if (used == 0) {
		buf_fini(b);
		return;
	}
	fresh = xmalloc(used);
	memcpy(fresh, b->base + b->start, used);
	held_add((int64_t)used - (int64_t)b->size);
	free(b->base);
	*b = (struct buf){ .base = fresh, .end = used, .size = used };
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	size_t room = 128;
	va_list args;
	int n;

	for (;;) {
		char *at = buf_reserve(b, room);

		va_start(args, fmt);
		n = vsnprintf(at, room, fmt, args);
		va_end(args);
		ASSERT(n >= 0);
		if ((size_t)n < room)
			break;
		room = (size_t)n + 1;
	}
	b->end += (uint32_t)n;
}

void buf_consume(struct buf *b, size_t bytes)
{
	ASSERT(bytes <= buf_len(b));
	b->start += (uint32_t)bytes;
	if (b->start == b->end)
		buf_fini(b);
}

char *buf_take_text(struct buf *b)
{
	char *text;

	*buf_reserve(b, 1) = '\0';
	if (b->start)
		memmove(b->base, b->base + b->start, buf_len(b) + 1);
	held_add(-(int64_t)b->size);
	text = b->base;
	*b = BUF_INIT;
	return text;
}
