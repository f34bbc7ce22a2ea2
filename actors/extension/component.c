/* Components by others: each is an actor of its own, with one instance of the extension. It gets what server_route sends to its
 * addresses, and answers what the extension leaves: discovery (XEP-0030) from the descriptor, the rest with an error. */
#include <stdlib.h>

#include "actors/extension/inner.h"
#include "actors/session/shard.h"
#include "runtime/log.h"
#include "xmpp/ns.h"

MSG_DEFINE(COMPONENT_PROTOCOL)

struct component {
	const struct server *server;
	const struct extension *e;
	struct sb_builder builder;
	void *state;
};

static void reply(struct component *self, struct packet *p, struct stanza *answer)
{
	struct packet out = packet_make(answer, p->to, p->from, PACKET_SERVER);

	out.pledge = p->pledge;
	p->pledge = NULL;
	server_route(self->server, &out);
}

static bool names_a_node(const struct stanza *s)
{
	return stanza_attr(s, stanza_first(s, STANZA_TOP), "node").n > 0;
}

static void add_feature(struct builder *b, const char *var)
{
	builder_open(b, "feature", NULL);
	builder_attr_text(b, "var", var);
	builder_close(b);
}

static void describe(struct component *self, struct packet *p, const char *ns)
{
	const struct sb_component *c = &self->e->component;
	struct builder *b = self->builder.b;

	stanza_open_result(b, p->stanza, SPAN_NONE, SPAN_NONE);
	builder_open(b, "query", ns);
	if (strcmp(ns, NS_DISCO_INFO) == 0) {
		builder_open(b, "identity", NULL);
		builder_attr_text(b, "category", c->category);
		builder_attr_text(b, "type", c->type);
		builder_attr_text(b, "name", c->title);
		builder_close(b);
		add_feature(b, NS_DISCO_INFO);
		add_feature(b, NS_DISCO_ITEMS);
		for (const char *const *f = c->features; f && *f; f++)
			add_feature(b, *f);
	}
	builder_close(b);
	builder_close(b);
	reply(self, p, builder_finish(b));
}

/* What the extension passed. Errors and answers end here, presence too: nobody waits for a word of them. */
static void answer(struct component *self, struct packet *p)
{
	const struct stanza *s = p->stanza;
	enum stanza_error error = STANZA_ERROR_SERVICE_UNAVAILABLE;
	struct stanza *e;

	if (stanza_kind(s) == STANZA_PRESENCE)
		return;
	if (stanza_kind(s) == STANZA_IQ && stanza_type(s) == STANZA_TYPE_GET) {
		const char *ns = stanza_child(s, STANZA_TOP, "query", NS_DISCO_INFO) != STANZA_NO_EL    ? NS_DISCO_INFO
				 : stanza_child(s, STANZA_TOP, "query", NS_DISCO_ITEMS) != STANZA_NO_EL ? NS_DISCO_ITEMS
													: NULL;

		if (ns && !names_a_node(s)) {
			describe(self, p, ns);
			return;
		}
		error = ns ? STANZA_ERROR_ITEM_NOT_FOUND : error;
	}
	e = stanza_make_error(self->builder.b, s, SPAN_NONE, SPAN_NONE, error, NULL);
	if (e)
		reply(self, p, e);
}

static void on_component_stanza(struct component *self, struct packet_msg *m)
{
	struct sb_packet sp = { .server = self->server, .area = self->e->named->name, .stage = STAGE_COMPONENT, .packet = &m->packet,
				.builder = &self->builder };

	if (packet_verdict(&sp, self->e->component.receive(self->state, &sp)) == SB_PASS)
		answer(self, &m->packet);
}

MSG_RECEIVE(component, struct component, COMPONENT_PROTOCOL)

static void component_start(void *state, actor_id id)
{
	struct component *self = state;

	(void)id;
	self->state = self->e->component.open ? self->e->component.open() : NULL;
}

static void component_stop(void *state)
{
	struct component *self = state;

	if (self->e->component.close)
		self->e->component.close(self->state);
	guard_fini(&self->builder);
	free(self);
}

void components_spawn(struct server *server)
{
	static const struct behaviour behaviour = {
		.name = "component",
		.placement = ACTOR_FLOATING,
		.receive = component_receive,
		.on_start = component_start,
		.on_stop = component_stop,
	};
	const struct extensions *all = server->extensions;
	unsigned n = all ? all->count - all->plugin_count : 0;

	if (n == 0)
		return;
	server->components = xcalloc(n, sizeof(*server->components));
	for (unsigned i = all->plugin_count; i < all->count; i++) {
		struct component *self = xcalloc(1, sizeof(*self));

		self->server = server;
		self->e = &all->items[i];
		guard_init(&self->builder, self->e->named->name);
		server->components[server->component_count++] = (struct server_component){
			.name = self->e->named->name, .title = self->e->component.title, .id = actor_spawn(&behaviour, self, 0),
		};
	}
}
