#pragma once
/* The one XML front end: TCP streams, WebSocket messages, BOSH bodies, stored rows. expat behind it, one constructor
 * call in the tree. Limits, restricted XML (no DTD, PI, comment, entity: RFC 6120 11.1), UTF-8 checked before expat
 * sees a byte, reparse deferral handled (E2, E3), parsers recycled when their name tables grow (E5).
 *
 * Between two stanzas a parser holds nothing of its stream but the namespace declarations, which are the same for
 * all client streams: so an idle stream holds no parser. A stream takes one from its worker's pool when bytes arrive
 * and gives it back at a stanza boundary; only a stream in the middle of a stanza keeps one. */
#include "xmpp/stanza.h"
#include "xmpp/utf8.h"

struct xml_limits { /* 0 = no limit */
	uint32_t stanza_bytes, elements, depth, attributes, ns_declarations;
	uint32_t skip_bytes; /* a stream's element over stanza_bytes and up to this is read, not kept; 0 = an error */
	uint32_t name_bytes, uri_bytes, value_bytes;
	uint32_t parser_bytes; /* live memory inside expat */
	uint32_t rescan_factor; /* rescanned bytes per stanza byte (E3) */
};

struct xml_pool; /* parsers and a builder of one thread */
struct xml_pool *xml_pool_new(void);
void xml_pool_free(struct xml_pool *pool);
struct builder *xml_pool_builder(struct xml_pool *pool); /* scratch for replies; never across a feed call */

struct xml_header { /* stream header; spans live during the callback */
	struct span to, from, version, lang, id;
	bool content_ns_ok; /* default namespace is jabber:client */
};

enum xml_verdict {
	XML_GO,   /* next element */
	XML_STOP, /* stop here: what follows is left unread (stream restart, starttls, negotiation pending) */
};

struct xml_sink {
	enum xml_verdict (*on_header)(void *ctx, const struct xml_header *h);
	enum xml_verdict (*on_element)(void *ctx, struct stanza *s); /* the callee owns s */
	/* The end of an element that was too big to keep: its top with the attributes (the callee's). Only with skip_bytes. */
	enum xml_verdict (*on_oversized)(void *ctx, struct stanza *head);
	enum xml_verdict (*on_end)(void *ctx);                       /* </stream:stream> */
};

/* State of one inbound stream; small, zero-initialised by xml_stream_init. */
struct xml_stream {
	void *parser;          /* only in the middle of an element */
	uint64_t element_bytes; /* of the header being read */
	uint8_t state;
	const struct xml_limits *limits; /* borrowed; may be replaced between calls (after login) */
	uint32_t rescanned;
	uint8_t bom;    /* bytes of a byte order mark seen */
	struct utf8 utf8;
	char *header;   /* synthetic header for streams with unusual prefixes; NULL for all others */
};

void xml_stream_init(struct xml_stream *xs, const struct xml_limits *limits);
void xml_stream_fini(struct xml_stream *xs, struct xml_pool *pool);
/* Starts over for a stream restart (a new header is expected). Not from inside a callback. */
void xml_stream_restart(struct xml_stream *xs, struct xml_pool *pool);
/* Feeds bytes. *used = how many were consumed (less than n only after XML_STOP). `drained` = no more bytes are waiting
 * in the socket, so deferred tokens must come out now. Returns STREAM_ERROR_NONE or the error to close with; after an
 * error the stream may not be fed again. */
enum stream_error xml_stream_feed(struct xml_stream *xs, struct xml_pool *pool, struct span bytes, bool drained,
				  const struct xml_sink *sink, void *ctx, size_t *used);

/* One whole element (WebSocket message, BOSH body, stored row): a fresh document. *out is the caller's. */
enum stream_error xml_parse_document(struct xml_pool *pool, struct span bytes, const struct xml_limits *limits,
				     struct stanza **out);
/* The top of an element whose begin is given, as far as its start tag goes: what is behind is not looked at. *out is the
 * caller's. */
enum stream_error xml_parse_head(struct xml_pool *pool, struct span begin, const struct xml_limits *limits,
				 struct stanza **out);
/* Refuses to run with an expat that lacks what we rely on (reparse deferral, allocation limits): NULL or what is
 * missing. At start. */
const char *xml_library_problem(void);
