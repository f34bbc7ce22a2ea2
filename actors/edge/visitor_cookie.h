#pragma once
/* The cookie by which an anonymous visitor keeps its bare JID over page loads (live-chat.md 2.2): local part, time
 * of issue and an HMAC under the installation's secret over both and the domain. Stateless: nothing is stored,
 * restarts do not matter. Pure: the caller gives the time. */
#include "runtime/mem/buf.h"

#define VISITOR_COOKIE_NAME "switchboard-visitor"
#define VISITOR_LOCAL_BYTES 22
#define VISITOR_LOCAL_MAX (VISITOR_LOCAL_BYTES + 1)

struct visitor_cookie_key {
	const uint8_t *secret; /* 32 bytes */
	struct span domain;    /* the virtual host it is good for */
};

/* A fresh local part, "v-" and 100 random bits. */
void visitor_cookie_new_local(char out[VISITOR_LOCAL_MAX]);
void visitor_cookie_value(struct buf *out, struct visitor_cookie_key key, const char *local, uint64_t now_s);
/* Appends "Set-Cookie: …\r\n". */
void visitor_cookie_header(struct buf *out, struct span value, int64_t lifetime_s, bool secure);
/* True when `value` was made under this key and is not older than lifetime_s; fills out_local. */
bool visitor_cookie_check(struct visitor_cookie_key key, struct span value, uint64_t now_s, int64_t lifetime_s,
			  char out_local[VISITOR_LOCAL_MAX]);
