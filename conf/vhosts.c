/* Virtual hosts: domain[:flag…],… as in --virt-hosts, and one alone as an administrator adds it. The flags are the rows of
 * vhosts.def. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "conf/inner.h"
#include "runtime/mem/buf.h"

enum kind { BOOL, COUNT, DURABILITY, FILTER, MECHANISMS, PORTS, ADDRESSES, NAMES, ADDRESS, PATH, SECRET };
enum state { BUILT, LATER };

struct flag_row {
	enum kind kind;
	size_t offset;
	const char *flag;
	enum state state;
	const char *label, *doc;
};

#define ALIAS_FLAG(other, name)
#define VHOST_FLAG(kind, field, name, state, label, doc) { kind, offsetof(struct config_vhost, field), name, state, label, doc },
static const struct flag_row rows[] = {
#include "conf/vhosts.def"
};
#undef VHOST_FLAG
#undef ALIAS_FLAG
#define VHOST_FLAG(kind, field, name, state, label, doc)
#define ALIAS_FLAG(other, name) { other, name },
static const struct {
	const char *other, *flag;
} aliases[] = {
#include "conf/vhosts.def"
};
#undef VHOST_FLAG
#undef ALIAS_FLAG

static const char *const filters[] = { "", "ALL", "LOCAL", "OWN", "BLOCK", "LIST", "BLACKLIST", "CUSTOM" };

/* --- values --- */

static void *field_of(const struct config_vhost *v, const struct flag_row *row)
{
	return (char *)(uintptr_t)v + row->offset;
}

static bool is_list(enum kind kind)
{
	return kind == MECHANISMS || kind == PORTS || kind == ADDRESSES || kind == NAMES;
}

static bool is_text(enum kind kind)
{
	return kind == ADDRESS || kind == PATH || kind == SECRET;
}

static bool is_domain(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 1023 && *name != '.' && name[n - 1] != '.' && !strpbrk(name, " \t@/\\'\"<>&;!#$%()*+,=?[]^`{|}~:") &&
	       !strstr(name, "..");
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

static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text + 32);
}

/* What keeps it from being a bare JID or, where no account is needed, a domain; or NULL. */
static const char *wrong_with(const char *address, bool account)
{
	const char *wrong = strchr(address, '@') || account ? patterns_wrong_with(address) : is_domain(address) ? NULL : "it is no domain";

	return wrong ? wrong : strpbrk(address, "*/") ? "it is no bare JID" : NULL;
}

static void check_address(struct loading *l, const struct config_vhost *v, const char *flag, char *address, bool account,
			  const struct config_raw *where)
{
	const char *wrong = wrong_with(address, account);

	lower(address);
	if (wrong)
		loading_problem(l, CONFIG_FATAL, where, "domain %s: %s: '%s' is no address: %s", v->name, flag, address, wrong);
}

static void check_forward(struct loading *l, char *address, enum config_option option)
{
	const char *wrong = *address ? wrong_with(address, false) : NULL;

	lower(address);
	if (wrong)
		loading_problem(l, CONFIG_FATAL, l->c->source[option], "'%s' is no address: %s", address, wrong);
}

