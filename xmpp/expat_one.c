#include "xmpp/expat_one.h"

#include <dlfcn.h>
#include <expat.h>
#include <stdlib.h>

#include "xmpp/ns.h"
#include "xmpp/stanza_inner.h"

/* Between namespace and local name (and prefix): no UTF-8 text can hold it. Split at the first one (E8). */
#define SEPARATOR '\xff'

struct expat_one {
	XML_Parser parser;
	struct builder *builder;
	const struct xml_limits *limits;
	const struct expat_hooks *hooks;
	void *ctx;
	unsigned element_depth, depth;
	unsigned stanza_depth; /* of the message, presence or iq that is open; 0 = none */
	uint32_t elements, declarations;
	uint64_t fed, last_event, last_element;
	size_t live, live_max;
	enum stream_error error;
	struct stanza *head; /* of the element that is skipped; NULL = none is */
	bool prefixes, paused, ended;
};

/* expat's memory functions know no context: the parser being called is noted here. Whoever calls another parser inside a
 * callback (a stored row read while a stanza is handled) puts the first one back. */
static _Thread_local struct expat_one *charged;

struct block {
	_Alignas(16) size_t bytes;
};

static void *counted_malloc(size_t bytes)
{
	struct block *b;

	if (charged->live_max && charged->live + bytes > charged->live_max)
		return NULL;
	b = malloc(sizeof(*b) + bytes);
	if (!b)
		return NULL;
	b->bytes = bytes;
	charged->live += bytes;
	return b + 1;
}

static void counted_free(void *p)
{
	struct block *b = p;

	if (!b)
		return;
	b--;
	charged->live -= b->bytes;
	free(b);
}

static void *counted_realloc(void *p, size_t bytes)
{
	struct block *b = p;

	if (!b)
		return counted_malloc(bytes);
	b--;
	if (bytes > b->bytes && charged->live_max && charged->live + bytes - b->bytes > charged->live_max)
		return NULL;
	b = realloc(b, sizeof(*b) + bytes);
	if (!b)
		return NULL;
	charged->live += bytes - b->bytes;
	b->bytes = bytes;
	return b + 1;
}

static const XML_Memory_Handling_Suite counted = { counted_malloc, counted_realloc, counted_free };

const char *xml_library_problem(void)
{
	/* By symbol, not by version number: distributions backport (E1). */
	if (!dlsym(RTLD_DEFAULT, "XML_SetReparseDeferralEnabled"))
		return "it lacks XML_SetReparseDeferralEnabled (needed against CVE-2023-52425); update libexpat";
	if (!dlsym(RTLD_DEFAULT, "XML_SetAllocTrackerActivationThreshold"))
		return "it lacks XML_SetAllocTrackerActivationThreshold (needed against CVE-2025-59375); update libexpat";
	return NULL;
}

static void fail(struct expat_one *x, enum stream_error error)
{
	if (x->error == STREAM_ERROR_NONE)
		x->error = error;
	XML_StopParser(x->parser, XML_FALSE);
}

static void note_event(struct expat_one *x)
{
	x->last_event = (uint64_t)XML_GetCurrentByteIndex(x->parser) + (uint64_t)XML_GetCurrentByteCount(x->parser);
}

static void pause_parser(struct expat_one *x)
{
	x->paused = true;
	XML_StopParser(x->parser, XML_TRUE);
}

struct qname {
	struct span ns, local, prefix;
};

static struct qname split(const char *name)
{
	const char *first = strchr(name, SEPARATOR), *second;
	struct qname q = { SPAN_NONE, span_of(name), SPAN_NONE };

	if (!first)
		return q;
	q.ns = (struct span){ name, (size_t)(first - name) };
	second = strchr(first + 1, SEPARATOR);
	q.local = (struct span){ first + 1, second ? (size_t)(second - first - 1) : strlen(first + 1) };
	if (second)
		q.prefix = span_of(second + 1);
	return q;
}

#define EXPAT_DEPTH_MAX 1000u

static bool over(size_t value, uint32_t limit)
{
	return limit && value > limit;
}

bool expat_is_forbidden_inside(struct span ns)
{
	static const char *const names[] = { NS_STREAM, NS_SASL, NS_TLS, NS_SM, NS_FRAMING, NS_HTTPBIND };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is(ns, names[i]))
			return true;
	return false;
}

