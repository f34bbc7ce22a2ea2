#include "tests/support/check.h"

#include "tests/unit/conf/load.h"

static void an_empty_file_gives_the_defaults(void **state)
{
	struct loaded l = load("");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.c->bosh_max_wait, 60);
	assert_int_equal(l.c->desk_capacity, 5);
	assert_int_equal(l.c->store_limit, 100);
	assert_int_equal(l.c->plain_without_tls, CONFIG_PLAIN_LOOPBACK);
	assert_false(l.c->db_write_online_status);
	assert_string_equal(l.c->user_db_uri, "sqlite:data/switchboard.db");
	assert_int_equal(l.c->vhost_count, 1);
	assert_string_equal(l.c->vhosts[0].name, "localhost");
	assert_int_equal(l.c->listener_count, 5);
	unload(&l);
}

static void the_users_lines_work_verbatim(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l,
	       "message-router/components/msg-receivers/id-names[s]=bosh,cl-comp,eventbus,s2s,sess-man\n"
	       "--bosh-ports=5280,5281\n"
	       "bosh/connections/5281/socket=ssl\n"
	       "bosh/connections/5281/type=accept\n",
	       "1 warning: component 'cl-comp' is accepted, but not built yet", "1 warning: component 'eventbus' is accepted",
	       "1 warning: component 's2s' is accepted");
	assert_false(config_has_fatal(&l.problems));
	for (int i = 0; i < CONFIG_COMPONENT_COUNT; i++)
		assert_int_equal(l.c->components[i], i == CONFIG_COMPONENT_bosh || i == CONFIG_COMPONENT_sess_man);
	assert_int_equal(l.c->listener_count, 2);
	assert_int_equal(l.c->listeners[0].port, 5280);
	assert_int_equal(l.c->listeners[0].socket, CONFIG_SOCKET_PLAIN);
	assert_int_equal(l.c->listeners[1].port, 5281);
	assert_int_equal(l.c->listeners[1].socket, CONFIG_SOCKET_SSL);
	assert_int_equal(l.c->listeners[1].component, CONFIG_COMPONENT_bosh);
	unload(&l);
}

/* The form in which the lines were printed once, glued together. */
static void a_missing_line_break_is_pointed_out(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l, "--bosh-ports=5280,5281bosh/connections/5281/socket=sslbosh/connections/5281/type=accept\n",
	       "1 error: '5281bosh/connections/5281/socket=sslbosh/connections/5281/type=accept' is no port number (1 to 65535); "
	       "is a line break missing behind the ports?");
	unload(&l);
}

