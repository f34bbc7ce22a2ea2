#pragma once
/* Rules of a sender for its message (XEP-0079, xmpp/rules/amp), carried out where the message is: checked in its sender's passage,
 * followed in its receiver's, once more when it is taken out of the store. Messages with rules bear PACKET_RULES (sanitise.c);
 * others never come here. Between a visitor and the desk rules are not followed: the desk chooses who gets what. */
#include "actors/session/xep.h"

bool amp_rules_are_on(const struct config *conf); /* plugin and component amp */

/* Outbound: XEP_PASS when they can be followed, and the message says whose they are. */
enum xep_verdict amp_rules_check(struct passage *p);
/* Outbound, of a visitor: XEP_PASS when they ask for no answer about somebody. */
enum xep_verdict amp_rules_check_visitor(struct passage *p);
/* Inbound: delivers the message, or does what a rule wants instead. XEP_PASS: to be kept. */
enum xep_verdict amp_rules_deliver(struct passage *p);
/* A message that was kept is about to be given out, or is only looked at because its time may be over: true when it has expired
 * and is not to be given out. Its sender is told if the rule says so; that a late message is given out all the same he hears
 * when it is. */
bool amp_rules_expired(struct passage *p, struct stanza *message, struct jid *from, bool given_out);
