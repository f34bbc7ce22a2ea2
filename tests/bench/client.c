/* A user's way from connecting to chat, and the event loop. */
#include "loadgen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

uint64_t probe_arrival_us;

/* The crowd of a storm has a set of its own, of which a turn takes a few: what the others measure shall be the server's time and
 * not that of a generator that is busy with the crowd. */
#define CROWD_A_TURN 16
static int epoll_fd, crowd_epoll_fd;
static bool input_ended;

void client_setup(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &crowd_epoll_fd };

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	crowd_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, crowd_epoll_fd, &event);
}

bool client_watch_input(void)
{
	static bool watching;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	if (!watching && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
		die("standard input", strerror(errno));
	watching = true;
	return !input_ended;
}

static int epoll_of(const struct user *u)
{
	return u < users + opt.users + 2 ? epoll_fd : crowd_epoll_fd;
}

static void put(struct user *u, const char *xml, size_t n)
{
	switch (u->transport) {
	case BOSH: bosh_send(u, xml, n); break;
	case WEBSOCKET: websocket_send(u, xml, n); break;
	default: wire_put(u, xml, n);
	}
}

static void put_text(struct user *u, const char *xml)
{
	put(u, xml, strlen(xml));
}

/* On a TCP stream stanzas inherit their namespace; in a BOSH body and in a WebSocket frame they say it. */
static const char *stanza_ns(const struct user *u)
{
	return u->transport == BOSH || u->transport == WEBSOCKET ? " xmlns='jabber:client'" : "";
}

void client_greet(struct user *u)
{
	char text[512];

	if (u->transport == BOSH) {
		bosh_greet(u);
		return;
	}
	if (u->transport == WEBSOCKET) {
		websocket_greet(u);
		return;
	}
	snprintf(text, sizeof(text),
		 "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
		 "to='%s' version='1.0'>", opt.domain);
	put_text(u, text);
}

void client_chat(struct user *from, struct user *to)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "<message%s to='%s' type='chat' id='m'><body>t%lluf%u</body></message>", stanza_ns(from),
			 to->jid, (unsigned long long)now_us(), (unsigned)(from - users));

	sent++;
	put(from, text, (size_t)n);
}

void client_start(struct user *u, enum transport transport, uint16_t port)
{
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = u };

	u->transport = (uint8_t)transport;
	u->begin_us = now_us();
	u->fd = wire_connect(port, (uint32_t)(u - users));
	epoll_ctl(epoll_of(u), EPOLL_CTL_ADD, u->fd, &event);
	u->stage = CONNECTING;
}

void client_drop(struct user *u)
{
	SSL_free(u->ssl);
	close(u->fd);
	free(u->in);
	free(u->bosh);
	free(u->scram);
	*u = (struct user){ 0 };
}

/* What a message is answered with: in pairs the partner's next one, in a fan-in the sender's. */
static void answer(struct user *u, unsigned from)
{
	if (opt.messages && sent >= opt.messages)
		return;
	if (opt.receivers)
		client_chat(&users[from], u);
	else
		client_chat(u, &users[(size_t)(u - users) ^ 1u]);
}

static void take_message(struct user *u, const char *body)
{
	char *end;

	if (!body)
		return;
	report_latency(now_us() - strtoull(body + 7, &end, 10));
	received++;
	if (u >= users + opt.users)
		probe_arrival_us = now_us();
	else if (opt.rate == 0)
		answer(u, (unsigned)strtoul(end + 1, NULL, 10));
}

static void settle(struct user *u)
{
	char text[64];

	snprintf(text, sizeof(text), "<presence%s/>", stanza_ns(u));
	put_text(u, text);
	/* the server tells a BOSH user its own presence: the answer to this request, then none is open */
	u->stage = u->transport == BOSH ? SETTLING : READY;
	if (u->stage == READY)
		ready++;
}

static size_t take_bind(struct user *u, char *in, size_t n)
{
	char text[128], *jid = memmem(in, n, "<jid>", 5), *end = memmem(in, n, "</iq>", 5);
	size_t length;

	if (!end)
		return 0;
	if (!jid)
		die("bind refused", in);
	jid += 5;
	length = (size_t)((char *)memchr(jid, '<', n - (size_t)(jid - in)) - jid);
	if (length >= sizeof(u->jid))
		die("bind", "a JID over 95 bytes");
	memcpy(u->jid, jid, length);
	if (opt.roster) {
		snprintf(text, sizeof(text), "<iq%s type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", stanza_ns(u));
		put_text(u, text);
		u->stage = ROSTER;
	} else {
		settle(u);
	}
	return (size_t)(end - in) + 5;
}

