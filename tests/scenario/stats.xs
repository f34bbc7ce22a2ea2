# Statistics: administrators see all, others the core, guests nothing.
transports tcp websocket bosh
setting --admins=root@localhost
account root@localhost secret
account bob@localhost secret
connect r $transport root@localhost secret desk
connect b $transport bob@localhost secret desk
connect v $transport
r> <iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/stats'/></iq>
r< <iq type='result' id='1' from='localhost'><query xmlns='http://jabber.org/protocol/stats'><stat name='time/uptime' units='seconds'/><stat name='switchboard/logins_total' units='logins'/></query></iq>
b> <iq type='get' id='2' to='localhost'><query xmlns='http://jabber.org/protocol/stats'><stat name='users/online'/><stat name='switchboard/logins_total'/></query></iq>
b< <iq type='result' id='2' from='localhost'><query xmlns='http://jabber.org/protocol/stats'><stat name='users/online' units='sessions' value='3'/><stat name='switchboard/logins_total'><error code='401'>Unauthorized</error></stat></query></iq>
v> <iq type='get' id='3' to='localhost'><query xmlns='http://jabber.org/protocol/stats'/></iq>
v< <iq type='error' id='3'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
