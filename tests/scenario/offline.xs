# Messages for an absent user wait, survive kill -9, come in order with their time, and come once.
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect a tcp alice@localhost secret
a> <presence/>
a> <message to='bob@localhost' type='chat' id='1'><body>one</body></message>
a> <message to='bob@localhost' type='chat' id='2'><body>two</body></message>
a> <message to='bob@localhost' type='headline' id='h'><body>news</body></message>
a> <message to='bob@localhost' type='chat' id='3'><body>three</body></message>
a- <message type='error'/>
await offline_stored 3
restart kill
connect b $transport bob@localhost secret
b> <presence/>
b<< <message from='~alice@localhost/' id='1'><body>one</body><delay xmlns='urn:xmpp:delay' from='localhost'/></message>
b<< <message id='2'><body>two</body><delay xmlns='urn:xmpp:delay'/></message>
b<< <message id='3'><body>three</body><delay xmlns='urn:xmpp:delay'/></message>
b- <message id='h'/>
close b
connect again $transport bob@localhost secret
again> <presence/>
again- <message/>
