/* What an account keeps with the server: private XML (XEP-0049) and its card (XEP-0054, XEP-0292). Rows are requests and what
 * must stand in the answer, from the examples of the XEPs. */
#include "world.h"

struct row {
	const char *xml, *answer;
};

static void play(struct world *w, unsigned client, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		client_send(w, client, rows[i].xml);
		assert_has(client_log(w, client), rows[i].answer);
	}
}
#define PLAY(w, client, rows) play(w, client, rows, ARRAY_LEN(rows))

#define PRIVATE(type, inside) "<iq type='" type "' id='1'><query xmlns='jabber:iq:private'>" inside "</query></iq>"
#define PREFS "<exodus xmlns='exodus:prefs'><defaultnick>Hamlet</defaultnick></exodus>"

static void private_data_comes_back_as_it_was_set(void **state)
{
	static const struct row rows[] = {
		{ PRIVATE("get", "<exodus xmlns='exodus:prefs'/>"), "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>" },
		{ PRIVATE("set", PREFS), "<iq to='alice@localhost/a' type='result' id='1'/>" },
		{ PRIVATE("get", "<exodus xmlns='exodus:prefs'/>"), "<query xmlns='jabber:iq:private'>" PREFS "</query></iq>" },
		/* one name, two namespaces; one namespace, two names */
		{ PRIVATE("set", "<exodus xmlns='other:prefs' a='&lt;1'/>"), "type='result'" },
		{ PRIVATE("get", "<exodus xmlns='exodus:prefs'/>"), "<query xmlns='jabber:iq:private'>" PREFS "</query></iq>" },
		{ PRIVATE("get", "<exodus xmlns='other:prefs'/>"), "<exodus xmlns='other:prefs' a='&lt;1'/></query>" },
		{ PRIVATE("set", "<a xmlns='exodus:prefs'>1</a><b xmlns='exodus:prefs'>2</b>"), "type='result'" },
		{ PRIVATE("get", "<b xmlns='exodus:prefs'/>"), "<query xmlns='jabber:iq:private'><b xmlns='exodus:prefs'>2</b></query>" },
		{ PRIVATE("get", "<exodus xmlns='exodus:prefs'/>"), "<query xmlns='jabber:iq:private'>" PREFS "</query></iq>" },
		/* taken away again */
		{ PRIVATE("set", "<exodus xmlns='exodus:prefs'/>"), "type='result'" },
		{ PRIVATE("get", "<exodus xmlns='exodus:prefs'/>"), "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>" },
		{ PRIVATE("get", "<a xmlns='exodus:prefs'/>"), "<a xmlns='exodus:prefs'>1</a></query>" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), other;

	(void)state;
	PLAY(w, a, rows);
	/* another client of the account, later, to the own bare JID */
	client_drop(w, a, CLOSE_STREAM_END);
	other = client_online(w, "alice@localhost", "b");
	client_send(w, other, "<iq type='get' id='2' to='alice@localhost'><query xmlns='jabber:iq:private'><b xmlns='exodus:prefs'/></query></iq>");
	assert_log(w, other, "<iq from='alice@localhost' to='alice@localhost/b' type='result' id='2'><query xmlns='jabber:iq:private'>"
			     "<b xmlns='exodus:prefs'>2</b></query></iq>\n");
	world_free(w);
}

static void private_data_is_private_and_well_made(void **state)
{
	static const struct row rows[] = {
		{ PRIVATE("get", ""), "<not-acceptable " },
		{ PRIVATE("set", ""), "<not-acceptable " },
		{ PRIVATE("set", "<a>x</a>"), "<not-acceptable " },
		{ PRIVATE("get", "<a xmlns='urn:a'/><b xmlns='urn:b'/>"), "<bad-request " },
		{ PRIVATE("get", "<a xmlns='urn:a'/><b xmlns='urn:a'/>"), "<bad-request " },
		{ PRIVATE("set", "<a xmlns='urn:a'/><b xmlns='urn:b'/>"), "<bad-request " },
		{ "<iq type='set' id='1' to='romeo@localhost'><query xmlns='jabber:iq:private'>" PREFS "</query></iq>", "<service-unavailable " },
		{ "<iq type='get' id='1' to='romeo@localhost'><query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query></iq>",
		  "<service-unavailable " },
		{ "<iq type='get' id='1' to='localhost'><query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query></iq>",
		  "<service-unavailable " },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	PLAY(w, a, rows);
	world_free(w);
}

static void private_data_has_a_limit(void **state)
{
	static const struct row rows[] = {
		{ PRIVATE("set", "<a xmlns='urn:a'>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</a>"), "type='result'" },
		{ PRIVATE("set", "<b xmlns='urn:b'>bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb</b>"), "<policy-violation " },
		{ PRIVATE("get", "<b xmlns='urn:b'/>"), "<b xmlns='urn:b'/></query>" },
		/* what replaces does not count twice */
		{ PRIVATE("set", "<a xmlns='urn:a'>cccccccccccccccccccccccccccccccccccccccc</a>"), "type='result'" },
		{ PRIVATE("set", "<a xmlns='urn:a'/>"), "type='result'" },
		{ PRIVATE("set", "<b xmlns='urn:b'>b</b>"), "type='result'" },
	};
	struct world *w = world_new("sess-man/plugins-conf/jabber\\:iq\\:private/max-size[I]=140\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	PLAY(w, a, rows);
	world_free(w);
}

static void a_store_that_fails_is_told(void **state)
{
	static const char *const requests[] = {
		PRIVATE("get", "<a xmlns='urn:a'/>"), PRIVATE("set", "<a xmlns='urn:a'>1</a>"),
		"<iq type='get' id='1'><vCard xmlns='vcard-temp'/></iq>",
		"<iq type='set' id='1'><vCard xmlns='vcard-temp'><FN>x</FN></vCard></iq>",
		"<iq type='set' id='1'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/></iq>",
		"<iq type='get' id='1' to='romeo@localhost'><vCard xmlns='vcard-temp'/></iq>",
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		w->store_answer = STATUS_IO;
		client_send(w, a, requests[i]);
		assert_has(client_log(w, a), "<resource-constraint ");
		w->store_answer = STATUS_OK;
	}
	client_send(w, a, PRIVATE("get", "<a xmlns='urn:a'/>"));
	assert_has(client_log(w, a), "<a xmlns='urn:a'/></query>");
	world_free(w);
}

/* --- cards --- */

#define CARD "<FN>Peter Saint-Andre</FN><URL>http://www.xmpp.org/</URL><TEL><WORK/><NUMBER>303-308-3282</NUMBER></TEL>"
#define CARD4 \
	"<fn><text>Peter Saint-Andre</text></fn><url><uri>http://www.xmpp.org/</uri></url>" \
	"<tel><parameters><type><text>work</text></type></parameters><text>303-308-3282</text></tel>"
#define TEMP(inside) "<vCard xmlns='vcard-temp'>" inside "</vCard>"
#define V4(inside) "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>" inside "</vcard>"
#define NONE "<vCard xmlns='vcard-temp'/>"
#define NONE4 "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>"
#define GET(card) "<iq type='get' id='v1'>" card "</iq>"
#define SET(card) "<iq type='set' id='v1'>" card "</iq>"
#define GET_OF(who, card) "<iq type='get' id='v1' to='" who "'>" card "</iq>"

static void one_card_in_both_forms(void **state)
{
	static const struct row rows[] = {
		{ GET(NONE), "<iq to='alice@localhost/a' type='result' id='v1'>" NONE "</iq>" },
		{ GET(NONE4), "type='result' id='v1'>" NONE4 "</iq>" },
		{ SET(TEMP(CARD)), "<iq to='alice@localhost/a' type='result' id='v1'/>" },
		{ GET(NONE), "type='result' id='v1'>" TEMP(CARD) "</iq>" },
		{ GET(NONE4), "type='result' id='v1'>" V4(CARD4) "</iq>" },
		{ SET(V4(CARD4 "<gender><sex><text>M</text></sex></gender>")), "type='result' id='v1'/>" },
		{ GET(NONE4), V4(CARD4 "<gender><sex><text>M</text></sex></gender>") "</iq>" },
		{ GET(NONE), TEMP(CARD) "</iq>" },
		{ SET(NONE), "type='result' id='v1'/>" },
		{ GET(NONE4), "type='result' id='v1'>" NONE4 "</iq>" },
		{ SET(NONE4), "type='result' id='v1'/>" },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	PLAY(w, a, rows);
	world_free(w);
}

static void everybody_reads_a_card_and_its_owner_sets_it(void **state)
{
	static const struct row rows[] = {
		/* the owner is not there */
		{ GET_OF("alice@localhost", NONE), "<iq from='alice@localhost' to='romeo@localhost/r' type='result' id='v1'>" TEMP(CARD) "</iq>" },
		{ GET_OF("alice@localhost", NONE4), V4(CARD4) "</iq>" },
		{ "<iq type='set' id='v1' to='alice@localhost'>" TEMP("<FN>x</FN>") "</iq>", "<forbidden " },
		{ "<iq type='set' id='v1' to='alice@localhost'>" V4("") "</iq>", "<forbidden " },
		/* no card and no account look alike */
		{ GET_OF("carol@localhost", NONE), "<service-unavailable " },
		{ GET_OF("nobody@localhost", NONE), "<service-unavailable " },
		{ GET_OF("nobody@localhost", NONE4), "<service-unavailable " },
		{ GET_OF("localhost", NONE), "<service-unavailable " },
	};
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), r;

	(void)state;
	client_send(w, a, SET(TEMP(CARD)));
	client_drop(w, a, CLOSE_STREAM_END);
	r = client_online(w, "romeo@localhost", "r");
	PLAY(w, r, rows);
	/* and while she is, her clients are not asked */
	a = client_online(w, "alice@localhost", "b");
	client_send(w, r, GET_OF("alice@localhost", NONE));
	assert_has(client_log(w, r), TEMP(CARD));
	assert_log(w, a, "");
	world_free(w);
}

static void a_card_has_a_limit(void **state)
{
	static const struct row rows[] = {
		{ SET(TEMP("<FN>x</FN>")), "type='result'" },
		{ SET(TEMP("<FN>x</FN><PHOTO><BINVAL>iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ</BINVAL></PHOTO>")), "<policy-violation " },
		{ GET(NONE), TEMP("<FN>x</FN>") },
	};
	struct world *w = world_new("sess-man/plugins-conf/vcard-temp/max-size[I]=80\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	PLAY(w, a, rows);
	world_free(w);
}

static void visitors_keep_nothing(void **state)
{
	static const struct row rows[] = {
		{ SET(TEMP("<FN>x</FN>")), "<not-allowed " },
		{ SET(V4("<fn><text>x</text></fn>")), "<not-allowed " },
		{ GET(NONE), "type='result' id='v1'>" NONE "</iq>" },
		{ PRIVATE("set", PREFS), "<not-allowed " },
		{ PRIVATE("get", "<exodus xmlns='exodus:prefs'/>"), "<not-allowed " },
	};
	struct world *w = world_new(DESK);
	unsigned v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");
	int64_t writes = world_store_writes();

	(void)state;
	PLAY(w, v, rows);
	assert_int_equal(world_store_writes(), writes);
	/* nor do they have a card for the seat that asks */
	world_route(w, "<iq type='get' id='v1' from='seat1@localhost/s' to='v-aaaaaaaaaaaaaaaaaaaa@localhost'>" NONE "</iq>", 0);
	assert_log(w, v, "");
	world_free(w);
}

static void what_is_kept_goes_with_the_account(void **state)
{
	static const enum store_collection collections[] = { STORE_CARD, STORE_PRIVATE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(collections); i++)
		assert_int_equal(store_collections[collections[i]].life, STORE_WITH_ACCOUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_data_comes_back_as_it_was_set),
		cmocka_unit_test(private_data_is_private_and_well_made),
		cmocka_unit_test(private_data_has_a_limit),
		cmocka_unit_test(a_store_that_fails_is_told),
		cmocka_unit_test(one_card_in_both_forms),
		cmocka_unit_test(everybody_reads_a_card_and_its_owner_sets_it),
		cmocka_unit_test(a_card_has_a_limit),
		cmocka_unit_test(visitors_keep_nothing),
		cmocka_unit_test(what_is_kept_goes_with_the_account),
	};

	return RUN(tests);
}
