/* Frames read the same whole and byte by byte: same texts, same answers, same end. */
#include <stdlib.h>

#include "runtime/io/websocket.h"

static void on_text(void *ctx, struct span message) { buf_add_span(ctx, message); }
static void on_oversized(void *ctx, struct span begin) { buf_add(ctx, "O", 1); buf_add_span(ctx, begin); }
static void on_pong(void *ctx) { buf_add(ctx, "P", 1); }
static void on_close(void *ctx, int code) { buf_addf(ctx, "C%d", code); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct websocket_limits limits = { 1000, 8, 1, 10, 1500 };
	static const struct websocket_events events = { on_text, on_oversized, on_pong, on_close };
	struct buf seen[2] = { { 0 }, { 0 } }, out[2] = { { 0 }, { 0 } };
	struct websocket *w[] = { websocket_new(&limits, &events, seen), websocket_new(&limits, &events, seen + 1) };

	ASSERT(websocket_feed(w[0], (struct span){ (const char *)data, size }, 1, &out[0]) == size);
	for (size_t i = 0; i < size; i++)
		ASSERT(websocket_feed(w[1], (struct span){ (const char *)data + i, 1 }, 1, &out[1]) == 1);
	ASSERT(span_eq(buf_span(&seen[0]), buf_span(&seen[1])) && span_eq(buf_span(&out[0]), buf_span(&out[1])));
	for (int i = 0; i < 2; i++) { websocket_free(w[i]); buf_fini(&seen[i]); buf_fini(&out[i]); }
	return 0;
}
