/* What clients see of a contact list: the whole, changes as they happen (roster pushes, RFC 6121 2.1.6), its version (2.6),
 * and the entries the desk shows beside it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/session/contacts.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

/* --- versions --- */

static void add_listed(struct passage *p, const struct roster_item *i, void *ctx)
{
	if (i->listed && !contacts_is_shown(p->user, i->jid))
		roster_version_add(ctx, i);
}

static void add_shown(void *ctx, struct span key UNUSED, void *value)
{
	struct contact *c = value;
	struct roster_item i = { .jid = c->jid, .name = c->name, .state = ROSTER_BOTH };

	i.groups = &c->group;
	i.group_count = c->group != NULL;
	roster_version_add(ctx, &i);
}

void contacts_version(struct passage *p, char out[CONTACTS_VERSION_MAX])
{
	struct roster_version v = { 0 };

	if (p->user->unwritten > 0) {
		char once[2 * ROSTER_VERSION_BYTES + 1];

		outside_random_hex(once, ROSTER_VERSION_BYTES);
		(void)snprintf(out, CONTACTS_VERSION_MAX, "once-%s", once);
		return;
	}
	contacts_each(p, NULL, add_listed, &v);
	if (p->user->contacts)
		map_each(p->user->contacts, add_shown, &v);
	roster_version_text(&v, out);
}

/* --- pushes --- */

typedef void write_item_f(struct builder *b, const void *item);

static struct stanza *make_push(struct passage *p, write_item_f *write, const void *item, bool versioned)
{
	struct builder *b = p->builder;
	char id[32], version[CONTACTS_VERSION_MAX];

	(void)snprintf(id, sizeof(id), "push%" PRIu64, ++p->users->pushes);
	builder_reset(b);
	builder_open(b, "iq", NULL);
	builder_attr_text(b, "type", "set");
	builder_attr_text(b, "id", id);
	builder_open(b, "query", NS_ROSTER);
	if (versioned) {
		contacts_version(p, version);
		builder_attr_text(b, "ver", version);
	}
	write(b, item);
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

/* One stanza for all who name versions, and one for all who do not. */
static void push(struct passage *p, write_item_f *write, const void *item)
{
	struct stanza *made[2] = { NULL, NULL };

	LIST_EACH(it, &p->user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);
		struct stanza **own = &made[s->wants_version];
		struct packet copy;

		if (!s->is_interested)
			continue;
		if (!*own)
			*own = make_push(p, write, item, s->wants_version);
		copy = packet_make(stanza_ref(*own), p->user->bare, s->full, PACKET_SERVER | PACKET_NO_STORE);
		outbox_deliver(p->out, s, &copy, 0);
	}
	stanza_unref(made[0]);
	stanza_unref(made[1]);
}

static void write_own(struct builder *b, const void *item)
{
	roster_item_write(b, item);
}

static void write_gone(struct builder *b, const void *contact)
{
	roster_item_write_removed(b, contact);
}

void contacts_push(struct passage *p, const struct roster_item *i)
{
	if (i->listed && !contacts_is_shown(p->user, i->jid))
		push(p, write_own, i);
}

void contacts_push_removed(struct passage *p, const struct jid *contact)
{
	push(p, write_gone, contact);
}

/* --- shown by the desk --- */

static void free_contact(void *ctx UNUSED, struct span key UNUSED, void *value)
{
	struct contact *c = value;

	jid_unref(c->jid);
	free(c->name);
	free(c->group);
	free(c);
}

void contacts_hide_all(struct user *user)
{
	if (!user->contacts)
		return;
	map_each(user->contacts, free_contact, NULL);
	map_free(user->contacts);
	user->contacts = NULL;
}

static void write_contact(struct builder *b, const void *contact)
{
	const struct contact *c = contact;

	builder_open(b, "item", NS_ROSTER);
	builder_attr(b, "jid", jid_full(c->jid));
	builder_attr_text(b, "name", c->name);
	builder_attr_text(b, "subscription", "both");
	if (c->group)
		builder_leaf(b, "group", NULL, span_of(c->group));
	builder_close(b);
}

static struct contact *find_shown(const struct user *user, const struct jid *contact)
{
	return user->contacts ? map_find(user->contacts, jid_bare(contact)) : NULL;
}

bool contacts_is_shown(const struct user *user, const struct jid *contact)
{
	return find_shown(user, contact) != NULL;
}

void contacts_hide(struct passage *p, const struct jid *contact)
{
	struct user *user = p->user;
	struct contact *c = find_shown(user, contact);
	struct roster_item *own = contacts_find(user, contact);

	if (!c)
		return;
	map_remove(user->contacts, jid_bare(contact));
	if (own && own->listed)
		contacts_push(p, own);
	else
		contacts_push_removed(p, c->jid);
	free_contact(NULL, SPAN_NONE, c);
	if (map_count(user->contacts) == 0) {
		map_free(user->contacts);
		user->contacts = NULL;
	}
}

void contacts_show(struct passage *p, struct shard_contact *m)
{
	struct contact *c;

	if (m->remove) {
		contacts_hide(p, m->contact);
		return;
	}
	if (!p->user->contacts)
		p->user->contacts = map_new();
	c = find_shown(p->user, m->contact);
	if (!c) {
		c = xcalloc(1, sizeof(*c));
		c->jid = jid_to_bare(m->contact);
		map_put(p->user->contacts, jid_bare(c->jid), c);
	}
	free(c->name);
	free(c->group);
	c->name = m->name;
	c->group = m->group;
	m->name = m->group = NULL;
	push(p, write_contact, c);
}

/* --- the whole list --- */

static void write_listed(struct passage *p, const struct roster_item *i, void *ctx UNUSED)
{
	if (i->listed && !contacts_is_shown(p->user, i->jid))
		roster_item_write(p->builder, i);
}

static void write_shown(void *ctx, struct span key UNUSED, void *value)
{
	write_contact(ctx, value);
}

void contacts_write(struct passage *p, struct builder *b)
{
	ASSERT(b == p->builder);
	contacts_each(p, NULL, write_listed, NULL);
	if (p->user->contacts)
		map_each(p->user->contacts, write_shown, b);
}
