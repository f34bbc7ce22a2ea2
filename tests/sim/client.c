#include "tests/sim/client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tests/sim/client_session.h"
#include "tests/sim/sim.h"

#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	       "to='" CLIENT_DOMAIN "' version='1.0'>"
#define ENTRY_WAIT_US (100 * SIM_S) /* longer than every timeout of a login */
#define BACKOFF_US (2 * SIM_S)

void client_init(struct client *c, enum history_class class, unsigned number, bool anonymous)
{
	static const char letters[] = { 'u', 'v', 's', 'r' };

	*c = (struct client){ .class = class, .number = number, .anonymous = anonymous, .person = HISTORY_NONE };
	(void)snprintf(c->name, sizeof(c->name), "%c%u", anonymous ? 'a' : letters[class], number);
	(void)snprintf(c->bare, sizeof(c->bare), "%s@" CLIENT_DOMAIN, c->name);
	if (!anonymous)
		c->person = history_person(c->name, c->bare, class, true);
}

void client_fini(struct client *c)
{
	client_forget_session(c);
	scan_fini(&c->scan);
}

void client_write(struct client *c, const char *fmt, ...)
{
	struct buf out = BUF_INIT;
	char text[2048];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ASSERT(n > 0 && n < (int)sizeof(text));
	buf_add(&out, text, (size_t)n);
	if (c->wire)
		wire_send(c->wire, buf_span(&out));
	buf_fini(&out);
}

/* --- calling --- */

static void call_again(struct client *c, uint64_t after_us);

static void on_overdue(void *ctx, uint64_t line, void *owned UNUSED)
{
	struct client *c = ctx;

	if (c->line == line && c->wire && c->stage != CLIENT_READY && c->stage != CLIENT_CLOSING)
		history_wrong(c->person, c->session, "%s has waited for %d s in stage %d of its login", c->name,
			      (int)(ENTRY_WAIT_US / SIM_S), (int)c->stage);
}

static void on_input(void *ctx, struct span bytes);
static void on_ended(void *ctx);
static const struct wire_client wire_client = { on_input, on_ended };

static void call(struct client *c)
{
	c->line++;
	scan_restart(&c->scan);
	c->in_stream = false;
	c->wire = wire_connect(&wire_client, c);
	if (!c->wire) {
		call_again(c, 200 * SIM_MS + sim_draw(BACKOFF_US));
		return;
	}
	c->stage = CLIENT_GREETING;
	client_write(c, HEADER);
	sim_after(ENTRY_WAIT_US, on_overdue, c, c->line);
}

static void on_call(void *ctx, uint64_t line, void *owned UNUSED)
{
	struct client *c = ctx;

	if (c->line == line && c->stage == CLIENT_CALLING && c->wanted)
		call(c);
}

static void call_again(struct client *c, uint64_t after_us)
{
	c->line++;
	c->stage = c->wanted ? CLIENT_CALLING : CLIENT_AWAY;
	if (c->wanted)
		sim_after(after_us, on_call, c, c->line);
}

void client_come(struct client *c)
{
	c->wanted = true;
	if (c->stage == CLIENT_AWAY)
		call_again(c, sim_draw(500 * SIM_MS));
}

/* --- losing the line --- */

static void lost(struct client *c, uint64_t away_us)
{
	bool was_in = c->stage == CLIENT_READY || c->stage == CLIENT_CLOSING;

	c->wire = NULL;
	/* While it binds, the server may have a session already. */
	if ((was_in || c->stage == CLIENT_BINDING) && c->person != HISTORY_NONE)
		history_add(HISTORY_LOST, c->person, c->session, HISTORY_NONE)->acknowledges = c->confirmed;
	/* A stream that was being closed is over, whether or not the end was seen. */
	if (c->stage == CLIENT_CLOSING || (was_in && !c->resume_id[0]))
		client_forget_session(c);
	call_again(c, away_us);
}

void client_lose_line(struct client *c, enum wire_cut how, uint64_t away_us)
{
	if (!c->wire)
		return;
	wire_cut(c->wire, how);
	lost(c, away_us);
}

static void on_ended(void *ctx)
{
	struct client *c = ctx;

	lost(c, 100 * SIM_MS + sim_draw(BACKOFF_US));
}

void client_rest(struct client *c, bool rest)
{
	if (c->wire)
		wire_stop_reading(c->wire, rest);
}

void client_leave(struct client *c)
{
	c->wanted = false;
	if (c->stage == CLIENT_READY) {
		client_give_ack(c);
		c->stage = CLIENT_CLOSING;
		history_add(HISTORY_CLOSE, c->person, c->session, HISTORY_NONE);
		client_write(c, "</stream:stream>");
	} else if (c->wire) {
		client_lose_line(c, WIRE_FIN, 0);
	} else {
		call_again(c, 0);
	}
}

