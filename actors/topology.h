#pragma once
/* Every actor of the server on one page: what is spawned, in which order, who is given whose id. Main thread. */
#include "actors/extension/extension.h"
#include "actors/server.h"

/* Opens the store, makes certificates, spawns all actors and opens all ports. NULL, or a text for the operator
 * (owned by the caller) when the server cannot start. The engine must be initialised, not started. */
char *topology_raise(const struct config *conf, const struct extensions *extensions, struct server *out);
/* Tells the edges to close every stream with system-shutdown and the listeners to stop. */
void topology_shutdown(const struct server *s);
/* When the clients are gone: what waits in memory for a deadline is stored. */
void topology_settle(const struct server *s);
/* Certificates and whatever else can change while running. False: nothing was taken over, and the log says why. */
bool topology_reload(const struct server *s);
/* After engine_stop: frees what no actor owns. */
void topology_lower(struct server *s);
