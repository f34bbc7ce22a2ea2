# A seat whose line is lost and whose session waits to be resumed is removed: nothing is held for it any longer.
setting sess-man/desk/seats[s]=alice@localhost,bob@localhost
setting sess-man/desk/hold[I]=300
setting sess-man/account-watch[I]=1
account alice@localhost secret
account bob@localhost secret
transports tcp websocket
connect alice $transport alice@localhost secret
manage alice
alice> <presence/>
alice< <presence from='{alice}'/>
connect v $transport
v> <message to='alice@localhost' type='chat' id='1'><body>hi</body></message>
alice< <message id='1'/>
connect bob $transport bob@localhost secret
bob> <presence/>
bob< <presence from='{bob}'/>
kill alice
await sm_asleep 1
command account delete alice@localhost
bob< <message from='{v}' id='1'/>
bob< <message><event xmlns='urn:switchboard:desk:1' kind='assigned' reason='seat-removed'/></message>
await sessions_removed 1
