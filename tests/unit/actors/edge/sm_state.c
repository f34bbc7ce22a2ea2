/* What the next server tells of sessions of the one before. */
#include "world.h"

#include <stdio.h>

#include "actors/edge/sm.h"
#include "runtime/metric.h"

#define SM "urn:xmpp:sm:3"
#define ENABLE "<enable xmlns='" SM "' resume='true'/>"
#define SAID(id) "<message to='bob@localhost' id='" id "'><body>x</body></message>"
#define NOT_FOUND "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
#define DELAY_MS 100 /* sess-man/durability-delay */

static struct world *w;
static struct store *keeper; /* the disk */
static char id[SM_ID_MAX];   /* of the session enabled last */

static int start(const char *lines)
{
	char *error = NULL;

	assert_int_equal(store_open(WORLD_STORE, STORE_WRITER, &keeper, &error), STATUS_OK);
	w = world_new(lines, 1);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start("");
}

static int forgetful(void **state)
{
	(void)state;
	return start("c2s/processors/urn\\:xmpp\\:sm\\:3/remembered-sessions[I]=2\n");
}

static int in_memory(void **state)
{
	(void)state;
	return start("sess-man/durability=D0\n");
}

static int teardown(void **state)
{
	(void)state;
	world_free(w);
	store_close(keeper);
	return 0;
}

/* --- helpers --- */

static struct client *managed(void)
{
	struct client *c = tcp_alice(w);

	client_send(c, ENABLE);
	(void)snprintf(id, sizeof(id), "%s", between(client_read(c), " id='", "'"));
	assert_int_equal(strlen(id), SM_ID_MAX - 1);
	return c;
}

static void crash(struct client *c)
{
	world_free(w);
	client_free(c);
	w = world_new("", 1);
}

static const char *resume(struct client *c)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "<resume xmlns='" SM "' previd='%s' h='0'/>", id);
	client_send(c, text);
	return client_read(c);
}

static unsigned count_records(void)
{
	struct buf value = BUF_INIT;
	enum status st = store_get(keeper, STORE_SM_STATE, span_of(id), &value);

	buf_fini(&value);
	assert_true(st == STATUS_OK || st == STATUS_NOT_FOUND);
	return st == STATUS_OK;
}

/* A login that has bound nothing yet. */
static struct client *stranger(const char *auth)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	client_send(c, HEAD);
	client_send(c, auth);
	client_send(c, HEAD);
	assert_has(client_read(c), "<sm xmlns='" SM "'/>");
	return c;
}

/* --- tests --- */

static void h_is_known_after_a_crash(void **state)
{
	struct client *c = managed(), *back;
	uint64_t writes = store_writes(keeper);

	(void)state;
	client_send(c, SAID("1") SAID("2") SAID("3"));
	world_pass(w, DELAY_MS);
	assert_int_equal(store_writes(keeper), writes); /* not by us */
	crash(c);
	back = stranger(ALICE_AUTH);
	assert_string_equal(resume(back), "<failed xmlns='" SM "' h='3'>" NOT_FOUND);
	client_send(back, BIND_IQ);
	assert_has(client_read(back), "<jid>alice@localhost/");
	client_free(back);
}

/* The error is in the server's memory and on the line alone: what it answers must be sent again after a crash. */
static void what_an_error_answered_counts_when_its_client_has_it(void **state)
{
	static const char error[] = "<message from='bob@localhost' to='alice@localhost/made-up' type='error' id='1'><error type='wait'/></message>";
	struct client *c = managed(), *back;

	(void)state;
	w->holds_inbound = true;
	client_send(c, SAID("1"));
	world_deliver(w, error, 0);
	world_let_go(w, 0);
	w->holds_inbound = false;
	world_pass(w, DELAY_MS);
	assert_int_equal(count_records(), 0);
	client_send(c, "<a xmlns='" SM "' h='1'/>");
	world_pass(w, DELAY_MS);
	assert_int_equal(count_records(), 1);
	crash(c);
	back = stranger(ALICE_AUTH);
	assert_string_equal(resume(back), "<failed xmlns='" SM "' h='1'>" NOT_FOUND);
	client_free(back);
}

static void only_its_user_hears_of_it(void **state)
{
	struct client *c = managed(), *other;

	(void)state;
	client_send(c, SAID("1"));
	world_pass(w, DELAY_MS);
	crash(c);
	other = stranger(ANONYMOUS_AUTH);
	assert_string_equal(resume(other), "<failed xmlns='" SM "'>" NOT_FOUND);
	client_free(other);
}

static void nothing_sent_writes_nothing(void **state)
{
	struct client *c = managed();

	(void)state;
	world_pass(w, 60000);
	assert_int_equal(count_records(), 0);
	client_free(c);
}

static void an_ended_session_is_forgotten(void **state)
{
	struct client *c = managed();

	(void)state;
	client_send(c, SAID("1"));
	world_pass(w, DELAY_MS);
	assert_int_equal(count_records(), 1);
	client_send(c, "</stream:stream>");
	assert_int_equal(count_records(), 0);
	client_free(c);
}

static bool count_owner(void *ctx, struct span owner UNUSED)
{
	++*(unsigned *)ctx;
	return true;
}

/* Phones lose their lines all day; the server runs for months. */
static void lost_sessions_do_not_pile_up(void **state)
{
	unsigned records = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct client *c = managed();

		client_send(c, SAID("1"));
		world_pass(w, DELAY_MS);
		client_drop(c, CONN_END_RESET);
		world_pass(w, 100000); /* nobody resumes it */
		client_free(c);
	}
	assert_int_equal(store_owners(keeper, STORE_SM_STATE, SPAN_NONE, 0, count_owner, &records), STATUS_OK);
	assert_int_equal(records, 2);
	assert_int_equal(count_records(), 1); /* the last one among them */
}

static void a_stopping_server_leaves_the_last_h(void **state)
{
	struct client *c = managed(), *back;

	(void)state;
	client_send(c, SAID("1") SAID("2"));
	world_shutdown(w);
	world_run(w);
	assert_int_equal(count_records(), 1);
	crash(c);
	back = stranger(ALICE_AUTH);
	assert_has(resume(back), " h='2'");
	client_free(back);
}

static void d0_writes_nothing(void **state)
{
	struct client *c = managed();

	(void)state;
	client_send(c, SAID("1"));
	world_pass(w, 60000);
	assert_int_equal(count_records(), 0);
	client_free(c);
}

static void damaged_records_are_no_records(void **state)
{
	static const char *const rows[] = { "", "1", "x 1 a@b", "1 x a@b", "1 2", "1 2 ", "1  a@b" };
	uint64_t written_s;
	uint32_t h;
	struct span bare;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_false(sm_state_read(span_of(rows[i]), &written_s, &h, &bare));
	assert_true(sm_state_read(SPAN_LIT("17 4294967295 a@b"), &written_s, &h, &bare));
	assert_int_equal(written_s, 17);
	assert_int_equal(h, UINT32_MAX);
	assert_true(span_is(bare, "a@b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(h_is_known_after_a_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(what_an_error_answered_counts_when_its_client_has_it, setup, teardown),
		cmocka_unit_test_setup_teardown(only_its_user_hears_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_sent_writes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ended_session_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_sessions_do_not_pile_up, forgetful, teardown),
		cmocka_unit_test_setup_teardown(a_stopping_server_leaves_the_last_h, setup, teardown),
		cmocka_unit_test_setup_teardown(d0_writes_nothing, in_memory, teardown),
		cmocka_unit_test(damaged_records_are_no_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
