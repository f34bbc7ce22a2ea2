#pragma once
/* What the live-chat desk and its pool are told of sessions. Nothing is sent when there is no desk. */
#include "actors/desk/desk.h"
#include "actors/session/xep.h"

/* Something happened to a visitor's session (p->session). */
void desk_link_visitor(struct passage *p, enum visitor_event event, enum close_reason reason);
/* A session of a visitor fell silent, spoke again, came or went: tells the desk when that changes whether any is
 * alive. */
void desk_link_liveness(struct passage *p);
/* A seat or robot: tells the pool when the resource that decides, or whether it takes chats, has changed. exit: how, if
 * nobody is left. */
void desk_link_agent(struct passage *p, enum agent_exit exit);
/* Its account is no more, whatever the pool was told last: it may hold its chats although no session is left. */
void desk_link_removed(struct passage *p);
