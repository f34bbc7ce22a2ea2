# XEP-0077: a stranger makes an account, logs in with it, changes its password and gives it up; names that are taken or that mean
# something here are not to be had, and one domain is not another.
setting --virt-hosts=localhost:register:max-users=4,closed.example
setting sess-man/desk/seats[s]=seat*@localhost
setting sess-man/plugins-conf/jabber\:iq\:register/change-interval[I]=0
account alice@localhost secret
account seat1@localhost secret
transports tcp tls websocket bosh
stranger x $transport
x< <stream:features><register xmlns='http://jabber.org/features/iq-register'/></stream:features>
x> <iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>
x< <iq type='result' id='1'><query xmlns='jabber:iq:register'><instructions/><username/><password/></query></iq>
x> <iq type='set' id='2'><query xmlns='jabber:iq:register'><username>alice</username><password>mine</password></query></iq>
x< <iq type='error' id='2'><error type='cancel' code='409'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
x> <iq type='set' id='3'><query xmlns='jabber:iq:register'><username>seat2</username><password>mine</password></query></iq>
x< <iq type='error' id='3'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
x> <iq type='set' id='4'><query xmlns='jabber:iq:register'><username>Bob</username><password>mine</password></query></iq>
x< <iq type='result' id='4'/>
x> <iq type='set' id='5'><query xmlns='jabber:iq:register'><username>carol</username><password>mine</password></query></iq>
x< <iq type='result' id='5'/>
x> <iq type='set' id='6'><query xmlns='jabber:iq:register'><username>dave</username><password>mine</password></query></iq>
x< <iq type='error' id='6'><error type='cancel' code='405'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
refused y $transport alice@localhost mine not-authorized
refused y $transport seat2@localhost mine not-authorized
connect bob $transport bob@localhost mine
bob> <iq type='get' id='7' to='localhost'><query xmlns='jabber:iq:register'/></iq>
bob< <iq type='result' id='7'><query xmlns='jabber:iq:register'><registered/><username>bob</username></query></iq>
bob> <iq type='set' id='8' to='localhost'><query xmlns='jabber:iq:register'><username>alice</username><password>mine</password></query></iq>
bob< <iq type='error' id='8'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
bob> <iq type='set' id='9' to='localhost'><query xmlns='jabber:iq:register'><username>bob</username><password>other</password></query></iq>
bob< <iq type='result' id='9'/>
refused y $transport bob@localhost mine not-authorized
connect bob2 tcp bob@localhost other
connect seat $transport seat1@localhost secret
seat> <iq type='set' id='10' to='localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>
seat< <iq type='error' id='10'><error><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
bob> <iq type='set' id='11' to='localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>
bob< <iq type='result' id='11'/>
end bob not-authorized
end bob2 not-authorized
refused y $transport bob@localhost other not-authorized
x> <iq type='set' id='12'><query xmlns='jabber:iq:register'><username>dave</username><password>mine</password></query></iq>
x< <iq type='result' id='12'/>
connect v $transport
v> <iq type='set' id='13'><query xmlns='jabber:iq:register'><username>eve</username><password>mine</password></query></iq>
v< <iq type='error' id='13'/>
