/* ASCII addresses, nearly all there are, are prepared by hand, in place if lower case is all they need; the rest goes through
 * libidn's stringprep profiles. */
#include "xmpp/jid.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <stringprep.h>

#include "runtime/mem/map.h"
#include "xmpp/utf8.h"

struct part {
	char text[JID_PART_MAX + 1];
	size_t n;
};

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static bool prep_by_profile(struct span in, const Stringprep_profile *profile, struct part *out)
{
	if (!utf8_is_valid(in) || memchr(in.p, 0, in.n))
		return false;
	memcpy(out->text, in.p, in.n);
	out->text[in.n] = '\0';
	/* stringprep may grow the text; it refuses when it would not fit. Unassigned code points are refused too. */
	if (stringprep(out->text, sizeof(out->text), STRINGPREP_NO_UNASSIGNED, profile) != STRINGPREP_OK)
		return false;
	out->n = strlen(out->text);
	return out->n > 0;
}

static bool prep_local(struct span in, struct part *out)
{
	if (in.n == 0 || in.n > JID_PART_MAX)
		return false;
	if (!is_ascii(in))
		return prep_by_profile(in, stringprep_xmpp_nodeprep, out);
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c <= 0x20 || c == 0x7f || strchr("\"&'/:<>@", c))
			return false;
		out->text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out->n = in.n;
	return true;
}

static bool is_ip_literal(struct span in)
{
	char text[INET6_ADDRSTRLEN + 1];
	struct in6_addr address;

	if (in.n < 4 || in.p[0] != '[' || in.p[in.n - 1] != ']' || in.n - 2 >= sizeof(text))
		return false;
	memcpy(text, in.p + 1, in.n - 2);
	text[in.n - 2] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool prep_domain(struct span in, struct part *out)
{
	if (in.n > 1 && in.p[in.n - 1] == '.')
		in.n--; /* RFC 7622 3.2: the final dot is no part of the domain */
	if (in.n == 0 || in.n > JID_PART_MAX)
		return false;
	if (!is_ascii(in)) {
		if (!prep_by_profile(in, stringprep_nameprep, out))
			return false;
	} else {
		for (size_t i = 0; i < in.n; i++)
			out->text[i] = in.p[i] >= 'A' && in.p[i] <= 'Z' ? (char)(in.p[i] + 32) : in.p[i];
		out->n = in.n;
	}
	if (is_ip_literal((struct span){ out->text, out->n }))
		return true;
	for (size_t i = 0; i < out->n; i++) {
		unsigned char c = (unsigned char)out->text[i];

		if (c <= 0x20 || c == 0x7f || strchr("\"&'/:<>@[]\\^`{|}!#$%()*+,;=?~", c))
			return false;
		if (c == '.' && (i == 0 || out->text[i - 1] == '.' || i + 1 == out->n))
			return false; /* an empty label */
	}
	return true;
}

static bool prep_resource(struct span in, struct part *out)
{
	if (in.n == 0 || in.n > JID_PART_MAX)
		return false;
	if (!is_ascii(in))
		return prep_by_profile(in, stringprep_xmpp_resourceprep, out);
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] < 0x20 || in.p[i] == 0x7f)
			return false;
	memcpy(out->text, in.p, in.n);
	out->n = in.n;
	return true;
}

static struct jid *assemble(struct span local, struct span domain, struct span resource)
{
	struct jid *j = xmalloc(sizeof(*j) + local.n + domain.n + resource.n + 3);
	char *p = j->text;

	j->refs = 1;
	j->local_n = (uint16_t)local.n;
	j->domain_n = (uint16_t)domain.n;
	j->resource_n = (uint16_t)resource.n;
	if (local.n) {
		memcpy(p, local.p, local.n);
		p += local.n;
		*p++ = '@';
	}
	memcpy(p, domain.p, domain.n);
	p += domain.n;
	if (resource.n) {
		*p++ = '/';
		memcpy(p, resource.p, resource.n);
		p += resource.n;
	}
	*p = '\0';
	j->bare_hash = map_hash(jid_bare(j));
	return j;
}

