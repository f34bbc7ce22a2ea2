/* Components and plugins: chosen by lists with a grammar of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "conf/inner.h"
#include "runtime/mem/buf.h"

#define CORE PLUGIN_CORE
#define BUILT PLUGIN_BUILT
#define LATER PLUGIN_LATER
#define PLUGIN(NAME, id, state, on, doc) { id, state, on, doc },
#define ALIAS_PLUGIN(id, ids)
const struct plugin_row plugin_rows[CONFIG_PLUGIN_COUNT] = {
#include "conf/plugins.def"
};
#undef PLUGIN
#undef ALIAS_PLUGIN
#define COMPONENT(NAME, id, state, on, doc) { id, state, on, doc },
const struct plugin_row component_rows[CONFIG_COMPONENT_COUNT] = {
#include "conf/components.def"
};
#undef COMPONENT
#define PLUGIN(NAME, id, state, on, doc)
#define ALIAS_PLUGIN(id, ids) { id, ids },
static const struct {
	const char *id, *ids;
} plugin_aliases[] = {
#include "conf/plugins.def"
};
#undef PLUGIN
#undef ALIAS_PLUGIN
#undef CORE
#undef BUILT
#undef LATER

#define COMPONENT_LIST "message-router/components/msg-receivers/id-names"
#define COMPONENT_PREFIX "message-router/components/msg-receivers/"
#define PLUGIN_LIST "sess-man/plugins"
#define PLUGIN_EDITS "--sm-plugins"

static int find_row(const struct plugin_row *rows, int count, const char *id)
{
	for (int i = 0; i < count; i++)
		if (strcmp(rows[i].id, id) == 0)
			return i;
	return -1;
}

const char *config_plugin_id(enum config_plugin p)
{
	return plugin_rows[p].id;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *const list_keys[] = { COMPONENT_LIST, PLUGIN_LIST, PLUGIN_EDITS };

void lists_consider_keys(struct nearest *n)
{
	for (size_t i = 0; i < ARRAY_LEN(list_keys); i++)
		nearest_consider(n, list_keys[i]);
	listeners_consider_keys(n);
}

bool lists_know_key(const char *key)
{
	size_t n = strlen(key);

	if (strcmp(key, COMPONENT_LIST) == 0 || strcmp(key, PLUGIN_LIST) == 0 || strcmp(key, PLUGIN_EDITS) == 0)
		return true;
	if (has_prefix(key, "sess-man/command/") || has_prefix(key, "vhost-man/command/"))
		return true; /* who may run an ad-hoc command: check.c */
	if (has_prefix(key, COMPONENT_PREFIX))
		return (n > 7 && strcmp(key + n - 7, ".active") == 0) || (n > 6 && strcmp(key + n - 6, ".class") == 0);
	return listeners_know_key(key);
}

/* Switches a row on or says what is to be said of its id. */
static void choose(struct loading *l, const struct plugin_row *rows, int count, bool *on, const char *id, const char *what,
		   const struct config_raw *where)
{
	int i = find_row(rows, count, id);
	struct nearest near = nearest_to(id);

	for (int k = 0; i < 0 && k < count; k++)
		nearest_consider(&near, rows[k].id);
	if (i < 0 && rows == plugin_rows && extensions_have_plugin(l, id))
		return; /* runs because it is loaded */
	if (i < 0) {
		loading_problem(l, CONFIG_WARNING, where, "no implementation found for %s '%s'; it is skipped%s%s%s", what, id,
				near.best ? "; did you mean " : "", near.best ? near.best : "", near.best ? "?" : "");
		return;
	}
	if (rows[i].state == PLUGIN_LATER)
		loading_problem(l, CONFIG_WARNING, where, "%s '%s' is accepted, but not built yet; it is skipped", what, id);
	else
		on[i] = true;
}

