/* The configuration printed: the dump of what is in force, the reference and the sample file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/inner.h"
#include "runtime/mem/buf.h"

/* --- dump --- */

struct lines {
	char **items;
	size_t count;
};

static void add_line(struct lines *lines, struct buf *line)
{
	lines->items = xrealloc(lines->items, (lines->count + 1) * sizeof(*lines->items));
	lines->items[lines->count++] = buf_take_text(line);
}

static void add_escaped(struct buf *out, char c)
{
	static const char plain[] = "\t\n\r\f", letters[] = "tnrf";
	const char *at = strchr(plain, c);

	buf_add(out, "\\", 1);
	buf_add(out, at ? &letters[at - plain] : &c, 1);
}

/* Everything is written so that reading the dump gives the same again. */
static void add_key(struct buf *out, const char *key)
{
	for (; *key; key++) {
		if (strchr(":= \t\n\r\f#!\\", *key))
			add_escaped(out, *key);
		else
			buf_add(out, key, 1);
	}
}

static void add_value(struct buf *out, const char *value)
{
	for (const char *p = value; *p; p++) {
		if (strchr("\t\n\r\f\\", *p) || (p == value && *p == ' '))
			add_escaped(out, *p);
		else
			buf_add(out, p, 1);
	}
}

/* A password inside a URI is nobody's business: scheme://user:HERE@host and …?password=HERE&… */
static void hide_password(char *text)
{
	char *start = strstr(text, "://"), *at = start ? strrchr(start, '@') : NULL;

	start = at ? strchr(start + 3, ':') : NULL;
	if (start && start < at)
		memset(start + 1, '*', (size_t)(at - start - 1));
	for (char *p = text; (p = strstr(p, "password=")); p++)
		memset(p + 9, '*', strcspn(p + 9, "&;, "));
}

static void add_hidden(struct buf *out, const char *value)
{
	char *copy = xstrdup(value);

	hide_password(copy);
	add_value(out, copy);
	free(copy);
}

static void add_plugins(struct lines *lines, const struct config *c)
{
	struct buf line = BUF_INIT;
	bool first = true;

	buf_add_text(&line, "sess-man/plugins[s]=");
	for (int i = 0; i < CONFIG_PLUGIN_COUNT; i++)
		if (c->plugins[i]) {
			buf_addf(&line, "%s%s", first ? "" : ",", plugin_rows[i].id);
			first = false;
		}
	add_line(lines, &line);
	first = true;
	buf_add_text(&line, "message-router/components/msg-receivers/id-names[s]=");
	for (int i = 0; i < CONFIG_COMPONENT_COUNT; i++)
		if (c->components[i]) {
			buf_addf(&line, "%s%s", first ? "" : ",", component_rows[i].id);
			first = false;
		}
	add_line(lines, &line);
}

static void add_ports(struct lines *lines, const struct config *c, enum config_component component)
{
	struct buf line = BUF_INIT;
	const char *before = "";

	if (!c->components[component])
		return;
	buf_addf(&line, "%s/connections/ports[i]=", component_rows[component].id);
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].component == component) {
			buf_addf(&line, "%s%u", before, c->listeners[i].port);
			before = ",";
		}
	add_line(lines, &line);
}

static void add_listeners(struct lines *lines, const struct config *c)
{
	add_ports(lines, c, CONFIG_COMPONENT_c2s);
	add_ports(lines, c, CONFIG_COMPONENT_bosh);
	add_ports(lines, c, CONFIG_COMPONENT_ws2s);
	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *at = &c->listeners[i];
		const char *id = component_rows[at->component].id;
		struct buf line = BUF_INIT;

		buf_addf(&line, "%s/connections/%u/socket=%s", id, at->port, at->socket == CONFIG_SOCKET_SSL ? "ssl" : "plain");
		add_line(lines, &line);
		buf_addf(&line, "%s/connections/%u/type=accept", id, at->port);
		add_line(lines, &line);
		buf_addf(&line, "%s/connections/%u/ifc[s]=", id, at->port);
		for (size_t k = 0; k < at->interfaces.count; k++)
			buf_addf(&line, "%s%s", k ? "," : "", at->interfaces.items[k]);
		add_line(lines, &line);
	}
}

