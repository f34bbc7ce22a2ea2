/* A session begins: the desk hears of a visitor, the pool of a seat or robot that is reachable from now on. */
#include "actors/session/desk_link.h"

static void opened(struct passage *p)
{
	desk_link_visitor(p, VISITOR_ONLINE, CLOSE_STREAM_END);
	desk_link_agent(p, AGENT_SIGNED_OUT);
}

const struct xep xep_session_open = { .plugin = CONFIG_PLUGIN_session_open, .opened = opened };
