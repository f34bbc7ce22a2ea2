/* The rules of XEP-0016, row by row, and what XEP-0191 makes of them. */
#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/parser.h"
#include "xmpp/rules/privacy.h"

static struct xml_pool *pool;
static struct builder *builder;

static struct stanza *parse(const char *text)
{
	static const struct xml_limits none;
	struct stanza *s = NULL;
	enum stream_error error = xml_parse_document(pool, span_of(text), &none, &s);

	if (error != STREAM_ERROR_NONE)
		fail_msg("%s: %s", text, stream_error_text(error));
	return s;
}

static enum stanza_error read_list(const char *attributes, const char *items, unsigned most, struct privacy_list **out)
{
	struct buf text = BUF_INIT;
	enum stanza_error error;
	struct stanza *s;
	char *xml;

	buf_addf(&text, "<list xmlns='jabber:iq:privacy' %s>%s</list>", attributes, items);
	xml = buf_take_text(&text);
	s = parse(xml);
	free(xml);
	error = privacy_list_read(s, STANZA_TOP, most, out);
	stanza_unref(s);
	return error;
}

/* --- deciding --- */

#define JID(value, action, order, kinds) "<item type='jid' value='" value "' action='" action "' order='" order "'>" kinds "</item>"
#define GROUP(value, action, order, kinds) "<item type='group' value='" value "' action='" action "' order='" order "'>" kinds "</item>"
#define SUBSCRIPTION(value, action, order, kinds) \
	"<item type='subscription' value='" value "' action='" action "' order='" order "'>" kinds "</item>"
#define ALL(action, order, kinds) "<item action='" action "' order='" order "'>" kinds "</item>"

#define MESSAGE "<message xmlns='jabber:client'/>"
#define IQ "<iq xmlns='jabber:client' type='get'/>"
#define RESULT "<iq xmlns='jabber:client' type='result'/>"
#define PRESENCE "<presence xmlns='jabber:client'/>"
#define UNAVAILABLE "<presence xmlns='jabber:client' type='unavailable'/>"
#define SUBSCRIBE "<presence xmlns='jabber:client' type='subscribe'/>"
#define PROBE "<presence xmlns='jabber:client' type='probe'/>"

enum way { IN, OUT };
struct row {
	const char *items, *stanza;
	enum way way;
	const char *other;
	enum roster_state state;
	const char *group;
	bool allowed;
};

