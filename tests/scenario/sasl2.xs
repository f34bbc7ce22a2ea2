# XEP-0388: login, refusal and a second try; the stream goes on with features, and a resource is bound as ever.
account alice@localhost secret
account bob@localhost secret
transports tcp tls websocket bosh
stranger a $transport
a< <stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></authentication></stream:features>
a> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHdyb25n</initial-response></authenticate>
a< <failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>
a> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response><user-agent
  id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>AwesomeXMPP</software><device>Kiva's Phone</device></user-agent><unknown xmlns='urn:u'/></authenticate>
a< <success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@localhost</authorization-identifier></success>
a<< <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>
a> <iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>desk</resource></bind></iq>
a< <iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@localhost/desk</jid></bind></iq>
connect b tcp bob@localhost secret phone
a> <message to='{b}' id='2'><body>one</body></message>
b< <message from='alice@localhost/desk' id='2'><body>one</body></message>
b> <message to='alice@localhost/desk' id='3'><body>two</body></message>
a< <message from='{b}' id='3'><body>two</body></message>
# once is enough
stranger c $transport
c< <stream:features/>
c> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response></authenticate>
c< <success xmlns='urn:xmpp:sasl:2'/>
c> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response></authenticate>
end c unsupported-stanza-type
