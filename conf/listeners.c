/* Ports: --X-ports or X/connections/ports[i], and the settings of each port, X/connections/PORT/{socket,type,ifc}. */
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "conf/inner.h"

/* "c2s/connections/5222/socket" -> component, port as text, name. */
static bool split_connection(const char *key, char component[16], char port[16], const char **name)
{
	int used = 0;

	if (sscanf(key, "%15[^/]/connections/%15[^/]/%n", component, port, &used) != 2 || used == 0)
		return false;
	*name = key + used;
	return strcmp(component, "c2s") == 0 || strcmp(component, "bosh") == 0 || strcmp(component, "ws2s") == 0;
}

static const char *const list_keys[] = { "c2s/connections/ports", "bosh/connections/ports", "ws2s/connections/ports" };

void listeners_consider_keys(struct nearest *n)
{
	for (size_t i = 0; i < ARRAY_LEN(list_keys); i++)
		nearest_consider(n, list_keys[i]);
}

bool listeners_is_port_setting(const char *key)
{
	char component[16], port[16];
	const char *name;

	return split_connection(key, component, port, &name);
}

bool listeners_know_key(const char *key)
{
	char component[16], port[16];
	const char *name;

	for (size_t i = 0; i < ARRAY_LEN(list_keys); i++)
		if (strcmp(key, list_keys[i]) == 0)
			return true;
	return split_connection(key, component, port, &name) &&
	       (strcmp(name, "socket") == 0 || strcmp(name, "type") == 0 || strcmp(name, "ifc") == 0);
}

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

bool listeners_parse_port(const char *text, uint16_t *out)
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
	ok = listeners_parse_port(row, port) && parse_number(colon + 1, 1000000000, rate);
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
			loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_connection_rates],
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

static bool is_interface(const char *text)
{
	unsigned char parsed[16];

	return strcmp(text, "*") == 0 || inet_pton(AF_INET, text, parsed) == 1 || inet_pton(AF_INET6, text, parsed) == 1;
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
	for (size_t i = 0; i < at->interfaces.count; i++)
		if (!is_interface(at->interfaces.items[i]))
			loading_problem(l, CONFIG_FATAL, ifc, "port %u: ifc '%s' is no IP address; take * for all", at->port,
					at->interfaces.items[i]);
}

static bool is_connect(const struct config_raw *type)
{
	return type && strcasecmp(type->value, "connect") == 0;
}

static void add_listener(struct loading *l, enum config_component component, uint16_t port, const struct config_raw *where)
{
	struct config *c = l->c;
	const char *id = component_rows[component].id;
	const struct config_raw *type = port_setting(l, id, port, "type");
	struct config_listener at = { .component = component, .port = port, .port_source = where };

	if (is_connect(type)) {
		loading_problem(l, CONFIG_WARNING, type, "type=connect is not built; port %u of %s is not used", port, id);
		return;
	}
	if (type && strcasecmp(type->value, "accept") != 0)
		loading_problem(l, CONFIG_FATAL, type, "type '%s' is not known; take accept", type->value);
	read_socket(l, &at, port_setting(l, id, port, "socket"));
	at.interface_source = port_setting(l, id, port, "ifc");
	read_interfaces(l, &at, at.interface_source);
	at.accepts_per_second = rate_of(l, port);
	c->listeners = xrealloc(c->listeners, (c->listener_count + 1) * sizeof(*c->listeners));
	c->listeners[c->listener_count++] = at;
}

static const char *hint_for(const char *port)
{
	size_t digits = strspn(port, "0123456789");

	if (digits && port[digits] && strchr(" ;:\t", port[digits]))
		return "; separate ports by commas";
	if (digits && port[digits])
		return "; is a line break missing behind the ports?";
	return digits ? "" : "; an empty list opens none";
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
		where = l->c->source[option];
	}
	for (size_t i = 0; i < ports->count; i++) {
		uint16_t port;

		if (listeners_parse_port(ports->items[i], &port))
			add_listener(l, component, port, where);
		else
			loading_problem(l, CONFIG_FATAL, where, "'%s' is no port number (1 to 65535)%s", ports->items[i],
					hint_for(ports->items[i]));
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
		if (!listeners_parse_port(text, &port)) {
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

/* A default cannot be wrong: what was written is where to look. */
static void report_overlap(struct loading *l, const struct config_listener *first, const struct config_listener *second)
{
	const struct config_raw *where = second->port_source ? second->port_source : first->port_source;
	const char *one = component_rows[first->component].id, *other = component_rows[second->component].id;

	if (first->component == second->component)
		loading_problem(l, CONFIG_FATAL, where, "port %u is named twice for %s", first->port, one);
	else
		loading_problem(l, CONFIG_FATAL, where, "port %u is wanted by %s (--%s-ports) and by %s (--%s-ports); give one of them "
				"another port", first->port, one, one, other, other);
}

static void check_overlaps(struct loading *l)
{
	const struct config *c = l->c;

	for (size_t i = 0; i < c->listener_count; i++)
		for (size_t k = 0; k < i; k++)
			if (overlap(&c->listeners[k], &c->listeners[i])) {
				report_overlap(l, &c->listeners[k], &c->listeners[i]);
				break;
			}
}

void listeners_read(struct loading *l)
{
	const struct config *c = l->c;

	check_rates(l);
	read_ports(l, CONFIG_COMPONENT_c2s, &c->c2s_ports, CONFIG_OPTION_c2s_ports);
	read_ports(l, CONFIG_COMPONENT_bosh, &c->bosh_ports, CONFIG_OPTION_bosh_ports);
	read_ports(l, CONFIG_COMPONENT_ws2s, &c->ws2s_ports, CONFIG_OPTION_ws2s_ports);
	check_overlaps(l);
	report_idle_ports(l);
}
