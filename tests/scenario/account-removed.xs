# `account delete` while the server is up: all sessions of the account end, whatever it is to the desk. A seat's conversations go
# to the next one at once, not after the hold, and that one is told why.
setting sess-man/desk/seats[s]=alice@localhost,bob@localhost
setting sess-man/desk/robots[s]=robot@localhost
setting sess-man/desk/hold[I]=300
setting sess-man/account-watch[I]=1
account alice@localhost secret
account bob@localhost secret
account carol@localhost secret
account robot@localhost secret
transports tcp websocket bosh
connect alice $transport alice@localhost secret
alice> <presence/>
alice< <presence from='{alice}'/>
connect alice2 tcp alice@localhost secret
connect v $transport
v> <message to='alice@localhost' type='chat' id='1'><body>hi</body></message>
alice< <message id='1'/>
connect bob $transport bob@localhost secret
bob> <presence/>
bob< <presence from='{bob}'/>
command account delete alice@localhost
end alice not-authorized
end alice2 not-authorized
bob< <message from='{v}' id='1'><body>hi</body><delay xmlns='urn:xmpp:delay'/></message>
bob< <message><event xmlns='urn:switchboard:desk:1' kind='assigned' reason='seat-removed'/></message>
v< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query></iq>
v< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='remove'/></query></iq>
refused x $transport alice@localhost secret not-authorized
v> <message to='alice@localhost' type='chat' id='2'><body>still there?</body></message>
bob< <message id='2'/>
connect robot $transport robot@localhost secret
robot> <presence/>
robot< <presence from='{robot}'/>
command account delete bob@localhost
end bob not-authorized
robot< <message id='1'/>
robot< <message id='2'/>
connect carol $transport carol@localhost secret
carol> <presence/>
carol< <presence from='{carol}'/>
command account delete carol@localhost
end carol not-authorized
command account delete robot@localhost
end robot not-authorized
v< <message from='desk@localhost'><event xmlns='urn:switchboard:desk:1' kind='message-left'/></message>
