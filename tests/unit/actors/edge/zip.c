/* XEP-0138 on a TCP stream: when it is offered, what is refused and how, and that limits and pauses hold for what was unpacked. */
#include "world.h"

#include <stdio.h>
#include <zlib.h>

#define FEATURE "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"
#define COMPRESS(method) "<compress xmlns='http://jabber.org/protocol/compress'>" method "</compress>"
#define ZLIB COMPRESS("<method>zlib</method>")
#define GO_AHEAD "<compressed xmlns='http://jabber.org/protocol/compress'/>"
#define FAILURE(condition) "<failure xmlns='http://jabber.org/protocol/compress'><" condition "/></failure>"
#define MESSAGE "<message to='bob@localhost'><body>x</body></message>"

static struct world *w;
static struct client *c;
static z_stream in, out; /* of the client */
static char text[300000];

static void begin(const char *lines, const char *auth)
{
	w = world_new(lines, 1);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	client_send(c, auth);
	client_read(c);
	client_send(c, HEAD);
}

static void end(void)
{
	client_free(c);
	world_free(w);
}

static void switch_on(void)
{
	in = out = (z_stream){ 0 };
	assert_int_equal(inflateInit(&in), Z_OK);
	assert_int_equal(deflateInit(&out, 9), Z_OK);
	client_read(c);
	client_send(c, ZLIB);
	assert_string_equal(client_read(c), GO_AHEAD);
}

static void switch_off(void)
{
	(void)inflateEnd(&in);
	(void)deflateEnd(&out);
}

/* Packs, and sends in pieces of `piece` bytes; 0 = whole. Returns how many bytes went out. */
static size_t say(const char *plain, size_t n, size_t piece)
{
	size_t room = n + n / 8 + 1000, packed;
	char *bytes = malloc(room);

	out.next_in = (Bytef *)(uintptr_t)plain;
	out.avail_in = (uInt)n;
	out.next_out = (Bytef *)bytes;
	out.avail_out = (uInt)room;
	assert_int_equal(deflate(&out, Z_SYNC_FLUSH), Z_OK);
	packed = room - out.avail_out;
	for (size_t at = 0; at < packed; at += piece ? piece : packed)
		client_send_bytes(c, bytes + at, !piece ? packed : packed - at < piece ? packed - at : piece);
	free(bytes);
	return packed;
}

/* What the server said since the last time. */
static const char *hear(void)
{
	client_take(c);
	in.next_in = (Bytef *)(uintptr_t)buf_span(&c->in).p;
	in.avail_in = (uInt)buf_len(&c->in);
	in.next_out = (Bytef *)text;
	in.avail_out = sizeof(text) - 1;
	(void)inflate(&in, Z_SYNC_FLUSH);
	assert_int_equal(in.avail_in, 0);
	text[sizeof(text) - 1 - in.avail_out] = '\0';
	buf_fini(&c->in);
	return text;
}

static void it_is_offered_after_login_to_accounts(void **state)
{
	(void)state;
	begin("", ALICE_AUTH);
	assert_has(client_read(c), FEATURE);
	end();
	begin("", ANONYMOUS_AUTH);
	assert_lacks(client_read(c), "compress");
	client_send(c, ZLIB);
	assert_string_equal(client_read(c), FAILURE("setup-failed"));
	client_send(c, BIND_IQ);
	assert_has(client_read(c), "<jid>");
	end();
	begin("--sm-plugins=-zlib\n", ALICE_AUTH);
	assert_lacks(client_read(c), "compress");
	client_send(c, ZLIB);
	assert_has(client_read(c), "<unsupported-stanza-type");
	end();
	w = world_new("", 1);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	assert_lacks(client_read(c), "compress");
	client_send(c, ZLIB);
	assert_string_equal(client_read(c), FAILURE("setup-failed"));
	client_send(c, ALICE_AUTH);
	assert_has(client_read(c), "<success");
	end();
}

static void what_cannot_be_is_refused_and_the_stream_goes_on(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ COMPRESS("<method>lzw</method>"), FAILURE("unsupported-method") },
		{ COMPRESS("<method/>"), FAILURE("unsupported-method") },
		{ COMPRESS(""), FAILURE("setup-failed") },
		{ "<compressed xmlns='http://jabber.org/protocol/compress'/>", FAILURE("setup-failed") },
	};

	(void)state;
	begin("", ALICE_AUTH);
	client_read(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		client_send(c, rows[i].request);
		assert_string_equal(client_read(c), rows[i].answer);
	}
	client_send(c, BIND_IQ);
	client_read(c);
	client_send(c, ZLIB); /* too late */
	assert_string_equal(client_read(c), FAILURE("setup-failed"));
	end();
}

static void it_is_no_way_round_tls(void **state)
{
	(void)state;
	w = world_new("--virt-hosts=localhost\\:tls-required\n", 1);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	client_read(c);
	client_send(c, ZLIB);
	assert_string_equal(client_read(c), FAILURE("setup-failed"));
	client_send(c, ALICE_AUTH);
	assert_has(client_read(c), "<encryption-required/>");
	end();
}

static void both_directions_are_compressed(void **state)
{
	(void)state;
	for (size_t piece = 0; piece < 4; piece++) {
		begin("", ALICE_AUTH);
		switch_on();
		say(HEAD, strlen(HEAD), piece);
		hear();
		assert_has(text, "<stream:features>");
		assert_lacks(text, "compression");
		say(BIND_IQ MESSAGE, strlen(BIND_IQ MESSAGE), piece);
		assert_has(hear(), "<jid>alice@localhost/");
		assert_has(world_log(w), "INBOUND");
		world_deliver(w, "<message xmlns='jabber:client'><body>hello</body></message>", 5);
		assert_has(hear(), "<body>hello</body>");
		assert_string_equal(world_log(w), "WRITTEN 5\n");
		say(ZLIB, strlen(ZLIB), piece); /* twice */
		assert_has(hear(), FAILURE("setup-failed"));
		say("</stream:stream>", 16, piece);
		assert_has(hear(), "</stream:stream>");
		switch_off();
		end();
	}
}

