# The user's plugin list loads no presence plugin: bare-JID delivery works from bind on, presence is accepted silently and
# still fetches offline messages.
setting sess-man/plugins[s]=session-close,session-open,default-handler,urn:ietf:params:xml:ns:xmpp-sasl,urn:ietf:params:xml:ns:xmpp-bind,urn:ietf:params:xml:ns:xmpp-session,jabber:iq:roster,jabber:iq:privacy,jabber:iq:version,http://jabber.org/protocol/stats,starttls,vcard-temp,http://jabber.org/protocol/commands,jabber:iq:private,urn:xmpp:ping,amp,disco,domain-filter,zlib,message-carbons,vcard-xep-0292,urn:xmpp:time
account alice@localhost secret
account bob@localhost secret
connect a tcp alice@localhost secret
a> <message to='bob@localhost' type='chat' id='0'><body>early</body></message>
a- <message type='error'/>
connect b tcp bob@localhost secret
a> <message to='bob@localhost' type='chat' id='1'><body>no presence needed</body></message>
b< <message from='{a}' id='1'><body>no presence needed</body></message>
b> <presence/>
b< <message id='0'><body>early</body><delay xmlns='urn:xmpp:delay'/></message>
a- <presence/>