bool expat_is_stanza(struct span name, struct span ns)
{
	return span_is(ns, NS_CLIENT) && (span_is(name, "message") || span_is(name, "presence") || span_is(name, "iq"));
}

static bool within_limits(struct expat_one *x, const struct qname *q, const char **attributes)
{
	const struct xml_limits *l = x->limits;
	uint32_t count = 0;

	/* whatever the configuration says, the builder has a floor of its own */
	if (x->depth - x->element_depth >= EXPAT_DEPTH_MAX)
		return false;
	if (over(++x->elements, l->elements) || over(x->depth - x->element_depth + 1, l->depth) ||
	    over(q->local.n, l->name_bytes) || over(q->ns.n, l->uri_bytes))
		return false;
	for (const char **a = attributes; *a; a += 2, count++) {
		struct qname name = split(a[0]);

		if (over(name.local.n, l->name_bytes) || over(name.ns.n, l->uri_bytes) || over(strlen(a[1]), l->value_bytes))
			return false;
	}
	return !over(count, l->attributes);
}

/* Levels of the present element that the builder has open. */
static unsigned open_levels(const struct expat_one *x)
{
	return x->depth < x->element_depth ? 0 : x->depth - x->element_depth + 1;
}

static bool start_skipping(struct expat_one *x, unsigned open)
{
	struct stanza *whole;

	if (x->limits->skip_bytes <= x->limits->stanza_bytes || open == 0)
		return false;
	while (open--)
		builder_close(x->builder);
	whole = builder_finish(x->builder);
	x->head = stanza_head(x->builder, whole);
	stanza_unref(whole);
	return true;
}

/* Behind each event inside an element. False: it is not kept. */
static bool keeps(struct expat_one *x, unsigned open)
{
	uint64_t bytes = x->last_event - x->last_element;

	if (!over(bytes, x->limits->stanza_bytes))
		return true;
	if ((!x->head && !start_skipping(x, open)) || bytes > x->limits->skip_bytes)
		fail(x, STREAM_ERROR_POLICY_VIOLATION);
	return false;
}

static void XMLCALL on_start(void *opaque, const char *name, const char **attributes)
{
	struct expat_one *x = opaque;
	struct qname q = split(name);

	note_event(x);
	x->depth++;
	if (x->depth < x->element_depth || x->element_depth == 0) {
		if (x->depth == 1 && x->hooks && x->hooks->on_root) {
			x->hooks->on_root(x->ctx, q.local, q.prefix, q.ns, attributes);
			if (x->element_depth == 0)
				pause_parser(x);
		}
		return;
	}
	if (!within_limits(x, &q, attributes)) {
		fail(x, STREAM_ERROR_POLICY_VIOLATION);
		return;
	}
	if (x->stanza_depth && expat_is_forbidden_inside(q.ns)) {
		fail(x, STREAM_ERROR_POLICY_VIOLATION);
		return;
	}
	/* a stanza is the element itself, or a child of the element when that is a BOSH body */
	if (!x->stanza_depth && x->depth <= x->element_depth + 1 && expat_is_stanza(q.local, q.ns))
		x->stanza_depth = x->depth;
	if (!keeps(x, open_levels(x) - 1))
		return;
	if (x->depth == x->element_depth)
		builder_reset(x->builder);
	builder_open_span(x->builder, q.local, q.ns.p ? q.ns : (struct span){ "", 0 });
	for (const char **a = attributes; *a; a += 2) {
		struct qname key = split(a[0]);

		builder_attr_ns(x->builder, key.local, key.ns, span_of(a[1]));
	}
	if (x->hooks->stop_at_head)
		pause_parser(x);
}

static void XMLCALL on_end(void *opaque, const char *name)
{
	struct expat_one *x = opaque;
	struct stanza *s;
	unsigned open = open_levels(x);
	enum expat_stop stop;

	(void)name;
	if (x->error != STREAM_ERROR_NONE || (x->paused && x->hooks->stop_at_head))
		return; /* an empty element ends although its start was refused, or enough */
	note_event(x);
	if (x->depth-- < x->element_depth || x->element_depth == 0) {
		x->ended = true;
		if (x->hooks && x->hooks->on_root_end)
			x->hooks->on_root_end(x->ctx);
		return;
	}
	if (keeps(x, open))
		builder_close(x->builder);
	if (x->error != STREAM_ERROR_NONE)
		return;
	if (x->depth + 1 == x->stanza_depth)
		x->stanza_depth = 0;
	if (x->depth + 1 > x->element_depth)
		return;
	x->last_element = x->last_event;
	x->elements = x->declarations = 0;
	s = x->head ? x->head : builder_try_finish(x->builder);
	if (!s) {
		fail(x, STREAM_ERROR_RESOURCE_CONSTRAINT);
		return;
	}
	stop = x->head ? x->hooks->on_oversized(x->ctx, s) : x->hooks->on_element(x->ctx, s);
	x->head = NULL;
	if (stop == EXPAT_PAUSE)
		pause_parser(x);
}

