/* The packed roster says what a plain table says, whatever happened to both. */
#include "tests/support/check.h"

#include "xmpp/rules/roster_list.h"

#define CONTACTS 60u

static struct jid *contact(unsigned k)
{
	char text[64];

	/* some long, some short, some that differ by one letter */
	snprintf(text, sizeof(text), k % 3 ? "c%u@example.org" : "a-much-longer-name-%u@example.org", k);
	return jid_parse(span_of(text));
}

static void save(struct buf *out, struct jid *jid, unsigned version)
{
	struct roster_item *i = roster_item_new(jid);
	char name[128];

	memset(name, 'n', sizeof(name));
	name[version % 100] = '\0';
	i->name = version % 4 ? xstrdup(name) : NULL;
	i->state = (enum roster_state)(version % ROSTER_STATES);
	i->listed = version & 1;
	buf_clear(out);
	roster_item_save(i, out);
	roster_item_free(i);
}

static uint32_t seed = 12345;
static unsigned draw(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void compare(const struct roster_list *l, const unsigned versions[CONTACTS])
{
	struct buf expected = BUF_INIT;
	struct roster_list_entry e;
	unsigned count = 0, listed = 0;

	for (unsigned k = 0; k < CONTACTS; k++) {
		struct jid *jid = contact(k);
		struct span saved;

		assert_true(roster_list_find(l, jid, &saved) == (versions[k] != 0));
		if (versions[k]) {
			save(&expected, jid, versions[k]);
			assert_true(span_eq(saved, buf_span(&expected)));
			count++;
			listed += versions[k] & 1;
		}
		jid_unref(jid);
	}
	assert_int_equal(l->count, count);
	for (uint32_t at = 0; roster_list_next(l, &at, &e);) {
		struct roster_item *i = roster_item_load(e.contact, e.saved);

		assert_non_null(i);
		assert_true(i->state == e.state && i->listed == e.listed);
		listed -= e.listed;
		count--;
		roster_item_free(i);
	}
	assert_int_equal(count, 0);
	assert_int_equal(listed, 0);
	buf_fini(&expected);
}

static void it_says_what_a_table_says(void **state)
{
	struct roster_list l = { 0 };
	unsigned versions[CONTACTS] = { 0 };
	struct buf saved = BUF_INIT;

	(void)state;
	compare(&l, versions);
	for (unsigned step = 1; step < 3000; step++) {
		unsigned k = draw(CONTACTS);
		struct jid *jid = contact(k);

		if (draw(3)) {
			save(&saved, jid, step);
			roster_list_put(&l, jid, buf_span(&saved));
			versions[k] = step;
		} else {
			assert_true(roster_list_remove(&l, jid) == (versions[k] != 0));
			versions[k] = 0;
		}
		if (draw(10) == 0)
			roster_list_trim(&l);
		jid_unref(jid);
		if (step % 50 == 0)
			compare(&l, versions);
	}
	roster_list_fini(&l);
	memset(versions, 0, sizeof(versions));
	compare(&l, versions);
	buf_fini(&saved);
}

static void a_contact_is_its_bare_address(void **state)
{
	struct roster_list l = { 0 };
	struct jid *bare = jid_parse(SPAN_LIT("a@b")), *full = jid_parse(SPAN_LIT("a@b/r")), *domain = jid_parse(SPAN_LIT("b"));
	struct buf saved = BUF_INIT;
	struct span found;

	(void)state;
	save(&saved, bare, 1);
	roster_list_put(&l, full, buf_span(&saved));
	assert_true(roster_list_find(&l, bare, &found) && roster_list_find(&l, full, &found));
	assert_false(roster_list_find(&l, domain, &found));
	assert_true(roster_list_remove(&l, bare));
	assert_int_equal(l.n, 0);
	roster_list_trim(&l);
	assert_null(l.bytes);
	jid_unref(bare);
	jid_unref(full);
	jid_unref(domain);
	buf_fini(&saved);
}

static void twenty_contacts_take_few_bytes(void **state)
{
	struct roster_list l = { 0 };
	struct buf saved = BUF_INIT;

	(void)state;
	for (unsigned k = 0; k < 20; k++) {
		char text[32];
		struct jid *jid;

		snprintf(text, sizeof(text), "u%u@localhost", 10000 + k);
		jid = jid_parse(span_of(text));
		save(&saved, jid, 4); /* without a name */
		roster_list_put(&l, jid, buf_span(&saved));
		jid_unref(jid);
	}
	roster_list_trim(&l);
	assert_true(l.size <= 20 * 32 + 63);
	roster_list_fini(&l);
	buf_fini(&saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_a_table_says),
		cmocka_unit_test(a_contact_is_its_bare_address),
		cmocka_unit_test(twenty_contacts_take_few_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
