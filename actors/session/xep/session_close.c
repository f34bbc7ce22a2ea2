/* A session ends: the desk hears when it was a visitor's last one, the pool when a seat or robot changed by it. */
#include "actors/session/desk_link.h"

static enum agent_exit exit_of(enum close_reason reason)
{
	switch (reason) {
	case CLOSE_SOCKET_LOST:
	case CLOSE_INACTIVITY:
	case CLOSE_ERROR:
		return AGENT_LOST; /* what the user did not mean to happen */
	case CLOSE_REMOVED:
		return AGENT_REMOVED;
	default:
		return AGENT_SIGNED_OUT;
	}
}

static void closed(struct passage *p, enum close_reason reason)
{
	if (p->user->session_count == 0)
		desk_link_visitor(p, VISITOR_LEFT, reason);
	else
		desk_link_liveness(p); /* the one that is left may be silent */
	desk_link_agent(p, exit_of(reason));
}

const struct xep xep_session_close = { .plugin = CONFIG_PLUGIN_session_close, .closed = closed };
