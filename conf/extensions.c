/* Shared objects that a configuration names, and the settings that are theirs: which pair of the file means a setting of a plugin
 * or a component, by Tigase's rules. What the settings mean only the extension knows (actors/extension/). */
#include <stdio.h>
#include <stdlib.h>

#include "conf/inner.h"
#include "runtime/mem/buf.h"

#define LIST "sess-man/extensions"
#define NAME_PREFIX "--comp-name-"
#define CLASS_PREFIX "--comp-class-"
#define NAME_BYTES_MAX 63 /* a component's name is a label of a domain */

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A class of Tigase is a Java name; ours is a file. */
static bool is_file(const char *class)
{
	size_t n = strlen(class);

	return n > 3 && strcmp(class + n - 3, ".so") == 0;
}

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= NAME_BYTES_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && *name != '-';
}

static bool is_known_component(const char *name)
{
	for (int i = 0; i < CONFIG_COMPONENT_COUNT; i++)
		if (strcmp(component_rows[i].id, name) == 0)
			return true;
	return false;
}

static const struct config_extension *find(const struct config *c, const char *name, bool component)
{
	for (size_t i = 0; i < c->extension_count; i++)
		if (c->extensions[i].is_component == component && strcmp(c->extensions[i].name, name) == 0)
			return &c->extensions[i];
	return NULL;
}

/* Takes name. */
static void add(struct loading *l, const char *path, char *name, bool component, const struct config_raw *source)
{
	struct config *c = l->c;

	if (!strchr(path, '/')) {
		loading_problem(l, CONFIG_FATAL, source, "'%s' is no path; write where the shared object lies, for example ./%s", path, path);
		free(name);
	} else if (find(c, name, component)) {
		loading_problem(l, CONFIG_FATAL, source, "there are two %s of the name %s", component ? "components" : "plugins", name);
		free(name);
	} else {
		c->extensions = xrealloc(c->extensions, (c->extension_count + 1) * sizeof(*c->extensions));
		c->extensions[c->extension_count++] = (struct config_extension){ xstrdup(path), name, component, source };
	}
}

static void find_plugins(struct loading *l)
{
	const struct config_raw *raw = loading_find(l, LIST);
	struct config_list files;

	if (!raw)
		return;
	option_parse_list(raw->value, &files);
	for (size_t i = 0; i < files.count; i++) {
		const char *path = files.items[i], *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

		if (!is_file(base))
			loading_problem(l, CONFIG_FATAL, raw, "'%s' is no shared object: its name must end in .so", path);
		else
			add(l, path, xstrndup(base, strlen(base) - 3), false, raw);
	}
	option_free_list(&files);
}

/* The name that stands beside the class: --comp-name-1 for --comp-class-1. */
static char *name_of(const struct loading *l, const struct config_raw *class)
{
	struct buf key = BUF_INIT;
	const struct config_raw *raw;
	char *text, *name;

	buf_addf(&key, NAME_PREFIX "%s", class->key + sizeof(CLASS_PREFIX) - 1);
	text = buf_take_text(&key);
	raw = loading_find(l, text);
	free(text);
	name = raw ? xstrdup(raw->value) : NULL;
	for (char *p = name; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	return name;
}

static void find_component(struct loading *l, const struct config_raw *class)
{
	char *name = name_of(l, class);

	if (!name)
		loading_problem(l, CONFIG_FATAL, class, "%s has no " NAME_PREFIX "%s beside it: what is the component to be called?", class->key,
				class->key + sizeof(CLASS_PREFIX) - 1);
	else if (!is_name(name))
		loading_problem(l, CONFIG_FATAL, class, "'%s' cannot be the name of a component: letters, digits and -, at most %d", name,
				NAME_BYTES_MAX);
	else if (is_known_component(name))
		loading_problem(l, CONFIG_FATAL, class, "'%s' is the name of a component of the server's own; choose another one", name);
	else {
		add(l, class->value, name, true, class);
		return;
	}
	free(name);
}

void extensions_find(struct loading *l)
{
	find_plugins(l);
	for (size_t i = 0; i < l->c->raw_count; i++)
		if (has_prefix(l->c->raw[i].key, CLASS_PREFIX) && is_file(l->c->raw[i].value))
			find_component(l, &l->c->raw[i]);
}

/* --comp-class-X with a file, and --comp-name-X beside one. */
static bool is_of_component(const struct loading *l, const struct config_raw *raw)
{
	struct buf key = BUF_INIT;
	const struct config_raw *class;
	char *text;

	if (has_prefix(raw->key, CLASS_PREFIX))
		return is_file(raw->value);
	if (!has_prefix(raw->key, NAME_PREFIX))
		return false;
	buf_addf(&key, CLASS_PREFIX "%s", raw->key + sizeof(NAME_PREFIX) - 1);
	text = buf_take_text(&key);
	class = loading_find(l, text);
	free(text);
	return class && is_file(class->value);
}

bool extensions_own(const struct loading *l, const struct config_raw *raw)
{
	const struct config *c = l->c;

	if (is_of_component(l, raw))
		return true;
	for (size_t i = 0; i < c->extension_count; i++)
		if (config_extension_owns(&c->extensions[i], raw->key))
			return true;
	return false;
}

bool extensions_have_plugin(const struct loading *l, const char *id)
{
	return find(l->c, id, false) != NULL;
}

void extensions_drop_plugin(struct loading *l, const char *id)
{
	struct config *c = l->c;

	for (size_t i = 0; i < c->extension_count; i++) {
		if (c->extensions[i].is_component || strcmp(c->extensions[i].name, id) != 0)
			continue;
		free(c->extensions[i].path);
		free(c->extensions[i].name);
		memmove(&c->extensions[i], &c->extensions[i + 1], (--c->extension_count - i) * sizeof(*c->extensions));
		return;
	}
}

void extensions_forget(struct config *c)
{
	for (size_t i = 0; i < c->extension_count; i++) {
		free(c->extensions[i].path);
		free(c->extensions[i].name);
	}
	free(c->extensions);
}

const struct config_raw *config_extension_setting(const struct config *c, const struct config_extension *e, const char *key)
{
	const struct config_raw *found = NULL;
	struct buf whole = BUF_INIT;
	char *text;

	buf_addf(&whole, "%s%s/%s", e->is_component ? "" : PLUGIN_CONF, e->name, key);
	text = buf_take_text(&whole);
	for (size_t i = 0; i < c->raw_count; i++) {
		const struct config_raw *raw = &c->raw[i];

		if (e->is_component ? strcmp(raw->key, text) != 0 : !plugin_setting_means(raw->key, text))
			continue;
		if (!found || e->is_component || !plugin_setting_is_common(raw->key) || plugin_setting_is_common(found->key))
			found = raw; /* one of its own wins, wherever it stands */
	}
	free(text);
	return found;
}

bool config_extension_owns(const struct config_extension *e, const char *key)
{
	return e->is_component ? has_prefix(key, e->name) && key[strlen(e->name)] == '/' : plugin_setting_is_of(key, e->name);
}
