#include "conf/properties.h"

#include <stdlib.h>

#include "runtime/mem/buf.h"

struct reader {
	struct span rest;
	unsigned line; /* of the next physical line */
	struct properties *out;
};

static void note(struct properties *p, unsigned line, const char *text)
{
	p->notes = xrealloc(p->notes, (p->note_count + 1) * sizeof(*p->notes));
	p->notes[p->note_count++] = (struct property_note){ line, text };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static bool take_physical(struct reader *r, struct span *out)
{
	size_t n = 0;

	if (r->rest.n == 0)
		return false;
	while (n < r->rest.n && r->rest.p[n] != '\n' && r->rest.p[n] != '\r')
		n++;
	*out = (struct span){ r->rest.p, n };
	if (n < r->rest.n)
		n += r->rest.p[n] == '\r' && n + 1 < r->rest.n && r->rest.p[n + 1] == '\n' ? 2 : 1;
	r->rest = (struct span){ r->rest.p + n, r->rest.n - n };
	r->line++;
	return true;
}

static struct span skip_space(struct span s)
{
	while (s.n && is_space(*s.p))
		s = (struct span){ s.p + 1, s.n - 1 };
	return s;
}

static bool continues(struct span s)
{
	size_t slashes = 0;

	while (slashes < s.n && s.p[s.n - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 1;
}

/* The next logical line that is no comment and not blank, escapes still in it. */
static bool take_logical(struct reader *r, struct buf *out, unsigned *line)
{
	struct span s;

	while (take_physical(r, &s)) {
		s = skip_space(s);
		if (s.n == 0 || *s.p == '#' || *s.p == '!')
			continue;
		*line = r->line - 1;
		buf_clear(out);
		while (continues(s)) {
			buf_add(out, s.p, s.n - 1);
			if (!take_physical(r, &s))
				return true;
			s = skip_space(s);
		}
		buf_add_span(out, s);
		return true;
	}
	return false;
}

static void put_utf8(struct buf *out, uint32_t c)
{
	char b[4];

	if (c == 0)
		return;
	if (c < 0x80) {
		b[0] = (char)c;
		buf_add(out, b, 1);
	} else if (c < 0x800) {
		b[0] = (char)(0xc0 | c >> 6);
		b[1] = (char)(0x80 | (c & 63));
		buf_add(out, b, 2);
	} else if (c < 0x10000) {
		b[0] = (char)(0xe0 | c >> 12);
		b[1] = (char)(0x80 | (c >> 6 & 63));
		b[2] = (char)(0x80 | (c & 63));
		buf_add(out, b, 3);
	} else {
		b[0] = (char)(0xf0 | c >> 18);
		b[1] = (char)(0x80 | (c >> 12 & 63));
		b[2] = (char)(0x80 | (c >> 6 & 63));
		b[3] = (char)(0x80 | (c & 63));
		buf_add(out, b, 4);
	}
}

static bool hex4(struct span s, uint32_t *out)
{
	*out = 0;
	if (s.n < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = s.p[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return false;
		*out = *out << 4 | (uint32_t)digit;
	}
	return true;
}

/* \uXXXX, pairs of surrogates joined. Returns how many bytes behind the 'u' were used; 0: not hexadecimal. */
static size_t put_unicode(struct span s, struct buf *out)
{
	uint32_t c, low;

	if (!hex4(s, &c))
		return 0;
	if (c >= 0xd800 && c < 0xdc00 && s.n >= 10 && s.p[4] == '\\' && s.p[5] == 'u' &&
	    hex4((struct span){ s.p + 6, s.n - 6 }, &low) && low >= 0xdc00 && low < 0xe000) {
		put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
		return 10;
	}
	put_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return 4;
}

/* NUL, also as \u0000 or behind a backslash, is left out: it would end the text. */
static char *unescape(struct span s, struct properties *p, unsigned line)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < s.n; i++) {
		size_t used;
		char c = s.p[i];

		if (c != '\\' || i + 1 == s.n) {
			if (c != '\0')
				buf_add(&out, &c, 1);
			continue;
		}
		c = s.p[++i];
		if (c == 'u') {
			used = put_unicode((struct span){ s.p + i + 1, s.n - i - 1 }, &out);
			i += used;
			if (used == 0)
				note(p, line, "\\u is not followed by four hexadecimal digits; the letter u was taken");
			if (used)
				continue;
		}
		c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
		buf_add(&out, &c, c != '\0');
	}
	return buf_take_text(&out);
}

/* End of the key: the first '=', ':' or blank that is not escaped. */
static size_t key_end(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '=' || s.p[i] == ':' || is_space(s.p[i]))
			return i;
	}
	return s.n;
}

