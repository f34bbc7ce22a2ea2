#include "xmpp/utf8.h"

static bool lead(struct utf8 *u, uint8_t c)
{
	u->low = 0x80;
	u->high = 0xbf;
	u->last_e_or_f = false;
	if (c >= 0xc2 && c <= 0xdf) {
		u->left = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		u->left = 2;
		if (c == 0xe0)
			u->low = 0xa0; /* shorter forms exist */
		else if (c == 0xed)
			u->high = 0x9f; /* surrogates */
		u->last_e_or_f = c == 0xef;
	} else if (c >= 0xf0 && c <= 0xf4) {
		u->left = 3;
		if (c == 0xf0)
			u->low = 0x90;
		else if (c == 0xf4)
			u->high = 0x8f;
	} else {
		return false;
	}
	return true;
}

bool utf8_feed(struct utf8 *u, struct span bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p, *end = p + bytes.n;
	uint64_t word;

	while (p < end) {
		if (u->left == 0) {
			for (; end - p >= 8; p += 8) { /* the usual case: ASCII */
				memcpy(&word, p, 8);
				if (word & 0x8080808080808080u)
					break;
			}
			while (p < end && *p < 0x80)
				p++;
			if (p == end)
				return true;
			if (!lead(u, *p++))
				return false;
			continue;
		}
		if (*p < u->low || *p > u->high)
			return false;
		if (u->last_e_or_f && u->left == 2)
			u->last_e_or_f = *p == 0xbf;
		else if (u->last_e_or_f && u->left == 1 && *p >= 0xbe)
			return false;
		u->left--;
		u->low = 0x80;
		u->high = 0xbf;
		p++;
	}
	return true;
}

bool utf8_is_valid(struct span text)
{
	struct utf8 u = { 0 };

	return utf8_feed(&u, text) && u.left == 0;
}
