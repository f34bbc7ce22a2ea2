# Rules of a sender (XEP-0079) over every transport: told of what happens, and a message that expires in the store is never given out.
setting --amp-security-level=NONE
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect a $transport alice@localhost secret
a> <presence/>
a< <presence from='{a}'/>
a> <iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/amp'/></iq>
a< <iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/amp'><feature var='http://jabber.org/protocol/amp?condition=expire-at'/></query></iq>
a> <message to='bob@localhost' type='chat' id='1'><body>alerted</body><amp xmlns='http://jabber.org/protocol/amp'><rule action='alert' condition='deliver' value='stored'/></amp></message>
a< <message from='localhost' to='{a}' id='1'><amp xmlns='http://jabber.org/protocol/amp' status='alert' from='{a}' to='bob@localhost'><rule action='alert' condition='deliver' value='stored'/></amp></message>
a> <message to='bob@localhost' type='chat' id='2'><body>kept</body><amp xmlns='http://jabber.org/protocol/amp'><rule action='notify' condition='deliver' value='stored'/></amp></message>
a< <message from='localhost' id='2'><amp xmlns='http://jabber.org/protocol/amp' status='notify'/></message>
connect b $transport bob@localhost secret
b> <presence/>
b< <message from='{a}' id='2'><body>kept</body></message>
b- <message id='1'/>
a> <message to='{b}' type='chat' id='3'><body>refused</body><amp xmlns='http://jabber.org/protocol/amp'><rule action='error' condition='match-resource' value='exact'/></amp></message>
a< <message from='localhost' type='error' id='3'><error type='modify'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><failed-rules xmlns='http://jabber.org/protocol/amp#errors'/></error></message>
a> <message to='{b}' type='chat' id='4'><body>old</body><amp xmlns='http://jabber.org/protocol/amp'><rule action='drop' condition='expire-at' value='2004-01-01T00:00:00Z'/></amp></message>
a> <message to='{b}' type='chat' id='5'><body>wrong</body><amp xmlns='http://jabber.org/protocol/amp'><rule action='explode' condition='deliver' value='direct'/></amp></message>
a< <message from='localhost' type='error' id='5'><error type='modify' code='400'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><unsupported-actions xmlns='http://jabber.org/protocol/amp'/></error></message>
a> <message to='{b}' type='chat' id='6'><body>plain</body></message>
b< <message id='6'><body>plain</body></message>
b- <message id='3'/>
b- <message id='4'/>
b- <message id='5'/>