static const struct row rows[] = {
	/* no item, no item that fits: allowed (2.2 rule 7) */
	{ "", MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ JID("tybalt@example.com", "deny", "1", ""), MESSAGE, IN, "juliet@example.com", ROSTER_NONE, NULL, true },
	/* the four forms of an address (2.1) */
	{ JID("tybalt@example.com/pda", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com/pda", ROSTER_NONE, NULL, false },
	{ JID("tybalt@example.com/pda", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com/desk", ROSTER_NONE, NULL, true },
	{ JID("tybalt@example.com/pda", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ JID("tybalt@example.com", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com/pda", ROSTER_NONE, NULL, false },
	{ JID("Tybalt@Example.com", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ JID("example.com/service", "deny", "1", ""), MESSAGE, IN, "example.com/service", ROSTER_NONE, NULL, false },
	{ JID("example.com/service", "deny", "1", ""), MESSAGE, IN, "example.com", ROSTER_NONE, NULL, true },
	{ JID("example.com/service", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com/service", ROSTER_NONE, NULL, true },
	{ JID("example.com", "deny", "1", ""), MESSAGE, IN, "example.com", ROSTER_NONE, NULL, false },
	{ JID("example.com", "deny", "1", ""), MESSAGE, IN, "example.com/service", ROSTER_NONE, NULL, false },
	{ JID("example.com", "deny", "1", ""), MESSAGE, IN, "tybalt@example.com/pda", ROSTER_NONE, NULL, false },
	{ JID("example.com", "deny", "1", ""), MESSAGE, IN, "tybalt@chat.example.com", ROSTER_NONE, NULL, true },
	/* groups (2.8) */
	{ GROUP("Enemies", "deny", "4", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_BOTH, "Enemies", false },
	{ GROUP("Enemies", "deny", "4", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_BOTH, "Friends", true },
	{ GROUP("Enemies", "deny", "4", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	/* subscriptions are exact; pending ones do not count (2.1) */
	{ SUBSCRIPTION("none", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ SUBSCRIPTION("none", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE_IN, NULL, false },
	{ SUBSCRIPTION("none", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_TO, NULL, true },
	{ SUBSCRIPTION("to", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_TO_IN, NULL, false },
	{ SUBSCRIPTION("to", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_BOTH, NULL, true },
	{ SUBSCRIPTION("from", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_FROM_OUT, NULL, false },
	{ SUBSCRIPTION("from", "deny", "5", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_BOTH, NULL, true },
	{ SUBSCRIPTION("both", "allow", "10", "") ALL("deny", "15", ""), IQ, IN, "tybalt@example.com", ROSTER_BOTH, NULL, true },
	{ SUBSCRIPTION("both", "allow", "10", "") ALL("deny", "15", ""), IQ, IN, "tybalt@example.com", ROSTER_FROM, NULL, false },
	/* the lowest order decides, wherever it stands (2.2 rules 5 and 6) */
	{ JID("tybalt@example.com", "deny", "3", "") JID("example.com", "allow", "1", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ JID("tybalt@example.com", "deny", "9", "") JID("example.com", "allow", "10", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "666", "") JID("juliet@example.com", "allow", "6", ""), MESSAGE, IN, "juliet@example.com/balcony", ROSTER_NONE, NULL, true },
	{ ALL("deny", "666", "") JID("juliet@example.com", "allow", "6", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	/* kinds: messages come in (2.8) */
	{ ALL("deny", "6", "<message/>"), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "6", "<message/>"), MESSAGE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "6", "<message/>"), IQ, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "6", "<message/>"), PRESENCE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	/* presence comes in: notifications and no subscriptions (2.9) */
	{ ALL("deny", "11", "<presence-in/>"), PRESENCE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "11", "<presence-in/>"), UNAVAILABLE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "11", "<presence-in/>"), SUBSCRIBE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "11", "<presence-in/>"), PROBE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "11", "<presence-in/>"), PRESENCE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "11", "<presence-in/>"), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	/* presence goes out (2.10) */
	{ ALL("deny", "23", "<presence-out/>"), PRESENCE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "23", "<presence-out/>"), UNAVAILABLE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "23", "<presence-out/>"), SUBSCRIBE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "23", "<presence-out/>"), PRESENCE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "23", "<presence-out/>"), MESSAGE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, true },
	/* requests, and answers too, come in (2.11) */
	{ ALL("deny", "1", "<iq/>"), IQ, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "1", "<iq/>"), RESULT, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "1", "<iq/>"), IQ, OUT, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ ALL("deny", "1", "<iq/>"), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	/* all, both ways, subscriptions too (2.12) */
	{ ALL("deny", "7", ""), MESSAGE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "7", ""), IQ, OUT, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "7", ""), SUBSCRIBE, OUT, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "7", ""), SUBSCRIBE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "7", ""), PROBE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	/* two kinds in one item, and one that fits by address alone does not end the search */
	{ ALL("deny", "7", "<message/><presence-in/>"), PRESENCE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ ALL("deny", "7", "<message/><presence-in/>"), IQ, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
	{ JID("tybalt@example.com", "allow", "1", "<iq/>") ALL("deny", "2", ""), MESSAGE, IN, "tybalt@example.com", ROSTER_NONE, NULL, false },
	{ JID("tybalt@example.com", "allow", "1", "<iq/>") ALL("deny", "2", ""), IQ, IN, "tybalt@example.com", ROSTER_NONE, NULL, true },
};

static void each_rule_decides_as_the_xep_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		char *group = (char *)(uintptr_t)r->group;
		struct privacy_contact contact = { r->state, &group, r->group != NULL };
		struct jid *other = jid_parse(span_of(r->other));
		struct stanza *s = parse(r->stanza);
		struct privacy_list *list;

		assert_int_equal(read_list("name='x'", r->items, 0, &list), STANZA_ERROR_NONE);
		if (privacy_allows(list, r->way == IN ? privacy_kind_in(s) : privacy_kind_out(s), other, &contact) != r->allowed)
			fail_msg("row %zu: %s %s %s", i, r->items, r->stanza, r->other);
		assert_int_equal(list->needs_roster, strstr(r->items, "group") || strstr(r->items, "subscription"));
		privacy_list_free(list);
		stanza_unref(s);
		jid_unref(other);
	}
	assert_true(privacy_allows(NULL, PRIVACY_MESSAGE, NULL, NULL));
}

/* --- reading --- */

static void lists_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *attributes, *items;
		enum stanza_error error;
	} bad[] = {
		{ "", ALL("deny", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<item action='deny'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<item order='1'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("block", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "-1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "1.5", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "4294967296", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "99999999999", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "1", "") ALL("allow", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "1", "<presence/>"), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "1", "<message xmlns='urn:x'/>"), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", JID("a@b@c", "deny", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", JID("", "deny", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", GROUP("", "deny", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", SUBSCRIPTION("remove", "deny", "1", ""), STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<item type='jid' action='deny' order='1'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<item type='' value='x' action='deny' order='1'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<item type='name' value='x' action='deny' order='1'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<rule action='deny' order='1'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", "<item xmlns='urn:x' action='deny' order='1'/>", STANZA_ERROR_BAD_REQUEST },
		{ "name='x'", ALL("deny", "1", "") ALL("deny", "2", "") ALL("deny", "3", ""), STANZA_ERROR_POLICY_VIOLATION },
		{ "name='x'", ALL("deny", "0", "") ALL("deny", "4294967295", ""), STANZA_ERROR_NONE },
		{ "name=''", "", STANZA_ERROR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct privacy_list *list = NULL;

		if (read_list(bad[i].attributes, bad[i].items, 2, &list) != bad[i].error)
			fail_msg("row %zu: %s", i, bad[i].items);
		assert_int_equal(list != NULL, bad[i].error == STANZA_ERROR_NONE);
		privacy_list_free(list);
	}
}

/* --- all lists --- */

static char *saved(const struct privacy *p)
{
	struct buf text = BUF_INIT;
	struct stanza *s;

	builder_reset(builder);
	privacy_save(builder, p);
	s = builder_finish(builder);
	stanza_write(&text, s, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	stanza_unref(s);
	return buf_take_text(&text);
}

static struct privacy *load(const char *text)
{
	struct stanza *s = parse(text);
	struct privacy *p = privacy_load(s);

	stanza_unref(s);
	return p;
}

static void check_saved(const struct privacy *p, const char *want)
{
	char *text = saved(p);

	assert_string_equal(text, want);
	free(text);
}

#define QUERY(inside) "<query xmlns='jabber:iq:privacy'>" inside "</query>"
#define PUBLIC "<list name='public'><item type='jid' value='tybalt@example.com' action='deny' order='1'/><item action='allow' order='2'/></list>"
#define PRIVATE \
	"<list name='private'><item type='subscription' value='both' action='allow' order='10'><message/><presence-out/></item>" \
	"<item type='group' value='a &amp; b' action='deny' order='15'/></list>"

static void what_is_saved_comes_back(void **state)
{
	struct privacy *p = load(QUERY("<default name='public'/>" PUBLIC PRIVATE));

	(void)state;
	assert_ptr_equal(p->standard, privacy_find(p, SPAN_LIT("public")));
	check_saved(p, QUERY("<default name='public'/>" PUBLIC PRIVATE));
	/* removing the default list leaves none */
	privacy_remove(p, p->standard);
	check_saved(p, QUERY(PRIVATE));
	assert_null(p->standard);
	privacy_free(p);
	/* a damaged list is left out, a default that is not there is none */
	p = load(QUERY("<default name='gone'/><list name='bad'><item/></list>" PRIVATE));
	check_saved(p, QUERY(PRIVATE));
	privacy_free(p);
}

static void an_edited_list_stays_the_default(void **state)
{
	struct privacy *p = load(QUERY("<default name='public'/>" PUBLIC));
	struct privacy_list *list;

	(void)state;
	assert_int_equal(read_list("name='public'", ALL("deny", "3", ""), 0, &list), STANZA_ERROR_NONE);
	privacy_put(p, list);
	assert_ptr_equal(p->standard, list);
	check_saved(p, QUERY("<default name='public'/><list name='public'><item action='deny' order='3'/></list>"));
	privacy_free(p);
}

/* --- the blocking command --- */

static void block(struct privacy *p, const char *jid)
{
	struct jid *j = jid_parse(span_of(jid));

	privacy_block(p, j);
	assert_true(privacy_is_blocked(p, j));
	jid_unref(j);
}

static void unblock(struct privacy *p, const char *jid)
{
	struct jid *j = jid ? jid_parse(span_of(jid)) : NULL;

	privacy_unblock(p, j);
	assert_true(!j || !privacy_is_blocked(p, j));
	jid_unref(j);
}

static void blocking_works_on_the_default_list(void **state)
{
	struct privacy *p = privacy_new();

	(void)state;
	unblock(p, "romeo@montague.net"); /* nothing there */
	block(p, "romeo@montague.net");
	block(p, "iago@shakespeare.lit");
	block(p, "romeo@montague.net"); /* already */
	check_saved(p, QUERY("<default name='blocked'/><list name='blocked'>"
			     "<item type='jid' value='iago@shakespeare.lit' action='deny' order='1'/>"
			     "<item type='jid' value='romeo@montague.net' action='deny' order='2'/></list>"));
	unblock(p, "romeo@montague.net/orchard"); /* another address */
	assert_int_equal(p->standard->count, 2);
	unblock(p, "romeo@montague.net");
	assert_int_equal(p->standard->count, 1);
	unblock(p, NULL);
	check_saved(p, "<query xmlns='jabber:iq:privacy'/>");
	privacy_free(p);
}

/* XEP-0191 5: blocked addresses come first; what else is in the list stays, and is no blocked address. */
static void other_items_of_the_default_list_stay(void **state)
{
	struct privacy *p = load(QUERY("<default name='d'/><list name='blocked'><item action='allow' order='1'/></list><list name='d'>"
				       "<item type='jid' value='a@b' action='allow' order='5'/><item type='jid' value='c@d' action='deny' order='7'>"
				       "<message/></item></list>"));

	(void)state;
	block(p, "a@b");
	check_saved(p, QUERY("<default name='d'/><list name='blocked'><item action='allow' order='1'/></list><list name='d'>"
			     "<item type='jid' value='a@b' action='deny' order='1'/><item type='jid' value='a@b' action='allow' order='2'/>"
			     "<item type='jid' value='c@d' action='deny' order='3'><message/></item></list>"));
	unblock(p, NULL);
	assert_int_equal(p->standard->count, 2);
	/* without a default list a new one is made, under a free name */
	privacy_remove(p, p->standard);
	block(p, "a@b");
	assert_string_equal(p->standard->name, "blocked-2");
	privacy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_decides_as_the_xep_says),
		cmocka_unit_test(lists_that_are_none_are_refused),
		cmocka_unit_test(what_is_saved_comes_back),
		cmocka_unit_test(an_edited_list_stays_the_default),
		cmocka_unit_test(blocking_works_on_the_default_list),
		cmocka_unit_test(other_items_of_the_default_list_stay),
	};
	int failed;

	pool = xml_pool_new();
	builder = builder_new();
	failed = RUN(tests);
	builder_free(builder);
	xml_pool_free(pool);
	return failed;
}
