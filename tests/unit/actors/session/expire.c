/* Messages nobody comes for: by age, by a rule of their sender, and never one that is on its way. */
#include "world.h"

#define VISITOR "v-aaaaaaaaaaaaaaaaaaaa@localhost"
#define DAY_MS UINT64_C(86400000)
#define DAILY "--amp-security-level=NONE\namp/expiry-interval[I]=86400\n"
#define RULE(id, action, at) \
	"<message to='romeo@localhost' type='chat' id='" id "'><body>x</body><amp xmlns='http://jabber.org/protocol/amp'>" \
	"<rule action='" action "' condition='expire-at' value='" at "'/></amp></message>"

static struct world *with_expiry(const char *lines)
{
	struct world *w = world_new(lines);

	w->expiry = expiry_spawn(&w->server);
	world_run(w);
	return w;
}

static void say_all(struct world *w, const char *to, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char xml[160];

		(void)snprintf(xml, sizeof(xml), "<message from='seat1@localhost/s' to='%s' type='chat' id='%u'><body>x</body></message>", to, i);
		world_route(w, xml, PACKET_FROM_DESK);
	}
}

static void a_visitor_who_stays_away_is_waited_for_so_long(void **state)
{
	struct world *w = with_expiry(DAILY DESK "amp/visitor-keep-days[I]=3\n");
	int64_t before = metric_read(METRIC_offline_expired);

	(void)state;
	say_all(w, VISITOR, 2);
	say_all(w, "romeo@localhost", 1);
	world_pass(w, 2 * DAY_MS);
	assert_int_equal(world_offline_rows(w, VISITOR), 2);
	say_all(w, VISITOR, 1);
	world_pass(w, 2 * DAY_MS);
	assert_int_equal(world_offline_rows(w, VISITOR), 1);
	assert_int_equal(metric_read(METRIC_offline_expired), before + 2);
	/* an account is waited for until it comes */
	world_pass(w, 30 * DAY_MS);
	assert_int_equal(world_offline_rows(w, VISITOR), 0);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	world_free(w);
}

static void an_account_too_when_it_is_told_to(void **state)
{
	struct world *w = with_expiry(DAILY DESK "amp/keep-days[I]=1\namp/visitor-keep-days[I]=0\n");

	(void)state;
	say_all(w, VISITOR, 1);
	say_all(w, "romeo@localhost", 1);
	world_pass(w, 3 * DAY_MS);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	assert_int_equal(world_offline_rows(w, VISITOR), 1);
	world_free(w);
}

static void a_rule_counts_when_nobody_comes(void **state)
{
	struct world *w = with_expiry(DAILY);
	unsigned a = client_online(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	client_send(w, a, RULE("1", "alert", "2026-01-02T12:00:00Z"));
	client_send(w, a, RULE("2", "drop", "2026-01-02T12:00:00Z"));
	client_send(w, a, RULE("3", "notify", "2026-01-02T12:00:00Z"));
	client_send(w, a, RULE("4", "error", "2026-01-09T12:00:00Z"));
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='5'><body>expire-at</body></message>");
	world_pass(w, DAY_MS + 1000);
	assert_log(w, a, "");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 5);
	world_pass(w, 2 * DAY_MS);
	log = client_log(w, a);
	assert_has(log, "id='1'><amp xmlns='http://jabber.org/protocol/amp' status='alert'");
	assert_lacks(log, "id='2'");
	assert_lacks(log, "id='3'"); /* when it is given out */
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	world_pass(w, 7 * DAY_MS);
	assert_has(client_log(w, a), "type='error' id='4'");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 2);
	world_free(w);
}

static void what_is_being_given_out_is_left_alone(void **state)
{
	struct world *w = with_expiry(DAILY "amp/keep-days[I]=1\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='1'><body>x</body></message>");
	r = client_new(w, "romeo@localhost", "r");
	w->clients[r].slow = true;
	client_send(w, r, "<presence/>");
	world_pass(w, 3 * DAY_MS);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	client_drop(w, r, CLOSE_SOCKET_LOST);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	world_pass(w, 2 * DAY_MS);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

static void many_users_and_messages_take_several_looks(void **state)
{
	struct world *w = with_expiry(DAILY DESK "amp/visitor-keep-days[I]=1\namp/keep-days[I]=1\namp/store-limit[L]=0\n");
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		char to[64] = VISITOR;

		to[2] = letters[i % 26];
		to[3] = letters[i / 26];
		say_all(w, to, 1);
	}
	say_all(w, "romeo@localhost", 250);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 250);
	world_pass(w, 3 * DAY_MS);
	for (unsigned i = 0; i < 150; i++) {
		char to[64] = VISITOR;

		to[2] = letters[i % 26];
		to[3] = letters[i / 26];
		assert_int_equal(world_offline_rows(w, to), 0);
	}
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_visitor_who_stays_away_is_waited_for_so_long),
		cmocka_unit_test(an_account_too_when_it_is_told_to),
		cmocka_unit_test(a_rule_counts_when_nobody_comes),
		cmocka_unit_test(what_is_being_given_out_is_left_alone),
		cmocka_unit_test(many_users_and_messages_take_several_looks),
	};

	return RUN(tests);
}
