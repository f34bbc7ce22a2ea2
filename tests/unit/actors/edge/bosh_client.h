#pragma once
/* A BOSH client for tests of the edge: one world, one session. */
#include "world.h"

#include <stdio.h>

#define BODY_NS "xmlns='http://jabber.org/protocol/httpbind'"
#define XMPP_NS "xmlns:xmpp='urn:xmpp:xbosh'"
#define BOUND_IQ "<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define MESSAGE "<message xmlns='jabber:client' to='bob@localhost' id='%s'><body>x</body></message>"

static struct world *w;
static char sid[64];

static UNUSED int start(const char *lines, unsigned workers)
{
	w = world_new(lines, workers);
	return 0;
}

static UNUSED int setup(void **state)
{
	(void)state;
	return start("", 1);
}

static UNUSED int setup_two_workers(void **state)
{
	(void)state;
	return start("", 2);
}

static UNUSED int teardown(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static UNUSED struct client *http(void)
{
	return client_new(w, CONFIG_COMPONENT_bosh);
}

static UNUSED unsigned answers_in(const char *text)
{
	return count_of(text, "HTTP/1.1 200 OK\r\n");
}

/* One request of the session; `more`: attributes. */
static UNUSED void post(struct client *c, unsigned rid, const char *more, const char *payload)
{
	struct buf text = BUF_INIT;
	char *body;

	buf_addf(&text, "<body " BODY_NS " " XMPP_NS " rid='%u' sid='%s' %s>%s</body>", rid, sid, more, payload);
	body = buf_take_text(&text);
	http_post(c, body, NULL);
	free(body);
}

static UNUSED const char *create(struct client *c, unsigned rid, const char *more)
{
	const char *text;
	char body[1024];

	snprintf(body, sizeof(body), "<body " BODY_NS " " XMPP_NS " rid='%u' to='localhost' wait='60' hold='1' ver='1.6' %s/>", rid,
		 more);
	http_post(c, body, NULL);
	text = client_read(c);
	snprintf(sid, sizeof(sid), "%s", between(text, "sid='", "'"));
	return text;
}

/* A bound anonymous session: rids 1 to 4 are used. */
static UNUSED struct client *bound(const char *more)
{
	struct client *c = http();

	create(c, 1, more);
	post(c, 2, "", ANONYMOUS_AUTH);
	assert_has(client_read(c), "<success");
	post(c, 3, "to='localhost' xmpp:restart='true'", "");
	assert_has(client_read(c), "<bind");
	post(c, 4, "", BOUND_IQ);
	assert_has(client_read(c), "<jid>v-");
	world_log(w);
	return c;
}
