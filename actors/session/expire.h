#pragma once
/* Offline messages whose time is over: those of visitors who have not come back for amp/visitor-keep-days, of accounts for
 * amp/keep-days, and those with a rule that says so (expire-at, XEP-0079). They are deleted; what a rule wants told is told. While a
 * user's messages are being given out nothing is looked at: they are on their way. */
#include "actors/session/xep.h"

void expire_begin(struct passage *p);                          /* p->user's, page by page */
void expire_page(struct passage *p, struct store_request *r);  /* a page comes home */
bool expire_is_page(const struct store_request *r);