static void add_unknown(struct lines *lines, const struct config *c)
{
	for (size_t i = 0; i < c->raw_count; i++) {
		const struct config_raw *raw = &c->raw[i];
		struct buf line = BUF_INIT;

		if (option_find(raw->key) || lists_know_key(raw->key))
			continue;
		add_key(&line, raw->key);
		if (raw->type)
			buf_addf(&line, "[%c]", raw->type);
		buf_add_text(&line, "=");
		/* what an extension keeps secret is not known here: only the name tells */
		if (strstr(raw->key, "password") || strstr(raw->key, "secret"))
			buf_add_text(&line, "***");
		else
			add_hidden(&line, raw->value);
		add_line(lines, &line);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect(const struct config *c, struct lines *lines)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		struct buf line = BUF_INIT, value = BUF_INIT;
		char *text;

		add_key(&line, option_rows[i].key);
		buf_addf(&line, "%s=", option_suffix(&option_rows[i]));
		option_print(c, &option_rows[i], &value);
		text = buf_take_text(&value);
		add_hidden(&line, text);
		free(text);
		add_line(lines, &line);
	}
	add_plugins(lines, c);
	add_listeners(lines, c);
	add_unknown(lines, c);
	qsort(lines->items, lines->count, sizeof(*lines->items), compare);
}

static void make_directories(const char *path)
{
	char *copy = xstrdup(path);

	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	free(copy);
}

bool config_dump_is_off(const char *path)
{
	bool on;

	return !*path || strcmp(path, "none") == 0 || (option_parse_bool(path, &on) && !on);
}

bool config_dump(const struct config *c, const char *path)
{
	struct lines lines = { 0 };
	FILE *file;
	bool ok;

	if (config_dump_is_off(path))
		return true;
	make_directories(path);
	file = fopen(path, "we");
	if (!file)
		return false;
	collect(c, &lines);
	fputs("# The configuration in force, written at the start.\n", file);
	for (size_t i = 0; i < lines.count; i++) {
		fprintf(file, "%s\n", lines.items[i]);
		free(lines.items[i]);
	}
	free(lines.items);
	ok = !ferror(file);
	return fclose(file) == 0 && ok;
}

/* --- reference --- */

static const struct {
	const char *prefix, *title;
} chapters[] = {
	{ "--", "Global options" },
	{ "basic-conf/", "Process" },
	{ "c2s/", "XMPP over TCP" },
	{ "bosh/", "HTTP: BOSH, WebSocket, pages" },
	{ "sess-man/desk/", "The desk" },
	{ "sess-man/limits/", "Limits" },
	{ "sess-man/", "Sessions and plugins" },
	{ "amp/", "Offline messages" },
	{ "vhost-man/", "Administration of domains" },
	{ "monitor/", "Monitoring" },
};

static size_t chapter_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(chapters); i++)
		if (strncmp(key, chapters[i].prefix, strlen(chapters[i].prefix)) == 0)
			return i;
	return ARRAY_LEN(chapters) - 1;
}

static void print_range(const struct option_row *row, struct buf *out)
{
	static const char *const kinds[] = { "true or false", "", "text", "text, never shown", "list", "" };

	if (row->kind == OPTION_KIND_INT)
		buf_addf(out, "%lld to %lld %s", (long long)row->min, (long long)row->max, row->unit);
	else if (row->kind == OPTION_KIND_ENUM)
		for (const char *p = row->names; *p; p++)
			buf_add(out, *p == '|' ? ", " : p, *p == '|' ? 2 : 1);
	else
		buf_add_text(out, kinds[row->kind]);
}

static void print_chapter(size_t chapter, struct buf *out)
{
	buf_addf(out, "\n## %s\n\n| setting | default | values | meaning |\n|---|---|---|---|\n", chapters[chapter].title);
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];

		if (chapter_of(row->key) != chapter)
			continue;
		buf_addf(out, "| `%s%s` | %s%s%s | ", row->key, option_suffix(row), *row->standard ? "`" : "",
			 *row->standard ? row->standard : "(empty)", *row->standard ? "`" : "");
		print_range(row, out);
		buf_addf(out, " | %s |\n", row->doc);
	}
}