static size_t take_sasl(struct user *u, char *in, size_t n)
{
	char text[2048], *end, *challenge;

	if (memmem(in, n, "<failure", 8))
		die("login refused", in);
	challenge = memmem(in, n, "<challenge", 10);
	if (challenge) {
		end = memmem(in, n, "</challenge>", 12);
		if (!end)
			return 0;
		challenge = (char *)memchr(challenge, '>', n - (size_t)(challenge - in)) + 1;
		scram_respond(u, challenge, (size_t)(end - challenge), text, sizeof(text));
		put_text(u, text);
		return (size_t)(end - in) + 12;
	}
	if (!(end = memmem(in, n, "<success", 8)) || !(end = memchr(end, '>', n - (size_t)(end - in))))
		return 0;
	if (end[-1] != '/' && !(end = memmem(in, n, "</success>", 10)))
		return 0;
	u->stage = REGREETING;
	client_greet(u);
	return (size_t)(end - in) + (*end == '>' ? 1 : 10);
}

size_t client_understand(struct user *u, char *in, size_t n)
{
	char text[2048], *end;

	switch (u->stage) {
	case GREETING:
	case REGREETING:
		if (!(end = memmem(in, n, "</stream:features>", 18)))
			return 0;
		if (u->stage == GREETING) {
			u->stage = AUTHENTICATING;
			scram_auth(u, text, sizeof(text));
			put_text(u, text);
		} else {
			u->stage = BINDING;
			snprintf(text, sizeof(text), "<iq%s type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
				 stanza_ns(u));
			put_text(u, text);
		}
		return (size_t)(end - in) + 18;
	case AUTHENTICATING: return take_sasl(u, in, n);
	case BINDING: return take_bind(u, in, n);
	case ROSTER:
		if (!(end = memmem(in, n, "</iq>", 5)))
			return 0;
		settle(u);
		return (size_t)(end - in) + 5;
	case READY:
		if (!chatting)
			return n; /* presence of contacts and of oneself */
		if (!(end = memmem(in, n, "</message>", 10)))
			return 0;
		take_message(u, memmem(in, (size_t)(end - in), "<body>t", 7));
		return (size_t)(end - in) + 10;
	default: return 0;
	}
}

static size_t take(struct user *u, char *in, size_t n)
{
	switch (u->transport) {
	case BOSH: return bosh_take(u, in, n);
	case WEBSOCKET: return websocket_take(u, in, n);
	default: return client_understand(u, in, n);
	}
}

static void on_readable(struct user *u)
{
	static char scratch[IN_MAX * 2 + 1];
	size_t have = u->in_len, used = 0, step;
	ptrdiff_t got;

	if (have)
		memcpy(scratch, u->in, have);
	got = wire_get(u, scratch + have, IN_MAX);
	if (got == 0)
		return;
	have += (size_t)got;
	received_bytes += (size_t)got;
	scratch[have] = '\0';
	while (used < have && (step = take(u, scratch + used, have - used)) > 0)
		used += step;
	have -= used;
	if (have > IN_MAX)
		die("answer too long", "64 KiB without an end");
	if (have) {
		u->in = realloc(u->in, have);
		memcpy(u->in, scratch + used, have);
	} else if (u->in) {
		free(u->in);
		u->in = NULL;
	}
	u->in_len = (uint32_t)have;
}

static void connected(struct user *u)
{
	if (opt.raw) {
		/* as long as a real one */
		strcpy(u->jid, "v-2345672345672345672345@localhost/abcdefghij");
		u->stage = READY;
		ready++;
	} else if (u->transport == WEBSOCKET) {
		u->stage = UPGRADING;
		websocket_upgrade(u);
	} else {
		u->stage = GREETING;
		client_greet(u);
	}
}

static void advance(struct user *u)
{
	struct epoll_event in = { .events = EPOLLIN, .data.ptr = u };

	if (u->stage == CONNECTING) {
		epoll_ctl(epoll_of(u), EPOLL_CTL_MOD, u->fd, &in);
		u->stage = HANDSHAKE;
	}
	if (u->stage == HANDSHAKE) {
		if (u->transport != TLS || wire_handshake(u))
			connected(u);
		return;
	}
	do
		on_readable(u);
	while (wire_has_more(u));
}

void client_turn(int wait_ms)
{
	struct epoll_event events[512];
	int n = epoll_wait(epoll_fd, events, 512, wait_ms);
	bool crowd = false;
	char byte;

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &crowd_epoll_fd)
			crowd = true;
		else if (events[i].data.ptr)
			advance(events[i].data.ptr);
		else if (read(STDIN_FILENO, &byte, 1) <= 0)
			input_ended = true;
	}
	n = crowd ? epoll_wait(crowd_epoll_fd, events, CROWD_A_TURN, 0) : 0;
	for (int i = 0; i < n; i++)
		advance(events[i].data.ptr);
}
