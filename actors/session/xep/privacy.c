/* XEP-0016, privacy lists: reading, choosing and editing them. How they work on stanzas: actors/session/privacy.h. */
#include "actors/session/privacy.h"

#include "actors/session/contacts.h"
#include "runtime/metric.h"
#include "xmpp/ns.h"

static stanza_el query_of(const struct stanza *s)
{
	return stanza_first(s, STANZA_TOP);
}

/* --- get --- */

static void write_name(struct builder *b, const char *element, const struct privacy_list *list)
{
	if (!list)
		return;
	builder_open(b, element, NULL);
	builder_attr_text(b, "name", list->name);
	builder_close(b);
}

static enum xep_verdict answer_names(struct passage *p, const struct privacy *lists)
{
	struct builder *b = passage_open_result(p);

	builder_open(b, "query", NS_PRIVACY);
	write_name(b, "active", p->session ? p->session->active : NULL);
	write_name(b, "default", lists->standard);
	for (unsigned i = 0; i < lists->count; i++)
		write_name(b, "list", lists->lists[i]);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static enum xep_verdict answer_list(struct passage *p, const struct privacy *lists, stanza_el el)
{
	struct span name = stanza_attr(p->packet.stanza, el, "name");
	const struct privacy_list *list = name.p ? privacy_find(lists, name) : NULL;
	struct builder *b;

	if (!name.p || !stanza_el_is(p->packet.stanza, el, "list", NS_PRIVACY))
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	if (!list)
		return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	b = passage_open_result(p);
	builder_open(b, "query", NS_PRIVACY);
	privacy_list_write(b, list);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static enum xep_verdict get(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el el = stanza_first(s, query_of(s));
	struct privacy *lists;
	enum xep_verdict v;

	if (el != STANZA_NO_EL && stanza_next(s, el) != STANZA_NO_EL)
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, "One list at a time");
	v = privacy_open(p, &lists);
	if (v != XEP_PASS)
		return v;
	if (p->session)
		p->session->uses_privacy = true;
	v = el == STANZA_NO_EL ? answer_names(p, lists) : answer_list(p, lists, el);
	privacy_free(lists);
	return v;
}

/* --- set: the active and the default list --- */

/* Takes lists. What was written before is in force now, so that it can be chosen. */
static enum xep_verdict set_active(struct passage *p, struct privacy *lists, stanza_el el)
{
	struct span name = stanza_attr(p->packet.stanza, el, "name");
	struct privacy_list *list;

	privacy_apply(p, lists);
	list = name.p && p->user->privacy ? privacy_find(p->user->privacy, name) : NULL;
	if (name.p && !list)
		return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	privacy_activate(p, list);
	passage_result(p);
	return XEP_DONE;
}

static enum xep_verdict fail(struct passage *p, struct privacy *lists, enum stanza_error error, const char *text)
{
	privacy_free(lists);
	return passage_refuse(p, error, text);
}

static enum xep_verdict set_default(struct passage *p, struct privacy *lists, stanza_el el)
{
	struct span name = stanza_attr(p->packet.stanza, el, "name");
	struct privacy_list *list = name.p ? privacy_find(lists, name) : NULL;

	if (name.p && !list)
		return fail(p, lists, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	if (lists->standard && lists->standard != list && privacy_is_in_use(p, lists->standard->name, true))
		return fail(p, lists, STANZA_ERROR_CONFLICT, NULL);
	lists->standard = list;
	return privacy_keep(p, lists);
}

/* --- set: a list --- */

static enum xep_verdict remove_list(struct passage *p, struct privacy *lists, stanza_el el)
{
	struct privacy_list *list = privacy_find(lists, stanza_attr(p->packet.stanza, el, "name"));

