# The example plugin (docs/examples/count): it counts messages, sends those for an old address to a new one, adds a child, answers
# a request of its own, and sees sessions close.
setting sess-man/extensions[s]={build}/docs/examples/count.so
setting sess-man/plugins-conf/count/old-address=sales@localhost
setting sess-man/plugins-conf/count/new-address=bob@localhost
setting sess-man/plugins-conf/count/tell[B]=true
account alice@localhost secret
account bob@localhost secret
account carol@localhost secret
transports tcp websocket bosh
connect a $transport alice@localhost secret
connect b $transport bob@localhost secret
a> <presence/>
b> <presence/>
a> <message to='sales@localhost' type='chat' id='1'><body>for sales</body></message>
b< <message from='{a}' to='bob@localhost' type='chat' id='1'><body>for sales</body><count xmlns='urn:example:count' shard='1'/></message>
a> <message to='{b}' type='chat' id='2'><body>for bob</body></message>
b< <message from='{a}' id='2'><body>for bob</body><count xmlns='urn:example:count' shard='2'/></message>
b> <message to='{a}' type='chat' id='3'><body>back</body></message>
a< <message from='{b}' id='3'><body>back</body><count xmlns='urn:example:count'/></message>
a> <iq type='get' id='4' to='localhost'><count xmlns='urn:example:count'/></iq>
a< <iq type='result' id='4'><count xmlns='urn:example:count'>3</count></iq>
a> <iq type='set' id='5' to='localhost'><count xmlns='urn:example:count'/></iq>
a< <iq type='error' id='5'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
a> <iq type='get' id='6' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
a< <iq type='result' id='6'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:example:count'/></query></iq>
a> <message to='carol@localhost' type='chat' id='7'><body>you are away</body></message>
await ext_count_lost 1
await ext_count_messages 4
await ext_count_redirected 1
await ext_count_sessions 2
connect v $transport
v> <iq type='get' id='8' to='localhost'><count xmlns='urn:example:count'/></iq>
v< <iq type='error' id='8'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text
  xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Visitors may not ask this.</text></error></iq>
connect c $transport carol@localhost secret
c> <presence/>
c< <message from='{a}' id='7'><body>you are away</body></message>
close b
logged count: bob@localhost/~ left
close c
logged count: carol@localhost/~ left
