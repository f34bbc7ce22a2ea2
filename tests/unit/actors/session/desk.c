/* What visitors may reach, and what the desk and the pool are told. */
#include "world.h"

#define V "v-aaaaaaaaaaaaaaaaaaaa@localhost"
#define LEFT(reason) "LEFT " V "/1 sessions=0 reason=" reason "\n"

/* --- the gate --- */

static void a_visitors_roster_request_goes_to_the_desk(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, V, "1");

	(void)state;
	world_desk(w);
	client_send(w, v, "<iq type='get' id='getmyroster'><query xmlns='jabber:iq:roster'/></iq>");
	assert_desk(w, "DESK_ROSTER_GET <iq from='" V "/1' type='get' id='getmyroster'><query xmlns='jabber:iq:roster'/></iq>\n");
	client_send(w, v, "<iq type='get' id='2' to='" V "'><query xmlns='jabber:iq:roster'/></iq>");
	assert_desk(w, "DESK_ROSTER_GET <iq from='" V "/1' to='" V "' type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>\n");
	assert_log(w, v, "");
	client_send(w, v, "<iq type='set' id='3'><query xmlns='jabber:iq:roster'><item jid='x@localhost'/></query></iq>");
	assert_has(client_log(w, v), "<not-allowed ");
	assert_desk(w, "");
	world_free(w);
}

static void what_a_visitor_sends_to_others_goes_to_the_desk(void **state)
{
	static const char *const sent[] = {
		"<message to='seat1@localhost' type='chat' id='1'><body>hi</body></message>",
		"<message to='alice@localhost' id='2'><body>hi</body></message>",
		"<message to='v-bbbbbbbbbbbbbbbbbbbb@localhost' id='3'><body>hi</body></message>",
		"<message to='x@elsewhere.example' id='4'><body>hi</body></message>",
		"<message to='desk@localhost' id='5'><body>hi</body></message>",
		"<iq to='seat1@localhost/s' type='get' id='6'><ping xmlns='urn:xmpp:ping'/></iq>",
		"<iq to='elsewhere.example' type='get' id='7'><ping xmlns='urn:xmpp:ping'/></iq>",
		"<presence to='seat1@localhost' id='8'/>",
	};
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, V, "1"), s = client_online(w, "seat1@localhost", "s"), a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
		char id[16];
		const char *log;

		world_desk(w);
		client_send(w, v, sent[i]);
		log = world_desk(w);
		(void)snprintf(id, sizeof(id), "id='%zu'", i + 1);
		assert_has(log, "DESK_FROM_VISITOR <");
		assert_has(log, " from='" V "/1'");
		assert_has(log, id);
		assert_log(w, v, "");
		assert_log(w, s, "");
		assert_log(w, a, "");
	}
	world_free(w);
}

static void a_visitors_own_requests_are_answered(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, V, "1");

	(void)state;
	world_desk(w);
	client_send(w, v, "<iq to='localhost' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
	client_send(w, v, "<iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_log(w, v, "<iq from='localhost' to='" V "/1' type='result' id='1'/>\n<iq to='" V "/1' type='result' id='2'/>\n");
	client_send(w, v, "<presence/>");
	assert_log(w, v, "");
	client_send(w, v, "<iq type='result' id='push1'/>");
	client_send(w, v, "<iq to='" V "' type='result' id='push2'/>");
	assert_desk(w, "");
	client_send(w, v, "<presence to='seat1@localhost' type='subscribe' id='3'/>");
	assert_has(client_log(w, v), "<not-allowed ");
	assert_desk(w, "");
	world_free(w);
}

static void a_visitor_cannot_write_to_itself(void **state)
{
	static const char *const sent[] = {
		"<message type='chat' id='1'><body>x</body></message>",
		"<message to='" V "' type='chat' id='1'><body>x</body></message>",
		"<message to='" V "/2' type='chat' id='1'><body>x</body></message>",
	};
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, V, "1"), other = client_new(w, V, "2");

	(void)state;
	world_desk(w);
	for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
		client_send(w, v, sent[i]);
		assert_has(client_log(w, v), "<forbidden ");
		assert_log(w, other, "");
		assert_desk(w, "");
	}
	client_send(w, v, "<message to='" V "/2' type='error' id='1'/>");
	assert_log(w, v, "");
	assert_log(w, other, "");
	world_free(w);
}