static void XMLCALL on_text(void *opaque, const char *text, int n)
{
	struct expat_one *x = opaque;
	struct span s = { text, (size_t)n };

	note_event(x);
	if (x->depth >= x->element_depth && x->element_depth) {
		if (keeps(x, open_levels(x)) && !builder_try_text(x->builder, s))
			fail(x, STREAM_ERROR_RESOURCE_CONSTRAINT);
		return;
	}
	for (size_t i = 0; i < s.n; i++)
		if (!strchr(" \t\r\n", s.p[i])) {
			fail(x, STREAM_ERROR_BAD_FORMAT);
			return;
		}
}

static void XMLCALL on_declaration(void *opaque, const char *prefix, const char *uri)
{
	struct expat_one *x = opaque;

	if (x->hooks && x->hooks->on_declaration) {
		x->hooks->on_declaration(x->ctx, span_of(prefix), span_of(uri));
		return;
	}
	if (over(++x->declarations, x->limits->ns_declarations) || (uri && over(strlen(uri), x->limits->uri_bytes)))
		fail(x, STREAM_ERROR_POLICY_VIOLATION);
}

static void XMLCALL on_xml(void *opaque, const char *version, const char *encoding, int standalone)
{
	struct expat_one *x = opaque;

	note_event(x);
	if (version && strcmp(version, "1.0") != 0)
		fail(x, STREAM_ERROR_NOT_WELL_FORMED);
	else if (encoding && strcasecmp(encoding, "UTF-8") != 0)
		fail(x, STREAM_ERROR_UNSUPPORTED_ENCODING);
	else if (standalone == 0)
		fail(x, STREAM_ERROR_RESTRICTED_XML);
}

static void XMLCALL on_doctype(void *x, const char *name, const char *system, const char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	fail(x, STREAM_ERROR_RESTRICTED_XML);
}

static void XMLCALL on_comment(void *x, const char *text)
{
	(void)text;
	fail(x, STREAM_ERROR_RESTRICTED_XML);
}

static void XMLCALL on_instruction(void *x, const char *target, const char *data)
{
	(void)target;
	(void)data;
	fail(x, STREAM_ERROR_RESTRICTED_XML);
}

static void XMLCALL on_entity(void *x, const char *name, int parameter)
{
	(void)name;
	(void)parameter;
	fail(x, STREAM_ERROR_RESTRICTED_XML);
}

struct expat_one *expat_new(bool prefixes)
{
	static const char separator[2] = { SEPARATOR, '\0' };
	struct expat_one *x = xcalloc(1, sizeof(*x)), *outer = charged;

	charged = x;
	x->prefixes = prefixes;
	x->builder = builder_new();
	x->parser = XML_ParserCreate_MM("UTF-8", &counted, separator);
	if (!x->parser)
		base_out_of_memory();
	XML_SetUserData(x->parser, x);
	XML_SetReturnNSTriplet(x->parser, prefixes);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartNamespaceDeclHandler(x->parser, on_declaration);
	XML_SetXmlDeclHandler(x->parser, on_xml);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	XML_SetCommentHandler(x->parser, on_comment);
	XML_SetProcessingInstructionHandler(x->parser, on_instruction);
	XML_SetSkippedEntityHandler(x->parser, on_entity);
	charged = outer;
	return x;
}

void expat_free(struct expat_one *x)
{
	struct expat_one *outer = charged;

	if (!x)
		return;
	charged = x;
	XML_ParserFree(x->parser);
	charged = outer;
	builder_free(x->builder);
	stanza_unref(x->head);
	free(x);
}

