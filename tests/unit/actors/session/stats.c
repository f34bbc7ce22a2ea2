/* XEP-0039: who is told what of the server's statistics. */
#include "world.h"

#include "runtime/outside.h"

#define ASK(inside) "<iq type='get' id='s' to='localhost'><query xmlns='http://jabber.org/protocol/stats'>" inside "</query></iq>"
#define STAT(name) "<stat name='" name "'/>"

static const char *answer(struct world *w, unsigned client, const char *request)
{
	client_send(w, client, request);
	return client_log(w, client);
}

static void accounts_see_the_core(void **state)
{
	struct world *w = world_new("--admins=romeo@localhost\n");
	unsigned a = client_online(w, "alice@localhost", "a");
	const char *log;

	(void)state;
	w->server.started_wall_us = outside_wall_us() - 3054635 * UINT64_C(1000000);
	log = answer(w, a, ASK(""));
	assert_has(log, "<iq from='localhost' to='alice@localhost/a' type='result' id='s'><query xmlns='http://jabber.org/protocol/stats'>"
			"<stat name='time/uptime' units='seconds' value='3054635'/><stat name='bandwidth/packets-in' units='packets' value='");
	assert_has(log, "<stat name='bandwidth/packets-out' units='packets' value='");
	assert_has(log, "<stat name='users/online' units='sessions' value='1'/></query></iq>");
	assert_lacks(log, "switchboard/");
	log = answer(w, a, ASK(STAT("users/online") STAT("time/uptime")));
	assert_has(log, "<stat name='users/online' units='sessions' value='1'/><stat name='time/uptime' units='seconds' value='3054635'/></query>");
	assert_lacks(log, "bandwidth");
	world_free(w);
}

static void what_invalidates_one_is_said_in_its_place(void **state)
{
	struct world *w = world_new("--admins=romeo@localhost\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	const char *log;

	(void)state;
	log = answer(w, a, ASK(STAT("time/moon") STAT("switchboard/logins_total") STAT("switchboard/none") STAT("users/online")));
	assert_has(log, "<query xmlns='http://jabber.org/protocol/stats'><stat name='time/moon'><error code='404'>Not Found</error></stat>"
			"<stat name='switchboard/logins_total'><error code='401'>Unauthorized</error></stat>"
			"<stat name='switchboard/none'><error code='401'>Unauthorized</error></stat>"
			"<stat name='users/online' units='sessions' value='2'/></query>");
	log = answer(w, r, ASK(STAT("switchboard/") STAT("switchboard/none")));
	assert_has(log, "<stat name='switchboard/'><error code='404'>Not Found</error></stat><stat name='switchboard/none'><error code='404'>");
	world_free(w);
}

static void administrators_see_all(void **state)
{
	struct world *w = world_new("--admins=romeo@localhost\n");
	unsigned r = client_online(w, "romeo@localhost", "r");
	const char *log = answer(w, r, ASK(""));

	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		char want[128];

		(void)snprintf(want, sizeof(want), "<stat name='switchboard/%s' units='%s' value='", metric_rows[i].name, metric_rows[i].unit);
		assert_has(log, want);
	}
	assert_has(answer(w, r, ASK(STAT("switchboard/sessions_open"))),
		   "<query xmlns='http://jabber.org/protocol/stats'><stat name='switchboard/sessions_open' units='sessions' value='1'/></query>");
	world_free(w);
}

static void others_see_nothing(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v"), s = client_online(w, "seat1@localhost", "s");

	(void)state;
	assert_has(answer(w, v, ASK("")), "<forbidden ");
	assert_has(answer(w, v, ASK(STAT("users/online"))), "<forbidden ");
	assert_has(answer(w, s, ASK("<stat/>")), "<bad-request ");
	assert_has(answer(w, s, ASK("<other name='users/online'/>")), "<bad-request ");
	assert_has(answer(w, s, "<iq type='set' id='s' to='localhost'><query xmlns='http://jabber.org/protocol/stats'/></iq>"),
		   "<service-unavailable ");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accounts_see_the_core),
		cmocka_unit_test(what_invalidates_one_is_said_in_its_place),
		cmocka_unit_test(administrators_see_all),
		cmocka_unit_test(others_see_nothing),
	};

	return RUN(tests);
}