static void many_mistakes_are_all_reported_with_their_lines(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l,
	       "# a comment\n"
	       "--virt-hosts=good.example,bad..example:anon\n"
	       "--bosh-port=5280\n"
	       "bosh/max-wait[I]=ninety\n"
	       "bosh/max-pause[I]=999999\n"
	       "bosh/max-inactivity=30\n"
	       "sess-man/desk/seat-policy=fairest\n"
	       "sess-man/desk/seats[s]=alice@good.example,bob\n"
	       "capacity[I]=5\n"
	       "bosh/pages[B]=maybe\n"
	       "--cluster-mode=true\n"
	       "my-component/its/key=kept\n"
	       "c2s/no-such-setting-here=1\n"
	       "sess-man/plugins-conf/presence-subscription/auto-authorize=true\n"
	       "sess-man/plugins-conf/message-carbons/foo=1\n"
	       "sess-man/plugins-conf/my-plugin/foo=1\n"
	       "sess-man/plugins[s]=jabber:iq:roster,nonsense,pep\n"
	       "bosh/connections/5280/socket=quic\n"
	       "--user-db=mysql\n"
	       "--new-connections-throttling=5222:200,fast\n"
	       "--c2s-ports=5222,70000\n"
	       "sess-man/limits/exempt-addresses[s]=127.0.0.1,somewhere\n"
	       "amp/store-limit[L]=1\n"
	       "amp/store-limit[L]=\\u00zz\n",
	       "2 error: 'bad..example' is no domain name",
	       "3 warning: unknown setting --bosh-port; did you mean --bosh-ports?",
	       "4 error: 'ninety' is no number; bosh/max-wait takes 1 to 600 s",
	       "5 error: 999999 is out of range; bosh/max-pause takes 0 to 3600 s",
	       "6 warning: bosh/max-inactivity should be written bosh/max-inactivity[I]; the value is taken as that",
	       "7 error: 'fairest' is not known; sess-man/desk/seat-policy takes one of least-chats|round-robin|random|hash",
	       "8 error: 'bob' is no address: it has no @; write name@domain",
	       "9 warning: 'capacity' is no setting: a key needs at least component_name/key_name",
	       "10 error: 'maybe' is neither true nor false; bosh/pages takes true or false",
	       "11 warning: --cluster-mode is accepted and has no effect: Clustering.",
	       "13 warning: unknown setting c2s/no-such-setting-here; it has no effect, though extensions can read it",
	       "14 warning: sess-man/plugins-conf/presence-subscription/auto-authorize is accepted and has no effect: Who is asked",
	       "15 warning: unknown setting sess-man/plugins-conf/message-carbons/foo; it has no effect",
	       "17 warning: no implementation found for plugin 'nonsense'; it is skipped",
	       "17 warning: plugin 'pep' is accepted, but not built yet",
	       "17 warning: nobody can log in without the plugins urn:ietf:params:xml:ns:xmpp-sasl",
	       "18 error: socket 'quic' is not known; take plain, ssl or tls",
	       "19 error: --user-db=mysql is not built; take sqlite",
	       "20 error: 'fast' is no PORT:RATE",
	       "21 error: '70000' is no port number (1 to 65535)",
	       "22 error: 'somewhere' is no address",
	       "24 warning: \\u is not followed by four hexadecimal digits",
	       "24 warning: amp/store-limit was set on line 23 already; this one counts",
	       "24 error: 'u00zz' is no number");
	assert_true(config_has_fatal(&l.problems));
	assert_int_equal(l.c->bosh_max_inactivity, 30);
	assert_string_equal(config_raw_value(l.c, "my-component/its/key"), "kept");
	assert_null(config_raw_value(l.c, "my-component/its/other"));
	unload(&l);
}

static void a_suffix_that_does_not_fit_is_a_warning_and_the_value_counts(void **state)
{
	static const struct {
		const char *line, *problem;
	} rows[] = {
		{ "bosh/max-wait[I]=77", NULL },
		{ "bosh/max-wait[L]=77", NULL },
		{ "bosh/max-wait=77", "1 warning: bosh/max-wait should be written bosh/max-wait[I]" },
		{ "bosh/max-wait[S]=77", "1 warning: bosh/max-wait should be written bosh/max-wait[I]" },
		{ "bosh/pages[B]=false", NULL },
		{ "bosh/pages=false", "1 warning: bosh/pages should be written bosh/pages[B]" },
		{ "amp/store-limit[L]=5", NULL },
		{ "amp/store-limit[I]=5", NULL },
		{ "amp/store-limit=5", "1 warning: amp/store-limit should be written amp/store-limit[L]" },
		{ "sess-man/desk/seats[s]=a@localhost", NULL },
		{ "sess-man/desk/seats=a@localhost", "1 warning: sess-man/desk/seats should be written sess-man/desk/seats[s]" },
		{ "sess-man/desk/name=desk", NULL },
		{ "sess-man/desk/name[S]=desk", NULL },
		{ "sess-man/desk/name[B]=desk",
		  "1 warning: sess-man/desk/name should be written sess-man/desk/name without a type" },
		{ "sess-man/desk/seat-policy=hash", NULL },
		{ "sess-man/desk/seat-policy[S]=hash", NULL },
		{ "--bosh-ports=5280,5281", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].line);

		expect_problems(&l, &rows[i].problem, rows[i].problem != NULL);
		assert_int_equal(l.c->bosh_max_wait, strstr(rows[i].line, "max-wait") ? 77 : 60);
		unload(&l);
	}
}

static void another_spelling_sets_the_same_option(void **state)
{
	static const char *const keys[] = { "amp/store-limit", "sess-man/plugins-conf/amp/store-limit",
					    "sess-man/plugins-conf/msgoffline/store-limit" };
	struct loaded l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char line[128];

		snprintf(line, sizeof(line), "%s[L]=7", keys[i]);
		l = load(line);
		assert_int_equal(l.problems.count, 0);
		assert_int_equal(l.c->store_limit, 7);
		unload(&l);
	}
	/* between spellings, too, the later one counts */
	l = load("amp/store-limit[L]=1\nsess-man/plugins-conf/amp/store-limit[L]=2\n");
	assert_int_equal(l.c->store_limit, 2);
	unload(&l);
	l = load("amp/store-limit[L]=1\nsess-man/plugins-conf/amp/store-limit[L]=2\namp/store-limit[L]=3\n");
	assert_int_equal(l.c->store_limit, 3);
	unload(&l);
}