/* POLICY, or POLICY=a;b for those that go by a list. */
static void read_filter(struct loading *l, struct config_vhost *v, const char *value, const struct config_raw *where)
{
	size_t n = strcspn(value, "=");
	const char *items = value[n] ? value + n + 1 : "";

	v->filter = CONFIG_FILTER_DEFAULT;
	for (size_t i = 1; i < ARRAY_LEN(filters); i++)
		if (strlen(filters[i]) == n && strncasecmp(value, filters[i], n) == 0)
			v->filter = (enum config_filter)i;
	read_semicolons(items, &v->filter_items);
	if (v->filter == CONFIG_FILTER_DEFAULT)
		loading_problem(l, CONFIG_FATAL, where, "domain %s: domain-filter='%s'; write ALL, LOCAL, OWN, BLOCK, LIST=a;b, BLACKLIST=a;b or "
				"CUSTOM=rule;rule", v->name, value);
	else if ((v->filter >= CONFIG_FILTER_LIST) != (v->filter_items.count > 0))
		loading_problem(l, CONFIG_FATAL, where, v->filter >= CONFIG_FILTER_LIST ? "domain %s: domain-filter=%s names nothing; write %s=a;b" :
				"domain %s: domain-filter=%s takes no list; write %s alone", v->name, filters[v->filter], filters[v->filter]);
	for (size_t i = 0; i < v->filter_items.count && v->filter != CONFIG_FILTER_CUSTOM; i++)
		if (!is_domain(v->filter_items.items[i]))
			loading_problem(l, CONFIG_FATAL, where, "domain %s: domain-filter: '%s' is no domain name", v->name, v->filter_items.items[i]);
		else
			lower(v->filter_items.items[i]);
}

static void read_list(struct loading *l, const struct flag_row *row, struct config_vhost *v, const char *value,
		      const struct config_raw *where)
{
	struct config_list *list = field_of(v, row);
	uint16_t port;

	read_semicolons(value, list);
	for (size_t i = 0; i < list->count; i++)
		if (row->kind == PORTS && !listeners_parse_port(list->items[i], &port))
			loading_problem(l, CONFIG_FATAL, where, "domain %s: %s: '%s' is no port number (1 to 65535)", v->name, row->flag, list->items[i]);
		else if (row->kind == ADDRESSES)
			check_address(l, v, row->flag, list->items[i], true, where);
}

static void read_text(struct loading *l, const struct flag_row *row, struct config_vhost *v, const char *value,
		      const struct config_raw *where)
{
	char **text = field_of(v, row);

	free(*text);
	*text = xstrdup(value);
	if (row->kind == ADDRESS && *value)
		check_address(l, v, row->flag, *text, false, where);
}

static void read_value(struct loading *l, const struct flag_row *row, struct config_vhost *v, const char *value,
		       const struct config_raw *where)
{
	int64_t *count = field_of(v, row);

	if (row->kind == COUNT && (!option_parse_int(value, count) || *count < 0))
		loading_problem(l, CONFIG_FATAL, where, "domain %s: %s='%s' is no number", v->name, row->flag, value);
	else if (row->kind == DURABILITY && strlen(value) == 2 && value[0] == 'D' && value[1] >= '0' && value[1] <= '2')
		v->durability = (enum config_durability)(value[1] - '0');
	else if (row->kind == DURABILITY)
		loading_problem(l, CONFIG_FATAL, where, "domain %s: %s='%s'; write D0, D1 or D2", v->name, row->flag, value);
	else if (row->kind == FILTER && *value)
		read_filter(l, v, value, where);
	else if (is_list(row->kind))
		read_list(l, row, v, value, where);
	else if (is_text(row->kind))
		read_text(l, row, v, value, where);
}

/* --- flags --- */

static const struct flag_row *find_row(const char *flag)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (strcmp(aliases[i].other, flag) == 0)
			flag = aliases[i].flag;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].flag, flag) == 0)
			return &rows[i];
	return NULL;
}

static void report_unknown(struct loading *l, const struct config_vhost *v, const char *flag, const struct config_raw *where)
{
	struct nearest near = nearest_to(flag);
	struct buf known = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		nearest_consider(&near, rows[i].flag);
		buf_addf(&known, "%s%s%s", i ? ", " : "", rows[i].flag, rows[i].kind == BOOL ? "" : "=…");
	}
	loading_problem(l, CONFIG_WARNING, where, "domain %s: unknown flag '%s'%s%s%s; known are %.*s", v->name, flag,
			near.best ? "; did you mean " : "", near.best ? near.best : "", near.best ? "?" : "", SPAN_FMT(buf_span(&known)));
	buf_fini(&known);
}

