# The visitor leaves: the seat gets exactly one message that says so. A cut line waits for the grace.
setting sess-man/desk/seats[s]=alice@localhost
setting sess-man/desk/notify-grace[I]=1
setting sess-man/desk/terminate-grace[I]=0
account alice@localhost secret
transports tcp websocket bosh
connect seat tcp alice@localhost secret
seat> <presence/>
seat< <presence from='{seat}'/>
connect v $transport
v> <message to='alice@localhost' type='chat' id='1'><body>hi</body></message>
seat< <message id='1'/>
close v
seat< <message from='~{v.bare}' type='chat'><body/><event xmlns='urn:switchboard:desk:1' kind='visitor-disconnected'/></message>
connect w $transport
w> <message to='alice@localhost' type='chat' id='2'><body>hi</body></message>
seat< <message id='2'/>
kill w
seat< <message from='~{w.bare}' type='chat'><body/><event xmlns='urn:switchboard:desk:1' kind='visitor-disconnected'/></message>
seat- <message><event xmlns='urn:switchboard:desk:1' kind='visitor-disconnected'/></message>
