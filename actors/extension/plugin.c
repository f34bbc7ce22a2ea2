/* Plugins' hooks as one plugin of the session pipeline, in front of the server's own; each phase that no plugin has a hook for is
 * missing there, so it costs nothing.
 *
 * A passage that waits for the store begins again (XEP_WAIT): a hook that has seen its stanza must not see it a second time. So
 * the packet remembers, by direction, which hooks have; a message that comes back from a client remembers too. */
#include <stdlib.h>

#include "actors/desk/desk.h"
#include "actors/extension/inner.h"
#include "actors/session/pipeline.h"
#include "runtime/log.h"

struct plugin_instance {
	const struct extension *e;
	void *state;
	struct sb_builder builder;
};

struct plugin_instances {
	struct plugin_instance *items;
	unsigned count;
};

enum seen { SEEN_BEFORE, SEEN_PROCESS, SEEN_UNDELIVERED, SEEN_HOOKS };
_Static_assert(PACKET_RULES < PACKET_SEEN_FIRST && 2 * SEEN_HOOKS < 8, "bits of their own, not all of which a stanza ever has");

/* True once for each stanza and direction. */
static bool show(struct passage *p, enum seen hook)
{
	uint32_t bit = PACKET_SEEN_FIRST << (hook + (p->direction == OUTBOUND ? (unsigned)SEEN_HOOKS : 0u));

	if (p->packet.flags & bit)
		return false;
	p->packet.flags |= bit;
	return true;
}

static struct sb_packet packet_of(struct passage *p, struct plugin_instance *i, enum stage stage, struct packet *packet)
{
	return (struct sb_packet){ .server = p->server, .area = i->e->named->name, .stage = stage, .p = p, .packet = packet,
				   .builder = &i->builder };
}

static enum xep_verdict verdict_of(enum sb_verdict v)
{
	return v == SB_TAKEN ? XEP_DONE : v == SB_DROP ? XEP_REFUSED : XEP_PASS;
}

#define EACH_INSTANCE(i, p) \
	for (struct plugin_instance *i = (p)->pipeline->instances->items, *end_ = i + (p)->pipeline->instances->count; i < end_; i++)

/* --- before --- */

/* It goes to somebody else than it came to: on its way again, as what it is. */
static enum xep_verdict redirect(struct passage *p)
{
	struct packet copy = packet_copy(&p->packet);

	outbox_route(p->out, &copy);
	return XEP_REFUSED;
}

static enum xep_verdict after_change(struct passage *p, const struct sb_packet *sp)
{
	if (sp->replaced && !passage_is_well_made(p)) {
		LOG_WARNING(sp->area, "the extension makes a stanza out of this one that is against the rules");
		return passage_refuse(p, STANZA_ERROR_INTERNAL_SERVER_ERROR, NULL);
	}
	if (!sp->readdressed)
		return XEP_PASS;
	if (p->direction == OUTBOUND) {
		passage_find_target(p);
		return XEP_PASS;
	}
	if (!p->user || !jid_eq_bare(p->packet.to, p->user->bare))
		return redirect(p);
	p->session = jid_is_bare(p->packet.to) ? NULL : user_resource(p->user, p->packet.to);
	return XEP_PASS;
}

static enum xep_verdict gate(struct passage *p)
{
	if (!show(p, SEEN_BEFORE))
		return XEP_PASS;
	EACH_INSTANCE(i, p) {
		struct sb_packet sp = packet_of(p, i, STAGE_BEFORE, &p->packet);
		enum xep_verdict v;

		if (!i->e->plugin.before)
			continue;
		v = verdict_of(packet_verdict(&sp, i->e->plugin.before(i->state, &sp)));
		if (v == XEP_PASS)
			v = after_change(p, &sp);
		if (v != XEP_PASS)
			return v;
	}
	return XEP_PASS;
}

/* --- processors --- */

static unsigned where_of(const struct passage *p, bool asked)
{
	if (!asked)
		return p->direction == OUTBOUND ? SB_WHERE_AWAY : SB_WHERE_HERE;
	return p->target == TARGET_SERVER ? SB_WHERE_SERVER : SB_WHERE_ACCOUNT;
}

static bool matches(const struct sb_processor *r, const struct stanza *s, unsigned where)
{
	static const enum stanza_kind kinds[] = { [SB_MESSAGE] = STANZA_MESSAGE, [SB_PRESENCE] = STANZA_PRESENCE, [SB_IQ] = STANZA_IQ };

	if (!(r->where & where) || kinds[r->kind] != stanza_kind(s))
		return false;
	if (r->type && !span_is(stanza_type_text(s), r->type))
		return false;
	return (!r->name && !r->ns) || stanza_child(s, STANZA_TOP, r->name, r->ns) != STANZA_NO_EL;
}

