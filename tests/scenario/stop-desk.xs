# The server is stopped while a visitor's word is on its way: it is on disk before the process ends, however young it is.
setting sess-man/desk/seats[s]=alice@localhost,bob@localhost
setting sess-man/desk/visitors[s]=guest*@localhost
setting sess-man/durability-delay[I]=10000
account alice@localhost secret
transports tcp websocket
connect a $transport alice@localhost secret office
manage a
a> <presence/>
connect v $transport guest1@localhost any
silence a
v> <message to='alice@localhost' type='chat' id='1'><body>hello</body></message>
a< <message from='{v}' id='1'><body>hello</body></message>
restart
connect a $transport alice@localhost secret office
a> <presence/>
a< <message id='1'><body>hello</body><delay xmlns='urn:xmpp:delay'/></message>
