/* Each policy of the domain filter, row by row. */
#include "tests/support/check.h"

#include "xmpp/rules/domain_filter.h"

#define USER "alice@a.example/x"

static const struct {
	enum domain_policy policy;
	const char *items[4];
	const char *other;
	bool local, allowed;
} rows[] = {
	{ DOMAIN_ALL, { NULL }, "bob@far.example", false, true },
	{ DOMAIN_LOCAL, { NULL }, "bob@b.example", true, true },
	{ DOMAIN_LOCAL, { NULL }, "bob@far.example", false, false },
	{ DOMAIN_OWN, { NULL }, "bob@a.example", true, true },
	{ DOMAIN_OWN, { NULL }, "room@muc.a.example", true, true },
	{ DOMAIN_OWN, { NULL }, "bob@b.example", true, false },
	{ DOMAIN_OWN, { NULL }, "bob@evila.example", false, false },
	{ DOMAIN_OWN, { NULL }, "bob@example", false, false },
	{ DOMAIN_BLOCK, { NULL }, "bob@a.example", true, false },
	{ DOMAIN_LIST, { "b.example", "c.example" }, "bob@c.example", false, true },
	{ DOMAIN_LIST, { "b.example", "c.example" }, "bob@d.example", false, false },
	{ DOMAIN_LIST, { "b.example" }, "bob@a.example", true, false },
	{ DOMAIN_LIST, { "b.example" }, "bob@x.b.example", true, false },
	{ DOMAIN_BLACKLIST, { "b.example" }, "bob@b.example", true, false },
	{ DOMAIN_BLACKLIST, { "b.example" }, "bob@c.example", false, true },
	/* Tigase's example, written in another order */
	{ DOMAIN_CUSTOM, { "4|deny|all", "1|allow|self", "2|allow|jid|admin@b.example", "3|allow|domain|c.example" }, "alice@a.example", true, true },
	{ DOMAIN_CUSTOM, { "4|deny|all", "1|allow|self", "2|allow|jid|admin@b.example", "3|allow|domain|c.example" }, "admin@b.example/y", true, true },
	{ DOMAIN_CUSTOM, { "4|deny|all", "1|allow|self", "2|allow|jid|admin@b.example", "3|allow|domain|c.example" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "4|deny|all", "1|allow|self", "2|allow|jid|admin@b.example", "3|allow|domain|c.example" }, "x@c.example", true, true },
	{ DOMAIN_CUSTOM, { "10|allow|all", "9|deny|domain|c.example" }, "x@c.example", true, false },
	{ DOMAIN_CUSTOM, { "1|deny|domain|c.example" }, "bob@b.example", true, true },
	/* what cannot be read denies */
	{ DOMAIN_CUSTOM, { "1|allow|all", "x|deny|all" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "|allow|all" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "1|permit|all" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "1|allow|jid" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "1|allow|jid|" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "1|allow|all|x" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "1|allow" }, "bob@b.example", true, false },
	{ DOMAIN_CUSTOM, { "" }, "bob@b.example", true, false },
};

static void each_policy_decides(void **state)
{
	struct jid *user = jid_parse(SPAN_LIT(USER));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct jid *other = jid_parse(span_of(rows[i].other));
		struct domain_question q = { user, other, rows[i].local };
		char *items[4];
		size_t count = 0;

		while (count < 4 && rows[i].items[count]) {
			items[count] = (char *)(uintptr_t)rows[i].items[count];
			count++;
		}
		if (domain_filter_allows(rows[i].policy, items, count, &q) != rows[i].allowed)
			fail_msg("row %zu: %s", i, rows[i].other);
		jid_unref(other);
	}
	jid_unref(user);
}

static void who_may_not_is_told_why(void **state)
{
	(void)state;
	assert_null(domain_filter_text(DOMAIN_ALL));
	for (unsigned p = DOMAIN_LOCAL; p < DOMAIN_POLICIES; p++)
		assert_non_null(domain_filter_text((enum domain_policy)p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_policy_decides),
		cmocka_unit_test(who_may_not_is_told_why),
	};

	return RUN(tests);
}
