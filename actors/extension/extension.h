#pragma once
/* Extensions by others: shared objects with plugins and components (docs/extending.md). They are loaded once, before the fence
 * and before other threads; what they see of the server is include/switchboard.h. Without any there is no struct extensions, and
 * nothing on a stanza's way knows of them. */
#include "actors/packet.h"
#include "conf/config.h"
#include "runtime/actor/actor.h"

struct extensions;
struct pipeline;
struct server;
struct xep;

/* Loads what the configuration names and calls each one's `init`. What is wrong is added to the problems, as fatal. NULL: none is
 * named. Main thread. They stay loaded until the process ends. */
struct extensions *extensions_load(struct config *conf, struct config_problems *problems);
/* All plugins' hooks and features as one plugin; NULL: there is none. */
const struct xep *extensions_xep(const struct extensions *e);
void extensions_free(struct extensions *e); /* NULL allowed; when no instance is left */

/* --- plugins: an instance of each for each shard (plugin.c) --- */
/* Puts their hooks in front of the pipeline's plugins. */
void plugins_open(struct pipeline *l, const struct server *server);
void plugins_close(struct pipeline *l);

/* --- components: an actor each (component.c) --- */
#define COMPONENT_PROTOCOL(M) \
	M(COMPONENT_STANZA, component_stanza, packet_msg, packet_msg_drop, "A stanza to an address of the component.")
MSG_DECLARE(component, COMPONENT_PROTOCOL)

/* Starts all; fills in server->components. */
void components_spawn(struct server *server);
