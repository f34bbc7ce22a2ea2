/* The contact list as clients see it: RFC 6121 2. */
#include "world.h"

#define SET(id, item) "<iq type='set' id='" id "'><query xmlns='jabber:iq:roster'>" item "</query></iq>"
#define GET(id) "<iq type='get' id='" id "'><query xmlns='jabber:iq:roster'/></iq>"
#define RESULT(id) "<iq to='alice@localhost/a' type='result' id='" id "'/>\n"

static void an_item_is_kept_and_pushed_to_who_asked(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a"), b = client_new(w, "alice@localhost", "b"), again;
	const char *log;

	(void)state;
	client_send(w, a, GET("1"));
	assert_log(w, a, "<iq to='alice@localhost/a' type='result' id='1'><query xmlns='jabber:iq:roster'/></iq>\n");
	client_send(w, a, SET("2", "<item jid='Romeo@localhost' name='R'><group>Lovers</group></item>"));
	assert_log(w, a,
		   "<iq from='alice@localhost' to='alice@localhost/a' type='set' id='push1'><query xmlns='jabber:iq:roster'>"
		   "<item jid='romeo@localhost' name='R' subscription='none'><group>Lovers</group></item></query></iq>\n" RESULT("2"));
	assert_log(w, b, ""); /* did not ask */
	client_drop(w, a, CLOSE_STREAM_END);
	client_drop(w, b, CLOSE_STREAM_END);
	again = client_new(w, "alice@localhost", "a");
	client_send(w, again, GET("3"));
	log = client_log(w, again);
	assert_has(log, "<item jid='romeo@localhost' name='R' subscription='none'><group>Lovers</group></item>");
	world_free(w);
}

#define GET_VER(id, ver) "<iq type='get' id='" id "'><query xmlns='jabber:iq:roster' ver='%s'/></iq>"

/* The version the log tells, into `out`. */
static void read_version(const char *log, char out[64])
{
	const char *at = strstr(log, "ver='");

	assert_non_null(at);
	assert_int_equal(sscanf(at, "ver='%63[^']'", out), 1);
}

static void ask_with(struct world *w, unsigned client, const char *version)
{
	char xml[256];

	(void)snprintf(xml, sizeof(xml), GET_VER("v", "%s"), version);
	client_send(w, client, xml);
}

/* RFC 6121 2.6: who has the present roster is not sent it again. */
static void a_known_version_is_answered_with_nothing(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a"), b;
	char empty[64], one[64], pushed[64];

	(void)state;
	ask_with(w, a, "");
	read_version(client_log(w, a), empty);
	ask_with(w, a, empty);
	assert_log(w, a, RESULT("v"));
	client_send(w, a, SET("1", "<item jid='romeo@localhost' name='R'><group>Lovers</group></item>"));
	read_version(client_log(w, a), pushed);
	assert_string_not_equal(pushed, empty);
	ask_with(w, a, empty);
	read_version(client_log(w, a), one);
	assert_string_equal(one, pushed);
	client_drop(w, a, CLOSE_STREAM_END);
	b = client_new(w, "alice@localhost", "b");
	ask_with(w, b, one); /* the roster was read anew: in whatever order, it is the same */
	assert_log(w, b, "<iq to='alice@localhost/b' type='result' id='v'/>\n");
	client_send(w, b, SET("2", "<item jid='romeo@localhost' subscription='remove'/>"));
	read_version(client_log(w, b), pushed);
	assert_string_equal(pushed, empty); /* what it was it is again */
	world_free(w);
}

static void pushes_bear_versions_for_those_who_name_them(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a"), b = client_new(w, "alice@localhost", "b");

	(void)state;
	client_send(w, a, GET("1"));
	assert_lacks(client_log(w, a), "ver=");
	ask_with(w, b, "");
	client_log(w, b);
	client_send(w, a, SET("2", "<item jid='romeo@localhost'/>"));
	assert_lacks(client_log(w, a), "ver=");
	assert_has(client_log(w, b), "<query xmlns='jabber:iq:roster' ver='");
	world_free(w);
}

