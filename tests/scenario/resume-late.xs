# Nobody resumes in time: what was not acknowledged and what came meanwhile is in the store, in order, once; also after a
# kill of the server.
setting c2s/processors/urn\:xmpp\:sm\:3/resumption-timeout[I]=1
account alice@localhost secret
account bob@localhost secret
transports tcp websocket
connect a $transport alice@localhost secret desk
connect b tcp bob@localhost secret phone
a> <presence/>
manage a
kill a
await sm_asleep 1
b> <message to='{a}' type='chat' id='1'><body>one</body></message>
b> <message to='{a.bare}' type='chat' id='2'><body>two</body></message>
await sm_expired 1
await offline_stored 2
resume a $transport alice@localhost secret item-not-found
restart kill
connect a $transport alice@localhost secret desk
a> <presence/>
a< <message from='{b}' id='1'><body>one</body><delay xmlns='urn:xmpp:delay'/></message>
a<< <message from='{b}' id='2'><body>two</body><delay xmlns='urn:xmpp:delay'/></message>
a- <message/>
