/* A session ends: the desk hears when it was a visitor's last one, the pool when a seat or robot changed by it. */
#include "actors/session/desk_link.h"

/* What the user did not mean to happen. */
static bool is_loss(enum close_reason reason)
{
	return reason == CLOSE_SOCKET_LOST || reason == CLOSE_INACTIVITY || reason == CLOSE_ERROR;
}

static void closed(struct passage *p, enum close_reason reason)
{
	if (p->user->session_count == 0)
		desk_link_visitor(p, VISITOR_LEFT, reason);
	else
		desk_link_liveness(p); /* the one that is left may be silent */
	desk_link_agent(p, is_loss(reason));
}

const struct xep xep_session_close = { .plugin = CONFIG_PLUGIN_session_close, .closed = closed };
