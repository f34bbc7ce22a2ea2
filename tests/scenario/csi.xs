# XEP-0352: presence and chat states wait for a client nobody looks at, the last of each, and come before the first message.
account alice@localhost secret
account bob@localhost secret
transports tcp tls websocket bosh
connect alice $transport alice@localhost secret
connect bob $transport bob@localhost secret
alice> <presence/>
alice< <presence from='{alice}'/>
alice> <inactive xmlns='urn:xmpp:csi:0'/>
alice> <iq type='get' id='0'><ping xmlns='urn:xmpp:ping'/></iq>
alice< <iq type='result' id='0'/>
bob> <presence to='{alice}'><show>away</show></presence>
bob> <presence to='{alice}'><show>dnd</show></presence>
bob> <message to='{alice}' type='chat' id='1'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
bob> <message to='{alice}' type='chat' id='2'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>
bob> <message to='{alice}' type='chat' id='3'><body>look here</body></message>
alice< <presence from='{bob}'><show>dnd</show></presence>
alice<< <message id='2'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>
alice<< <message id='3'><body>look here</body></message>
alice- <presence from='{bob}'><show>away</show></presence>
alice- <message id='1'/>
bob> <presence to='{alice}'><show>xa</show></presence>
bob> <iq type='get' id='4'><ping xmlns='urn:xmpp:ping'/></iq>
bob< <iq type='result' id='4'/>
alice> <active xmlns='urn:xmpp:csi:0'/>
alice< <presence from='{bob}'><show>xa</show></presence>
