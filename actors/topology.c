/* Every actor of the server, in spawn order: store, logins, desk, components by others, shards, administration, account watch, edges. Actors name each other through struct
 * server, so all ids are filled in before the engine starts; messages sent earlier wait in mailboxes. */
#include "actors/topology.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/account.h"
#include "actors/account_watch.h"
#include "actors/expiry.h"
#include "actors/admin/admin.h"
#include "actors/desk/desk.h"
#include "actors/hosts.h"
#include "actors/owners.h"
#include "actors/recovery.h"
#include "actors/session/caps.h"
#include "actors/session/shard.h"
#include "runtime/actor/engine.h"
#include "runtime/io/tls.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

static char *problem(const char *what, const char *why)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s: %s", what, why);
	return buf_take_text(&text);
}

static void set_sizes(struct server *s)
{
	s->workers = engine_workers();
	s->shards = s->conf->shards ? (unsigned)s->conf->shards : s->workers;
	s->desks = s->workers;
	s->auths = (unsigned)s->conf->auth_threads;
	s->desk_on = s->conf->desk_seats.count > 0 || s->conf->desk_robots.count > 0;
	s->started_wall_us = outside_wall_us();
	ASSERT(s->workers <= SERVER_WORKERS_MAX && s->shards <= SERVER_WORKERS_MAX);
}

struct names {
	const char **items;
	size_t count;
};

static void add_name(void *ctx, const struct config_vhost *v)
{
	struct names *n = ctx;

	n->items = xrealloc(n->items, (n->count + 1) * sizeof(*n->items));
	n->items[n->count++] = v->name;
}

static char *open_certificates(struct server *s)
{
	const struct config *conf = s->conf;
	struct names names = { 0 };
	struct tls_names hosts;
	struct tls_clients clients = { conf->client_cert_ca, "xmpp-client", conf->client_cert_required };
	char *error = NULL;

	config_each_vhost(conf, add_name, &names);
	hosts = (struct tls_names){ names.items, names.count };
	s->tls = tls_store_open((const char *const *)conf->certs_location.items, conf->certs_location.count,
				conf->cert_default, &hosts, &error);
	free(names.items);
	if (s->tls && *conf->client_cert_ca && config_wants_client_certificates(conf) &&
	    !tls_store_ask_clients(s->tls, &clients, &error)) {
		tls_store_free(s->tls);
		s->tls = NULL;
	}
	return s->tls ? NULL : error;
}

static char *recover(struct store *writer)
{
	uint64_t messages;
	enum status st = recovery_run(writer, &messages);

	if (messages)
		LOG_INFO("store", "%llu messages were on their way when the server died; they are offline messages now",
			 (unsigned long long)messages);
	metric_add(METRIC_custody_recovered, (int64_t)messages);
	if (st == STATUS_OK)
		st = recovery_forget(writer, outside_wall_us() / 1000000);
	return st == STATUS_OK ? NULL : problem("store: cannot put unacknowledged messages back", status_text(st));
}

static char *open_store(struct server *s, struct store **writer, uint64_t *removed)
{
	struct owners *owners;
	char *error = NULL;
	enum status st = store_open(s->conf->user_db_uri, STORE_OWNER, writer, &error);

	if (st != STATUS_OK) {
		char *text = problem("store", error ? error : status_text(st));

		free(error);
		return text;
	}
	st = store_installation_secret(*writer, s->secret);
	if (st != STATUS_OK)
		return problem("store: cannot keep the installation's secret", status_text(st));
	st = account_last_removal(*writer, removed);
	if (st != STATUS_OK)
		return problem("store: cannot read the removed accounts", status_text(st));
	s->privacy_owners = owners = owners_new();
	st = owners_read(owners, *writer, STORE_PRIVACY);
	if (st != STATUS_OK)
		return problem("store: cannot read who has privacy lists", status_text(st));
	st = hosts_restore(*writer, s->conf);
	if (st != STATUS_OK)
		return problem("store: cannot read the domains that were added", status_text(st));
	return recover(*writer);
}

/* removed: accounts up to this row of STORE_REMOVED were gone before anybody logged in. */
static char *spawn_all(struct server *s, struct store *writer, uint64_t removed)
{
	char *error = NULL;

	s->store = store_spawn(writer);
	for (unsigned i = 0; i < s->auths; i++)
		s->auth[i] = auth_spawn(s, s->conf->user_db_uri);
	if (s->conf->desk_seat_auth == CONFIG_SEAT_AUTH_COOKIE)
		s->cookie = cookie_spawn(s, s->conf->user_db_uri);
	if (s->desk_on) {
		s->pool = pool_spawn(s);
		for (unsigned i = 0; i < s->desks; i++)
			s->desk[i] = desk_spawn(s, i);
	}
	components_spawn(s);
	for (unsigned i = 0; i < s->shards; i++)
		s->shard[i] = shard_spawn(s, i);
	if (s->conf->plugins[CONFIG_PLUGIN_commands])
		s->admin = admin_spawn(s, s->conf->user_db_uri);
	if (s->conf->account_watch)
		account_watch_spawn(s, removed);
	if (s->conf->expiry_interval)
		expiry_spawn(s);
	for (unsigned i = 0; i < s->workers && !error; i++)
		s->edge[i] = edge_spawn(s, i, &error);
	return error;
}

char *topology_raise(const struct config *conf, const struct extensions *extensions, struct server *out)
{
	struct store *writer = NULL;
	uint64_t removed = 0;
	char *error;

	*out = (struct server){ .conf = conf, .extensions = extensions };
	set_sizes(out);
	caps_fill(out);
	error = open_store(out, &writer, &removed);
	if (!error && config_wants_tls(conf))
		error = open_certificates(out);
	if (error) {
		store_close(writer);
		owners_free(out->privacy_owners);
		out->privacy_owners = NULL;
		return error;
	}
	return spawn_all(out, writer, removed);
}

void topology_shutdown(const struct server *s)
{
	for (unsigned i = 0; i < s->workers; i++) {
		struct edge_signal *m = MSG_NEW(edge_shutdown, edge_signal);

		actor_send(s->edge[i], &m);
	}
}

void topology_settle(const struct server *s)
{
	for (unsigned i = 0; s->desk_on && i < s->desks; i++) {
		struct desk_settle *m = MSG_NEW(desk_settle, desk_settle);

		actor_send(s->desk[i], &m);
	}
}

bool topology_reload(const struct server *s)
{
	bool fenced = s->conf->sandbox != CONFIG_SANDBOX_OFF;
	char *error = NULL;
	bool ok = !s->tls || tls_store_reload(s->tls, &error);

	if (ok && s->tls)
		LOG_INFO("tls", "certificates read again");
	else if (!ok)
		LOG_ERROR("tls", "certificates not replaced, the old ones stay: %s%s", error ? error : "unknown reason",
			  fenced && error && strstr(error, strerror(EACCES))
				  ? "; a place nothing led to at the start is named in basic-conf/sandbox-read"
				  : "");
	free(error);
	return ok;
}

void topology_lower(struct server *s)
{
	tls_store_free(s->tls);
	s->tls = NULL;
	free(s->components);
	s->components = NULL;
	s->component_count = 0;
	owners_free(s->privacy_owners);
	s->privacy_owners = NULL;
}
