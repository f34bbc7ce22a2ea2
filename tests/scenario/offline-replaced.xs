# A session that looked at offline messages itself and gives way to another under its address: that one is given them as usual.
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect b $transport bob@localhost secret desk
b> <message to='alice@localhost' type='chat' id='1'><body>kept</body></message>
await offline_stored 1
connect a $transport alice@localhost secret desk
a> <iq type='get' id='2'><query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/offline'/></iq>
a< <iq type='result' id='2'/>
a> <presence/>
a< <presence from='{a}'/>
connect c $transport alice@localhost secret desk
end a conflict
c> <presence/>
c< <message id='1'><body>kept</body></message>