static void what_others_send_to_a_visitor_goes_to_the_desk(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, V, "1"), s = client_online(w, "seat1@localhost", "s");

	(void)state;
	world_desk(w);
	client_send(w, s, "<message to='" V "' type='chat' id='1'><body>hello</body></message>");
	assert_desk(w, "DESK_TO_VISITOR <message from='seat1@localhost/s' to='" V "' type='chat' id='1'><body>hello</body></message>\n");
	assert_log(w, v, "");
	/* what the desk passes on arrives */
	world_route(w, "<message from='seat1@localhost/seat' to='" V "' type='chat' id='1'><body>hello</body></message>",
		    PACKET_FROM_DESK);
	assert_log(w, v, "<message from='seat1@localhost/seat' to='" V "' type='chat' id='1'><body>hello</body></message>\n");
	/* subscriptions exist without asking */
	client_send(w, s, "<presence to='" V "' type='subscribed'/>");
	assert_desk(w, "");
	assert_log(w, s, "");
	world_free(w);
}

static void every_tab_of_a_visitor_gets_its_messages_without_presence(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v1 = client_new(w, V, "1"), v2 = client_new(w, V, "2");

	(void)state;
	world_route(w, "<message from='seat1@localhost/seat' to='" V "' id='1'><body>x</body></message>", PACKET_FROM_DESK);
	assert_has(client_log(w, v1), "id='1'");
	assert_has(client_log(w, v2), "id='1'");
	world_free(w);
}

/* --- visitors come and go --- */

static void the_desk_hears_of_visitors(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v1, v2;

	(void)state;
	v1 = client_new(w, V, "1");
	assert_desk(w, "ONLINE " V "/1 sessions=1\n");
	v2 = client_new(w, V, "2");
	assert_desk(w, "ONLINE " V "/2 sessions=2\n");
	client_drop(w, v2, CLOSE_SOCKET_LOST);
	assert_desk(w, "");
	client_drop(w, v1, CLOSE_TERMINATE);
	assert_desk(w, LEFT("1"));
	world_free(w);
}

static void the_reason_is_that_of_the_last_session(void **state)
{
	static const struct {
		enum close_reason reason;
		const char *log;
	} rows[] = {
		{ CLOSE_STREAM_END, LEFT("0") }, { CLOSE_TERMINATE, LEFT("1") },  { CLOSE_SOCKET_LOST, LEFT("2") },
		{ CLOSE_INACTIVITY, LEFT("3") }, { CLOSE_ERROR, LEFT("4") }, { CLOSE_SHUTDOWN, LEFT("6") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_new(DESK);
		unsigned v = client_new(w, V, "1");

		world_desk(w);
		client_drop(w, v, rows[i].reason);
		assert_desk(w, rows[i].log);
		world_free(w);
	}
}

static void a_silent_visitor_is_absent_until_it_speaks(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v1 = client_new(w, V, "1"), v2 = client_new(w, V, "2");

	(void)state;
	world_desk(w);
	client_liveness(w, v2, false);
	assert_desk(w, "");
	client_liveness(w, v1, false);
	assert_desk(w, "ABSENT " V "/1 sessions=2\n");
	client_liveness(w, v2, false);
	assert_desk(w, "");
	client_liveness(w, v1, true);
	assert_desk(w, "PRESENT " V "/1 sessions=2\n");
	/* the one that speaks goes: what is left is silent */
	client_drop(w, v1, CLOSE_STREAM_END);
	assert_desk(w, "ABSENT " V "/1 sessions=1\n");
	world_free(w);
}

static void a_silent_session_gives_way_to_a_later_one(void **state)
{
	static const char said[] = "<message from='seat1@localhost/s' to='" V "' type='chat'><body>hi</body></message>";
	struct world *w = world_new(DESK);
	unsigned old = client_new(w, V, "1"), fresh;

	(void)state;
	w->clients[old].slow = true;
	client_liveness(w, old, false);
	world_route(w, said, PACKET_FROM_DESK);
	world_desk(w);
	fresh = client_new(w, V, "2");
	assert_has(client_log(w, old), "CLOSE conflict\n");
	client_drop(w, old, CLOSE_REPLACED); /* the edge gives back what it could not write */
	client_send(w, fresh, "<presence/>");
	assert_has(client_log(w, fresh), "<body>hi</body>");
	assert_lacks(world_desk(w), "sessions=0");
	assert_int_equal(world_offline_rows(w, V), 0);
	world_free(w);
}

static void the_silence_may_be_noticed_later_than_the_new_login(void **state)
{
	struct world *w = world_new(DESK);
	unsigned old = client_new(w, V, "1"), tab = client_new(w, V, "2");

	(void)state;
	/* both live: two tabs */
	assert_lacks(client_log(w, old), "CLOSE");
	/* the later one being silent costs neither its place */
	client_liveness(w, tab, false);
	client_liveness(w, tab, true);
	assert_lacks(client_log(w, tab), "CLOSE");
	assert_lacks(client_log(w, old), "CLOSE");
	client_liveness(w, old, false);
	assert_has(client_log(w, old), "CLOSE conflict\n");
	assert_lacks(client_log(w, tab), "CLOSE");
	assert_lacks(world_desk(w), "sessions=0");
	world_free(w);
}

/* Stream management: the pool holds what it has and gives it nothing new; a client that is there decides. */
static void a_seat_that_sleeps_takes_no_chats_and_is_no_loss_while_another_is_there(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s1 = client_online(w, "seat1@localhost", "1"), s2;

	(void)state;
	world_pool(w);
	client_liveness(w, s1, false);
	assert_has(world_pool(w), "lost=1");
	client_liveness(w, s1, true);
	assert_has(world_pool(w), "seat1@localhost/1");
	s2 = client_online(w, "seat1@localhost", "2");
	world_pool(w);
	client_liveness(w, s2, false);
	assert_has(world_pool(w), "seat1@localhost/1");
	client_liveness(w, s1, false);
	assert_has(world_pool(w), "lost=1");
	world_free(w);
}

static void a_page_that_loads_again_is_no_departure(void **state)
{
	struct world *w = world_new(DESK);
	unsigned old = client_new(w, V, "1");

	(void)state;
	client_new(w, V, "1");
	client_drop(w, old, CLOSE_ERROR);
	assert_desk(w, "ONLINE " V "/1 sessions=1\nONLINE " V "/1 sessions=1\n");
	world_free(w);
}

static void without_a_desk_nothing_is_told_and_nothing_is_gated(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned v = client_new(w, V, "1"), a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, v, "<message to='alice@localhost' id='1'><body>hi</body></message>");
	assert_has(client_log(w, a), "from='" V "/1'");
	client_send(w, a, "<message to='" V "' id='2'><body>hi</body></message>");
	assert_has(client_log(w, v), "id='2'");
	client_drop(w, v, CLOSE_STREAM_END);
	assert_desk(w, "");
	assert_pool(w, "");
	world_free(w);
}