static enum xep_verdict process(struct passage *p, bool asked)
{
	unsigned where = where_of(p, asked);

	if (!show(p, SEEN_PROCESS))
		return XEP_PASS;
	EACH_INSTANCE(i, p) {
		for (const struct sb_processor *r = i->e->plugin.processors; r && r->kind; r++) {
			struct sb_packet sp = packet_of(p, i, STAGE_PROCESS, &p->packet);
			enum xep_verdict v;

			if (!matches(r, p->packet.stanza, where))
				continue;
			v = verdict_of(packet_verdict(&sp, r->process(i->state, &sp)));
			if (v != XEP_PASS)
				return v;
		}
	}
	return XEP_PASS;
}

static enum xep_verdict asked(struct passage *p)
{
	return process(p, true);
}

static enum xep_verdict handle(struct passage *p)
{
	return process(p, false);
}

/* --- post-processors --- */

static enum xep_verdict undelivered(struct passage *p)
{
	if (!show(p, SEEN_UNDELIVERED))
		return XEP_PASS;
	EACH_INSTANCE(i, p) {
		struct sb_packet sp = packet_of(p, i, STAGE_UNDELIVERED, &p->packet);
		enum xep_verdict v;

		if (!i->e->plugin.undelivered)
			continue;
		v = verdict_of(packet_verdict(&sp, i->e->plugin.undelivered(i->state, &sp)));
		if (v != XEP_PASS)
			return v;
	}
	return XEP_PASS;
}

static enum xep_verdict tap(struct passage *p)
{
	if ((p->packet.flags & PACKET_SEEN) == PACKET_SEEN) /* an extension's own */
		return XEP_PASS;
	EACH_INSTANCE(i, p) {
		struct sb_packet sp = packet_of(p, i, STAGE_AFTER, &p->packet);

		if (i->e->plugin.after)
			i->e->plugin.after(i->state, &sp);
	}
	return XEP_PASS;
}

/* --- the filter over what comes of a passage --- */

static struct packet *result_of(struct outbox_item *item)
{
	if (!item->m)
		return &item->packet;
	if (item->m->kind == &edge_deliver_kind)
		return &((struct edge_deliver *)(void *)item->m)->packet;
	return item->m->kind == &desk_from_visitor_kind ? &((struct packet_msg *)(void *)item->m)->packet : NULL;
}

static uint64_t handle_of(const struct user *user, const struct link *link)
{
	LIST_EACH(it, &user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (s->client.edge == link->edge && s->client.slot == link->slot && s->client.gen == link->gen)
			return s->handle;
	}
	return 0;
}

/* Somebody waits to hear that a client has it: he hears so, for there will be no other word of it. */
static bool take_for_written(struct passage *p, struct outbox_item *item)
{
	const struct edge_deliver *d = (const struct edge_deliver *)(void *)item->m;
	struct shard_written *m;

	if (!item->m || item->m->kind != &edge_deliver_kind || !d->receipt || !p->user)
		return false;
	m = MSG_NEW(shard_written, shard_written);
	m->session = handle_of(p->user, &d->link);
	m->receipt = d->receipt;
	msg_free(item->m);
	item->m = &m->m;
	item->to = server_shard(p->server, p->user->bare);
	return true;
}

/* False: it is out of the outbox. */
static bool drop_result(struct passage *p, unsigned at)
{
	struct outbox *o = p->out;
	struct outbox_item *item = &o->items[at];

	if (take_for_written(p, item))
		return true;
	if (item->m)
		msg_free(item->m);
	packet_clear(&item->packet);
	o->count--;
	memmove(item, item + 1, (o->count - at) * sizeof(*item));
	return false;
}

/* Asks each plugin; true: dropped. A hook may send something, so the outbox may move. */
static bool is_dropped(struct passage *p, unsigned at)
{
	EACH_INSTANCE(i, p) {
		struct packet *result = result_of(&p->out->items[at]), kept;
		struct sb_packet sp;
		bool delivery = p->out->items[at].m && p->out->items[at].m->kind == &edge_deliver_kind;
		enum sb_verdict v;

		if (!i->e->plugin.filter || !result || !result->stanza || !result->from)
			continue;
		kept = packet_copy(result);
		sp = packet_of(p, i, STAGE_FILTER, &kept);
		sp.own_delivery = delivery && p->direction == INBOUND;
		v = i->e->plugin.filter(i->state, &sp);
		if (sp.replaced) {
			result = result_of(&p->out->items[at]);
			stanza_unref(result->stanza);
			result->stanza = stanza_ref(kept.stanza);
		}
		packet_clear(&kept);
		if (v == SB_DROP)
			return true;
	}
	return false;
}