/* "flag", "+flag", "-flag", "flag=value". A switch also takes true and false, as the form writes them. */
static void read_flag(struct loading *l, struct config_vhost *v, char *flag, const struct config_raw *where)
{
	size_t before = l->problems->count;
	bool on = *flag != '-', said;
	const struct flag_row *row;
	char *value;

	flag += *flag == '-' || *flag == '+';
	value = strchr(flag, '=');
	if (value)
		*value++ = '\0';
	row = find_row(flag);
	if (!row) {
		report_unknown(l, v, flag, where);
	} else if (row->kind == BOOL && value && !option_parse_bool(value, &said)) {
		loading_problem(l, CONFIG_FATAL, where, "domain %s: %s='%s' is neither true nor false", v->name, flag, value);
	} else if (row->kind == BOOL) {
		on = value ? said : on;
		*(bool *)field_of(v, row) = on;
	} else if (!value) {
		loading_problem(l, CONFIG_WARNING, where, "domain %s: flag '%s' has no effect without a value; write %s=…", v->name, flag, flag);
	} else {
		read_value(l, row, v, value, where);
	}
	if (row && row->state == LATER && l->problems->count == before && (row->kind == BOOL ? on : value && *value))
		loading_problem(l, CONFIG_WARNING, where, "domain %s: flag '%s' is accepted, but not built yet", v->name, flag);
}

/* What a domain is that says nothing of itself; *v has its name. */
static void set_standard(struct loading *l, struct config_vhost *v)
{
	const struct config *c = l->c;

	v->anonymous = c->vhost_anonymous;
	v->registration = c->vhost_register;
	v->tls_required = c->vhost_tls_required;
	v->max_users = c->vhost_max_users;
	v->durability = (enum config_durability)c->durability;
	v->presence_forward = xstrdup(c->vhost_presence_forward);
	v->message_forward = xstrdup(c->vhost_message_forward);
	v->client_cert_ca = xstrdup("");
	v->s2s_secret = xstrdup("");
}

/* False, with a problem: it is no domain. Otherwise *v is filled in, whatever is wrong with its flags. */
static bool read_vhost(struct loading *l, char *item, struct config_vhost *v, const struct config_raw *where)
{
	char *flags = strchr(item, ':'), *save = NULL;

	if (flags && strncmp(flags, "://", 3) == 0) {
		loading_problem(l, CONFIG_FATAL, where, "'%s' is a URL; write the domain alone, for example acme.example", item);
		return false;
	}
	if (flags)
		*flags++ = '\0';
	lower(item);
	if (!is_domain(item)) {
		loading_problem(l, CONFIG_FATAL, where, "'%s' is no domain name", item);
		return false;
	}
	*v = (struct config_vhost){ .name = xstrdup(item) };
	set_standard(l, v);
	for (char *flag = flags ? strtok_r(flags, ":", &save) : NULL; flag; flag = strtok_r(NULL, ":", &save))
		read_flag(l, v, flag, where);
	return true;
}

void vhosts_fini(struct config_vhost *v)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (is_list(rows[i].kind))
			option_free_list(field_of(v, &rows[i]));
		else if (is_text(rows[i].kind))
			free(*(char **)field_of(v, &rows[i]));
	option_free_list(&v->filter_items);
	free(v->name);
}

static void add(struct loading *l, char *item, const struct config_raw *where)
{
	struct config *c = l->c;
	struct config_vhost fresh;
	bool again;

	if (!read_vhost(l, item, &fresh, where))
		return;
	again = config_vhost_of_file(c, span_of(fresh.name)) != NULL;
	if (again) {
		loading_problem(l, CONFIG_WARNING, where, "domain %s is named twice; the first one counts", fresh.name);
		vhosts_fini(&fresh);
		return;
	}
	c->vhosts = xrealloc(c->vhosts, (c->vhost_count + 1) * sizeof(*c->vhosts));
	c->vhosts[c->vhost_count++] = fresh;
}

