#pragma once
/* The cookie by which an anonymous visitor keeps its bare JID over page loads (live-chat.md 2.2): local part, time
 * of issue and an HMAC under the installation's secret over both and the domain. Stateless: nothing is stored,
 * restarts do not matter. Pure: the caller gives the time.
 *
 * A browser keeps cookies by host, and one host may serve many tenants: so each tenant has a name of its own, the
 * prefix and 16 hex digits of an HMAC over its domain. Which one counts is known when the stream's `to` is; until then
 * all that came are kept together, in a list as browsers write it ("name=value; name=value"). */
#include "runtime/io/http.h"

#define VISITOR_COOKIE_PREFIX "switchboard-visitor-"
#define VISITOR_COOKIE_NAME_MAX (sizeof(VISITOR_COOKIE_PREFIX) + 16)
#define VISITOR_COOKIES_MAX 4096u /* bytes of a list: about 30 tenants; of more, those that come first */
#define VISITOR_LOCAL_BYTES 22
#define VISITOR_LOCAL_MAX (VISITOR_LOCAL_BYTES + 1)

struct visitor_cookie_key {
	const uint8_t *secret; /* 32 bytes */
	struct span domain;    /* the virtual host it is good for */
};

/* A fresh local part, "v-" and 100 random bits. */
void visitor_cookie_new_local(char out[VISITOR_LOCAL_MAX]);
void visitor_cookie_value(struct buf *out, struct visitor_cookie_key key, const char *local, uint64_t now_s);
void visitor_cookie_name(struct visitor_cookie_key key, char out[VISITOR_COOKIE_NAME_MAX]);
/* Appends "Set-Cookie: …\r\n". */
void visitor_cookie_header(struct buf *out, struct visitor_cookie_key key, struct span value, int64_t lifetime_s,
			   bool secure);
/* Appends the visitor cookies of a request, whichever tenant they are of, to a list of at most VISITOR_COOKIES_MAX
 * bytes. */
void visitor_cookies_collect(struct buf *list, const struct http_request *r);
/* Puts a pair in front of the list: it is the one that counts for its tenant. */
void visitor_cookies_put(struct buf *list, struct visitor_cookie_key key, struct span value);
/* The value of this tenant's cookie, inside `list`; p NULL when there is none. */
struct span visitor_cookies_find(struct visitor_cookie_key key, struct span list);
/* True when `value` was made under this key and is not older than lifetime_s; fills out_local. */
bool visitor_cookie_check(struct visitor_cookie_key key, struct span value, uint64_t now_s, int64_t lifetime_s,
			  char out_local[VISITOR_LOCAL_MAX]);
