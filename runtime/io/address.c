#include "runtime/io/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_ipv4(const uint8_t ip[16])
{
	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
	if (is_ipv4(a->ip))
		inet_ntop(AF_INET, a->ip + 12, out, ADDRESS_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->ip, out, ADDRESS_TEXT_MAX);
}

bool address_parse(struct span text, struct address *out)
{
	char copy[INET6_ADDRSTRLEN + 1];

	*out = (struct address){ 0 };
	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	memcpy(out->ip, mapped, sizeof(mapped));
	return inet_pton(AF_INET, copy, out->ip + 12) == 1 || inet_pton(AF_INET6, copy, out->ip) == 1;
}

bool address_block_parse(struct span text, struct address_block *out)
{
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	struct span ip = { text.p, slash ? (size_t)(slash - text.p) : text.n };
	struct address a;
	unsigned bits = 0, most;

	if (!address_parse(ip, &a))
		return false;
	most = is_ipv4(a.ip) ? 32 : 128;
	if (slash) {
		struct span digits = { slash + 1, text.n - ip.n - 1 };

		if (digits.n == 0 || digits.n > 3)
			return false;
		for (size_t i = 0; i < digits.n; i++) {
			if (digits.p[i] < '0' || digits.p[i] > '9')
				return false;
			bits = bits * 10 + (unsigned)(digits.p[i] - '0');
		}
		if (bits > most)
			return false;
	} else {
		bits = most;
	}
	memcpy(out->ip, a.ip, sizeof(out->ip));
	out->bits = (uint8_t)(bits + (most == 32 ? 96 : 0));
	return true;
}

bool address_in(const struct address *a, const struct address_block *b)
{
	size_t whole = b->bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> (b->bits % 8));

	return memcmp(a->ip, b->ip, whole) == 0 && (b->bits % 8 == 0 || ((a->ip[whole] ^ b->ip[whole]) & mask) == 0);
}

struct address_block address_limit_unit(const struct address *a)
{
	struct address_block b = { .bits = 128 };

	memcpy(b.ip, a->ip, sizeof(b.ip));
	if (!is_ipv4(a->ip)) { /* a /64 is one customer */
		b.bits = 64;
		memset(b.ip + 8, 0, 8);
	}
	return b;
}
