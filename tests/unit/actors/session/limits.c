/* What one account may make others hear: how many it writes to, how often its presence is announced. */
#include "world.h"

#include "runtime/metric.h"

#define REFUSED "<unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"

static unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

static void write_to(struct world *w, unsigned client, const char *to)
{
	char xml[160];

	(void)snprintf(xml, sizeof(xml), "<message to='%s' id='m'><body>x</body></message>", to);
	client_send(w, client, xml);
}

static void an_account_writes_to_so_many_in_a_minute(void **state)
{
	struct world *w = world_new(NO_DESK "sess-man/limits/user/recipients[I]=2\n");
	unsigned a = client_online(w, "alice@localhost", "a"), r = client_online(w, "romeo@localhost", "r");
	int64_t before = metric_read(METRIC_limit_recipients);

	(void)state;
	client_log(w, a);
	write_to(w, a, "romeo@localhost");
	write_to(w, a, "carol@localhost");
	write_to(w, a, "romeo@localhost/r"); /* known already */
	write_to(w, a, "alice@localhost");   /* itself */
	assert_lacks(client_log(w, a), REFUSED);
	write_to(w, a, "dave@localhost");
	assert_has(client_log(w, a), REFUSED);
	client_send(w, a, "<presence type='subscribe' to='dave@localhost'/>");
	assert_has(client_log(w, a), REFUSED);
	assert_int_equal(metric_read(METRIC_limit_recipients) - before, 2);
	client_send(w, a, "<iq type='result' id='1' to='dave@localhost'/>"); /* an answer */
	assert_lacks(client_log(w, a), REFUSED);
	assert_int_equal(count_of(client_log(w, r), "<message"), 2);
	world_pass(w, 60000);
	write_to(w, a, "dave@localhost");
	assert_lacks(client_log(w, a), REFUSED);
	world_free(w);
}

static void zero_is_any_number(void **state)
{
	struct world *w = world_new(NO_DESK "sess-man/limits/user/recipients[I]=0\nsess-man/limits/presence-rate[I]=0\n");
	unsigned a = client_online(w, "alice@localhost", "a");
	char to[64];

	(void)state;
	for (int i = 0; i < 200; i++) {
		(void)snprintf(to, sizeof(to), "user%d@localhost", i);
		write_to(w, a, to);
	}
	assert_lacks(client_log(w, a), REFUSED);
	for (int i = 0; i < 50; i++)
		client_send(w, a, "<presence/>");
	assert_int_equal(count_of(client_log(w, a), "<presence"), 50);
	world_free(w);
}

static void the_desks_visitors_do_not_count(void **state)
{
	struct world *w = world_new("sess-man/desk/seats[s]=alice@localhost\nsess-man/limits/user/recipients[I]=1\n");
	unsigned a = client_online(w, "alice@localhost", "a");

	(void)state;
	client_log(w, a);
	write_to(w, a, "v-aaaaaaaaaaaaaaaaaaaa@localhost");
	write_to(w, a, "v-bbbbbbbbbbbbbbbbbbbb@localhost");
	write_to(w, a, "v-cccccccccccccccccccc@localhost");
	assert_lacks(client_log(w, a), REFUSED);
	world_free(w);
}

static void presence_beyond_the_rate_waits_and_the_last_one_counts(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_new(w, "alice@localhost", "a");
	int64_t before = metric_read(METRIC_limit_presence);
	char xml[80];

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(xml, sizeof(xml), "<presence><status>s%d</status></presence>", i);
		client_send(w, a, xml);
	}
	assert_in_range(count_of(client_log(w, a), "<presence"), 5, 6);
	assert_true(metric_read(METRIC_limit_presence) - before >= 94);
	world_pass(w, 1500);
	assert_log(w, a, "<presence from='alice@localhost/a' to='alice@localhost/a'><status>s99</status></presence>\n");
	world_pass(w, 20000);
	assert_log(w, a, "");
	client_send(w, a, "<presence/>"); /* calm again */
	assert_log(w, a, "<presence from='alice@localhost/a' to='alice@localhost/a'/>\n");
	world_free(w);
}

/* What another client of the account sees last of this one is how it is. */
static void coming_and_going_are_held_alike_and_the_end_is_the_truth(void **state)
{
	(void)state;
	for (int end = 0; end < 4; end++) {
		struct world *w = world_new(NO_DESK);
		unsigned a = client_online(w, "alice@localhost", "a"), other = client_online(w, "alice@localhost", "b");
		bool here = end % 2;
		struct buf seen = BUF_INIT;
		const char *last = "";
		char *text;

		client_log(w, other);
		for (int i = 0; i < 40 + end / 2; i++)
			client_send(w, a, i % 2 ? "<presence/>" : "<presence type='unavailable'/>");
		client_send(w, a, here ? "<presence/>" : "<presence type='unavailable'/>");
		buf_add_text(&seen, client_log(w, other));
		world_pass(w, 3000);
		buf_add_text(&seen, client_log(w, other));
		text = buf_take_text(&seen);
		for (const char *p = text; (p = strstr(p, "<presence from='alice@localhost/a'")); p++)
			last = p;
		assert_true(*last);
		assert_true(here == !strstr(last, "type='unavailable'"));
		free(text);
		world_free(w);
	}
}

static void what_waits_when_its_client_goes_is_forgotten(void **state)
{
	struct world *w = world_new(NO_DESK);
	unsigned a = client_online(w, "alice@localhost", "a"), other = client_online(w, "alice@localhost", "b");

	(void)state;
	for (int i = 0; i < 20; i++)
		client_send(w, a, "<presence/>");
	client_drop(w, a, CLOSE_SOCKET_LOST);
	client_log(w, other);
	world_pass(w, 5000);
	assert_log(w, other, "");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_writes_to_so_many_in_a_minute),
		cmocka_unit_test(zero_is_any_number),
		cmocka_unit_test(the_desks_visitors_do_not_count),
		cmocka_unit_test(presence_beyond_the_rate_waits_and_the_last_one_counts),
		cmocka_unit_test(coming_and_going_are_held_alike_and_the_end_is_the_truth),
		cmocka_unit_test(what_waits_when_its_client_goes_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
