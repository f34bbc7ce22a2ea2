#pragma once
/* A TCP client with stream management for tests of the edge: one world, one session. */
#include "world.h"

#include <stdio.h>

#include "actors/edge/sm.h"
#include "runtime/actor/engine.h"
#include "runtime/metric.h"

#define SM "urn:xmpp:sm:3"
#define ENABLE "<enable xmlns='" SM "' resume='true'/>"
#define R "<r xmlns='" SM "'/>"
#define WORD(id) "<message xmlns='jabber:client' id='" id "'><body>" id "</body></message>"
#define SAID(id) "<message to='bob@localhost' id='" id "'><body>x</body></message>"
#define ERROR "urn:ietf:params:xml:ns:xmpp-stanzas"
#define COUNT "c2s/processors/urn\\:xmpp\\:sm\\:3/ack-request-count[I]="
#define NEVER COUNT "10000\nc2s/processors/urn\\:xmpp\\:sm\\:3/ack-request-delay[I]=3600000\n"

static struct world *w;
static char id[SM_ID_MAX]; /* of the session enabled last */

static UNUSED int teardown(void **state)
{
	(void)state;
	world_free(w);
	assert_int_equal(metric_read(METRIC_sm_asleep), 0);
	return 0;
}

#define SETUP(name, lines, workers) \
	static UNUSED int name(void **state) \
	{ \
		(void)state; \
		w = world_new(lines, workers); \
		return 0; \
	}
SETUP(setup, "", 1)
SETUP(quiet, NEVER, 1)
SETUP(three, COUNT "3\n", 1)
SETUP(tight, NEVER "sess-man/limits/user/unacknowledged[I]=2\n", 1)
SETUP(off, "--sm-plugins=-urn:xmpp:sm:3\n", 1)
SETUP(short_window, NEVER "c2s/processors/urn\\:xmpp\\:sm\\:3/max-resumption-timeout[I]=30\n", 1)
SETUP(no_window, "c2s/processors/urn\\:xmpp\\:sm\\:3/resumption-timeout[I]=0\n", 1)
SETUP(seats, NEVER "sess-man/desk/seats[s]=alice@localhost\nsess-man/desk/robots[s]=robot*@localhost\n"
		   "sess-man/desk/hold[I]=20\n", 1)
SETUP(two_workers, NEVER, 2)
SETUP(fast, NEVER "sess-man/limits/user/stanza-rate[I]=0\nsess-man/limits/user/byte-rate[I]=0\n", 1)

/* --- helpers --- */

static UNUSED struct client *managed(void)
{
	struct client *c = tcp_alice(w);
	const char *text;

	client_send(c, ENABLE);
	text = client_read(c);
	assert_has(text, "<enabled xmlns='" SM "' id='");
	(void)snprintf(id, sizeof(id), "%s", between(text, " id='", "'"));
	assert_int_equal(strlen(id), 32);
	return c;
}

/* Logged in, features read. */
static UNUSED struct client *stranger(unsigned edge)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", edge);

	client_send(c, HEAD ALICE_AUTH);
	client_send(c, HEAD);
	assert_has(client_read(c), "<sm xmlns='" SM "'/>");
	world_log(w);
	return c;
}

static UNUSED void ask_resume(struct client *c, const char *previd, const char *h)
{
	char text[8192];

	(void)snprintf(text, sizeof(text), "<resume xmlns='" SM "' previd='%s' h='%s'/>", previd, h);
	client_send(c, text);
}

static UNUSED void ack(struct client *c, const char *h)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "<a xmlns='" SM "' h='%s'/>", h);
	client_send(c, text);
}

static UNUSED struct stream *stream_here(void)
{
	struct edge *e = w->edges[w->link.edge == w->server.edge[0] ? 0 : 1];

	return edge_find(e, w->link.slot, w->link.gen);
}

static UNUSED void assert_order(const char *text, const char *const *parts)
{
	for (; *parts; parts++) {
		const char *at = strstr(text, *parts);

		if (!at)
			fail_msg("no \"%s\", or out of order, in:\n%s", *parts, text);
		text = at + strlen(*parts);
	}
}
