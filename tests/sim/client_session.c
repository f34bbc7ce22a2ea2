#include "tests/sim/client_session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

#define ASK_EVERY 4 /* stanzas */

static enum client_mutant mutant;

void client_mutant(enum client_mutant m)
{
	mutant = m;
}

static void wrong(struct client *c, const char *what, const char *element)
{
	history_wrong(c->person, c->session, "%s: %s: %s", c->name, what, element);
}

/* --- what it said --- */

static void add_said(struct client *c, uint32_t message)
{
	c->said = xrealloc(c->said, (c->said_count + 1) * sizeof(*c->said));
	c->said[c->said_count++] = message;
}

static void promised(struct client *c, uint32_t message, enum history_kind how)
{
	for (size_t i = 0; i < c->said_count; i++)
		if (c->said[i] == message) {
			c->said[i] = c->said[--c->said_count];
			history_add(how, c->person, c->session, message);
			return;
		}
}

void client_promise_all(struct client *c)
{
	while (c->said_count)
		promised(c, c->said[0], HISTORY_CLOSE_ACK);
}

/* Sends a stanza and, under stream management, keeps it until it is acknowledged. */
static void send_stanza(struct client *c, const char *text, uint32_t message)
{
	client_write(c, "%s", text);
	if (!c->managed)
		return;
	if (c->sent_count == c->sent_room) {
		c->sent_room = c->sent_room ? 2 * c->sent_room : 16;
		c->sent = xrealloc(c->sent, c->sent_room * sizeof(*c->sent));
	}
	c->sent[c->sent_count++] = (struct client_sent){ ++c->out, message, xstrdup(text) };
	if (c->out % ASK_EVERY == 0)
		client_ask_ack(c);
}

void client_ask_ack(struct client *c)
{
	if (c->managed && c->stage == CLIENT_READY)
		client_write(c, "<r xmlns='urn:xmpp:sm:3'/>");
}

void client_give_ack(struct client *c)
{
	if (c->confirmed && c->stage == CLIENT_READY)
		client_write(c, "<a xmlns='urn:xmpp:sm:3' h='%" PRIu64 "'/>", c->in);
}

void client_say(struct client *c, uint32_t to, const char *address, bool to_full)
{
	uint32_t message;
	char body[HISTORY_BODY_MAX], text[512];

	ASSERT(c->stage == CLIENT_READY);
	message = history_message(c->person, to, to_full);
	history_body(message, body);
	(void)snprintf(text, sizeof(text), "<message to='%s' type='chat' id='%s-%u'><body>%s</body></message>", address,
		       history.persons[c->person].name, history.messages[message].seq, body);
	history_add(HISTORY_SEND, c->person, c->session, message);
	add_said(c, message);
	send_stanza(c, text, message);
}

void client_forget_session(struct client *c)
{
	for (size_t i = 0; i < c->sent_count; i++)
		free(c->sent[i].text);
	free(c->sent);
	free(c->said);
	c->sent = NULL;
	c->said = NULL;
	c->sent_count = c->sent_room = c->said_count = 0;
	c->managed = c->confirmed = false;
	c->resume_id[0] = '\0';
	c->asked_us = 0;
}

/* --- acknowledgements --- */

static bool read_h(const char *element, uint64_t *h)
{
	char text[24];

	if (!scan_attribute(element, "h", text, sizeof(text)))
		return false;
	*h = strtoull(text, NULL, 10);
	return true;
}

static void settle(struct client *c, uint64_t h)
{
	size_t done = 0;

	while (done < c->sent_count && c->sent[done].number <= h) {
		if (c->sent[done].message != HISTORY_NONE)
			promised(c, c->sent[done].message, HISTORY_ACK);
		free(c->sent[done++].text);
	}
	c->sent_count -= done;
	memmove(c->sent, c->sent + done, c->sent_count * sizeof(*c->sent));
}

static void acknowledged(struct client *c, uint64_t h)
{
	struct history_entry *e = history_add(HISTORY_COUNT, c->person, c->session, HISTORY_NONE);

	e->number = h;
	e->sent = c->out;
	settle(c, h);
}

static void enabled(struct client *c, const char *element)
{
	char resume[8] = "";

	c->in = 0;
	c->confirmed = true;
	if (c->resumes && scan_attribute(element, "resume", resume, sizeof(resume)) && strcmp(resume, "true") == 0 &&
	    !scan_attribute(element, "id", c->resume_id, sizeof(c->resume_id)))
		wrong(c, "a resumable stream without an id", element);
}