	if (!list)
		return fail(p, lists, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	if (privacy_is_in_use(p, list->name, list == lists->standard))
		return fail(p, lists, STANZA_ERROR_CONFLICT, NULL);
	privacy_remove(lists, list);
	return privacy_keep(p, lists);
}

struct search {
	const char *group;
	bool found;
};

static void look_for_group(struct passage *p UNUSED, const struct roster_item *i, void *ctx)
{
	struct search *search = ctx;

	for (unsigned k = 0; k < i->group_count; k++)
		search->found |= strcmp(i->groups[k], search->group) == 0;
}

/* XEP-0016 2.1: an item about a group that is not in the roster is a mistake. */
static bool knows_groups(struct passage *p, const struct privacy_list *list)
{
	for (unsigned k = 0; k < list->count; k++) {
		struct search search = { list->items[k].group, false };

		if (list->items[k].type != PRIVACY_GROUP)
			continue;
		contacts_each(p, NULL, look_for_group, &search);
		if (!search.found)
			return false;
	}
	return true;
}

static enum xep_verdict put_list(struct passage *p, struct privacy *lists, stanza_el el)
{
	const struct config *conf = p->server->conf;
	const struct stanza *s = p->packet.stanza;
	bool is_new = !privacy_find(lists, stanza_attr(s, el, "name"));
	struct privacy_list *list;
	enum stanza_error error = privacy_list_read(s, el, (unsigned)conf->privacy_items_max, &list);

	if (error == STANZA_ERROR_NONE && is_new && conf->privacy_lists_max && lists->count >= (uint64_t)conf->privacy_lists_max) {
		privacy_list_free(list);
		error = STANZA_ERROR_POLICY_VIOLATION;
	}
	if (error == STANZA_ERROR_POLICY_VIOLATION) {
		metric_limit(METRIC_limit_kept);
		return fail(p, lists, error, "Too many privacy lists, or too many items in one");
	}
	if (error != STANZA_ERROR_NONE)
		return fail(p, lists, error, NULL);
	if (!knows_groups(p, list)) {
		privacy_list_free(list);
		return fail(p, lists, STANZA_ERROR_ITEM_NOT_FOUND, "No contact is in this group");
	}
	privacy_put(lists, list);
	return privacy_keep(p, lists);
}

static enum xep_verdict set_list(struct passage *p, struct privacy *lists, stanza_el el)
{
	if (!stanza_attr(p->packet.stanza, el, "name").p)
		return fail(p, lists, STANZA_ERROR_BAD_REQUEST, NULL);
	return stanza_first(p->packet.stanza, el) == STANZA_NO_EL ? remove_list(p, lists, el) : put_list(p, lists, el);
}

static enum xep_verdict set(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el el = stanza_first(s, query_of(s));
	struct privacy *lists;
	enum xep_verdict v;

	if (el == STANZA_NO_EL || stanza_next(s, el) != STANZA_NO_EL || !span_is(stanza_ns(s, el), NS_PRIVACY))
		return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, "One thing at a time");
	v = privacy_open(p, &lists);
	if (v != XEP_PASS)
		return v;
	if (p->session)
		p->session->uses_privacy = true;
	if (stanza_el_is(s, el, "active", NULL))
		return set_active(p, lists, el);
	if (stanza_el_is(s, el, "default", NULL))
		return set_default(p, lists, el);
	if (stanza_el_is(s, el, "list", NULL))
		return set_list(p, lists, el);
	return fail(p, lists, STANZA_ERROR_BAD_REQUEST, NULL);
}

static void written(struct passage *p, const struct store_request *r)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el list = stanza_child(s, query_of(s), "list", NS_PRIVACY);

	privacy_kept(p, r);
	passage_result(p);
	if (list != STANZA_NO_EL)
		privacy_push_list(p, stanza_attr(s, list, "name"), true);
}

static const char *const features[] = { NS_PRIVACY, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_PRIVACY, TARGET_BIT(TARGET_SELF), get },
	{ STANZA_TYPE_SET, "query", NS_PRIVACY, TARGET_BIT(TARGET_SELF), set },
};
const struct xep xep_privacy = {
	.plugin = CONFIG_PLUGIN_privacy,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.written = written,
	.gate = privacy_gate,
};
