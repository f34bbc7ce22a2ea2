# Who takes the name of an account that was given up inherits nothing, not even when it was last there.
setting --virt-hosts=localhost:register
setting sess-man/db-write-online-status[B]=true
setting sess-man/account-watch[I]=0
account alice@localhost secret
transports tls
connect a $transport alice@localhost secret desk
a> <presence/>
a< <presence from='{a}'/>
a> <iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>
a< <iq type='result' id='1'/>
end a not-authorized
stranger x $transport
x> <iq type='set' id='2'><query xmlns='jabber:iq:register'><username>alice</username><password>mine</password></query></iq>
x< <iq type='result' id='2'/>
connect n $transport alice@localhost mine desk
n> <iq type='get' id='3'><query xmlns='jabber:iq:last'/></iq>
n< <iq type='error' id='3'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
restart
connect m $transport alice@localhost mine desk
m> <iq type='get' id='4'><query xmlns='jabber:iq:last'/></iq>
m< <iq type='error' id='4'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
