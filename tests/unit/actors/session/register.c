/* XEP-0077 with a session: what is registered, a new password, an account given up. */
#include "world.h"

#include "actors/account.h"

#define OPEN "--virt-hosts=localhost:register,other.example\n--admins=root@localhost\n" \
	     "sess-man/plugins-conf/scram-iterations[I]=4096\n" \
	     "sess-man/plugins-conf/jabber\\:iq\\:register/change-interval[I]=0\n"
#define SET(fields) "<iq type='set' id='1' to='localhost'><query xmlns='jabber:iq:register'>" fields "</query></iq>"
#define GET "<iq type='get' id='1' to='localhost'><query xmlns='jabber:iq:register'/></iq>"
#define DONE "<iq from='localhost' to='alice@localhost/a' type='result' id='1'/>\n"
#define ERROR(condition) "<" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"

static bool opens(struct world *w, const char *user, const char *password)
{
	struct jid *j = jid_parse(span_of(user));
	struct buf text = BUF_INIT;
	struct credential c;
	bool ok = store_get(w->reader, STORE_ACCOUNT, jid_bare(j), &text) == STATUS_OK;

	ok = ok && credential_decode(&c, buf_span(&text)) && credential_check(&c, span_of(password));
	buf_fini(&text);
	jid_unref(j);
	return ok;
}

static void the_own_account_is_shown(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, GET);
	assert_log(w, a, "<iq from='localhost' to='alice@localhost/a' type='result' id='1'><query xmlns='jabber:iq:register'>"
			 "<registered/><username>alice</username><password/></query></iq>\n");
	client_send(w, a, "<iq type='get' id='1' to='other.example'><query xmlns='jabber:iq:register'/></iq>");
	assert_has(client_log(w, a), ERROR("not-allowed"));
	world_free(w);
}

static void a_new_password_counts_and_the_session_goes_on(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, SET("<username>alice</username><password>fresh</password>"));
	assert_log(w, a, DONE);
	assert_true(opens(w, "alice@localhost", "fresh"));
	client_send(w, a, SET("<password>fresher</password>"));
	assert_log(w, a, DONE);
	assert_true(opens(w, "alice@localhost", "fresher"));
	assert_false(opens(w, "alice@localhost", "fresh"));
	client_send_owed(w, a, SET("<password>again</password>"), 7);
	assert_log(w, a, DONE "HANDLED 7\n");
	world_free(w);
}

static void what_a_session_may_not_do_is_refused(void **state)
{
	static const struct {
		const char *user, *request, *condition;
	} rows[] = {
		{ "alice@localhost", SET("<username>romeo</username><password>x</password>"), ERROR("forbidden") },
		{ "alice@localhost", SET("<username>a@b</username><password>x</password>"), ERROR("forbidden") },
		{ "alice@localhost", SET("<username>alice</username>"), ERROR("bad-request") },
		{ "alice@localhost", SET("<username>alice</username><password/>"), ERROR("bad-request") },
		{ "alice@localhost", SET("<username>alice</username><password>\xc2\x80</password>"), ERROR("not-acceptable") },
		{ "alice@localhost", SET("<remove/><username>alice</username>"), ERROR("bad-request") },
		{ "root@localhost", SET("<remove/>"), ERROR("not-allowed") },
		{ "alice@other.example", "<iq type='set' id='1'><query xmlns='jabber:iq:register'><remove/></query></iq>",
		  ERROR("not-allowed") },
		{ "v-abcdefghij2345672345@localhost", GET, ERROR("not-allowed") },
		{ "v-abcdefghij2345672345@localhost", SET("<username>x</username><password>y</password>"), ERROR("not-allowed") },
	};
	struct world *w = world_new(OPEN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned c = client_new(w, rows[i].user, "a");
		const char *text;

		client_send(w, c, rows[i].request);
		text = client_log(w, c);
		assert_has(text, rows[i].condition);
		assert_lacks(text, "<password>x");
		client_drop(w, c, CLOSE_STREAM_END);
	}
	assert_false(opens(w, "romeo@localhost", "x"));
	world_free(w);
}

static void seats_are_the_operators(void **state)
{
	struct world *w = world_new(OPEN DESK);
	unsigned a = client_new(w, "seat1@localhost", "a");

	(void)state;
	client_send(w, a, SET("<remove/>"));
	assert_has(client_log(w, a), ERROR("not-allowed"));
	world_free(w);
}

