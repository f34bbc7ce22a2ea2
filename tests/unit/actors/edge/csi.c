/* XEP-0352: what waits for an inactive client, what does not, and in which order it comes. */
#include "world.h"

#include <stdio.h>

#include "runtime/metric.h"

#define INACTIVE "<inactive xmlns='urn:xmpp:csi:0'/>"
#define ACTIVE "<active xmlns='urn:xmpp:csi:0'/>"
#define IN "xmlns='jabber:client'"
#define PRESENCE(show) "<presence " IN "><show>" show "</show></presence>"
#define COMPOSING "<message " IN " type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread></message>"
#define PAUSED "<message " IN " type='chat'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>"
#define WORD "<message " IN " type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/><body>word</body></message>"
#define KEY "sess-man/plugins-conf/urn\\:xmpp\\:csi\\:0/held-stanzas[I]="

static struct world *w;
static struct client *c;

static void begin(const char *lines)
{
	w = world_new(lines, 1);
	c = tcp_alice(w);
	client_send(c, INACTIVE);
}

static void end(void)
{
	client_free(c);
	world_free(w);
}

static void it_is_offered_after_login(void **state)
{
	(void)state;
	w = world_new("", 1);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	assert_lacks(client_read(c), "<csi xmlns='urn:xmpp:csi:0'/>");
	client_send(c, ALICE_AUTH);
	client_send(c, HEAD);
	assert_has(client_read(c), "<csi xmlns='urn:xmpp:csi:0'/>");
	end();
	begin("--sm-plugins=-urn\\:xmpp\\:csi\\:0\n");
	assert_has(client_read(c), "<unsupported-stanza-type");
	end();
	begin("");
	client_send(c, "<asleep xmlns='urn:xmpp:csi:0'/>");
	assert_has(client_read(c), "<unsupported-stanza-type");
	end();
}

