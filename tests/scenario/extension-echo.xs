# The example component (docs/examples/echo): reached at both its addresses, described by disco, with settings of its own.
setting --comp-name-1=Echo
setting --comp-class-1={build}/docs/examples/echo.so
setting --echo-greeting=Heard:
setting echo/longest[I]=20
account alice@localhost secret
transports tcp websocket bosh
connect a $transport alice@localhost secret
a> <message to='echo.localhost' type='chat' id='1'><body>hello</body></message>
a< <message from='echo.localhost' to='{a}' type='chat' id='1'><body>Heard:hello</body></message>
a> <message to='echo@localhost' type='chat' id='2'><body>&lt;you&gt; &amp; me</body></message>
a< <message from='echo@localhost' to='{a}' type='chat' id='2'><body>Heard:&lt;you&gt; &amp; me</body></message>
a> <message to='anything@echo.localhost/x' id='3'><body>ä</body></message>
a< <message from='anything@echo.localhost/x' id='3'><body>Heard:ä</body></message>
a> <message to='echo.localhost' id='4'><body>longer than twenty bytes</body></message>
a< <message type='error' from='echo.localhost' id='4'><error type='modify'><not-acceptable
  xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <message to='echo.localhost' type='chat' id='5'><active xmlns='http://jabber.org/protocol/chatstates'/></message>
a< <message type='error' from='echo.localhost' id='5'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <iq type='get' id='6' to='echo.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
a< <iq type='result' from='echo.localhost' id='6'><query xmlns='http://jabber.org/protocol/disco#info'><identity
  category='automation' type='command-node' name='Echo'/><feature var='http://jabber.org/protocol/disco#info'/></query></iq>
a> <iq type='get' id='7' to='echo.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
a< <iq type='result' from='echo.localhost' id='7'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
a> <iq type='get' id='8' to='echo.localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='x'/></iq>
a< <iq type='error' id='8'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
a> <iq type='set' id='9' to='echo.localhost'><query xmlns='urn:example:other'/></iq>
a< <iq type='error' id='9' from='echo.localhost'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
a> <iq type='get' id='10' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
a< <iq type='result' id='10'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='echo.localhost' name='Echo'/></query></iq>
a> <message to='echo.elsewhere.example' type='chat' id='11'><body>far</body></message>
a< <message type='error' id='11'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <message to='echoes.localhost' type='chat' id='12'><body>near</body></message>
a< <message type='error' id='12'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
await ext_echo_messages 3
