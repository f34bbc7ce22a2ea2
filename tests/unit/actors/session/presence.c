/* Presence: who is told that a client is there. RFC 6121 4. */
#include "world.h"

static void make_friends(struct world *w, unsigned a, const char *a_jid, unsigned b, const char *b_jid)
{
	const struct {
		unsigned from;
		const char *to, *type;
	} steps[] = { { a, b_jid, "subscribe" }, { b, a_jid, "subscribed" }, { b, a_jid, "subscribe" }, { a, b_jid, "subscribed" } };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		char xml[128];

		(void)snprintf(xml, sizeof(xml), "<presence to='%s' type='%s'/>", steps[i].to, steps[i].type);
		client_send(w, steps[i].from, xml);
	}
	client_log(w, a);
	client_log(w, b);
}

static void initial_presence_is_told_and_answered(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"), a2;

	(void)state;
	make_friends(w, a, "alice@localhost", r, "romeo@localhost");
	client_send(w, a, "<presence><show>away</show><priority>3</priority></presence>");
	assert_log(w, a,
		   "<presence from='alice@localhost/a' to='alice@localhost/a'><show>away</show><priority>3</priority></presence>\n");
	assert_log(w, r,
		   "<presence from='alice@localhost/a' to='romeo@localhost'><show>away</show><priority>3</priority></presence>\n");
	a2 = client_new(w, "alice@localhost", "a2");
	client_send(w, a2, "<presence/>");
	assert_log(w, a2,
		   "<presence from='alice@localhost/a2' to='alice@localhost/a2'/>\n"
		   "<presence from='alice@localhost/a' to='alice@localhost/a2'><show>away</show><priority>3</priority></presence>\n"
		   "<presence from='romeo@localhost/r' to='alice@localhost/a2'/>\n");
	assert_log(w, a, "<presence from='alice@localhost/a2' to='alice@localhost/a'/>\n"); /* no probe answer for the old one */
	assert_log(w, r, "<presence from='alice@localhost/a2' to='romeo@localhost'/>\n");
	world_free(w);
}

static void leaving_is_told_once(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	make_friends(w, a, "alice@localhost", r, "romeo@localhost");
	client_send(w, a, "<presence type='unavailable'><status>bye</status></presence>");
	assert_log(w, r,
		   "<presence from='alice@localhost/a' to='romeo@localhost' type='unavailable'><status>bye</status></presence>\n");
	client_send(w, a, "<presence type='unavailable'/>");
	client_drop(w, a, CLOSE_STREAM_END);
	assert_log(w, r, "");
	a = client_online(w, "alice@localhost", "a");
	client_drop(w, a, CLOSE_SOCKET_LOST);
	assert_log(w, r, "<presence from='alice@localhost/a' to='romeo@localhost' type='unavailable'/>\n");
	world_free(w);
}

static void strangers_are_told_nothing(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	/* asked and not answered yet */
	client_send(w, r, "<presence to='alice@localhost' type='subscribe'/>");
	client_log(w, r);
	client_log(w, a);
	client_send(w, a, "<presence><show>xa</show></presence>");
	client_send(w, r, "<presence to='alice@localhost' type='probe'/>");
	client_send(w, r, "<presence to='alice@localhost/a' type='probe'/>");
	client_send(w, r, "<presence to='carol@localhost' type='probe'/>");
	client_send(w, r, "<presence to='nobody@localhost' type='probe'/>");
	assert_log(w, r, "");
	world_free(w);
}

static void directed_presence_is_taken_back_at_the_end(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"),
		 c = client_online(w, "carol@localhost", "c"), d = client_online(w, "dave@localhost", "d");

	(void)state;
	client_send(w, a, "<presence to='romeo@localhost/r'/>");
	assert_log(w, r, "<presence from='alice@localhost/a' to='romeo@localhost/r'/>\n");
	client_send(w, a, "<presence to='carol@localhost'/>");
	client_send(w, a, "<presence to='carol@localhost' type='unavailable'/>");
	client_send(w, a, "<presence to='dave@localhost'/>");
	client_send(w, a, "<presence to='dave@localhost'/>");
	client_log(w, c);
	client_log(w, d);
	client_drop(w, a, CLOSE_SOCKET_LOST);
	assert_log(w, r, "<presence from='alice@localhost/a' to='romeo@localhost/r' type='unavailable'/>\n");
	assert_log(w, c, "");
	assert_log(w, d, "<presence from='alice@localhost/a' to='dave@localhost' type='unavailable'/>\n");
	world_free(w);
}

