# A line is cut and the session goes on: nothing is lost in either direction, nothing comes twice, nobody is told of it.
account alice@localhost secret
account bob@localhost secret
transports tcp tls websocket
connect a $transport alice@localhost secret desk
connect b tcp bob@localhost secret phone
a> <presence/>
b> <presence/>
manage a
a> <message to='{b}' type='chat' id='1'><body>one</body></message>
b< <message from='{a}' id='1'><body>one</body></message>
b> <message to='{a}' type='chat' id='2'><body>two</body></message>
a< <message from='{b}' id='2'><body>two</body></message>
kill a
await sm_asleep 1
b> <message to='{a}' type='chat' id='3'><body>three</body></message>
b> <message to='{a.bare}' type='chat' id='4'><body>four</body></message>
b- <message type='error'/>
resume a $transport alice@localhost secret
a< <message from='{b}' id='3'><body>three</body></message>
a<< <message from='{b}' id='4'><body>four</body></message>
a- <message/>
a> <message to='{b}' type='chat' id='5'><body>five</body></message>
b< <message from='{a}' id='5'><body>five</body></message>
b> <message to='{a}' type='chat' id='6'><body>six</body></message>
a< <message from='{b}' id='6'><body>six</body></message>
a> <r xmlns='urn:xmpp:sm:3'/>
a< <a xmlns='urn:xmpp:sm:3'/>
b- <presence type='unavailable'/>
# once more, over another transport; nobody else may take it
kill a
await sm_asleep 1
b> <message to='{a}' type='chat' id='7'><body>seven</body></message>
resume a websocket bob@localhost secret item-not-found
resume a websocket alice@localhost secret
a< <message from='{b}' id='7'><body>seven</body></message>
a- <message/>
# a stream that is ended is over: what it had not acknowledged, and what comes now, waits in the store
close a
b> <message to='{a.bare}' type='chat' id='8'><body>eight</body></message>
await offline_stored 2
resume a $transport alice@localhost secret item-not-found
connect a $transport alice@localhost secret desk
a> <presence/>
a< <message from='{b}' id='7'><delay xmlns='urn:xmpp:delay'/></message>
a< <message from='{b}' id='8'><body>eight</body><delay xmlns='urn:xmpp:delay'/></message>
