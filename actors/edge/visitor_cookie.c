/* Value: local "." time of issue in hex "." HMAC-SHA256 in hex, over domain "|" local "|" time. Name: the same HMAC over
 * "name|" domain, cut short; no domain has a '|', so the two never take the same text. */
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
#define VALUE_MAX (VISITOR_LOCAL_BYTES + 1 + TIME_TEXT + 1 + MAC_TEXT)
#define NAME_DIGITS (VISITOR_COOKIE_NAME_MAX - sizeof(VISITOR_COOKIE_PREFIX))

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

static void mac_in_hex(const uint8_t *secret, struct span text, char out[MAC_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t mac[MAC_BYTES];
	unsigned n = 0;

	if (!HMAC(EVP_sha256(), secret, 32, (const unsigned char *)text.p, text.n, mac, &n) || n != MAC_BYTES)
		BUG("HMAC-SHA256 failed");
	for (size_t i = 0; i < MAC_BYTES; i++) {
		out[2 * i] = digits[mac[i] >> 4];
		out[2 * i + 1] = digits[mac[i] & 15];
	}
	out[MAC_TEXT] = '\0';
}

static void make_mac(struct visitor_cookie_key key, struct span local, const char *time_text, char out[MAC_TEXT + 1])
{
	struct buf text = BUF_INIT;

	buf_add_span(&text, key.domain);
	buf_add_text(&text, "|");
	buf_add_span(&text, local);
	buf_add_text(&text, "|");
	buf_add_text(&text, time_text);
	mac_in_hex(key.secret, buf_span(&text), out);
	buf_fini(&text);
}

void visitor_cookie_name(struct visitor_cookie_key key, char out[VISITOR_COOKIE_NAME_MAX])
{
	struct buf text = BUF_INIT;
	char mac[MAC_TEXT + 1];

	buf_add_text(&text, "name|");
	buf_add_span(&text, key.domain);
	mac_in_hex(key.secret, buf_span(&text), mac);
	buf_fini(&text);
	snprintf(out, VISITOR_COOKIE_NAME_MAX, VISITOR_COOKIE_PREFIX "%.*s", (int)NAME_DIGITS, mac);
}

void visitor_cookie_value(struct buf *out, struct visitor_cookie_key key, const char *local, uint64_t now_s)
{
	char mac[MAC_TEXT + 1], time_text[TIME_TEXT + 1];

	snprintf(time_text, sizeof(time_text), "%llx", (unsigned long long)now_s);
	make_mac(key, span_of(local), time_text, mac);
	buf_addf(out, "%s.%s.%s", local, time_text, mac);
}

void visitor_cookie_header(struct buf *out, struct visitor_cookie_key key, struct span value, int64_t lifetime_s,
			   bool secure)
{
	char name[VISITOR_COOKIE_NAME_MAX];

	visitor_cookie_name(key, name);
	/* A cookie for other sites' pages (SameSite=None) is only taken by browsers over TLS. */
	buf_addf(out, "Set-Cookie: %s=%.*s; Path=/; Max-Age=%lld; HttpOnly; %s\r\n", name, SPAN_FMT(value),
		 (long long)lifetime_s, secure ? "SameSite=None; Secure" : "SameSite=Lax");
}

/* --- lists --- */

static bool is_visitor_cookie(struct span name, struct span value)
{
	return name.n == VISITOR_COOKIE_NAME_MAX - 1 && value.n <= VALUE_MAX &&
	       memcmp(name.p, VISITOR_COOKIE_PREFIX, sizeof(VISITOR_COOKIE_PREFIX) - 1) == 0;
}

static void add_pair(struct buf *list, struct span name, struct span value)
{
	if (buf_len(list))
		buf_add_text(list, "; ");
	buf_add_span(list, name);
	buf_add_text(list, "=");
	buf_add_span(list, value);
}

void visitor_cookies_collect(struct buf *list, const struct http_request *r)
{
	struct http_cookie_at at = { 0 };
	struct span name, value;

	while (http_next_cookie(r, &at, &name, &value))
		if (is_visitor_cookie(name, value) && buf_len(list) + name.n + value.n + 3 <= VISITOR_COOKIES_MAX)
			add_pair(list, name, value);
}

void visitor_cookies_put(struct buf *list, struct visitor_cookie_key key, struct span value)
{
	char name[VISITOR_COOKIE_NAME_MAX];
	struct buf rest = *list;

	visitor_cookie_name(key, name);
	*list = BUF_INIT;
	add_pair(list, span_of(name), value);
	if (buf_len(&rest)) {
		buf_add_text(list, "; ");
		buf_add_span(list, buf_span(&rest));
	}
	buf_fini(&rest);
}

struct span visitor_cookies_find(struct visitor_cookie_key key, struct span list)
{
	const size_t name_n = VISITOR_COOKIE_NAME_MAX - 1;
	char name[VISITOR_COOKIE_NAME_MAX];

	if (list.n)
		visitor_cookie_name(key, name);
	while (list.n > name_n) { /* made by add_pair */
		const char *end = memchr(list.p, ';', list.n);
		size_t n = end ? (size_t)(end - list.p) : list.n;

		if (memcmp(list.p, name, name_n) == 0)
			return (struct span){ list.p + name_n + 1, n - name_n - 1 };
		list = end ? (struct span){ end + 2, list.n - n - 2 } : SPAN_NONE;
	}
	return SPAN_NONE;
}

/* --- the check --- */

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
