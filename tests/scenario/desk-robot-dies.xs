# A robot dies in the middle of a conversation: what it had not answered goes to another, in order.
setting sess-man/desk/seats[s]=alice@localhost
setting sess-man/desk/robots[s]=robot*@localhost
account robot1@localhost secret
account robot2@localhost secret
connect r1 tcp robot1@localhost secret
r1> <presence/>
r1< <presence from='{r1}'/>
connect v tcp
v> <message to='alice@localhost' type='chat' id='1'><body>one</body></message>
r1< <message id='1'/>
r1> <message to='{v.bare}' type='chat' id='a1'><body>answer one</body></message>
v< <message id='a1'/>
connect r2 tcp robot2@localhost secret
r2> <presence/>
r2< <presence from='{r2}'/>
v> <message to='alice@localhost' type='chat' id='2'><body>two</body></message>
v> <message to='alice@localhost' type='chat' id='3'><body>three</body></message>
r1< <message id='3'/>
kill r1
r2<< <message from='~{v.bare}' id='2'><body>two</body></message>
r2<< <message from='~{v.bare}' id='3'><body>three</body></message>
r2- <message id='1'/>
r2> <message to='{v.bare}' type='chat' id='a2'><body>answer both</body></message>
v< <message id='a2'/>
