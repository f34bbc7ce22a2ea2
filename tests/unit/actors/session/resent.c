/* Messages sent again under the same origin-id are one message, unless the first came back. */
#include "world.h"

#include "actors/session/resent.h"
#include "xmpp/ns.h"

#define MESSAGE(to, body, id) "<message to='" to "' type='chat'><body>" body "</body><origin-id xmlns='urn:xmpp:sid:0' id='" id "'/></message>"

static void the_second_is_not_delivered(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_send_owed(w, a, MESSAGE("romeo@localhost", "hi", "1"), 1);
	assert_has(client_log(w, r), "<body>hi</body>");
	client_drop(w, a, CLOSE_SOCKET_LOST);
	client_log(w, r);
	a = client_online(w, "alice@localhost", "a2");
	client_log(w, r);
	client_send_owed(w, a, MESSAGE("romeo@localhost", "hi", "1"), 1);
	assert_log(w, r, "");
	assert_log(w, a, "HANDLED 1\n"); /* its client need not keep it */
	world_free(w);
}

/* Acknowledging the second must not say more than is true of the first. */
static void the_second_is_as_safe_as_the_first(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"), again;

	(void)state;
	w->clients[r].slow = true;
	w->store_stalls = true;
	client_send_owed(w, a, MESSAGE("romeo@localhost", "hi", "1"), 1);
	world_pass(w, 100); /* its row is being written */
	client_drop(w, a, CLOSE_SOCKET_LOST);
	again = client_online(w, "alice@localhost", "a2");
	client_send_owed(w, again, MESSAGE("romeo@localhost", "hi", "1"), 1);
	client_send_owed(w, again, MESSAGE("romeo@localhost", "hi", "1"), 2); /* and a third */
	assert_log(w, again, "");
	world_release_store(w);
	assert_has(client_log(w, again), "HANDLED 1\n");
	assert_int_equal(world_pending_rows(w, "romeo@localhost"), 1);
	client_send_owed(w, again, MESSAGE("romeo@localhost", "hi", "1"), 3);
	assert_log(w, again, "HANDLED 3\n");
	client_writes(w, r);
	world_free(w);
}

/* Nobody answers for the first: two are better than none. */
static void the_first_had_no_promise(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	w->clients[r].slow = true;
	client_log(w, r);
	client_send(w, a, MESSAGE("romeo@localhost", "hi", "1"));
	client_send(w, a, MESSAGE("romeo@localhost", "hi", "1"));
	assert_int_equal(w->clients[r].kept_count, 1);
	client_send_owed(w, a, MESSAGE("romeo@localhost", "hi", "1"), 1);
	assert_log(w, a, "");
	world_pass(w, 100);
	assert_log(w, a, "HANDLED 1\n");
	assert_int_equal(world_pending_rows(w, "romeo@localhost"), 1);
	client_writes(w, r);
	world_free(w);
}

static void other_words_or_other_receivers_are_other_messages(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r"),
		 c = client_online(w, "carol@localhost", "c");

	(void)state;
	client_log(w, r);
	client_send(w, a, MESSAGE("romeo@localhost", "hi", "1"));
	client_send(w, a, MESSAGE("romeo@localhost", "ho", "1")); /* a client that counts badly loses nothing */
	client_send(w, c, MESSAGE("romeo@localhost", "hi", "1"));
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='1'><body>hi</body></message>");
	client_send(w, a, "<message to='romeo@localhost' type='chat' id='1'><body>hi</body></message>");
	client_send(w, a, MESSAGE("carol@localhost", "hi", "1"));
	assert_has(client_log(w, c), "<body>hi</body>");
	{
		const char *log = client_log(w, r);
		unsigned n = 0;

		for (const char *p = log; (p = strstr(p, "<body>")); p++)
			n++;
		assert_int_equal(n, 5);
	}
	world_free(w);
}

static void what_came_back_may_be_tried_again(void **state)
{
	struct world *w = world_new("sess-man/plugins-conf/amp/store-limit[L]=1\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	client_send(w, a, MESSAGE("nobody@localhost", "hi", "1"));
	assert_has(client_log(w, a), "<service-unavailable");
	client_send(w, a, MESSAGE("nobody@localhost", "hi", "1"));
	assert_has(client_log(w, a), "<service-unavailable"); /* once more: it was not swallowed */
	client_send(w, a, MESSAGE("romeo@localhost", "one", "2"));
	client_send(w, a, MESSAGE("romeo@localhost", "two", "3"));
	assert_has(client_log(w, a), "<service-unavailable");
	r = client_online(w, "romeo@localhost", "r");
	client_send(w, a, MESSAGE("romeo@localhost", "two", "3"));
	assert_has(client_log(w, r), "<body>two</body>");
	world_free(w);
}

static void what_came_back_to_nobody_too(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	w->store_stalls = true;
	client_send_owed(w, a, MESSAGE("nobody@localhost", "hi", "1"), 1);
	client_drop(w, a, CLOSE_SOCKET_LOST);
	world_release_store(w); /* the error finds nobody */
	a = client_online(w, "alice@localhost", "a2");
	client_send_owed(w, a, MESSAGE("nobody@localhost", "hi", "1"), 1);
	assert_has(client_log(w, a), "<service-unavailable");
	world_free(w);
}

/* Whether the message with this number as its origin-id was sent before; now it is. */
static bool sent_before(struct resent *r, unsigned number)
{
	struct builder *b = builder_new();
	struct jid *sender = jid_parse(SPAN_LIT("a@b/c"));
	struct pledge *none = NULL;
	struct stanza *s;
	char id[16];
	bool known;

	(void)snprintf(id, sizeof(id), "%u", number);
	builder_open(b, "message", NULL);
	builder_open(b, "origin-id", NS_SID);
	builder_attr_text(b, "id", id);
	builder_close(b);
	builder_close(b);
	s = builder_finish(b);
	known = resent_is(r, sender, s, &none);
	stanza_unref(s);
	jid_unref(sender);
	builder_free(b);
	return known;
}

static void the_oldest_are_forgotten_first(void **state)
{
	struct resent *r = resent_new(100);

	(void)state;
	for (unsigned i = 0; i < 1050; i++)
		assert_false(sent_before(r, i));
	for (unsigned i = 950; i < 1050; i++) /* the last hundred at least, whatever generation they are in */
		assert_true(sent_before(r, i));
	assert_false(sent_before(r, 849)); /* two hundred at most */
	resent_free(r);
}

static void it_can_be_switched_off(void **state)
{
	struct world *w = world_new("sess-man/limits/remembered-ids[I]=0\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");

	(void)state;
	client_log(w, r);
	client_send(w, a, MESSAGE("romeo@localhost", "hi", "1"));
	client_log(w, r);
	client_send(w, a, MESSAGE("romeo@localhost", "hi", "1"));
	assert_has(client_log(w, r), "hi");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_is_not_delivered),
		cmocka_unit_test(the_second_is_as_safe_as_the_first),
		cmocka_unit_test(the_first_had_no_promise),
		cmocka_unit_test(other_words_or_other_receivers_are_other_messages),
		cmocka_unit_test(what_came_back_may_be_tried_again),
		cmocka_unit_test(what_came_back_to_nobody_too),
		cmocka_unit_test(the_oldest_are_forgotten_first),
		cmocka_unit_test(it_can_be_switched_off),
	};

	return RUN(tests);
}
