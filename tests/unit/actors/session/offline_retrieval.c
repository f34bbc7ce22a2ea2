/* XEP-0013: a client that looks at its offline messages one by one. */
#include "world.h"

#define SPACE "http://jabber.org/protocol/offline"
#define INFO "<iq type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info' node='" SPACE "'/></iq>"
#define ITEMS "<iq type='get' id='h'><query xmlns='http://jabber.org/protocol/disco#items' node='" SPACE "'/></iq>"
#define GET(inner) "<iq type='get' id='v'><offline xmlns='" SPACE "'>" inner "</offline></iq>"
#define SET(inner) "<iq type='set' id='r'><offline xmlns='" SPACE "'>" inner "</offline></iq>"
#define N1 "00000000000000000001"
#define N2 "00000000000000000002"
#define N3 "00000000000000000003"

static struct world *with_three(unsigned *a)
{
	struct world *w = world_new(NO_DESK);

	*a = client_online(w, "alice@localhost", "a");
	for (unsigned i = 1; i <= 3; i++) {
		char xml[128];

		(void)snprintf(xml, sizeof(xml), "<message to='romeo@localhost' type='chat' id='m%u'><body>text %u</body></message>", i, i);
		client_send(w, *a, xml);
	}
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	return w;
}

static void the_number_and_the_headers_are_told(void **state)
{
	unsigned a, r;
	struct world *w = with_three(&a);

	(void)state;
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, INFO);
	assert_log(w, r,
		   "<iq to='romeo@localhost/r' type='result' id='i'><query xmlns='http://jabber.org/protocol/disco#info' node='" SPACE
		   "'><identity category='automation' type='message-list'/><feature var='" SPACE "'/><x xmlns='jabber:x:data' "
		   "type='result'><field var='FORM_TYPE' type='hidden'><value>" SPACE "</value></field>"
		   "<field var='number_of_messages'><value>3</value></field></x></query></iq>\n");
	client_send(w, r, ITEMS);
	assert_log(w, r,
		   "<iq to='romeo@localhost/r' type='result' id='h'><query xmlns='http://jabber.org/protocol/disco#items' node='" SPACE
		   "'><item jid='romeo@localhost' node='" N1 "' name='alice@localhost/a'/>"
		   "<item jid='romeo@localhost' node='" N2 "' name='alice@localhost/a'/>"
		   "<item jid='romeo@localhost' node='" N3 "' name='alice@localhost/a'/></query></iq>\n");
	world_free(w);
}

/* 2.2: and what comes later comes as always. */
static void who_asks_is_not_given_all(void **state)
{
	static const char *const ways[] = { INFO, ITEMS, GET("<fetch/>") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		unsigned a, r, other;
		struct world *w = with_three(&a);

		r = client_new(w, "romeo@localhost", "r");
		client_send(w, r, ways[i]);
		client_log(w, r);
		client_send(w, r, "<presence/>");
		assert_lacks(client_log(w, r), "text");
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
		client_send(w, a, "<message to='romeo@localhost' type='chat' id='m4'><body>live</body></message>");
		assert_has(client_log(w, r), "live");
		/* another client, in the old way */
		other = client_new(w, "romeo@localhost", "other");
		client_send(w, other, "<presence/>");
		assert_has(client_log(w, other), "text 3");
		assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
		world_free(w);
	}
}

static void messages_are_viewed_and_stay(void **state)
{
	unsigned a, r;
	struct world *w = with_three(&a);
	const char *log;

	(void)state;
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, GET("<item action='view' node='" N2 "'/>"));
	log = client_log(w, r);
	assert_has(log, "<message from='alice@localhost/a' to='romeo@localhost' type='chat' id='m2'><body>text 2</body>"
			"<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2026-01-01T00:00:00");
	assert_has(log, "<offline xmlns='" SPACE "'><item node='" N2 "'/></offline></message>\n"
			"<iq to='romeo@localhost/r' type='result' id='v'/>\n");
	assert_lacks(log, "text 1");
	client_send(w, r, GET("<fetch/>"));
	log = client_log(w, r);
	assert_has(log, "text 1");
	assert_has(log, "text 3");
	assert_has(log, "type='result' id='v'/>");
	/* also when its client is lost before it has them */
	w->clients[r].slow = true;
	client_send(w, r, GET("<fetch/>"));
	client_drop(w, r, CLOSE_SOCKET_LOST);
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	world_free(w);
}

