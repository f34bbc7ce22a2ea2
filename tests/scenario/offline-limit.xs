# The hundredth-and-first message of a pair is refused; here the limit is two.
setting sess-man/plugins-conf/amp/store-limit[L]=2
account alice@localhost secret
account bob@localhost secret
account carol@localhost secret
connect a tcp alice@localhost secret
connect c tcp carol@localhost secret
a> <message to='bob@localhost' type='chat' id='1'><body>1</body></message>
a> <message to='bob@localhost' type='chat' id='2'><body>2</body></message>
a> <message to='bob@localhost' type='chat' id='3'><body>3</body></message>
a< <message type='error' id='3' from='bob@localhost'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>
c> <message to='bob@localhost' type='chat' id='4'><body>4</body></message>
c- <message type='error'/>
