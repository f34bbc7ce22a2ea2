/* Addresses that are shown to others: contacts (XEP-0157) and the public URLs of the services (XEP-0156). */
#include "load.h"

static void what_is_shown_to_others_is_checked(void **state)
{
	struct loaded l;

	(void)state;
	EXPECT(l,
	       "sess-man/contact/abuse[s]=mailto:abuse@acme.example,xmpp:abuse@acme.example\n"
	       "sess-man/contact/admin[s]=admin@acme.example\n"
	       "sess-man/contact/sales[s]=mailto:\n"
	       "sess-man/contact/support[s]=mailto:a'b@acme.example\n"
	       "bosh/public-url/bosh[s]=https://chat.example/bosh,acme.example=https://acme.example/bosh?a=b,other.example=none\n"
	       "bosh/public-url/websocket[s]=https://chat.example/ws,acme.example=nowhere,wss://x.example/\"\n",
	       "2 error: 'admin@acme.example' is no URI; write mailto:",
	       "3 error: 'mailto:' is no URI",
	       "4 error: 'mailto:a'b@acme.example' is no URI",
	       "6 error: 'https://chat.example/ws' is no URL of this service; write wss://… or domain=wss://…, or none",
	       "6 error: 'nowhere' is no URL of this service",
	       "6 error: 'wss://x.example/\"' is no URL of this service");
	assert_int_equal(l.c->contact_abuse.count, 2);
	assert_int_equal(l.c->public_bosh.count, 3);
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_shown_to_others_is_checked) };

	return RUN(tests);
}
