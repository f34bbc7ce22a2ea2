#pragma once
/* How many others an account writes to in a minute (XEP-0205 4): a stolen or bought account is no megaphone. Visitors whom the
 * desk assigned do not count, nor does the account itself, nor do answers; robots and visitors have limits of their own.
 * Memory: one table for an account that writes to somebody, of the limit's size, with the account. */
#include "actors/session/xep.h"

struct recipients;

/* An outbound stanza of a client. False: it goes to one too many and was refused. */
bool recipients_allow(struct passage *p);
void recipients_free(struct recipients *r); /* NULL allowed */
