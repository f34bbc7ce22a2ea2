/* The functions of switchboard.h that read and make stanzas. A struct sb_stanza is a struct stanza; what is made goes through
 * the one builder, behind a guard: a mistake of an extension is a line in the log, not the end of the process. */
#include <strings.h>

#include "actors/extension/inner.h"
#include "runtime/log.h"
#include "xmpp/stanza.h"
#include "xmpp/utf8.h"

#define DEPTH_MOST 64u /* far more than any limit on stanzas of clients */

static const struct stanza *of(const struct sb_stanza *s)
{
	return (const struct stanza *)(const void *)s;
}

static struct sb_text text_of(struct span s)
{
	return (struct sb_text){ s.p, s.n };
}

/* What was not found has no parts: a look-up need not be checked before the next one. */
static bool is_there(const struct sb_stanza *s, sb_element e)
{
	return s && e != SB_NONE;
}

struct sb_text sb_element_name(const struct sb_stanza *s, sb_element e)
{
	return text_of(is_there(s, e) ? stanza_name(of(s), e) : SPAN_NONE);
}

struct sb_text sb_element_ns(const struct sb_stanza *s, sb_element e)
{
	return text_of(is_there(s, e) ? stanza_ns(of(s), e) : SPAN_NONE);
}

struct sb_text sb_attribute(const struct sb_stanza *s, sb_element e, const char *name)
{
	return text_of(is_there(s, e) ? stanza_attr(of(s), e, name) : SPAN_NONE);
}

struct sb_text sb_content(const struct sb_stanza *s, sb_element e)
{
	return text_of(is_there(s, e) ? stanza_text(of(s), e) : SPAN_LIT(""));
}

sb_element sb_first(const struct sb_stanza *s, sb_element e)
{
	return is_there(s, e) ? stanza_first(of(s), e) : SB_NONE;
}

sb_element sb_next(const struct sb_stanza *s, sb_element e)
{
	return is_there(s, e) ? stanza_next(of(s), e) : SB_NONE;
}

sb_element sb_child(const struct sb_stanza *s, sb_element e, const char *name, const char *ns)
{
	return is_there(s, e) ? stanza_child(of(s), e, name, ns) : SB_NONE;
}

/* --- making --- */

void guard_init(struct sb_builder *g, const char *area)
{
	*g = (struct sb_builder){ .b = builder_new(), .area = area };
}

void guard_fini(struct sb_builder *g)
{
	builder_free(g->b);
	buf_fini(&g->names);
	*g = (struct sb_builder){ 0 };
}

struct sb_builder *sb_build(struct sb_packet *p)
{
	struct sb_builder *g = p->builder;

	builder_reset(g->b);
	g->mistake = NULL;
	g->in_tag = g->complete = false;
	return g;
}

static bool fits(struct sb_builder *g, bool ok, const char *mistake)
{
	if (!ok && !g->mistake)
		g->mistake = mistake;
	return !g->mistake;
}

/* What XML 1.0 takes: no control characters but tab and line ends. */
static bool is_xml_text(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 && !strchr("\t\n\r", text.p[i]))
			return false;
	return utf8_is_valid(text);
}

/* Names without a prefix, of the characters names are made of; those that begin with xml are XML's own. */
static bool is_name(const char *name)
{
	static const char start[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	return name && *name && strchr(start, *name) && strncasecmp(name, "xml", 3) != 0 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-.") == strlen(name);
}

void sb_open(struct sb_builder *g, const char *name, const char *ns)
{
	if (fits(g, is_name(name) && (!ns || (*ns && is_xml_text(span_of(ns)))), "a bad name or namespace of an element") &&
	    fits(g, !g->complete, "a second element beside the first one") &&
	    fits(g, builder_depth(g->b) < DEPTH_MOST, "too deep")) {
		builder_open(g->b, name, ns);
		g->in_tag = true;
		buf_clear(&g->names);
	}
}

/* The attributes of the open tag, each followed by a space. */
static bool is_new(struct sb_builder *g, const char *name)
{
	struct span names = buf_span(&g->names);
	size_t n = strlen(name);

	for (size_t i = 0; i < names.n; i += strcspn(names.p + i, " ") + 1)
		if (names.n - i > n && memcmp(names.p + i, name, n) == 0 && names.p[i + n] == ' ')
			return false;
	buf_addf(&g->names, "%s ", name);
	return true;
}

void sb_set(struct sb_builder *g, const char *name, struct sb_text value)
{
	struct span v = { value.p, value.n };

	if (v.p && fits(g, g->in_tag, "an attribute behind content") && fits(g, is_name(name), "a bad name of an attribute") && fits(g, is_new(g, name), "an attribute twice") &&
	    fits(g, is_xml_text(v), "bytes in an attribute that are no text"))
		builder_attr(g->b, name, v);
}

void sb_write(struct sb_builder *g, struct sb_text content)
{
	struct span c = { content.p ? content.p : "", content.p ? content.n : 0 };

	if (fits(g, builder_depth(g->b) > 0, "content outside of an element") && fits(g, is_xml_text(c), "bytes that are no text")) {
		builder_text(g->b, c);
		g->in_tag = false;
	}
}

void sb_close(struct sb_builder *g)
{
	if (fits(g, builder_depth(g->b) > 0, "more elements closed than opened")) {
		builder_close(g->b);
		g->in_tag = false;
		g->complete = builder_depth(g->b) == 0;
	}
}

/* How deep the copy will go is not known before: a stanza that came is no deeper than the limits on clients. */
void sb_copy(struct sb_builder *g, const struct sb_stanza *s, sb_element e)
{
	if (fits(g, !g->complete, "a second element beside the first one") && fits(g, s && e != SB_NONE, "a copy of nothing")) {
		builder_copy(g->b, of(s), e);
		g->in_tag = false;
		g->complete = builder_depth(g->b) == 0;
	}
}

void sb_copy_content(struct sb_builder *g, const struct sb_stanza *s, sb_element e)
{
	if (fits(g, builder_depth(g->b) > 0, "content outside of an element") && fits(g, s && e != SB_NONE, "a copy of nothing")) {
		builder_copy_children(g->b, of(s), e);
		g->in_tag = false;
	}
}

struct sb_stanza *sb_finish(struct sb_builder *g)
{
	(void)fits(g, g->complete, "an element that was not closed, or none at all");
	if (!g->mistake)
		return (struct sb_stanza *)(void *)builder_finish(g->b);
	LOG_WARNING(g->area, "the extension makes no stanza: %s", g->mistake);
	builder_reset(g->b);
	return NULL;
}

void sb_free(struct sb_stanza *s)
{
	stanza_unref((struct stanza *)(void *)s);
}
