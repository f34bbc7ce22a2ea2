/* Each line of the verification string is made with PART between its parts, a byte no XML has, so that sorting lines sorts by
 * their first part, then by the second: as i;octet does (RFC 4790 9.3). Written out, PART becomes `/` in an identity and `<` elsewhere. */
#include "xmpp/caps.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "xmpp/ns.h"

#define PART '\1'

struct lines {
	char **items;
	size_t count;
};

static void add(struct lines *l, struct buf *line)
{
	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	l->items[l->count++] = buf_take_text(line);
}

static void fini(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* False: one is there twice. */
static bool sort(struct lines *l)
{
	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), compare);
	for (size_t i = 1; i < l->count; i++)
		if (strcmp(l->items[i - 1], l->items[i]) == 0)
			return false;
	return true;
}

static void write_lines(struct buf *out, const struct lines *l, char between)
{
	for (size_t i = 0; i < l->count; i++) {
		for (const char *p = l->items[i]; *p; p++)
			buf_add(out, *p == PART ? &between : p, 1);
		buf_add(out, "<", 1);
	}
}

static void add_part(struct buf *line, struct span text)
{
	char part = PART;

	buf_add(line, &part, 1);
	buf_add_span(line, text);
}

static void add_identity(struct lines *l, const struct stanza *s, stanza_el el)
{
	struct buf line = BUF_INIT;

	buf_add_span(&line, stanza_attr(s, el, "category"));
	add_part(&line, stanza_attr(s, el, "type"));
	add_part(&line, stanza_attr_ns(s, el, "lang", NS_XML));
	add_part(&line, stanza_attr(s, el, "name"));
	add(l, &line);
}

/* "var PART value PART value…", values sorted; the field FORM_TYPE goes to *form_type instead. */
static bool add_field(struct lines *l, const struct stanza *s, stanza_el field, struct span *form_type)
{
	struct lines values = { 0 };
	struct buf line = BUF_INIT;
	bool ok = true;

	for (stanza_el v = stanza_first(s, field); v != STANZA_NO_EL; v = stanza_next(s, v)) {
		if (!stanza_el_is(s, v, "value", NS_DATA))
			continue;
		buf_add_span(&line, stanza_text(s, v));
		add(&values, &line);
	}
	(void)sort(&values); /* the same value twice is no mistake */
	if (span_is(stanza_attr(s, field, "var"), "FORM_TYPE")) {
		ok = values.count == 1 && !form_type->p;
		if (ok)
			*form_type = stanza_text(s, stanza_child(s, field, "value", NS_DATA));
	} else {
		buf_add_span(&line, stanza_attr(s, field, "var"));
		for (size_t i = 0; i < values.count; i++)
			add_part(&line, span_of(values.items[i]));
		add(l, &line);
	}
	fini(&values);
	return ok;
}

/* A form whose FORM_TYPE is not hidden does not count (5.4 3.6). */
static bool add_form(struct lines *forms, const struct stanza *s, stanza_el form)
{
	struct lines fields = { 0 };
	struct span form_type = SPAN_NONE;
	struct buf line = BUF_INIT;
	bool hidden = false, ok = true;

	for (stanza_el f = stanza_first(s, form); f != STANZA_NO_EL && ok; f = stanza_next(s, f)) {
		if (!stanza_el_is(s, f, "field", NS_DATA))
			continue;
		hidden |= span_is(stanza_attr(s, f, "var"), "FORM_TYPE") && span_is(stanza_attr(s, f, "type"), "hidden");
		ok = add_field(&fields, s, f, &form_type);
	}
	if (ok && form_type.p && hidden && sort(&fields)) {
		buf_add_span(&line, form_type);
		for (size_t i = 0; i < fields.count; i++)
			add_part(&line, span_of(fields.items[i]));
		add(forms, &line);
	}
	fini(&fields);
	return ok;
}

static void digest(const struct buf *text, char out[CAPS_VER_BYTES + 1])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	struct span all = buf_span(text);
	unsigned n = 0;

	if (EVP_Digest(all.p, all.n, bytes, &n, EVP_sha1(), NULL) != 1)
		base_out_of_memory();
	EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
}

static bool same_form_type_twice(const struct lines *forms)
{
	for (size_t i = 1; i < forms->count; i++) {
		size_t n = strcspn(forms->items[i], "\1");

		if (n == strcspn(forms->items[i - 1], "\1") && strncmp(forms->items[i], forms->items[i - 1], n) == 0)
			return true;
	}
	return false;
}

bool caps_hash(const struct stanza *s, stanza_el el, char out[CAPS_VER_BYTES + 1])
{
	struct lines identities = { 0 }, features = { 0 }, forms = { 0 };
	struct buf text = BUF_INIT, line = BUF_INIT;
	bool ok = true;

	for (stanza_el c = stanza_first(s, el); c != STANZA_NO_EL && ok; c = stanza_next(s, c)) {
		if (stanza_el_is(s, c, "identity", NS_DISCO_INFO)) {
			add_identity(&identities, s, c);
		} else if (stanza_el_is(s, c, "feature", NS_DISCO_INFO)) {
			buf_add_span(&line, stanza_attr(s, c, "var"));
			add(&features, &line);
		} else if (stanza_el_is(s, c, "x", NS_DATA)) {
			ok = add_form(&forms, s, c);
		}
	}
	ok = ok && sort(&identities) && sort(&features) && sort(&forms) && !same_form_type_twice(&forms);
	write_lines(&text, &identities, '/');
	write_lines(&text, &features, '<');
	write_lines(&text, &forms, '<');
	if (ok)
		digest(&text, out);
	buf_fini(&text);
	fini(&identities);
	fini(&features);
	fini(&forms);
	return ok;
}