/* The server's end of the stream. */
static void stream_ended(struct client *c)
{
	if (c->stage == CLIENT_READY)
		history_add(HISTORY_CLOSE, c->person, c->session, HISTORY_NONE);
	else if (c->stage == CLIENT_CLOSING)
		client_promise_all(c);
	client_forget_session(c);
	wire_cut(c->wire, WIRE_FIN);
	c->wire = NULL;
	call_again(c, 100 * SIM_MS + sim_draw(BACKOFF_US));
}

/* --- logging in --- */

static void problem(struct client *c, const char *what, const char *element)
{
	history_wrong(c->person, c->session, "%s: %s: %s", c->name, what, element ? element : "");
}

static void authenticate(struct client *c)
{
	struct buf out = BUF_INIT;

	login_auth(&c->login, c->anonymous ? LOGIN_ANONYMOUS : c->mechanism, c->name, &out);
	wire_send(c->wire, buf_span(&out));
	buf_fini(&out);
	c->stage = CLIENT_AUTHENTICATING;
}

static void bind(struct client *c)
{
	c->stage = CLIENT_BINDING;
	client_write(c, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>");
}

static void on_features(struct client *c)
{
	if (c->stage == CLIENT_GREETING) {
		authenticate(c);
	} else if (c->stage == CLIENT_ENTERING && c->resume_id[0]) {
		c->stage = CLIENT_RESUMING;
		client_write(c, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%" PRIu64 "'/>", c->resume_id, c->in);
	} else {
		bind(c);
	}
}

static void on_challenge(struct client *c, const char *element)
{
	struct buf out = BUF_INIT;
	struct span text = SPAN_NONE;
	const char *why = NULL;

	(void)scan_text(element, "challenge", &text);
	if (login_respond(&c->login, text, &out, &why))
		wire_send(c->wire, buf_span(&out));
	else
		problem(c, why, element);
	buf_fini(&out);
}

static void on_success(struct client *c, const char *element)
{
	struct span text = SPAN_NONE;
	const char *why = NULL;

	(void)scan_text(element, "success", &text);
	if (!login_verify(&c->login, text, &why))
		problem(c, why, element);
	scan_restart(&c->scan);
	c->stage = CLIENT_ENTERING;
	client_write(c, HEADER);
}

static void on_bound(struct client *c, const char *element)
{
	struct span jid;

	if (!scan_text(element, "jid", &jid) || jid.n >= sizeof(c->full)) {
		problem(c, "no resource was bound", element);
		return;
	}
	memcpy(c->full, jid.p, jid.n);
	c->full[jid.n] = '\0';
	client_begin_session(c);
}

static void entering(struct client *c, const char *element)
{
	if (scan_is(element, "stream:features")) {
		on_features(c);
	} else if (scan_is(element, "challenge")) {
		on_challenge(c, element);
	} else if (scan_is(element, "success")) {
		on_success(c, element);
	} else if (scan_is(element, "resumed") && c->stage == CLIENT_RESUMING) {
		client_resumed(c, element);
	} else if (scan_is(element, "failed") && c->stage == CLIENT_RESUMING) {
		client_not_resumed(c, element);
		bind(c);
	} else if (scan_is(element, "iq") && c->stage == CLIENT_BINDING) {
		on_bound(c, element);
	} else {
		problem(c, "unexpected while logging in", element);
		client_lose_line(c, WIRE_RESET, SIM_S);
	}
}

/* --- reading --- */

/* What a server may say to a client that did nothing wrong. */
static void on_stream_error(struct client *c, const char *element)
{
	static const char *const harmless[] = { "<conflict", "<connection-timeout", "<system-shutdown", "<resource-constraint" };

	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (strstr(element, harmless[i]))
			return;
	problem(c, "a stream error for nothing", element);
}

static void on_element(struct client *c, const char *element)
{
	if (scan_is(element, "stream:error"))
		on_stream_error(c, element);
	else if (c->stage == CLIENT_READY || c->stage == CLIENT_CLOSING)
		client_stanza(c, element);
	else
		entering(c, element);
}

static void on_input(void *ctx, struct span bytes)
{
	struct client *c = ctx;
	unsigned line = c->line;
	char *element;

	scan_add(&c->scan, bytes);
	while (c->line == line && c->wire) {
		switch (scan_next(&c->scan, &element)) {
		case SCAN_MORE:
			return;
		case SCAN_HEADER:
			break;
		case SCAN_ELEMENT:
			on_element(c, element);
			free(element);
			break;
		case SCAN_END:
			stream_ended(c);
			return;
		case SCAN_BROKEN:
			problem(c, "what came is not XML", NULL);
			client_lose_line(c, WIRE_RESET, SIM_S);
			return;
		}
	}
}
