#include "actors/session/privacy.h"

#include <inttypes.h>
#include <stdio.h>

#include "actors/owners.h"
#include "actors/session/contacts.h"
#include "actors/store.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"
#include "xmpp/parser.h"

#define PRESENCE_FLAGS (PACKET_SERVER | PACKET_NO_STORE)

/* --- which list, and what it says --- */

static const struct privacy_list *list_of(const struct user *user, const struct session *s)
{
	if (s && s->active)
		return s->active;
	return user->privacy ? user->privacy->standard : NULL;
}

static const struct contact *shown_contact(const struct user *user, const struct jid *other)
{
	return user->contacts ? map_find(user->contacts, jid_bare(other)) : NULL;
}

static bool allows(const struct passage *p, const struct privacy_list *list, enum privacy_kind kind, const struct jid *other)
{
	struct privacy_contact facts = { 0 };
	const struct contact *shown;
	struct roster_item *i = NULL;
	struct span saved;
	bool allowed;

	if (!list || !list->needs_roster)
		return privacy_allows(list, kind, other, &facts);
	shown = shown_contact(p->user, other);
	if (shown) /* a visitor of this seat is in its list as a friend */
		facts = (struct privacy_contact){ ROSTER_BOTH, &shown->group, shown->group != NULL };
	else if (p->user->roster == FACT_YES && roster_list_find(&p->user->items, other, &saved))
		i = roster_item_load(jid_bare(other), saved);
	if (i)
		facts = (struct privacy_contact){ i->state, i->groups, i->group_count };
	allowed = privacy_allows(list, kind, other, &facts);
	roster_item_free(i);
	return allowed;
}

bool privacy_decides(const struct passage *p, const struct session *s, enum privacy_kind kind, const struct jid *other)
{
	return jid_eq_bare(other, p->user->bare) || allows(p, list_of(p->user, s), kind, other);
}

bool privacy_shows(const struct passage *p, const struct session *s, const struct jid *other)
{
	bool any = false;

	if (s || !p->user->privacy)
		return privacy_lets(p, s, PRIVACY_PRESENCE_OUT, other);
	LIST_EACH(it, &p->user->sessions) {
		const struct session *one = CONTAINER_OF(it, struct session, link);

		if (!session_is_available(p->users, one))
			continue;
		if (privacy_decides(p, one, PRIVACY_PRESENCE_OUT, other))
			return true;
		any = true;
	}
	return !any && privacy_decides(p, NULL, PRIVACY_PRESENCE_OUT, other);
}

bool privacy_hides(const struct session *s)
{
	const struct privacy_list *list = s->active;

	for (unsigned i = 0; list && list != s->user->privacy->standard && i < list->count; i++)
		if (!list->items[i].allow && (list->items[i].kinds == 0 || (list->items[i].kinds & PRIVACY_PRESENCE_OUT)))
			return true;
	return false;
}

/* The account, its server and what speaks for it. */
static bool is_never_blocked(const struct passage *p, const struct jid *other)
{
	if (other->local_n == 0)
		return span_eq(jid_domain(other), jid_domain(p->user->bare));
	return jid_eq_bare(other, p->user->bare) || (p->server->desk_on && server_is_desk(p->server, other));
}

static bool needs_roster(const struct user *user)
{
	bool needs = user->privacy->standard && user->privacy->standard->needs_roster;

	LIST_EACH(it, &user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		needs |= s->active && s->active->needs_roster;
	}
	return needs;
}

/* --- loading --- */

static struct privacy *parse(struct passage *p, struct span saved)
{
	static const struct xml_limits no_limits;
	struct stanza *s = NULL;
	struct privacy *found;

	if (saved.n == 0)
		return privacy_new();
	if (xml_parse_document(p->xml, saved, &no_limits, &s) != STREAM_ERROR_NONE) {
		LOG_ERROR("privacy", "the lists of %.*s are damaged", SPAN_FMT(jid_bare(p->user->bare)));
		return privacy_new();
	}
	found = privacy_load(s);
	stanza_unref(s);
	return found;
}

