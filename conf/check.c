/* Rules between options and rules about the form of texts: what a single row of options.def cannot say. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "conf/inner.h"
#include "runtime/io/address.h"

#define URI_MAX 1000
#define URI_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$()*+;=%"
#define CERTIFICATE_NAME_MAX 240 /* with its endings it is still a file name */

/* As much of an address as holds no password: not what follows '?', and of one with '@' the scheme alone. */
static int shown_bytes(const char *uri)
{
	return (int)(strchr(uri, '@') ? strcspn(uri, ":") : strcspn(uri, "?"));
}

static void check_user_db(struct loading *l)
{
	const struct config *c = l->c;

	if (strcmp(c->user_db, "sqlite") != 0)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_user_db],
				"--user-db=%s is not built; take sqlite (the embedded store)", c->user_db);
	else if (strncmp(c->user_db_uri, "sqlite:", 7) != 0 || c->user_db_uri[7] == '\0')
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_user_db_uri],
				"'%.*s' does not fit --user-db=sqlite; write sqlite:PATH, for example sqlite:data/switchboard.db",
				shown_bytes(c->user_db_uri), c->user_db_uri);
}

static void check_desk_name(struct loading *l)
{
	const char *name = l->c->desk_name;
	const struct config_raw *where = l->c->source[CONFIG_OPTION_desk_name];

	if (*name == '\0' || strpbrk(name, "@/ \t\"&':<>"))
		loading_problem(l, CONFIG_FATAL, where, "'%s' is no localpart", name);
	else if (strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		loading_problem(l, CONFIG_FATAL, where, "'%s' is no localpart: addresses are in lower case", name);
}

static void check_cookie_cache(struct loading *l)
{
	const struct config *c = l->c;
	char host[256], port[6], db[6];
	const char *uri = c->cookie_cache_uri, *at;
	int used = 0;

	if (c->desk_seat_auth != CONFIG_SEAT_AUTH_COOKIE)
		return;
	if (c->desk_seats.count == 0)
		loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_desk_seat_auth],
				"seat-auth=cookie has no effect without sess-man/desk/seats");
	at = strncmp(uri, "redis://", 8) == 0 ? uri + 8 : NULL;
	if (at && strchr(at, '@'))
		at = strchr(at, '@') + 1;
	if (!at || sscanf(at, "%255[^:/ \t]:%5[0-9]/%5[0-9]%n", host, port, db, &used) != 3 || at[used] != '\0' || atoi(port) < 1 ||
	    atoi(port) > 65535)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_cookie_cache_uri],
				"the cache address must have the form redis://[:password@]host:port/db");
	if (!strchr(c->cookie_key, '%'))
		loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_cookie_key],
				"'%s' is the same key for every seat; use %%u, %%d or %%j", c->cookie_key);
	for (const char *p = strchr(c->cookie_key, '%'); p; p = strchr(p + 1 + (p[1] != '\0'), '%'))
		if (p[1] == '\0' || !strchr("udj%", p[1]))
			loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_cookie_key],
					"'%%%.1s' stands for itself; %%u is the localpart, %%d the domain, %%j the bare JID", p + 1);
}

static void check_blocks(struct loading *l, const struct config_list *list, enum config_option option)
{
	struct address_block block;

	for (size_t i = 0; i < list->count; i++)
		if (!address_block_parse(span_of(list->items[i]), &block))
			loading_problem(l, CONFIG_FATAL, l->c->source[option], "'%s' is no address; write 192.0.2.1, 10.0.0.0/8 or ::1",
					list->items[i]);
}

