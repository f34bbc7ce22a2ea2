#pragma once
/* The whole configuration as one typed, immutable struct, built from init.properties by the tables options.def,
 * plugins.def and components.def. Read by all threads without locks. */
#include "runtime/mem/span.h"

struct buf;

struct config_list {
	char **items;
	size_t count;
};

enum config_option {
#define OPTION_BOOL(field, key, def, doc) CONFIG_OPTION_##field,
#define OPTION_INT(field, key, def, min, max, unit, doc) CONFIG_OPTION_##field,
#define OPTION_TEXT(field, key, def, doc) CONFIG_OPTION_##field,
#define OPTION_SECRET(field, key, def, doc) CONFIG_OPTION_##field,
#define OPTION_LIST(field, key, def, doc) CONFIG_OPTION_##field,
#define OPTION_ENUM(field, key, names, def, doc) CONFIG_OPTION_##field,
#define ALIAS(field, key)
#define LATER(key, doc)
#include "conf/options.def"
#undef OPTION_BOOL
#undef OPTION_INT
#undef OPTION_TEXT
#undef OPTION_SECRET
#undef OPTION_LIST
#undef OPTION_ENUM
	CONFIG_OPTION_COUNT
};

enum config_plugin {
#define PLUGIN(NAME, id, state, on, doc) CONFIG_PLUGIN_##NAME,
#define ALIAS_PLUGIN(id, ids)
#include "conf/plugins.def"
#undef PLUGIN
	CONFIG_PLUGIN_COUNT
};

enum config_component {
#define COMPONENT(NAME, id, state, on, doc) CONFIG_COMPONENT_##NAME,
#include "conf/components.def"
#undef COMPONENT
	CONFIG_COMPONENT_COUNT
};

/* Positions of enum options, in the order of their names in options.def. */
enum { CONFIG_PLAIN_LOOPBACK, CONFIG_PLAIN_ALWAYS, CONFIG_PLAIN_NEVER };
enum { CONFIG_SANDBOX_AUTO, CONFIG_SANDBOX_REQUIRE, CONFIG_SANDBOX_OFF };
enum { CONFIG_SEAT_AUTH_PASSWORD, CONFIG_SEAT_AUTH_COOKIE };
enum { CONFIG_SEAT_LEAST_CHATS, CONFIG_SEAT_ROUND_ROBIN, CONFIG_SEAT_RANDOM, CONFIG_SEAT_HASH };
enum { CONFIG_ROBOT_ROUND_ROBIN, CONFIG_ROBOT_LEAST_SESSIONS, CONFIG_ROBOT_HASH, CONFIG_ROBOT_RANDOM };
enum config_durability { CONFIG_DURABILITY_D0, CONFIG_DURABILITY_D1, CONFIG_DURABILITY_D2 };
enum { CONFIG_DELIVERY_INTELLIGENT, CONFIG_DELIVERY_STRICT };
enum { CONFIG_AMP_STRICT, CONFIG_AMP_PERFORMANCE, CONFIG_AMP_NONE };
enum { CONFIG_QUOTA_ERROR, CONFIG_QUOTA_DROP };
enum { CONFIG_RETURN_AUTO, CONFIG_RETURN_OFFER, CONFIG_RETURN_NEVER };
enum { CONFIG_VIEW_SEAT, CONFIG_VIEW_DESK };

enum config_filter { /* domain-filter: whom the users of a domain may talk to */
	CONFIG_FILTER_DEFAULT, /* nothing said: LOCAL for visitors, ALL for accounts */
	CONFIG_FILTER_ALL, CONFIG_FILTER_LOCAL, CONFIG_FILTER_OWN, CONFIG_FILTER_BLOCK,
	CONFIG_FILTER_LIST, CONFIG_FILTER_BLACKLIST, /* of filter_items: domains */
	CONFIG_FILTER_CUSTOM, /* filter_items: rules, in the order written */
};

