/* XEP-0157: whom to write to, in disco#info of the domain. */
#include "world.h"

#define ASK "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"

static void addresses_are_shown_in_a_form(void **state)
{
	struct world *w = world_new("sess-man/contact/abuse[s]=mailto:abuse@localhost,xmpp:abuse@localhost\n"
				    "sess-man/contact/support[s]=https://help.example/chat\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, ASK);
	assert_has(client_log(w, a),
		   "<x xmlns='jabber:x:data' type='result'>"
		   "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/network/serverinfo</value></field>"
		   "<field var='abuse-addresses' type='list-multi'><value>mailto:abuse@localhost</value>"
		   "<value>xmpp:abuse@localhost</value></field>"
		   "<field var='support-addresses' type='list-multi'><value>https://help.example/chat</value></field></x></query>");
	world_free(w);
}

static void without_any_there_is_no_form(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, ASK);
	assert_lacks(client_log(w, a), "serverinfo");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_shown_in_a_form),
		cmocka_unit_test(without_any_there_is_no_form),
	};

	return RUN(tests);
}
