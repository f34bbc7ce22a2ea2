# Nobody there: the message is kept through kill -9, the visitor is told once, the first seat that comes gets all in order.
setting sess-man/desk/seats[s]=alice@localhost
account alice@localhost secret
transports tcp websocket bosh
connect v $transport
v> <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
v< <iq type='result' id='r'><query xmlns='jabber:iq:roster'><item jid='desk@localhost'/></query></iq>
v> <message to='desk@localhost' type='chat' id='1'><body>first</body></message>
v< <message from='~desk@localhost'><body/></message>
v> <message to='desk@localhost' type='chat' id='2'><body>second</body></message>
v- <message><body/></message>
await desk_left_messages 2
restart kill
connect seat tcp alice@localhost secret
seat> <presence/>
seat<< <message from='~{v.bare}' id='1'><body>first</body><delay xmlns='urn:xmpp:delay'/></message>
seat<< <message from='~{v.bare}' id='2'><body>second</body><delay xmlns='urn:xmpp:delay'/></message>
close seat
connect seat2 tcp alice@localhost secret
seat2> <presence/>
seat2- <message id='1'/>
