unit_test(xmpp/jid xmpp)
unit_test(xmpp/stanza xmpp)
unit_test(xmpp/parser xmpp)
unit_test(xmpp/skipping xmpp)
