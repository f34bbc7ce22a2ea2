# A name that is given up and taken again within the account watch's interval: who logs in to the new account goes on.
setting --virt-hosts=localhost:register
setting sess-man/account-watch[I]=1
account alice@localhost secret
account bob@localhost secret
transports tls
connect a $transport alice@localhost secret desk
a> <iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>
a< <iq type='result' id='1'/>
end a not-authorized
stranger x $transport
x> <iq type='set' id='2'><query xmlns='jabber:iq:register'><username>alice</username><password>mine</password></query></iq>
x< <iq type='result' id='2'/>
connect n $transport alice@localhost mine desk
connect b $transport bob@localhost secret desk
command account delete bob@localhost
end b not-authorized
n> <iq type='get' id='3' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>
n< <iq type='result' id='3'/>
