/* Commands of vhost-man: domains added, changed and removed while the server runs. This actor alone changes the table of domains; a
 * change is in the store before it is in force. */
#include "actors/hosts.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/admin/inner.h"
#include "actors/desk/desk.h"
#include "runtime/io/tls.h"
#include "runtime/log.h"

/* --- the form --- */

static enum form_type type_of(enum config_flag_kind kind)
{
	switch (kind) {
	case CONFIG_FLAG_BOOL: return FORM_BOOLEAN;
	case CONFIG_FLAG_LIST: return FORM_TEXT_MULTI;
	case CONFIG_FLAG_SECRET: return FORM_TEXT_PRIVATE;
	case CONFIG_FLAG_TEXT: return FORM_TEXT_SINGLE;
	}
	BUG("unknown kind of flag");
}

/* A field with its present value; secrets are never shown. */
static void add_flag(struct builder *b, const struct config_vhost *v, size_t i)
{
	struct config_flag flag = config_flag(i);
	struct buf value = BUF_INIT;
	char *text;

	if (flag.kind != CONFIG_FLAG_SECRET)
		config_flag_value(v, i, &value);
	text = buf_take_text(&value);
	for (char *p = text; flag.kind == CONFIG_FLAG_LIST && *p; p++)
		if (*p == ';')
			*p = '\n';
	form_add(b, &(struct form_field){ .var = flag.flag, .label = flag.label, .type = type_of(flag.kind), .value = *text ? text : NULL,
					  .about = flag.doc });
	free(text);
}

/* domain NULL: a field asks for it. */
static void send_form(struct call *c, const struct config_vhost *v, const char *domain)
{
	struct builder *b = call_ask_more(c, domain ? domain : "A domain and its flags");

	if (!b)
		return;
	if (!domain)
		form_add(b, &(struct form_field){ .var = "domain", .label = "Domain", .type = FORM_TEXT_SINGLE, .required = true });
	for (size_t i = 0; i < config_flag_count(); i++)
		add_flag(b, v, i);
	call_end_more(c, domain);
}

static void ask_for_domain(struct call *c)
{
	struct builder *b = call_ask_more(c, "Which domain?");

	if (!b)
		return;
	form_add(b, &(struct form_field){ .var = "domain", .label = "Domain", .type = FORM_TEXT_SINGLE, .required = true });
	call_end_more(c, NULL);
}

/* --- reading it --- */

/* The domain named, prepared; NULL, and the call is refused: it is none, or not the asker's business. The caller's. */
static struct jid *read_domain(struct call *c)
{
	struct span text = call_subject(c) ? span_of(call_subject(c)) : call_field(c, "domain");
	struct jid *j = text.n ? jid_parse(text) : NULL;

	if (!j || j->local_n || j->resource_n)
		call_refuse(c, STANZA_ERROR_BAD_REQUEST, "domain is required: a domain name");
	else if (c->reach != COMMAND_EVERYWHERE && !span_eq(jid_domain(j), c->domain))
		call_refuse(c, STANZA_ERROR_FORBIDDEN, "You may do this to the domain of the command only");
	else
		return j;
	jid_unref(j);
	return NULL;
}

/* All values of the flag's field, with `;` between. False: one holds what separates flags in --virt-hosts. */
static bool add_values(struct call *c, stanza_el field, struct buf *out)
{
	const struct stanza *s = c->packet.stanza;
	stanza_el value = STANZA_NO_EL;
	bool first = true;

	while ((value = form_next_value(s, field, value)) != STANZA_NO_EL) {
		struct span text = stanza_text(s, value);

		if (memchr(text.p, ':', text.n) || memchr(text.p, ',', text.n) || memchr(text.p, '\n', text.n))
			return false;
		if (!first && text.n)
			buf_add_text(out, ";");
		buf_add_span(out, text);
		first = false;
	}
	return true;
}

