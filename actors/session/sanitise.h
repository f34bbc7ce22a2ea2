#pragma once
/* What a client may not say in the server's name (docs: reliability V60 to V64): forged carbons, archive results,
 * stanza ids, delays of our own domains, events of the desk. One table for every transport, applied before all gates.
 */
#include "actors/session/xep.h"

/* Marks a message with rules (PACKET_RULES), in the same look at its children. Replaces p->packet.stanza when something had to go (every forged copy, not just the first); XEP_REFUSED when the
 * whole stanza may not pass. */
enum xep_verdict sanitise(struct passage *p);
