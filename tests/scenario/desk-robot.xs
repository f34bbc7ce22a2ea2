# The seat is away: the message goes to a robot, rewritten to its full JID, from unchanged, the seat named; the robot's answer
# reaches the visitor; when the seat is back the next message is the seat's.
setting sess-man/desk/seats[s]=alice@localhost
setting sess-man/desk/robots[s]=robot*@localhost
account alice@localhost secret
account robot1@localhost secret
account robot2@localhost secret
transports tcp websocket bosh
connect r1 tcp robot1@localhost secret
r1> <presence/>
r1< <presence from='{r1}'/>
connect v $transport
v> <message to='alice@localhost' type='chat' id='1'><body>anybody?</body></message>
r1< <message from='~{v.bare}' to='{r1}' id='1'><body>anybody?</body><assigned xmlns='urn:switchboard:desk:1' seat='alice@localhost'/></message>
r1> <message to='{v.bare}' type='chat' id='2'><body>I am a robot</body></message>
v< <message id='2'><body>I am a robot</body></message>
connect r2 tcp robot2@localhost secret
r2> <presence/>
r2< <presence from='{r2}'/>
v> <message to='alice@localhost' type='chat' id='3'><body>still you?</body></message>
r1< <message id='3'><body>still you?</body></message>
connect seat tcp alice@localhost secret
seat> <presence/>
seat< <presence from='{seat}'/>
v> <message to='alice@localhost' type='chat' id='4'><body>human now?</body></message>
seat< <message from='~{v.bare}' id='4'><body>human now?</body></message>
r2- <message><body/></message>
