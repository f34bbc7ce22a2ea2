# Contacts and presence between two accounts: subscribe, approve, come and go, remove (RFC 6121 3 and 4).
account alice@localhost secret
account bob@localhost secret
connect a tcp alice@localhost secret desk
connect b tcp bob@localhost secret desk
a> <iq type='get' id='ra'><query xmlns='jabber:iq:roster'/></iq>
a< <iq type='result' id='ra'/>
b> <iq type='get' id='rb'><query xmlns='jabber:iq:roster'/></iq>
b< <iq type='result' id='rb'/>
a> <presence/>
b> <presence/>
a> <iq type='set' id='s1'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bob'><group>Work</group></item></query></iq>
a< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bob' subscription='none'><group>Work</group></item></query></iq>
a< <iq type='result' id='s1'/>
a> <presence to='bob@localhost' type='subscribe'/>
a< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='none' ask='subscribe'/></query></iq>
b< <presence from='alice@localhost' type='subscribe'/>
b> <presence to='alice@localhost' type='subscribed'/>
a< <presence from='bob@localhost' type='subscribed'/>
a< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='to'/></query></iq>
a< <presence from='{b}' to='~alice@localhost'/>
b< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='alice@localhost' subscription='from'/></query></iq>
b> <presence><show>away</show><status>lunch</status></presence>
a< <presence from='{b}'><show>away</show><status>lunch</status></presence>
close b
a< <presence from='{b}' type='unavailable'/>
a> <iq type='set' id='s2'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='remove'/></query></iq>
a< <iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='remove'/></query></iq>
a< <iq type='result' id='s2'/>
