#include "tests/support/check.h"

#include "conf/inner.h"
#include "tests/unit/conf/load.h"

#define USERS_PLUGINS \
	"sess-man/plugins[s]=session-close,session-open,default-handler,urn:ietf:params:xml:ns:xmpp-sasl," \
	"urn:ietf:params:xml:ns:xmpp-bind,urn:ietf:params:xml:ns:xmpp-session,jabber:iq:roster,jabber:iq:privacy," \
	"jabber:iq:version,http://jabber.org/protocol/stats,starttls,vcard-temp,http://jabber.org/protocol/commands," \
	"jabber:iq:private,urn:xmpp:ping,amp,disco,domain-filter,zlib,message-carbons,vcard-xep-0292,urn:xmpp:time"

static bool is_standard(int plugin)
{
	return plugin_rows[plugin].state == PLUGIN_CORE || (plugin_rows[plugin].state == PLUGIN_BUILT && plugin_rows[plugin].standard);
}

static size_t count_mentions(const struct loaded *l, const char *id)
{
	char quoted[128];
	size_t count = 0;

	snprintf(quoted, sizeof(quoted), "'%s'", id);
	for (size_t i = 0; i < l->problems.count; i++)
		count += strstr(l->problems.items[i].text, quoted) != NULL;
	return count;
}

static void the_users_plugin_list_works_verbatim(void **state)
{
	struct loaded l = load(USERS_PLUGINS);
	size_t later = 0;

	(void)state;
	assert_false(config_has_fatal(&l.problems));
	for (int i = 0; i < CONFIG_PLUGIN_COUNT; i++) {
		const struct plugin_row *row = &plugin_rows[i];
		char item[128];
		bool listed;

		snprintf(item, sizeof(item), "%s,", row->id);
		listed = strstr(USERS_PLUGINS ",", item) != NULL;
		if (row->state == PLUGIN_LATER) {
			assert_false(l.c->plugins[i]);
			assert_int_equal(count_mentions(&l, row->id), listed);
			later += listed;
		} else {
			assert_int_equal(l.c->plugins[i], listed || row->state == PLUGIN_CORE);
			assert_int_equal(count_mentions(&l, row->id), 0);
		}
	}
	assert_int_equal(l.problems.count, later);
	/* it loads no presence plugin and has no desk in it */
	assert_false(l.c->plugins[CONFIG_PLUGIN_presence_state]);
	assert_false(l.c->plugins[CONFIG_PLUGIN_presence_subscription]);
	assert_true(l.c->plugins[CONFIG_PLUGIN_desk]);
	unload(&l);
}

static void a_truncated_id_is_one_warning(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l, "sess-man/plugins[s]=jabber:iq:roster,jabber.org/protocol/st…,disco,urn:ietf:params:xml:ns:xmpp-sasl,"
	       "urn:ietf:params:xml:ns:xmpp-bind",
	       "1 warning: no implementation found for plugin 'jabber.org/protocol/st…'; it is skipped");
	assert_true(l.c->plugins[CONFIG_PLUGIN_roster] && l.c->plugins[CONFIG_PLUGIN_disco]);
	assert_false(l.c->plugins[CONFIG_PLUGIN_ping]);
	unload(&l);
}

static void the_core_cannot_be_left_out(void **state)
{
	static const char *const texts[] = { "sess-man/plugins[s]=", "sess-man/plugins[s]=nonsense",
					     "--sm-plugins=-session-open,-session-close,-default-handler,-desk" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct loaded l = load(texts[i]);

		for (int k = 0; k < CONFIG_PLUGIN_COUNT; k++)
			if (plugin_rows[k].state == PLUGIN_CORE)
				assert_true(l.c->plugins[k]);
		unload(&l);
	}
}

