/* Users and sessions as plain values. */
#include "tests/support/check.h"

#include "actors/session/user.h"

struct fixture {
	struct config *conf;
	struct server server;
	struct users users;
	struct user *alice;
	struct builder *builder;
};

static void begin(struct fixture *f, const char *lines)
{
	struct jid *j = jid_parse(SPAN_LIT("alice@localhost"));

	*f = (struct fixture){ .conf = config_for_test(lines), .builder = builder_new() };
	f->server = (struct server){ .conf = f->conf, .workers = 1, .shards = 1, .desks = 1 };
	users_init(&f->users, &f->server);
	f->alice = users_get(&f->users, j);
	jid_unref(j);
}

static void end(struct fixture *f)
{
	users_fini(&f->users);
	builder_free(f->builder);
	config_free(f->conf);
}

static struct session *bind(struct fixture *f, const char *resource)
{
	static const struct shard_bind m;

	return session_open(&f->users, f->alice, jid_with_resource(f->alice->bare, span_of(resource)), &m);
}

static void note(struct fixture *f, struct session *s, const char *type, const char *show, const char *priority)
{
	struct builder *b = f->builder;
	struct stanza *presence;

	builder_reset(b);
	builder_open(b, "presence", NULL);
	builder_attr_text(b, "type", type);
	if (show)
		builder_leaf(b, "show", NULL, span_of(show));
	if (priority)
		builder_leaf(b, "priority", NULL, span_of(priority));
	builder_close(b);
	presence = builder_finish(b);
	session_note_presence(&f->users, s, presence);
	stanza_unref(presence);
}

static void priorities_are_numbers_of_one_byte(void **state)
{
	static const struct {
		const char *text;
		int value;
	} rows[] = {
		{ NULL, 0 },   { "0", 0 },	 { "5", 5 },	{ "127", 127 }, { "-128", -128 }, { "-1", -1 }, { "128", 0 },
		{ "-129", 0 }, { "1000", 0 }, { "abc", 0 }, { "-", 0 },	{ "1.5", 0 },	{ "99999999999", 0 },
	};
	struct fixture f;
	struct session *s;

	(void)state;
	begin(&f, NULL);
	s = bind(&f, "a");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		note(&f, s, NULL, NULL, rows[i].text);
		assert_int_equal(session_priority(&f.users, s), rows[i].value);
	}
	end(&f);
}

static void availability_counts_in_the_order_of_coming(void **state)
{
	struct fixture f;
	struct session *a, *b;
	uint64_t first;

	(void)state;
	begin(&f, NULL);
	a = bind(&f, "a");
	b = bind(&f, "b");
	assert_int_equal(user_resources(&f.users, f.alice), DELIVERY_NOBODY);
	note(&f, a, NULL, NULL, "-1");
	assert_int_equal(user_resources(&f.users, f.alice), DELIVERY_NEGATIVE);
	note(&f, b, NULL, "away", NULL);
	assert_int_equal(user_resources(&f.users, f.alice), DELIVERY_SOMEBODY);
	assert_true(b->available_order > a->available_order);
	assert_true(b->is_busy && !a->is_busy);
	first = a->available_order;
	note(&f, a, NULL, "chat", NULL);
	assert_int_equal(a->available_order, first); /* an update is no new arrival */
	note(&f, a, "unavailable", NULL, NULL);
	assert_int_equal(a->available_order, 0);
	note(&f, a, NULL, NULL, NULL);
	assert_true(a->available_order > b->available_order);
	end(&f);
}

static void without_presence_state_priority_means_nothing(void **state)
{
	struct fixture f;
	struct session *s;

	(void)state;
	begin(&f, "sess-man/plugins[s]=amp\n");
	s = bind(&f, "a");
	assert_true(session_is_available(&f.users, s) && s->available_order);
	note(&f, s, NULL, NULL, "-5");
	assert_int_equal(session_priority(&f.users, s), 0);
	note(&f, s, "unavailable", NULL, NULL);
	assert_true(session_is_available(&f.users, s));
	assert_int_equal(user_resources(&f.users, f.alice), DELIVERY_SOMEBODY);
	end(&f);
}

