#include "actors/admin/commands.h"

#include <stdlib.h>

#include "conf/option.h"
#include "runtime/mem/buf.h"
#include "xmpp/ns.h"

/* --- fields --- */

#define ACCOUNT { .var = "accountjid", .label = "Account", .type = FORM_JID_SINGLE, .required = true }
#define ACCOUNTS { .var = "accountjids", .label = "Accounts", .type = FORM_JID_MULTI, .required = true }
#define PASSWORD { .var = "password", .label = "Password", .type = FORM_TEXT_PRIVATE, .required = true }

static const struct form_field fields_add_user[] = {
	ACCOUNT, PASSWORD, { .var = "password-verify", .label = "Password again", .type = FORM_TEXT_PRIVATE },
};
static const struct form_field fields_password[] = { ACCOUNT, PASSWORD };
static const struct form_field fields_account[] = { ACCOUNT };
static const struct form_field fields_accounts[] = { ACCOUNTS };
static const struct form_field fields_items[] = {
	{ .var = "max_items", .label = "Items at most", .type = FORM_LIST_SINGLE, .value = "100",
	  .options = "25|50|75|100|150|200|none" },
};
static const struct form_field fields_announce[] = {
	{ .var = "subject", .label = "Subject", .type = FORM_TEXT_SINGLE },
	{ .var = "announcement", .label = "Announcement", .type = FORM_TEXT_MULTI, .required = true },
};

#define DOMAIN_FIELD { .var = "domain", .label = "Domain", .type = FORM_TEXT_SINGLE, .required = true }
static const struct form_field fields_domain[] = { DOMAIN_FIELD };
static const struct form_field fields_certificate[] = {
	DOMAIN_FIELD, { .var = "certificate", .label = "Certificate chain and key, PEM", .type = FORM_TEXT_MULTI, .required = true },
};

#define FIELDS_domain fields_domain, ARRAY_LEN(fields_domain), false
#define FIELDS_certificate fields_certificate, ARRAY_LEN(fields_certificate), false
#define FIELDS_add_user fields_add_user, ARRAY_LEN(fields_add_user), false
#define FIELDS_password fields_password, ARRAY_LEN(fields_password), false
#define FIELDS_account fields_account, ARRAY_LEN(fields_account), false
#define FIELDS_accounts fields_accounts, ARRAY_LEN(fields_accounts), false
#define FIELDS_items fields_items, ARRAY_LEN(fields_items), false
#define FIELDS_announce fields_announce, ARRAY_LEN(fields_announce), false
#define FIELDS_NO_FIELDS NULL, 0, false
#define FIELDS_OWN_FIELDS NULL, 0, true

const struct command commands[COMMAND_COUNT] = {
#define COMMAND(name, part, node, title, who, fields, doc) { COMMAND_##part, node, title, doc, COMMAND_##who, FIELDS_##fields },
#include "actors/admin/commands.def"
#undef COMMAND
};

/* --- what there is --- */

static const char *const parts[COMMAND_PARTS] = { SERVER_SESS_MAN, SERVER_VHOST_MAN };

const struct command *command_find(struct span node)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (span_is(node, commands[i].node))
			return &commands[i];
	return NULL;
}

const char *command_part_name(enum command_part p)
{
	return parts[p];
}

bool command_is_part(const struct server *s, const struct jid *j, enum command_part *out)
{
	for (size_t i = 0; i < COMMAND_PARTS; i++)
		if (span_is(jid_local(j), parts[i]) && jid_is_bare(j) && server_is_local(s, jid_domain(j))) {
			*out = (enum command_part)i;
			return true;
		}
	return false;
}

/* --- who may --- */

static bool names(const struct config_list *list, struct span bare)
{
	for (size_t i = 0; i < list->count; i++)
		if (span_is(bare, list->items[i]))
			return true;
	return false;
}

/* One of ALL, ADMIN, LOCAL, DOMAIN:d, JID:j (conf/check.c has seen that it is). */
static bool lets_in(const struct server *s, const char *rule, const struct jid *asker)
{
	if (strcmp(rule, "ALL") == 0 || strcmp(rule, "LOCAL") == 0)
		return server_is_local(s, jid_domain(asker));
	if (strncmp(rule, "DOMAIN:", 7) == 0)
		return span_is(jid_domain(asker), rule + 7);
	return strncmp(rule, "JID:", 4) == 0 && span_is(jid_bare(asker), rule + 4);
}

