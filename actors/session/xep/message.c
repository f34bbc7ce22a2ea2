/* Delivery of messages (RFC 6121 8.5): the plugin `message`, part of `amp`. Without it messages still reach available clients
 * (default_handler.c), but nothing that comes back from a client that died is delivered anew or kept. */
#include "actors/session/deliver.h"

static enum xep_verdict handle(struct passage *p)
{
	return deliver_message(p);
}

const struct xep xep_message = {
	.plugin = CONFIG_PLUGIN_message,
	.part_of = CONFIG_PLUGIN_amp,
	.handle = handle,
	.handle_on = XEP_IN(STANZA_MESSAGE),
};
