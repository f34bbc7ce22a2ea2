#include "xmpp/rules/privacy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xmpp/ns.h"

#define BLOCKED "blocked" /* name of a default list made by the blocking command */

/* --- what a stanza is --- */

static bool is_notification(enum stanza_type type)
{
	return type == STANZA_TYPE_NONE || type == STANZA_TYPE_UNAVAILABLE;
}

enum privacy_kind privacy_kind_in(const struct stanza *s)
{
	if (stanza_kind(s) == STANZA_MESSAGE)
		return PRIVACY_MESSAGE;
	if (stanza_kind(s) == STANZA_IQ)
		return PRIVACY_IQ;
	return is_notification(stanza_type(s)) ? PRIVACY_PRESENCE_IN : PRIVACY_OTHER;
}

enum privacy_kind privacy_kind_out(const struct stanza *s)
{
	return stanza_kind(s) == STANZA_PRESENCE && is_notification(stanza_type(s)) ? PRIVACY_PRESENCE_OUT : PRIVACY_OTHER;
}

/* --- deciding --- */

/* XEP-0016 2.1: user@domain/resource, user@domain, domain/resource, domain with all that is there. */
static bool fits_jid(const struct jid *rule, const struct jid *other)
{
	if (!jid_is_bare(rule))
		return jid_eq(rule, other);
	if (rule->local_n > 0)
		return jid_eq_bare(rule, other);
	return span_eq(jid_domain(rule), jid_domain(other));
}

static bool fits(const struct privacy_item *i, const struct jid *other, const struct privacy_contact *contact)
{
	switch ((enum privacy_type)i->type) {
	case PRIVACY_ANY:
		return true;
	case PRIVACY_JID:
		return fits_jid(i->jid, other);
	case PRIVACY_SUBSCRIPTION:
		return strcmp(roster_state_text(contact->state), roster_state_text((enum roster_state)i->subscription)) == 0;
	case PRIVACY_GROUP:
		for (unsigned k = 0; k < contact->group_count; k++)
			if (strcmp(contact->groups[k], i->group) == 0)
				return true;
	}
	return false;
}

bool privacy_allows(const struct privacy_list *list, enum privacy_kind kind, const struct jid *other,
		    const struct privacy_contact *contact)
{
	for (unsigned k = 0; list && k < list->count; k++) {
		const struct privacy_item *i = &list->items[k];

		if ((i->kinds == 0 || (i->kinds & kind)) && fits(i, other, contact))
			return i->allow;
	}
	return true;
}

/* --- reading and writing --- */

static const struct {
	const char *name;
	enum privacy_kind kind;
} kinds[] = {
	{ "message", PRIVACY_MESSAGE },
	{ "iq", PRIVACY_IQ },
	{ "presence-in", PRIVACY_PRESENCE_IN },
	{ "presence-out", PRIVACY_PRESENCE_OUT },
};
static const char *const types[] = { "", "jid", "group", "subscription" };
static const enum roster_state subscriptions[] = { ROSTER_NONE, ROSTER_TO, ROSTER_FROM, ROSTER_BOTH };

/* xs:unsignedInt */
static bool read_order(struct span text, uint32_t *out)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 10)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= UINT32_MAX;
}

static bool read_kinds(const struct stanza *s, stanza_el el, uint8_t *out)
{
	for (stanza_el c = stanza_first(s, el); c != STANZA_NO_EL; c = stanza_next(s, c)) {
		uint8_t kind = 0;

		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			if (stanza_el_is(s, c, kinds[k].name, NS_PRIVACY))
				kind = (uint8_t)kinds[k].kind;
		if (!kind)
			return false;
		*out |= kind;
	}
	return true;
}

static bool read_value(struct privacy_item *i, struct span type, struct span value)
{
	if (!type.p)
		return true;
	while (i->type < ARRAY_LEN(types) && (i->type == PRIVACY_ANY || !span_is(type, types[i->type])))
		i->type++;
	switch (i->type) {
	case PRIVACY_JID:
		i->jid = value.n ? jid_parse(value) : NULL;
		return i->jid != NULL;
	case PRIVACY_GROUP:
		i->group = value.n ? xstrndup(value.p, value.n) : NULL;
		return i->group != NULL;
	case PRIVACY_SUBSCRIPTION:
		for (size_t k = 0; k < ARRAY_LEN(subscriptions); k++) {
			i->subscription = (uint8_t)subscriptions[k];
			if (span_is(value, roster_state_text(subscriptions[k])))
				return true;
		}
		return false;
	default:
		return false;
	}
}

