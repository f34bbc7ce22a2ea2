#include "actors/hosts.h"

#include <stdlib.h>

#include "runtime/log.h"

#define OWNER SPAN_LIT("vhost-manager")

void hosts_item(const struct config_vhost *v, struct buf *out)
{
	buf_add_text(out, v->name);
	for (size_t i = 0; i < config_flag_count(); i++) {
		buf_addf(out, ":%s=", config_flag(i).flag);
		config_flag_value(v, i, out);
	}
}

static bool restore(void *ctx, struct span key, struct span value)
{
	const struct config *conf = ctx;
	struct config_problems problems = { 0 };
	char *item = xstrndup(value.p, value.n);
	struct config_vhost *v = config_vhost_parse(conf, item, &problems);

	for (size_t i = 0; i < problems.count; i++)
		if (problems.items[i].severity == CONFIG_FATAL)
			LOG_ERROR("hosts", "the domain %.*s, added while the server ran, is left out: %s", SPAN_FMT(key), problems.items[i].text);
	if (v && config_vhost_of_file(conf, key))
		LOG_INFO("hosts", "%s is as it was changed by an administrator, not as in --virt-hosts; comp-repo-item-remove undoes that", v->name);
	if (v)
		config_serve(conf, v);
	config_problems_free(&problems);
	free(item);
	return true;
}

enum status hosts_restore(struct store *s, const struct config *conf)
{
	enum status st = store_map_each(s, STORE_VHOST, OWNER, restore, (void *)(uintptr_t)conf);

	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

enum status hosts_keep(struct store *s, const struct config_vhost *v)
{
	struct buf item = BUF_INIT;
	enum status st;

	hosts_item(v, &item);
	st = store_map_put(s, STORE_VHOST, OWNER, span_of(v->name), buf_span(&item));
	buf_wipe(&item); /* a dialback secret may be in it */
	return st;
}

enum status hosts_forget(struct store *s, struct span domain)
{
	return store_map_delete(s, STORE_VHOST, OWNER, domain);
}
