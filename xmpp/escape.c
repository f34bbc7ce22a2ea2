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
static bool is_clean(const char *p)
{
	block c;
	uint64_t half[2];

	memcpy(&c, p, sizeof(c));
	c = (block)(c < 0x20) | (block)((c | 1) == '\'') /* & too */ | (block)((c | 2) == '>') /* < too */ | (block)(c == '"');
	memcpy(half, &c, sizeof(half));
	return (half[0] | half[1]) == 0;
}

static bool escape(struct buf *out, struct span text, bool attribute)
{
	size_t clean = 0, i = 0;
	bool changed = false;

	while (i < text.n) {
		size_t stop = text.n - i < sizeof(block) ? text.n : i + sizeof(block);

		if (stop - i == sizeof(block) && is_clean(text.p + i)) {
			i = stop;
			continue;
		}
		for (; i < stop; i++) {
			const char *instead;

			/* everything above '>' stands for itself */
			if ((unsigned char)text.p[i] > '>' || !(instead = replacement(text.p[i], attribute)))
				continue;
			buf_add(out, text.p + clean, i - clean);
			buf_add_text(out, instead);
			clean = i + 1;
			changed = true;
		}
	}
	buf_add(out, text.p + clean, text.n - clean);
	return changed;
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
	buf_add(out, " ", 1);
	buf_add_text(out, name);
	buf_add(out, "='", 2);
	escape_attribute(out, value);
	buf_add(out, "'", 1);
}
