# A card in both its forms, read by others while its owner is away, and private data; after a restart too.
transports tcp websocket bosh
account alice@localhost secret
account bob@localhost secret
connect a $transport alice@localhost secret desk
a> <iq type='get' id='1'><vCard xmlns='vcard-temp'/></iq>
a< <iq type='result' id='1'><vCard xmlns='vcard-temp'/></iq>
a> <iq type='set' id='2'><vCard xmlns='vcard-temp'><FN>Alice Liddell</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>iVBO</BINVAL></PHOTO></vCard></iq>
a< <iq type='result' id='2'/>
a> <iq type='set' id='3'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='tea@conference.example' name='Tea'/></storage></query></iq>
a< <iq type='result' id='3'/>
a> <iq type='get' id='4'><query xmlns='jabber:iq:private'/></iq>
a< <iq type='error' id='4'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
close a
restart kill
connect b $transport bob@localhost secret desk
b> <iq type='get' id='5' to='alice@localhost'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/></iq>
b< <iq type='result' id='5' from='alice@localhost'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Alice Liddell</text></fn><photo><uri>data:image/png;base64,iVBO</uri></photo></vcard></iq>
b> <iq type='set' id='6' to='alice@localhost'><vCard xmlns='vcard-temp'><FN>Eve</FN></vCard></iq>
b< <iq type='error' id='6' from='alice@localhost'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
b> <iq type='get' id='7' to='nobody@localhost'><vCard xmlns='vcard-temp'/></iq>
b< <iq type='error' id='7' from='nobody@localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
b> <iq type='get' id='8' to='alice@localhost'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>
b< <iq type='error' id='8' from='alice@localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
connect c $transport alice@localhost secret phone
c> <iq type='get' id='9'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>
c< <iq type='result' id='9'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='tea@conference.example' name='Tea'/></storage></query></iq>
