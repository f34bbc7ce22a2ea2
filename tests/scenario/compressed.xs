# XEP-0138: a compressed stream is a stream like any other: chat, stream management over a cut line, stanzas of all sizes.
account alice@localhost secret
account bob@localhost secret
transports compressed
connect alice $transport alice@localhost secret
connect bob tcp bob@localhost secret
alice> <presence/>
alice< <presence from='{alice}'/>
alice> <message to='{bob}' type='chat' id='1'><body>hello hello hello hello hello hello hello hello</body></message>
bob< <message from='{alice}' id='1'><body>hello hello hello hello hello hello hello hello</body></message>
bob> <message to='{alice}' type='chat' id='2'><body>and back</body></message>
alice< <message from='{bob}' id='2'><body>and back</body></message>
alice> <iq type='get' id='3' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
alice< <iq type='result' id='3'/>
manage alice
alice> <message to='{bob}' type='chat' id='4'><body>counted</body></message>
bob< <message id='4'/>
kill alice
bob> <message to='{alice}' type='chat' id='5'><body>in the gap</body></message>
resume alice $transport alice@localhost secret
alice< <message id='5'><body>in the gap</body></message>
alice> <message to='{bob}' type='chat' id='6'><body>again</body></message>
bob< <message id='6'/>
close alice