void expat_aim(struct expat_one *x, const struct xml_limits *limits, unsigned element_depth, const struct expat_hooks *hooks,
	       void *ctx)
{
	x->limits = limits;
	x->element_depth = element_depth;
	x->hooks = hooks;
	x->ctx = ctx;
	x->live_max = limits->parser_bytes;
}

static enum stream_error error_of(struct expat_one *x)
{
	if (x->error != STREAM_ERROR_NONE)
		return x->error;
	switch (XML_GetErrorCode(x->parser)) {
	case XML_ERROR_UNDEFINED_ENTITY:
	case XML_ERROR_PARAM_ENTITY_REF:
	case XML_ERROR_RECURSIVE_ENTITY_REF:
	case XML_ERROR_AMPLIFICATION_LIMIT_BREACH:
		return x->error = STREAM_ERROR_RESTRICTED_XML;
	case XML_ERROR_NO_MEMORY:
		return x->error = STREAM_ERROR_POLICY_VIOLATION;
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
		return x->error = STREAM_ERROR_UNSUPPORTED_ENCODING;
	case XML_ERROR_UNBOUND_PREFIX:
	case XML_ERROR_RESERVED_PREFIX_XML:
	case XML_ERROR_RESERVED_PREFIX_XMLNS:
	case XML_ERROR_RESERVED_NAMESPACE_URI:
		/* RFC 6120 4.9.3.2 is for the stream's own prefixes; a stanza with an unbound one is not namespace-well-formed */
		return x->error = STREAM_ERROR_NOT_WELL_FORMED;
	default:
		return x->error = STREAM_ERROR_NOT_WELL_FORMED;
	}
}

static enum stream_error parse(struct expat_one *x, struct span bytes, bool final)
{
	struct expat_one *outer = charged;
	enum XML_Status status;

	charged = x;
	status = XML_Parse(x->parser, bytes.p ? bytes.p : "", (int)bytes.n, final);
	charged = outer;
	if (status == XML_STATUS_ERROR)
		return error_of(x);
	return x->error;
}

void expat_begin(struct expat_one *x)
{
	ASSERT(expat_at_boundary(x));
	x->last_event = x->last_element = x->fed;
	x->elements = x->declarations = 0;
}

enum stream_error expat_feed(struct expat_one *x, struct span bytes, bool final)
{
	ASSERT(bytes.n < 1u << 30);
	x->fed += bytes.n;
	return parse(x, bytes, final);
}

enum stream_error expat_flush(struct expat_one *x)
{
	enum stream_error error;

	XML_SetReparseDeferralEnabled(x->parser, XML_FALSE);
	error = parse(x, SPAN_NONE, false);
	if (error == STREAM_ERROR_NONE)
		XML_SetReparseDeferralEnabled(x->parser, XML_TRUE);
	return error;
}

bool expat_skip(struct expat_one *x)
{
	return x->head || start_skipping(x, open_levels(x));
}

bool expat_is_skipping(const struct expat_one *x)
{
	return x->head;
}

struct stanza *expat_take_head(struct expat_one *x)
{
	ASSERT(x->paused && x->hooks->stop_at_head);
	builder_close(x->builder);
	return builder_finish(x->builder);
}

bool expat_is_paused(const struct expat_one *x)
{
	return x->paused;
}

uint64_t expat_pending(const struct expat_one *x)
{
	return x->fed - x->last_event;
}

uint64_t expat_fed(const struct expat_one *x)
{
	return x->fed;
}

uint64_t expat_last_event(const struct expat_one *x)
{
	return x->last_event;
}

uint64_t expat_last_element(const struct expat_one *x)
{
	return x->last_element;
}

bool expat_at_boundary(const struct expat_one *x)
{
	return x->depth + 1 == x->element_depth && expat_pending(x) == 0 && !x->ended && !x->paused;
}

size_t expat_live_bytes(const struct expat_one *x)
{
	return x->live;
}

void expat_prime(struct expat_one *x, struct span header)
{
	static const struct xml_limits none;

	expat_aim(x, &none, 2, NULL, NULL);
	if (expat_feed(x, header, false) != STREAM_ERROR_NONE || expat_flush(x) != STREAM_ERROR_NONE || x->depth != 1) {
		if (XML_GetErrorCode(x->parser) == XML_ERROR_NO_MEMORY)
			base_out_of_memory();
		BUG("the synthetic stream header did not parse");
	}
	x->last_event = x->last_element = x->fed;
	x->declarations = 0;
}
