#pragma once
/* Domains that were added or changed while a server ran: kept in the store (STORE_VHOST), served again at the next start. */
#include "conf/config.h"
#include "storage/store.h"

/* Serves all that are kept, also in place of what --virt-hosts says of the same domain; one that can no longer be read is logged and
 * left out. Before the actors start, or in a process of its own. */
enum status hosts_restore(struct store *s, const struct config *conf) MUST_CHECK;
enum status hosts_keep(struct store *s, const struct config_vhost *v) MUST_CHECK;
enum status hosts_forget(struct store *s, struct span domain) MUST_CHECK; /* NOT_FOUND: it is not kept */
/* A domain with all its flags, as config_vhost_parse takes it. */
void hosts_item(const struct config_vhost *v, struct buf *out);
