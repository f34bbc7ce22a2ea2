/* Virtual hosts: the grammar of their flags, and the table that changes while the server runs. */
#include "tests/unit/conf/load.h"

/* --- virtual hosts --- */

static void domains_have_flags(void **state)
{
	static const struct {
		const char *flags;
		bool anon, tls, registration;
		int64_t max_users;
	} rows[] = {
		{ "", true, false, false, 0 },
		{ ":anon", true, false, false, 0 },
		{ ":-anon", false, false, false, 0 },
		{ ":+anon", true, false, false, 0 },
		{ ":tls-required:-anon", false, true, false, 0 },
		{ ":register", true, false, true, 0 },
		{ ":max-users=10", true, false, false, 10 },
		{ ":max-users=2k:+tls-required", true, true, false, 2048 },
		{ ":anon:-anon", false, false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[128];
		struct loaded l;
		const struct config_vhost *v;

		snprintf(text, sizeof(text), "--virt-hosts=A.Example%s", rows[i].flags);
		l = load(text);
		assert_int_equal(l.problems.count, 0);
		v = config_vhost(l.c, SPAN_LIT("a.example"));
		assert_non_null(v);
		if (v->anonymous != rows[i].anon || v->tls_required != rows[i].tls || v->registration != rows[i].registration ||
		    v->max_users != rows[i].max_users)
			fail_msg("'%s'", rows[i].flags);
		unload(&l);
	}
}

static void a_domains_own_flag_beats_the_global_one(void **state)
{
	struct loaded l = load("--virt-hosts=a.example,b.example:anon:-tls-required:max-users=0, \\\n  c.example\n"
			       "--vhost-anonymous-enabled=false\n--vhost-tls-required=true\n--vhost-max-users=7\n");

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(l.c->vhost_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(l.c->vhosts[i].anonymous, i == 1);
		assert_int_equal(l.c->vhosts[i].tls_required, i != 1);
		assert_int_equal(l.c->vhosts[i].max_users, i == 1 ? 0 : 7);
	}
	assert_string_equal(l.c->vhosts[2].name, "c.example");
	unload(&l);
}

static void lists_inside_a_flag_are_split_at_semicolons(void **state)
{
	struct loaded l = load("--virt-hosts=a.example:sasl-mechanisms=PLAIN;SCRAM-SHA-1:c2s-ports-allowed=5222;5223,b.example");
	const struct config_vhost *v = &l.c->vhosts[0];

	(void)state;
	assert_int_equal(l.problems.count, 0);
	assert_int_equal(v->sasl_mechanisms.count, 2);
	assert_string_equal(v->sasl_mechanisms.items[1], "SCRAM-SHA-1");
	assert_int_equal(v->c2s_ports_allowed.count, 2);
	assert_string_equal(v->c2s_ports_allowed.items[0], "5222");
	assert_int_equal(l.c->vhosts[1].sasl_mechanisms.count, 0);
	unload(&l);
}

static void what_is_wrong_with_a_domain_is_said(void **state)
{
	static const struct {
		const char *hosts, *problem;
	} rows[] = {
		{ "", "1 error: --virt-hosts names no domain" },
		{ " , ", "1 error: --virt-hosts names no domain" },
		{ "a.example,A.EXAMPLE", "1 warning: domain a.example is named twice; the first one counts" },
		{ "a.example:max-users=lots", "1 error: domain a.example: max-users='lots' is no number" },
		{ "a.example:max-users=-1", "1 error: domain a.example: max-users='-1' is no number" },
		{ "a.example:max-users", "1 warning: domain a.example: flag 'max-users' has no effect without a value; write max-users=" },
		{ "a.example:anonymous", "1 warning: domain a.example: unknown flag 'anonymous'; known are anon, register, " },
		{ "a.example:tls-requird", "1 warning: domain a.example: unknown flag 'tls-requird'; did you mean tls-required?" },
		{ "a.example:anon=maybe", "1 error: domain a.example: anon='maybe' is neither true nor false" },
		{ "a.example:durability=D3", "1 error: domain a.example: durability='D3'; write D0, D1 or D2" },
		{ "a.example:s2s-secret=x", "1 warning: domain a.example: flag 's2s-secret' is accepted, but not built yet" },
		{ "a.example:see-other-host-redirect-enabled",
		  "1 warning: domain a.example: flag 'see-other-host-redirect-enabled' is accepted, but not built yet" },
		{ "a.example:see-other-host-redirect-enabled", "1 warning: domain a.example: flag 'see-other-host-redirect-enabled' is accepted" },
		{ "a.example:domain-filter=SOME", "1 error: domain a.example: domain-filter='SOME'; write ALL, LOCAL," },
		{ "a.example:domain-filter=LIST", "1 error: domain a.example: domain-filter=LIST names nothing; write LIST=a;b" },
		{ "a.example:domain-filter=LOCAL=b", "1 error: domain a.example: domain-filter=LOCAL takes no list; write LOCAL alone" },
		{ "a.example:domain-filter=LIST=b@c", "1 error: domain a.example: domain-filter: 'b@c' is no domain name" },
		{ "a.example:admins=root", "1 error: domain a.example: admins: 'root' is no address: it has no @" },
		{ "a.example:admins=r*@a.example", "1 error: domain a.example: admins: 'r*@a.example' is no address: it is no bare JID" },
		{ "a.example:trusted-jids=x@a.example/y", "1 error: domain a.example: trusted-jids: 'x@a.example/y' is no address" },
		{ "a.example:mess-forw=@b", "1 error: domain a.example: mess-forw: '@b' is no address: nothing stands before the @" },
		{ "ok.example,.a", "1 error: '.a' is no domain name" },
		{ "ok.example,a.", "1 error: 'a.' is no domain name" },
		{ "ok.example,a..b", "1 error: 'a..b' is no domain name" },
		{ "ok.example,x@y", "1 error: 'x@y' is no domain name" },
		{ "ok.example,x/y", "1 error: 'x/y' is no domain name" },
		{ "ok.example,:anon", "1 error: '' is no domain name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[128];
		struct loaded l;

		snprintf(text, sizeof(text), "--virt-hosts=%s", rows[i].hosts);
		l = load(text);
		expect_problems(&l, &rows[i].problem, 1);
		unload(&l);
	}
}

/* Kinds beyond switches, each as its field and as text again. */
static void flags_have_values(void **state)
{
	struct loaded l = load("--virt-hosts=a.example:mess-forw=QA@b.example:pres-forw=bot.example:admins=Root@a.example;op@b.example"
			       ":trusted-jids=news@a.example:durability=D1:-anon");
	const struct config_vhost *v = config_vhost(l.c, SPAN_LIT("a.example"));

	(void)state;
	assert_false(config_has_fatal(&l.problems));
	assert_string_equal(v->message_forward, "qa@b.example");
	assert_string_equal(v->presence_forward, "bot.example");
	assert_int_equal(v->admins.count, 2);
	assert_string_equal(v->admins.items[0], "root@a.example");
	assert_string_equal(v->trusted_jids.items[0], "news@a.example");
	assert_int_equal(v->durability, CONFIG_DURABILITY_D1);
	assert_int_equal(v->filter, CONFIG_FILTER_DEFAULT);
	unload(&l);
}

static void a_filter_is_a_policy_with_its_list(void **state)
{
	static const struct {
		const char *value;
		enum config_filter filter;
		size_t items;
	} rows[] = {
		{ "ALL", CONFIG_FILTER_ALL, 0 },
		{ "local", CONFIG_FILTER_LOCAL, 0 },
		{ "OWN", CONFIG_FILTER_OWN, 0 },
		{ "BLOCK", CONFIG_FILTER_BLOCK, 0 },
		{ "LIST=B.example;c.example", CONFIG_FILTER_LIST, 2 },
		{ "BLACKLIST=b.example", CONFIG_FILTER_BLACKLIST, 1 },
		{ "CUSTOM=1|allow|self;2|deny|all", CONFIG_FILTER_CUSTOM, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config *c = config_for_test(NULL);
		struct config_problems problems = { 0 };
		struct config_vhost *v;
		char item[128];

		snprintf(item, sizeof(item), "a.example:domain-filter=%s", rows[i].value);
		v = config_vhost_parse(c, item, &problems);
		assert_non_null(v);
		assert_int_equal(v->filter, rows[i].filter);
		assert_int_equal(v->filter_items.count, rows[i].items);
		if (rows[i].filter == CONFIG_FILTER_LIST)
			assert_string_equal(v->filter_items.items[0], "b.example");
		config_vhost_free(v);
		config_problems_free(&problems);
		config_free(c);
	}
}

static void what_global_settings_say_holds_for_silent_domains(void **state)
{
	struct config *c = config_for_test("--vhost-message-forward-jid=qa@a.example\n--virt-hosts=a.example,b.example:mess-forw=\n");

	(void)state;
	assert_string_equal(config_vhost(c, SPAN_LIT("a.example"))->message_forward, "qa@a.example");
	assert_string_equal(config_vhost(c, SPAN_LIT("b.example"))->message_forward, "");
	config_free(c);
}

/* --- while the server runs --- */

static struct config_vhost *parse(const struct config *c, const char *item)
{
	struct config_problems problems = { 0 };
	struct config_vhost *v = config_vhost_parse(c, item, &problems);

	config_problems_free(&problems);
	return v;
}

/* Each flag printed and read again gives the same domain. */
static void what_is_printed_of_a_domain_can_be_read_again(void **state)
{
	struct config *c = config_for_test("c2s/clientCertCA=ca.pem\nc2s/tls-want-client-auth-enabled[B]=true\n");
	struct config_vhost *v = parse(c, "a.example:-anon:register:tls-required:max-users=7:durability=D0:sasl-mechanisms=PLAIN;SCRAM-SHA-1"
					  ":c2s-ports-allowed=5222:admins=x@a.example:domain-filter=LIST=b.example;c.example:s2s-secret=geheim"
					  ":clientCertCA=ca.pem:client-cert-required:comps=muc"), *again;
	struct buf item = BUF_INIT, first = BUF_INIT, second = BUF_INIT;
	char *text;

	(void)state;
	assert_non_null(v);
	buf_add_text(&item, v->name);
	for (size_t i = 0; i < config_flag_count(); i++) {
		buf_addf(&item, ":%s=", config_flag(i).flag);
		config_flag_value(v, i, &item);
		config_flag_value(v, i, &first);
	}
	text = buf_take_text(&item);
	again = parse(c, text);
	assert_non_null(again);
	assert_true(again->client_cert_required && again->registration && again->tls_required && !again->anonymous);
	for (size_t i = 0; i < config_flag_count(); i++)
		config_flag_value(again, i, &second);
	assert_true(span_eq(buf_span(&first), buf_span(&second)));
	free(text);
	buf_fini(&first);
	buf_fini(&second);
	config_vhost_free(v);
	config_vhost_free(again);
	config_free(c);
}

static void domains_come_and_go_and_what_was_held_stays(void **state)
{
	struct config *c = config_for_test("--virt-hosts=a.example,b.example");
	const struct config_vhost *held;

	(void)state;
	assert_null(config_vhost(c, SPAN_LIT("c.example")));
	config_serve(c, parse(c, "c.example:max-users=1"));
	held = config_vhost(c, SPAN_LIT("c.example"));
	assert_int_equal(held->max_users, 1);
	config_serve(c, parse(c, "c.example:max-users=2"));
	assert_int_equal(config_vhost(c, SPAN_LIT("c.example"))->max_users, 2);
	assert_int_equal(held->max_users, 1);
	assert_true(config_unserve(c, SPAN_LIT("c.example")));
	assert_false(config_unserve(c, SPAN_LIT("c.example")));
	assert_null(config_vhost(c, SPAN_LIT("c.example")));
	assert_string_equal(held->name, "c.example");
	config_serve(c, parse(c, "c.example"));
	assert_non_null(config_vhost(c, SPAN_LIT("c.example")));
	assert_null(config_vhost_of_file(c, SPAN_LIT("c.example")));
	/* one of the file can be changed, and goes back to what stands there */
	config_serve(c, parse(c, "b.example:max-users=9"));
	assert_int_equal(config_vhost(c, SPAN_LIT("b.example"))->max_users, 9);
	assert_true(config_unserve(c, SPAN_LIT("b.example")));
	assert_ptr_equal(config_vhost(c, SPAN_LIT("b.example")), config_vhost_of_file(c, SPAN_LIT("b.example")));
	config_free(c);
}

static void count(void *ctx, const struct config_vhost *v)
{
	(void)v;
	++*(size_t *)ctx;
}

static void thousands_of_domains_are_found(void **state)
{
	struct config *c = config_for_test("--virt-hosts=a.example");
	char name[64];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "t%u.chat.example", i);
		config_serve(c, parse(c, name));
	}
	for (unsigned i = 0; i < 5000; i += 2) {
		snprintf(name, sizeof(name), "t%u.chat.example", i);
		assert_true(config_unserve(c, span_of(name)));
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "t%u.chat.example", i);
		assert_int_equal(config_vhost(c, span_of(name)) != NULL, i % 2);
	}
	config_each_vhost(c, count, &n);
	assert_int_equal(n, 2501);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_have_flags),
		cmocka_unit_test(a_domains_own_flag_beats_the_global_one),
		cmocka_unit_test(lists_inside_a_flag_are_split_at_semicolons),
		cmocka_unit_test(what_is_wrong_with_a_domain_is_said),
		cmocka_unit_test(flags_have_values),
		cmocka_unit_test(a_filter_is_a_policy_with_its_list),
		cmocka_unit_test(what_global_settings_say_holds_for_silent_domains),
		cmocka_unit_test(what_is_printed_of_a_domain_can_be_read_again),
		cmocka_unit_test(domains_come_and_go_and_what_was_held_stays),
		cmocka_unit_test(thousands_of_domains_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
