/* One conversation's state, transition by transition. */
#include "tests/support/check.h"

#include "actors/desk/conversation.h"

static const struct conversation_times times = { 10000, 3000, 30000, 1800000 };
static struct conversation *c;
static struct agent alice, bob, robot;
static struct builder *builder;
static struct jid *from;

static struct jid *jid(const char *text)
{
	return jid_parse(span_of(text));
}

static void agent_init(struct agent *a, const char *bare, enum client_class class)
{
	*a = (struct agent){ .bare = jid(bare), .class = class, .state = AGENT_HERE };
	list_init(&a->conversations);
}

static int setup(void **state)
{
	(void)state;
	from = jid("v1@a.test/tab");
	c = conversation_new(from, "c-1");
	agent_init(&alice, "alice@a.test", CLASS_SEAT);
	agent_init(&bob, "bob@a.test", CLASS_SEAT);
	agent_init(&robot, "r1@a.test", CLASS_ROBOT);
	builder = builder_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	conversation_disown(c);
	conversation_free(c);
	jid_unref(alice.bare);
	jid_unref(bob.bare);
	jid_unref(robot.bare);
	jid_unref(from);
	builder_free(builder);
	return 0;
}

static struct stanza *message(const char *id)
{
	builder_reset(builder);
	builder_open(builder, "message", NULL);
	builder_attr_text(builder, "id", id);
	builder_leaf(builder, "body", NULL, SPAN_LIT("text"));
	builder_close(builder);
	return builder_finish(builder);
}

static struct word *say(uint64_t number, uint64_t time_us, unsigned max, struct list *dropped)
{
	char id[16];
	struct stanza *s;
	struct word *w;

	(void)snprintf(id, sizeof(id), "m%u", (unsigned)number);
	s = message(id);
	w = conversation_add_word(c, s, from, number, time_us, max, dropped);
	stanza_unref(s);
	return w;
}

static uint64_t handovers;

static void show_next(void)
{
	struct word *w = conversation_next_word(c);

	assert_non_null(w);
	conversation_show(c, w, w->stanza, ++handovers);
}

/* The present owner's client has all it was shown. */
static void all_arrive(struct list *answered)
{
	for (uint64_t i = 1; i <= handovers; i++)
		conversation_arrived(c, i, answered);
}

static void free_words(struct list *words)
{
	struct list *link;

	while ((link = list_pop_front(words)))
		word_free(CONTAINER_OF(link, struct word, link));
}

static void the_epoch_rises_with_the_owner_and_only_then(void **state)
{
	(void)state;
	assert_true(conversation_own(c, &alice));
	assert_false(conversation_own(c, &alice));
	assert_int_equal(c->epoch, 1);
	assert_true(conversation_own(c, &bob));
	assert_int_equal(c->epoch, 2);
	assert_true(list_empty(&alice.conversations));
	assert_false(list_empty(&bob.conversations));
	conversation_disown(c);
	assert_ptr_equal(c->last_owner, &bob);
	assert_int_equal(c->epoch, 2);
	assert_true(conversation_own(c, &bob));
	assert_int_equal(c->epoch, 3);
}

static void words_stay_in_the_order_of_their_time(void **state)
{
	struct list dropped;
	uint64_t last = 0;

	(void)state;
	list_init(&dropped);
	say(1, 100, 10, &dropped);
	say(2, 300, 10, &dropped);
	say(3, 200, 10, &dropped);
	say(4, 300, 10, &dropped);
	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		assert_true(w->time_us > last || (w->time_us == last && w->number == 4));
		last = w->time_us;
	}
	assert_int_equal(conversation_since_us(c), 100);
}

static void each_owner_sees_a_word_once_and_an_answer_settles_what_it_saw(void **state)
{
	struct list gone;

	(void)state;
	list_init(&gone);
	say(1, 1, 10, &gone);
	say(2, 2, 10, &gone);
	assert_null(conversation_next_word(c));
	conversation_own(c, &alice);
	show_next();
	show_next();
	assert_null(conversation_next_word(c));
	conversation_own(c, &bob);
	show_next();
	say(3, 3, 10, &gone);
	conversation_own(c, &alice);
	assert_int_equal(conversation_next_word(c)->number, 3);
	for (uint64_t number = 1; number <= 2; number++)
		conversation_show(c, conversation_find_word(c, number), conversation_find_word(c, number)->stanza, ++handovers);
	all_arrive(&gone);
	assert_true(list_empty(&gone));
	conversation_answered(c, &gone);
	assert_int_equal(c->word_count, 1);
	assert_int_equal(conversation_next_word(c)->number, 3);
	free_words(&gone);
}