/* Many stanzas in few bytes: the client's own rate slows them down, and none is lost or doubled over the pauses. */
static void what_waits_unpacked_is_neither_lost_nor_doubled(void **state)
{
	struct buf many = BUF_INIT;
	unsigned got;

	(void)state;
	begin("sess-man/limits/user/stanza-rate[I]=20\nsess-man/limits/user/stanza-burst[I]=40\n", ALICE_AUTH);
	switch_on();
	say(HEAD BIND_IQ, strlen(HEAD BIND_IQ), 0);
	hear();
	world_log(w);
	for (unsigned i = 0; i < 400; i++)
		buf_addf(&many, "<message to='bob@localhost' id='n%u'><body>%0100u</body></message>", i, i);
	say(buf_span(&many).p, buf_len(&many), 0);
	got = count_of(world_log(w), "INBOUND");
	assert_in_range(got, 40, 60);
	for (unsigned s = 0; s < 40; s++) {
		const char *log;
		char wanted[32];

		world_pass(w, 1000);
		log = world_log(w);
		if (got < 400 && count_of(log, "INBOUND")) {
			snprintf(wanted, sizeof(wanted), "id='n%u'", got); /* the next one, once */
			assert_int_equal(count_of(log, wanted), 1);
		}
		got += count_of(log, "INBOUND");
	}
	assert_int_equal(got, 400);
	buf_fini(&many);
	switch_off();
	end();
}

static void a_bomb_ends_the_stream(void **state)
{
	static char spaces[8 << 20];
	const char *answer;

	(void)state;
	memset(spaces, ' ', sizeof(spaces));
	/* inside a stanza: the parser's limit */
	begin("", ALICE_AUTH);
	switch_on();
	say(HEAD BIND_IQ "<message to='bob@localhost'><body>", strlen(HEAD BIND_IQ "<message to='bob@localhost'><body>"), 0);
	hear();
	say(spaces, sizeof(spaces), 0);
	for (unsigned i = 0; i < 20 && c->conn; i++)
		world_pass(w, 1000);
	answer = hear();
	assert_has(answer, "<policy-violation");
	switch_off();
	end();
	/* between stanzas: the ratio */
	begin("", ALICE_AUTH);
	switch_on();
	say(HEAD BIND_IQ, strlen(HEAD BIND_IQ), 0);
	hear();
	say(spaces, sizeof(spaces), 0);
	for (unsigned i = 0; i < 60 && c->conn; i++)
		world_pass(w, 1000);
	answer = hear();
	assert_has(answer, "<policy-violation");
	switch_off();
	end();
}

static void damage_ends_the_stream_with_its_own_condition(void **state)
{
	(void)state;
	begin("", ALICE_AUTH);
	switch_on();
	say(HEAD, strlen(HEAD), 0);
	hear();
	client_send_bytes(c, "\x07\x07\x07\x07", 4);
	assert_has(hear(), "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
			   FAILURE("processing-failed") "</stream:error></stream:stream>");
	switch_off();
	end();
	begin("", ALICE_AUTH);
	switch_on();
	client_send(c, HEAD); /* not compressed */
	assert_has(hear(), FAILURE("processing-failed"));
	switch_off();
	end();
}

static void too_many_go_on_without(void **state)
{
	struct client *first;

	(void)state;
	begin("sess-man/plugins-conf/zlib/max-streams[I]=1\n", ALICE_AUTH);
	switch_on();
	first = c;
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	client_send(c, ALICE_AUTH);
	client_send(c, HEAD);
	client_read(c);
	client_send(c, ZLIB);
	assert_string_equal(client_read(c), FAILURE("setup-failed"));
	client_drop(first, CONN_END_RESET);
	client_send(c, ZLIB);
	assert_string_equal(client_read(c), GO_AHEAD);
	client_free(first);
	switch_off();
	end();
}

static void a_session_may_be_resumed_with_it_or_without(void **state)
{
	char request[256];
	char id[64];

	(void)state;
	begin("", ALICE_AUTH);
	switch_on();
	say(HEAD BIND_IQ "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
	    strlen(HEAD BIND_IQ "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"), 0);
	snprintf(id, sizeof(id), "%s", between(hear(), "<enabled xmlns='urn:xmpp:sm:3' id='", "'"));
	client_drop(c, CONN_END_RESET);
	switch_off();
	world_deliver(w, "<message xmlns='jabber:client'><body>in the gap</body></message>", 0);
	client_free(c);
	c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	client_send(c, HEAD);
	client_send(c, ALICE_AUTH);
	client_send(c, HEAD);
	switch_on();
	snprintf(request, sizeof(request), HEAD "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='0'/>", id);
	say(request, strlen(request), 0);
	hear();
	assert_has(text, "<resumed");
	assert_has(text, "<body>in the gap</body>");
	switch_off();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_offered_after_login_to_accounts),
		cmocka_unit_test(what_cannot_be_is_refused_and_the_stream_goes_on),
		cmocka_unit_test(it_is_no_way_round_tls),
		cmocka_unit_test(both_directions_are_compressed),
		cmocka_unit_test(what_waits_unpacked_is_neither_lost_nor_doubled),
		cmocka_unit_test(a_bomb_ends_the_stream),
		cmocka_unit_test(damage_ends_the_stream_with_its_own_condition),
		cmocka_unit_test(too_many_go_on_without),
		cmocka_unit_test(a_session_may_be_resumed_with_it_or_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
