#include "tests/sim/scan.h"

#include <stdio.h>
#include <stdlib.h>

void scan_fini(struct scan *s)
{
	buf_fini(&s->in);
}

void scan_restart(struct scan *s)
{
	buf_fini(&s->in);
	*s = (struct scan){ 0 };
}

void scan_add(struct scan *s, struct span bytes)
{
	buf_add_span(&s->in, bytes);
}

/* The place behind the tag that begins at `at`; 0 = not there yet. */
static size_t tag_end(const char *p, size_t n, size_t at)
{
	char quote = 0;

	for (size_t i = at; i < n; i++) {
		if (quote)
			quote = p[i] == quote ? 0 : quote;
		else if (p[i] == '\'' || p[i] == '"')
			quote = p[i];
		else if (p[i] == '>')
			return i + 1;
	}
	return 0;
}

static enum scan_piece take(struct scan *s, size_t n, enum scan_piece what, char **out)
{
	if (out)
		*out = xstrndup(buf_span(&s->in).p, n);
	buf_consume(&s->in, n);
	s->at = 0;
	return what;
}

static enum scan_piece broken(struct scan *s)
{
	s->broken = true;
	return SCAN_BROKEN;
}

enum scan_piece scan_next(struct scan *s, char **out)
{
	*out = NULL;
	for (;;) {
		struct span in = buf_span(&s->in);
		const char *open = s->at < in.n ? memchr(in.p + s->at, '<', in.n - s->at) : NULL;
		size_t begin = open ? (size_t)(open - in.p) : in.n, end;

		if (s->broken)
			return SCAN_BROKEN;
		if (s->depth <= 1 && begin > 0 && s->at == 0) { /* pings, and whatever else is between two elements */
			for (size_t i = 0; i < begin; i++)
				if (in.p[i] != ' ')
					return broken(s);
			buf_consume(&s->in, begin);
			continue;
		}
		end = open ? tag_end(in.p, in.n, begin) : 0;
		if (!end)
			return SCAN_MORE;
		s->at = end;
		if (in.p[begin + 1] == '?') {
			if (s->depth)
				return broken(s);
			take(s, end, SCAN_MORE, NULL);
		} else if (in.p[begin + 1] == '/') {
			if (s->depth == 0)
				return broken(s);
			if (--s->depth == 0)
				return take(s, end, SCAN_END, NULL);
			if (s->depth == 1)
				return take(s, end, SCAN_ELEMENT, out);
		} else if (in.p[end - 2] == '/') {
			if (s->depth == 0)
				return broken(s);
			if (s->depth == 1)
				return take(s, end, SCAN_ELEMENT, out);
		} else if (s->depth++ == 0) {
			return take(s, end, SCAN_HEADER, NULL);
		}
	}
}

/* --- looking into it --- */

static bool ends_name(char c)
{
	return c == ' ' || c == '>' || c == '/';
}

bool scan_is(const char *element, const char *name)
{
	size_t n = strlen(name);

	return strncmp(element + 1, name, n) == 0 && ends_name(element[1 + n]);
}

bool scan_attribute(const char *element, const char *name, char *out, size_t room)
{
	size_t end = tag_end(element, strlen(element), 0), n = strlen(name);

	for (size_t i = 1; i + n + 2 < end; i++) {
		const char *value = element + i + n + 2, *close;

		if (element[i] == '\'' || element[i] == '"') { /* over a value */
			i = (size_t)(strchr(element + i + 1, element[i]) - element);
			continue;
		}
		if (element[i - 1] != ' ' || strncmp(element + i, name, n) != 0 || element[i + n] != '=')
			continue;
		close = strchr(value, element[i + n + 1]);
		if (!close || (size_t)(close - value) >= room)
			return false;
		memcpy(out, value, (size_t)(close - value));
		out[close - value] = '\0';
		return true;
	}
	return false;
}

bool scan_text(const char *element, const char *name, struct span *out)
{
	char open[64], close[64];
	const char *begin, *end;
	int n = snprintf(open, sizeof(open), "<%s", name);

	(void)snprintf(close, sizeof(close), "</%s>", name);
	for (begin = strstr(element, open); begin && !ends_name(begin[n]); begin = strstr(begin + 1, open))
		;
	begin = begin ? strchr(begin, '>') : NULL;
	if (!begin || begin[-1] == '/')
		return false;
	end = strstr(begin, close);
	if (!end)
		return false;
	*out = (struct span){ begin + 1, (size_t)(end - begin - 1) };
	return true;
}
