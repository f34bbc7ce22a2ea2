/* dict http: A request reads the same whole and byte by byte: same verdict, same length, same body. */
#include <stdlib.h>

#include "runtime/io/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_limits limits = { 200, 1000, 16, 500 };
	char *whole = memcpy(xmalloc(size), data, size), *slow = memcpy(xmalloc(size), data, size);
	static struct http_request a, b;
	struct http_reader ra = { 0 }, rb = { 0 };
	enum http_progress pa, pb = HTTP_MORE;
	size_t used_a = 0, used_b = 0;
	int sa = 0, sb = 0;

	while ((pa = http_read(&ra, &limits, whole, size, &a, &used_a, &sa)) == HTTP_CONTINUE)
		;
	for (size_t n = 0; n <= size && (pb == HTTP_MORE || pb == HTTP_CONTINUE); n++)
		pb = http_read(&rb, &limits, slow, n, &b, &used_b, &sb);
	ASSERT(pa == (pb == HTTP_CONTINUE ? HTTP_MORE : pb) && used_a == used_b);
	ASSERT(pa != HTTP_DONE || (span_eq(a.body, b.body) && span_eq(a.path, b.path)));
	free(whole), free(slow);
	return 0;
}
