/* Components, plugins and virtual hosts: chosen by lists with a grammar of their own. */
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
		if (at < 0)
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

/* --- virtual hosts: domain[:flag…],… --- */

static bool is_domain(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 1023 && *name != '.' && name[n - 1] != '.' && !strpbrk(name, " \t@/\\'\"<>&;!#$%()*+,=?[]^`{|}~") && !strstr(name, "..");
}

static void read_semicolons(const char *text, struct config_list *out)
{
	char *copy = xstrdup(text);

	for (char *p = copy; *p; p++)
		if (*p == ';')
			*p = ',';
	option_free_list(out);
	option_parse_list(copy, out);
	free(copy);
}

static void read_durability(struct loading *l, struct config_vhost *v, const char *value, const struct config_raw *where)
{
	if (strlen(value) == 2 && value[0] == 'D' && value[1] >= '0' && value[1] <= '2')
		v->durability = (enum config_durability)(value[1] - '0');
	else
		loading_problem(l, CONFIG_FATAL, where, "domain %s: durability='%s'; write D0, D1 or D2", v->name, value);
}

static void read_flag(struct loading *l, struct config_vhost *v, char *flag, const struct config_raw *where)
{
	static const char *const later[] = { "domain-filter", "comps", "pres-forw", "mess-forw", "s2s-secret",
					     "see-other-host-redirect-enabled", "trusted-jids", "clientCertCA", "clientCertRequired" };
	bool on = *flag != '-';
	uint16_t port;
	char *value;

	flag += *flag == '-' || *flag == '+';
	value = strchr(flag, '=');
	if (value)
		*value++ = '\0';
	if (strcmp(flag, "anon") == 0) {
		v->anonymous = on;
	} else if (strcmp(flag, "register") == 0) {
		v->registration = on;
	} else if (strcmp(flag, "tls-required") == 0) {
		v->tls_required = on;
	} else if (value && strcmp(flag, "max-users") == 0) {
		if (!option_parse_int(value, &v->max_users) || v->max_users < 0)
			loading_problem(l, CONFIG_FATAL, where, "domain %s: max-users='%s' is no number", v->name, value);
	} else if (value && strcmp(flag, "durability") == 0) {
		read_durability(l, v, value, where);
	} else if (value && strcmp(flag, "sasl-mechanisms") == 0) {
		read_semicolons(value, &v->sasl_mechanisms);
	} else if (value && strcmp(flag, "c2s-ports-allowed") == 0) {
		read_semicolons(value, &v->c2s_ports_allowed);
		for (size_t i = 0; i < v->c2s_ports_allowed.count; i++)
			if (!listeners_parse_port(v->c2s_ports_allowed.items[i], &port))
				loading_problem(l, CONFIG_FATAL, where, "domain %s: c2s-ports-allowed: '%s' is no port number (1 to 65535)", v->name,
						v->c2s_ports_allowed.items[i]);
	} else {
		for (size_t i = 0; i < ARRAY_LEN(later); i++)
			if (strcmp(flag, later[i]) == 0) {
				loading_problem(l, CONFIG_WARNING, where, "domain %s: flag '%s' is accepted, but not built yet", v->name, flag);
				return;
			}
		loading_problem(l, CONFIG_WARNING, where, "domain %s: unknown flag '%s'; known are anon, register, tls-required, "
				"durability=D0|D1|D2, max-users=N, sasl-mechanisms=A;B, c2s-ports-allowed=P;Q", v->name, flag);
	}
}

static void read_vhost(struct loading *l, char *item, const struct config_raw *where)
{
	struct config *c = l->c;
	struct config_vhost *v;
	char *flags = strchr(item, ':'), *save = NULL;

	if (flags && strncmp(flags, "://", 3) == 0) {
		loading_problem(l, CONFIG_FATAL, where, "'%s' is a URL; write the domain alone, for example acme.example", item);
		return;
	}
	if (flags)
		*flags++ = '\0';
	for (char *p = item; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	if (!is_domain(item)) {
		loading_problem(l, CONFIG_FATAL, where, "'%s' is no domain name", item);
		return;
	}
	if (config_vhost(c, span_of(item))) {
		loading_problem(l, CONFIG_WARNING, where, "domain %s is named twice; the first one counts", item);
		return;
	}
	c->vhosts = xrealloc(c->vhosts, (c->vhost_count + 1) * sizeof(*c->vhosts));
	v = &c->vhosts[c->vhost_count++];
	*v = (struct config_vhost){ .name = xstrdup(item), .anonymous = c->vhost_anonymous, .tls_required = c->vhost_tls_required,
				    .max_users = c->vhost_max_users,
				    .durability = (enum config_durability)c->durability };
	for (char *flag = flags ? strtok_r(flags, ":", &save) : NULL; flag; flag = strtok_r(NULL, ":", &save))
		read_flag(l, v, flag, where);
}

void lists_read_vhosts(struct loading *l)
{
	const struct config_raw *where = l->c->source[CONFIG_OPTION_virt_hosts];
	struct config_list items;

	option_parse_list(l->c->virt_hosts, &items);
	for (size_t i = 0; i < items.count; i++)
		read_vhost(l, items.items[i], where);
	option_free_list(&items);
	if (l->c->vhost_count == 0)
		loading_problem(l, CONFIG_FATAL, where, "--virt-hosts names no domain; give at least one, for example localhost");
}