static struct jid *make(struct span local, bool has_local, struct span domain, struct span resource, bool has_resource)
{
	struct part l, d, r;

	if ((has_local && !prep_local(local, &l)) || !prep_domain(domain, &d) ||
	    (has_resource && !prep_resource(resource, &r)))
		return NULL;
	return assemble(has_local ? (struct span){ l.text, l.n } : SPAN_NONE, (struct span){ d.text, d.n },
			has_resource ? (struct span){ r.text, r.n } : SPAN_NONE);
}

/* --- the fast path: most addresses need no preparation but lower case --- */

enum { IN_LOCAL = 1, IN_DOMAIN = 2, IN_RESOURCE = 4, ANYWHERE = 7 };

/* Where a character may stand for itself. Every other one is for prep_local and its like to judge. */
static const uint8_t plain[256] = {
	[' '] = IN_RESOURCE,
	['!'] = IN_LOCAL | IN_RESOURCE,
	['"'] = IN_RESOURCE,
	['#' ... '%'] = IN_LOCAL | IN_RESOURCE,
	['&' ... '\''] = IN_RESOURCE,
	['(' ... ','] = IN_LOCAL | IN_RESOURCE,
	['-' ... '.'] = ANYWHERE,
	['/'] = IN_RESOURCE,
	['0' ... '9'] = ANYWHERE,
	[':'] = IN_RESOURCE,
	[';'] = IN_LOCAL | IN_RESOURCE,
	['<'] = IN_RESOURCE,
	['='] = IN_LOCAL | IN_RESOURCE,
	['>'] = IN_RESOURCE,
	['?'] = IN_LOCAL | IN_RESOURCE,
	['@'] = IN_RESOURCE,
	['A' ... 'Z'] = ANYWHERE,
	['[' ... '^'] = IN_LOCAL | IN_RESOURCE,
	['_'] = ANYWHERE,
	['`'] = IN_LOCAL | IN_RESOURCE,
	['a' ... 'z'] = ANYWHERE,
	['{' ... '~'] = IN_LOCAL | IN_RESOURCE,
};

static bool fold_plain(char *text, size_t n, uint8_t where)
{
	uint8_t all = where;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		all &= plain[c];
		text[i] = (char)((unsigned char)(c - 'A') < 26 ? c + 32 : c);
	}
	return all != 0;
}

static bool is_plain_resource(const char *text, size_t n)
{
	uint8_t all = IN_RESOURCE;

	for (size_t i = 0; i < n; i++)
		all &= plain[(unsigned char)text[i]];
	return all != 0;
}

static bool has_empty_label(struct span domain)
{
	bool dot = true;

	for (size_t i = 0; i < domain.n; i++) {
		if (dot && domain.p[i] == '.')
			return true;
		dot = domain.p[i] == '.';
	}
	return dot;
}

/* The text is local_n, domain_n and resource_n bytes with their separators. False: it is not that simple. */
static bool prepare_plain(struct jid *j)
{
	struct span domain = jid_domain(j), resource = jid_resource(j);

	return fold_plain(j->text, j->local_n, IN_LOCAL) && fold_plain(j->text + (domain.p - j->text), domain.n, IN_DOMAIN) &&
	       !has_empty_label(domain) && is_plain_resource(resource.p, resource.n);
}

static struct jid *parse_plain(struct span text, size_t local_n, size_t domain_n, size_t resource_n)
{
	struct jid *j;

	if (local_n > JID_PART_MAX || domain_n > JID_PART_MAX || resource_n > JID_PART_MAX)
		return NULL;
	j = xmalloc(sizeof(*j) + text.n + 1);
	j->refs = 1;
	j->local_n = (uint16_t)local_n;
	j->domain_n = (uint16_t)domain_n;
	j->resource_n = (uint16_t)resource_n;
	memcpy(j->text, text.p, text.n);
	j->text[text.n] = '\0';
	if (!prepare_plain(j)) {
		free(j);
		return NULL;
	}
	j->bare_hash = map_hash(jid_bare(j));
	return j;
}