void check_mechanisms(struct loading *l, const struct config_list *list, const struct config_raw *where)
{
	static const char *const known[] = { "PLAIN", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256",
					     "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", "EXTERNAL" };

	bool any = list->count == 0;

	for (size_t i = 0; i < list->count; i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found |= strcasecmp(list->items[i], known[k]) == 0;
		any |= found;
		if (!found)
			loading_problem(l, CONFIG_WARNING, where, "SASL mechanism '%s' is not known; it is skipped", list->items[i]);
	}
	if (!any)
		loading_problem(l, CONFIG_FATAL, where, "no SASL mechanism is left, so nobody can log in; leave the list empty for all, or take "
				"PLAIN, ANONYMOUS, SCRAM-SHA-1, SCRAM-SHA-256 or SCRAM-SHA-512");
}

bool config_wants_client_certificates(const struct config *c)
{
	bool wanted = c->client_cert_wanted || c->client_cert_required;

	for (size_t i = 0; i < c->vhost_count; i++)
		wanted |= c->vhosts[i].client_cert_required;
	return wanted;
}

static void check_client_certificates(struct loading *l)
{
	const struct config *c = l->c;
	bool wanted = config_wants_client_certificates(c);

	if (wanted && !*c->client_cert_ca)
		loading_problem(l, CONFIG_FATAL,
				l->c->source[c->client_cert_required ? CONFIG_OPTION_client_cert_required : CONFIG_OPTION_client_cert_wanted],
				"client certificates are asked for, but nobody says who may issue them; set c2s/clientCertCA to a PEM file");
	if (!wanted && *c->client_cert_ca)
		loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_client_cert_ca],
				"no client is asked for a certificate; set c2s/tls-want-client-auth-enabled[B]=true");
}

/* The form in which a browser sends it: scheme, host, port, nothing behind (RFC 6454 6.2). */
static void check_origins(struct loading *l)
{
	const struct config_list *list = &l->c->origins;

	for (size_t i = 0; i < list->count; i++) {
		const char *origin = list->items[i], *host = strstr(origin, "://");

		if (*origin != '*' && (!host || strchr(host + 3, '/')))
			loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_origins], "'%s' matches no origin; write "
					"https://host or https://host:port, with nothing behind", origin);
	}
}

/* What cannot go on working with these plugins. */
static void check_logins(struct loading *l)
{
	const struct config *c = l->c;
	const struct config_raw *where = lists_plugin_source(l);

	if (!c->plugins[CONFIG_PLUGIN_sasl] || !c->plugins[CONFIG_PLUGIN_bind])
		loading_problem(l, CONFIG_WARNING, where, "nobody can log in without the plugins urn:ietf:params:xml:ns:xmpp-sasl and "
				"urn:ietf:params:xml:ns:xmpp-bind");
	for (size_t i = 0; i < c->vhost_count && !c->plugins[CONFIG_PLUGIN_starttls]; i++)
		if (c->vhosts[i].tls_required)
			loading_problem(l, CONFIG_WARNING, where, "domain %s requires TLS, but the plugin starttls is not loaded: TCP clients get "
					"in by the ports with socket=ssl only", c->vhosts[i].name);
}

/* A limit that another one makes pointless; 0 is no limit. */
static void check_below(struct loading *l, enum config_option small, int64_t less, enum config_option large, int64_t more)
{
	const struct config_raw *where = l->c->source[small] ? l->c->source[small] : l->c->source[large];

	if (less > more && more > 0)
		loading_problem(l, CONFIG_WARNING, where, "%s (%lld) is more than %s (%lld), so it is never reached", option_rows[small].key,
				(long long)less, option_rows[large].key, (long long)more);
}

