#include "xmpp/escape.h"

static const char *replacement(char c, bool attribute)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;";
	default:
		break;
	}
	if (!attribute)
		return NULL;
	switch (c) {
	case '\'':
		return "&apos;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	default:
		return NULL;
	}
}

typedef unsigned char block __attribute__((vector_size(16)));

/* True: these 16 bytes hold nothing that is escaped anywhere. False says little: a line feed in text needs no escape either. */
static inline bool is_clean_block(const char *p)
{
	block c;
	uint64_t half[2];

	memcpy(&c, p, sizeof(c));
	c = (block)(c < 0x20) | (block)((c | 1) == '\'') /* & too */ | (block)((c | 2) == '>') /* < too */ | (block)(c == '"');
	memcpy(half, &c, sizeof(half));
	return (half[0] | half[1]) == 0;
}

/* The bytes in front that are surely clean. Of the last block some may have been looked at before. */
static inline size_t clean_bytes(struct span text)
{
	size_t i = 0;

	if (text.n < sizeof(block)) {
		while (i < text.n && (unsigned char)text.p[i] > '>')
			i++;
		return i;
	}
	for (; text.n - i >= sizeof(block); i += sizeof(block))
		if (!is_clean_block(text.p + i))
			return i;
	return i == text.n || is_clean_block(text.p + text.n - sizeof(block)) ? text.n : i;
}

static bool escape_rest(struct buf *out, struct span text, size_t i, bool attribute)
{
	size_t clean = 0;
	bool changed = false;

	for (; i < text.n; i++) {
		const char *instead;

		if (i % sizeof(block) == 0 && text.n - i >= sizeof(block) && is_clean_block(text.p + i)) {
			i += sizeof(block) - 1;
			continue;
		}
		/* everything above '>' stands for itself */
		if ((unsigned char)text.p[i] > '>' || !(instead = replacement(text.p[i], attribute)))
			continue;
		buf_add(out, text.p + clean, i - clean);
		buf_add_text(out, instead);
		clean = i + 1;
		changed = true;
	}
	buf_add(out, text.p + clean, text.n - clean);
	return changed;
}

static inline bool escape(struct buf *out, struct span text, bool attribute)
{
	size_t clean = clean_bytes(text);

	if (clean < text.n)
		return escape_rest(out, text, clean, attribute);
	buf_add_span(out, text);
	return false;
}

bool escape_attribute(struct buf *out, struct span text)
{
	return escape(out, text, true);
}

bool escape_text(struct buf *out, struct span text)
{
	return escape(out, text, false);
}

void escape_write_attribute(struct buf *out, const char *name, struct span value)
{
	size_t n = strlen(name);
	char *at = buf_reserve(out, n + value.n + 4);

	*at = ' ';
	memcpy(at + 1, name, n);
	memcpy(at + n + 1, "='", 2);
	out->end += (uint32_t)n + 3;
	escape_attribute(out, value);
	buf_add(out, "'", 1);
}
