# A seat at two machines: what one answers is seen at the other; a copy is no delivery, and a visitor's second tab sees its own
# words. A line that is lost and resumed brings the copies that were due.
setting sess-man/desk/seats[s]=alice@localhost
account alice@localhost secret
connect one tcp alice@localhost secret one
one> <presence/>
one< <presence from='{one}'/>
connect two tcp alice@localhost secret two
manage two
two> <iq type='set' id='on'><enable xmlns='urn:xmpp:carbons:2'/></iq>
two< <iq type='result' id='on'/>
two> <presence/>
two< <presence from='{two}'/>
connect v bosh
v> <message to='alice@localhost' type='chat' id='1'><body>anybody?</body></message>
one< <message from='~{v.bare}' id='1'><body>anybody?</body></message>
two< <message from='~{v.bare}' id='1'><body>anybody?</body></message>
one> <message to='{v.bare}' type='chat' id='2'><body>I am here</body></message>
v< <message id='2'><body>I am here</body></message>
two< <message from='alice@localhost'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{one}' to='{v.bare}' id='2'><body>I am here</body></message></forwarded></sent></message>
silence two
kill two
one> <message to='{v.bare}' type='chat' id='3'><body>still here</body></message>
v< <message id='3'/>
resume two tcp alice@localhost secret
two< <message from='alice@localhost'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='3'><body>still here</body></message></forwarded></sent></message>
v- <message type='error'/>
one- <message type='error'/>