static void edits_change_the_default_list(void **state)
{
	static const struct {
		const char *edits;
		int changed[3]; /* plugins that are no longer as by default; -1 = no more */
		const char *problem;
	} rows[] = {
		{ "", { -1 }, NULL },
		{ "-jabber:iq:roster", { CONFIG_PLUGIN_roster, -1 }, NULL },
		{ " - jabber:iq:roster , -\tdisco", { CONFIG_PLUGIN_roster, CONFIG_PLUGIN_disco, -1 }, NULL },
		{ "-disco,+ dis co", { -1 }, NULL },
		{ "-presence", { CONFIG_PLUGIN_presence_state, CONFIG_PLUGIN_presence_subscription, -1 }, NULL },
		{ "-presence,+presence-state", { CONFIG_PLUGIN_presence_subscription, -1 }, NULL },
		{ "-disco,disco=16", { -1 }, NULL },
		{ "-disco,+disco=16:2000", { -1 }, NULL },
		{ "amp=8", { -1 }, NULL },
		{ "-amp=8", { CONFIG_PLUGIN_amp, -1 }, NULL },
		{ "-jabber:iq:register", { CONFIG_PLUGIN_register, -1 }, NULL },
		{ "-nonsense", { -1 }, "1 warning: no plugin 'nonsense' to leave out" },
		{ "-jabber:iq:register,+your-plugin=8,jabber:iq:auth=16", { CONFIG_PLUGIN_register, -1 },
		  "1 warning: no implementation found for plugin 'your-plugin'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct loaded l;

		snprintf(text, sizeof(text), "--sm-plugins=%s", rows[i].edits);
		l = load(text);
		for (int k = 0; k < CONFIG_PLUGIN_COUNT; k++) {
			bool changed = false;

			for (int n = 0; n < 3 && rows[i].changed[n] >= 0; n++)
				changed |= rows[i].changed[n] == k;
			if (l.c->plugins[k] != (is_standard(k) != changed))
				fail_msg("'%s': %s is %d", rows[i].edits, plugin_rows[k].id, l.c->plugins[k]);
		}
		if (rows[i].problem) {
			char got[256];

			describe(&l.problems.items[0], got, sizeof(got));
			assert_memory_equal(got, rows[i].problem, strlen(rows[i].problem));
		} else {
			assert_int_equal(l.problems.count, 0);
		}
		unload(&l);
	}
}

static void the_whole_list_is_stronger_than_edits(void **state)
{
	struct loaded l = load("--sm-plugins=-jabber:iq:roster,+disco\nsess-man/plugins[s]=jabber:iq:roster");

	(void)state;
	assert_true(l.c->plugins[CONFIG_PLUGIN_roster]);
	assert_false(l.c->plugins[CONFIG_PLUGIN_disco]);
	unload(&l);
}

static void the_component_list_is_complete(void **state)
{
	static const struct {
		const char *text;
		bool c2s, bosh, ws2s;
		size_t problems;
	} rows[] = {
		{ "", true, true, true, 0 },
		{ "message-router/components/msg-receivers/id-names[s]=c2s", true, false, false, 0 },
		{ "message-router/components/msg-receivers/id-names[s]= ws2s , bosh ", false, true, true, 0 },
		{ "message-router/components/msg-receivers/id-names[s]=", false, false, false, 1 }, /* nothing listens */
		{ "message-router/components/msg-receivers/id-names[s]=BOSH", false, false, false, 2 },
		{ "message-router/components/msg-receivers/id-names[s]=bosh,nonsense,muc", false, true, false, 2 },
		{ "message-router/components/msg-receivers/bosh.active[B]=false", true, false, true, 0 },
		{ "message-router/components/msg-receivers/bosh.active[B]=true", true, true, true, 0 },
		{ "message-router/components/msg-receivers/sess-man.active[B]=false", true, true, true, 0 },
		{ "message-router/components/msg-receivers/bosh.class=tigase.server.bosh.BoshConnectionManager", true, true, true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);
		const bool *on = l.c->components;

		if (on[CONFIG_COMPONENT_c2s] != rows[i].c2s || on[CONFIG_COMPONENT_bosh] != rows[i].bosh ||
		    on[CONFIG_COMPONENT_ws2s] != rows[i].ws2s || !on[CONFIG_COMPONENT_sess_man] || l.problems.count != rows[i].problems)
			fail_msg("'%s': %d %d %d, %zu problems", rows[i].text, on[CONFIG_COMPONENT_c2s], on[CONFIG_COMPONENT_bosh],
				 on[CONFIG_COMPONENT_ws2s], l.problems.count);
		for (size_t k = 0; k < l.c->listener_count; k++)
			assert_true(on[l.c->listeners[k].component]);
		unload(&l);
	}
}

/* --- listeners --- */

static const struct config_listener *listener(const struct config *c, uint16_t port)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].port == port)
			return &c->listeners[i];
	return NULL;
}