/* --- seats and robots --- */

static void the_pool_hears_of_seats_by_their_presence(void **state)
{
	struct world *w = world_new(DESK "sess-man/limits/presence-rate[I]=0\n");
	unsigned s;

	(void)state;
	s = client_new(w, "seat1@localhost", "s");
	assert_pool(w, ""); /* bound is not yet there */
	client_send(w, s, "<presence/>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/s taking=1 lost=0\n");
	client_send(w, s, "<presence><status>busy</status></presence>");
	assert_pool(w, ""); /* no change */
	client_send(w, s, "<presence><show>dnd</show></presence>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/s taking=0 lost=0\n");
	client_send(w, s, "<presence><show>chat</show></presence>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/s taking=1 lost=0\n");
	client_send(w, s, "<presence><priority>-1</priority></presence>");
	assert_pool(w, "seat1@localhost best=- taking=0 lost=0\n");
	client_send(w, s, "<presence/>");
	world_pool(w);
	client_send(w, s, "<presence type='unavailable'/>");
	assert_pool(w, "seat1@localhost best=- taking=0 lost=0\n");
	client_drop(w, s, CLOSE_SOCKET_LOST);
	assert_pool(w, "");
	world_free(w);
}

static void the_pool_hears_whether_the_line_was_lost(void **state)
{
	static const struct {
		enum close_reason reason;
		bool lost;
	} rows[] = {
		{ CLOSE_STREAM_END, false }, { CLOSE_TERMINATE, false }, { CLOSE_SOCKET_LOST, true },
		{ CLOSE_INACTIVITY, true },  { CLOSE_ERROR, true },	  { CLOSE_SHUTDOWN, false },
	};
	struct world *w = world_new(DESK);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned r = client_online(w, "robot1@localhost", "r");

		world_pool(w);
		client_drop(w, r, rows[i].reason);
		assert_pool(w, rows[i].lost ? "robot1@localhost best=- taking=0 lost=1\n" :
					      "robot1@localhost best=- taking=0 lost=0\n");
	}
	world_free(w);
}

