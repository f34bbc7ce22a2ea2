/* Ad-hoc commands: XEP-0050's dialogue, who may run what, and the administrative commands of XEP-0133, in two shards and with
 * the real admin actor. */
#include "world.h"

#include "actors/account.h"
#include "actors/admin/commands.h"

#define ADMINS "--admins=alice@localhost\n"
#define NODE "http://jabber.org/protocol/admin#"
#define COMMAND(to, node, attributes, inside) \
	"<iq type='set' id='c' to='" to "'><command xmlns='http://jabber.org/protocol/commands' node='" node "' " attributes ">" inside \
	"</command></iq>"
#define SUBMIT(fields) "<x xmlns='jabber:x:data' type='submit'>" fields "</x>"
#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"
#define RUN_ONCE(node, fields) COMMAND("localhost", NODE node, "action='execute'", SUBMIT(fields))

static const char *ask(struct world *w, unsigned client, const char *xml)
{
	(void)client_log(w, client); /* what came before is of no interest */
	client_send(w, client, xml);
	return client_log(w, client);
}

/* The session id in an answer. */
static void read_id(const char *answer, char id[64])
{
	const char *at = strstr(answer, "sessionid='");

	assert_non_null(at);
	assert_int_equal(sscanf(at, "sessionid='%63[^']'", id), 1);
}

static bool has_account(struct world *w, const char *bare)
{
	struct jid *j = jid_parse(span_of(bare));
	enum account_refusal r = account_known(w->reader, j);

	jid_unref(j);
	return r == ACCOUNT_EXISTS;
}

/* --- the dialogue --- */

static void a_command_is_a_form_and_its_answer(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a");
	char id[64], again[64], xml[1024];
	const char *log;

	(void)state;
	log = ask(w, a, COMMAND("localhost", NODE "add-user", "action='execute'", ""));
	assert_has(log, "<iq from='localhost' to='alice@localhost/a' type='result' id='c'><command xmlns='http://jabber.org/protocol/commands' "
			"node='" NODE "add-user' sessionid='");
	assert_has(log, "status='executing'><actions execute='complete'><complete/></actions><x xmlns='jabber:x:data' type='form'>");
	assert_has(log, "<field var='accountjid' type='jid-single' label='Account'><required/></field>");
	read_id(log, id);
	(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "add-user", "sessionid='%s'", SUBMIT(FIELD("accountjid", "new@localhost")
		       FIELD("password", "geheim") FIELD("password-verify", "geheim"))), id);
	log = ask(w, a, xml);
	read_id(log, again);
	assert_string_equal(again, id);
	assert_has(log, "status='completed'><note type='info'>new@localhost: account made</note>");
	assert_true(has_account(w, "new@localhost"));
	/* the session is over with its command */
	assert_has(ask(w, a, xml), "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
	world_free(w);
}

static void what_a_stage_does_not_take_is_refused_and_may_be_tried_again(void **state)
{
	static const struct {
		const char *attributes, *inside, *special;
	} rows[] = {
		{ "action='prev'", "", "<bad-action xmlns='http://jabber.org/protocol/commands'/>" },
		{ "action='sing'", "", "<malformed-action xmlns='http://jabber.org/protocol/commands'/>" },
		{ "action='complete'", "", "<bad-payload xmlns='http://jabber.org/protocol/commands'/>" },
		{ "", SUBMIT(FIELD("accountjids", "not an address@@")), "<bad-payload xmlns='http://jabber.org/protocol/commands'/>" },
		{ "", SUBMIT(FIELD("accountjids", "localhost")), "this is no address of an account" },
	};
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a");
	char id[64], xml[1024];

	(void)state;
	read_id(ask(w, a, COMMAND("localhost", NODE "end-user-session", "", "")), id);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "end-user-session", "%s sessionid='%s'", "%s"), rows[i].attributes, id,
			       rows[i].inside);
		assert_has(ask(w, a, xml), rows[i].special);
	}
	(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "end-user-session", "action='cancel' sessionid='%s'", ""), id);
	assert_has(ask(w, a, xml), "status='canceled'");
	(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "end-user-session", "sessionid='%s'", ""), id);
	assert_has(ask(w, a, xml), "<bad-sessionid xmlns='http://jabber.org/protocol/commands'/>");
	world_free(w);
}