struct jid *jid_parse(struct span text)
{
	const char *slash, *at;
	struct span head = text, resource = SPAN_NONE, local = SPAN_NONE;
	struct jid *j;

	if (text.n == 0)
		return NULL;
	slash = memchr(text.p, '/', text.n);
	if (slash) { /* the first one; the resource may hold more of them */
		head.n = (size_t)(slash - text.p);
		resource = (struct span){ slash + 1, text.n - head.n - 1 };
	}
	at = head.n ? memchr(head.p, '@', head.n) : NULL;
	if (at) {
		local = (struct span){ head.p, (size_t)(at - head.p) };
		head = (struct span){ at + 1, head.n - local.n - 1 };
	}
	if ((at && local.n == 0) || head.n == 0 || (slash && resource.n == 0))
		return NULL;
	j = parse_plain(text, local.n, head.n, resource.n);
	return j ? j : make(local, at != NULL, head, resource, slash != NULL);
}

struct jid *jid_make(struct span local, struct span domain, struct span resource)
{
	return make(local, local.n > 0, domain, resource, resource.n > 0);
}

struct jid *jid_ref(struct jid *j)
{
	if (j)
		__atomic_add_fetch(&j->refs, 1, __ATOMIC_RELAXED);
	return j;
}

void jid_unref(struct jid *j)
{
	/* release before, acquire after the last one: whoever frees sees all uses done */
	if (j && __atomic_sub_fetch(&j->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(j);
}

struct jid *jid_to_bare(struct jid *j)
{
	return jid_is_bare(j) ? jid_ref(j) : assemble(jid_local(j), jid_domain(j), SPAN_NONE);
}

struct jid *jid_with_resource(const struct jid *j, struct span resource)
{
	struct part r;

	return prep_resource(resource, &r) ? assemble(jid_local(j), jid_domain(j), (struct span){ r.text, r.n }) : NULL;
}

static size_t bare_n(const struct jid *j)
{
	return (size_t)j->domain_n + (j->local_n ? j->local_n + 1u : 0u);
}

struct span jid_full(const struct jid *j)
{
	return (struct span){ j->text, bare_n(j) + (j->resource_n ? j->resource_n + 1u : 0u) };
}

struct span jid_bare(const struct jid *j)
{
	return (struct span){ j->text, bare_n(j) };
}

struct span jid_local(const struct jid *j)
{
	return (struct span){ j->text, j->local_n };
}

struct span jid_domain(const struct jid *j)
{
	return (struct span){ j->text + (j->local_n ? j->local_n + 1u : 0u), j->domain_n };
}

struct span jid_resource(const struct jid *j)
{
	return (struct span){ j->text + bare_n(j) + (j->resource_n ? 1 : 0), j->resource_n };
}

bool jid_eq(const struct jid *a, const struct jid *b)
{
	return a->bare_hash == b->bare_hash && span_eq(jid_full(a), jid_full(b));
}

bool jid_eq_bare(const struct jid *a, const struct jid *b)
{
	return a->bare_hash == b->bare_hash && span_eq(jid_bare(a), jid_bare(b));
}

/* One star is remembered at a time: after a mismatch the last star takes one character more. No worse than n*m. */
bool jid_matches_glob(const struct jid *j, const char *glob)
{
	struct span text = jid_bare(j);
	const char *star = NULL;
	size_t i = 0, star_at = 0;

	while (i < text.n) {
		if (*glob == '*') {
			star = glob++;
			star_at = i;
		} else if (*glob == text.p[i]) {
			glob++;
			i++;
		} else if (star) {
			glob = star + 1;
			i = ++star_at;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

bool jid_saslprep(struct span text, char out[JID_PART_MAX + 1])
{
	struct part prepared;
	bool ok = text.n > 0 && text.n <= JID_PART_MAX && prep_by_profile(text, stringprep_saslprep, &prepared);

	if (ok)
		memcpy(out, prepared.text, prepared.n + 1);
	explicit_bzero(&prepared, sizeof(prepared));
	return ok;
}