/* The flags given; of `now`, NULL = none, those that are not. The number of those given, or -1: the call is refused. */
static int read_flags(struct call *c, const struct config_vhost *now, struct buf *item)
{
	int given = 0;

	for (size_t i = 0; i < config_flag_count(); i++) {
		struct config_flag flag = config_flag(i);
		stanza_el field = form_find(c->packet.stanza, c->form, flag.flag);
		bool kept = field == STANZA_NO_EL || (flag.kind == CONFIG_FLAG_SECRET && form_text(c->packet.stanza, c->form, flag.flag).n == 0);

		if (kept && !now)
			continue;
		buf_addf(item, ":%s=", flag.flag);
		if (kept) {
			config_flag_value(now, i, item);
		} else if (flag.kind == CONFIG_FLAG_BOOL && form_text(c->packet.stanza, c->form, flag.flag).n == 0) {
			buf_add_text(item, "false");
		} else if (!add_values(c, field, item)) {
			call_refuse(c, STANZA_ERROR_BAD_REQUEST, "a flag's value has no colon, comma or line break");
			return -1;
		}
		given += !kept;
	}
	return given;
}

/* NULL: the call is refused. Warnings go into the note. */
static struct config_vhost *parse(struct call *c, struct buf *item)
{
	struct config_problems problems = { 0 };
	char *text = buf_take_text(item);
	struct config_vhost *v = config_vhost_parse(c->server->conf, text, &problems);

	for (size_t i = 0; v && i < problems.count; i++)
		buf_addf(&c->note, "%s%s", buf_len(&c->note) ? "; " : "", problems.items[i].text);
	for (size_t i = 0; !v && i < problems.count; i++)
		if (problems.items[i].severity == CONFIG_FATAL) {
			call_refuse(c, STANZA_ERROR_BAD_REQUEST, problems.items[i].text);
			break;
		}
	config_problems_free(&problems);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return v;
}

/* --- in force --- */

static void finish(struct call *c, const char *what)
{
	struct buf text = BUF_INIT;
	char *note;

	buf_addf(&text, "%s%s%.*s", what, buf_len(&c->note) ? "; " : "", SPAN_FMT(buf_span(&c->note)));
	note = buf_take_text(&text);
	call_done(c, note);
	free(note);
}

static void tell_desks(struct call *c, struct jid *domain)
{
	for (unsigned i = 0; c->server->desk_on && i < c->server->desks; i++) {
		struct desk_domain *m = MSG_NEW(desk_domain, desk_domain);

		m->domain = jid_ref(domain);
		actor_send(c->server->desk[i], &m);
	}
}

static bool has_certificate(struct call *c, const char *name)
{
	char *error = NULL;

	if (!c->server->tls || tls_store_add(c->server->tls, name, &error))
		return true;
	LOG_ERROR("admin", "no certificate for %s: %s", name, error);
	call_refuse(c, STANZA_ERROR_INTERNAL_SERVER_ERROR, error);
	free(error);
	return false;
}

/* Takes v. */
static void serve(struct call *c, struct jid *domain, struct config_vhost *v, const char *what)
{
	bool fresh = !config_was_served(c->server->conf, jid_domain(domain));

	if (!has_certificate(c, v->name)) {
		config_vhost_free(v);
	} else if (hosts_keep(c->store, v) != STATUS_OK) {
		config_vhost_free(v);
		call_refuse(c, STANZA_ERROR_INTERNAL_SERVER_ERROR, "The store failed");
	} else {
		config_serve(c->server->conf, v);
		if (fresh)
			tell_desks(c, domain);
		finish(c, what);
	}
}

static void count(void *ctx, const struct config_vhost *v UNUSED)
{
	++*(int64_t *)ctx;
}

static bool is_full(const struct call *c)
{
	int64_t n = 0;

	config_each_vhost(c->server->conf, count, &n);
	return n >= c->server->conf->vhosts_max;
}

/* The values a domain has that says nothing. */
static void ask_for_all(struct call *c)
{
	struct config_problems problems = { 0 };
	struct config_vhost *v = config_vhost_parse(c->server->conf, "new.example", &problems);

	ASSERT(v);
	send_form(c, v, NULL);
	config_vhost_free(v);
	config_problems_free(&problems);
}

