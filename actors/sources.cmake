set(ACTORS_SOURCES packet.c pledge.c server.c protocol.c store.c recovery.c auth.c cookie.c account.c account_watch.c confine.c topology.c reference.c)
