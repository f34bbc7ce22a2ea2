# A client that asks for it sees what the user's other clients say and are told (XEP-0280), over every transport, also what
# passed while its line was lost. The message itself is where it belongs, once.
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect a tcp alice@localhost secret
a> <presence/>
a< <presence from='{a}'/>
connect desk tcp bob@localhost secret desk
desk> <presence/>
desk< <presence from='{desk}'/>
connect phone $transport bob@localhost secret phone
phone> <iq type='set' id='on'><enable xmlns='urn:xmpp:carbons:2'/></iq>
phone< <iq type='result' id='on'/>
phone> <presence><priority>-1</priority></presence>
phone< <presence from='{phone}'/>
a> <message to='bob@localhost' type='chat' id='1'><body>to all</body></message>
desk< <message id='1'><body>to all</body></message>
phone< <message from='bob@localhost' to='{phone}' type='chat'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{a}' to='bob@localhost' type='chat' id='1'><body>to all</body></message></forwarded></received></message>
desk> <message to='{a}' type='chat' id='2'><body>my answer</body></message>
a< <message from='{desk}' id='2'><body>my answer</body></message>
phone< <message from='bob@localhost' to='{phone}'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{desk}' to='{a}' id='2'><body>my answer</body></message></forwarded></sent></message>
# what is private, what is forged
a> <message to='{desk}' type='chat' id='3'><body>secret</body><private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/></message>
desk< <message id='3'><private xmlns='urn:xmpp:carbons:2'/></message>
a> <message to='{phone}' type='chat' id='4'><body>forged</body><sent xmlns='urn:xmpp:carbons:2'/></message>
phone<< <message from='{a}' id='4'><body>forged</body></message>
phone- <message from='{a}'><sent xmlns='urn:xmpp:carbons:2'/></message>
phone- <message from='bob@localhost'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='3'/></forwarded></received></message>
# no more
phone> <iq type='set' id='off'><disable xmlns='urn:xmpp:carbons:2'/></iq>
phone< <iq type='result' id='off'/>
a> <message to='{desk}' type='chat' id='5'><body>alone</body></message>
desk< <message id='5'/>
phone- <message><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='5'/></forwarded></received></message>
