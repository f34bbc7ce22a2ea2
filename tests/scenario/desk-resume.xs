# Stream management and the desk: a visitor's word is acknowledged when it is kept or an owner has it; a seat that resumes in
# time goes on with its chat; a visitor that resumes was never gone.
setting sess-man/desk/seats[s]=alice@localhost
account alice@localhost secret
transports tcp websocket
connect v $transport
manage v
v> <message to='alice@localhost' type='chat' id='1'><body>anybody there?</body></message>
v< <message from='desk@localhost'><body>~留言</body></message>
v> <r xmlns='urn:xmpp:sm:3'/>
v< <a xmlns='urn:xmpp:sm:3' h='1'/>
connect a $transport alice@localhost secret office
manage a
a> <presence/>
a< <message from='{v}'><body>anybody there?</body></message>
v> <message to='alice@localhost' type='chat' id='2'><body>hello</body></message>
a< <message from='{v}'><body>hello</body></message>
v> <r xmlns='urn:xmpp:sm:3'/>
v< <a xmlns='urn:xmpp:sm:3' h='2'/>
a> <message to='{v.bare}' type='chat' id='3'><body>here I am</body></message>
v< <message><body>here I am</body></message>
# the seat's line
kill a
await sm_asleep 1
v> <message to='alice@localhost' type='chat' id='4'><body>still there?</body></message>
resume a $transport alice@localhost secret
a< <message from='{v}'><body>still there?</body></message>
a> <message to='{v.bare}' type='chat' id='5'><body>yes</body></message>
v< <message><body>yes</body></message>
a- <message/>
v- <message/>
