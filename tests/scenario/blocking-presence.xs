# What a block does to presence, over a restart too: both sides are told when it begins and when it ends.
transports tcp websocket bosh
account alice@localhost secret
account bob@localhost secret
connect a $transport alice@localhost secret desk
connect b $transport bob@localhost secret desk
a> <presence/>
b> <presence/>
b> <presence to='alice@localhost' type='subscribe'/>
a< <presence from='bob@localhost' type='subscribe'/>
a> <presence to='bob@localhost' type='subscribed'/>
b< <presence from='{a}'/>
a> <iq type='get' id='1'><blocklist xmlns='urn:xmpp:blocking'/></iq>
a< <iq type='result' id='1'><blocklist xmlns='urn:xmpp:blocking'/></iq>
a> <iq type='set' id='2'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
a< <iq type='result' id='2'/>
a< <iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>
b< <presence from='{a}' type='unavailable'/>
b> <message to='alice@localhost' type='chat' id='3'><body>let me in</body></message>
b< <message type='error' id='3'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
a> <message to='bob@localhost' type='chat' id='4'><body>Can you hear me now?</body></message>
a< <message type='error' id='4'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/></error></message>
b- <message><body>Can you hear me now?</body></message>
a- <message><body>let me in</body></message>
a> <iq type='get' id='5'><query xmlns='jabber:iq:privacy'/></iq>
a< <iq type='result' id='5'><query xmlns='jabber:iq:privacy'><default name='{?list}'/><list name='{?name}'/></query></iq>
restart kill
connect c $transport bob@localhost secret desk
c> <presence/>
c> <message to='alice@localhost' type='chat' id='6'><body>again</body></message>
c< <message type='error' id='6'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
connect d $transport alice@localhost secret desk
d> <presence/>
d> <iq type='set' id='7'><unblock xmlns='urn:xmpp:blocking'/></iq>
d< <iq type='result' id='7'/>
c< <presence from='{d}'/>
c> <message to='alice@localhost' type='chat' id='8'><body>thank you</body></message>
d< <message type='chat' id='8' from='{c}'><body>thank you</body></message>