static void the_pool_hears_that_a_seat_was_removed_with_or_without_sessions(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s"), lost;

	(void)state;
	world_pool(w);
	world_removed(w, "seat1@localhost");
	assert_log(w, s, "CLOSE not-authorized\n");
	assert_has(world_pool(w), "seat1@localhost best=- taking=0 removed\n");
	lost = client_online(w, "robot1@localhost", "r");
	client_drop(w, lost, CLOSE_SOCKET_LOST);
	world_pool(w);
	world_removed(w, "robot1@localhost"); /* the pool may wait for its return */
	assert_pool(w, "robot1@localhost best=- taking=0 removed\n");
	client_online(w, "alice@localhost", "a");
	world_removed(w, "alice@localhost");
	assert_pool(w, "");
	world_free(w);
}

static void the_best_resource_has_the_highest_priority_or_came_last(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s1 = client_online(w, "seat1@localhost", "1"), s2, s3;

	(void)state;
	world_pool(w);
	s2 = client_online(w, "seat1@localhost", "2");
	assert_pool(w, "seat1@localhost best=seat1@localhost/2 taking=1 lost=0\n");
	client_send(w, s1, "<presence><priority>1</priority></presence>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/1 taking=1 lost=0\n");
	s3 = client_online(w, "seat1@localhost", "3");
	assert_pool(w, "");
	client_send(w, s3, "<presence><show>away</show><priority>2</priority></presence>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/3 taking=0 lost=0\n");
	client_drop(w, s3, CLOSE_SOCKET_LOST);
	assert_pool(w, "seat1@localhost best=seat1@localhost/1 taking=1 lost=0\n");
	client_drop(w, s1, CLOSE_SOCKET_LOST);
	assert_pool(w, "seat1@localhost best=seat1@localhost/2 taking=1 lost=0\n");
	client_drop(w, s2, CLOSE_SOCKET_LOST);
	assert_pool(w, "seat1@localhost best=- taking=0 lost=1\n");
	world_free(w);
}

static void a_replaced_seat_is_never_gone(void **state)
{
	struct world *w = world_new(DESK);
	unsigned old = client_online(w, "seat1@localhost", "s");

	(void)state;
	world_pool(w);
	client_new(w, "seat1@localhost", "s");
	client_drop(w, old, CLOSE_ERROR);
	assert_pool(w, "");
	world_free(w);
}

static void without_presence_plugins_a_bound_seat_is_there(void **state)
{
	struct world *w = world_new(DESK NO_PRESENCE);
	unsigned s;

	(void)state;
	s = client_new(w, "seat1@localhost", "s");
	assert_pool(w, "seat1@localhost best=seat1@localhost/s taking=1 lost=0\n");
	client_send(w, s, "<presence><show>away</show></presence>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/s taking=0 lost=0\n");
	client_send(w, s, "<presence/>");
	assert_pool(w, "seat1@localhost best=seat1@localhost/s taking=1 lost=0\n");
	client_drop(w, s, CLOSE_SOCKET_LOST);
	assert_pool(w, "seat1@localhost best=- taking=0 lost=1\n");
	world_free(w);
}

/* --- what the desk gave to a seat or robot and nobody took --- */

#define TO_SEAT(to, id) "<message from='" V "/1' to='" to "' type='chat' id='" id "'><body>x</body></message>"
#define BACK(to, id) "DESK_UNDELIVERED " TO_SEAT(to, id) "\n"

static void an_undeliverable_message_goes_back_to_the_desk(void **state)
{
	struct world *w = world_new(DESK);
	unsigned r = client_online(w, "robot1@localhost", "other");

	(void)state;
	world_route(w, TO_SEAT("seat1@localhost", "1"), PACKET_FROM_DESK);
	assert_desk(w, BACK("seat1@localhost", "1"));
	world_route(w, TO_SEAT("robot1@localhost/dead", "2"), PACKET_FROM_DESK);
	assert_desk(w, BACK("robot1@localhost/dead", "2"));
	assert_log(w, r, ""); /* another resource is for the desk to choose */
	world_route(w, TO_SEAT("seat1@localhost", "3"), PACKET_FROM_DESK | PACKET_NO_STORE);
	assert_desk(w, "");
	assert_int_equal(world_offline_rows(w, "seat1@localhost"), 0);
	world_free(w);
}