static void an_answer_that_crossed_a_word_does_not_settle_it_before_it_arrives(void **state)
{
	struct list gone;

	(void)state;
	list_init(&gone);
	say(1, 1, 10, &gone);
	say(2, 2, 10, &gone);
	conversation_own(c, &alice);
	show_next();
	show_next();
	conversation_arrived(c, handovers - 1, &gone);
	conversation_answered(c, &gone);
	assert_int_equal(c->word_count, 1); /* the second is on its way */
	assert_true(conversation_has_unsafe(c));
	conversation_arrived(c, handovers, &gone);
	assert_int_equal(c->word_count, 0);
	free_words(&gone);
	/* with another owner it is owed again */
	list_init(&gone);
	say(3, 3, 10, &gone);
	show_next();
	conversation_answered(c, &gone);
	conversation_own(c, &bob);
	conversation_arrived(c, handovers, &gone);
	assert_int_equal(c->word_count, 1);
	assert_int_equal(conversation_next_word(c)->number, 3);
	free_words(&gone);
}

static void what_comes_back_is_found_by_identity_then_by_id_and_only_for_who_saw_it(void **state)
{
	struct list none;
	struct stanza *rewritten = message("m2"), *stranger = message("m9");
	struct word *one, *two;

	(void)state;
	list_init(&none);
	one = say(1, 1, 10, &none);
	two = say(2, 2, 10, &none);
	conversation_own(c, &alice);
	show_next();
	show_next();
	assert_null(conversation_came_back(c, one->stanza, &bob));
	assert_null(conversation_came_back(c, stranger, &alice));
	assert_ptr_equal(conversation_came_back(c, one->stanza, &alice), one);
	assert_ptr_equal(conversation_came_back(c, rewritten, &alice), two);
	assert_null(conversation_came_back(c, rewritten, &alice));
	assert_ptr_equal(conversation_next_word(c), one);
	stanza_unref(rewritten);
	stanza_unref(stranger);
}

/* The first owner's client takes its time; somebody else has the conversation meanwhile. */
static void an_arrival_counts_for_the_owner_it_was_sent_to(void **state)
{
	struct list gone;
	uint64_t first;

	(void)state;
	list_init(&gone);
	say(1, 1, 10, &gone);
	conversation_own(c, &alice);
	show_next();
	first = handovers;
	conversation_own(c, &bob);
	show_next();
	conversation_answered(c, &gone);
	conversation_arrived(c, first, &gone);
	assert_true(list_empty(&gone)); /* bob's client has yet to say so */
	conversation_own(c, &alice);
	assert_null(conversation_next_word(c)); /* she is not shown it twice */
	conversation_answered(c, &gone);
	assert_false(list_empty(&gone));
	assert_int_equal(c->word_count, 0);
	free_words(&gone);
}

static void a_full_list_gives_way_only_where_the_owners_client_has_it(void **state)
{
	struct list dropped, answered;

	(void)state;
	list_init(&dropped);
	list_init(&answered);
	say(1, 1, 2, &dropped);
	say(2, 2, 2, &dropped);
	assert_null(say(3, 3, 2, &dropped));
	conversation_own(c, &alice);
	assert_null(say(3, 3, 2, &dropped));
	show_next();
	assert_null(say(3, 3, 2, &dropped));
	assert_true(conversation_needs_words(c));
	all_arrive(&answered);
	assert_non_null(say(3, 3, 2, &dropped));
	assert_int_equal(c->word_count, 2);
	assert_true(conversation_needs_words(c));
	assert_false(list_empty(&dropped));
	assert_null(say(4, 4, 2, &dropped));
	free_words(&dropped);
}

