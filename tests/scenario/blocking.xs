# A user blocks another (XEP-0191), a seat a visitor, and a privacy list filters (XEP-0016); all of it outlives kill -9.
setting sess-man/desk/seats[s]=seat@localhost
account alice@localhost secret
account bob@localhost secret
account seat@localhost secret
transports tcp websocket bosh
connect a $transport alice@localhost secret
connect b $transport bob@localhost secret
a> <presence/>
b> <presence/>
a> <iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
a< <iq type='result' id='1'/>
b> <message to='alice@localhost' type='chat' id='m1'><body>hello?</body></message>
b< <message from='alice@localhost' type='error' id='m1'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <message to='bob@localhost' type='chat' id='m2'><body>hello</body></message>
a< <message from='bob@localhost' type='error' id='m2'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
  <blocked xmlns='urn:xmpp:blocking:errors'/></error></message>
restart kill
connect a2 $transport alice@localhost secret
connect b2 $transport bob@localhost secret
a2> <presence/>
a2> <iq type='get' id='2'><blocklist xmlns='urn:xmpp:blocking'/></iq>
a2< <iq type='result' id='2'><blocklist xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></blocklist></iq>
b2> <message to='alice@localhost' type='chat' id='m3'><body>still?</body></message>
b2< <message from='alice@localhost' type='error' id='m3'/>
a2> <iq type='set' id='3'><unblock xmlns='urn:xmpp:blocking'/></iq>
a2< <iq type='result' id='3'/>
b2> <message to='alice@localhost' type='chat' id='m4'><body>now</body></message>
a2< <message from='{b2}' id='m4'><body>now</body></message>
# a list that lets nobody but one through
a2> <iq type='set' id='4'><query xmlns='jabber:iq:privacy'><list name='alone'><item type='jid' value='seat@localhost' action='allow' order='1'/>
  <item action='deny' order='2'/></list></query></iq>
a2< <iq type='result' id='4'/>
a2> <iq type='set' id='5'><query xmlns='jabber:iq:privacy'><active name='alone'/></query></iq>
a2< <iq type='result' id='5'/>
b2> <message to='{a2}' type='chat' id='m5'><body>and now?</body></message>
b2< <message from='{a2}' type='error' id='m5'/>
# a seat that blocks a visitor hears no more of it
connect s tcp seat@localhost secret
s> <presence/>
s< <presence from='{s}'/>
connect v $transport
v> <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
v< <iq type='result' id='r'><query xmlns='jabber:iq:roster'><item jid='seat@localhost'/></query></iq>
v> <message to='seat@localhost' type='chat' id='v1'><body>spam</body></message>
s< <message from='~{v.bare}' id='v1'><body>spam</body></message>
s> <iq type='set' id='6'><block xmlns='urn:xmpp:blocking'><item jid='{v.bare}'/></block></iq>
s< <iq type='result' id='6'/>
v> <message to='seat@localhost' type='chat' id='v2'><body>more spam</body></message>
v< <message type='error' id='v2'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
