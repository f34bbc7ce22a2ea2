#pragma once
/* Client state indication (XEP-0352): while a client says that nobody looks at it, what is of no use to somebody who does not look is
 * held back: availability (the last of each sender), and chat states. All else goes out at once, and what was held goes before it, so
 * order is kept. Nothing durable is ever held: no message with content, nothing with a receipt, nothing its sender keeps.
 *
 * The state belongs to the connection, not to the session: a line that is lost ends it (XEP-0352 5.2), and what was held
 * joins what waits to be acknowledged. A stream that ends for good drops it. */
#include "actors/edge/stream.h"

struct csi; /* opaque; a stream has one while its client is inactive */

/* An element of NS_CSI from the client of a bound stream; false: it is none that is known. */
bool csi_element(struct stream *s, const struct stanza *el);
void csi_inactive(struct stream *s);
/* Sends what was held; the client is active. */
void csi_active(struct stream *s);
/* Whether the client need not see this now. True: it is held, and taken. */
bool csi_holds(struct stream *s, struct packet *p, uint64_t receipt);
void csi_free(struct csi *c); /* drops what is held; NULL allowed */
