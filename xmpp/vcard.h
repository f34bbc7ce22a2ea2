#pragma once
/* A person's card in its two forms: vcard-temp (XEP-0054) and vCard4 as XML (RFC 6351, XEP-0292). Each is made from the
 * other by one table of properties, after the mapping of XEP-0292 7 and RFC 6350.
 *
 * What the other form has no place for is left out: in vCard4 LABEL, MAILER, AGENT, CLASS, SORT-STRING and the address types
 * POSTAL, PARCEL, DOM, INTL; in vcard-temp all that RFC 6350 added (GENDER, LANG, ANNIVERSARY, RELATED, …). Nothing is
 * checked: a card is the user's own words, and a wrong date stays as wrong as it was. */
#include "xmpp/stanza.h"

/* Writes the <vcard/> or <vCard/> that says the same as the card in the other form, into the open element (as the top element
 * when none is open). */
void vcard_write_4(struct builder *b, const struct stanza *s, stanza_el temp);
void vcard_write_temp(struct builder *b, const struct stanza *s, stanza_el v4);