/* tigase-parity 2.4 */
static void settings_of_plugins_have_three_forms(void **state)
{
	static const struct {
		const char *text;
		bool offline, os;
		int64_t limit;
	} rows[] = {
		{ "", true, false, 100 },
		{ "sess-man/plugins-conf/amp/msg-offline[B]=false", false, false, 100 },
		{ "sess-man/plugins-conf/jabber\\:iq\\:version/show-os[B]=true", true, true, 100 },
		{ "sess-man/plugins-conf/jabber:iq\\:version/show-os[B]=true", true, false, 100 }, /* ':' ends a key */
		{ "sess-man/plugins-conf/zlib,amp/msg-offline[B]=false", false, false, 100 },
		{ "sess-man/plugins-conf/amp,zlib/msg-offline[B]=false", false, false, 100 },
		{ "sess-man/plugins-conf/amp,msgoffline/store-limit[L]=5", true, false, 5 },
		{ "sess-man/plugins-conf/zlib/msg-offline[B]=false", true, false, 100 },
		{ "sess-man/plugins-conf/am,p/msg-offline[B]=false", true, false, 100 },
		{ "sess-man/plugins-conf/http\\://jabber.org/protocol/stats,amp/msg-offline[B]=false", false, false, 100 },
		{ "sess-man/plugins-conf/msg-offline[B]=false", false, false, 100 },
		{ "sess-man/plugins-conf/store-limit[L]=6", true, false, 6 },
		/* common to all, but one of its own wins, in any order and form */
		{ "sess-man/plugins-conf/msg-offline[B]=false\nsess-man/plugins-conf/amp/msg-offline[B]=true", true, false, 100 },
		{ "sess-man/plugins-conf/amp/msg-offline[B]=true\nsess-man/plugins-conf/msg-offline[B]=false", true, false, 100 },
		{ "sess-man/plugins-conf/amp,zlib/msg-offline[B]=true\nsess-man/plugins-conf/msg-offline[B]=false", true, false, 100 },
		{ "amp/store-limit[L]=8\nsess-man/plugins-conf/store-limit[L]=6", true, false, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		if (l.c->msg_offline != rows[i].offline || l.c->version_os != rows[i].os || l.c->store_limit != rows[i].limit ||
		    config_has_fatal(&l.problems))
			fail_msg("'%s': offline %d, os %d, limit %lld", rows[i].text, l.c->msg_offline, l.c->version_os,
				 (long long)l.c->store_limit);
		unload(&l);
	}
}

static void settings_of_extensions_are_kept_without_remark(void **state)
{
	struct loaded l;

	(void)state;
	l = load("my-comp/a/b/c[I]=1\n--my-very-own-global-option=2\nsess-man/plugins-conf/my-plugin/colour=red\n");
	assert_int_equal(l.problems.count, 0);
	assert_string_equal(config_raw_value(l.c, "my-comp/a/b/c"), "1");
	assert_string_equal(config_raw_value(l.c, "--my-very-own-global-option"), "2");
	assert_string_equal(config_raw_value(l.c, "sess-man/plugins-conf/my-plugin/colour"), "red");
	unload(&l);
}

static void later_files_override_and_the_command_line_comes_first(void **state)
{
	char one[40], two[40];
	const char *files[] = { one, two }, *extra[] = { "bosh/max-wait[I]=10", "bosh/max-pause[I]=10", "bosh/min-polling[I]=10" };
	struct config_problems problems = { 0 };
	struct config *c;

	(void)state;
	new_path(one);
	new_path(two);
	write_text(one, "bosh/max-pause[I]=20\nbosh/min-polling[I]=20");
	write_text(two, "bosh/min-polling[I]=30");
	c = config_load(files, 2, extra, 3, &problems);
	assert_int_equal(problems.count, 0); /* two files may say the same */
	assert_int_equal(c->bosh_max_wait, 10);
	assert_int_equal(c->bosh_max_pause, 20);
	assert_int_equal(c->bosh_min_polling, 30);
	config_free(c);
	unlink(one);
	unlink(two);
}

/* By file as named, then by line; the command line before, what has no place behind. */
static void problems_come_in_the_order_of_the_files(void **state)
{
	static const char *const wanted[] = { "command line: error: 'x' is no number", "A:1: warning: bosh/max-wait should be",
					      "A:2: error: 'a' is no number", "B:1: error: 'b' is no number",
					      "B:3: warning: 'none' is no setting", "configuration: warning: no port is opened" };
	char one[40], two[40];
	const char *files[] = { one, two }, *extra[] = { "bosh/min-polling[I]=x" };
	struct config_problems problems = { 0 };
	struct config *c;

	(void)state;
	new_path(one);
	new_path(two);
	write_text(one, "bosh/max-wait=3\nbosh/max-pause[I]=a\n");
	write_text(two, "bosh/max-inactivity[I]=b\n--c2s-ports=\nnone=1\n--bosh-ports=\n--ws2s-ports=\n");
	c = config_load(files, 2, extra, 1, &problems);
	assert_int_equal(problems.count, ARRAY_LEN(wanted));
	for (size_t i = 0; i < problems.count; i++) {
		struct buf line = BUF_INIT;
		const char *file = wanted[i][0] == 'A' ? one : wanted[i][0] == 'B' ? two : "";
		const char *text;
		char *got;

		config_problem_print(&problems.items[i], &line);
		got = buf_take_text(&line);
		assert_memory_equal(got, file, strlen(file));
		text = got + strlen(file);
		if (strncmp(text, wanted[i] + (*file != 0), strlen(wanted[i]) - (*file != 0)) != 0)
			fail_msg("problem %zu: %s", i, got);
		free(got);
	}
	config_free(c);
	config_problems_free(&problems);
	unlink(one);
	unlink(two);
}

static void a_problem_is_one_line_whatever_its_key_holds(void **state)
{
	const char *extra[] = { "c2s/connectio\\ns/5222=x" };
	struct config_problems problems = { 0 };
	struct config *c = config_load(NULL, 0, extra, 1, &problems);
	struct buf line = BUF_INIT;
	char *text;

	(void)state;
	assert_int_equal(problems.count, 1);
	config_problem_print(&problems.items[0], &line);
	text = buf_take_text(&line);
	assert_null(strchr(text, '\n'));
	assert_non_null(strstr(text, "c2s/connectio\\x0as/5222"));
	free(text);
	config_problems_free(&problems);
	config_free(c);
}

static void an_unknown_option_on_the_command_line_is_remarked_on(void **state)
{
	const char *extra[] = { "--propertyfile=etc/init.properties" };
	struct config_problems problems = { 0 };
	struct config *c = config_load(NULL, 0, extra, 1, &problems);

	(void)state;
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.items[0].severity, CONFIG_WARNING);
	assert_non_null(strstr(problems.items[0].text, "--propertyfile"));
	config_problems_free(&problems);
	config_free(c);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	const char *files[] = { "/nonexistent/init.properties", "/tmp", "/dev/null" };
	struct config_problems problems = { 0 };
	struct config *c = config_load(files, ARRAY_LEN(files), NULL, 0, &problems);

	(void)state;
	assert_int_equal(problems.count, ARRAY_LEN(files));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_string_equal(problems.items[i].file, files[i]);
		assert_int_equal(problems.items[i].line, 0);
		assert_int_equal(problems.items[i].severity, CONFIG_FATAL);
		assert_non_null(strstr(problems.items[i].text, "cannot be read"));
	}
	config_free(c);
	config_problems_free(&problems);
}