void lists_read_components(struct loading *l)
{
	const struct config_raw *list = loading_find(l, COMPONENT_LIST);
	struct config_list ids;
	bool *on = l->c->components;

	for (int i = 0; i < CONFIG_COMPONENT_COUNT; i++)
		on[i] = component_rows[i].state == PLUGIN_CORE ||
			(!list && component_rows[i].standard && component_rows[i].state == PLUGIN_BUILT);
	if (list) {
		option_parse_list(list->value, &ids);
		for (size_t i = 0; i < ids.count; i++)
			choose(l, component_rows, CONFIG_COMPONENT_COUNT, on, ids.items[i], "component", list);
		option_free_list(&ids);
	}
	for (int i = 0; i < CONFIG_COMPONENT_COUNT; i++) {
		char key[128];
		const struct config_raw *active;
		bool wanted;

		snprintf(key, sizeof(key), COMPONENT_PREFIX "%s.active", component_rows[i].id);
		active = loading_find(l, key);
		if (active && !option_parse_bool(active->value, &wanted))
			loading_problem(l, CONFIG_FATAL, active, "'%s' is neither true nor false", active->value);
		else if (active && !wanted && component_rows[i].state != PLUGIN_CORE)
			on[i] = false;
	}
}

/* One id of a list, aliases resolved. */
static void choose_plugin(struct loading *l, const char *id, const struct config_raw *where)
{
	struct config_list ids;

	for (size_t i = 0; i < ARRAY_LEN(plugin_aliases); i++)
		if (strcmp(plugin_aliases[i].id, id) == 0) {
			option_parse_list(plugin_aliases[i].ids, &ids);
			for (size_t k = 0; k < ids.count; k++)
				choose(l, plugin_rows, CONFIG_PLUGIN_COUNT, l->c->plugins, ids.items[k], "plugin", where);
			option_free_list(&ids);
			return;
		}
	choose(l, plugin_rows, CONFIG_PLUGIN_COUNT, l->c->plugins, id, "plugin", where);
}

static void drop_plugin(struct loading *l, const char *id, const struct config_raw *where)
{
	struct config_list ids = { 0 };
	const char *names = id;
	int at;

	for (size_t i = 0; i < ARRAY_LEN(plugin_aliases); i++)
		if (strcmp(plugin_aliases[i].id, id) == 0)
			names = plugin_aliases[i].ids;
	option_parse_list(names, &ids);
	for (size_t i = 0; i < ids.count; i++) {
		at = find_row(plugin_rows, CONFIG_PLUGIN_COUNT, ids.items[i]);
		if (extensions_have_plugin(l, ids.items[i]))
			extensions_drop_plugin(l, ids.items[i]);
		else if (at < 0)
			loading_problem(l, CONFIG_WARNING, where, "no plugin '%s' to leave out", ids.items[i]);
		if (at >= 0 && plugin_rows[at].state != PLUGIN_CORE)
			l->c->plugins[at] = false;
	}
	option_free_list(&ids);
}

static void remove_space(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (*text != ' ' && *text != '\t')
			*to++ = *text;
	*to = '\0';
}

/* "+id", "-id", "id=N", "id=N:Q": threads and queue lengths mean nothing here. */
static void edit_plugins(struct loading *l, const struct config_raw *edits)
{
	struct config_list items;

	option_parse_list(edits->value, &items);
	for (size_t i = 0; i < items.count; i++) {
		char *id = items.items[i];

		remove_space(id);
		id[strcspn(id, "=")] = '\0';
		if (*id == '-')
			drop_plugin(l, id + 1, edits);
		else
			choose_plugin(l, id + (*id == '+'), edits);
	}
	option_free_list(&items);
}

const struct config_raw *lists_plugin_source(const struct loading *l)
{
	const struct config_raw *list = loading_find(l, PLUGIN_LIST);

	return list ? list : loading_find(l, PLUGIN_EDITS);
}

void lists_read_plugins(struct loading *l)
{
	const struct config_raw *list = loading_find(l, PLUGIN_LIST), *edits = loading_find(l, PLUGIN_EDITS);
	struct config_list ids;

	for (int i = 0; i < CONFIG_PLUGIN_COUNT; i++)
		l->c->plugins[i] = plugin_rows[i].state == PLUGIN_CORE ||
				   (!list && plugin_rows[i].standard && plugin_rows[i].state == PLUGIN_BUILT);
	if (list) {
		option_parse_list(list->value, &ids);
		for (size_t i = 0; i < ids.count; i++)
			choose_plugin(l, ids.items[i], list);
		option_free_list(&ids);
	} else if (edits) {
		edit_plugins(l, edits);
	}
}
