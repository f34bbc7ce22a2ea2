# A domain's own administrator runs the commands of that domain, but does not come by the account of somebody who may more.
setting --virt-hosts=localhost:admins=dom@localhost
setting --admins=root@localhost,later@localhost
account root@localhost secret
account dom@localhost secret
account bob@localhost secret
transports tcp
connect dom tcp dom@localhost secret
dom> <iq type='set' id='1' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#change-user-password'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>root@localhost</value></field><field var='password'><value>mine</value></field></x></command></iq>
dom< <iq type='error' id='1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
dom> <iq type='set' id='2' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#add-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>later@localhost</value></field><field var='password'><value>mine</value></field></x></command></iq>
dom< <iq type='error' id='2'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
dom> <iq type='set' id='3' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#delete-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>root@localhost</value></field></x></command></iq>
dom< <iq type='error' id='3'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
dom> <iq type='set' id='4' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#disable-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>root@localhost</value><value>bob@localhost</value></field></x></command></iq>
dom< <iq type='result' id='4'><command xmlns='http://jabber.org/protocol/commands' status='completed'><note>~Accounts disabled: 1; root@localhost: this account</note></command></iq>
dom> <iq type='set' id='5' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#change-user-password'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjid'><value>dom@localhost</value></field><field var='password'><value>own</value></field></x></command></iq>
dom< <iq type='result' id='5'/>
connect root tcp root@localhost secret
root> <iq type='set' id='6' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#delete-user'>
 <x xmlns='jabber:x:data' type='submit'><field var='accountjids'><value>dom@localhost</value></field></x></command></iq>
root< <iq type='result' id='6'/>
end dom not-authorized
