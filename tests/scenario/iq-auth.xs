# XEP-0078: a client from before SASL logs in, on every transport, and is a session like any other.
account alice@localhost secret
account bob@localhost secret
transports tcp tls websocket bosh
connect bob $transport bob@localhost secret
stranger alice $transport
alice< <stream:features><auth xmlns='http://jabber.org/features/iq-auth'/></stream:features>
alice> <iq type='get' id='1'><query xmlns='jabber:iq:auth'><username>alice</username></query></iq>
alice< <iq type='result' id='1'><query xmlns='jabber:iq:auth'><username/><password/><resource/></query></iq>
alice> <iq type='set' id='2'><query xmlns='jabber:iq:auth'><username>alice</username><password>secret</password><resource>globe</resource></query></iq>
alice< <iq type='result' id='2'/>
alice> <message to='{bob}' type='chat' id='3'><body>as in 2003</body></message>
bob< <message from='alice@localhost/globe' id='3'><body>as in 2003</body></message>
bob> <message to='alice@localhost/globe' type='chat' id='4'><body>now</body></message>
alice< <message id='4'><body>now</body></message>
alice> <iq type='set' id='5'><query xmlns='jabber:iq:auth'><username>bob</username><password>secret</password><resource>x</resource></query></iq>
alice< <iq type='error' id='5'><error type='auth' code='401'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
stranger x $transport
x> <iq type='set' id='6'><query xmlns='jabber:iq:auth'><username>alice</username><password>wrong</password><resource>globe</resource></query></iq>
x< <iq type='error' id='6'><error type='auth' code='401'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
end x