struct config_vhost { /* immutable; conf/vhosts.def says what each flag does */
	char *name; /* lower case, prepared */
	bool anonymous, tls_required, registration, client_cert_required, see_other_host;
	bool named_visitors; /* a pattern of desk_visitors matches addresses of this domain */
	int64_t max_users;
	enum config_durability durability; /* of messages to its users */
	enum config_filter filter;
	struct config_list filter_items;
	struct config_list sasl_mechanisms; /* empty = as enabled_mechanisms */
	struct config_list c2s_ports_allowed;
	struct config_list admins, trusted_jids, components;
	char *presence_forward, *message_forward, *client_cert_ca, *s2s_secret; /* "" = none */
};
struct config_hosts; /* the domains served now (conf/hosts.c) */

struct config_raw { /* every pair of the file, for extensions */
	char *key, *value;
	char type; /* suffix letter or 0 */
	char *file;
	unsigned line;
};

enum config_socket { CONFIG_SOCKET_PLAIN, CONFIG_SOCKET_SSL };
struct config_listener { /* one port of one component: c2s, bosh or ws2s */
	enum config_component component;
	uint16_t port;
	enum config_socket socket;
	struct config_list interfaces; /* "*" or IP literals; at least one */
	const struct config_raw *port_source, *interface_source; /* where they were set; NULL = default */
	uint32_t accepts_per_second;
};

/* A shared object that is to be loaded (docs/extending.md): a plugin of sess-man/extensions, or the class of a component. */
struct config_extension {
	char *path, *name; /* the file's without .so; the component's */
	bool is_component;
	const struct config_raw *source;
};

struct config {
#define OPTION_BOOL(field, key, def, doc) bool field;
#define OPTION_INT(field, key, def, min, max, unit, doc) int64_t field;
#define OPTION_TEXT(field, key, def, doc) char *field;
#define OPTION_SECRET(field, key, def, doc) char *field;
#define OPTION_LIST(field, key, def, doc) struct config_list field;
#define OPTION_ENUM(field, key, names, def, doc) int field;
#include "conf/options.def"
#undef OPTION_BOOL
#undef OPTION_INT
#undef OPTION_TEXT
#undef OPTION_SECRET
#undef OPTION_LIST
#undef OPTION_ENUM
#undef ALIAS
#undef LATER
#undef ALIAS_PLUGIN
	bool plugins[CONFIG_PLUGIN_COUNT];       /* loaded: BUILT or CORE and chosen */
	bool components[CONFIG_COMPONENT_COUNT];
	struct config_vhost *vhosts; /* those of --virt-hosts; at least one */
	size_t vhost_count;
	struct config_hosts *hosts;  /* these and those added while the server runs */
	struct config_listener *listeners;
	size_t listener_count;
	struct config_raw *raw;
	size_t raw_count;
	const struct config_raw *source[CONFIG_OPTION_COUNT]; /* the pair an option came from; NULL = default */
	struct config_extension *extensions; /* plugins in their order, then components */
	size_t extension_count;
	struct config_list files; /* as read */
};

#define CONFIG_COMMAND_LINE "command line"
enum config_severity { CONFIG_WARNING, CONFIG_FATAL };
struct config_problem {
	enum config_severity severity;
	char *file;    /* NULL: of no place; CONFIG_COMMAND_LINE */
	unsigned line; /* 0: no line */
	char *text;    /* what is wrong and what to do, with the nearest known key for an unknown one */
};
struct config_problems {
	struct config_problem *items;
	size_t count;
};

/* Reads the files in order (later keys override), then checks everything; never stops at the first mistake. Problems come
 * in the order of the files and their lines. The result is usable when no problem is fatal. `extra`: "key=value" lines from the command line, read first. */
struct config *config_load(const char *const *files, size_t file_count, const char *const *extra, size_t extra_count,
			   struct config_problems *problems);
/* What the configuration names outside of itself: files, directories, certificates, addresses of this machine. Looks, and
 * changes nothing. Adds to the problems and keeps their order. */