static bool acl_lets_in(const struct server *s, const struct command *c, const struct jid *asker)
{
	struct buf key = BUF_INIT;
	struct config_list rules;
	const char *value;
	bool in = false;
	char *text;

	buf_addf(&key, "%s/command/%s", parts[c->part], c->node);
	text = buf_take_text(&key);
	value = config_raw_value(s->conf, text);
	free(text);
	if (!value)
		return false;
	option_parse_list(value, &rules);
	for (size_t i = 0; i < rules.count; i++)
		in |= lets_in(s, rules.items[i], asker);
	option_free_list(&rules);
	return in;
}

enum command_reach command_reach(const struct server *s, const struct command *c, const struct jid *asker, struct span domain)
{
	const struct config_list *own = c->part == COMMAND_SESS_MAN ? &s->conf->sess_man_admins : &s->conf->vhost_man_admins;
	const struct config_vhost *v = config_vhost(s->conf, domain);

	if (!v || asker->local_n == 0 || server_class(s, asker) == CLASS_VISITOR)
		return COMMAND_NOWHERE;
	if (names(&s->conf->admins, jid_bare(asker)) || names(own, jid_bare(asker)))
		return COMMAND_EVERYWHERE;
	if (c->part == COMMAND_SESS_MAN && names(&v->admins, jid_bare(asker)))
		return COMMAND_IN_DOMAIN;
	if (c->who == COMMAND_TRUSTED && names(&v->trusted_jids, jid_bare(asker)))
		return COMMAND_IN_DOMAIN;
	return span_eq(domain, jid_domain(asker)) && acl_lets_in(s, c, asker) ? COMMAND_IN_DOMAIN : COMMAND_NOWHERE;
}

struct naming {
	struct span bare;
	bool found;
};

static void look_into(void *ctx, const struct config_vhost *v)
{
	struct naming *n = ctx;

	n->found |= names(&v->admins, n->bare) || names(&v->trusted_jids, n->bare);
}

static bool is_in_acl(const struct config *conf, struct span bare)
{
	bool found = false;

	for (size_t i = 0; i < conf->raw_count && !found; i++) {
		struct config_list rules;

		if (!strstr(conf->raw[i].key, "-man/command/"))
			continue;
		option_parse_list(conf->raw[i].value, &rules);
		for (size_t k = 0; k < rules.count; k++)
			found |= strncmp(rules.items[k], "JID:", 4) == 0 && span_is(bare, rules.items[k] + 4);
		option_free_list(&rules);
	}
	return found;
}

bool command_names(const struct server *s, const struct jid *account)
{
	const struct config *conf = s->conf;
	struct naming n = { .bare = jid_bare(account) };

	config_each_vhost(conf, look_into, &n);
	return n.found || names(&conf->admins, n.bare) || names(&conf->sess_man_admins, n.bare) || names(&conf->vhost_man_admins, n.bare) ||
	       is_in_acl(conf, n.bare);
}

bool command_may_change(const struct server *s, const struct jid *asker, const struct jid *account)
{
	return jid_eq_bare(asker, account) || names(&s->conf->admins, jid_bare(asker)) || !command_names(s, account);
}

/* --- the reference --- */

static void print_fields(const struct command *c, struct buf *out)
{
	if (c->own_fields)
		buf_add_text(out, "the domain and its flags");
	for (unsigned i = 0; i < c->field_count; i++)
		buf_addf(out, "%s`%s`%s", i ? ", " : "", c->fields[i].var, c->fields[i].required ? "" : " (optional)");
}

void commands_print_reference(struct buf *out)
{
	buf_add_text(out, "# Ad-hoc commands\n\nPrinted by `switchboard --print-reference commands`; do not edit. How to run them and who may: "
			  "[operations.md](../operations.md#administration).\n");
	for (size_t p = 0; p < COMMAND_PARTS; p++) {
		buf_addf(out, "\n## `%s@domain`\n\n| node | fields | what |\n|---|---|---|\n", parts[p]);
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			if (commands[i].part == p) {
				buf_addf(out, "| `%s` | ", commands[i].node);
				print_fields(&commands[i], out);
				buf_addf(out, " | %s%s |\n", commands[i].doc, commands[i].who == COMMAND_TRUSTED ? " Also for `trusted-jids`." : "");
			}
	}
}
