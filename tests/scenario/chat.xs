# Two users write to each other: full JID, bare JID, chat states; a stranger's address is refused.
account alice@localhost secret
account bob@localhost secret
transports tcp tls websocket bosh
connect a $transport alice@localhost secret desk
connect b tcp bob@localhost secret phone
a> <presence/>
b> <presence/>
a> <message to='{b}' type='chat' id='1'><body>Grüße &amp; &lt;más&gt; 您好</body></message>
b< <message from='{a}' to='{b}' type='chat' id='1'><body>Grüße &amp; &lt;más&gt; 您好</body></message>
b> <message to='{a.bare}' type='chat' id='2'><body>back</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>
a< <message from='{b}' id='2'><body>back</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>
a> <message to='nobody@localhost' type='chat' id='3'><body>hello?</body></message>
a< <message type='error' id='3' from='nobody@localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <message to='bob@elsewhere.example' type='chat' id='4'><body>far</body></message>
a< <message type='error' id='4'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <iq type='get' id='5' to='localhost'><query xmlns='urn:example:unknown'/></iq>
a< <iq type='error' id='5'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
close a
