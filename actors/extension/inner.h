#pragma once
/* What the files of this folder share: the loaded shared objects, and what a hook is called with. Nothing of it is seen by an
 * extension (include/switchboard.h). */
#include "actors/extension/extension.h"
#include "actors/server.h"
#include "include/switchboard.h"

struct passage;

/* One that is loaded: exactly one of the two descriptors is filled, from the object's own, which may be shorter. */
struct extension {
	const struct config_extension *named;
	struct sb_plugin plugin;
	struct sb_component component;
};

struct extensions {
	struct extension *items; /* in the order of the configuration: plugins, then components */
	unsigned count, plugin_count;
	struct xep *xep;         /* all plugins' hooks as one plugin of the pipeline; NULL = there are none */
	const char **features, **account_features;
};

/* --- plugin.c --- */
/* Fills in all->xep; all plugins are loaded. */
void plugins_describe(struct extensions *all);

/* --- setup.c: what `init` is called with --- */
struct sb_setup {
	const struct config *conf;
	const struct config_extension *named;
	struct config_problems *problems;
	struct config_list asked; /* settings it asked for */
	unsigned refused;         /* times sb_problem was called, by itself too */
};
/* Says which settings of the extension's own nobody asked for. */
void setup_finish(struct sb_setup *setup);

/* --- stanza.c: the builder, guarded: what cannot be is no assertion of ours --- */
struct sb_builder {
	struct builder *b;
	const char *area;    /* for the log */
	const char *mistake; /* the first one; NULL = none */
	bool in_tag;         /* attributes may come */
	struct buf names;    /* of the attributes of this tag */
	bool complete;       /* the first element is closed */
};
void guard_init(struct sb_builder *g, const char *area);
void guard_fini(struct sb_builder *g);

/* --- passage.c: what a hook is called with --- */
enum stage { STAGE_BEFORE, STAGE_PROCESS, STAGE_UNDELIVERED, STAGE_AFTER, STAGE_FILTER, STAGE_SESSION, STAGE_COMPONENT };
struct sb_packet {
	const struct server *server;
	const char *area;
	enum stage stage;
	struct passage *p;       /* NULL for a component */
	struct packet *packet;   /* NULL: a session came or went */
	struct sb_builder *builder;
	bool own_delivery;       /* filter: on its way to a client of the user */
	bool answered;           /* sb_refuse or sb_result was called */
	bool readdressed, replaced;
};
/* What a hook's verdict comes to: one that ends a request without an answer gets it one, and a number that is none counts as
 * SB_PASS. */
enum sb_verdict packet_verdict(struct sb_packet *sp, enum sb_verdict v);