static void a_seat_with_a_cookie_has_no_password(void **state)
{
	struct world *w = world_new(OPEN DESK "sess-man/desk/seat-auth=cookie\n");
	unsigned a = client_new(w, "seat1@localhost", "a");

	(void)state;
	client_send(w, a, SET("<password>x</password>"));
	assert_has(client_log(w, a), ERROR("not-allowed"));
	world_free(w);
}

static void an_account_given_up_is_gone_with_all_its_sessions(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a = client_online(w, "alice@localhost", "a"), b = client_online(w, "alice@localhost", "b");

	(void)state;
	client_log(w, a);
	client_send(w, a, SET("<remove/>"));
	assert_log(w, a, DONE "CLOSE not-authorized\n"); /* the answer first */
	assert_has(client_log(w, b), "CLOSE not-authorized\n");
	assert_false(opens(w, "alice@localhost", "secret"));
	world_free(w);
}

static void a_line_that_others_read_carries_no_password(void **state)
{
	struct world *w = world_new(OPEN);
	unsigned a;

	(void)state;
	w->unsafe = true;
	a = client_new(w, "alice@localhost", "a");
	client_send(w, a, SET("<password>x</password>"));
	assert_has(client_log(w, a), ERROR("not-authorized"));
	assert_false(opens(w, "alice@localhost", "x"));
	world_free(w);
}

static void one_change_at_a_time_and_none_soon_after(void **state)
{
	struct world *w = world_new("--virt-hosts=localhost:register\nsess-man/plugins-conf/scram-iterations[I]=4096\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_send(w, a, SET("<password>x</password>"));
	assert_log(w, a, DONE);
	client_send(w, a, SET("<password>y</password>"));
	assert_has(client_log(w, a), ERROR("resource-constraint"));
	world_pass(w, 5001);
	client_send(w, a, SET("<password>z</password>"));
	assert_log(w, a, DONE);
	assert_true(opens(w, "alice@localhost", "z"));
	world_free(w);
}

/* The watch comes late: the name is somebody else's by then. */
static void a_new_account_of_the_name_goes_on(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned old = client_online(w, "alice@localhost", "old"), new, late;

	(void)state;
	w->since = 5;
	new = client_new(w, "alice@localhost", "new"); /* its login tells first that the old one is gone */
	assert_has(client_log(w, old), "CLOSE not-authorized\n");
	world_removed_at(w, "alice@localhost", 5, false);
	assert_log(w, new, "");
	/* a login to the old one that was under way is found when all are over */
	w->since = 0;
	late = client_new(w, "alice@localhost", "late");
	assert_log(w, late, "");
	world_removed_at(w, "alice@localhost", 5, true);
	assert_has(client_log(w, late), "CLOSE not-authorized\n");
	assert_log(w, new, "");
	/* and when the new one is removed it ends, too */
	world_removed_at(w, "alice@localhost", 6, false);
	assert_has(client_log(w, new), "CLOSE not-authorized\n");
	world_free(w);
}

static void the_old_contacts_are_not_the_new_accounts(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned old = client_online(w, "alice@localhost", "old"), new;
	struct jid *alice = jid_parse(SPAN_LIT("alice@localhost"));

	(void)state;
	client_send(w, old, "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='friend@localhost'/></query></iq>");
	client_log(w, old);
	assert_int_equal(account_remove(w->reader, alice, &w->since), STATUS_OK);
	assert_int_equal(store_put(w->reader, STORE_ACCOUNT, jid_bare(alice), SPAN_LIT("keys")), STATUS_OK);
	new = client_new(w, "alice@localhost", "new");
	client_send(w, new, "<iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>");
	assert_lacks(client_log(w, new), "friend@localhost");
	jid_unref(alice);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_own_account_is_shown),
		cmocka_unit_test(a_new_password_counts_and_the_session_goes_on),
		cmocka_unit_test(what_a_session_may_not_do_is_refused),
		cmocka_unit_test(seats_are_the_operators),
		cmocka_unit_test(a_seat_with_a_cookie_has_no_password),
		cmocka_unit_test(an_account_given_up_is_gone_with_all_its_sessions),
		cmocka_unit_test(a_line_that_others_read_carries_no_password),
		cmocka_unit_test(a_new_account_of_the_name_goes_on),
		cmocka_unit_test(the_old_contacts_are_not_the_new_accounts),
		cmocka_unit_test(one_change_at_a_time_and_none_soon_after),
	};

	return RUN(tests);
}
