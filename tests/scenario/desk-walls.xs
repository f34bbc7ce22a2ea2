# Visitors reach only owner, desk and server: never another visitor, an ordinary account or another server. Late text of a
# past owner comes back.
setting sess-man/desk/seats[s]=alice@localhost
setting sess-man/desk/visitors[s]=guest-*@localhost
account alice@localhost secret
account carol@localhost secret
transports tcp websocket bosh
connect c tcp carol@localhost secret
c> <presence/>
connect v $transport
connect w tcp guest-7@localhost anything
v> <message to='{w.bare}' type='chat' id='1'><body>psst</body></message>
v< <message type='error' id='1'/>
v> <message to='carol@localhost' type='chat' id='2'><body>psst</body></message>
v< <message type='error' id='2'/>
v> <message to='x@elsewhere.example' type='chat' id='3'><body>psst</body></message>
v< <message type='error' id='3'/>
v> <presence to='carol@localhost' type='subscribe'/>
v> <iq type='get' id='4' to='{w}'><ping xmlns='urn:xmpp:ping'/></iq>
v< <iq type='error' id='4'/>
w- <message/>
c- <message/>
c- <presence type='subscribe'/>
c> <message to='{v.bare}' type='chat' id='5'><body>hello visitor</body></message>
c< <message type='error' id='5'/>
