set(EDGE_SOURCES
	edge/protocol.c edge/edge.c edge/connection.c edge/shared.c edge/limits.c edge/shaper.c edge/throttle.c
	edge/visitor_cookie.c edge/wrap.c edge/stream.c edge/sm.c edge/sm_resume.c edge/sm_state.c edge/negotiation.c edge/login.c edge/tcp.c edge/http_conn.c
	edge/routes.c edge/pages.c edge/bosh.c edge/bosh_answer.c edge/bosh_session.c edge/websocket_stream.c)