/* Bytes of the character at the front, 0 when they are none (RFC 3629: no surrogates, nothing longer than needed). */
static size_t character(struct span s)
{
	unsigned char c = (unsigned char)*s.p;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

	if (n == 0 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && (unsigned char)s.p[1] < 0xa0) || (c == 0xed && (unsigned char)s.p[1] > 0x9f) ||
	    (c == 0xf0 && (unsigned char)s.p[1] < 0x90) || (c == 0xf4 && (unsigned char)s.p[1] > 0x8f))
		return 0;
	return n;
}

static bool is_utf8(struct span s)
{
	size_t n = 1;

	for (; s.n && n; s = (struct span){ s.p + n, s.n - n })
		n = character(s);
	return n > 0;
}

static struct span value_of(struct span s)
{
	s = skip_space(s);
	if (s.n && (*s.p == '=' || *s.p == ':'))
		s = skip_space((struct span){ s.p + 1, s.n - 1 });
	return s;
}

static void trim_end(char *text)
{
	size_t n = strlen(text);

	while (n && (is_space(text[n - 1]) || text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = '\0';
}

static char take_type(char *key)
{
	size_t n = strlen(key);
	char type;

	if (n < 4 || key[n - 1] != ']' || key[n - 3] != '[' || !strchr("FLISBflisb", key[n - 2]))
		return 0;
	type = key[n - 2];
	key[n - 3] = '\0';
	return type;
}

/* A dash that a word processor made out of "--" (U+2013). */
static char *mend_dash(char *key, struct properties *p, unsigned line)
{
	static const char dash[] = "\xe2\x80\x93";
	struct buf out = BUF_INIT;

	if (strncmp(key, dash, 3) != 0)
		return key;
	note(p, line, "an en dash stands where -- belongs; taken as --");
	buf_add_text(&out, "--");
	buf_add_text(&out, key + 3);
	free(key);
	return buf_take_text(&out);
}

void properties_parse(struct span text, struct properties *out)
{
	struct reader r = { text, 1, out };
	struct buf logical = BUF_INIT;
	unsigned line;

	*out = (struct properties){ 0 };
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		r.rest = (struct span){ text.p + 3, text.n - 3 };
	while (take_logical(&r, &logical, &line)) {
		struct span s = buf_span(&logical);
		size_t n = key_end(s);
		struct property p = { .line = line };

		if (!is_utf8(s))
			note(out, line, "not UTF-8; save the file as UTF-8 or write \\uXXXX");
		if (n == s.n)
			note(out, line, "there is no = behind the key; its value is empty");
		p.key = mend_dash(unescape((struct span){ s.p, n }, out, line), out, line);
		p.value = unescape(value_of((struct span){ s.p + n, s.n - n }), out, line);
		trim_end(p.value);
		p.type = take_type(p.key);
		out->items = xrealloc(out->items, (out->count + 1) * sizeof(*out->items));
		out->items[out->count++] = p;
	}
	buf_fini(&logical);
}

void properties_free(struct properties *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].key);
		free(p->items[i].value);
	}
	free(p->items);
	free(p->notes);
	*p = (struct properties){ 0 };
}
