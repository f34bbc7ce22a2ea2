#pragma once
/* The one card of an account, which the plugins vcard-temp (XEP-0054) and vcard-xep-0292 (XEP-0292) show in their forms. It is
 * kept as it was set and made into the other form when that is asked for. Anybody may read it, whether or not its owner is
 * online; only the owner sets it; a card without content takes the old one away. Visitors have none. */
#include "actors/session/xep.h"

enum card_form { CARD_TEMP, CARD_4 };

/* Answers the request in passing. To TARGET_SELF without a card: an empty one. To TARGET_CONTACT: service-unavailable, so that
 * nobody learns from it which accounts exist (XEP-0054 3.3). */
enum xep_verdict card_get(struct passage *p, enum card_form form);
enum xep_verdict card_set(struct passage *p);