void client_resumed(struct client *c, const char *element)
{
	uint64_t h;

	c->stage = CLIENT_READY;
	history_add(HISTORY_RESUME, c->person, c->session, HISTORY_NONE);
	if (!read_h(element, &h)) {
		wrong(c, "resumed without h", element);
		return;
	}
	acknowledged(c, h);
	for (size_t i = 0; i < c->sent_count; i++) {
		if (c->sent[i].message != HISTORY_NONE)
			history_add(HISTORY_RESEND, c->person, c->session, c->sent[i].message);
		client_write(c, "%s", c->sent[i].text);
	}
	client_ask_ack(c);
	if (c->entered)
		c->entered(c, false);
}

void client_not_resumed(struct client *c, const char *element)
{
	uint64_t h;

	/* After a crash h may be older than what was told before. */
	if (read_h(element, &h))
		settle(c, h);
	client_forget_session(c);
}

/* --- a new session --- */

static void become_somebody(struct client *c)
{
	const char *slash = strchr(c->full, '/');
	char bare[CLIENT_JID_MAX], name[sizeof(c->name) + 12];

	(void)snprintf(bare, sizeof(bare), "%.*s", (int)(slash - c->full), c->full);
	if (!c->anonymous) {
		if (strcmp(bare, c->bare) != 0)
			wrong(c, "bound under another name", c->full);
		return;
	}
	memcpy(c->bare, bare, sizeof(bare));
	(void)snprintf(name, sizeof(name), "%s.%u", c->name, ++c->incarnation);
	c->person = history_person(name, bare, c->class, false);
}

