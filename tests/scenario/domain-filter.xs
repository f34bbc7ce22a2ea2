# Who may talk to whom by the filter of their domain: these two with one another, and nobody else with anybody.
transports tcp websocket bosh
setting --virt-hosts=localhost:domain-filter=CUSTOM=1|allow|jid|alice@localhost;2|allow|jid|carol@localhost;3|deny|all
account alice@localhost secret
account bob@localhost secret
account carol@localhost secret
connect a $transport alice@localhost secret
connect b $transport bob@localhost secret
connect c $transport carol@localhost secret
a> <presence/>
b> <presence/>
c> <presence/>
a> <message to='bob@localhost' type='chat' id='1'><body>out</body></message>
a< <message type='error' id='1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Communication blocked.</text></error></message>
b> <message to='alice@localhost' type='chat' id='2'><body>in</body></message>
b> <iq to='{a}' type='get' id='3'><ping xmlns='urn:xmpp:ping'/></iq>
b< <iq type='error' id='3'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
b> <iq to='localhost' type='get' id='4'><ping xmlns='urn:xmpp:ping'/></iq>
b< <iq type='result' id='4'/>
a- <message><body>in</body></message>
c> <message to='alice@localhost' type='chat' id='5'><body>of ours</body></message>
a< <message id='5'><body>of ours</body></message>
