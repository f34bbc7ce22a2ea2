# A plain roster request assigns a seat: exactly one item, the same again and again, with or without presence.
setting sess-man/desk/seats[s]=alice@localhost,bob@localhost
account alice@localhost secret
transports tcp websocket bosh
connect seat tcp alice@localhost secret
seat> <presence/>
seat< <presence from='{seat}'/>
connect v $transport
v> <iq type='get' id='getmyroster'><query xmlns='jabber:iq:roster'/></iq>
v< <iq type='result' id='getmyroster' to='{v}'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='both'/></query></iq>
v> <iq type='get' id='again'><query xmlns='jabber:iq:roster'/></iq>
v< <iq type='result' id='again'><query xmlns='jabber:iq:roster'><item jid='alice@localhost'/></query></iq>
v> <message to='alice@localhost' type='chat' id='1'><body>你好</body></message>
seat< <message from='~{v.bare}' type='chat' id='1'><body>你好</body></message>
seat> <message to='{v.bare}' type='chat' id='2'><body>Hello!</body></message>
v< <message from='~alice@localhost' type='chat' id='2'><body>Hello!</body></message>
