/* Components, plugins, virtual hosts and listeners: chosen by lists with a grammar of their own. */
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

/* "c2s/connections/5222/socket" -> component, port as text, name. */
static bool split_connection(const char *key, char component[16], char port[16], const char **name)
{
	int used = 0;

	if (sscanf(key, "%15[^/]/connections/%15[^/]/%n", component, port, &used) != 2 || used == 0)
		return false;
	*name = key + used;
	return strcmp(component, "c2s") == 0 || strcmp(component, "bosh") == 0 || strcmp(component, "ws2s") == 0;
}

bool lists_know_key(const struct loading *l, const char *key)
{
	char component[16], port[16];
	const char *name;
	size_t n = strlen(key);

	(void)l;
	if (strcmp(key, COMPONENT_LIST) == 0 || strcmp(key, PLUGIN_LIST) == 0 || strcmp(key, PLUGIN_EDITS) == 0)
		return true;
	if (has_prefix(key, COMPONENT_PREFIX))
		return (n > 7 && strcmp(key + n - 7, ".active") == 0) || (n > 6 && strcmp(key + n - 6, ".class") == 0);
	if (strcmp(key, "c2s/connections/ports") == 0 || strcmp(key, "bosh/connections/ports") == 0 ||
	    strcmp(key, "ws2s/connections/ports") == 0)
		return true;
	return split_connection(key, component, port, &name) &&
	       (strcmp(name, "socket") == 0 || strcmp(name, "type") == 0 || strcmp(name, "ifc") == 0);
}

/* Switches a row on or says what is to be said of its id. */
static void choose(struct loading *l, const struct plugin_row *rows, int count, bool *on, const char *id, const char *what,
		   const struct config_raw *where)
{
	int i = find_row(rows, count, id);

	if (i < 0) {
		loading_problem(l, CONFIG_WARNING, where, "no implementation found for %s '%s'; it is skipped", what, id);
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
		if (active && option_parse_bool(active->value, &wanted) && !wanted && component_rows[i].state != PLUGIN_CORE)
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

static void drop_plugin(struct loading *l, const char *id)
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
			drop_plugin(l, id + 1);
		else
			choose_plugin(l, id + (*id == '+'), edits);
	}
	option_free_list(&items);
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

	return n > 0 && n <= 1023 && *name != '.' && name[n - 1] != '.' && !strpbrk(name, " \t@/\\'\"<>&;") && !strstr(name, "..");
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
	const struct config_raw *where = l->source[CONFIG_OPTION_virt_hosts];
	struct config_list items;

	option_parse_list(l->c->virt_hosts, &items);
	for (size_t i = 0; i < items.count; i++)
		read_vhost(l, items.items[i], where);
	option_free_list(&items);
	if (l->c->vhost_count == 0)
		loading_problem(l, CONFIG_FATAL, where, "--virt-hosts names no domain; give at least one, for example localhost");
}

/* --- listeners --- */

/* Decimal only, as lists of numbers are in Tigase: 05222 is 5222, not octal. */
static bool parse_number(const char *text, unsigned most, unsigned *out)
{
	*out = 0;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*out = *out * 10 + (unsigned)(*p - '0');
		if (*out > most)
			return false;
	}
	return *text != '\0';
}

static bool parse_port(const char *text, uint16_t *out)
{
	unsigned value;

	if (!parse_number(text, 65535, &value) || value == 0)
		return false;
	*out = (uint16_t)value;
	return true;
}

/* "5222:200" */
static bool parse_rate(char *row, uint16_t *port, unsigned *rate)
{
	char *colon = strchr(row, ':');
	bool ok;

	if (!colon)
		return false;
	*colon = '\0';
	ok = parse_port(row, port) && parse_number(colon + 1, 1000000000, rate);
	*colon = ':';
	return ok;
}

static void check_rates(struct loading *l)
{
	struct config_list rows;
	uint16_t port;
	unsigned rate;

	option_parse_list(l->c->connection_rates, &rows);
	for (size_t i = 0; i < rows.count; i++)
		if (!parse_rate(rows.items[i], &port, &rate))
			loading_problem(l, CONFIG_FATAL, l->source[CONFIG_OPTION_connection_rates],
					"'%s' is no PORT:RATE, for example 5222:200", rows.items[i]);
	option_free_list(&rows);
}

static uint32_t rate_of(const struct loading *l, uint16_t port)
{
	struct config_list rows;
	uint32_t found = 2000;
	uint16_t at;
	unsigned rate;

	option_parse_list(l->c->connection_rates, &rows);
	for (size_t i = 0; i < rows.count; i++)
		if (parse_rate(rows.items[i], &at, &rate) && at == port)
			found = rate;
	option_free_list(&rows);
	return found;
}

static const struct config_raw *port_setting(struct loading *l, const char *component, uint16_t port, const char *name)
{
	char key[96];

	snprintf(key, sizeof(key), "%s/connections/%u/%s", component, port, name);
	return loading_find(l, key);
}

static void read_socket(struct loading *l, struct config_listener *at, const struct config_raw *socket)
{
	bool http = at->component != CONFIG_COMPONENT_c2s;

	at->socket = at->port == 5223 || at->port == 5281 ? CONFIG_SOCKET_SSL : CONFIG_SOCKET_PLAIN;
	if (!socket)
		return;
	if (strcasecmp(socket->value, "ssl") == 0 || (strcasecmp(socket->value, "tls") == 0 && http))
		at->socket = CONFIG_SOCKET_SSL;
	else if (strcasecmp(socket->value, "plain") == 0 || strcasecmp(socket->value, "tls") == 0)
		at->socket = CONFIG_SOCKET_PLAIN; /* on c2s "tls" is plain with STARTTLS, as in Tigase */
	else
		loading_problem(l, CONFIG_FATAL, socket, "socket '%s' is not known; take plain, ssl or tls", socket->value);
}

