/* From files to one typed struct. Everything wrong is collected; nothing stops at the first mistake. */
#include "conf/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/inner.h"
#include "conf/properties.h"
#include "runtime/mem/buf.h"

#define FILE_BYTES_MAX (4u * 1024 * 1024) /* a hundred times a long one; more is some other file */

void loading_problem(struct loading *l, enum config_severity severity, const struct config_raw *where, const char *fmt, ...)
{
	struct config_problems *p = l->problems;
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (where && where->key && !strstr(text, where->key)) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, " (%s)", where->key);
	}
	p->items = xrealloc(p->items, (p->count + 1) * sizeof(*p->items));
	p->items[p->count++] = (struct config_problem){ severity, where ? xstrdup(where->file ? where->file : CONFIG_COMMAND_LINE) : NULL,
							where && where->file ? where->line : 0, xstrdup(text) };
}

/* The command line, the files in their order, what has no place. */
static size_t place_of(const struct config *c, const struct config_problem *p)
{
	if (!p->file)
		return c->files.count + 1;
	for (size_t i = 0; i < c->files.count; i++)
		if (strcmp(c->files.items[i], p->file) == 0)
			return i + 1;
	return 0;
}

void loading_sort(struct loading *l)
{
	struct config_problems *p = l->problems;

	/* By insertion: nearly sorted as found, and what is of one line keeps its order. */
	for (size_t i = 1; i < p->count; i++) {
		struct config_problem moving = p->items[i];
		size_t place = place_of(l->c, &moving), to = i;

		for (; to > 0; to--) {
			size_t before = place_of(l->c, &p->items[to - 1]);

			if (before < place || (before == place && p->items[to - 1].line <= moving.line))
				break;
			p->items[to] = p->items[to - 1];
		}
		p->items[to] = moving;
	}
}

/* A key may hold a line break, as an escape; the line that names it may not. */
static void add_on_one_line(struct buf *out, const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			buf_addf(out, "\\x%02x", (unsigned char)*text);
		else
			buf_add(out, text, 1);
}

void config_problem_print(const struct config_problem *p, struct buf *out)
{
	buf_addf(out, "%s:", p->file ? p->file : "configuration");
	if (p->line)
		buf_addf(out, "%u:", p->line);
	buf_addf(out, " %s: ", p->severity == CONFIG_FATAL ? "error" : "warning");
	add_on_one_line(out, p->text);
}

const struct config_raw *config_raw_find(const struct config *c, const char *key)
{
	for (size_t i = c->raw_count; i > 0; i--)
		if (strcmp(c->raw[i - 1].key, key) == 0)
			return &c->raw[i - 1];
	return NULL;
}

const struct config_raw *loading_find(const struct loading *l, const char *key)
{
	return config_raw_find(l->c, key);
}

/* Keeps the pair; an earlier one with the same key gives way, and so does its place: what stands later counts, also between
 * two spellings of one setting. */
static void keep(struct loading *l, const struct property *p, const char *file)
{
	struct config *c = l->c;
	struct config_raw fresh = { p->key, p->value, p->type, file ? xstrdup(file) : NULL, p->line };

	for (size_t i = 0; i < c->raw_count; i++) {
		struct config_raw *old = &c->raw[i];

		if (strcmp(old->key, fresh.key) != 0)
			continue;
		if (old->file && file && strcmp(old->file, file) == 0)
			loading_problem(l, CONFIG_WARNING, &fresh, "%s was set on line %u already; this one counts", fresh.key, old->line);
		free(old->key);
		free(old->value);
		free(old->file);
		memmove(old, old + 1, (--c->raw_count - i) * sizeof(*old));
		break;
	}
	c->raw = xrealloc(c->raw, (c->raw_count + 1) * sizeof(*c->raw));
	c->raw[c->raw_count++] = fresh;
}

static void take_text(struct loading *l, struct span text, const char *file)
{
	struct properties parsed;

	properties_parse(text, &parsed);
	for (size_t i = 0; i < parsed.note_count; i++)
		loading_problem(l, CONFIG_WARNING, &(struct config_raw){ .file = (char *)(uintptr_t)file, .line = parsed.notes[i].line },
				"%s", parsed.notes[i].text);
	for (size_t i = 0; i < parsed.count; i++) {
		keep(l, &parsed.items[i], file);
		parsed.items[i].key = parsed.items[i].value = NULL;
	}
	properties_free(&parsed);
}