void vhosts_read(struct loading *l)
{
	const struct config_raw *where = l->c->source[CONFIG_OPTION_virt_hosts];
	struct config_list items;

	check_forward(l, l->c->vhost_presence_forward, CONFIG_OPTION_vhost_presence_forward);
	check_forward(l, l->c->vhost_message_forward, CONFIG_OPTION_vhost_message_forward);
	option_parse_list(l->c->virt_hosts, &items);
	for (size_t i = 0; i < items.count; i++)
		add(l, items.items[i], where);
	option_free_list(&items);
	if (l->c->vhost_count == 0)
		loading_problem(l, CONFIG_FATAL, where, "--virt-hosts names no domain; give at least one, for example localhost");
}

/* --- one alone --- */

/* Nobody would get in over TCP: no client is asked for a certificate, so none has one. */
static void check_certificates(struct loading *l, const struct config_vhost *v)
{
	if (v->client_cert_required && !*l->c->client_cert_ca)
		loading_problem(l, CONFIG_FATAL, NULL, "domain %s: clientCertRequired would keep every TCP client out, since nobody says who may "
				"issue certificates; set c2s/clientCertCA to a PEM file and restart", v->name);
}

struct config_vhost *config_vhost_parse(const struct config *c, const char *item, struct config_problems *problems)
{
	struct loading l = { .c = (struct config *)(uintptr_t)c, .problems = problems };
	struct config_vhost *v = xcalloc(1, sizeof(*v));
	char *copy = xstrdup(item);
	bool read = read_vhost(&l, copy, v, NULL);

	free(copy);
	if (read) {
		check_mechanisms(&l, &v->sasl_mechanisms, NULL);
		check_certificates(&l, v);
		v->named_visitors = patterns_name_visitors(c, v);
	}
	if (!config_has_fatal(problems))
		return v;
	if (read)
		vhosts_fini(v);
	free(v);
	return NULL;
}

void config_vhost_free(struct config_vhost *v)
{
	if (v)
		vhosts_fini(v);
	free(v);
}

/* --- the flags as data --- */

size_t config_flag_count(void)
{
	return ARRAY_LEN(rows);
}

struct config_flag config_flag(size_t i)
{
	static const enum config_flag_kind kinds[] = { [BOOL] = CONFIG_FLAG_BOOL, [SECRET] = CONFIG_FLAG_SECRET, [MECHANISMS] = CONFIG_FLAG_LIST,
						       [PORTS] = CONFIG_FLAG_LIST, [ADDRESSES] = CONFIG_FLAG_LIST, [NAMES] = CONFIG_FLAG_LIST,
						       [COUNT] = CONFIG_FLAG_TEXT, [DURABILITY] = CONFIG_FLAG_TEXT, [FILTER] = CONFIG_FLAG_TEXT,
						       [ADDRESS] = CONFIG_FLAG_TEXT, [PATH] = CONFIG_FLAG_TEXT };
	const struct flag_row *row = &rows[i];

	return (struct config_flag){ row->flag, row->label, row->doc, kinds[row->kind] };
}

static void add_items(const struct config_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++)
		buf_addf(out, "%s%s", i ? ";" : "", list->items[i]);
}

void config_flag_value(const struct config_vhost *v, size_t i, struct buf *out)
{
	const struct flag_row *row = &rows[i];

	switch (row->kind) {
	case BOOL:
		buf_add_text(out, *(const bool *)field_of(v, row) ? "true" : "false");
		break;
	case COUNT:
		buf_addf(out, "%lld", (long long)*(const int64_t *)field_of(v, row));
		break;
	case DURABILITY:
		buf_addf(out, "D%d", (int)v->durability);
		break;
	case FILTER:
		buf_addf(out, "%s%s", filters[v->filter], v->filter_items.count ? "=" : "");
		add_items(&v->filter_items, out);
		break;
	case MECHANISMS:
	case PORTS:
	case ADDRESSES:
	case NAMES:
		add_items(field_of(v, row), out);
		break;
	case ADDRESS:
	case PATH:
	case SECRET:
		buf_add_text(out, *(char *const *)field_of(v, row));
		break;
	}
}
