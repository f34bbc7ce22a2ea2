# A seat is logged out by an administrator (live-chat 4.2): its client gets a stream error, its conversation goes to the next seat
# at once, not after the hold, and that one is told why. It may log in again. The same when its line is lost.
setting --admins=root@localhost
setting sess-man/desk/seats[s]=alice@localhost,bob@localhost
setting sess-man/desk/hold[I]=300
account root@localhost secret
account alice@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect root tcp root@localhost secret
connect alice $transport alice@localhost secret
alice> <presence/>
alice< <presence from='{alice}'/>
connect v $transport
v> <message to='alice@localhost' type='chat' id='1'><body>hi</body></message>
alice< <message id='1'/>
connect bob $transport bob@localhost secret
bob> <presence/>
bob< <presence from='{bob}'/>
root> <iq type='set' id='1' to='sess-man@localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#end-user-session'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>alice@localhost</value></field></x></command></iq>
root< <iq type='result' id='1'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note>Sessions ended: 1</note></command></iq>
end alice not-authorized
bob< <message from='{v}' id='1'><body>hi</body><delay xmlns='urn:xmpp:delay'/></message>
bob< <message><event xmlns='urn:switchboard:desk:1' kind='assigned' reason='seat-removed'/></message>
v< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query></iq>
connect back $transport alice@localhost secret
back> <presence/>
back< <presence from='{back}'/>
logged desk: {back} is here
kill bob
root> <iq type='set' id='2' to='sess-man@localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#end-user-session'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>bob@localhost</value></field></x></command></iq>
root< <iq type='result' id='2'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
back< <message><event xmlns='urn:switchboard:desk:1' kind='assigned' reason='seat-removed'/></message>
