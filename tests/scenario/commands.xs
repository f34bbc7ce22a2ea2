# Ad-hoc commands (XEP-0050): an administrator makes an account, which logs in, is seen online, gets an announcement, is disabled
# and removed; nobody else may. Over each transport.
setting --admins=root@localhost
account root@localhost secret
account bob@localhost secret
transports tcp websocket bosh
connect root $transport root@localhost secret
connect bob $transport bob@localhost secret
bob> <iq type='set' id='1' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#get-online-users-num'/></iq>
bob< <iq type='error' id='1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
bob> <iq type='get' id='2' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>
bob< <iq type='result' id='2'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
root> <iq type='get' id='3' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>
root< <iq type='result' id='3'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='localhost' node='http://jabber.org/protocol/admin#add-user'/></query></iq>
root> <iq type='set' id='4' to='sess-man@localhost'><command xmlns='http://jabber.org/protocol/commands' action='execute' node='http://jabber.org/protocol/admin#add-user'/></iq>
root< <iq type='result' id='4' from='sess-man@localhost'><command xmlns='http://jabber.org/protocol/commands' status='executing' sessionid='{?sid}'>
 <x xmlns='jabber:x:data' type='form'><field var='accountjid' type='jid-single'/></x></command></iq>
root> <iq type='set' id='5' to='sess-man@localhost'><command xmlns='http://jabber.org/protocol/commands' action='complete' sessionid='{sid}' node='http://jabber.org/protocol/admin#add-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>new@localhost</value></field><field var='password'><value>geheim</value></field></x></command></iq>
root< <iq type='result' id='5'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note type='info'>~account made</note></command></iq>
connect new $transport new@localhost geheim
new> <presence/>
new< <presence from='{new}'/>
root> <iq type='set' id='6' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#get-online-users-list'>
 <x xmlns='jabber:x:data' type='submit'/></command></iq>
root< <iq type='result' id='6'><command xmlns='http://jabber.org/protocol/commands' status='completed'><x xmlns='jabber:x:data' type='result'>
 <field var='onlineuserjids'><value>{new.bare}</value></field></x></command></iq>
root> <iq type='set' id='7' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#announce'>
 <x xmlns='jabber:x:data' type='submit'><field var='announcement'><value>Closing</value></field></x></command></iq>
new< <message type='headline' from='localhost'><body>Closing</body></message>
root< <iq type='result' id='7'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
root> <iq type='set' id='8' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#disable-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>{new.bare}</value></field></x></command></iq>
root< <iq type='result' id='8'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
end new not-authorized
refused x $transport new@localhost geheim not-authorized
root> <iq type='set' id='9' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#reenable-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>{new.bare}</value></field></x></command></iq>
root< <iq type='result' id='9'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
root> <iq type='set' id='10' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#change-user-password'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>{new.bare}</value></field><field var='password'><value>anders</value></field></x></command></iq>
root< <iq type='result' id='10'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
refused y $transport new@localhost geheim not-authorized
connect again $transport new@localhost anders
root> <iq type='set' id='11' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#delete-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>{new.bare}</value></field></x></command></iq>
root< <iq type='result' id='11'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
end again not-authorized
refused z $transport new@localhost anders not-authorized
