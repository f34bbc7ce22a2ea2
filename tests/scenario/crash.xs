# The server is killed. What it has acknowledged is there afterwards, and its clients are told what they need not send again.
account alice@localhost secret
account bob@localhost secret
account carol@localhost secret
transports tcp websocket
connect a $transport alice@localhost secret desk
connect b $transport bob@localhost secret phone
a> <presence/>
b> <presence/>
manage a
manage b
silence b
a> <message to='bob@localhost' type='chat' id='1'><body>one</body></message>
a> <message to='{b}' type='chat' id='2'><body>two</body></message>
b< <message from='{a}' id='1'><body>one</body></message>
b< <message from='{a}' id='2'><body>two</body></message>
a> <r xmlns='urn:xmpp:sm:3'/>
a< <a xmlns='urn:xmpp:sm:3' h='2'/>
await sm_recorded 1
# behind that record in the store's mailbox: when this is committed, so is it
b> <message to='carol@localhost' type='chat' id='c'><body>later</body></message>
await offline_stored 1
restart kill
resume a $transport alice@localhost secret item-not-found 2
connect b $transport bob@localhost secret phone
b> <presence/>
b< <message from='{a}' id='1'><body>one</body><delay xmlns='urn:xmpp:delay'/></message>
b<< <message from='{a}' id='2'><body>two</body><delay xmlns='urn:xmpp:delay'/></message>
b- <message/>
# and not once more, when the store has heard of it
await offline_delivered 2
b> <message to='carol@localhost' type='chat' id='d'><body>later still</body></message>
await offline_stored 1
restart kill
connect b $transport bob@localhost secret phone
b> <presence/>
b- <message/>