static void print_rows(const char *title, const struct plugin_row *rows, int count, struct buf *out)
{
	static const char *const states[] = { "always", "built", "not yet" };

	buf_addf(out, "\n## %s\n\n| id | state | default | what |\n|---|---|---|---|\n", title);
	for (int i = 0; i < count; i++)
		buf_addf(out, "| `%s` | %s | %s | %s |\n", rows[i].id, states[rows[i].state], rows[i].standard ? "on" : "off",
			 rows[i].doc);
}

void config_print_reference(struct buf *out)
{
	buf_add_text(out, "# Settings\n\nPrinted by `switchboard --print-reference options`; do not edit. Colons in keys are written "
			  "`\\:` in init.properties. Numbers may end in k, m or g. 0 switches a limit off.\n");
	for (size_t i = 0; i < ARRAY_LEN(chapters); i++)
		print_chapter(i, out);
	buf_add_text(out, "\n## Other spellings\n\n| written | means |\n|---|---|\n");
	for (size_t i = 0; i < option_alias_count; i++)
		buf_addf(out, "| `%s` | `%s` |\n", option_aliases[i].key, option_rows[option_aliases[i].option].key);
	buf_add_text(out, "\n## Ports\n\n| setting | default | meaning |\n|---|---|---|\n"
			  "| `X/connections/ports[i]` | as `--X-ports` | ports of component X (c2s, bosh, ws2s) |\n"
			  "| `X/connections/PORT/socket` | plain; ssl for 5223 and 5281 | plain, ssl, or tls |\n"
			  "| `X/connections/PORT/type` | accept | accept |\n"
			  "| `X/connections/PORT/ifc[s]` | * | addresses to listen on |\n");
	buf_add_text(out, "\n## Ad-hoc commands\n\n| setting | default | meaning |\n|---|---|---|\n"
			  "| `X/command/NODE` | ADMIN | who may run this command of X (sess-man, vhost-man) besides administrators, within the "
			  "own domain: ALL, LOCAL, DOMAIN:domain, JID:name@domain, or several of them |\n");
	buf_add_text(out, "\n## Domains (`--virt-hosts=domain[:flag…],…`)\n\n| flag | meaning |\n|---|---|\n");
	for (size_t i = 0; i < config_flag_count(); i++) {
		struct config_flag f = config_flag(i);

		buf_addf(out, "| `%s%s` | %s |\n", f.flag, f.kind == CONFIG_FLAG_BOOL ? "" : f.kind == CONFIG_FLAG_LIST ? "=a;b" : "=…", f.doc);
	}
	print_rows("Components (`message-router/components/msg-receivers/id-names[s]`)", component_rows, CONFIG_COMPONENT_COUNT, out);
	print_rows("Plugins (`sess-man/plugins[s]`, `--sm-plugins`)", plugin_rows, CONFIG_PLUGIN_COUNT, out);
	buf_add_text(out, "\n## Accepted without effect\n\n| setting | why |\n|---|---|\n");
	for (size_t i = 0; i < option_later_count; i++)
		buf_addf(out, "| `%s` | %s |\n", option_laters[i].key, option_laters[i].doc);
}

void config_print_sample(struct buf *out)
{
	buf_add_text(out, "# Every setting of Switchboard with its default. Printed by `switchboard --print-reference sample`.\n"
			  "# Take the # away in front of what you change. Most installations need these four:\n#\n"
			  "# --virt-hosts=acme.example\n# sess-man/desk/seats[s]=alice@acme.example,bob@acme.example\n"
			  "# sess-man/desk/robots[s]=robot*@acme.example\n# --ssl-certs-location=certs/\n");
	for (size_t chapter = 0; chapter < ARRAY_LEN(chapters); chapter++) {
		buf_addf(out, "\n### %s\n", chapters[chapter].title);
		for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
			const struct option_row *row = &option_rows[i];

			if (chapter_of(row->key) != chapter)
				continue;
			buf_addf(out, "\n# %s", row->doc);
			if (row->kind == OPTION_KIND_ENUM || row->kind == OPTION_KIND_INT) {
				buf_add_text(out, " (");
				print_range(row, out);
				buf_add_text(out, ")");
			}
			buf_add_text(out, "\n#");
			add_key(out, row->key);
			buf_addf(out, "%s=%s\n", option_suffix(row), row->standard);
		}
	}
}
