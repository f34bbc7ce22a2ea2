# Copies of what a domain's users say and show, for the address it names.
setting --virt-hosts=localhost:mess-forw=qa@localhost:pres-forw=qa@localhost
account qa@localhost secret
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect q $transport qa@localhost secret
q> <presence/>
q< <presence from='{q}'/>
connect a $transport alice@localhost secret
a> <presence><show>away</show></presence>
q< <presence from='{a}'><show>away</show></presence>
a> <message to='bob@localhost' type='chat' id='1'><body>hello</body></message>
q< <message from='localhost'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{a}' to='bob@localhost' id='1'><body>hello</body></message></forwarded></message>
close a
q< <presence from='{a}' type='unavailable'/>