static void read_interfaces(struct loading *l, struct config_listener *at, const struct config_raw *ifc)
{
	option_parse_list(ifc ? ifc->value : "*", &at->interfaces);
	for (size_t i = 0; i < at->interfaces.count; i++)
		if (strcmp(at->interfaces.items[i], "*") == 0 && at->interfaces.count > 1) {
			option_free_list(&at->interfaces);
			option_parse_list("*", &at->interfaces); /* one * is all */
			return;
		}
	if (at->interfaces.count == 0)
		loading_problem(l, CONFIG_FATAL, ifc, "ifc names no address; * means all");
}

static bool is_connect(const struct config_raw *type)
{
	return type && strcasecmp(type->value, "connect") == 0;
}

static void add_listener(struct loading *l, enum config_component component, uint16_t port)
{
	struct config *c = l->c;
	const char *id = component_rows[component].id;
	const struct config_raw *type = port_setting(l, id, port, "type");
	struct config_listener at = { .component = component, .port = port };

	if (is_connect(type)) {
		loading_problem(l, CONFIG_WARNING, type, "type=connect is not built; port %u of %s is not used", port, id);
		return;
	}
	if (type && strcasecmp(type->value, "accept") != 0)
		loading_problem(l, CONFIG_FATAL, type, "type '%s' is not known; take accept", type->value);
	read_socket(l, &at, port_setting(l, id, port, "socket"));
	read_interfaces(l, &at, port_setting(l, id, port, "ifc"));
	at.accepts_per_second = rate_of(l, port);
	c->listeners = xrealloc(c->listeners, (c->listener_count + 1) * sizeof(*c->listeners));
	c->listeners[c->listener_count++] = at;
}

static void read_ports(struct loading *l, enum config_component component, const struct config_list *standard,
		       enum config_option option)
{
	const char *id = component_rows[component].id;
	char key[64];
	const struct config_raw *where;
	struct config_list own = { 0 };
	const struct config_list *ports = standard;

	if (!l->c->components[component])
		return;
	snprintf(key, sizeof(key), "%s/connections/ports", id);
	where = loading_find(l, key);
	if (where) {
		option_parse_list(where->value, &own);
		ports = &own;
	} else {
		where = l->source[option];
	}
	for (size_t i = 0; i < ports->count; i++) {
		uint16_t port;

		if (parse_port(ports->items[i], &port))
			add_listener(l, component, port);
		else
			loading_problem(l, CONFIG_FATAL, where, "'%s' is no port number (1 to 65535)%s", ports->items[i],
					strchr(ports->items[i], '/') || strpbrk(ports->items[i], "abcdefghijklmnopqrstuvwxyz") ?
						"; is a line break missing behind the ports?" : "");
	}
	option_free_list(&own);
}

/* Settings of a port that no list opens. */
static void report_idle_ports(struct loading *l)
{
	for (size_t i = 0; i < l->c->raw_count; i++) {
		const struct config_raw *raw = &l->c->raw[i];
		char component[16], text[16];
		const char *name;
		uint16_t port;
		bool open;

		if (!split_connection(raw->key, component, text, &name))
			continue;
		if (!parse_port(text, &port)) {
			loading_problem(l, CONFIG_FATAL, raw, "'%s' is no port number (1 to 65535)", text);
			continue;
		}
		open = is_connect(port_setting(l, component, port, "type")); /* said already */
		for (size_t k = 0; k < l->c->listener_count; k++)
			open |= l->c->listeners[k].port == port &&
				strcmp(component_rows[l->c->listeners[k].component].id, component) == 0;
		if (!open)
			loading_problem(l, CONFIG_WARNING, raw, "port %u is not opened by %s; add it to --%s-ports", port, component, component);
	}
}

static bool overlap(const struct config_listener *a, const struct config_listener *b)
{
	if (a->port != b->port)
		return false;
	for (size_t i = 0; i < a->interfaces.count; i++)
		for (size_t k = 0; k < b->interfaces.count; k++)
			if (strcmp(a->interfaces.items[i], "*") == 0 || strcmp(b->interfaces.items[k], "*") == 0 ||
			    strcmp(a->interfaces.items[i], b->interfaces.items[k]) == 0)
				return true;
	return false;
}

void lists_read_listeners(struct loading *l)
{
	struct config *c = l->c;

	check_rates(l);
	read_ports(l, CONFIG_COMPONENT_c2s, &c->c2s_ports, CONFIG_OPTION_c2s_ports);
	read_ports(l, CONFIG_COMPONENT_bosh, &c->bosh_ports, CONFIG_OPTION_bosh_ports);
	read_ports(l, CONFIG_COMPONENT_ws2s, &c->ws2s_ports, CONFIG_OPTION_ws2s_ports);
	for (size_t i = 0; i < c->listener_count; i++)
		for (size_t k = 0; k < i; k++)
			if (overlap(&c->listeners[i], &c->listeners[k]))
				loading_problem(l, CONFIG_FATAL, NULL, "port %u is wanted by %s and by %s; give one of them another port",
						c->listeners[i].port, component_rows[c->listeners[k].component].id,
						component_rows[c->listeners[i].component].id);
	report_idle_ports(l);
}