void config_check_outside(struct config *c, struct config_problems *problems);
/* All defaults and one virtual host "localhost" (tests). `lines`: init.properties text on top, or NULL. Fatal problems
 * abort with their text. */
struct config *config_for_test(const char *lines);
void config_free(struct config *c);
/* One line, "file:line: error: text", without a line break. */
void config_problem_print(const struct config_problem *p, struct buf *out);
void config_problems_free(struct config_problems *p);
bool config_has_fatal(const struct config_problems *p);

/* --- domains: the only part of a configuration that changes while the server runs --- */
/* NULL when not served. What it points to stays as it is until config_free, also when the domain is changed or dropped
 * meanwhile: ask again for what is in force now. Any thread. */
const struct config_vhost *config_vhost(const struct config *c, struct span domain);
typedef void config_vhost_f(void *ctx, const struct config_vhost *v);
void config_each_vhost(const struct config *c, config_vhost_f *visit, void *ctx); /* all that are served; any thread */
/* Serves a domain, in place of what was served under its name; takes v. Drops one; false: it was not there. Both by one thread at a
 * time: before the actors start, then by the actor that owns the domains. */
void config_serve(const struct config *c, struct config_vhost *v);
bool config_unserve(const struct config *c, struct span domain); /* one of --virt-hosts is again as it stands there */
/* TCP clients are to be asked for a certificate: by c2s, or for a domain of --virt-hosts. */
bool config_wants_client_certificates(const struct config *c);
bool config_was_served(const struct config *c, struct span domain); /* at any time since the start; the thread that serves */
const struct config_vhost *config_vhost_of_file(const struct config *c, struct span domain); /* as in --virt-hosts, or NULL */

/* A domain with its flags as in --virt-hosts; what it does not say is as in the global settings. NULL when a problem is fatal. */
struct config_vhost *config_vhost_parse(const struct config *c, const char *item, struct config_problems *problems);
void config_vhost_free(struct config_vhost *v); /* one that was parsed and not served; NULL allowed */
struct config_flag {
	const char *flag, *label, *doc;
	enum config_flag_kind { CONFIG_FLAG_BOOL, CONFIG_FLAG_TEXT, CONFIG_FLAG_SECRET, CONFIG_FLAG_LIST } kind;
};
size_t config_flag_count(void);
struct config_flag config_flag(size_t i);
/* Its value as it is written behind "flag=": a list with `;` between; true or false. */
void config_flag_value(const struct config_vhost *v, size_t i, struct buf *out);

/* Of messages to users of this domain; one that is not served counts as D0. */
enum config_durability config_durability(const struct config *c, struct span domain);
/* Whether any port may speak TLS: certificates are needed. */
bool config_wants_tls(const struct config *c);
/* A pair of the file as written, for extensions; NULL when absent. */
const char *config_raw_value(const struct config *c, const char *key);

/* The last pair with this key; NULL when absent. */
const struct config_raw *config_raw_find(const struct config *c, const char *key);
/* The pair that sets `key` of this extension: component/key, or sess-man/plugins-conf/ with the plugin's id, several ids, or none
 * (a plugin's own wins). NULL when absent. */
const struct config_raw *config_extension_setting(const struct config *c, const struct config_extension *e, const char *key);
/* Whether a key as written is a setting of this extension by its form; not those common to all plugins. */
bool config_extension_owns(const struct config_extension *e, const char *key);
/* Adds what others than conf found wrong with a pair (NULL: with none). */
void config_report(struct config *c, struct config_problems *problems, enum config_severity severity, const struct config_raw *where,
		   const char *text);

const char *config_plugin_id(enum config_plugin p);
/* The effective configuration in Tigase's dump form, sorted, secrets starred; false and errno when it cannot be
 * written. */
bool config_dump(const struct config *c, const char *path);
bool config_dump_is_off(const char *path);

void config_print_reference(struct buf *out); /* docs/reference/options.md */
void config_print_sample(struct buf *out);    /* conf/init.properties: every option, commented out, with its text */