/* A pipe nobody writes to must not hold the server up, least of all at a reload. */
static void a_pipe_is_not_waited_for(void **state)
{
	const char *files[1];
	struct config_problems problems = { 0 };
	char path[40];

	(void)state;
	new_path(path);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	files[0] = path;
	config_free(config_load(files, 1, NULL, 0, &problems));
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.items[0].severity, CONFIG_FATAL);
	assert_string_equal(problems.items[0].text, "cannot be read: it is no ordinary file");
	config_problems_free(&problems);
	unlink(path);
}

static void a_file_that_is_no_configuration_is_refused(void **state)
{
	static const struct {
		struct span start;
		off_t size;
		const char *problem;
	} rows[] = {
		{ SPAN_LIT("\xff\xfe-\0-\0"), 0, "0 error: is UTF-16; save it as UTF-8" },
		{ SPAN_LIT("a/b=1\n\0"), 0, "0 error: is not a text file" },
		{ SPAN_LIT("#"), 1 << 30, "0 error: cannot be read: it is larger than 4 MiB" }, /* all of it a hole */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = { 0 };
		const char *files[1];
		FILE *file;

		new_path(l.path);
		file = fopen(l.path, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(rows[i].start.p, 1, rows[i].start.n, file), rows[i].start.n);
		assert_int_equal(fclose(file), 0);
		if (rows[i].size)
			assert_int_equal(truncate(l.path, rows[i].size), 0);
		files[0] = l.path;
		l.c = config_load(files, 1, NULL, 0, &l.problems);
		expect_problems(&l, &rows[i].problem, 1);
		unload(&l);
	}
}

