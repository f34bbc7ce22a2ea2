#pragma once
/* Entity capabilities (XEP-0115): the hash over what a disco#info answer says. */
#include "xmpp/stanza.h"

#define CAPS_VER_BYTES 28 /* base64 of a SHA-1 */

/* The verification string of XEP-0115 5.1 over the <query/> `el` of the stanza, hashed. False: it is ill-formed (5.4 3.2 to 3.6): something
 * is there twice, or a form has no FORM_TYPE or two. */
bool caps_hash(const struct stanza *s, stanza_el el, char out[CAPS_VER_BYTES + 1]);
