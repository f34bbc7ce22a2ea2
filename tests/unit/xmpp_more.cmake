unit_test(xmpp/datetime xmpp)
unit_test(xmpp/sasl/credential xmpp)
unit_test(xmpp/sasl/sasl xmpp)
unit_test(xmpp/sasl/scram xmpp)
