#include "actors/edge/wrap.h"

#include "xmpp/ns.h"

struct span wrap_lang(struct span wanted)
{
	if (wanted.n == 0 || wanted.n > WRAP_LANG_MAX)
		return SPAN_LIT("en");
	for (size_t i = 0; i < wanted.n; i++) {
		char c = wanted.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return SPAN_LIT("en");
	}
	return wanted;
}

void wrap_attr(struct buf *out, const char *name, struct span value)
{
	for (size_t i = 0; i < value.n; i++)
		ASSERT((unsigned char)value.p[i] >= ' ' && !strchr("<>&'\"", value.p[i]));
	buf_add_text(out, " ");
	buf_add_text(out, name);
	buf_add_text(out, "='");
	buf_add_span(out, value);
	buf_add_text(out, "'");
}

void wrap_number(struct buf *out, const char *name, uint64_t value)
{
	buf_addf(out, " %s='%llu'", name, (unsigned long long)value);
}

static void add_head(struct buf *out, const struct wrap_head *h)
{
	wrap_attr(out, "from", h->from);
	if (h->to.p)
		wrap_attr(out, "to", h->to);
	wrap_attr(out, "id", h->id);
	wrap_attr(out, "version", SPAN_LIT("1.0"));
	wrap_attr(out, "xml:lang", h->lang);
}

void wrap_stream_header(struct buf *out, const struct wrap_head *h)
{
	buf_add_text(out, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'");
	add_head(out, h);
	buf_add_text(out, ">");
}

void wrap_stream_end(struct buf *out)
{
	buf_add_text(out, "</stream:stream>");
}

void wrap_open(struct buf *out, const struct wrap_head *h)
{
	/* Strophe reads the first message by its literal beginning and looks for version="1.0". */
	buf_add_text(out, "<open xmlns=\"" NS_FRAMING "\" version=\"1.0\"");
	wrap_attr(out, "from", h->from);
	if (h->to.p)
		wrap_attr(out, "to", h->to);
	wrap_attr(out, "id", h->id);
	wrap_attr(out, "xml:lang", h->lang);
	buf_add_text(out, " />");
}

struct span wrap_close(void)
{
	/* Strophe compares this string byte by byte. */
	return SPAN_LIT("<close xmlns=\"" NS_FRAMING "\" />");
}

void wrap_body_begin(struct buf *out)
{
	buf_add_text(out, "<body xmlns='" NS_HTTPBIND "'");
}

void wrap_body_content(struct buf *out)
{
	buf_add_text(out, ">");
}

void wrap_body_end(struct buf *out)
{
	buf_add_text(out, "</body>");
}
