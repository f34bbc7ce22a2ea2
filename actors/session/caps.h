#pragma once
/* The server's own entity capabilities (XEP-0115): what it is and can do, as one hash that stands in the stream's features. */
#include "actors/server.h"

struct builder;
struct pipeline;

/* <query/> of disco#info of the server, open: with its node (NULL = none), all it can do, and whom to write to (XEP-0157). */
void caps_describe(struct builder *b, const struct config *conf, const struct pipeline *l, const char *node);
/* Fills in server->caps; stays empty without the plugin disco. Before actors are spawned, when server->extensions is set. */
void caps_fill(struct server *server);
