/* The server's side of a line, fed byte for byte: who is answered for, what reached the server. */
#include "tests/support/check.h"

#include "tests/sim/history.h"
#include "tests/sim/sim.h"
#include "tests/sim/trace.h"

#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
#define SM " xmlns='urn:xmpp:sm:3'"

static struct trace *line;
static uint32_t ann, ben;

static int set_up(void **state)
{
	(void)state;
	sim_begin(7);
	traces_begin();
	ann = history_person("u0", "u0@a.test", HISTORY_USER, true);
	ben = history_person("u1", "u1@a.test", HISTORY_USER, true);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	traces_end();
	history_end();
	sim_end();
	return 0;
}

/* In pieces, as lines carry them. */
static void feed(void (*side)(struct trace *, struct span), const char *text)
{
	for (size_t n = strlen(text), at = 0; at < n; at += 7)
		side(line, (struct span){ text + at, n - at < 7 ? n - at : 7 });
}

static void writes(const char *text)
{
	feed(trace_written, text);
}

static void hears(const char *text)
{
	feed(trace_arrived, text);
}

static void log_in(void)
{
	line = trace_new();
	hears(HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>x</auth>");
	writes(HEADER "<stream:features/><success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
	hears(HEADER);
	writes(HEADER "<stream:features/>");
}

static uint32_t message(const char *type, char out[256])
{
	uint32_t m = history_message(ann, ben, false);
	char body[HISTORY_BODY_MAX];

	history_body(m, body);
	(void)snprintf(out, 256, "<message type='%s' id='u0-%u'><body>%s</body></message>", type, history.messages[m].seq, body);
	return m;
}

static void assert_last(enum history_kind kind, uint32_t m)
{
	assert_true(history.count > 0);
	assert_int_equal(history.entries[history.count - 1].kind, kind);
	assert_int_equal(history.entries[history.count - 1].message, m);
}

static void what_h_covers_is_said_when_it_is_written(void **state)
{
	char text[256];
	uint32_t first, second;

	(void)state;
	log_in();
	hears("<iq type='set' id='bind'/><enable" SM "/><presence/>"); /* counts: the presence alone */
	writes("<enabled" SM " id='x' resume='true'/>");
	first = message("chat", text);
	hears(text);
	second = message("chat", text);
	hears(text);
	writes("<a" SM " h='1'/>");
	assert_int_equal(history.count, 0);
	writes("<a" SM " h='2'/>");
	assert_int_equal(history.count, 1);
	assert_last(HISTORY_SAID, first);
	writes("<a" SM " h='3'/><a" SM " h='3'/>");
	assert_int_equal(history.count, 2);
	assert_last(HISTORY_SAID, second);
}

static void a_receiver_has_it_when_its_word_arrives(void **state)
{
	char text[256];
	uint32_t m;

	(void)state;
	log_in();
	m = message("chat", text);
	writes(text);
	assert_last(HISTORY_HANDED, m); /* no stream management yet */
	hears("<enable" SM "/>");
	writes("<enabled" SM " id='x'/><iq type='result' id='roster'/>");
	m = message("chat", text);
	writes(text);
	assert_int_equal(history.count, 1);
	hears("<a" SM " h='1'/>");
	assert_int_equal(history.count, 1);
	hears("<a" SM " h='2'/>");
	assert_int_equal(history.count, 2);
	assert_last(HISTORY_TAKEN, m);
	m = message("error", text);
	writes(text);
	assert_last(HISTORY_GIVEN_BACK, m);
}

static void a_session_goes_on_over_another_line(void **state)
{
	char said[256], got[256];
	uint32_t mine, theirs;

	(void)state;
	log_in();
	hears("<enable" SM "/>");
	writes("<enabled" SM " id='x' resume='true'/>");
	mine = message("chat", said);
	hears(said);
	theirs = message("chat", got);
	writes(got);
	log_in();
	hears("<resume" SM " previd='x' h='0'/>");
	writes("<resumed" SM " previd='x' h='0'/>");
	assert_int_equal(history.count, 0);
	hears(said); /* again, as the first one */
	writes(got);
	writes("<a" SM " h='1'/>");
	assert_last(HISTORY_SAID, mine);
	hears("<a" SM " h='1'/>");
	assert_last(HISTORY_TAKEN, theirs);
	assert_int_equal(history.count, 2);
}

static void a_session_that_is_over_is_answered_for_too(void **state)
{
	char text[256];
	uint32_t m;

	(void)state;
	log_in();
	hears("<enable" SM "/>");
	writes("<enabled" SM " id='x' resume='true'/>");
	m = message("chat", text);
	hears(text);
	log_in();
	hears("<resume" SM " previd='x' h='0'/>");
	writes("<failed" SM " h='1'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
	assert_int_equal(history.count, 1);
	assert_last(HISTORY_SAID, m);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_h_covers_is_said_when_it_is_written),
		T(a_receiver_has_it_when_its_word_arrives),
		T(a_session_goes_on_over_another_line),
		T(a_session_that_is_over_is_answered_for_too),
	};

	return RUN(tests);
}