/* XEP_PASS: *out is the caller's. */
static enum xep_verdict read_kept(struct passage *p, struct privacy **out)
{
	const struct store_request *r =
		passage_read(p, STORE_OP_GET, STORE_PRIVACY, jid_bare(p->user->bare), SPAN_NONE);

	if (!r)
		return XEP_WAIT;
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	*out = parse(p, r->status == STATUS_OK ? buf_span(&r->value) : SPAN_NONE);
	return XEP_PASS;
}

static void set_lists(struct user *user, struct privacy *lists)
{
	privacy_free(user->privacy);
	user->privacy = lists->count ? lists : NULL;
	if (!user->privacy)
		privacy_free(lists);
	user->privacy_known = true;
}

static bool may_have_lists(const struct passage *p)
{
	uint64_t hash = p->user->bare->bare_hash;

	return p->user->class != CLASS_VISITOR &&
	       (owners_has(p->server->privacy_owners, hash) || owners_has(p->users->privacy_owners, hash));
}

static enum xep_verdict know(struct passage *p)
{
	struct privacy *lists;
	enum xep_verdict v;

	if (!may_have_lists(p)) {
		p->user->privacy_known = true;
		return XEP_PASS;
	}
	v = read_kept(p, &lists);
	if (v == XEP_PASS)
		set_lists(p->user, lists);
	return v;
}

/* --- the gate --- */

static enum xep_verdict refuse_sent(struct passage *p)
{
	metric_inc(METRIC_privacy_denied);
	return passage_refuse_blocked(p);
}

static enum xep_verdict gate_out(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;

	/* Presence without `to` is looked at contact by contact; that the user is gone may be known to all. */
	if (!p->packet.to || is_never_blocked(p, p->packet.to) ||
	    (stanza_kind(s) == STANZA_PRESENCE && stanza_type(s) == STANZA_TYPE_UNAVAILABLE))
		return XEP_PASS;
	if (needs_roster(p->user) && !passage_knows_roster(p))
		return XEP_WAIT;
	return allows(p, list_of(p->user, p->session), privacy_kind_out(s), p->packet.to) ? XEP_PASS : refuse_sent(p);
}

static bool takes(const struct passage *p, const struct session *s)
{
	return session_is_available(p->users, s) && session_priority(p->users, s) >= 0;
}

/* To the bare JID: allowed when the list of one client allows it. Without clients the default list decides. */
static bool account_allows(struct passage *p, enum privacy_kind kind)
{
	bool any = false, denied = false, allowed = false;

	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		bool yes = allows(p, list_of(p->user, s), kind, p->packet.from);

		any |= takes(p, s);
		allowed |= yes && takes(p, s);
		denied |= !yes;
	}
	p->is_filtered = allowed && denied;
	return any ? allowed : allows(p, list_of(p->user, NULL), kind, p->packet.from);
}

static bool received_is_allowed(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	enum privacy_kind kind = privacy_kind_in(s);
	bool probe = stanza_kind(s) == STANZA_PRESENCE && stanza_type(s) == STANZA_TYPE_PROBE;

	if (p->session)
		return allows(p, list_of(p->user, p->session), kind, p->packet.from) &&
		       (!probe || allows(p, list_of(p->user, p->session), PRIVACY_PRESENCE_OUT, p->packet.from));
	/* The answer to a probe is presence that goes out. */
	return account_allows(p, kind) && (!probe || account_allows(p, PRIVACY_PRESENCE_OUT));
}