static void ports_have_sockets_by_component_and_setting(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
		enum config_socket socket;
	} rows[] = {
		{ "", 5222, CONFIG_SOCKET_PLAIN },
		{ "", 5223, CONFIG_SOCKET_SSL },
		{ "", 5280, CONFIG_SOCKET_PLAIN },
		{ "", 5281, CONFIG_SOCKET_SSL },
		{ "", 5290, CONFIG_SOCKET_PLAIN },
		{ "c2s/connections/5223/socket=plain", 5223, CONFIG_SOCKET_PLAIN },
		{ "c2s/connections/5223/socket=tls", 5223, CONFIG_SOCKET_PLAIN }, /* STARTTLS */
		{ "c2s/connections/5222/socket=SSL", 5222, CONFIG_SOCKET_SSL },
		{ "bosh/connections/5280/socket=tls", 5280, CONFIG_SOCKET_SSL },
		{ "ws2s/connections/5290/socket=ssl", 5290, CONFIG_SOCKET_SSL },
		{ "bosh/connections/ports[i]=8080\nbosh/connections/8080/socket=ssl", 8080, CONFIG_SOCKET_SSL },
		{ "--bosh-ports=05280", 5280, CONFIG_SOCKET_PLAIN }, /* decimal, never octal */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);
		const struct config_listener *at = listener(l.c, rows[i].port);

		assert_int_equal(l.problems.count, 0);
		if (!at || at->socket != rows[i].socket)
			fail_msg("'%s': port %u", rows[i].text, rows[i].port);
		unload(&l);
	}
}

static void a_port_does_not_take_the_settings_of_a_longer_one(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l, "--bosh-ports=528,5281\nbosh/connections/5281/socket=plain\nbosh/connections/5281/ifc[s]=127.0.0.1\n"
	       "bosh/connections/528/socket=ssl\nbosh/connections/52810/socket=ssl",
	       "5 warning: port 52810 is not opened by bosh; add it to --bosh-ports");
	assert_int_equal(listener(l.c, 528)->socket, CONFIG_SOCKET_SSL);
	assert_string_equal(listener(l.c, 528)->interfaces.items[0], "*");
	assert_int_equal(listener(l.c, 5281)->socket, CONFIG_SOCKET_PLAIN);
	assert_string_equal(listener(l.c, 5281)->interfaces.items[0], "127.0.0.1");
	unload(&l);
}

static void interfaces_and_rates_are_kept_by_port(void **state)
{
	struct loaded l = load("c2s/connections/5222/ifc[s]=127.0.0.1,::1\nbosh/connections/5280/ifc[s]=127.0.0.1,*\n"
			       "--new-connections-throttling=5222:200,5280:0\n");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(listener(l.c, 5222)->interfaces.count, 2);
	assert_string_equal(listener(l.c, 5222)->interfaces.items[1], "::1");
	assert_int_equal(listener(l.c, 5280)->interfaces.count, 1); /* one * is all */
	assert_string_equal(listener(l.c, 5280)->interfaces.items[0], "*");
	assert_int_equal(listener(l.c, 5222)->accepts_per_second, 200);
	assert_int_equal(listener(l.c, 5280)->accepts_per_second, 0);
	assert_int_equal(listener(l.c, 5223)->accepts_per_second, 2000);
	unload(&l);
}

