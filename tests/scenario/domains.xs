# A domain is added while the server runs, serves accounts and anonymous visitors, is there after a restart, and is removed: its sessions
# end with host-gone, and what is kept for its accounts is there again when it is added anew.
setting --admins=root@localhost
account root@localhost secret
transports tcp websocket bosh
connect root tcp root@localhost secret
root> <iq type='set' id='1' to='vhost-man@localhost'><command xmlns='http://jabber.org/protocol/commands' node='comp-repo-item-add'>
 <x xmlns='jabber:x:data' type='submit'><field var='domain'><value>new.example</value></field></x></command></iq>
root< <iq type='result' id='1'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note>Domain added</note></command></iq>
root> <iq type='set' id='2' to='sess-man@localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#add-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>kim@new.example</value></field><field var='password'><value>geheim</value></field></x></command></iq>
root< <iq type='result' id='2'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
connect kim $transport kim@new.example geheim
kim> <iq type='get' id='1' to='new.example'><ping xmlns='urn:xmpp:ping'/></iq>
kim< <iq type='result' id='1' from='new.example'/>
close kim
restart
connect kim $transport kim@new.example geheim
connect root tcp root@localhost secret
root> <iq type='set' id='3' to='vhost-man@localhost'><command xmlns='http://jabber.org/protocol/commands' node='comp-repo-item-remove'>
 <x xmlns='jabber:x:data' type='submit'><field var='domain'><value>new.example</value></field></x></command></iq>
root< <iq type='result' id='3'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note>Domain removed; sessions ended: 1</note></command></iq>
end kim host-gone
root> <iq type='get' id='4' to='new.example'><ping xmlns='urn:xmpp:ping'/></iq>
root< <iq type='error' id='4'/>
root> <iq type='set' id='5' to='vhost-man@localhost'><command xmlns='http://jabber.org/protocol/commands' node='comp-repo-item-add'>
 <x xmlns='jabber:x:data' type='submit'><field var='domain'><value>new.example</value></field></x></command></iq>
root< <iq type='result' id='5'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
connect again $transport kim@new.example geheim
command account delete kim@new.example
end again not-authorized
