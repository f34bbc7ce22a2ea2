#include "actors/edge/zip.h"

#include <stdlib.h>

#include "runtime/metric.h"

#define ALLOWANCE 65536u /* the first stanzas of a session may be much alike */

static bool is_full(const struct edge *e)
{
	int64_t most = e->conf->zlib_streams;

	return most && (int64_t)e->zip_count * e->server->workers >= most;
}

struct zip *zip_new(struct edge *e)
{
	struct compress_settings settings = {
		.window_bits = (uint8_t)e->conf->zlib_window,
		.memory_level = (uint8_t)e->conf->zlib_memory,
		.ratio = (uint32_t)e->conf->zlib_ratio,
		.allowance = ALLOWANCE,
	};
	struct compress *c = is_full(e) ? NULL : compress_new(&settings);
	struct zip *z;

	if (!c) {
		metric_limit(METRIC_limit_compression);
		return NULL;
	}
	z = xcalloc(1, sizeof(*z));
	z->z = c;
	e->zip_count++;
	metric_add(METRIC_compressed_streams, 1);
	return z;
}

void zip_free(struct zip *z, struct edge *e)
{
	if (!z)
		return;
	compress_free(z->z);
	buf_fini(&z->rest);
	free(z);
	if (e)
		e->zip_count--;
	metric_add(METRIC_compressed_streams, -1);
}

/* What an earlier input left. False: some of it still waits. */
static bool take_rest(struct zip *z, bool drained, zip_take_f *take, void *ctx)
{
	if (buf_len(&z->rest))
		buf_consume(&z->rest, take(ctx, buf_span(&z->rest), drained));
	return buf_len(&z->rest) == 0;
}

enum compress_verdict zip_input(struct zip *z, struct span packed, bool drained, zip_take_f *take, zip_listens_f *listens, void *ctx,
				size_t *used)
{
	size_t done = z->ahead && packed.n ? 1 : 0;
	enum compress_verdict verdict = COMPRESS_OK;
	bool goes_on = take_rest(z, drained && done == packed.n && !z->more, take, ctx);
	char window[ZIP_WINDOW];

	z->ahead = false;
	while (goes_on && listens(ctx) && (done < packed.n || z->more)) {
		size_t in, got, n;

		verdict = compress_unpack(z->z, (struct span){ packed.p + done, packed.n - done }, &in, window, sizeof(window), &got);
		done += in;
		z->more = got == sizeof(window);
		if (verdict != COMPRESS_OK || (in == 0 && got == 0))
			break;
		n = take(ctx, (struct span){ window, got }, drained && done == packed.n && !z->more);
		buf_add(&z->rest, window + n, got - n);
		goes_on = n == got;
	}
	if (done == packed.n && done > 0 && (buf_len(&z->rest) || z->more)) {
		z->ahead = true;
		done--;
	}
	*used = done;
	return verdict;
}
