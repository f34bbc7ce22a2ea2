# A second bind of the same resource closes the first with conflict; another resource does not.
account alice@localhost secret
transports tcp websocket bosh
connect first $transport alice@localhost secret desk
connect other tcp alice@localhost secret phone
connect second tcp alice@localhost secret desk
end first conflict
other> <iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>
other< <iq type='result' id='p'/>