/* What keeps the bytes from being a configuration at all, or NULL. */
static const char *wrong_with(struct span text)
{
	if (text.n >= 2 && (memcmp(text.p, "\xff\xfe", 2) == 0 || memcmp(text.p, "\xfe\xff", 2) == 0))
		return "is UTF-16; save it as UTF-8";
	if (text.n && memchr(text.p, '\0', text.n))
		return "is not a text file: there are NUL bytes in it";
	return NULL;
}

/* Only ordinary files, so that nothing waits for a pipe's writer, and no more than a configuration can be. */
static const char *read_text(FILE *file, struct buf *text)
{
	struct stat st;
	size_t n;

	if (fstat(fileno(file), &st) != 0)
		return strerror(errno);
	if (S_ISDIR(st.st_mode))
		return strerror(EISDIR);
	if (!S_ISREG(st.st_mode))
		return "it is no ordinary file";
	do {
		n = fread(buf_reserve(text, 65536), 1, 65536, file);
		buf_commit(text, n);
	} while (n > 0 && buf_len(text) <= FILE_BYTES_MAX);
	if (ferror(file))
		return strerror(errno);
	return buf_len(text) > FILE_BYTES_MAX ? "it is larger than 4 MiB; is this the right file?" : NULL;
}

static void take_file(struct loading *l, const char *path)
{
	struct config_raw place = { .file = (char *)(uintptr_t)path };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct buf text = BUF_INIT;
	const char *problem = file ? read_text(file, &text) : strerror(errno);

	if (problem)
		loading_problem(l, CONFIG_FATAL, &place, "cannot be read: %s", problem);
	else if ((problem = wrong_with(buf_span(&text))))
		loading_problem(l, CONFIG_FATAL, &place, "%s", problem);
	else
		take_text(l, buf_span(&text), path);
	if (file)
		fclose(file);
	buf_fini(&text);
}

static void set_defaults(struct config *c)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		char *problem = NULL;

		if (!option_set(c, &option_rows[i], option_rows[i].standard, &problem))
			BUG(problem);
	}
}

/* A missing or wrong type suffix is a classic trap of the format: in Tigase the value would be ignored. */
static void check_suffix(struct loading *l, const struct option_row *row, const struct config_raw *raw)
{
	static const struct {
		enum option_kind kind;
		const char *types;
	} fits[] = { { OPTION_KIND_BOOL, "B" }, { OPTION_KIND_INT, "ILF" }, { OPTION_KIND_LIST, "sil" }, { OPTION_KIND_TEXT, "S" },
		     { OPTION_KIND_ENUM, "S" }, { OPTION_KIND_SECRET, "S" } };

	if (raw->key[0] == '-')
		return;
	for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
		if (fits[i].kind != row->kind || (raw->type && strchr(fits[i].types, raw->type)))
			continue;
		if (!raw->type && fits[i].types[0] == 'S')
			return;
		loading_problem(l, CONFIG_WARNING, raw, "%s should be written %s%s; the value is taken as that", raw->key, row->key,
				*option_suffix(row) ? option_suffix(row) : " without a type");
	}
}

static void apply(struct loading *l, const struct option_row *row, const struct config_raw *raw)
{
	char *problem = NULL;

	check_suffix(l, row, raw);
	l->c->source[row - option_rows] = raw;
	if (!option_set(l->c, row, raw->value, &problem)) {
		loading_problem(l, CONFIG_FATAL, raw, "%s", problem);
		free(problem);
	}
}

/* Whether the ids in front of a setting's key, `id` or `id1,id2`, name this one. */
static bool names(const char *list, size_t n, struct span id)
{
	struct config_list ids;
	bool found = false;
	char *text = xstrndup(list, n);

	option_parse_list(text, &ids);
	for (size_t i = 0; i < ids.count; i++)
		found |= span_is(id, ids.items[i]);
	option_free_list(&ids);
	free(text);
	return found;
}

static bool is_plugin_setting(const char *key)
{
	return strncmp(key, PLUGIN_CONF, sizeof(PLUGIN_CONF) - 1) == 0;
}

bool plugin_setting_means(const char *written, const char *key)
{
	const char *rest = written + sizeof(PLUGIN_CONF) - 1, *name, *id = key + sizeof(PLUGIN_CONF) - 1, *own;

	if (!is_plugin_setting(written) || !is_plugin_setting(key) || !(own = strrchr(id, '/')))
		return false;
	name = strrchr(rest, '/');
	if (!name)
		return strcmp(own + 1, rest) == 0;
	return strcmp(own, name) == 0 && names(rest, (size_t)(name - rest), (struct span){ id, (size_t)(own - id) });
}