static void visitors_without_a_desk_have_presence_too(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned v = client_online(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "1"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send(w, v, "<presence to='romeo@localhost/r'/>");
	assert_has(client_log(w, r), "from='v-aaaaaaaaaaaaaaaaaaaa@localhost/1'");
	client_drop(w, v, CLOSE_SOCKET_LOST);
	assert_has(client_log(w, r), "type='unavailable'/>");
	world_free(w);
}

static void the_server_has_no_ear_for_presence(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, "<presence to='localhost'/>");
	client_send(w, a, "<presence to='localhost/x'/>");
	client_send(w, a, "<presence type='probe'/>");
	client_send(w, a, "<presence type='error'/>");
	assert_log(w, a, "");
	world_free(w);
}

static void errors_of_contacts_come_back(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	world_route(w, "<presence from='x@localhost' to='alice@localhost' type='error' id='1'><error/></presence>", 0);
	assert_log(w, a, "<presence from='x@localhost' to='alice@localhost' type='error' id='1'><error/></presence>\n");
	world_free(w);
}

static void a_bound_client_without_presence_sees_none(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), silent = client_new(w, "alice@localhost", "silent");

	(void)state;
	world_route(w, "<presence from='x@localhost' to='alice@localhost'/>", 0);
	assert_log(w, a, "<presence from='x@localhost' to='alice@localhost'/>\n");
	assert_log(w, silent, "");
	world_free(w);
}

/* The roster comes late; the session is gone by then. */
static void a_session_that_ends_while_its_roster_loads_says_nothing(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	make_friends(w, a, "alice@localhost", r, "romeo@localhost");
	client_drop(w, a, CLOSE_STREAM_END);
	client_log(w, r);
	a = client_new(w, "alice@localhost", "a");
	w->store_stalls = true;
	client_send(w, a, "<presence/>");
	client_drop(w, a, CLOSE_SOCKET_LOST);
	world_release_store(w);
	assert_log(w, r, "");
	world_free(w);
}

/* A failed write makes the shard forget a roster; whoever was told still hears that the client is gone. */
static void leaving_is_told_also_when_the_roster_must_be_read_again(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	make_friends(w, a, "alice@localhost", r, "romeo@localhost");
	w->store_answer = STATUS_IO;
	client_send(w, a, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='x@localhost'/></query></iq>");
	assert_has(client_log(w, a), "<resource-constraint ");
	w->store_answer = STATUS_OK;
	client_drop(w, a, CLOSE_SOCKET_LOST);
	assert_log(w, r, "<presence from='alice@localhost/a' to='romeo@localhost' type='unavailable'/>\n");
	world_free(w);
}

static void without_a_roster_presence_still_counts(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	w->store_answer = STATUS_IO;
	client_send(w, a, "<presence/>");
	w->store_answer = STATUS_OK;
	client_send(w, r, "<message to='alice@localhost' type='chat' id='m'><body>x</body></message>");
	assert_has(client_log(w, a), "id='m'");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_presence_is_told_and_answered),
		cmocka_unit_test(leaving_is_told_once),
		cmocka_unit_test(strangers_are_told_nothing),
		cmocka_unit_test(directed_presence_is_taken_back_at_the_end),
		cmocka_unit_test(visitors_without_a_desk_have_presence_too),
		cmocka_unit_test(the_server_has_no_ear_for_presence),
		cmocka_unit_test(errors_of_contacts_come_back),
		cmocka_unit_test(a_bound_client_without_presence_sees_none),
		cmocka_unit_test(a_session_that_ends_while_its_roster_loads_says_nothing),
		cmocka_unit_test(leaving_is_told_also_when_the_roster_must_be_read_again),
		cmocka_unit_test(without_a_roster_presence_still_counts),
	};

	return RUN(tests);
}
