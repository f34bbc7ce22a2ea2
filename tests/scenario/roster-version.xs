# Roster versioning (RFC 6121 2.6): who has the present roster is not sent it again, after a restart neither.
transports tcp websocket bosh
account alice@localhost secret
connect a $transport alice@localhost secret desk
a> <iq type='get' id='1'><query xmlns='jabber:iq:roster' ver=''/></iq>
a< <iq type='result' id='1'><query xmlns='jabber:iq:roster' ver='{?empty}'/></iq>
a> <iq type='set' id='2'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bob'/></query></iq>
a< <iq type='set'><query xmlns='jabber:iq:roster' ver='{?bob}'><item jid='bob@localhost' name='Bob' subscription='none'/></query></iq>
a< <iq type='result' id='2'/>
a> <iq type='get' id='3'><query xmlns='jabber:iq:roster' ver='{bob}'/></iq>
a- <iq type='result' id='3'><query xmlns='jabber:iq:roster'/></iq>
close a
restart
connect b $transport alice@localhost secret desk
b> <iq type='get' id='4'><query xmlns='jabber:iq:roster' ver='{bob}'/></iq>
b- <iq type='result' id='4'><query xmlns='jabber:iq:roster'/></iq>
b> <iq type='get' id='5'><query xmlns='jabber:iq:roster' ver='{empty}'/></iq>
b< <iq type='result' id='5'><query xmlns='jabber:iq:roster' ver='{bob}'><item jid='bob@localhost'/></query></iq>