static void messages_are_removed_some_or_all(void **state)
{
	unsigned a, r;
	struct world *w = with_three(&a);
	const char *log;

	(void)state;
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, SET("<item action='remove' node='" N1 "'/><item action='remove' node='" N3 "'/>"));
	assert_log(w, r, "<iq to='romeo@localhost/r' type='result' id='r'/>\n");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 1);
	client_send(w, r, ITEMS);
	log = client_log(w, r);
	assert_has(log, N2);
	assert_lacks(log, N1);
	client_send(w, r, SET("<purge/>"));
	assert_log(w, r, "<iq to='romeo@localhost/r' type='result' id='r'/>\n");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 0);
	client_send(w, r, ITEMS);
	assert_has(client_log(w, r), "node='" SPACE "'/></iq>");
	client_send(w, r, INFO);
	assert_has(client_log(w, r), "<value>0</value>");
	world_free(w);
}

static void what_is_not_there_or_not_theirs_is_refused(void **state)
{
	static const struct {
		const char *xml, *error;
	} wrong[] = {
		{ GET("<item action='view' node='7'/>"), "<item-not-found " },
		{ GET("<item action='view' node='" N1 "'/><item action='view' node='7'/>"), "<item-not-found " },
		{ GET("<item action='remove' node='" N1 "'/>"), "<bad-request " },
		{ GET(""), "<bad-request " },
		{ SET("<item action='remove' node='7'/>"), "<item-not-found " },
		{ SET("<item action='view' node='" N1 "'/>"), "<bad-request " },
		{ SET("<fetch/>"), "<bad-request " },
	};
	unsigned a, r;
	struct world *w = with_three(&a);

	(void)state;
	r = client_new(w, "romeo@localhost", "r");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *log;

		client_send(w, r, wrong[i].xml);
		log = client_log(w, r);
		assert_has(log, wrong[i].error);
		assert_lacks(log, "<body>");
	}
	client_send(w, a, "<iq type='get' id='v' to='romeo@localhost'><offline xmlns='" SPACE "'><fetch/></offline></iq>");
	assert_has(client_log(w, a), "<forbidden ");
	client_send(w, a, "<iq type='set' id='r' to='romeo@localhost'><offline xmlns='" SPACE "'><purge/></offline></iq>");
	assert_has(client_log(w, a), "<forbidden ");
	assert_int_equal(world_offline_rows(w, "romeo@localhost"), 3);
	client_send(w, a, "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_log(w, a), "<feature var='" SPACE "'/>");
	world_free(w);
}

static void a_visitor_chooses_nothing(void **state)
{
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "w");

	(void)state;
	client_send(w, v, ITEMS);
	assert_has(client_log(w, v), "<forbidden ");
	client_send(w, v, SET("<purge/>"));
	assert_has(client_log(w, v), "<forbidden ");
	world_free(w);
}

static void no_more_is_looked_at_than_a_client_takes(void **state)
{
	struct world *w = world_new("amp/store-limit[L]=0\namp/store-limit-total[L]=0\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r, count = 0;
	const char *log;

	(void)state;
	for (unsigned i = 0; i < 520; i++)
		client_send(w, a, "<message to='romeo@localhost' type='chat' id='m'><body>text</body></message>");
	r = client_new(w, "romeo@localhost", "r");
	client_send(w, r, INFO);
	assert_has(client_log(w, r), "<value>520</value>");
	client_send(w, r, ITEMS);
	for (log = client_log(w, r); (log = strstr(log, "<item ")); log++)
		count++;
	assert_int_equal(count, 500);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_number_and_the_headers_are_told),
		cmocka_unit_test(who_asks_is_not_given_all),
		cmocka_unit_test(messages_are_viewed_and_stay),
		cmocka_unit_test(messages_are_removed_some_or_all),
		cmocka_unit_test(what_is_not_there_or_not_theirs_is_refused),
		cmocka_unit_test(a_visitor_chooses_nothing),
		cmocka_unit_test(no_more_is_looked_at_than_a_client_takes),
	};

	return RUN(tests);
}
