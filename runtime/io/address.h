#pragma once
/* Peer and listening addresses, IPv4 and IPv6, as values. */
#include "runtime/mem/span.h"

struct address {
	uint8_t ip[16];  /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
};
#define ADDRESS_TEXT_MAX 64

void address_text(const struct address *a, char out[ADDRESS_TEXT_MAX]); /* "203.0.113.9" or "2001:db8::1", no port */
bool address_parse(struct span text, struct address *out);              /* IP literal without port */

/* "10.0.0.0/8", "::1", "203.0.113.9": an address or a prefix. */
struct address_block {
	uint8_t ip[16];
	uint8_t bits;
};
bool address_block_parse(struct span text, struct address_block *out);
bool address_in(const struct address *a, const struct address_block *b);
/* The unit that limits count: the whole IPv4 address, the /64 of an IPv6 one. */
struct address_block address_limit_unit(const struct address *a);
