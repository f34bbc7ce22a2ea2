/* Rules between options and rules about the form of texts: what a single row of options.def cannot say. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/inner.h"

#define CERTIFICATE_NAME_MAX 240 /* with its endings it is still a file name */

static void check_user_db(struct loading *l)
{
	const struct config *c = l->c;

	if (strcmp(c->user_db, "sqlite") != 0)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_user_db],
				"--user-db=%s is not built; take sqlite (the embedded store)", c->user_db);
	else if (strncmp(c->user_db_uri, "sqlite:", 7) != 0 || c->user_db_uri[7] == '\0')
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_user_db_uri],
				"'%s' does not fit --user-db=sqlite; write sqlite:PATH, for example sqlite:data/switchboard.db",
				c->user_db_uri);
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
	if (!at || sscanf(at, "%255[^:/]:%5[0-9]/%5[0-9]%n", host, port, db, &used) != 3 || at[used] != '\0' || atoi(port) < 1 ||
	    atoi(port) > 65535)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_cookie_cache_uri],
				"the cache address must have the form redis://[:password@]host:port/db");
	if (!strchr(c->cookie_key, '%'))
		loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_cookie_key],
				"'%s' is the same key for every seat; use %%u, %%d or %%j", c->cookie_key);
}

static bool is_block(const char *text)
{
	char ip[64];
	unsigned char parsed[16];
	size_t n = strcspn(text, "/");

	if (n >= sizeof(ip) || (text[n] && (strspn(text + n + 1, "0123456789") != strlen(text + n + 1) || !text[n + 1])))
		return false;
	memcpy(ip, text, n);
	ip[n] = '\0';
	return inet_pton(AF_INET, ip, parsed) == 1 || inet_pton(AF_INET6, ip, parsed) == 1;
}

static void check_blocks(struct loading *l, const struct config_list *list, enum config_option option)
{
	for (size_t i = 0; i < list->count; i++)
		if (!is_block(list->items[i]))
			loading_problem(l, CONFIG_FATAL, l->c->source[option], "'%s' is no address; write 192.0.2.1, 10.0.0.0/8 or ::1",
					list->items[i]);
}

static void check_mechanisms(struct loading *l, const struct config_list *list, const struct config_raw *where)
{
	static const char *const known[] = { "PLAIN", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256",
					     "SCRAM-SHA-256-PLUS" };

	for (size_t i = 0; i < list->count; i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found |= strcmp(list->items[i], known[k]) == 0;
		if (!found)
			loading_problem(l, CONFIG_WARNING, where, "SASL mechanism '%s' is not known; it is skipped", list->items[i]);
	}
}

bool check_is_certificate_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && strlen(name) <= CERTIFICATE_NAME_MAX;
}

void check_all(struct loading *l)
{
	const struct config *c = l->c;

	check_user_db(l);
	check_desk_name(l);
	patterns_check(l);
	check_cookie_cache(l);
	check_blocks(l, &c->metrics_allow, CONFIG_OPTION_metrics_allow);
	check_blocks(l, &c->limit_exempt, CONFIG_OPTION_limit_exempt);
	check_mechanisms(l, &c->enabled_mechanisms, l->c->source[CONFIG_OPTION_enabled_mechanisms]);
	for (size_t i = 0; i < c->vhost_count; i++)
		check_mechanisms(l, &c->vhosts[i].sasl_mechanisms, l->c->source[CONFIG_OPTION_virt_hosts]);
	if (c->certs_location.count == 0)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_certs_location], "--ssl-certs-location names no directory");
	if (!check_is_certificate_name(c->cert_default))
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_cert_default], "'%s' cannot be the name of a certificate; give the "
				"name of a file in --ssl-certs-location, without .pem", c->cert_default);
	if (c->db_write_online_status)
		loading_problem(l, CONFIG_WARNING, l->c->source[CONFIG_OPTION_db_write_online_status],
				"online state is kept in memory only; no login or logout is written");
	if (c->bosh_hold >= c->bosh_requests)
		loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_bosh_hold],
				"bosh/hold-requests must be less than bosh/concurrent-requests (%lld)", (long long)c->bosh_requests);
	if (c->listener_count == 0)
		loading_problem(l, CONFIG_WARNING, NULL, "no port is opened: no client can connect");
}