static void handles_are_never_zero_and_never_used_twice(void **state)
{
	struct fixture f;
	uint64_t seen[500];

	(void)state;
	begin(&f, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(seen); i++) {
		struct session *s = bind(&f, "a");

		seen[i] = s->handle;
		assert_true(seen[i] != 0);
		assert_ptr_equal(users_session(&f.users, seen[i]), s);
		for (unsigned k = 0; k < i; k++) {
			assert_true(seen[k] != seen[i]);
			if (k % 3 == 0)
				assert_null(users_session(&f.users, seen[k]));
		}
		if (i % 3 == 0) {
			session_unlink(&f.users, s);
			session_free(s);
		}
	}
	assert_null(users_session(&f.users, 0));
	assert_null(users_session(&f.users, UINT64_MAX));
	end(&f);
}

static void directed_presence_is_remembered_up_to_a_bound(void **state)
{
	struct fixture f;
	struct session *s;

	(void)state;
	begin(&f, NULL);
	s = bind(&f, "a");
	for (unsigned i = 0; i < SESSION_DIRECTED_MAX + 100; i++) {
		char text[32];
		struct jid *j;

		(void)snprintf(text, sizeof(text), "u%u@localhost", i);
		j = jid_parse(span_of(text));
		session_note_directed(s, j, true);
		session_note_directed(s, j, true);
		if (i % 2)
			session_note_directed(s, j, false);
		session_note_directed(s, s->full, false); /* was never told */
		jid_unref(j);
	}
	assert_int_equal(s->directed_count, (SESSION_DIRECTED_MAX + 100) / 2);
	for (unsigned i = 0; i < 2 * SESSION_DIRECTED_MAX; i++) {
		char text[32];
		struct jid *j;

		(void)snprintf(text, sizeof(text), "w%u@localhost", i);
		j = jid_parse(span_of(text));
		session_note_directed(s, j, true);
		jid_unref(j);
	}
	assert_int_equal(s->directed_count, SESSION_DIRECTED_MAX);
	note(&f, s, "unavailable", NULL, NULL);
	assert_int_equal(s->directed_count, 0);
	end(&f);
}

static void a_user_goes_when_nothing_keeps_it(void **state)
{
	struct fixture f;
	struct jid *j;
	struct session *s;

	(void)state;
	begin(&f, NULL);
	j = jid_ref(f.alice->bare);
	s = bind(&f, "a");
	users_settle(&f.users, f.alice);
	assert_non_null(users_find(&f.users, j));
	session_unlink(&f.users, s);
	session_free(s);
	f.alice->pending = 1;
	users_settle(&f.users, f.alice);
	assert_non_null(users_find(&f.users, j));
	f.alice->pending = 0;
	users_settle(&f.users, f.alice);
	assert_null(users_find(&f.users, j));
	jid_unref(j);
	end(&f);
}

static void an_idle_session_is_small(void **state)
{
	(void)state;
	/* with a map entry, the JIDs and the allocator's share of each block it stays under half a kilobyte */
	assert_true(sizeof(struct session) + sizeof(struct user) <= 360);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priorities_are_numbers_of_one_byte),
		cmocka_unit_test(availability_counts_in_the_order_of_coming),
		cmocka_unit_test(without_presence_state_priority_means_nothing),
		cmocka_unit_test(handles_are_never_zero_and_never_used_twice),
		cmocka_unit_test(directed_presence_is_remembered_up_to_a_bound),
		cmocka_unit_test(a_user_goes_when_nothing_keeps_it),
		cmocka_unit_test(an_idle_session_is_small),
	};

	return RUN(tests);
}