/* XEP-0016 2.13. A word that the desk keeps does not go to another seat: the visitor is told. */
static enum xep_verdict refuse_received(struct passage *p)
{
	metric_inc(METRIC_privacy_denied);
	if (stanza_kind(p->packet.stanza) == STANZA_PRESENCE)
		return XEP_REFUSED;
	p->packet.flags &= ~(uint32_t)PACKET_KEPT;
	return passage_refuse(p, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

enum xep_verdict privacy_gate(struct passage *p)
{
	if (!p->user->privacy_known) {
		enum xep_verdict v = know(p);

		if (v != XEP_PASS)
			return v;
	}
	if (!p->user->privacy)
		return XEP_PASS;
	if (p->direction == OUTBOUND)
		return gate_out(p);
	if (is_never_blocked(p, p->packet.from))
		return XEP_PASS;
	if (needs_roster(p->user) && !passage_knows_roster(p))
		return XEP_WAIT;
	return received_is_allowed(p) ? XEP_PASS : refuse_received(p);
}

/* --- what contacts hear when the list over a client changes --- */

struct change {
	struct session *s;
	const struct privacy_list *before, *after;
};

static bool was(const struct change *c, enum privacy_kind kind, const struct roster_item *i)
{
	return privacy_allows(c->before, kind, i->jid, &(struct privacy_contact){ i->state, i->groups, i->group_count });
}

static bool is(const struct change *c, enum privacy_kind kind, const struct roster_item *i)
{
	return privacy_allows(c->after, kind, i->jid, &(struct privacy_contact){ i->state, i->groups, i->group_count });
}

/* To the client: the contact is gone, as far as it will hear (XEP-0016 2.9). */
static void hide_contact(struct passage *p, const struct session *s, struct jid *contact)
{
	struct packet gone = packet_make(passage_make_presence(p, "unavailable"), contact, s->full, PRESENCE_FLAGS);

	outbox_deliver(p->out, s, &gone, 0);
}

static void tell_contact(struct passage *p, const struct roster_item *i, void *ctx)
{
	const struct change *c = ctx;
	bool out_before = was(c, PRIVACY_PRESENCE_OUT, i), out = is(c, PRIVACY_PRESENCE_OUT, i);
	bool in_before = was(c, PRIVACY_PRESENCE_IN, i), in = is(c, PRIVACY_PRESENCE_IN, i);

	if (roster_shows(i->state) && out_before && !out)
		passage_send_presence(p, "unavailable", c->s->full, i->jid);
	else if (roster_shows(i->state) && !out_before && out)
		passage_send(p, stanza_ref(c->s->presence), c->s->full, i->jid, PRESENCE_FLAGS);
	if (roster_sees(i->state) && in_before && !in)
		hide_contact(p, c->s, i->jid);
	else if (roster_sees(i->state) && !in_before && in)
		passage_send_presence(p, "probe", c->s->full, i->jid);
}

/* Those outside the roster who were told of this client (RFC 6121 4.6). */
static void tell_directed(struct passage *p, const struct change *c)
{
	const struct privacy_contact stranger = { 0 };

	for (unsigned k = 0; k < c->s->directed_count; k++) {
		struct jid *to = c->s->directed[k];

		if (!roster_shows(contacts_state(p->user, to)) && privacy_allows(c->before, PRIVACY_PRESENCE_OUT, to, &stranger) &&
		    !privacy_allows(c->after, PRIVACY_PRESENCE_OUT, to, &stranger))
			passage_send_presence(p, "unavailable", c->s->full, to);
	}
}

static void tell_changes(struct passage *p, struct session *s, const struct privacy_list *before, const struct privacy_list *after)
{
	struct change c = { s, before, after };

	if (before == after || p->user->roster != FACT_YES)
		return;
	if (s->presence)
		contacts_each(p, NULL, tell_contact, &c);
	tell_directed(p, &c);
}

/* --- pushes --- */

static struct builder *open_push(struct passage *p)
{
	struct builder *b = p->builder;
	char id[32];

	(void)snprintf(id, sizeof(id), "push%" PRIu64, ++p->users->pushes);
	builder_reset(b);
	builder_open(b, "iq", NULL);
	builder_attr_text(b, "type", "set");
	builder_attr_text(b, "id", id);
	return b;
}

typedef bool wants_f(const struct session *s);

static void send_push(struct passage *p, wants_f *wants)
{
	struct stanza *push;

	builder_close(p->builder);
	push = builder_finish(p->builder);
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);
		struct packet copy;

		if (!wants(s))
			continue;
		copy = packet_make(stanza_ref(push), p->user->bare, s->full, PRESENCE_FLAGS);
		outbox_deliver(p->out, s, &copy, 0);
	}
	stanza_unref(push);
}

static bool everybody(const struct session *s UNUSED)
{
	return true;
}

static bool uses_lists(const struct session *s)
{
	return s->uses_privacy;
}

static bool knows_blocked(const struct session *s)
{
	return s->knows_blocked;
}