bool plugin_setting_is_common(const char *key)
{
	return is_plugin_setting(key) && !strchr(key + sizeof(PLUGIN_CONF) - 1, '/');
}

bool plugin_setting_is_of(const char *written, const char *id)
{
	const char *rest = written + sizeof(PLUGIN_CONF) - 1, *name = is_plugin_setting(written) ? strrchr(rest, '/') : NULL;

	return name && names(rest, (size_t)(name - rest), span_of(id));
}

static void apply_as(struct loading *l, enum config_option option, const struct config_raw *raw)
{
	const struct config_raw *before = l->c->source[option];

	/* Common to all plugins: one of its own wins, wherever it stands. */
	if (before != raw && (!plugin_setting_is_common(raw->key) || !before || plugin_setting_is_common(before->key)))
		apply(l, &option_rows[option], raw);
}

/* True when options of ours were meant. */
static bool apply_plugin_setting(struct loading *l, const struct config_raw *raw)
{
	bool any = false;

	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (plugin_setting_means(raw->key, option_rows[i].key)) {
			apply_as(l, (enum config_option)i, raw);
			any = true;
		}
	for (size_t i = 0; i < option_alias_count; i++)
		if (plugin_setting_means(raw->key, option_aliases[i].key)) {
			apply_as(l, option_aliases[i].option, raw);
			any = true;
		}
	return any;
}

static const char *nearest_key(const char *key)
{
	static const char *const left_out[] = { "--", "sess-man/", "sess-man/plugins-conf/" };
	struct nearest n = nearest_to(key);

	for (size_t i = 0; i < ARRAY_LEN(left_out); i++) {
		char whole[256];
		const struct option_row *row;

		snprintf(whole, sizeof(whole), "%s%s", left_out[i], key);
		row = option_find(whole);
		if (row)
			return row->key;
	}
	option_consider_all(&n);
	lists_consider_keys(&n);
	return n.best;
}

static bool is_our_component(const char *key)
{
	static const char *const own[] = { "sess-man/", "c2s/", "bosh/", "ws2s/", "amp/", "basic-conf/", "monitor/", "vhost-man/" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strncmp(key, own[i], strlen(own[i])) == 0)
			return true;
	return false;
}

/* "key[X]" with a known key and an X that stands for no type: the parser left it on the key. */
static const struct option_row *find_with_odd_type(const char *key)
{
	size_t n = strlen(key);
	const struct option_row *row;
	char *bare;

	if (n < 4 || key[n - 1] != ']' || !strrchr(key, '['))
		return NULL;
	bare = xstrndup(key, (size_t)(strrchr(key, '[') - key));
	row = option_find(bare);
	free(bare);
	return row;
}

/* A key that ends where one of ours has a colon: "c2s/processors/urn:xmpp:sm:3/…" without the backslashes. */
static bool is_cut_at_colon(const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (strncmp(option_rows[i].key, key, n) == 0 && option_rows[i].key[n] == ':')
			return true;
	return false;
}

static bool is_of_built_plugin(const char *key)
{
	for (size_t i = 0; i < CONFIG_PLUGIN_COUNT; i++)
		if (plugin_setting_is_of(key, plugin_rows[i].id))
			return true;
	return false;
}

