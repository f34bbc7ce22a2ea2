#pragma once
/* HTTP/1.1 server side (RFC 9112): a strict, incremental request reader and a response writer. No sockets, no
 * allocation besides the caller's. Refuses what request smuggling is made of: both Content-Length and
 * Transfer-Encoding, repeated Content-Length, any coding but `chunked`, trailers, obs-fold, bare CR or LF, spaces
 * before a colon, NUL; a Host that is missing, repeated, no host, or another than that of an absolute target. Which
 * methods there are is the user's business. */
#include "runtime/mem/buf.h"

struct http_limits { /* 0 = no limit */
	uint32_t line_bytes;   /* request line -> 414 */
	uint32_t header_bytes; /* all headers -> 431 */
	uint32_t header_count; /* -> 431 */
	uint32_t body_bytes;   /* -> 413; without a limit 1 GiB */
};

#define HTTP_HEADERS_MAX 100

struct http_header {
	struct span name, value;
};
struct http_request { /* spans point into the bytes given to http_read, valid until they are consumed */
	struct span method, target;  /* as sent */
	struct span path, query;     /* path percent-decoding is left to the user; query without '?' */
	unsigned minor;              /* HTTP/1.minor */
	bool keep_alive, upgrade, expect_continue;
	size_t header_count;
	struct http_header headers[HTTP_HEADERS_MAX];
	struct span body;            /* chunks joined (moved together in place) */
};

/* Progress within one request; zeroed at its start. */
struct http_reader {
	uint32_t scanned;      /* bytes already looked at, so that byte-wise input is not quadratic */
	uint32_t header_end;   /* 0 = not seen yet */
	uint32_t body_read, chunk_left;
	uint64_t content_length;
	bool chunked;
	uint8_t state;
};

enum http_progress {
	HTTP_MORE,     /* need more bytes; nothing is consumed */
	HTTP_CONTINUE, /* headers are complete and the client waits for "100 Continue" (returned once): write
			  http_continue(), call again when more came */
	HTTP_DONE,     /* *out is complete, *used bytes belong to it */
	HTTP_REFUSED,  /* *status says which 4xx/5xx to answer before closing */
};
/* `bytes` starts at the first byte of the request each time (the caller keeps what is not consumed); chunked bodies are
 * compacted in place, hence not const. */
enum http_progress http_read(struct http_reader *r, const struct http_limits *limits, char *bytes, size_t n,
			     struct http_request *out, size_t *used, int *status);
/* First header of that name (case-insensitive); p NULL when absent. */
struct span http_header(const struct http_request *r, const char *name);
/* The cookies of a request, one after the other, until false; *at begins zeroed. A pair without '=' has no name. */
struct http_cookie_at {
	size_t header;
	struct span rest; /* of that header */
};
bool http_next_cookie(const struct http_request *r, struct http_cookie_at *at, struct span *name, struct span *value);
/* Whether a comma list header ("Connection: keep-alive, Upgrade") has this token, case-insensitive. */
bool http_has_token(struct span list, const char *token);

struct span http_continue(void);
const char *http_reason(int status);
/* Status line, Content-Type, Content-Length (but for 1xx and 204), Connection, the extra header lines (each ending in
 * CRLF), blank line. The caller appends the body. Values with CR or LF are refused by assertion. `type` may be
 * NULL. */
void http_write_head(struct buf *out, int status, const char *type, size_t length, bool keep_alive, struct span extra);
