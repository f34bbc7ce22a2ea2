#pragma once
/* What the files of conf share while a configuration is being built. */
#include "conf/option.h"

struct loading {
	struct config *c;
	struct config_problems *problems;
};

/* Adds a problem. `where` NULL: no place in a file; a pair without a file stood on the command line. The
 * key is added when the text does not name it. */
void loading_problem(struct loading *l, enum config_severity severity, const struct config_raw *where, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Puts the problems into the order of the files and their lines. */
void loading_sort(struct loading *l);
/* The last pair with this key, or NULL. */
const struct config_raw *loading_find(const struct loading *l, const char *key);

/* lists.c: what is chosen by lists rather than by single options */
bool lists_know_key(const char *key);
void lists_consider_keys(struct nearest *n);
const struct config_raw *lists_plugin_source(const struct loading *l); /* where plugins were chosen; NULL = default */
void lists_read_components(struct loading *l);
void lists_read_plugins(struct loading *l);
enum plugin_state { PLUGIN_CORE, PLUGIN_BUILT, PLUGIN_LATER };
struct plugin_row {
	const char *id;
	enum plugin_state state;
	bool standard;
	const char *doc;
};
extern const struct plugin_row plugin_rows[CONFIG_PLUGIN_COUNT];
extern const struct plugin_row component_rows[CONFIG_COMPONENT_COUNT];

/* vhosts.c: the flags of domains */
void vhosts_read(struct loading *l);
void vhosts_fini(struct config_vhost *v); /* what it owns, not the struct */

/* hosts.c: the table of domains */
struct config_hosts *hosts_new(void);
void hosts_add_static(struct config_hosts *t, const struct config_vhost *v); /* stays its owner's */
void hosts_free(struct config_hosts *t);

/* config.c: settings of plugins as written, `id/key`, `id1,id2/key`, or `key` for all, behind this (spec of the format in
 * docs/operations.md) */
#define PLUGIN_CONF "sess-man/plugins-conf/"
bool plugin_setting_means(const char *written, const char *key); /* key: PLUGIN_CONF id / key */
bool plugin_setting_is_common(const char *key);
bool plugin_setting_is_of(const char *written, const char *id); /* any key of this plugin */

/* extensions.c: what is loaded from shared objects */
void extensions_find(struct loading *l); /* before the options are read */
bool extensions_own(const struct loading *l, const struct config_raw *raw); /* names one, or may be a setting of one */
bool extensions_have_plugin(const struct loading *l, const char *id);
void extensions_drop_plugin(struct loading *l, const char *id);
void extensions_forget(struct config *c);

/* listeners.c: ports and what is set for each */
bool listeners_parse_port(const char *text, uint16_t *out); /* 1 to 65535, decimal */
bool listeners_know_key(const char *key);
void listeners_consider_keys(struct nearest *n);
/* Whether it is X/connections/PORT/something, a setting of a port. */
bool listeners_is_port_setting(const char *key);
void listeners_read(struct loading *l);

/* patterns.c: addresses of seats, robots, visitors, admins */
bool patterns_meet(const char *a, const char *b); /* whether a text fits both; '*' = any run */
bool patterns_name_visitors(const struct config *c, const struct config_vhost *v); /* sess-man/desk/visitors has some there */
const char *patterns_wrong_with(const char *address); /* what keeps any address from matching, or NULL */
void patterns_check(struct loading *l);

/* check.c: rules between options */
void check_mechanisms(struct loading *l, const struct config_list *list, const struct config_raw *where);
void check_all(struct loading *l);
bool check_is_certificate_name(const char *name);
