set(SESSION_SOURCES
	session/protocol.c session/shard.c session/user.c session/outbox.c session/pipeline.c session/sanitise.c
	session/contacts.c session/contacts_view.c session/offline.c session/custody.c session/resent.c session/desk_link.c session/recipients.c
	session/pace.c session/kept.c
	session/xep/session_open.c session/xep/session_close.c session/xep/default_handler.c session/xep/session.c
	session/xep/desk.c session/xep/roster.c session/xep/presence_subscription.c session/xep/presence_state.c
	session/xep/ping.c session/xep/version.c session/xep/time.c session/xep/disco.c session/xep/amp.c)
