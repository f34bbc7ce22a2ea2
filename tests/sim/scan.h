#pragma once
/* The client's side of an XML stream: cuts what the server writes into top-level elements, and looks into them. It shares no code
 * with the server's parser. It understands what the server is allowed to write (no comments, no CDATA, no DTD) and takes
 * everything else for an error. */
#include "runtime/mem/buf.h"

struct scan {
	struct buf in; /* of the element being read */
	size_t at;     /* looked at so far */
	unsigned depth;
	bool broken;
};

enum scan_piece { SCAN_MORE, SCAN_HEADER, SCAN_ELEMENT, SCAN_END, SCAN_BROKEN };

void scan_fini(struct scan *s);
void scan_restart(struct scan *s);
void scan_add(struct scan *s, struct span bytes);
/* The next whole piece; *out, NUL-terminated and owned by the caller, for elements. */
enum scan_piece scan_next(struct scan *s, char **out);

/* Of an element's text. Names as written; prefixes are the server's habit. */
bool scan_is(const char *element, const char *name);
/* An attribute of the top tag; false when it is not there. Entities are not decoded. */
bool scan_attribute(const char *element, const char *name, char *out, size_t room);
/* Text between <name> and </name> (or of the top element itself): false when it is not there. */
bool scan_text(const char *element, const char *name, struct span *out);
