/* Value: local "." time of issue in hex "." HMAC-SHA256 in hex, over domain "|" local "|" time. */
#include "actors/edge/visitor_cookie.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "actors/server.h"
#include "runtime/outside.h"

#define MAC_BYTES 32
#define MAC_TEXT (2 * MAC_BYTES)
#define TIME_TEXT 16
#define FUTURE_S 300 /* a clock set back must not throw everybody out */

void visitor_cookie_new_local(char out[VISITOR_LOCAL_MAX])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	const size_t prefix = sizeof(VISITOR_LOCAL_PREFIX) - 1;
	uint8_t random_bytes[VISITOR_LOCAL_BYTES - (sizeof(VISITOR_LOCAL_PREFIX) - 1)];

	memcpy(out, VISITOR_LOCAL_PREFIX, prefix);
	outside_random(random_bytes, sizeof(random_bytes));
	for (size_t i = 0; i < sizeof(random_bytes); i++)
		out[prefix + i] = alphabet[random_bytes[i] & 31];
	out[VISITOR_LOCAL_BYTES] = '\0';
}

static void make_mac(struct visitor_cookie_key key, struct span local, const char *time_text, char out[MAC_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	struct buf text = BUF_INIT;
	uint8_t mac[MAC_BYTES];
	unsigned n = 0;

	buf_add_span(&text, key.domain);
	buf_add_text(&text, "|");
	buf_add_span(&text, local);
	buf_add_text(&text, "|");
	buf_add_text(&text, time_text);
	if (!HMAC(EVP_sha256(), key.secret, 32, (const unsigned char *)buf_span(&text).p, buf_len(&text), mac, &n) ||
	    n != MAC_BYTES)
		BUG("HMAC-SHA256 failed");
	buf_fini(&text);
	for (size_t i = 0; i < MAC_BYTES; i++) {
		out[2 * i] = digits[mac[i] >> 4];
		out[2 * i + 1] = digits[mac[i] & 15];
	}
	out[MAC_TEXT] = '\0';
}

void visitor_cookie_value(struct buf *out, struct visitor_cookie_key key, const char *local, uint64_t now_s)
{
	char mac[MAC_TEXT + 1], time_text[TIME_TEXT + 1];

	snprintf(time_text, sizeof(time_text), "%llx", (unsigned long long)now_s);
	make_mac(key, span_of(local), time_text, mac);
	buf_addf(out, "%s.%s.%s", local, time_text, mac);
}

void visitor_cookie_header(struct buf *out, struct span value, int64_t lifetime_s, bool secure)
{
	/* A cookie for other sites' pages (SameSite=None) is only taken by browsers over TLS. */
	buf_addf(out, "Set-Cookie: " VISITOR_COOKIE_NAME "=%.*s; Path=/; Max-Age=%lld; HttpOnly; %s\r\n",
		 SPAN_FMT(value), (long long)lifetime_s, secure ? "SameSite=None; Secure" : "SameSite=Lax");
}

/* Hex digits up to `end`; false when there are none, too many or others. */
static bool read_time(struct span text, char out[TIME_TEXT + 1], uint64_t *value)
{
	if (text.n == 0 || text.n > TIME_TEXT)
		return false;
	*value = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool digit = c >= '0' && c <= '9';

		if (!digit && !(c >= 'a' && c <= 'f'))
			return false;
		*value = *value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
	}
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

bool visitor_cookie_check(struct visitor_cookie_key key, struct span value, uint64_t now_s, int64_t lifetime_s,
			  char out_local[VISITOR_LOCAL_MAX])
{
	struct span local = { value.p, VISITOR_LOCAL_BYTES }, time_span;
	char expected[MAC_TEXT + 1], time_text[TIME_TEXT + 1];
	uint64_t issued;

	if (lifetime_s <= 0 || value.n < VISITOR_LOCAL_BYTES + 1 + 1 + 1 + MAC_TEXT)
		return false;
	time_span = (struct span){ value.p + VISITOR_LOCAL_BYTES + 1, value.n - VISITOR_LOCAL_BYTES - 2 - MAC_TEXT };
	if (value.p[VISITOR_LOCAL_BYTES] != '.' || time_span.p[time_span.n] != '.' ||
	    !server_is_anonymous_local(local) || !read_time(time_span, time_text, &issued))
		return false;
	make_mac(key, local, time_text, expected);
	if (CRYPTO_memcmp(expected, time_span.p + time_span.n + 1, MAC_TEXT) != 0)
		return false;
	if (issued > now_s + FUTURE_S || (now_s > issued && now_s - issued > (uint64_t)lifetime_s))
		return false;
	memcpy(out_local, local.p, VISITOR_LOCAL_BYTES);
	out_local[VISITOR_LOCAL_BYTES] = '\0';
	return true;
}