/* What an editor of another system leaves in a file is no mistake; what would change the value is. */
static void forms_of_text(void **state)
{
	static const struct {
		const char *text, *problem;
		int64_t wait;
	} rows[] = {
		{ "bosh/max-wait[I]=7", NULL, 7 },
		{ "bosh/max-wait[I]=7\r\n", NULL, 7 },
		{ "\xef\xbb\xbf""bosh/max-wait[I]=7\r\n", NULL, 7 },
		{ "# caf\xe9\nbosh/max-wait[I]=7", NULL, 7 },
		{ "bosh/max-wait[I]=\\\n 7", NULL, 7 },
		{ "bosh/max-wait[I] 7", NULL, 7 },
		{ "my/key=caf\xe9", "1 warning: not UTF-8; save the file as UTF-8", 60 },
		{ "my/key=\xed\xa0\x80", "1 warning: not UTF-8", 60 },
		{ "my/key=\xc3\xa9 \xe5\xae\xa2 \xf0\x9f\x98\x80", NULL, 60 },
		{ "sess-man/desk/seats[s]", "1 warning: there is no = behind the key; its value is empty", 60 },
		{ "bosh/max-wait[X]=7", "1 error: '[X]' is no type; write bosh/max-wait[I]", 60 },
		{ "bosh/max-wait[II]=7", "1 error: '[II]' is no type; write bosh/max-wait[I]", 60 },
		{ "bosh/pages[]=no", "1 error: '[]' is no type; write bosh/pages[B]", 60 },
		{ "bosh/connections/5280/sockt=ssl", "1 warning: unknown setting bosh/connections/5280/sockt; a port has socket, type", 60 },
		{ "sess-man/plugin[s]=amp", "1 warning: unknown setting sess-man/plugin; did you mean sess-man/plugins?", 60 },
		{ "c2s/connection/ports[i]=5222", "1 warning: unknown setting c2s/connection/ports; did you mean c2s/connections/ports?", 60 },
		{ "sess-man/plugins-conf/amp/store-limt[L]=5", "1 warning: unknown setting sess-man/plugins-conf/amp/store-limt; did you "
		  "mean sess-man/plugins-conf/amp/store-limit?", 60 },
		{ "message-router/components/msg-receivers/id-names[s]=bosch,c2s,ws2s",
		  "1 warning: no implementation found for component 'bosch'; it is skipped; did you mean bosh?", 60 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		expect_problems(&l, &rows[i].problem, rows[i].problem != NULL);
		assert_int_equal(l.c->bosh_max_wait, rows[i].wait);
		unload(&l);
	}
}

static void rules_between_options_are_checked(void **state)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{ "--user-db-uri=jdbc:mysql://h/db", "1 error: 'jdbc:mysql://h/db' does not fit --user-db=sqlite" },
		{ "--user-db-uri=sqlite:", "1 error: 'sqlite:' does not fit" },
		{ "bosh/hold-requests[I]=2", "1 error: bosh/hold-requests must be less than bosh/concurrent-requests (2)" },
		{ "bosh/hold-requests[I]=2\nbosh/concurrent-requests[I]=3", NULL },
		{ "sess-man/db-write-online-status[B]=true\n--sm-plugins=-jabber:iq:last",
		  "1 warning: sess-man/db-write-online-status has no effect without the plugin jabber:iq:last" },
		{ "sess-man/db-write-online-status[B]=true", NULL },
		{ "sess-man/db-write-online-status[B]=false\n--sm-plugins=-jabber:iq:last", NULL },
		{ "--ssl-certs-location=", "1 error: --ssl-certs-location names no directory" },
		{ "sess-man/desk/name=help desk", "1 error: 'help desk' is no localpart" },
		{ "sess-man/desk/name=", "1 error: '' is no localpart" },
		{ "sess-man/desk/name=Desk", "1 error: 'Desk' is no localpart: addresses are in lower case" },
		{ "sess-man/desk/seat-auth=cookie", "1 warning: seat-auth=cookie has no effect without sess-man/desk/seats" },
		{ "sess-man/desk/seat-auth=cookie\nsess-man/desk/seats[s]=a@localhost", NULL },
		{ "sess-man/desk/cookie-cache-uri=nonsense", NULL }, /* not used, so not looked at */
		{ "sess-man/plugins-conf/enabled-mechanisms[s]=PLAIN,SCRAM-SHA-384", "1 warning: SASL mechanism 'SCRAM-SHA-384' is not known" },
		{ "--virt-hosts=a.example:sasl-mechanisms=PLAIN;NTLM", "1 warning: SASL mechanism 'NTLM' is not known" },
		{ "sess-man/plugins-conf/enabled-mechanisms[s]=scram-sha-1", NULL },
		{ "\n--virt-hosts=a.example:c2s-ports-allowed=5222;x", "2 error: domain a.example: c2s-ports-allowed: 'x' is no port number" },
		{ "--virt-hosts=a.example,un!sound.example", "1 error: 'un!sound.example' is no domain name" },
		{ "--virt-hosts=a.example,http://b.example/", "1 error: 'http://b.example/' is a URL; write the domain alone" },
		{ "message-router/components/msg-receivers/bosh.active[B]=maybe", "1 error: 'maybe' is neither true nor false" },
		{ "sess-man/plugins[s]=amp", "1 warning: nobody can log in without the plugins" },
		{ "--vhost-tls-required=true\nsess-man/plugins[s]=urn:ietf:params:xml:ns:xmpp-sasl,urn:ietf:params:xml:ns:xmpp-bind",
		  "2 warning: domain localhost requires TLS, but the plugin starttls is not loaded" },
		{ "bosh/origins[s]=https://a.example,https://*.b.example:8443,*", NULL },
		{ "bosh/origins[s]=a.example", "1 warning: 'a.example' matches no origin; write https://host" },
		{ "bosh/origins[s]=https://a.example/", "1 warning: 'https://a.example/' matches no origin" },
		{ "sess-man/limits/user/output-soft[I]=9m", "1 warning: sess-man/limits/user/output-soft (9437184) is more than" },
		{ "sess-man/limits/user/output-hard[I]=0", NULL },
		{ "c2s/processors/urn\\:xmpp\\:sm\\:3/max-resumption-timeout[I]=10", "1 warning: c2s/processors/urn:xmpp:sm:3/resumption-timeout "
		  "(60) is more than" },
		{ "c2s/processors/urn:xmpp:sm:3/resumption-timeout[I]=10", "1 warning: the key ends at the colon behind c2s/processors/urn; in "
		  "keys a colon is written \\:" },
		{ "desk/seats[s]=a@localhost", "1 warning: unknown setting desk/seats; did you mean sess-man/desk/seats?" },
		{ "virt-hosts=a.example", "1 warning: 'virt-hosts' is no setting: a key needs at least component_name/key_name; did you mean "
		  "--virt-hosts?" },
		{ "sess-man/desk/cookie-key=cookie:%x\nsess-man/desk/seat-auth=cookie\nsess-man/desk/seats[s]=a@localhost",
		  "1 warning: '%x' stands for itself; %u is the localpart" },
		{ "sess-man/desk/cookie-key=100%%:%u%\nsess-man/desk/seat-auth=cookie\nsess-man/desk/seats[s]=a@localhost",
		  "1 warning: '%' stands for itself" },
		{ "monitor/metrics-allow[s]=10.0.0.0/99", "1 error: '10.0.0.0/99' is no address" },
		{ "monitor/metrics-allow[s]=10.0.0.0/8,::1,192.0.2.1", NULL },
		{ "monitor/metrics-allow[s]=10.0.0.0/x", "1 error: '10.0.0.0/x' is no address" },
		{ "monitor/metrics-allow[s]=10.0.0.0/", "1 error: '10.0.0.0/' is no address" },
		{ "monitor/metrics-allow[s]=300.0.0.1", "1 error: '300.0.0.1' is no address" },
		{ "--c2s-ports=\n--bosh-ports=\n--ws2s-ports=", "0 warning: no port is opened: no client can connect" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loaded l = load(rows[i].text);

		expect_problems(&l, &rows[i].problem, rows[i].problem != NULL);
		unload(&l);
	}
}