/* Two changes on their way to the disk: who saw the push of the first and left must not be told that it has both. */
static void a_push_on_the_way_to_the_disk_bears_a_version_of_its_own(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");
	char first[64], second[64], now[64];
	const char *log;

	(void)state;
	ask_with(w, a, "");
	client_log(w, a);
	w->store_stalls = true;
	client_send(w, a, SET("1", "<item jid='romeo@localhost'/>"));
	client_send(w, a, SET("2", "<item jid='carol@localhost'/>"));
	world_release_store(w);
	log = client_log(w, a);
	read_version(log, first);
	read_version(strstr(log, "ver='") + 1, second);
	ask_with(w, a, first);
	read_version(client_log(w, a), now);
	assert_string_equal(now, second);
	assert_string_not_equal(now, first);
	world_free(w);
}

static void the_result_waits_for_the_disk(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, GET("1"));
	client_log(w, a);
	w->store_stalls = true;
	client_send(w, a, SET("2", "<item jid='romeo@localhost'/>"));
	assert_log(w, a, "");
	world_release_store(w);
	assert_has(client_log(w, a), RESULT("2"));
	w->store_answer = STATUS_FULL;
	client_send(w, a, SET("3", "<item jid='carol@localhost'/>"));
	assert_has(client_log(w, a), "type='error' id='3'>");
	w->store_answer = STATUS_OK;
	client_send(w, a, GET("4"));
	assert_lacks(client_log(w, a), "carol"); /* what is not on disk is not so */
	world_free(w);
}

static void an_item_is_removed(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, GET("1"));
	client_send(w, a, SET("2", "<item jid='romeo@localhost'/>"));
	client_log(w, a);
	client_send(w, a, SET("3", "<item jid='romeo@localhost' subscription='remove'/>"));
	assert_log(w, a,
		   "<iq from='alice@localhost' to='alice@localhost/a' type='set' id='push2'><query xmlns='jabber:iq:roster'>"
		   "<item jid='romeo@localhost' subscription='remove'/></query></iq>\n" RESULT("3"));
	client_send(w, a, GET("4"));
	assert_lacks(client_log(w, a), "<item");
	client_send(w, a, SET("5", "<item jid='romeo@localhost' subscription='remove'/>"));
	assert_has(client_log(w, a), "<item-not-found ");
	world_free(w);
}

static void bad_sets_are_refused(void **state)
{
	static const struct {
		const char *xml, *error;
	} rows[] = {
		{ SET("1", ""), "<bad-request " },
		{ SET("1", "<item jid='romeo@localhost'/><item jid='carol@localhost'/>"), "<bad-request " },
		{ SET("1", "<item/>"), "<bad-request " },
		{ SET("1", "<item jid='@'/>"), "<bad-request " },
		{ SET("1", "<item jid='romeo@localhost'><group>a</group><group>a</group></item>"), "<bad-request " },
		{ SET("1", "<item jid='romeo@localhost'><group/></item>"), "<not-acceptable " },
		{ SET("1", "<item jid='alice@localhost'/>"), "<not-allowed " },
		{ "<iq type='set' id='1' to='romeo@localhost'><query xmlns='jabber:iq:roster'><item jid='x@localhost'/></query></iq>",
		  "<forbidden " },
		{ "<iq type='get' id='1' to='romeo@localhost'><query xmlns='jabber:iq:roster'/></iq>", "<service-unavailable " },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");
	int64_t writes = world_store_writes();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *log;

		client_send(w, a, rows[i].xml);
		log = client_log(w, a);
		assert_has(log, "type='error' id='1'>");
		assert_has(log, rows[i].error);
	}
	assert_int_equal(world_store_writes(), writes);
	world_free(w);
}

static void a_roster_has_a_limit(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/jabber\\:iq\\:roster/max_roster_size[I]=2\n");
	unsigned a = client_new(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, SET("1", "<item jid='1@localhost'/>"));
	client_send(w, a, SET("2", "<item jid='2@localhost'/>"));
	assert_log(w, a, RESULT("1") RESULT("2"));
	client_send(w, a, SET("3", "<item jid='3@localhost'/>"));
	assert_has(client_log(w, a), "<policy-violation ");
	client_send(w, a, SET("4", "<item jid='2@localhost' name='two'/>"));
	assert_log(w, a, RESULT("4"));
	client_send(w, a, SET("5", "<item jid='1@localhost' subscription='remove'/>"));
	client_send(w, a, SET("6", "<item jid='3@localhost'/>"));
	assert_log(w, a, RESULT("5") RESULT("6"));
	world_free(w);
}