static bool read_item(const struct stanza *s, stanza_el el, struct privacy_item *i)
{
	struct span action = stanza_attr(s, el, "action");

	*i = (struct privacy_item){ .allow = span_is(action, "allow") };
	return stanza_el_is(s, el, "item", NS_PRIVACY) && (i->allow || span_is(action, "deny")) &&
	       read_order(stanza_attr(s, el, "order"), &i->order) && read_kinds(s, el, &i->kinds) &&
	       read_value(i, stanza_attr(s, el, "type"), stanza_attr(s, el, "value"));
}

static void free_items(struct privacy_list *list)
{
	for (unsigned k = 0; k < list->count; k++) {
		jid_unref(list->items[k].jid);
		free(list->items[k].group);
	}
	free(list->items);
}

void privacy_list_free(struct privacy_list *list)
{
	if (!list)
		return;
	free_items(list);
	free(list->name);
	free(list);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = ((const struct privacy_item *)a)->order, y = ((const struct privacy_item *)b)->order;

	return (x > y) - (x < y);
}

/* Sorted; false: two have one order. */
static bool settle(struct privacy_list *list)
{
	list->needs_roster = false;
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (unsigned k = 0; k < list->count; k++) {
		list->needs_roster |= list->items[k].type == PRIVACY_GROUP || list->items[k].type == PRIVACY_SUBSCRIPTION;
		if (k > 0 && list->items[k].order == list->items[k - 1].order)
			return false;
	}
	return true;
}

enum stanza_error privacy_list_read(const struct stanza *s, stanza_el el, unsigned most, struct privacy_list **out)
{
	struct span name = stanza_attr(s, el, "name");
	struct privacy_list *list;
	unsigned count = 0;

	for (stanza_el c = stanza_first(s, el); c != STANZA_NO_EL; c = stanza_next(s, c))
		count++;
	if (!name.p)
		return STANZA_ERROR_BAD_REQUEST;
	if (most && count > most)
		return STANZA_ERROR_POLICY_VIOLATION;
	list = xcalloc(1, sizeof(*list));
	list->name = xstrndup(name.p, name.n);
	list->items = xcalloc(count ? count : 1, sizeof(*list->items));
	for (stanza_el c = stanza_first(s, el); c != STANZA_NO_EL; c = stanza_next(s, c)) {
		list->count++;
		if (!read_item(s, c, &list->items[list->count - 1])) {
			privacy_list_free(list);
			return STANZA_ERROR_BAD_REQUEST;
		}
	}
	if (!settle(list)) {
		privacy_list_free(list);
		return STANZA_ERROR_BAD_REQUEST;
	}
	*out = list;
	return STANZA_ERROR_NONE;
}

static void write_item(struct builder *b, const struct privacy_item *i)
{
	char order[16];

	(void)snprintf(order, sizeof(order), "%" PRIu32, i->order);
	builder_open(b, "item", NS_PRIVACY);
	builder_attr_text(b, "type", i->type == PRIVACY_ANY ? NULL : types[i->type]);
	if (i->type == PRIVACY_JID)
		builder_attr(b, "value", jid_full(i->jid));
	else if (i->type != PRIVACY_ANY)
		builder_attr_text(b, "value",
				  i->type == PRIVACY_GROUP ? i->group : roster_state_text((enum roster_state)i->subscription));
	builder_attr_text(b, "action", i->allow ? "allow" : "deny");
	builder_attr_text(b, "order", order);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		if (i->kinds & kinds[k].kind)
			builder_leaf(b, kinds[k].name, NULL, SPAN_NONE);
	builder_close(b);
}

void privacy_list_write(struct builder *b, const struct privacy_list *list)
{
	builder_open(b, "list", NS_PRIVACY);
	builder_attr_text(b, "name", list->name);
	for (unsigned k = 0; k < list->count; k++)
		write_item(b, &list->items[k]);
	builder_close(b);
}

