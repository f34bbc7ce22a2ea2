set(DESK_SOURCES desk/protocol.c desk/ticker.c desk/policy.c desk/pool.c desk/conversation.c desk/notice.c desk/desk.c
	desk/owner.c desk/visitor.c desk/traffic.c desk/left.c desk/remember.c)
