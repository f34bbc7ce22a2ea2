#pragma once
/* XEP-0280 6.1: which messages a user's other clients get copies of. Pure; the cases are rows of the unit test. */
#include "xmpp/stanza.h"

enum carbon_direction { CARBON_SENT, CARBON_RECEIVED };

/* Chat, normal messages with a body, what belongs to chatting (receipts, typing, markers), invitations, and errors about
 * those. Never groupchat, what its sender keeps from the other clients (<private/>, <no-copy/>), or a copy itself. An error
 * counts by what it repeats of its original: one that repeats nothing is not copied. */
bool carbon_is_eligible(const struct stanza *message, enum carbon_direction direction);
