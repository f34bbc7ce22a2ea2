# Right, wrong and unknown logins; wrong password and unknown user look the same.
account alice@localhost secret
transports tcp tls websocket bosh
refused x $transport alice@localhost wrong not-authorized
refused x $transport nobody@localhost secret not-authorized
connect a $transport alice@localhost secret
connect v $transport
a> <iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>
a< <iq type='result' id='1'><query xmlns='jabber:iq:roster'/></iq>
v> <iq type='get' id='2' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
v< <iq type='result' id='2'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im'/><feature var='http://jabber.org/protocol/disco#info'/></query></iq>
v> <iq type='get' id='3' to='localhost'><query xmlns='jabber:iq:version'/></iq>
v< <iq type='result' id='3'><query xmlns='jabber:iq:version'><name>Switchboard</name><version/></query></iq>
v> <iq type='get' id='4' to='localhost'><time xmlns='urn:xmpp:time'/></iq>
v< <iq type='result' id='4'><time xmlns='urn:xmpp:time'><tzo/><utc/></time></iq>
