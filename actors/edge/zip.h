#pragma once
/* Compression of a TCP stream (XEP-0138) as its transport sees it: below the parser and above TLS. What was unpacked and not taken yet
 * waits here, at most a window of it; the bytes of the connection that it came from count as taken but for the last one, so that the
 * connection shows itself again when the stream listens. */
#include "actors/edge/edge_inner.h"
#include "xmpp/compress.h"

#define ZIP_WINDOW 4096u

struct zip {
	struct compress *z;
	struct buf rest; /* unpacked, not taken */
	bool more;       /* the last window was full: more may come without input */
	bool ahead;      /* the first byte of the next input is unpacked already */
};

/* NULL: too many are open, or no memory. */
struct zip *zip_new(struct edge *e);
void zip_free(struct zip *z, struct edge *e); /* NULL allowed */

/* Takes unpacked bytes, as many as it can: returns how many. `drained`: nothing more is there. */
typedef size_t zip_take_f(void *ctx, struct span plain, bool drained);
/* Whether it takes any. */
typedef bool zip_listens_f(void *ctx);
/* Unpacks input of the connection; *used is for on_input to return. */
enum compress_verdict zip_input(struct zip *z, struct span packed, bool drained, zip_take_f *take, zip_listens_f *listens, void *ctx,
				size_t *used);