static void filter(struct passage *p, unsigned first)
{
	unsigned end = p->out->count;

	for (unsigned at = first; at < end;)
		if (is_dropped(p, at) && !drop_result(p, at))
			end--;
		else
			at++;
}

/* --- sessions --- */

static void opened(struct passage *p)
{
	EACH_INSTANCE(i, p) {
		struct sb_packet sp = packet_of(p, i, STAGE_SESSION, NULL);

		if (i->e->plugin.session_opened)
			i->e->plugin.session_opened(i->state, &sp);
	}
}

static void closed(struct passage *p, enum close_reason reason)
{
	static const enum sb_close_reason reasons[] = {
		[CLOSE_STREAM_END] = SB_CLOSED,		   [CLOSE_TERMINATE] = SB_CLOSED,
		[CLOSE_SOCKET_LOST] = SB_CLOSED_LOST,	   [CLOSE_INACTIVITY] = SB_CLOSED_SILENT,
		[CLOSE_ERROR] = SB_CLOSED_ERROR,	   [CLOSE_REPLACED] = SB_CLOSED_REPLACED,
		[CLOSE_SHUTDOWN] = SB_CLOSED_SHUTDOWN, [CLOSE_REMOVED] = SB_CLOSED_REMOVED,
	};

	ASSERT((size_t)reason < ARRAY_LEN(reasons));
	EACH_INSTANCE(i, p) {
		struct sb_packet sp = packet_of(p, i, STAGE_SESSION, NULL);

		if (i->e->plugin.session_closed)
			i->e->plugin.session_closed(i->state, &sp, reasons[reason]);
	}
}

static void replaced(struct passage *p)
{
	closed(p, CLOSE_REPLACED);
}

/* --- the plugin of the pipeline --- */

static void add_features(const char ***list, size_t *n, const char *const *more)
{
	for (; more && *more; more++) {
		*list = xrealloc(*list, (*n + 2) * sizeof(**list));
		(*list)[(*n)++] = *more;
		(*list)[*n] = NULL;
	}
}

void plugins_describe(struct extensions *all)
{
	struct xep *x = xcalloc(1, sizeof(*x));
	size_t n = 0, account_n = 0;

	x->plugin = CONFIG_PLUGIN_COUNT; /* of no row */
	for (unsigned i = 0; i < all->plugin_count; i++) {
		const struct sb_plugin *p = &all->items[i].plugin;

		add_features(&all->features, &n, p->features);
		add_features(&all->account_features, &account_n, p->account_features);
		x->gate = p->before ? gate : x->gate;
		x->asked = p->processors ? asked : x->asked;
		x->handle = p->processors ? handle : x->handle;
		x->tap = p->after ? tap : x->tap;
		x->undelivered = p->undelivered ? undelivered : x->undelivered;
		x->filter = p->filter ? filter : x->filter;
		x->opened = p->session_opened ? opened : x->opened;
		x->closed = p->session_closed ? closed : x->closed;
		x->replaced = p->session_closed ? replaced : x->replaced;
	}
	x->features = all->features;
	x->account_features = all->account_features;
	all->xep = x;
}

void plugins_open(struct pipeline *l, const struct server *server)
{
	const struct extensions *all = server->extensions;
	struct plugin_instances *instances;

	if (!all || all->plugin_count == 0)
		return;
	instances = xcalloc(1, sizeof(*instances));
	instances->items = xcalloc(all->plugin_count, sizeof(*instances->items));
	for (unsigned i = 0; i < all->plugin_count; i++) {
		struct plugin_instance *at = &instances->items[instances->count++];

		at->e = &all->items[i];
		at->state = at->e->plugin.open ? at->e->plugin.open() : NULL;
		guard_init(&at->builder, at->e->named->name);
	}
	l->instances = instances;
	pipeline_put_first(l, all->xep);
}

void plugins_close(struct pipeline *l)
{
	if (!l->instances)
		return;
	for (unsigned i = 0; i < l->instances->count; i++) {
		struct plugin_instance *at = &l->instances->items[i];

		if (at->e->plugin.close)
			at->e->plugin.close(at->state);
		guard_fini(&at->builder);
	}
	free(l->instances->items);
	free(l->instances);
	l->instances = NULL;
}