static void what_is_wrong_with_a_port_is_said_once(void **state)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{ "--bosh-ports=5280,x", "1 error: 'x' is no port number (1 to 65535)" },
		{ "--bosh-ports=5280;5281", "1 error: '5280;5281' is no port number (1 to 65535); separate ports by commas" },
		{ "--ws2s-ports=none", "1 error: 'none' is no port number (1 to 65535); an empty list opens none" },
		{ "--bosh-ports=5280,0", "1 error: '0' is no port number" },
		{ "--bosh-ports=5280,65536", "1 error: '65536' is no port number" },
		{ "--bosh-ports=5280,-1", "1 error: '-1' is no port number" },
		{ "--bosh-ports=5280,0x14a0", "1 error: '0x14a0' is no port number" },
		{ "--bosh-ports=5280,99999999999999999999", "1 error: '99999999999999999999' is no port number" },
		{ "--bosh-ports=5280,5280", "1 error: port 5280 is named twice for bosh" },
		{ "--bosh-ports=5222", "1 error: port 5222 is wanted by c2s (--c2s-ports) and by bosh (--bosh-ports); give one of" },
		{ "\n--c2s-ports=5280", "2 error: port 5280 is wanted by c2s (--c2s-ports) and by bosh" },
		{ "\nbosh/connections/ports[i]=5290\n", "2 error: port 5290 is wanted by bosh (--bosh-ports) and by ws2s" },
		{ "--bosh-ports=5222\nc2s/connections/5222/ifc[s]=127.0.0.1\nbosh/connections/5222/ifc[s]=127.0.0.2", NULL },
		{ "bosh/connections/5280/type=connect", "1 warning: type=connect is not built; port 5280 of bosh is not used" },
		{ "bosh/connections/5280/type=ACCEPT", NULL },
		{ "bosh/connections/5280/type=both", "1 error: type 'both' is not known; take accept" },
		{ "bosh/connections/5280/ifc[s]=localhost", "1 error: port 5280: ifc 'localhost' is no IP address" },
		{ "\nbosh/connections/5280/ifc[s]=127.0.0.1,eth0", "2 error: port 5280: ifc 'eth0' is no IP address; take * for all" },
		{ "bosh/connections/5280/ifc[s]=", "1 error: ifc names no address; * means all" },
		{ "bosh/connections/http/socket=ssl", "1 error: 'http' is no port number" },
		{ "bosh/connections/5280/sockt=ssl", "1 warning: unknown setting bosh/connections/5280/sockt" },
		{ "--new-connections-throttling=5222:x", "1 error: '5222:x' is no PORT:RATE" },
		{ "--new-connections-throttling=5222", "1 error: '5222' is no PORT:RATE" },
		{ "--new-connections-throttling=5222:-1", "1 error: '5222:-1' is no PORT:RATE" },
		{ "--new-connections-throttling=5222:99999999999", "1 error: '5222:99999999999' is no PORT:RATE" },
		{ "--new-connections-throttling=70000:5", "1 error: '70000:5' is no PORT:RATE" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		expect_problems(&l, &rows[i].problem, rows[i].problem != NULL);
		unload(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_users_plugin_list_works_verbatim),
		cmocka_unit_test(a_truncated_id_is_one_warning),
		cmocka_unit_test(the_core_cannot_be_left_out),
		cmocka_unit_test(edits_change_the_default_list),
		cmocka_unit_test(the_whole_list_is_stronger_than_edits),
		cmocka_unit_test(the_component_list_is_complete),
		cmocka_unit_test(ports_have_sockets_by_component_and_setting),
		cmocka_unit_test(a_port_does_not_take_the_settings_of_a_longer_one),
		cmocka_unit_test(interfaces_and_rates_are_kept_by_port),
		cmocka_unit_test(what_is_wrong_with_a_port_is_said_once),
	};

	return RUN(tests);
}