void privacy_push_list(struct passage *p, struct span name, bool all)
{
	struct builder *b = open_push(p);

	builder_open(b, "query", NS_PRIVACY);
	builder_open(b, "list", NULL);
	builder_attr(b, "name", name);
	builder_close(b);
	builder_close(b);
	send_push(p, all ? everybody : uses_lists);
}

/* The request in passing unblocks all: it is pushed as it came (XEP-0191 3.5). */
static bool is_unblock_all(const struct passage *p)
{
	stanza_el el = p->packet.stanza ? stanza_child(p->packet.stanza, STANZA_TOP, "unblock", NS_BLOCKING) : STANZA_NO_EL;

	return el != STANZA_NO_EL && stanza_first(p->packet.stanza, el) == STANZA_NO_EL;
}

/* Addresses blocked in `a` and not in `b`. */
static void push_blocked(struct passage *p, const char *command, const struct privacy *a, const struct privacy *b)
{
	bool any = false, all = *command == 'u' && is_unblock_all(p);

	for (unsigned k = 0; a && a->standard && k < a->standard->count; k++) {
		const struct privacy_item *i = &a->standard->items[k];

		if (!privacy_is_block(i) || (b && privacy_is_blocked(b, i->jid)))
			continue;
		if (!any)
			builder_open(open_push(p), command, NS_BLOCKING);
		any = true;
		if (all)
			break;
		builder_open(p->builder, "item", NULL);
		builder_attr(p->builder, "jid", jid_full(i->jid));
		builder_close(p->builder);
	}
	if (!any)
		return;
	builder_close(p->builder);
	send_push(p, knows_blocked);
}

/* --- requests --- */

enum xep_verdict privacy_open(struct passage *p, struct privacy **out)
{
	if (p->user->class == CLASS_VISITOR)
		return passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, "Guests have no lists");
	if (!passage_knows_roster(p))
		return XEP_WAIT;
	return read_kept(p, out);
}

enum xep_verdict privacy_keep(struct passage *p, struct privacy *changed)
{
	enum store_op op = changed->count ? STORE_OP_PUT : STORE_OP_DELETE;
	struct store_request *w = store_request_new(op, STORE_PRIVACY, jid_bare(p->user->bare), SPAN_NONE, NULL);
	struct stanza *s;

	if (changed->count) {
		builder_reset(p->builder);
		privacy_save(p->builder, changed);
		s = builder_finish(p->builder);
		stanza_save(&w->value, s, SPAN_NONE, SPAN_NONE);
		stanza_unref(s);
		owners_add(p->users->privacy_owners, p->user->bare->bare_hash);
	}
	privacy_free(changed);
	return passage_write(p, w);
}

void privacy_apply(struct passage *p, struct privacy *next)
{
	struct privacy *old = p->user->privacy;

	LIST_EACH(it, &p->user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);
		const struct privacy_list *before = list_of(p->user, s);
		struct privacy_list *active = s->active ? privacy_find(next, span_of(s->active->name)) : NULL;

		tell_changes(p, s, before, active ? active : next->standard);
		s->active = active;
	}
	push_blocked(p, "block", next, old);
	push_blocked(p, "unblock", old, next);
	set_lists(p->user, next);
}

void privacy_forget(struct user *user)
{
	LIST_EACH(it, &user->sessions)
		CONTAINER_OF(it, struct session, link)->active = NULL;
	privacy_free(user->privacy);
	user->privacy = NULL;
	user->privacy_known = false;
}

void privacy_kept(struct passage *p, const struct store_request *r)
{
	privacy_apply(p, parse(p, r->op == STORE_OP_PUT ? buf_span(&r->value) : SPAN_NONE));
}

void privacy_activate(struct passage *p, struct privacy_list *list)
{
	struct session *s = p->session;

	if (!s)
		return;
	tell_changes(p, s, list_of(p->user, s), list ? list : p->user->privacy ? p->user->privacy->standard : NULL);
	s->active = list;
}

bool privacy_is_in_use(const struct passage *p, const char *name, bool is_default)
{
	LIST_EACH(it, &p->user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (s != p->session && (s->active ? strcmp(s->active->name, name) == 0 : is_default))
			return true;
	}
	return false;
}
