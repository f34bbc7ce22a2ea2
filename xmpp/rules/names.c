#include "xmpp/rules/names.h"

enum script { LATIN, GREEK, CYRILLIC, ARMENIAN, CHEROKEE };

static const struct {
	uint32_t first, last;
	enum script script;
} ranges[] = {
	{ 'A', 'Z', LATIN },          { 'a', 'z', LATIN },          { 0x00c0, 0x00d6, LATIN },    { 0x00d8, 0x00f6, LATIN },
	{ 0x00f8, 0x02af, LATIN },    { 0x0370, 0x03ff, GREEK },    { 0x0400, 0x052f, CYRILLIC }, { 0x0531, 0x058f, ARMENIAN },
	{ 0x13a0, 0x13ff, CHEROKEE }, { 0x1c80, 0x1c8f, CYRILLIC }, { 0x1d00, 0x1dbf, LATIN },    { 0x1e00, 0x1eff, LATIN },
	{ 0x1f00, 0x1fff, GREEK },    { 0x2c60, 0x2c7f, LATIN },    { 0x2de0, 0x2dff, CYRILLIC }, { 0xa640, 0xa69f, CYRILLIC },
	{ 0xa720, 0xa7ff, LATIN },    { 0xab30, 0xab6f, LATIN },    { 0xab70, 0xabbf, CHEROKEE },
};

/* The next character of valid UTF-8. */
static uint32_t next(struct span *rest)
{
	uint8_t first = (uint8_t)*rest->p;
	unsigned more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	uint32_t c = more == 0 ? first : first & (0x3fu >> more);

	*rest = (struct span){ rest->p + 1, rest->n - 1 };
	for (; more > 0 && rest->n > 0; more--) {
		c = c << 6 | ((uint8_t)*rest->p & 0x3fu);
		*rest = (struct span){ rest->p + 1, rest->n - 1 };
	}
	return c;
}

bool names_mix_scripts(struct span local)
{
	unsigned seen = 0;

	while (local.n > 0) {
		uint32_t c = next(&local);

		for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
			if (c >= ranges[i].first && c <= ranges[i].last)
				seen |= 1u << ranges[i].script;
	}
	return (seen & (seen - 1)) != 0;
}
