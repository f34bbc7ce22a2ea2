/* Copies of what a domain's users say and show, for the address it names (flags mess-forw and pres-forw). */
#include "world.h"

#define FORWARDS "--virt-hosts=localhost:mess-forw=carol@localhost:pres-forw=carol@localhost,b.example\n"
#define SAY(to, type) "<message to='" to "' type='" type "' id='m'><body>x</body></message>"
#define COPY(from, to) \
	"<message from='localhost' to='carol@localhost' type='chat'><forwarded xmlns='urn:xmpp:forward:0'>" \
	"<message xmlns='jabber:client' to='" to "' from='" from "' id='m' type='chat'><body>x</body></message></forwarded></message>\n"

static void each_message_sent_is_copied_once(void **state)
{
	struct world *w = world_new(FORWARDS);
	unsigned c = client_online(w, "carol@localhost", "c"), a = client_online(w, "alice@localhost", "a"), b;

	(void)state;
	client_log(w, c);
	client_send(w, a, SAY("romeo@localhost", "chat"));
	assert_log(w, c, COPY("alice@localhost/a", "romeo@localhost"));
	assert_log(w, a, "");
	/* not what it is sent anyway, says itself, or is an error; nor what came from another domain */
	client_send(w, a, SAY("carol@localhost", "chat"));
	assert_log(w, c, "<message from='alice@localhost/a' to='carol@localhost' type='chat' id='m'><body>x</body></message>\n");
	client_send(w, a, SAY("romeo@localhost", "error"));
	client_send(w, c, SAY("romeo@localhost", "chat"));
	assert_log(w, c, "");
	b = client_online(w, "bob@b.example", "b");
	client_send(w, b, SAY("alice@localhost", "chat"));
	assert_has(client_log(w, a), "<body>x</body>");
	assert_log(w, c, "");
	/* a message that was refused was not sent */
	client_send(w, a, "<message to='localhost' type='groupchat' id='m'><body>x</body></message>");
	assert_has(client_log(w, a), "type='error'");
	assert_log(w, c, "");
	/* nobody there: nothing is kept, nobody is told */
	client_drop(w, c, CLOSE_STREAM_END);
	client_send(w, a, SAY("romeo@localhost", "chat"));
	assert_int_equal(world_offline_rows(w, "carol@localhost"), 0);
	assert_log(w, a, "");
	world_free(w);
}

static void each_presence_announced_is_copied(void **state)
{
	struct world *w = world_new(FORWARDS);
	unsigned c = client_online(w, "carol@localhost", "c"), a;

	(void)state;
	a = client_new(w, "alice@localhost", "a");
	client_send(w, a, "<presence><show>dnd</show></presence>");
	assert_log(w, c, "<presence from='alice@localhost/a' to='carol@localhost'><show>dnd</show></presence>\n");
	client_send(w, a, "<presence to='romeo@localhost'/>"); /* directed */
	assert_log(w, c, "");
	client_send(w, a, "<presence type='unavailable'/>");
	assert_log(w, c, "<presence from='alice@localhost/a' to='carol@localhost' type='unavailable'/>\n");
	client_drop(w, a, CLOSE_STREAM_END);
	assert_log(w, c, "");
	a = client_online(w, "alice@localhost", "a");
	client_log(w, c);
	client_drop(w, a, CLOSE_SOCKET_LOST);
	assert_log(w, c, "<presence from='alice@localhost/a' to='carol@localhost' type='unavailable'/>\n");
	world_free(w);
}

static void visitors_words_are_copied_their_presence_is_not(void **state)
{
	struct world *w = world_new(DESK FORWARDS);
	unsigned c = client_online(w, "carol@localhost", "c"), v = client_new(w, "v-aaaaaaaaaaaaaaaaaaaa@localhost", "v");

	(void)state;
	client_send(w, v, "<presence/>");
	assert_log(w, c, "");
	client_send(w, v, SAY("desk@localhost", "chat"));
	assert_log(w, c, COPY("v-aaaaaaaaaaaaaaaaaaaa@localhost/v", "desk@localhost"));
	client_drop(w, v, CLOSE_STREAM_END);
	assert_log(w, c, "");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_sent_is_copied_once),
		cmocka_unit_test(each_presence_announced_is_copied),
		cmocka_unit_test(visitors_words_are_copied_their_presence_is_not),
	};

	return RUN(tests);
}
