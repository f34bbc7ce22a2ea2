#pragma once
/* The phases gate, handle, tap, undelivered and otherwise over the loaded plugins (docs/adding-a-plugin.md). Every
 * stanza between two users runs through them twice: outbound for its sender, inbound for its receiver. */
#include "actors/session/xep.h"

#define PIPELINE_XEPS_MAX 64u

#define PIPELINE_PASSING 8u

enum phase { PHASE_GATE, PHASE_ASKED, PHASE_HANDLE, PHASE_TAP, PHASE_UNDELIVERED, PHASE_OTHERWISE, PHASES };

struct plugin_instances;

struct pipeline {
	const struct xep *loaded[PIPELINE_XEPS_MAX];
	unsigned count;
	/* of the loaded ones, those that have a function for the phase, by what passes: the number of its bit (XEP_OUT, XEP_IN).
	 * Each list ends with NULL. */
	xep_phase_f *phases[PHASES][PIPELINE_PASSING][PIPELINE_XEPS_MAX + 1];
	void (*filter)(struct passage *p, unsigned first); /* NULL = none */
	struct plugin_instances *instances; /* of extensions (actors/extension/plugin.c); NULL = none */
};

/* All descriptors, in the order of running. */
extern const struct xep *const pipeline_all[];
extern const unsigned pipeline_all_count;

void pipeline_init(struct pipeline *l, const struct config *conf); /* the loaded ones */
/* Puts a plugin of no row in front of them. */
void pipeline_put_first(struct pipeline *l, const struct xep *x);
/* Of the iq in passing, by its target; NULL = none. *owner (may be NULL): whose it is. */
const struct xep_claim *pipeline_claim(const struct passage *p, const struct xep **owner);
/* Runs p->packet through the phases; `to` and `from` are set up and the packet is cleared, but for XEP_WAIT. */
enum xep_verdict pipeline_run(struct passage *p);
/* The stanza in passing has the form RFC 6120 8.2.3 and RFC 6121 4.7.1 ask for. */
bool passage_is_well_made(const struct passage *p);
void passage_find_target(struct passage *p); /* outbound, after a change of its `to` */
void pipeline_replaced(struct passage *p);
void pipeline_opened(struct passage *p);
void pipeline_closed(struct passage *p, enum close_reason reason);