static void check_limits(struct loading *l)
{
	const struct config *c = l->c;

#define OUTPUT(regime) \
	check_below(l, CONFIG_OPTION_limit_##regime##_out_soft, c->limit_##regime##_out_soft, CONFIG_OPTION_limit_##regime##_out_hard, \
		    c->limit_##regime##_out_hard)
	OUTPUT(preauth);
	OUTPUT(visitor);
	OUTPUT(user);
	OUTPUT(robot);
#undef OUTPUT
	check_below(l, CONFIG_OPTION_sm_timeout, c->sm_timeout, CONFIG_OPTION_sm_timeout_max, c->sm_timeout_max);
}

/* Who sets the limit of a pair of users means it: the one of all senders, unless it was set as well, is no lower. */
static void relate_store_limits(struct loading *l)
{
	struct config *c = l->c;
	int64_t pair = c->store_limit;

	if (!c->source[CONFIG_OPTION_store_limit_total]) {
		if (pair == 0 || pair > c->store_limit_total)
			c->store_limit_total = pair;
		return;
	}
	if (pair == 0 && c->source[CONFIG_OPTION_store_limit] && c->store_limit_total > 0)
		loading_problem(l, CONFIG_WARNING, c->source[CONFIG_OPTION_store_limit], "0 is no limit for a pair of users, but %s keeps %lld "
				"messages for one recipient", option_rows[CONFIG_OPTION_store_limit_total].key, (long long)c->store_limit_total);
	check_below(l, CONFIG_OPTION_store_limit, pair, CONFIG_OPTION_store_limit_total, c->store_limit_total);
}

static bool is_rule(const char *rule)
{
	return strcmp(rule, "ALL") == 0 || strcmp(rule, "ADMIN") == 0 || strcmp(rule, "LOCAL") == 0 ||
	       (strncmp(rule, "DOMAIN:", 7) == 0 && rule[7]) || (strncmp(rule, "JID:", 4) == 0 && strchr(rule, '@'));
}

/* Who may run an ad-hoc command besides administrators: X/command/NODE=RULE,… A rule nobody understands lets nobody in. */
static void check_commands(struct loading *l)
{
	for (size_t i = 0; i < l->c->raw_count; i++) {
		const struct config_raw *raw = &l->c->raw[i];
		struct config_list rules;

		if (strncmp(raw->key, "sess-man/command/", 17) != 0 && strncmp(raw->key, "vhost-man/command/", 18) != 0)
			continue;
		option_parse_list(raw->value, &rules);
		for (size_t k = 0; k < rules.count; k++)
			if (!is_rule(rules.items[k]))
				loading_problem(l, CONFIG_FATAL, raw, "'%s' says nobody; write ALL, ADMIN, LOCAL, DOMAIN:domain or JID:name@domain", rules.items[k]);
		option_free_list(&rules);
	}
}

bool check_is_certificate_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && strlen(name) <= CERTIFICATE_NAME_MAX;
}

/* Printable, and nothing that would have to be escaped where it is shown. */
static bool is_uri(const char *text, size_t scheme)
{
	return scheme && strlen(text) > scheme && strlen(text) <= URI_MAX && strspn(text, URI_CHARACTERS) == strlen(text);
}

static void check_contacts(struct loading *l, const struct config_list *uris, enum config_option option)
{
	for (size_t i = 0; i < uris->count; i++) {
		const char *uri = uris->items[i];

		if (!strchr(uri, ':') || !is_uri(uri, strcspn(uri, ":") + 1))
			loading_problem(l, CONFIG_FATAL, l->c->source[option], "'%s' is no URI; write mailto:name@domain, xmpp:name@domain or "
					"https://…", uri);
	}
}

/* [DOMAIN=]URL, or none in its place. */
static void check_public(struct loading *l, const struct config_list *urls, enum config_option option, const char *schemes[2])
{
	for (size_t i = 0; i < urls->count; i++) {
		const char *url = urls->items[i], *equals = strchr(url, '='), *colon = strstr(url, "://");

		if (equals && (!colon || equals < colon))
			url = equals + 1;
		if (strcmp(url, "none") != 0 && (!is_uri(url, 1) || (strncmp(url, schemes[0], strlen(schemes[0])) != 0 &&
								     strncmp(url, schemes[1], strlen(schemes[1])) != 0)))
			loading_problem(l, CONFIG_FATAL, l->c->source[option], "'%s' is no URL of this service; write %s… or domain=%s…, or none",
					url, schemes[0], schemes[0]);
	}
}