static void each_stanza_waits_or_does_not(void **state)
{
	static const struct {
		const char *xml;
		uint64_t receipt;
		bool waits;
	} rows[] = {
		{ PRESENCE("away"), 0, true },
		{ "<presence " IN " type='unavailable'/>", 0, true },
		{ COMPOSING, 0, true },
		{ PAUSED, 0, true },
		{ "<message " IN "><gone xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/></message>", 0, true },
		{ COMPOSING, 7, false }, /* somebody waits to hear that it is written */
		{ WORD, 0, false },
		{ WORD, 7, false },
		{ "<message " IN "/>", 0, false },
		{ "<message " IN "><received xmlns='urn:xmpp:receipts' id='1'/></message>", 0, false },
		{ "<message " IN " type='error'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>", 0, false },
		{ "<presence " IN " type='subscribe'/>", 0, false },
		{ "<presence " IN " type='subscribed'/>", 0, false },
		{ "<presence " IN " type='error'/>", 0, false },
		{ "<presence " IN "><x xmlns='http://jabber.org/protocol/muc#user'/></presence>", 0, false },
		{ "<iq " IN " type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin("");
		world_deliver(w, rows[i].xml, rows[i].receipt);
		if ((*client_read(c) == '\0') != rows[i].waits)
			fail_msg("row %zu", i);
		client_send(c, ACTIVE);
		if ((*client_read(c) != '\0') != rows[i].waits)
			fail_msg("row %zu, active", i);
		end();
	}
}

static void the_last_word_of_each_counts_and_goes_first(void **state)
{
	int64_t spared = metric_read(METRIC_csi_spared);
	const char *text, *bob, *carol, *chat;

	(void)state;
	begin("");
	world_deliver(w, PRESENCE("away"), 0);
	world_deliver_from(w, "carol@localhost/x", PRESENCE("dnd"), 0);
	world_deliver(w, COMPOSING, 0);
	world_deliver(w, PRESENCE("xa"), 0);
	world_deliver(w, PAUSED, 0);
	assert_string_equal(client_read(c), "");
	world_deliver_from(w, "dave@localhost/x", WORD, 0);
	text = client_read(c);
	carol = strstr(text, "<show>dnd</show>");
	bob = strstr(text, "<show>xa</show>");
	chat = strstr(text, "<paused");
	assert_true(carol && bob && chat && carol < bob && bob < chat && chat < strstr(text, "word"));
	assert_lacks(text, "away");
	assert_lacks(text, "composing");
	assert_int_equal(metric_read(METRIC_csi_spared) - spared, 2);
	world_deliver(w, PRESENCE("chat"), 0); /* it is inactive still */
	assert_string_equal(client_read(c), "");
	client_send(c, ACTIVE);
	assert_has(client_read(c), "<show>chat</show>");
	world_deliver(w, PRESENCE("away"), 0);
	assert_has(client_read(c), "<show>away</show>");
	end();
}

static void it_holds_so_many(void **state)
{
	char sender[64];

	(void)state;
	begin(KEY "3\n");
	for (unsigned i = 0; i < 3; i++) {
		snprintf(sender, sizeof(sender), "u%u@localhost/x", i);
		world_deliver_from(w, sender, PRESENCE("away"), 0);
	}
	assert_string_equal(client_read(c), "");
	world_deliver_from(w, "u9@localhost/x", PRESENCE("dnd"), 0);
	assert_int_equal(count_of(client_read(c), "away"), 3);
	client_send(c, ACTIVE);
	assert_int_equal(count_of(client_read(c), "dnd"), 1);
	end();
	begin("sess-man/limits/user/output-soft[I]=1000\n"); /* bytes */
	for (unsigned i = 0; i < 20; i++) {
		snprintf(sender, sizeof(sender), "u%u@localhost/x", i);
		world_deliver_from(w, sender, filled("<presence xmlns='jabber:client'><status>", "</status></presence>", 500), 0);
	}
	assert_in_range(count_of(client_read(c), "<presence"), 10, 19);
	end();
}

static void a_lost_line_ends_it_and_nothing_is_lost(void **state)
{
	char request[128], id[64];

	(void)state;
	w = world_new("", 1);
	c = tcp_alice(w);
	client_send(c, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>" INACTIVE);
	snprintf(id, sizeof(id), "%s", between(client_read(c), "<enabled xmlns='urn:xmpp:sm:3' id='", "'"));
	world_deliver(w, PRESENCE("away"), 0);
	assert_string_equal(client_read(c), "");
	client_drop(c, CONN_END_RESET);
	world_deliver(w, PRESENCE("dnd"), 0); /* asleep is not inactive */
	client_free(c);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD ALICE_AUTH);
	client_send(c, HEAD);
	client_read(c);
	snprintf(request, sizeof(request), "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='0'/>", id);
	client_send(c, request);
	{
		const char *text = client_read(c), *away = strstr(text, "away"), *dnd = strstr(text, "dnd");

		assert_has(text, "<resumed");
		assert_true(away && dnd && away < dnd);
	}
	world_deliver(w, PRESENCE("xa"), 0); /* and it is active */
	assert_has(client_read(c), "<show>xa</show>");
	end();
}

static void another_connection_that_resumes_gets_it_too(void **state)
{
	struct client *first;
	char request[128];

	(void)state;
	w = world_new("", 1);
	first = tcp_alice(w);
	client_send(first, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>" INACTIVE);
	snprintf(request, sizeof(request), "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='0'/>",
		 between(client_read(first), "<enabled xmlns='urn:xmpp:sm:3' id='", "'"));
	world_deliver(w, PRESENCE("away"), 0);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD ALICE_AUTH);
	client_send(c, HEAD);
	client_read(c);
	client_send(c, request);
	assert_int_equal(count_of(client_read(c), "<show>away</show>"), 1);
	client_free(first);
	end();
}

static void what_is_held_dies_with_the_stream(void **state)
{
	(void)state;
	begin("");
	world_deliver(w, PRESENCE("away"), 0);
	world_deliver(w, COMPOSING, 0);
	client_send(c, "</stream:stream>");
	assert_lacks(world_log(w), "UNDELIVERED");
	end();
	begin("");
	world_deliver(w, PRESENCE("away"), 0);
	end(); /* and with the server */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_offered_after_login),
		cmocka_unit_test(each_stanza_waits_or_does_not),
		cmocka_unit_test(the_last_word_of_each_counts_and_goes_first),
		cmocka_unit_test(it_holds_so_many),
		cmocka_unit_test(a_lost_line_ends_it_and_nothing_is_lost),
		cmocka_unit_test(another_connection_that_resumes_gets_it_too),
		cmocka_unit_test(what_is_held_dies_with_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
