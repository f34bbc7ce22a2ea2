# A client whose privacy list hides its presence from a contact is not shown to it by last activity, discovery or message rules either.
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect a $transport alice@localhost secret desk
connect b $transport bob@localhost secret desk
a> <presence/>
b> <presence/>
b> <presence to='alice@localhost' type='subscribe'/>
a< <presence from='bob@localhost' type='subscribe'/>
a> <presence to='bob@localhost' type='subscribed'/>
b< <presence from='{a}'/>
b> <iq type='get' id='1' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
b< <iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='{a}'/></query></iq>
a> <iq type='set' id='2'><query xmlns='jabber:iq:privacy'><list name='invisible'><item action='deny' order='1'><presence-out/></item></list></query></iq>
a< <iq type='result' id='2'/>
a> <iq type='set' id='3'><query xmlns='jabber:iq:privacy'><active name='invisible'/></query></iq>
a< <iq type='result' id='3'/>
b< <presence from='{a}' type='unavailable'/>
b> <iq type='get' id='4' to='alice@localhost'><query xmlns='jabber:iq:last'/></iq>
b< <iq type='error' id='4'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
b> <iq type='get' id='5' to='{a}'><query xmlns='jabber:iq:last'/></iq>
b< <iq type='error' id='5'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
b> <message to='alice@localhost' type='chat' id='6'><body>there?</body><amp xmlns='http://jabber.org/protocol/amp'><rule action='notify' condition='deliver' value='direct'/></amp></message>
b< <message type='error' id='6'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
b> <iq type='get' id='7' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
b- <iq type='result' id='7'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='{a}'/></query></iq>
a> <iq type='set' id='8'><query xmlns='jabber:iq:privacy'><active/></query></iq>
a< <iq type='result' id='8'/>
b< <presence from='{a}'/>
b> <iq type='get' id='9' to='alice@localhost'><query xmlns='jabber:iq:last'/></iq>
b< <iq type='result' id='9'><query xmlns='jabber:iq:last' seconds='0'/></iq>
