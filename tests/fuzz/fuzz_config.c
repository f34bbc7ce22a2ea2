/* dict config: Any lines are a configuration that is used or refused as a whole: each problem has its text, and what is not refused
 * prints and has a domain. */
#include <stdlib.h>

#include "conf/config.h"
#include "runtime/mem/buf.h"

#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *rest = text;
	const char *lines[LINES_MAX];
	size_t count = 0;
	struct config_problems problems = { NULL, 0 };
	struct config *c;

	for (char *line; count < LINES_MAX && (line = strsep(&rest, "\n"));)
		lines[count++] = line;
	c = config_load(NULL, 0, lines, count, &problems);
	ASSERT(c);
	for (size_t i = 0; i < problems.count; i++) {
		struct buf out = BUF_INIT;

		config_problem_print(&problems.items[i], &out);
		ASSERT(buf_len(&out) && !memchr(buf_span(&out).p, '\n', buf_len(&out)));
		buf_fini(&out);
	}
	ASSERT(config_has_fatal(&problems) || c->vhost_count > 0);
	for (size_t i = 0; !config_has_fatal(&problems) && i < c->vhost_count; i++)
		ASSERT(config_vhost(c, span_of(c->vhosts[i].name)));
	config_problems_free(&problems);
	config_free(c);
	free(text);
	return 0;
}
