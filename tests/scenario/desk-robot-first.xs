# Nobody is there but a robot: it is what the visitor is shown, and it answers. When a seat comes, any seat, the next message is
# the seat's, with what the robot had not answered, and the robot is muted.
setting sess-man/desk/seats[s]=alice@localhost
setting sess-man/desk/robots[s]=robot1@localhost
account alice@localhost secret
account robot1@localhost secret
transports tcp websocket bosh
connect r1 tcp robot1@localhost secret
r1> <presence/>
r1< <presence from='{r1}'/>
connect v $transport
v> <iq type='get' id='getmyroster'><query xmlns='jabber:iq:roster'/></iq>
v< <iq type='result' id='getmyroster'><query xmlns='jabber:iq:roster'><item jid='robot1@localhost'/></query></iq>
v> <message to='robot1@localhost' type='chat' id='1'><body>anybody?</body></message>
r1< <message id='1'><body>anybody?</body></message>
r1> <message to='{v.bare}' type='chat' id='2'><body>I am a robot</body></message>
v< <message id='2'><body>I am a robot</body></message>
v> <message to='robot1@localhost' type='chat' id='3'><body>a human, please</body></message>
r1< <message id='3'/>
connect seat tcp alice@localhost secret
seat> <presence/>
seat< <presence from='{seat}'/>
seat- <message><body/></message>
v> <message to='robot1@localhost' type='chat' id='4'><body>human now?</body></message>
seat< <message from='{v}' id='3'><body>a human, please</body><delay xmlns='urn:xmpp:delay'/></message>
seat<< <message from='{v}' id='4'><body>human now?</body></message>
seat< <message><event xmlns='urn:switchboard:desk:1' kind='assigned' reason='seat-came'/></message>
v< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost'/></query></iq>
r1> <message to='{v.bare}' type='chat' id='5'><body>late</body></message>
r1< <message type='error' id='5'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
seat> <message to='{v.bare}' type='chat' id='6'><body>here I am</body></message>
v< <message from='alice@localhost/seat' id='6'><body>here I am</body></message>
v- <message id='5'/>