static void report_unknown(struct loading *l, const struct config_raw *raw)
{
	const char *near = nearest_key(raw->key);
	const struct option_row *typed = find_with_odd_type(raw->key);

	if (typed)
		loading_problem(l, CONFIG_FATAL, raw, "'%s' is no type; write %s%s", strrchr(raw->key, '['), typed->key,
				option_suffix(typed));
	else if (listeners_is_port_setting(raw->key))
		loading_problem(l, CONFIG_WARNING, raw, "unknown setting %s; a port has socket, type and ifc", raw->key);
	else if (is_cut_at_colon(raw->key))
		loading_problem(l, CONFIG_WARNING, raw, "the key ends at the colon behind %s; in keys a colon is written \\:", raw->key);
	else if (raw->key[0] != '-' && !strchr(raw->key, '/'))
		loading_problem(l, CONFIG_WARNING, raw, "'%s' is no setting: a key needs at least component_name/key_name%s%s%s", raw->key,
				near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	else if (near)
		loading_problem(l, CONFIG_WARNING, raw, "unknown setting %s; did you mean %s?", raw->key, near);
	else if (raw->key[0] == '-' && !raw->file && l->c->extension_count == 0)
		loading_problem(l, CONFIG_WARNING, raw, "unknown option %s on the command line; it has no effect", raw->key);
	else if (is_plugin_setting(raw->key) ? is_of_built_plugin(raw->key) : is_our_component(raw->key))
		loading_problem(l, CONFIG_WARNING, raw, "unknown setting %s; it has no effect, though extensions can read it", raw->key);
	/* others belong to extensions: kept, shown in the dump, not remarked on */
}

static void classify(struct loading *l, const struct config_raw *raw)
{
	const struct option_row *row = option_find(raw->key);
	const struct option_later *later;

	if (row)
		apply(l, row, raw);
	else if (lists_know_key(raw->key))
		return;
	else if (is_plugin_setting(raw->key) && apply_plugin_setting(l, raw))
		return;
	else if (extensions_own(l, raw))
		return;
	else if ((later = option_find_later(raw->key)))
		loading_problem(l, CONFIG_WARNING, raw, "%s is accepted and has no effect: %s", raw->key, later->doc);
	else
		report_unknown(l, raw);
}

static struct config *finish(struct loading *l)
{
	extensions_find(l);
	for (size_t i = 0; i < l->c->raw_count; i++)
		classify(l, &l->c->raw[i]);
	lists_read_components(l);
	lists_read_plugins(l);
	vhosts_read(l);
	listeners_read(l);
	check_all(l);
	l->c->hosts = hosts_new();
	for (size_t i = 0; i < l->c->vhost_count; i++)
		hosts_add_static(l->c->hosts, &l->c->vhosts[i]);
	loading_sort(l);
	return l->c;
}

struct config *config_load(const char *const *files, size_t file_count, const char *const *extra, size_t extra_count,
			   struct config_problems *problems)
{
	struct loading l = { .c = xcalloc(1, sizeof(struct config)), .problems = problems };

	set_defaults(l.c);
	for (size_t i = 0; i < extra_count; i++)
		take_text(&l, span_of(extra[i]), NULL);
	for (size_t i = 0; i < file_count; i++) {
		option_add_item(&l.c->files, xstrdup(files[i]));
		take_file(&l, files[i]);
	}
	return finish(&l);
}

struct config *config_for_test(const char *lines)
{
	struct config_problems problems = { 0 };
	struct loading l = { .c = xcalloc(1, sizeof(struct config)), .problems = &problems };

	set_defaults(l.c);
	take_text(&l, SPAN_LIT("basic-conf/config-dump-file=none\n"), NULL);
	if (lines)
		take_text(&l, span_of(lines), NULL);
	finish(&l);
	for (size_t i = 0; i < problems.count; i++)
		if (problems.items[i].severity == CONFIG_FATAL)
			BUG(problems.items[i].text);
	config_problems_free(&problems);
	return l.c;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		option_free(c, &option_rows[i]);
	hosts_free(c->hosts);
	for (size_t i = 0; i < c->vhost_count; i++)
		vhosts_fini(&c->vhosts[i]);
	for (size_t i = 0; i < c->listener_count; i++)
		option_free_list(&c->listeners[i].interfaces);
	for (size_t i = 0; i < c->raw_count; i++) {
		free(c->raw[i].key);
		free(c->raw[i].value);
		free(c->raw[i].file);
	}
	extensions_forget(c);
	option_free_list(&c->files);
	free(c->vhosts);
	free(c->listeners);
	free(c->raw);
	free(c);
}

void config_problems_free(struct config_problems *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].file);
		free(p->items[i].text);
	}
	free(p->items);
	*p = (struct config_problems){ 0 };
}

bool config_has_fatal(const struct config_problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].severity == CONFIG_FATAL)
			return true;
	return false;
}

enum config_durability config_durability(const struct config *c, struct span domain)
{
	const struct config_vhost *v = config_vhost(c, domain);

	return v ? v->durability : CONFIG_DURABILITY_D0;
}

bool config_wants_tls(const struct config *c)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].socket == CONFIG_SOCKET_SSL ||
		    (c->listeners[i].component == CONFIG_COMPONENT_c2s && c->plugins[CONFIG_PLUGIN_starttls]))
			return true;
	return false;
}

void config_report(struct config *c, struct config_problems *problems, enum config_severity severity, const struct config_raw *where,
		   const char *text)
{
	struct loading l = { .c = c, .problems = problems };

	loading_problem(&l, severity, where, "%s", text);
	loading_sort(&l);
}

const char *config_raw_value(const struct config *c, const char *key)
{
	const struct config_raw *raw = config_raw_find(c, key);

	return raw ? raw->value : NULL;
}
