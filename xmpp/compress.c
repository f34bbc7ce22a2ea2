#include "xmpp/compress.h"

#include <stdlib.h>
#include <zlib.h>

#define PIECE 4096u

struct compress {
	z_stream in, out;
	uint64_t in_bytes, in_made; /* what came, and what became of it */
	uint32_t ratio, allowance;
	bool over; /* the peer has ended its data */
};

struct compress *compress_new(const struct compress_settings *settings)
{
	struct compress *c = calloc(1, sizeof(*c)); /* a peer asks for it: without memory it is refused, alone */

	if (!c)
		return NULL;
	c->ratio = settings->ratio;
	c->allowance = settings->allowance;
	if (inflateInit2(&c->in, MAX_WBITS) != Z_OK) {
		free(c);
		return NULL;
	}
	if (deflateInit2(&c->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, settings->window_bits, settings->memory_level,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		(void)inflateEnd(&c->in);
		free(c);
		return NULL;
	}
	return c;
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	(void)inflateEnd(&c->in);
	(void)deflateEnd(&c->out);
	free(c);
}

/* zlib's interface does not know const. */
static Bytef *bytes_of(const char *p)
{
	return (Bytef *)(uintptr_t)p;
}

void compress_pack(struct compress *c, struct span plain, struct buf *out)
{
	ASSERT(plain.n <= UINT32_MAX);
	c->out.next_in = bytes_of(plain.p);
	c->out.avail_in = (uInt)plain.n;
	do {
		c->out.next_out = (Bytef *)buf_reserve(out, PIECE);
		c->out.avail_out = PIECE;
		if (deflate(&c->out, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
			BUG("the state of a deflate stream is broken");
		buf_commit(out, PIECE - c->out.avail_out);
	} while (c->out.avail_out == 0);
}

static bool is_too_dense(const struct compress *c)
{
	return c->ratio && c->in_made > c->allowance && (c->in_made - c->allowance) / c->ratio > c->in_bytes;
}

enum compress_verdict compress_unpack(struct compress *c, struct span packed, size_t *used, char *to, size_t room, size_t *got)
{
	int state;

	*used = *got = 0;
	if (c->over)
		return packed.n ? COMPRESS_BROKEN : COMPRESS_OK;
	c->in.next_in = bytes_of(packed.p);
	c->in.avail_in = (uInt)packed.n;
	c->in.next_out = (Bytef *)to;
	c->in.avail_out = (uInt)room;
	state = inflate(&c->in, Z_SYNC_FLUSH);
	*used = packed.n - c->in.avail_in;
	*got = room - c->in.avail_out;
	c->in_bytes += *used;
	c->in_made += *got;
	c->over = state == Z_STREAM_END;
	if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR /* nothing to do */)
		return COMPRESS_BROKEN;
	return is_too_dense(c) ? COMPRESS_TOO_DENSE : COMPRESS_OK;
}