void run_comp_repo_item_add(struct call *c)
{
	struct buf item = BUF_INIT;
	struct config_vhost *v = NULL;
	struct jid *domain;

	if (c->form == STANZA_NO_EL) {
		ask_for_all(c);
		return;
	}
	domain = read_domain(c);
	if (!domain)
		return;
	buf_add_span(&item, jid_domain(domain));
	if (config_vhost(c->server->conf, jid_domain(domain)))
		call_refuse(c, STANZA_ERROR_CONFLICT, "This domain is served already");
	else if (is_full(c))
		call_refuse(c, STANZA_ERROR_RESOURCE_CONSTRAINT, "As many domains are served as vhost-man/max-domains allows");
	else if (read_flags(c, NULL, &item) >= 0 && (v = parse(c, &item)))
		serve(c, domain, v, "Domain added");
	buf_wipe(&item);
	jid_unref(domain);
}

/* The form of the first stage names the domain alone; a program may send the flags with it. */
void run_comp_repo_item_update(struct call *c)
{
	struct buf item = BUF_INIT;
	const struct config_vhost *now;
	struct config_vhost *v = NULL;
	struct jid *domain;
	int given;

	if (c->form == STANZA_NO_EL) {
		ask_for_domain(c);
		return;
	}
	domain = read_domain(c);
	if (!domain)
		return;
	now = config_vhost(c->server->conf, jid_domain(domain));
	buf_add_span(&item, jid_domain(domain));
	given = now ? read_flags(c, now, &item) : 0;
	if (!now)
		call_refuse(c, STANZA_ERROR_ITEM_NOT_FOUND, "This domain is not served");
	else if (given == 0 && !call_subject(c))
		send_form(c, now, now->name);
	else if (given >= 0 && (v = parse(c, &item)))
		serve(c, domain, v, "Domain changed");
	buf_wipe(&item);
	jid_unref(domain);
}

static void removed(struct call *c)
{
	buf_addf(&c->note, "sessions ended: %llu", (unsigned long long)c->count);
	finish(c, "Domain removed");
}

void run_comp_repo_item_remove(struct call *c)
{
	struct jid *domain = read_domain(c);
	struct span name = domain ? jid_domain(domain) : SPAN_NONE;
	const struct config_vhost *now = domain ? config_vhost(c->server->conf, name) : NULL,
				  *file = domain ? config_vhost_of_file(c->server->conf, name) : NULL;
	enum status st = now && now != file ? hosts_forget(c->store, name) : STATUS_OK;

	if (domain && !now) {
		call_refuse(c, STANZA_ERROR_ITEM_NOT_FOUND, "This domain is not served");
	} else if (domain && now == file) {
		call_refuse(c, STANZA_ERROR_NOT_ALLOWED, "This domain is named in --virt-hosts; take it out there and restart");
	} else if (st != STATUS_OK && st != STATUS_NOT_FOUND) {
		call_refuse(c, STANZA_ERROR_INTERNAL_SERVER_ERROR, "The store failed");
	} else if (domain) {
		(void)config_unserve(c->server->conf, name);
		if (file) {
			finish(c, "The domain is again as in --virt-hosts");
		} else {
			if (c->server->tls)
				tls_store_drop(c->server->tls, now->name);
			call_ask(c, SHARD_ASK_END_DOMAIN, domain, 0, NULL);
			call_wait(c, removed);
		}
	}
	jid_unref(domain);
}

void run_ssl_certificate_add(struct call *c)
{
	struct jid *domain = read_domain(c);
	struct buf pem = BUF_INIT;
	stanza_el field = form_find(c->packet.stanza, c->form, "certificate"), value = STANZA_NO_EL;
	char *error = NULL, *name;

	if (!domain)
		return;
	while ((value = form_next_value(c->packet.stanza, field, value)) != STANZA_NO_EL) {
		buf_add_span(&pem, stanza_text(c->packet.stanza, value));
		buf_add_text(&pem, "\n");
	}
	name = xstrndup(jid_domain(domain).p, domain->domain_n);
	if (!config_vhost(c->server->conf, jid_domain(domain)))
		call_refuse(c, STANZA_ERROR_ITEM_NOT_FOUND, "This domain is not served");
	else if (!c->server->tls)
		call_refuse(c, STANZA_ERROR_NOT_ALLOWED, "No port of this server speaks TLS");
	else if (tls_store_install(c->server->tls, name, buf_span(&pem), &error))
		call_done(c, "Certificate installed");
	else
		call_refuse(c, STANZA_ERROR_NOT_ACCEPTABLE, error);
	buf_wipe(&pem);
	free(error);
	free(name);
	jid_unref(domain);
}