/* --- all of them --- */

struct privacy *privacy_new(void)
{
	return xcalloc(1, sizeof(struct privacy));
}

void privacy_free(struct privacy *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->count; i++)
		privacy_list_free(p->lists[i]);
	free(p->lists);
	free(p);
}

struct privacy_list *privacy_find(const struct privacy *p, struct span name)
{
	for (unsigned i = 0; i < p->count; i++)
		if (span_is(name, p->lists[i]->name))
			return p->lists[i];
	return NULL;
}

void privacy_put(struct privacy *p, struct privacy_list *list)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (strcmp(p->lists[i]->name, list->name) != 0)
			continue;
		if (p->standard == p->lists[i])
			p->standard = list;
		privacy_list_free(p->lists[i]);
		p->lists[i] = list;
		return;
	}
	p->lists = xrealloc(p->lists, (p->count + 1) * sizeof(struct privacy_list *));
	p->lists[p->count++] = list;
}

void privacy_remove(struct privacy *p, struct privacy_list *list)
{
	unsigned i = 0;

	while (p->lists[i] != list)
		i++;
	for (p->count--; i < p->count; i++)
		p->lists[i] = p->lists[i + 1];
	if (p->standard == list)
		p->standard = NULL;
	privacy_list_free(list);
}

void privacy_save(struct builder *b, const struct privacy *p)
{
	builder_open(b, "query", NS_PRIVACY);
	if (p->standard) {
		builder_open(b, "default", NULL);
		builder_attr_text(b, "name", p->standard->name);
		builder_close(b);
	}
	for (unsigned i = 0; i < p->count; i++)
		privacy_list_write(b, p->lists[i]);
	builder_close(b);
}

struct privacy *privacy_load(const struct stanza *query)
{
	struct privacy *p = privacy_new();
	stanza_el standard = stanza_child(query, STANZA_TOP, "default", NS_PRIVACY);

	for (stanza_el el = stanza_first(query, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(query, el)) {
		struct privacy_list *list;

		if (stanza_el_is(query, el, "list", NS_PRIVACY) && privacy_list_read(query, el, 0, &list) == STANZA_ERROR_NONE)
			privacy_put(p, list);
	}
	if (standard != STANZA_NO_EL)
		p->standard = privacy_find(p, stanza_attr(query, standard, "name"));
	return p;
}

/* --- the blocking command --- */

bool privacy_is_blocked(const struct privacy *p, const struct jid *jid)
{
	for (unsigned k = 0; p->standard && k < p->standard->count; k++)
		if (privacy_is_block(&p->standard->items[k]) && jid_eq(p->standard->items[k].jid, jid))
			return true;
	return false;
}

static void number(struct privacy_list *list)
{
	for (unsigned k = 0; k < list->count; k++)
		list->items[k].order = k + 1;
}

/* Under a name that no other list has. */
static void make_standard(struct privacy *p)
{
	struct privacy_list *list = xcalloc(1, sizeof(*list));
	char name[32] = BLOCKED;

	for (unsigned n = 2; privacy_find(p, span_of(name)); n++)
		(void)snprintf(name, sizeof(name), BLOCKED "-%u", n);
	list->name = xstrdup(name);
	privacy_put(p, list);
	p->standard = list;
}

void privacy_block(struct privacy *p, struct jid *jid)
{
	struct privacy_list *list;

	if (privacy_is_blocked(p, jid))
		return;
	if (!p->standard)
		make_standard(p);
	list = p->standard;
	list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
	memmove(list->items + 1, list->items, list->count * sizeof(*list->items));
	list->items[0] = (struct privacy_item){ .type = PRIVACY_JID, .jid = jid_ref(jid) };
	list->count++;
	number(list);
}

void privacy_unblock(struct privacy *p, const struct jid *jid)
{
	struct privacy_list *list = p->standard;
	unsigned kept = 0;

	if (!list)
		return;
	for (unsigned k = 0; k < list->count; k++) {
		if (privacy_is_block(&list->items[k]) && (!jid || jid_eq(list->items[k].jid, jid)))
			jid_unref(list->items[k].jid);
		else
			list->items[kept++] = list->items[k];
	}
	list->count = kept;
	if (kept == 0)
		privacy_remove(p, list);
}