static void no_mechanism_left_is_an_error(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l, "sess-man/plugins-conf/enabled-mechanisms[s]=NTLM", "1 warning: SASL mechanism 'NTLM' is not known",
	       "1 error: no SASL mechanism is left, so nobody can log in");
	unload(&l);
}

/* Tigase's addresses of databases carry passwords. */
static void a_password_in_an_address_is_not_repeated(void **state)
{
	static const char *const uris[] = { "jdbc:mysql://h/db?user=u&password=secret", "postgres://u:secret@h/db" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		char text[200];
		struct loaded l;

		snprintf(text, sizeof(text), "--user-db-uri=%s", uris[i]);
		l = load(text);
		assert_int_equal(l.problems.count, 1);
		assert_null(strstr(l.problems.items[0].text, "secret"));
		unload(&l);
	}
}

static void the_address_of_the_cookie_cache_has_one_form(void **state)
{
	static const struct {
		const char *uri;
		bool ok;
	} rows[] = {
		{ "redis://127.0.0.1:6379/0", true }, { "redis://cache.example:6380/15", true },
		{ "redis://:secret@h:1/0", true },
		{ "redis://user:secret@h:65535/0", true }, { "redis://h:0/0", false }, { "redis://h:65536/0", false },
		{ "redis://h:6379", false },
		{ "redis://h/0", false }, { "redis://h:6379/x", false }, { "redis://h:6379/0x", false },
		{ "redis://:6379/0", false },
		{ "memcached://h:6379/0", false }, { "h:6379/0", false }, { "", false }, { "redis://h:-1/0", false },
		{ "redis://h:6379/-1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct loaded l;

		snprintf(text, sizeof(text), "sess-man/desk/seat-auth=cookie\nsess-man/desk/seats[s]=a@localhost\nsess-man/desk/cookie-cache-uri=%s",
			 rows[i].uri);
		l = load(text);
		if (config_has_fatal(&l.problems) == rows[i].ok)
			fail_msg("'%s'", rows[i].uri);
		/* a password in it is not repeated in the report */
		for (size_t k = 0; k < l.problems.count; k++)
			assert_null(strstr(l.problems.items[k].text, "secret"));
		unload(&l);
	}
}

static void a_configuration_for_tests_has_no_files(void **state)
{
	struct config *c = config_for_test("--virt-hosts=a.example\nsess-man/desk/capacity[I]=2\n");

	(void)state;
	assert_string_equal(c->config_dump_file, "none");
	assert_int_equal(c->desk_capacity, 2);
	assert_string_equal(c->vhosts[0].name, "a.example");
	config_free(c);
	config_free(NULL);
	c = config_for_test(NULL);
	assert_string_equal(c->vhosts[0].name, "localhost");
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(the_users_lines_work_verbatim),
		cmocka_unit_test(a_missing_line_break_is_pointed_out),
		cmocka_unit_test(many_mistakes_are_all_reported_with_their_lines),
		cmocka_unit_test(a_suffix_that_does_not_fit_is_a_warning_and_the_value_counts),
		cmocka_unit_test(another_spelling_sets_the_same_option),
		cmocka_unit_test(settings_of_plugins_have_three_forms),
		cmocka_unit_test(settings_of_extensions_are_kept_without_remark),
		cmocka_unit_test(later_files_override_and_the_command_line_comes_first),
		cmocka_unit_test(problems_come_in_the_order_of_the_files),
		cmocka_unit_test(a_problem_is_one_line_whatever_its_key_holds),
		cmocka_unit_test(an_unknown_option_on_the_command_line_is_remarked_on),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(a_pipe_is_not_waited_for),
		cmocka_unit_test(a_file_that_is_no_configuration_is_refused),
		cmocka_unit_test(forms_of_text),
		cmocka_unit_test(rules_between_options_are_checked),
		cmocka_unit_test(no_mechanism_left_is_an_error),
		cmocka_unit_test(a_password_in_an_address_is_not_repeated),
		cmocka_unit_test(the_address_of_the_cookie_cache_has_one_form),
		cmocka_unit_test(a_configuration_for_tests_has_no_files),
	};

	return RUN(tests);
}
