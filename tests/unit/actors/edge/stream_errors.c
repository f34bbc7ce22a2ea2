/* Stream errors in every state of a negotiation (RFC 6120 4.9.3): what a client may do wrong, against how far it has come. Each
 * cell is a connection of its own; after an error the stream is closed and nothing more is said. */
#include "world.h"

#include <stdio.h>

enum state { OPENING, LOGIN, CHALLENGED, AUTHENTICATED, UNBOUND, BOUND, STATES };

#define HEAD_WITH(attributes) "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " attributes ">"
#define SCRAM_AUTH "<auth xmlns='" SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbG1ub3A=</auth>"

static const char *const way[STATES] = { /* how a client comes there */
	[OPENING] = "",
	[LOGIN] = HEAD,
	[CHALLENGED] = HEAD SCRAM_AUTH,
	[AUTHENTICATED] = HEAD ALICE_AUTH,
	[UNBOUND] = HEAD ALICE_AUTH HEAD,
	[BOUND] = HEAD ALICE_AUTH HEAD BIND_IQ,
};

#define GOES_ON NULL /* no stream error */
#define NWF "not-well-formed"
#define RESTRICTED "restricted-xml"
#define FORMAT "bad-format"
#define UNAUTHORIZED "not-authorized"
#define UNSUPPORTED "unsupported-stanza-type"

struct row {
	const char *input;
	const char *error[STATES];
};

static const struct row rows[] = {
	/*                    opening      login        challenged   authenticated unbound    bound */
	/* 4.9.3.13: the bytes are no XML. A first element that is no header is judged before its end. */
	{ "<message></iq>", { FORMAT, NWF, NWF, FORMAT, NWF, NWF } },
	{ "<message a='1' a='2'/>", { NWF, NWF, NWF, NWF, NWF, NWF } },
	{ "<message>\xff</message>", { NWF, NWF, NWF, NWF, NWF, NWF } },
	{ "<odd:message/>", { NWF, NWF, NWF, NWF, NWF, NWF } }, /* not namespace-well-formed */
	/* 4.9.3.18 */
	{ "<!-- ? -->", { RESTRICTED, RESTRICTED, RESTRICTED, RESTRICTED, RESTRICTED, RESTRICTED } },
	{ "<?php ?>", { RESTRICTED, RESTRICTED, RESTRICTED, RESTRICTED, RESTRICTED, RESTRICTED } },
	{ "<message><body>&nosuch;</body></message>", { FORMAT, RESTRICTED, RESTRICTED, FORMAT, RESTRICTED, RESTRICTED } },
	{ "<!DOCTYPE x [<!ENTITY a 'a'>]>", { RESTRICTED, NWF, NWF, RESTRICTED, NWF, NWF } },
	/* 4.9.3.12: a stanza before its time */
	{ "<message to='bob@localhost'><body>x</body></message>",
	  { FORMAT, UNAUTHORIZED, UNAUTHORIZED, FORMAT, UNAUTHORIZED, GOES_ON } },
	{ "<presence/>", { FORMAT, UNAUTHORIZED, UNAUTHORIZED, FORMAT, UNAUTHORIZED, GOES_ON } },
	{ "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
	  { FORMAT, UNAUTHORIZED, UNAUTHORIZED, FORMAT, UNAUTHORIZED, GOES_ON } },
	/* 4.9.3.24 */
	{ "<greeting xmlns='urn:example'/>", { "invalid-namespace", UNSUPPORTED, UNSUPPORTED, "invalid-namespace", UNSUPPORTED, UNSUPPORTED } },
};

static const struct row headers[] = {
	/* 4.9.3.10 */
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='urn:example' to='localhost' version='1.0'>",
	  { [OPENING] = "invalid-namespace", [AUTHENTICATED] = "invalid-namespace" } },
	{ "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
	  { [OPENING] = "invalid-namespace", [AUTHENTICATED] = "invalid-namespace" } },
	/* 4.9.3.25 */
	{ HEAD_WITH("to='localhost' version='0.9'"), { [OPENING] = "unsupported-version", [AUTHENTICATED] = "unsupported-version" } },
	{ HEAD_WITH("to='localhost'"), { [OPENING] = "unsupported-version", [AUTHENTICATED] = "unsupported-version" } },
	{ HEAD_WITH("to='localhost' version='2.0'"), { GOES_ON } },
	/* 4.9.3.6 */
	{ HEAD_WITH("to='nowhere.example' version='1.0'"), { [OPENING] = "host-unknown", [AUTHENTICATED] = "host-unknown" } },
	/* 4.9.3.22 */
	{ "<?xml version='1.0' encoding='ISO-8859-1'?>" HEAD_WITH("to='localhost' version='1.0'"),
	  { [OPENING] = "unsupported-encoding", [AUTHENTICATED] = "unsupported-encoding" } },
	{ "<?xml version='1.0' encoding='UTF-8'?>" HEAD_WITH("to='localhost' version='1.0'"), { GOES_ON } },
};

static void try_one(struct world *w, enum state state, const char *input, const char *error)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);
	const char *answer;
	char expected[128];

	client_send(c, way[state]);
	(void)client_read(c);
	client_send(c, input);
	answer = client_read(c);
	(void)snprintf(expected, sizeof(expected), "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", error ? error : "");
	if (error && (!strstr(answer, expected) || !strstr(answer, "</stream:stream>") || c->conn))
		fail_msg("state %d, %s: not %s but %s", state, input, error, answer);
	if (!error && (strstr(answer, "<stream:error>") || !c->conn))
		fail_msg("state %d, %s: an error: %s", state, input, answer);
	client_free(c);
}

static void try_all(const struct row *r, size_t count, const enum state *states, size_t state_count)
{
	struct world *w = world_new("--virt-hosts=localhost\n", 1);

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < state_count; k++)
			try_one(w, states[k], r[i].input, r[i].error[states[k]]);
	world_free(w);
}

static void every_mistake_has_its_error_in_every_state(void **state)
{
	static const enum state all[] = { OPENING, LOGIN, CHALLENGED, AUTHENTICATED, UNBOUND, BOUND };

	(void)state;
	try_all(rows, ARRAY_LEN(rows), all, ARRAY_LEN(all));
}

static void a_bad_header_has_its_error_at_the_first_and_at_the_second(void **state)
{
	static const enum state heads[] = { OPENING, AUTHENTICATED };

	(void)state;
	try_all(headers, ARRAY_LEN(headers), heads, ARRAY_LEN(heads));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_has_its_error_in_every_state),
		cmocka_unit_test(a_bad_header_has_its_error_at_the_first_and_at_the_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
