#pragma once
/* A stream compressed with zlib in both directions (XEP-0138): bytes in, bytes out. What a peer sends is unpacked piece by piece
 * into room of the caller's, so no input makes it hold more than its windows: about 44 KiB for what comes (the client chooses), and
 * for what goes 2^(window_bits + 2) + 2^(memory_level + 9) bytes. */
#include "runtime/mem/buf.h"

struct compress_settings {
	uint8_t window_bits;  /* 9 to 15 */
	uint8_t memory_level; /* 1 to 9 */
	uint32_t ratio;       /* what comes may unpack to so many times its length; 0 = any */
	uint32_t allowance;   /* and so many bytes more */
};

enum compress_verdict {
	COMPRESS_OK,
	COMPRESS_BROKEN,    /* no zlib, a preset dictionary, damage, more behind the end */
	COMPRESS_TOO_DENSE, /* over the ratio: a bomb */
};

struct compress; /* opaque */

struct compress *compress_new(const struct compress_settings *settings); /* NULL: no memory */
void compress_free(struct compress *c);                                  /* NULL allowed */
/* Appends `plain` packed, so that the peer can unpack all of it now. */
void compress_pack(struct compress *c, struct span plain, struct buf *out);
/* Unpacks from `packed`, of which *used is done with, into `room` bytes. *got == room: there may be more to come out even with
 * nothing more put in. */
enum compress_verdict compress_unpack(struct compress *c, struct span packed, size_t *used, char *to, size_t room, size_t *got);
