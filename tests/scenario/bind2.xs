# XEP-0386: one request and one answer from login to a session with carbons and stream management; after the line is cut, one
# more to go on with it. An earlier session of the same client ends.
account alice@localhost secret
account bob@localhost secret
transports tcp tls websocket
stranger a $transport
a< <stream:features><authentication xmlns='urn:xmpp:sasl:2'><inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline><feature
  var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/><feature var='urn:xmpp:sm:3'/></inline></bind></inline></authentication></stream:features>
a> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response><user-agent
  id='d4565fa7-4d72-4749-b3d3-740edbf87770'/><bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/><enable
  xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>
a< <success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{?a}</authorization-identifier><bound xmlns='urn:xmpp:bind:0'><enabled
  xmlns='urn:xmpp:sm:3' id='{?id}' resume='true'/></bound></success>
a<< <stream:features><csi xmlns='urn:xmpp:csi:0'/></stream:features>
a> <presence/>
a< <presence from='{a}'/>
connect desk tcp alice@localhost secret desk
connect b tcp bob@localhost secret phone
b> <message to='{desk}' type='chat' id='1'><body>one</body></message>
desk< <message id='1'/>
a< <message><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='1'/></forwarded></received></message>
# resumed with the login; what was asked for beside does not matter
kill a
await sm_asleep 1
b> <message to='{a}' type='chat' id='2'><body>two</body></message>
stranger a2 $transport
a2> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response><resume
  xmlns='urn:xmpp:sm:3' previd='{id}' h='2'/><bind xmlns='urn:xmpp:bind:0'><tag>other</tag></bind></authenticate>
a2< <success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{a}</authorization-identifier><resumed xmlns='urn:xmpp:sm:3' previd='{id}' h='1'/></success>
a2<< <stream:features/>
a2<< <message from='{b}' id='2'><body>two</body></message>
a2> <message to='{b}' id='3'><body>three</body></message>
b< <message from='{a}' id='3'><body>three</body></message>
# the same client again, by another name: it begins anew, and the session of before ends
stranger a3 $transport
a3> <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHNlY3JldA==</initial-response><user-agent
  id='d4565fa7-4d72-4749-b3d3-740edbf87770'/><resume xmlns='urn:xmpp:sm:3' previd='nobody' h='0'/><bind xmlns='urn:xmpp:bind:0'><tag>Other</tag><inactive
  xmlns='urn:xmpp:csi:0'/></bind></authenticate>
a3< <success xmlns='urn:xmpp:sasl:2'><authorization-identifier>~alice@localhost/Other/</authorization-identifier><failed
  xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed><bound xmlns='urn:xmpp:bind:0'/></success>
end a2 conflict
a3> <presence/>
b> <message to='alice@localhost' type='chat' id='4'><body>four</body></message>
a3< <message from='{b}' id='4'><body>four</body></message>
