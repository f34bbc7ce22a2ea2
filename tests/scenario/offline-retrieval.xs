# A client looks at its offline messages one by one (XEP-0013), over every transport: nothing is given to it unasked, and what
# it has not removed is there after kill -9.
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect a tcp alice@localhost secret
a> <message to='bob@localhost' type='chat' id='1'><body>one</body></message>
a> <message to='bob@localhost' type='chat' id='2'><body>two</body></message>
await offline_stored 2
connect b $transport bob@localhost secret
b> <iq type='get' id='h'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/offline'/></iq>
b< <iq type='result' id='h'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/offline'><item jid='bob@localhost' name='{a}' node='{?first}'/><item node='{?second}'/></query></iq>
b> <presence/>
b> <iq type='get' id='v'><offline xmlns='http://jabber.org/protocol/offline'><item action='view' node='{second}'/></offline></iq>
b< <message from='{a}' id='2'><body>two</body><delay xmlns='urn:xmpp:delay'/><offline xmlns='http://jabber.org/protocol/offline'><item node='{second}'/></offline></message>
b<< <iq type='result' id='v'/>
b> <iq type='set' id='r'><offline xmlns='http://jabber.org/protocol/offline'><item action='remove' node='{second}'/></offline></iq>
b< <iq type='result' id='r'/>
b- <message id='1'/>
restart kill
connect again $transport bob@localhost secret
again> <presence/>
again< <message id='1'><body>one</body></message>
again- <message id='2'/>
