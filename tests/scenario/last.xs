# Last activity: friends are told, strangers are not, and with db-write-online-status a restart forgets nothing.
transports tcp websocket bosh
setting sess-man/db-write-online-status[B]=true
account alice@localhost secret
account bob@localhost secret
account carol@localhost secret
connect a $transport alice@localhost secret desk
connect b $transport bob@localhost secret desk
connect c $transport carol@localhost secret desk
a> <presence/>
b> <presence/>
b> <presence to='alice@localhost' type='subscribe'/>
a< <presence from='bob@localhost' type='subscribe'/>
a> <presence to='bob@localhost' type='subscribed'/>
b< <presence from='{a}'/>
b> <iq type='get' id='1' to='localhost'><query xmlns='jabber:iq:last'/></iq>
b< <iq type='result' id='1' from='localhost'><query xmlns='jabber:iq:last' seconds='{?up}'/></iq>
b> <iq type='get' id='2' to='alice@localhost'><query xmlns='jabber:iq:last'/></iq>
b< <iq type='result' id='2' from='alice@localhost'><query xmlns='jabber:iq:last' seconds='0'/></iq>
c> <iq type='get' id='3' to='alice@localhost'><query xmlns='jabber:iq:last'/></iq>
c< <iq type='error' id='3'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
c> <iq type='get' id='4' to='{a}'><query xmlns='jabber:iq:last'/></iq>
c< <iq type='error' id='4'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
b> <iq type='get' id='5' to='{a}'><query xmlns='jabber:iq:last'/></iq>
a< <iq type='get' id='5' from='{b}'><query xmlns='jabber:iq:last'/></iq>
a> <presence type='unavailable'><status>Heading Home</status></presence>
b< <presence type='unavailable' from='{a}'><status>Heading Home</status></presence>
b> <iq type='get' id='6' to='alice@localhost'><query xmlns='jabber:iq:last'/></iq>
b< <iq type='result' id='6' from='alice@localhost'><query xmlns='jabber:iq:last' seconds='{?ago}'>Heading Home</query></iq>
restart
connect d $transport bob@localhost secret desk
d> <iq type='get' id='7' to='alice@localhost'><query xmlns='jabber:iq:last'/></iq>
d< <iq type='result' id='7' from='alice@localhost'><query xmlns='jabber:iq:last' seconds='{?later}'>Heading Home</query></iq>
