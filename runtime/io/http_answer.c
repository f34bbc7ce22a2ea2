/* Writing answers. */
#include "runtime/io/http.h"

struct span http_continue(void)
{
	return SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n");
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].status == status)
			return rows[i].reason;
	return "Status";
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

/* Whole lines and no blank one: a value with a line break in it would end the head early. */
static bool are_lines(struct span s)
{
	while (s.n) {
		const char *end = memchr(s.p, '\r', s.n);
		size_t n = end ? (size_t)(end - s.p) : s.n;

		if (!end || n == 0 || n + 1 >= s.n || end[1] != '\n' || !is_printable((struct span){ s.p, n }))
			return false;
		s = (struct span){ s.p + n + 2, s.n - n - 2 };
	}
	return true;
}

void http_write_head(struct buf *out, int status, const char *type, size_t length, bool keep_alive, struct span extra)
{
	ASSERT(!type || is_printable(span_of(type)));
	ASSERT(are_lines(extra));
	buf_addf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
	if (type)
		buf_addf(out, "Content-Type: %s\r\n", type);
	if (status != 204 && status >= 200) /* RFC 9110 8.6 */
		buf_addf(out, "Content-Length: %zu\r\n", length);
	buf_addf(out, "Connection: %s\r\n", keep_alive ? "keep-alive" : "close");
	buf_add_span(out, extra);
	buf_add(out, "\r\n", 2);
}
