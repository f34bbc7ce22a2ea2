# The server is killed in the middle of a conversation. The seat has its visitor again, and its words; the visitor has the seat's.
setting sess-man/desk/seats[s]=alice@localhost,bob@localhost
setting sess-man/desk/visitors[s]=guest*@localhost
account alice@localhost secret
account bob@localhost secret
transports tcp websocket
connect a $transport alice@localhost secret office
manage a
a> <presence/>
connect v $transport guest1@localhost any
manage v
v> <message to='alice@localhost' type='chat' id='1'><body>hello</body></message>
a< <message from='{v}' id='1'><body>hello</body></message>
a> <message to='{v}' type='chat' id='2'><body>good morning</body></message>
v< <message id='2'><body>good morning</body></message>
# from now on neither client acknowledges
silence a
silence v
v> <message to='alice@localhost' type='chat' id='3'><body>are you there?</body></message>
v> <r xmlns='urn:xmpp:sm:3'/>
v< <a xmlns='urn:xmpp:sm:3' h='2'/>
a> <message to='{v}' type='chat' id='4'><body>one moment</body></message>
a> <r xmlns='urn:xmpp:sm:3'/>
a< <a xmlns='urn:xmpp:sm:3' h='3'/>
restart kill
connect b $transport bob@localhost secret office
b> <presence/>
connect v $transport guest1@localhost any
v> <presence/>
v< <message id='4'><body>one moment</body><delay xmlns='urn:xmpp:delay'/></message>
connect a $transport alice@localhost secret office
a> <presence/>
a< <message id='3'><body>are you there?</body><delay xmlns='urn:xmpp:delay'/></message>
a> <message to='{v.bare}' type='chat' id='5'><body>here I am again</body></message>
v< <message id='5'><body>here I am again</body></message>
b- <message/>