static void check_addresses(struct loading *l)
{
	const struct config *c = l->c;

	check_contacts(l, &c->contact_abuse, CONFIG_OPTION_contact_abuse);
	check_contacts(l, &c->contact_admin, CONFIG_OPTION_contact_admin);
	check_contacts(l, &c->contact_feedback, CONFIG_OPTION_contact_feedback);
	check_contacts(l, &c->contact_sales, CONFIG_OPTION_contact_sales);
	check_contacts(l, &c->contact_security, CONFIG_OPTION_contact_security);
	check_contacts(l, &c->contact_status, CONFIG_OPTION_contact_status);
	check_contacts(l, &c->contact_support, CONFIG_OPTION_contact_support);
	check_public(l, &c->public_bosh, CONFIG_OPTION_public_bosh, (const char *[2]){ "https://", "http://" });
	check_public(l, &c->public_websocket, CONFIG_OPTION_public_websocket, (const char *[2]){ "wss://", "ws://" });
}

/* [-]/message/NAME, or with [NAMESPACE] behind it. */
static bool is_message_path(const char *path)
{
	const char *text = *path == '-' ? path + 1 : path, *open;

	if (strncmp(text, "/message/", 9) != 0)
		return false;
	text += 9;
	open = strchr(text, '[');
	if (strchr(text, '/') && (!open || strchr(text, '/') < open))
		return false;
	return *text && open != text && (!open || (strlen(open) > 2 && text[strlen(text) - 1] == ']'));
}

static void check_message_paths(struct loading *l)
{
	const struct config_list *paths = &l->c->msg_store_paths;

	for (size_t i = 0; i < paths->count; i++)
		if (!is_message_path(paths->items[i]))
			loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_msg_store_paths],
					"'%s' is no path of a message's child; write /message/NAME or /message/NAME[NAMESPACE], with - in "
					"front for one that must not be there (%s)",
					paths->items[i], option_rows[CONFIG_OPTION_msg_store_paths].key);
}

void check_all(struct loading *l)
{
	const struct config *c = l->c;

	check_user_db(l);
	check_desk_name(l);
	check_message_paths(l);
	patterns_check(l);
	check_cookie_cache(l);
	check_origins(l);
	check_addresses(l);
	check_logins(l);
	check_limits(l);
	relate_store_limits(l);
	check_commands(l);
	check_blocks(l, &c->metrics_allow, CONFIG_OPTION_metrics_allow);
	check_blocks(l, &c->limit_exempt, CONFIG_OPTION_limit_exempt);
	check_blocks(l, &c->register_whitelist, CONFIG_OPTION_register_whitelist);
	check_blocks(l, &c->register_blacklist, CONFIG_OPTION_register_blacklist);
	check_mechanisms(l, &c->enabled_mechanisms, l->c->source[CONFIG_OPTION_enabled_mechanisms]);
	for (size_t i = 0; i < c->vhost_count; i++)
		check_mechanisms(l, &c->vhosts[i].sasl_mechanisms, l->c->source[CONFIG_OPTION_virt_hosts]);
	if (c->certs_location.count == 0)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_certs_location], "--ssl-certs-location names no directory");
	if (!check_is_certificate_name(c->cert_default))
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_cert_default], "'%s' cannot be the name of a certificate; give the "
				"name of a file in --ssl-certs-location, without .pem", c->cert_default);
	check_client_certificates(l);
	if (c->db_write_online_status && !c->plugins[CONFIG_PLUGIN_last])
		loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_db_write_online_status],
				"sess-man/db-write-online-status has no effect without the plugin jabber:iq:last");
	if (c->bosh_hold >= c->bosh_requests)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_bosh_hold],
				"bosh/hold-requests must be less than bosh/concurrent-requests (%lld)", (long long)c->bosh_requests);
	if (c->listener_count == 0)
		loading_problem(l, CONFIG_WARNING, NULL, "no port is opened: no client can connect");
}