static void a_session_is_its_askers_and_ends_in_time(void **state)
{
	struct world *w = world_new("--admins=alice@localhost,romeo@localhost\nsess-man/limits/command-time[I]=60\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	char id[64], xml[1024];

	(void)state;
	read_id(ask(w, a, COMMAND("localhost", NODE "get-online-users-list", "", "")), id);
	(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "get-online-users-list", "sessionid='%s'", SUBMIT("")), id);
	assert_has(ask(w, r, xml), "<bad-sessionid ");
	world_pass(w, 59000);
	assert_has(ask(w, a, xml), "status='completed'");
	read_id(ask(w, a, COMMAND("localhost", NODE "get-online-users-list", "", "")), id);
	world_pass(w, 61000);
	(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "get-online-users-list", "sessionid='%s'", SUBMIT("")), id);
	assert_has(ask(w, a, xml), "<bad-sessionid ");
	world_free(w);
}

static void sessions_are_few_for_each_and_bounded_for_all(void **state)
{
	struct world *w = world_new("--admins=alice@localhost,romeo@localhost\nsess-man/limits/command-sessions[I]=6\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	char first[64], xml[1024];

	(void)state;
	read_id(ask(w, a, COMMAND("localhost", NODE "add-user", "", "")), first);
	for (unsigned i = 0; i < 5; i++)
		assert_has(ask(w, a, COMMAND("localhost", NODE "add-user", "", "")), "status='executing'");
	(void)snprintf(xml, sizeof(xml), COMMAND("localhost", NODE "add-user", "action='cancel' sessionid='%s'", ""), first);
	assert_has(ask(w, a, xml), "<bad-sessionid "); /* its sixth took the first one's place */
	assert_has(ask(w, r, COMMAND("localhost", NODE "add-user", "", "")), "status='executing'");
	assert_has(ask(w, r, COMMAND("localhost", NODE "add-user", "", "")), "<resource-constraint ");
	assert_has(ask(w, r, RUN_ONCE("get-online-users-list", "")), "status='completed'"); /* needs none */
	world_free(w);
}

static void a_command_may_be_sent_to_the_domain_a_component_or_nobody(void **state)
{
	static const char *const froms[][2] = {
		{ "to='localhost'", "from='localhost'" },
		{ "to='sess-man@localhost'", "from='sess-man@localhost'" },
		{ "", "from='alice@localhost'" },
		{ "to='alice@localhost'", "from='alice@localhost'" },
	};
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a");
	char xml[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(froms); i++) {
		const char *log;

		(void)snprintf(xml, sizeof(xml), "<iq type='set' id='c' %s><command xmlns='http://jabber.org/protocol/commands' node='" NODE
			       "get-online-users-num'/></iq>", froms[i][0]);
		log = ask(w, a, xml);
		assert_has(log, froms[i][1]);
		assert_has(log, "<field var='onlineusersnum' type='text-single' label='Users online'><value>1</value></field>");
	}
	/* another client's command is that client's */
	assert_has(ask(w, a, COMMAND("alice@localhost/a", "urn:x", "", "")), "from='alice@localhost/a' to='alice@localhost/a' type='set'");
	assert_has(ask(w, a, COMMAND("alice@localhost/gone", "urn:x", "", "")), "<service-unavailable ");
	world_free(w);
}

/* --- who may --- */

static void only_who_may_is_let_in(void **state)
{
	static const struct {
		const char *lines, *asker;
		bool num, roster; /* get-online-users-num, get-user-roster of somebody in another domain */
	} rows[] = {
		{ ADMINS, "alice@localhost", true, true },
		{ ADMINS, "romeo@localhost", false, false },
		{ "sess-man/admins[s]=romeo@localhost\n", "romeo@localhost", true, true },
		{ "vhost-man/admins[s]=romeo@localhost\n", "romeo@localhost", false, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=ALL\n", "romeo@localhost", true, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=LOCAL\n", "romeo@localhost", true, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=ADMIN\n", "romeo@localhost", false, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=DOMAIN:localhost\n", "romeo@localhost", true, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=DOMAIN:b.example\n", "romeo@localhost", false, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=JID:alice@localhost,JID:romeo@localhost\n",
		  "romeo@localhost", true, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=JID:alice@localhost\n", "romeo@localhost", false, false },
		{ "sess-man/command/http\\://jabber.org/protocol/admin#get-user-roster=ALL\n", "romeo@localhost", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf lines = BUF_INIT;
		struct world *w;
		unsigned client;
		char *text;
		const char *log;

		buf_addf(&lines, "%s--virt-hosts=localhost,b.example\n", rows[i].lines);
		text = buf_take_text(&lines);
		w = world_new(text);
		client = client_online(w, rows[i].asker, "x");
		log = ask(w, client, COMMAND("localhost", NODE "get-online-users-num", "", ""));
		assert_has(log, rows[i].num ? "status='completed'" : "<forbidden ");
		log = ask(w, client, RUN_ONCE("get-user-roster", FIELD("accountjid", "x@b.example")));
		assert_has(log, rows[i].roster ? "<item-not-found " : "<forbidden "); /* there is no such account */
		world_free(w);
		free(text);
	}
}

/* The flag of a domain gives its administrators that domain and no other. */
static void a_domains_administrators_stay_within_it(void **state)
{
	struct world *w = world_new("--virt-hosts=localhost:admins=romeo@localhost:trusted-jids=carol@localhost,b.example\n");
	unsigned r = client_online(w, "romeo@localhost", "r"), c = client_online(w, "carol@localhost", "c");

	(void)state;
	assert_has(ask(w, r, COMMAND("localhost", NODE "get-online-users-num", "", "")), "<value>2</value>");
	assert_has(ask(w, r, COMMAND("b.example", NODE "get-online-users-num", "", "")), "<forbidden ");
	assert_has(ask(w, r, RUN_ONCE("delete-user", FIELD("accountjids", "x@b.example"))), "<forbidden ");
	assert_has(ask(w, c, COMMAND("localhost", NODE "get-online-users-num", "", "")), "<forbidden ");
	assert_has(ask(w, c, RUN_ONCE("announce", FIELD("announcement", "hello"))), "Clients reached: 2");
	world_free(w);
}

static void neither_visitors_nor_namesakes_run_anything(void **state)
{
	struct world *w = world_new(ADMINS DESK "--virt-hosts=localhost,b.example\n"
				    "sess-man/command/http\\://jabber.org/protocol/admin#get-online-users-num=ALL\n");
	unsigned v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v"), n = client_online(w, "alice@b.example", "n");

	(void)state;
	assert_has(ask(w, v, COMMAND("localhost", NODE "get-online-users-num", "", "")), "<forbidden ");
	assert_has(ask(w, n, COMMAND("localhost", NODE "get-online-users-num", "", "")), "<forbidden ");
	assert_has(ask(w, n, COMMAND("b.example", NODE "add-user", "", "")), "<forbidden ");
	world_free(w);
}

static void an_unknown_command_is_not_found(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	assert_has(ask(w, a, COMMAND("localhost", NODE "get-user-password", "", "")), "<item-not-found "); /* there are no clear passwords */
	assert_has(ask(w, a, COMMAND("localhost", "", "", "")), "<item-not-found ");
	world_free(w);
}

/* --- discovery --- */

#define ITEMS(to) \
	"<iq type='get' id='d' to='" to "'><query xmlns='http://jabber.org/protocol/disco#items' " \
	"node='http://jabber.org/protocol/commands'/></iq>"
#define INFO(to, node) "<iq type='get' id='d' to='" to "'><query xmlns='http://jabber.org/protocol/disco#info' node='" node "'/></iq>"

static void disco_lists_what_the_asker_may_run(void **state)
{
	struct world *w = world_new(ADMINS "sess-man/command/http\\://jabber.org/protocol/admin#announce=ALL\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	const char *log;

	(void)state;
	log = ask(w, a, ITEMS("localhost"));
	assert_has(log, "<item jid='localhost' node='" NODE "end-user-session' name='End user sessions'/>");
	assert_has(log, "<item jid='localhost' node='" NODE "announce' name='Announce to online users'/>");
	assert_string_equal(ask(w, r, ITEMS("localhost")),
			    "<iq from='localhost' to='romeo@localhost/r' type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#items' "
			    "node='http://jabber.org/protocol/commands'><item jid='localhost' node='" NODE "announce' name='Announce to online users'/>"
			    "</query></iq>\n");
	assert_has(ask(w, a, ITEMS("sess-man@localhost")), "<item jid='sess-man@localhost' node='" NODE "add-user' name='Add a user'/>");
	log = ask(w, a, INFO("localhost", "http://jabber.org/protocol/commands"));
	assert_has(log, "<identity category='automation' type='command-list' name='Commands'/>");
	log = ask(w, a, INFO("localhost", NODE "announce"));
	assert_has(log, "<identity category='automation' type='command-node' name='Announce to online users'/>"
			"<feature var='http://jabber.org/protocol/commands'/><feature var='jabber:x:data'/>");
	assert_has(ask(w, r, INFO("localhost", NODE "add-user")), "<item-not-found ");
	assert_has(ask(w, a, "<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"),
		   "<feature var='http://jabber.org/protocol/commands'/>");
	assert_has(ask(w, a, "<iq type='get' id='d' to='sess-man@localhost'><ping xmlns='urn:xmpp:ping'/></iq>"), "<service-unavailable ");
	world_free(w);
}

/* --- accounts --- */

static void accounts_are_made_changed_and_removed(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a");
	static const struct {
		const char *xml, *answer;
	} rows[] = {
		{ RUN_ONCE("add-user", FIELD("accountjid", "kim@localhost") FIELD("password", "one")), "kim@localhost: account made" },
		{ RUN_ONCE("add-user", FIELD("accountjid", "kim@localhost") FIELD("password", "one")), "<conflict " },
		{ RUN_ONCE("add-user", FIELD("accountjid", "kim@elsewhere") FIELD("password", "one")), "<item-not-found " },
		{ RUN_ONCE("add-user", FIELD("accountjid", "kim@localhost/x") FIELD("password", "one")), "<bad-request " },
		{ RUN_ONCE("add-user", FIELD("accountjid", "desk@localhost") FIELD("password", "one")), "<not-allowed " },
		{ RUN_ONCE("add-user", FIELD("accountjid", "sess-man@localhost") FIELD("password", "one")), "<not-allowed " },
		{ RUN_ONCE("add-user", FIELD("accountjid", "lee@localhost") FIELD("password", "one") FIELD("password-verify", "two")),
		  "The two passwords differ" },
		{ RUN_ONCE("add-user", FIELD("accountjid", "lee@localhost")), "password is required" },
		{ RUN_ONCE("change-user-password", FIELD("accountjid", "kim@localhost") FIELD("password", "two")), "password changed" },
		{ RUN_ONCE("change-user-password", FIELD("accountjid", "lee@localhost") FIELD("password", "two")), "<item-not-found " },
		{ COMMAND("localhost", NODE "get-registered-users-num", "", ""), "<value>5</value>" },
		{ RUN_ONCE("get-registered-users-list", ""), "<value>kim@localhost</value>" },
		{ RUN_ONCE("disable-user", FIELD("accountjids", "kim@localhost")), "Accounts disabled: 1" },
		{ RUN_ONCE("get-disabled-users-list", ""),
		  "<field var='disableduserjids' type='jid-multi' label='Disabled users'><value>kim@localhost</value></field>" },
		{ RUN_ONCE("change-user-password", FIELD("accountjid", "kim@localhost") FIELD("password", "three")), "password changed" },
		{ COMMAND("localhost", NODE "get-disabled-users-num", "", ""), "<value>1</value>" }, /* also with another password */
		{ RUN_ONCE("reenable-user", FIELD("accountjids", "kim@localhost")), "Accounts enabled: 1" },
		{ COMMAND("localhost", NODE "get-disabled-users-num", "", ""), "<value>0</value>" },
		{ RUN_ONCE("delete-user", "<field var='accountjids'><value>kim@localhost</value><value>lee@localhost</value></field>"),
		  "Accounts removed: 1; lee@localhost: no such account" },
		{ RUN_ONCE("delete-user", FIELD("accountjids", "kim@localhost")), "<item-not-found " },
		{ RUN_ONCE("delete-user", "<field var='accountjids'><value>dave@localhost</value><value>dave@elsewhere</value></field>"),
		  "<item-not-found " },
		{ COMMAND("localhost", NODE "get-registered-users-num", "", ""), "<value>4</value>" }, /* the last one removed nobody */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_has(ask(w, a, rows[i].xml), rows[i].answer);
	world_free(w);
}

static void a_full_domain_takes_no_more(void **state)
{
	struct world *w = world_new(ADMINS "--vhost-max-users=4\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	assert_has(ask(w, a, RUN_ONCE("add-user", FIELD("accountjid", "kim@localhost") FIELD("password", "one"))),
		   "the domain has as many accounts as max-users allows");
	world_free(w);
}

static void a_removed_accounts_sessions_end(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a"), d = client_online(w, "dave@localhost", "d");

	(void)state;
	assert_has(ask(w, a, RUN_ONCE("delete-user", FIELD("accountjids", "dave@localhost"))), "Accounts removed: 1");
	assert_log(w, d, "CLOSE not-authorized\n");
	assert_false(has_account(w, "dave@localhost"));
	world_free(w);
}

static void a_roster_is_shown(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	const char *log;

	(void)state;
	client_send(w, r, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='carol@localhost' name='C'/></query></iq>");
	log = ask(w, a, RUN_ONCE("get-user-roster", FIELD("accountjid", "romeo@localhost")));
	assert_has(log, "<query xmlns='jabber:iq:roster'><item jid='carol@localhost' name='C' subscription='none'/></query>");
	log = ask(w, a, RUN_ONCE("user-stats", FIELD("accountjid", "romeo@localhost")));
	assert_has(log, "<field var='rostersize' type='text-single' label='Contacts'><value>1</value></field>");
	assert_has(log, "<field var='onlineresources' type='text-multi' label='Resources online'><value>r (TCP, available)</value></field>");
	world_free(w);
}

/* --- sessions --- */

static void who_is_online_is_counted_and_listed(void **state)
{
	struct world *w = world_new(ADMINS DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	const char *log;

	(void)state;
	(void)client_online(w, "romeo@localhost", "second");
	(void)client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");
	(void)client_new(w, "carol@localhost", "quiet");
	client_send(w, r, "<presence><show>away</show></presence>");
	assert_has(ask(w, a, COMMAND("localhost", NODE "get-online-users-num", "", "")), "<value>3</value>");
	assert_has(ask(w, a, COMMAND("localhost", NODE "get-active-users-num", "", "")), "<value>2</value>");
	assert_has(ask(w, a, COMMAND("localhost", NODE "get-idle-users-num", "", "")), "<value>1</value>");
	log = ask(w, a, RUN_ONCE("get-online-users-list", ""));
	assert_has(log, "<value>romeo@localhost</value>");
	assert_has(log, "<value>alice@localhost</value>");
	assert_has(log, "<value>carol@localhost</value>");
	assert_lacks(log, "v-aaaa");
	log = ask(w, a, RUN_ONCE("get-active-users", ""));
	assert_has(log, "<value>romeo@localhost</value>");
	assert_lacks(log, "carol");
	assert_has(ask(w, a, RUN_ONCE("get-idle-users", "")), "<value>carol@localhost</value>");
	world_free(w);
}

static void a_list_is_no_longer_than_asked_for(void **state)
{
	struct world *w = world_new(ADMINS "sess-man/limits/command-items[I]=30\n");
	unsigned a = client_online(w, "alice@localhost", "a");
	const char *log, *at;
	unsigned values = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		char bare[32];

		(void)snprintf(bare, sizeof(bare), "u%u@localhost", i);
		(void)client_new(w, bare, "r");
	}
	log = ask(w, a, RUN_ONCE("get-online-users-list", FIELD("max_items", "25")));
	assert_has(log, "<note type='warn'>25 of 41 are shown</note>");
	for (at = log; (at = strstr(at, "@localhost</value>")); at++)
		values++;
	assert_int_equal(values, 25);
	assert_has(ask(w, a, RUN_ONCE("get-online-users-list", FIELD("max_items", "none"))), "30 of 41 are shown");
	world_free(w);
}

static void sessions_of_an_account_are_ended_all_or_one(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"),
		 s = client_online(w, "romeo@localhost", "s"), t = client_online(w, "romeo@localhost", "t");

	(void)state;
	(void)client_log(w, r);
	(void)client_log(w, s);
	(void)client_log(w, t);
	assert_has(ask(w, a, RUN_ONCE("end-user-session", FIELD("accountjids", "romeo@localhost/s"))), "Sessions ended: 1");
	assert_has(client_log(w, s), "CLOSE not-authorized");
	assert_lacks(client_log(w, r), "CLOSE");
	assert_has(ask(w, a, RUN_ONCE("end-user-session", FIELD("accountjids", "romeo@localhost"))), "Sessions ended: 2");
	assert_has(client_log(w, r), "CLOSE not-authorized");
	assert_has(client_log(w, t), "CLOSE not-authorized");
	assert_has(ask(w, a, RUN_ONCE("end-user-session", FIELD("accountjids", "romeo@localhost"))), "Sessions ended: 0");
	assert_true(has_account(w, "romeo@localhost"));
	world_free(w);
}

/* Live-chat 4.2: logged out by an administrator is seat-removed to the pool, also while the seat's line is lost and it is held. */
static void a_seat_that_is_logged_out_is_let_go(void **state)
{
	struct world *w = world_new(ADMINS DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), seat = client_online(w, "seat1@localhost", "s");

	(void)state;
	(void)world_pool(w);
	assert_has(ask(w, a, RUN_ONCE("end-user-session", FIELD("accountjids", "seat1@localhost"))), "Sessions ended: 1");
	assert_has(client_log(w, seat), "CLOSE not-authorized");
	assert_has(world_pool(w), "removed");
	seat = client_online(w, "seat1@localhost", "s");
	client_drop(w, seat, CLOSE_SOCKET_LOST);
	(void)world_pool(w);
	assert_has(ask(w, a, RUN_ONCE("end-user-session", FIELD("accountjids", "seat1@localhost"))), "Sessions ended: 0");
	assert_has(world_pool(w), "removed");
	world_free(w);
}

static void an_announcement_reaches_those_who_are_there(void **state)
{
	struct world *w = world_new(ADMINS DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"),
		 v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v"), shy = client_new(w, "carol@localhost", "shy");

	(void)state;
	(void)client_log(w, r);
	(void)client_log(w, v);
	(void)client_log(w, shy);
	assert_has(ask(w, a, RUN_ONCE("announce", FIELD("subject", "Tonight") "<field var='announcement'><value>We stop</value>"
						  "<value>at ten</value></field>")), "Clients reached: 2");
	assert_log(w, r, "<message from='localhost' to='romeo@localhost/r' type='headline'><subject>Tonight</subject><body>We stop\nat ten</body>"
			 "</message>\n");
	assert_log(w, v, "");
	assert_log(w, shy, "");
	assert_int_equal(world_offline_rows(w, "dave@localhost"), 0);
	world_free(w);
}

/* --- domains --- */

#define HOST(node, fields) COMMAND("vhost-man@localhost", node, "", SUBMIT(fields))

static bool count_pair(void *ctx, struct span key, struct span value)
{
	(void)key;
	(void)value;
	++*(unsigned *)ctx;
	return true;
}
static unsigned kept_domains(struct world *w)
{
	unsigned n = 0;

	assert_int_equal(store_map_each(w->reader, STORE_VHOST, SPAN_LIT("vhost-manager"), count_pair, &n), STATUS_OK);
	return n;
}

static void a_domain_is_added_changed_and_removed(void **state)
{
	struct world *w = world_new(ADMINS);
	unsigned a = client_online(w, "alice@localhost", "a"), n;
	const struct config_vhost *v;
	char id[64], xml[512];
	const char *log;

	(void)state;
	assert_has(ask(w, a, COMMAND("new.example", NODE "get-online-users-num", "", "")), "<remote-server-not-found ");
	log = ask(w, a, COMMAND("vhost-man@localhost", "comp-repo-item-add", "", ""));
	assert_has(log, "<field var='domain' type='text-single' label='Domain'><required/></field>");
	assert_has(log, "<field var='anon' type='boolean' label='Anonymous logins'>");
	assert_has(ask(w, a, HOST("comp-repo-item-add", FIELD("domain", "New.Example") FIELD("anon", "false") FIELD("max-users", "3"))),
		   "status='completed'><note type='info'>Domain added</note>");
	v = config_vhost(w->conf, SPAN_LIT("new.example"));
	assert_non_null(v);
	assert_false(v->anonymous);
	assert_int_equal(v->max_users, 3);
	assert_int_equal(kept_domains(w), 1);
	assert_has(ask(w, a, HOST("comp-repo-item-add", FIELD("domain", "new.example"))), "<conflict ");
	assert_has(ask(w, a, RUN_ONCE("add-user", FIELD("accountjid", "kim@new.example") FIELD("password", "one"))), "account made");
	n = client_online(w, "kim@new.example", "k");

	log = ask(w, a, HOST("comp-repo-item-update", FIELD("domain", "new.example")));
	read_id(log, id);
	assert_has(log, "<field var='max-users' type='text-single' label='Accounts at most'>");
	assert_has(log, "<value>3</value>");
	(void)snprintf(xml, sizeof(xml), COMMAND("vhost-man@localhost", "comp-repo-item-update", "sessionid='%s'", SUBMIT(FIELD("max-users", "9"))), id);
	assert_has(ask(w, a, xml), "Domain changed");
	assert_int_equal(config_vhost(w->conf, SPAN_LIT("new.example"))->max_users, 9);
	assert_false(config_vhost(w->conf, SPAN_LIT("new.example"))->anonymous); /* what is not said stays */
	assert_int_equal(v->max_users, 3);                                      /* for who holds it */

	assert_has(ask(w, a, HOST("comp-repo-item-remove", FIELD("domain", "new.example"))), "Domain removed; sessions ended: 1");
	assert_has(client_log(w, n), "CLOSE host-gone");
	assert_null(config_vhost(w->conf, SPAN_LIT("new.example")));
	assert_int_equal(kept_domains(w), 0);
	assert_true(has_account(w, "kim@new.example")); /* its store stays */
	n = client_new(w, "kim@new.example", "late");   /* checked before, bound after */
	assert_null(w->clients[n].full);
	assert_has(ask(w, a, HOST("comp-repo-item-remove", FIELD("domain", "new.example"))), "<item-not-found ");
	world_free(w);
}

static void what_is_no_domain_is_not_added(void **state)
{
	static const struct {
		const char *fields, *answer;
	} rows[] = {
		{ "", "domain is required" },
		{ FIELD("domain", "x@y"), "domain is required" },
		{ FIELD("domain", "new.example") FIELD("max-users", "many"), "is no number" },
		{ FIELD("domain", "new.example") FIELD("durability", "D1:anon"), "no colon, comma or line break" },
		{ FIELD("domain", "new.example") FIELD("admins", "nobody"), "is no address" },
		{ FIELD("domain", "new.example") FIELD("clientCertRequired", "true"), "set c2s/clientCertCA to a PEM file" },
		{ FIELD("domain", "one.example"), "Domain added" },
		{ FIELD("domain", "two.example"), "<resource-constraint " },
	};
	struct world *w = world_new(ADMINS "vhost-man/max-domains[I]=2\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	char xml[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(xml, sizeof(xml), HOST("comp-repo-item-add", "%s"), rows[i].fields);
		assert_has(ask(w, a, xml), rows[i].answer);
	}
	assert_has(ask(w, r, HOST("comp-repo-item-add", FIELD("domain", "x.example"))), "<forbidden ");
	assert_has(ask(w, a, HOST("ssl-certificate-add", FIELD("domain", "one.example") FIELD("certificate", "x"))), "No port of this server speaks TLS");
	world_free(w);
}

static void a_domain_of_the_file_goes_back_to_it(void **state)
{
	struct world *w = world_new(ADMINS "--virt-hosts=localhost:max-users=20\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	assert_has(ask(w, a, HOST("comp-repo-item-remove", FIELD("domain", "localhost"))), "<not-allowed ");
	assert_has(ask(w, a, HOST("comp-repo-item-update", FIELD("domain", "localhost") FIELD("max-users", "30"))), "Domain changed");
	assert_int_equal(config_vhost(w->conf, SPAN_LIT("localhost"))->max_users, 30);
	assert_has(ask(w, a, HOST("comp-repo-item-remove", FIELD("domain", "localhost"))), "again as in --virt-hosts");
	assert_int_equal(config_vhost(w->conf, SPAN_LIT("localhost"))->max_users, 20);
	assert_has(ask(w, a, COMMAND("localhost", NODE "get-online-users-num", "", "")), "<value>1</value>"); /* nobody was thrown out */
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_a_form_and_its_answer),
		cmocka_unit_test(what_a_stage_does_not_take_is_refused_and_may_be_tried_again),
		cmocka_unit_test(a_session_is_its_askers_and_ends_in_time),
		cmocka_unit_test(sessions_are_few_for_each_and_bounded_for_all),
		cmocka_unit_test(a_command_may_be_sent_to_the_domain_a_component_or_nobody),
		cmocka_unit_test(only_who_may_is_let_in),
		cmocka_unit_test(a_domains_administrators_stay_within_it),
		cmocka_unit_test(neither_visitors_nor_namesakes_run_anything),
		cmocka_unit_test(an_unknown_command_is_not_found),
		cmocka_unit_test(disco_lists_what_the_asker_may_run),
		cmocka_unit_test(accounts_are_made_changed_and_removed),
		cmocka_unit_test(a_full_domain_takes_no_more),
		cmocka_unit_test(a_removed_accounts_sessions_end),
		cmocka_unit_test(a_roster_is_shown),
		cmocka_unit_test(who_is_online_is_counted_and_listed),
		cmocka_unit_test(a_list_is_no_longer_than_asked_for),
		cmocka_unit_test(sessions_of_an_account_are_ended_all_or_one),
		cmocka_unit_test(a_seat_that_is_logged_out_is_let_go),
		cmocka_unit_test(an_announcement_reaches_those_who_are_there),
		cmocka_unit_test(a_domain_is_added_changed_and_removed),
		cmocka_unit_test(what_is_no_domain_is_not_added),
		cmocka_unit_test(a_domain_of_the_file_goes_back_to_it),
	};

	return RUN(tests);
}
