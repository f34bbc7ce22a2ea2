#pragma once
/* Messages that were sent again. A client whose acknowledgements were cut off sends what it thinks is lost once more, under
 * the same origin-id (XEP-0359); the second one is not another message. Remembered are the last ids of all users of a shard,
 * with what was said; a message that came back as an error is forgotten, for its sender may well try again. In memory:
 * after a restart the h of stream management tells what need not be sent again. The shard's own context. */
#include "actors/pledge.h"
#include "runtime/mem/span.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

struct resent; /* opaque */

/* most: ids remembered at least, twice as many at most; 0 = none */
struct resent *resent_new(uint64_t most);
void resent_free(struct resent *r); /* NULL allowed */
/* True when this user has sent this message before; remembers it. False for messages without an origin-id, errors, and those
 * too big to be echoed in an error. *pledge is what the sender is owed for this copy, or NULL: when it is a second one it is
 * taken and let go together with that of the first, for nothing else makes it safe. A second one that is owed a word is
 * another message if nothing was owed for the first. */
bool resent_is(struct resent *r, const struct jid *sender, const struct stanza *message, struct pledge **pledge);
/* An error for this user: what it is about may be sent again. */
void resent_forget(struct resent *r, const struct jid *sender, const struct stanza *error);
