/* Opens shared objects and looks whether they are what they should be. Everything that is wrong is one line with the place in
 * the configuration. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "actors/extension/inner.h"
#include "actors/session/pipeline.h"
#include "runtime/log.h"

/* Both descriptors begin so. */
struct head {
	uint32_t abi, size;
};

static void report(struct config *conf, struct config_problems *problems, const struct config_extension *named, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void report(struct config *conf, struct config_problems *problems, const struct config_extension *named, const char *fmt, ...)
{
	char text[1000];
	va_list args;
	int n = snprintf(text, sizeof(text), "%s: ", named->path);

	va_start(args, fmt);
	if (n > 0 && (size_t)n < sizeof(text))
		vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, args);
	va_end(args);
	config_report(conf, problems, CONFIG_FATAL, named->source, text);
}

/* Who can write to the file can run what he likes with the server's rights. */
static void warn_of_writers(struct config *conf, struct config_problems *problems, const struct config_extension *named)
{
	struct stat st;
	char text[600];

	if (stat(named->path, &st) != 0 || !(st.st_mode & S_IWOTH))
		return;
	snprintf(text, sizeof(text), "%s may be written by everybody: whoever does so runs as the server; chmod o-w", named->path);
	config_report(conf, problems, CONFIG_WARNING, named->source, text);
}

/* Its descriptor, checked and copied to `out` of `size` bytes, with zeros where an older one ends; or false. */
static bool take_descriptor(struct config *conf, struct config_problems *problems, const struct config_extension *named, void *object,
			    void *out, size_t size)
{
	const char *symbol = named->is_component ? "switchboard_component" : "switchboard_plugin";
	const struct head *head = dlsym(object, symbol);

	if (!head)
		report(conf, problems, named, "it exports no %s: it is no %s for Switchboard", symbol, named->is_component ? "component" : "plugin");
	else if (head->abi != SB_ABI)
		report(conf, problems, named, "it was built for interface %u, this server has %u; build it with this server's switchboard.h",
		       head->abi, SB_ABI);
	else if (head->size > size || head->size < sizeof(*head))
		report(conf, problems, named, "its %s has %u bytes, this server knows %zu; it was built for a newer server", symbol, head->size, size);
	else
		memcpy(out, head, head->size);
	return head && head->abi == SB_ABI && head->size <= size && head->size >= sizeof(*head);
}

static bool check_plugin(struct config *conf, struct config_problems *problems, const struct extension *e)
{
	const struct sb_plugin *p = &e->plugin;

	if (!p->id || strcmp(p->id, e->named->name) != 0) {
		report(conf, problems, e->named, "its plugin is called '%s'; a plugin's file bears its id, so this one must be %s.so",
		       p->id ? p->id : "", p->id ? p->id : "ID");
		return false;
	}
	for (const struct sb_processor *r = p->processors; r && r->kind; r++)
		if (r->kind > SB_IQ || !r->process) {
			report(conf, problems, e->named, "processor %d is of no kind, or has no function", (int)(r - p->processors));
			return false;
		}
	return true;
}

static bool check_component(struct config *conf, struct config_problems *problems, const struct extension *e)
{
	if (e->component.receive && e->component.category && e->component.type)
		return true;
	report(conf, problems, e->named, "its component lacks receive, category or type");
	return false;
}

static bool call_init(struct config *conf, struct config_problems *problems, const struct extension *e)
{
	bool (*init)(struct sb_setup *) = e->named->is_component ? e->component.init : e->plugin.init;
	struct sb_setup setup = { .conf = conf, .named = e->named, .problems = problems };
	bool ok = !init || init(&setup);

	if (!ok && setup.refused == 0)
		report(conf, problems, e->named, "it says that it cannot start, and not why");
	if (ok)
		setup_finish(&setup);
	for (size_t i = 0; i < setup.asked.count; i++)
		free(setup.asked.items[i]);
	free(setup.asked.items);
	return ok && setup.refused == 0;
}

static bool load_one(struct config *conf, struct config_problems *problems, struct extension *e)
{
	const struct config_extension *named = e->named;
	void *object = dlopen(named->path, RTLD_NOW | RTLD_LOCAL);
	bool ok;

	if (!object) { /* its text begins with the path */
		config_report(conf, problems, CONFIG_FATAL, named->source, dlerror());
		return false;
	}
	warn_of_writers(conf, problems, named);
	if (named->is_component)
		ok = take_descriptor(conf, problems, named, object, &e->component, sizeof(e->component)) && check_component(conf, problems, e);
	else
		ok = take_descriptor(conf, problems, named, object, &e->plugin, sizeof(e->plugin)) && check_plugin(conf, problems, e);
	return ok && call_init(conf, problems, e);
}

struct extensions *extensions_load(struct config *conf, struct config_problems *problems)
{
	struct extensions *all;

	if (conf->extension_count == 0)
		return NULL;
	all = xcalloc(1, sizeof(*all));
	all->items = xcalloc(conf->extension_count, sizeof(*all->items));
	for (size_t i = 0; i < conf->extension_count; i++) {
		struct extension *e = &all->items[all->count];

		*e = (struct extension){ .named = &conf->extensions[i] };
		if (!load_one(conf, problems, e))
			continue;
		all->count++;
		all->plugin_count += !e->named->is_component;
	}
	if (all->plugin_count)
		plugins_describe(all);
	return all;
}

const struct xep *extensions_xep(const struct extensions *e)
{
	return e ? e->xep : NULL;
}

void extensions_free(struct extensions *e)
{
	if (!e)
		return;
	free(e->features);
	free(e->account_features);
	free(e->xep);
	free(e->items);
	free(e);
}
