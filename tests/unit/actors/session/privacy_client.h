#pragma once
/* Requests of privacy lists (XEP-0016) and the blocking command (XEP-0191), and what is answered. */
#include "world.h"

#include "actors/owners.h"

struct row {
	const char *xml, *answer;
};

static UNUSED void play(struct world *w, unsigned client, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		client_send(w, client, rows[i].xml);
		assert_has(client_log(w, client), rows[i].answer);
	}
}
#define PLAY(w, client, rows) play(w, client, rows, ARRAY_LEN(rows))

#define GET(inside) "<iq type='get' id='1'><query xmlns='jabber:iq:privacy'>" inside "</query></iq>"
#define SET(inside) "<iq type='set' id='1'><query xmlns='jabber:iq:privacy'>" inside "</query></iq>"
#define LIST(name, items) "<list name='" name "'>" items "</list>"
#define DENY_JID(jid) "<item type='jid' value='" jid "' action='deny' order='1'/>"
#define DENY_ALL "<item action='deny' order='9'/>"
#define OK "<iq to='romeo@localhost/r' type='result' id='1'/>"
#define BLOCKED "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/></error>"

#define BLOCK(items) "<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'>" items "</block></iq>"
#define UNBLOCK(items) "<iq type='set' id='1'><unblock xmlns='urn:xmpp:blocking'>" items "</unblock></iq>"
#define BLOCKLIST "<iq type='get' id='1'><blocklist xmlns='urn:xmpp:blocking'/></iq>"
#define ITEM(jid) "<item jid='" jid "'/>"

static UNUSED void clear(struct world *w)
{
	for (unsigned i = 0; i < w->client_count; i++)
		client_log(w, i);
}

/* Both may see each other. */
static UNUSED void befriend(struct world *w, unsigned a, unsigned b)
{
	char xml[200];
	const struct jid *ja = w->clients[a].full, *jb = w->clients[b].full;

	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(xml, sizeof(xml), "<presence type='subscribe' to='%.*s'/>", SPAN_FMT(jid_bare(i ? ja : jb)));
		client_send(w, i ? b : a, xml);
		(void)snprintf(xml, sizeof(xml), "<presence type='subscribed' to='%.*s'/>", SPAN_FMT(jid_bare(i ? jb : ja)));
		client_send(w, i ? a : b, xml);
	}
	clear(w);
}
