/* Whatever is logged is one line that a terminal shows as text: UTF-8 with no control bytes, no C1, no line separators, no
 * bidirectional controls. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/log.h"
#include "xmpp/utf8.h"

static uint32_t character(const unsigned char **p)
{
	unsigned n = **p < 0x80 ? 0 : **p < 0xe0 ? 1 : **p < 0xf0 ? 2 : 3;
	uint32_t c = n ? **p & (0x3fu >> n) : **p;

	for ((*p)++; n; n--, (*p)++)
		c = c << 6 | (**p & 0x3f);
	return c;
}

static void check(const char *line, size_t n)
{
	const unsigned char *p = (const unsigned char *)line, *end = p + n - 1;

	ASSERT(n > 0 && line[n - 1] == '\n' && utf8_is_valid((struct span){ line, n }));
	while (p < end) {
		uint32_t c = character(&p);

		ASSERT(c >= 0x20 && (c < 0x7f || c > 0x9f) && c != 0x61c && c != 0x2028 && c != 0x2029);
		ASSERT(!(c >= 0x200e && c <= 0x200f) && !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64], line[65536];
	char *text = xstrndup((const char *)data, size);
	FILE *in;
	size_t n;

	if (!path[0])
		snprintf(path, sizeof(path), "/tmp/switchboard-fuzz-log-%d", (int)getpid());
	log_open(path);
	log_write(LOG_LEVEL_ERROR, "fuzz", "%s", text);
	in = fopen(path, "r");
	ASSERT(in);
	n = fread(line, 1, sizeof(line), in);
	fclose(in);
	unlink(path);
	check(line, n);
	free(text);
	return 0;
}
