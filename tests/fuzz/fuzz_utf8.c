/* The checker agrees with a decoder written from RFC 3629's table, at every byte: a text is refused at the same place. */
#include "xmpp/utf8.h"

/* How many bytes the character at p has; 0: it is none; -1: it may still become one. */
static int reference(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t first, last;
		int length;
		uint32_t least;
	} rows[] = { { 0x00, 0x7f, 1, 0 }, { 0xc0, 0xdf, 2, 0x80 }, { 0xe0, 0xef, 3, 0x800 }, { 0xf0, 0xf7, 4, 0x10000 } };
	uint32_t low, high;

	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		if (p[0] < rows[r].first || p[0] > rows[r].last)
			continue;
		/* The values it can still take, from the bytes that are there. */
		low = high = rows[r].length == 1 ? p[0] : p[0] & (0xffu >> (rows[r].length + 1));
		for (int i = 1; i < rows[r].length; i++) {
			if ((size_t)i < n && (p[i] & 0xc0) != 0x80)
				return 0;
			low = low << 6 | ((size_t)i < n ? p[i] & 0x3fu : 0);
			high = high << 6 | ((size_t)i < n ? p[i] & 0x3fu : 0x3f);
		}
		if (high < rows[r].least || low > 0x10ffff || (low >= 0xd800 && high <= 0xdfff) || (low >= 0xfffe && high <= 0xffff))
			return 0;
		return (size_t)rows[r].length <= n ? rows[r].length : -1;
	}
	return 0;
}

static bool reference_valid(const uint8_t *p, size_t n, bool *whole)
{
	while (n) {
		int length = reference(p, n);

		if (length <= 0) {
			*whole = false;
			return length < 0;
		}
		p += length;
		n -= (size_t)length;
	}
	*whole = true;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct utf8 slow = { 0 };
	bool good = true;

	size = size > 200 ? 200 : size;
	for (size_t n = 0; n <= size; n++) {
		struct utf8 whole = { 0 };
		bool complete, wanted = reference_valid(data, n, &complete);
		struct span text = { (const char *)data, n };

		if (n)
			good = good && utf8_feed(&slow, (struct span){ (const char *)data + n - 1, 1 });
		ASSERT(utf8_feed(&whole, text) == wanted && good == wanted);
		ASSERT(utf8_is_valid(text) == (wanted && complete));
	}
	return 0;
}