static void ask_roster(struct client *c)
{
	c->asked_us = sim_now();
	send_stanza(c, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>", HISTORY_NONE);
}

void client_begin_session(struct client *c)
{
	if (!strchr(c->full, '/')) {
		wrong(c, "bound to a bare address", c->full);
		return;
	}
	client_forget_session(c);
	become_somebody(c);
	history.persons[c->person].acknowledges = c->manages;
	c->session++;
	c->stage = CLIENT_READY;
	history_add(HISTORY_LOGIN, c->person, c->session, HISTORY_NONE);
	if (c->manages) {
		client_write(c, "<enable xmlns='urn:xmpp:sm:3'%s/>", c->resumes ? " resume='true'" : "");
		c->managed = true;
		c->in = c->out = 0;
	}
	if (c->asks_roster)
		ask_roster(c);
	if (c->sends_presence)
		send_stanza(c, "<presence/>", HISTORY_NONE);
	if (c->entered)
		c->entered(c, true);
}

/* --- stanzas --- */

static uint32_t own_message(const struct client *c, const char *id)
{
	const char *name = history.persons[c->person].name;
	size_t n = strlen(name);
	unsigned seq = strncmp(id, name, n) == 0 && id[n] == '-' ? (unsigned)strtoul(id + n + 1, NULL, 10) : 0;

	for (uint32_t i = history.message_count; i > 0; i--)
		if (history.messages[i - 1].sender == c->person && history.messages[i - 1].seq == seq)
			return i - 1;
	return HISTORY_NONE;
}

static uint32_t person_of(const char *jid)
{
	return history_find_bare(jid, strcspn(jid, "/"));
}

static void on_notice(struct client *c, const char *element, const char *from)
{
	bool left = strstr(element, "kind='visitor-disconnected'") != NULL;
	char id[48] = "", at[40] = "";
	struct history_entry *e;

	if (!left && !strstr(element, "kind='visitor-returned'"))
		return;
	if (!scan_attribute(element, "id", id, sizeof(id)) || !scan_attribute(strstr(element, "<event "), "at", at, sizeof(at)))
		wrong(c, "a notice without id or time", element);
	e = history_add(left ? HISTORY_LEFT : HISTORY_RETURNED, c->person, c->session, HISTORY_NONE);
	e->other = person_of(from);
	e->number = history_hash(at);
	e->sent = history_hash(id);
}

/* A seat's roster shows its visitors, in groups that say whether they are here (docs/live-chat-protocol.md, 2). */
static void on_items(struct client *c, const char *element)
{
	char jid[CLIENT_JID_MAX], subscription[16];

	for (const char *item = strstr(element, "<item "); item; item = strstr(item + 1, "<item ")) {
		enum history_kind kind = HISTORY_SHOWN_HERE;
		const char *gone = strstr(item, "已离开"), *next = strstr(item + 1, "<item ");

		if (!scan_attribute(item, "jid", jid, sizeof(jid)) || !scan_attribute(item, "subscription", subscription, sizeof(subscription)))
			continue;
		if (strcmp(subscription, "remove") == 0)
			kind = HISTORY_SHOWN_NOT;
		else if (gone && (!next || gone < next))
			kind = HISTORY_SHOWN_GONE;
		if (person_of(jid) != HISTORY_NONE)
			history_add(kind, c->person, c->session, HISTORY_NONE)->other = person_of(jid);
	}
}

static void on_bounce(struct client *c, const char *element)
{
	char id[32] = "";
	uint32_t message = HISTORY_NONE;

	if (scan_attribute(element, "id", id, sizeof(id)))
		message = own_message(c, id);
	if (message == HISTORY_NONE)
		wrong(c, "an error for a message it never sent", element);
	else
		history_add(HISTORY_BOUNCE, c->person, c->session, message);
}

/* Robots are told when somebody else has had the conversation in between. */
static uint64_t epoch_of(const char *element)
{
	const char *assigned = strstr(element, "<assigned ");
	char text[16];

	return assigned && scan_attribute(assigned, "epoch", text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

static void on_message(struct client *c, const char *element)
{
	char type[16] = "", from[CLIENT_JID_MAX] = "";
	struct span body;
	struct history_entry *e;
	uint32_t message;

	(void)scan_attribute(element, "type", type, sizeof(type));
	if (!scan_attribute(element, "from", from, sizeof(from)))
		wrong(c, "a message without from", element);
	if (strcmp(type, "error") == 0) {
		on_bounce(c, element);
	} else if (strstr(element, "<event xmlns='urn:switchboard:desk:1'")) {
		on_notice(c, element, from);
	} else if (scan_text(element, "body", &body)) {
		message = history_read_body(body.p, body.n);
		if (message == HISTORY_NONE) {
			wrong(c, "a body that nobody wrote", element);
			return;
		}
		if (mutant == CLIENT_LOSES && sim_chance(30))
			return;
		e = history_add(HISTORY_RECEIVE, c->person, c->session, message);
		e->other = person_of(from);
		e->number = epoch_of(element);
		e->acknowledges = c->confirmed;
		if (c->heard)
			c->heard(c, from, message);
	}
}

static void on_iq(struct client *c, const char *element)
{
	char type[16] = "", id[64] = "", jid[CLIENT_JID_MAX];
	const char *item;

	(void)scan_attribute(element, "type", type, sizeof(type));
	(void)scan_attribute(element, "id", id, sizeof(id));
	if (c->class == HISTORY_SEAT && (strcmp(type, "set") == 0 || strcmp(id, "roster") == 0))
		on_items(c, element);
	if (strcmp(type, "set") == 0) {
		char text[160];

		(void)snprintf(text, sizeof(text), "<iq type='result' id='%s'/>", id);
		send_stanza(c, text, HISTORY_NONE);
	} else if (strcmp(id, "roster") == 0) {
		c->asked_us = 0;
		item = strstr(element, "<item ");
		if (item && scan_attribute(item, "jid", jid, sizeof(jid)))
			memcpy(c->contact, jid, sizeof(jid));
		else if (c->class == HISTORY_VISITOR)
			wrong(c, "a visitor's roster without its one item", element);
	}
}

void client_stanza(struct client *c, const char *element)
{
	bool counts = scan_is(element, "message") || scan_is(element, "iq") || scan_is(element, "presence");
	uint64_t h;

	c->in += counts;
	if (scan_is(element, "message"))
		on_message(c, element);
	else if (scan_is(element, "iq"))
		on_iq(c, element);
	else if (scan_is(element, "r"))
		client_write(c, "<a xmlns='urn:xmpp:sm:3' h='%" PRIu64 "'/>", c->in);
	else if (scan_is(element, "a") && read_h(element, &h))
		acknowledged(c, h);
	else if (scan_is(element, "enabled"))
		enabled(c, element);
	else if (!counts)
		wrong(c, "an element nobody asked for", element);
}

void client_check_at_rest(struct client *c)
{
	if (c->wanted && c->stage != CLIENT_READY)
		history_wrong(c->person, c->session, "%s is not back when all is quiet (stage %d)", c->name, (int)c->stage);
	if (c->asked_us && c->asked_us + CLIENT_ROSTER_WAIT_US < sim_now())
		history_wrong(c->person, c->session, "%s asked for its roster and got no answer", c->name);
}