static void a_visitor_without_a_desk_has_an_empty_one(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "1");
	int64_t writes = world_store_writes();

	(void)state;
	w->store_answer = STATUS_IO; /* the store is not even asked */
	client_send(w, v, GET("1"));
	assert_has(client_log(w, v), "type='result' id='1'><query xmlns='jabber:iq:roster'/></iq>");
	client_send(w, v, SET("2", "<item jid='romeo@localhost'/>"));
	assert_has(client_log(w, v), "<not-allowed ");
	assert_int_equal(world_store_writes(), writes);
	world_free(w);
}

/* --- entries the desk shows --- */

#define V "v-aaaaaaaaaaaaaaaaaaaa@localhost"

static void the_desk_shows_a_seat_its_visitors(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_new(w, "seat1@localhost", "s");
	int64_t writes = world_store_writes();
	const char *log;

	(void)state;
	client_send(w, s, GET("1"));
	client_log(w, s);
	world_contact(w, "seat1@localhost", V, "Visitor 1", "Now");
	assert_has(client_log(w, s), "<item jid='" V "' name='Visitor 1' subscription='both'><group>Now</group></item>");
	world_contact(w, "seat1@localhost", V, "Visitor 1", "Left");
	assert_has(client_log(w, s), "<group>Left</group>");
	client_send(w, s, GET("2"));
	log = client_log(w, s);
	assert_has(log, "id='2'><query xmlns='jabber:iq:roster'><item jid='" V "' name='Visitor 1' subscription='both'>"
			"<group>Left</group></item></query>");
	client_send(w, s, SET("3", "<item jid='" V "' name='mine'/>"));
	assert_has(client_log(w, s), "<feature-not-implemented ");
	world_contact(w, "seat1@localhost", V, NULL, NULL);
	assert_has(client_log(w, s), "<item jid='" V "' subscription='remove'/>");
	client_send(w, s, GET("4"));
	assert_lacks(client_log(w, s), "<item");
	assert_int_equal(world_store_writes(), writes);
	world_free(w);
}

static void what_the_desk_shows_outlives_the_session_but_not_the_desks_word(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s;

	(void)state;
	world_contact(w, "seat1@localhost", V, "Visitor 1", NULL);
	s = client_new(w, "seat1@localhost", "s");
	client_send(w, s, GET("1"));
	assert_has(client_log(w, s), "<item jid='" V "'");
	client_drop(w, s, CLOSE_SOCKET_LOST);
	s = client_new(w, "seat1@localhost", "s");
	client_send(w, s, GET("2"));
	assert_has(client_log(w, s), "<item jid='" V "'");
	client_drop(w, s, CLOSE_SOCKET_LOST);
	world_contact(w, "seat1@localhost", V, NULL, NULL);
	s = client_new(w, "seat1@localhost", "s");
	client_send(w, s, GET("3"));
	assert_lacks(client_log(w, s), V);
	world_free(w);
}

static void a_seat_may_hide_a_visitor(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_new(w, "seat1@localhost", "s");
	const char *log;

	(void)state;
	client_send(w, s, GET("1"));
	world_contact(w, "seat1@localhost", V, "Visitor 1", NULL);
	client_log(w, s);
	client_send(w, s, SET("2", "<item jid='" V "' subscription='remove'/>"));
	log = client_log(w, s);
	assert_has(log, "<item jid='" V "' subscription='remove'/>");
	assert_has(log, "type='result' id='2'/>");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_item_is_kept_and_pushed_to_who_asked),
		cmocka_unit_test(a_known_version_is_answered_with_nothing),
		cmocka_unit_test(pushes_bear_versions_for_those_who_name_them),
		cmocka_unit_test(a_push_on_the_way_to_the_disk_bears_a_version_of_its_own),
		cmocka_unit_test(the_result_waits_for_the_disk),
		cmocka_unit_test(an_item_is_removed),
		cmocka_unit_test(bad_sets_are_refused),
		cmocka_unit_test(a_roster_has_a_limit),
		cmocka_unit_test(a_visitor_without_a_desk_has_an_empty_one),
		cmocka_unit_test(the_desk_shows_a_seat_its_visitors),
		cmocka_unit_test(what_the_desk_shows_outlives_the_session_but_not_the_desks_word),
		cmocka_unit_test(a_seat_may_hide_a_visitor),
	};

	return RUN(tests);
}