static void a_returned_message_goes_back_to_the_desk(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s");

	(void)state;
	w->clients[s].slow = true;
	world_route(w, TO_SEAT("seat1@localhost", "1"), PACKET_FROM_DESK);
	client_drop(w, s, CLOSE_SOCKET_LOST);
	assert_desk(w, BACK("seat1@localhost", "1"));
	assert_int_equal(world_offline_rows(w, "seat1@localhost"), 0);
	world_free(w);
}

static void colleagues_messages_to_a_seat_are_kept(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s2 = client_online(w, "seat2@localhost", "s");

	(void)state;
	client_send(w, s2, "<message to='seat1@localhost' type='chat' id='1'><body>lunch?</body></message>");
	assert_desk(w, "");
	assert_log(w, s2, "");
	assert_int_equal(world_offline_rows(w, "seat1@localhost"), 1);
	world_free(w);
}

/* A request that the desk let through to a visitor who is gone: the error takes the way back that the answer would. */
static void errors_for_a_visitor_go_back_through_the_desk(void **state)
{
	struct world *w = world_new(DESK);

	(void)state;
	world_route(w, "<iq from='seat1@localhost/seat' to='" V "/gone' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
		    PACKET_FROM_DESK | PACKET_NO_STORE);
	assert_has(world_desk(w), "DESK_FROM_VISITOR <iq from='" V "/gone' to='seat1@localhost/seat' type='error' id='1'>");
	world_free(w);
}

static void a_request_to_a_visitors_account_is_answered_to_the_real_asker(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s");

	(void)state;
	world_route(w, "<iq from='seat1@localhost/s' to='" V "' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
		    PACKET_FROM_DESK | PACKET_NO_STORE);
	assert_has(client_log(w, s), "<iq from='" V "' to='seat1@localhost/s' type='error' id='1'>");
	world_free(w);
}

static void errors_from_the_desk_reach_a_seats_clients(void **state)
{
	struct world *w = world_new(DESK);
	unsigned s = client_online(w, "seat1@localhost", "s");

	(void)state;
	world_route(w, "<message from='" V "' to='seat1@localhost' type='error' id='1'><error/></message>",
		    PACKET_FROM_DESK | PACKET_NO_STORE);
	assert_has(client_log(w, s), "type='error' id='1'");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_visitors_roster_request_goes_to_the_desk),
		cmocka_unit_test(what_a_visitor_sends_to_others_goes_to_the_desk),
		cmocka_unit_test(a_visitors_own_requests_are_answered),
		cmocka_unit_test(a_visitor_cannot_write_to_itself),
		cmocka_unit_test(what_others_send_to_a_visitor_goes_to_the_desk),
		cmocka_unit_test(every_tab_of_a_visitor_gets_its_messages_without_presence),
		cmocka_unit_test(the_desk_hears_of_visitors),
		cmocka_unit_test(the_reason_is_that_of_the_last_session),
		cmocka_unit_test(a_silent_visitor_is_absent_until_it_speaks),
		cmocka_unit_test(a_seat_that_sleeps_takes_no_chats_and_is_no_loss_while_another_is_there),
		cmocka_unit_test(a_silent_session_gives_way_to_a_later_one),
		cmocka_unit_test(the_silence_may_be_noticed_later_than_the_new_login),
		cmocka_unit_test(a_page_that_loads_again_is_no_departure),
		cmocka_unit_test(without_a_desk_nothing_is_told_and_nothing_is_gated),
		cmocka_unit_test(the_pool_hears_of_seats_by_their_presence),
		cmocka_unit_test(the_pool_hears_whether_the_line_was_lost),
		cmocka_unit_test(the_pool_hears_that_a_seat_was_removed_with_or_without_sessions),
		cmocka_unit_test(the_best_resource_has_the_highest_priority_or_came_last),
		cmocka_unit_test(a_replaced_seat_is_never_gone),
		cmocka_unit_test(without_presence_plugins_a_bound_seat_is_there),
		cmocka_unit_test(an_undeliverable_message_goes_back_to_the_desk),
		cmocka_unit_test(a_returned_message_goes_back_to_the_desk),
		cmocka_unit_test(colleagues_messages_to_a_seat_are_kept),
		cmocka_unit_test(errors_for_a_visitor_go_back_through_the_desk),
		cmocka_unit_test(a_request_to_a_visitors_account_is_answered_to_the_real_asker),
		cmocka_unit_test(errors_from_the_desk_reach_a_seats_clients),
	};

	return RUN(tests);
}
