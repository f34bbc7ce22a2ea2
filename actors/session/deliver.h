#pragma once
/* A message to a user of this server: which of its clients get it (RFC 6121 8.5, the table is xmpp/rules/delivery), and who
 * takes care of it when none does. In steps, so that rules of the sender (XEP-0079) may look at what would happen. */
#include "actors/session/xep.h"

/* True: nothing is decided now. It waits behind offline messages, or came from the store and its row is still there. */
bool deliver_waits(struct passage *p);
/* What the rules say; nothing is done yet. DELIVERY_STORE only says that no client gets it. */
enum delivery_verdict deliver_decide(const struct passage *p);
/* Does it. XEP_PASS: to be kept, by whoever keeps messages. */
enum xep_verdict deliver_as(struct passage *p, enum delivery_verdict v);
enum xep_verdict deliver_message(struct passage *p); /* all three */

/* A visitor's message that the desk gave to a seat or robot: the desk knows a better place for it than an offline store. */
bool deliver_is_the_desks(const struct passage *p);