static void a_failed_robot_is_barred_until_an_answer_or_its_next_life(void **state)
{
	struct list gone;

	(void)state;
	list_init(&gone);
	say(1, 1, 10, &gone);
	conversation_own(c, &robot);
	show_next();
	say(2, 2, 10, &gone);
	conversation_bar_owner(c);
	conversation_disown(c);
	assert_true(conversation_is_barred(c, &robot));
	assert_int_equal(conversation_find_word(c, 1)->robots_failed, 1);
	assert_int_equal(conversation_find_word(c, 2)->robots_failed, 0);
	assert_true(conversation_suits_robots(c));
	robot.life++;
	assert_false(conversation_is_barred(c, &robot));
	conversation_own(c, &robot);
	show_next(); /* lost with its former life */
	conversation_bar_owner(c);
	assert_false(conversation_suits_robots(c));
	conversation_own(c, &alice);
	show_next();
	show_next();
	all_arrive(&gone);
	conversation_answered(c, &gone);
	assert_false(conversation_is_barred(c, &robot));
	assert_true(conversation_suits_robots(c));
	free_words(&gone);
}

static void the_grace_depends_on_how_the_visitor_went(void **state)
{
	static const struct {
		bool silent_first; /* 5 s before the end */
		enum close_reason how;
		uint64_t grace_ms; /* from the end of the session */
		const char *reason;
		bool on_purpose;
	} rows[] = {
		{ false, CLOSE_STREAM_END, 0, "closed", true },
		{ false, CLOSE_TERMINATE, 3000, "terminated", true },
		{ false, CLOSE_SOCKET_LOST, 10000, "timeout", false },
		{ false, CLOSE_INACTIVITY, 10000, "timeout", false },
		{ false, CLOSE_ERROR, 10000, "error", false },
		{ true, CLOSE_STREAM_END, 0, "closed", true },
		{ true, CLOSE_TERMINATE, 3000, "terminated", true },
		{ true, CLOSE_INACTIVITY, 5000, "timeout", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(conversation_came(c), i > 0);
		conversation_add_session(c, from, 1);
		if (rows[i].silent_first)
			conversation_silent(c, 100000, 1, &times);
		conversation_ended(c, rows[i].how, 105000, 2, &times);
		assert_int_equal(c->session_count, 0);
		assert_int_equal(c->due[DUE_GRACE], 105000 + rows[i].grace_ms);
		assert_int_equal(c->left_at_us, rows[i].silent_first ? 1 : 2);
		assert_string_equal(conversation_left_reason(c), rows[i].reason);
		assert_int_equal(conversation_left_on_purpose(c), rows[i].on_purpose);
		conversation_left(c, 200000, &times);
		assert_int_equal(c->due[DUE_GRACE], 0);
		assert_int_equal(c->due[DUE_SLOT], rows[i].on_purpose ? 200000 : 230000);
		assert_int_equal(c->due[DUE_CLOSE], 2000000);
	}
}

static void sessions_are_known_by_resource_and_the_oldest_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		char text[32];
		struct jid *full;

		(void)snprintf(text, sizeof(text), "v1@a.test/%u", i % 12);
		full = jid(text);
		conversation_add_session(c, full, i < 15 ? 20 : 2);
		jid_unref(full);
	}
	assert_int_equal(c->session_count, 2);
	assert_string_equal(jid_full(c->sessions[1]).p, "v1@a.test/7");
	assert_string_equal(jid_full(c->sessions[0]).p, "v1@a.test/6");
}

static void the_next_deadline_is_the_earliest(void **state)
{
	(void)state;
	assert_int_equal(conversation_next_due(c), 0);
	c->due[DUE_CLOSE] = 50;
	c->due[DUE_ROBOT] = 20;
	c->due[DUE_SAVE] = 30;
	assert_int_equal(conversation_next_due(c), 20);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_epoch_rises_with_the_owner_and_only_then),
		T(words_stay_in_the_order_of_their_time),
		T(each_owner_sees_a_word_once_and_an_answer_settles_what_it_saw),
		T(an_answer_that_crossed_a_word_does_not_settle_it_before_it_arrives),
		T(what_comes_back_is_found_by_identity_then_by_id_and_only_for_who_saw_it),
		T(an_arrival_counts_for_the_owner_it_was_sent_to),
		T(a_full_list_gives_way_only_where_the_owners_client_has_it),
		T(a_failed_robot_is_barred_until_an_answer_or_its_next_life),
		T(the_grace_depends_on_how_the_visitor_went),
		T(sessions_are_known_by_resource_and_the_oldest_forgotten),
		T(the_next_deadline_is_the_earliest),
	};

	return RUN(tests);
}
