/* A load generator for XMPP: one thread, epoll. It measures from outside what a server does: logins per second, messages per
 * second in a closed loop, latency at an offered rate; and it can hold idle sessions while somebody looks at the server's
 * memory.
 *
 *   loadgen --port P --domain D --users N [--window W] MODE
 *     login            connect and log in N users: logins/s
 *     idle             log in, print "idle", hold them until the end of input
 *     chat             --seconds S: pairs of users, one message outstanding each: messages/s and latency
 *                      --messages M in place of seconds: so many and no more
 *                      --receivers R: all others send to R users, one message outstanding for each sender
 *                      --probe --http-port H: meanwhile one user logs in over TCP and another one over BOSH and writes to it
 *     offer            --seconds S --rate R: R messages/s spread over the pairs: latency
 *     storm            --crowd C --rate R: R messages/s between the users while C others, all logged in, lose their lines at once
 *                      and come back, --window at a time: latency before it and during it, and how long it took
 *     store            --messages M --http-port H: to accounts that are away, until /metrics says all are stored
 *   --transport tcp|tls|bosh|websocket, --mechanism anonymous|plain|scram-sha-1|scram-sha-256, --roster (ask for it at login)
 *   --raw              no login: the peer is tests/bench/relay, which knows no XMPP
 *
 * One result a line: "name value". Body of a message: its send time, so that latency needs no table, and its sender. */
#include "loadgen.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct options opt = { .domain = "localhost", .mode = "login", .port = 5222, .users = 1000, .window = 64, .seconds = 5 };
struct user *users;
uint32_t started, ready;
uint64_t sent, received, received_bytes;
bool chatting;

void die(const char *what, const char *why)
{
	fprintf(stderr, "loadgen: %s: %s\n", what, why);
	exit(1);
}

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Starts as many of the group as the window has room for; false when all are in. */
static bool log_in_more(struct user *group, uint32_t count)
{
	while (started < count && started - ready < opt.window)
		client_start(&group[started++], opt.transport, opt.port);
	return ready < count;
}

static void log_in(struct user *group, uint32_t count)
{
	started = ready = 0;
	while (log_in_more(group, count))
		client_turn(1000);
}

static void begin_chat(void)
{
	chatting = true;
	puts("chatting"); /* who watches the server's CPU begins here */
	fflush(stdout);
}

/* A new login and a first BOSH message while the server is at its limit: one step a call. */
static void advance_probes(void)
{
	static enum { WAIT_LOGIN = 1, WAIT_BOSH, WAIT_MESSAGE, DONE } step;
	struct user *seat = &users[opt.users], *visitor = seat + 1;

	if (!step) {
		client_start(seat, TCP, opt.port);
		step = WAIT_LOGIN;
	} else if (step == WAIT_LOGIN && seat->stage == READY) {
		printf("probe_login_ms %.3f\n", (double)(now_us() - seat->begin_us) / 1000.0);
		client_start(visitor, BOSH, opt.http_port);
		step = WAIT_BOSH;
	} else if (step == WAIT_BOSH && visitor->stage == READY) {
		client_chat(visitor, seat);
		step = WAIT_MESSAGE;
	} else if (step == WAIT_MESSAGE && probe_arrival_us) {
		printf("probe_bosh_ms %.3f\n", (double)(probe_arrival_us - visitor->begin_us) / 1000.0);
		step = DONE;
	}
}

static void run_closed_loop(void)
{
	uint64_t begin, end;

	begin_chat();
	for (uint32_t i = opt.receivers; i < opt.users && (!opt.messages || i < opt.messages); i++)
		client_chat(&users[i], &users[opt.receivers ? i % opt.receivers : (i ^ 1u)]);
	begin = now_us();
	end = begin + opt.seconds * 1000000ull;
	if (!opt.messages)
		report_reset();
	while (opt.messages ? received < opt.messages : now_us() < end) {
		client_turn(10);
		if (opt.probe && now_us() - begin > (end - begin) / 4)
			advance_probes();
	}
	report_messages(begin);
}

/* The messages that are due, then a turn. */
static void offer_turn(uint64_t begin)
{
	static uint32_t next;
	uint64_t due = (now_us() - begin) * opt.rate / 1000000u;

	for (; sent < due; next = (next + 1) % opt.users)
		client_chat(&users[next], &users[next ^ 1u]);
	client_turn(1);
}

static void await_the_rest(void)
{
	for (uint64_t patience = now_us() + 2000000; received < sent && now_us() < patience;)
		client_turn(10);
	printf("lost %lld\n", (long long)(sent - received));
}

static void run_offered(void)
{
	uint64_t begin, end;

	begin_chat();
	begin = now_us();
	end = begin + opt.seconds * 1000000ull;
	while (now_us() < end)
		offer_turn(begin);
	await_the_rest();
	report_messages(begin);
}

static void run_storm(void)
{
	struct user *crowd = &users[opt.users + 2];
	uint64_t begin, cut;

	log_in(crowd, opt.crowd);
	begin_chat();
	begin = now_us();
	while (now_us() < begin + opt.seconds * 1000000ull)
		offer_turn(begin);
	report_percentiles("before");
	report_forget();
	for (uint32_t i = 0; i < opt.crowd; i++)
		client_drop(&crowd[i]);
	cut = now_us();
	started = ready = 0;
	while (log_in_more(crowd, opt.crowd))
		offer_turn(begin);
	printf("storm_s %.2f\n", (double)(now_us() - cut) / 1e6);
	report_percentiles("storm");
	await_the_rest();
}

/* Until nothing has come for half a second: presence of contacts settles. */
static void run_idle(void)
{
	uint64_t before;

	do {
		before = received_bytes;
		for (uint64_t end = now_us() + 500000; now_us() < end;)
			client_turn(50);
	} while (received_bytes != before);
	puts("idle");
	fflush(stdout);
	while (client_watch_input())
		client_turn(1000);
}

/* The server's own count, by HTTP on a connection of its own. */
static uint64_t stored(void)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	char answer[65536], *line;
	struct pollfd readable = { .fd = wire_connect(opt.http_port, 0), .events = POLLOUT };
	size_t have = 0;
	ssize_t n = 1;

	poll(&readable, 1, 5000);
	(void)!send(readable.fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	for (readable.events = POLLIN; n > 0 && have < sizeof(answer) - 1; have += n > 0 ? (size_t)n : 0) {
		poll(&readable, 1, 5000);
		n = recv(readable.fd, answer + have, sizeof(answer) - 1 - have, 0);
	}
	close(readable.fd);
	answer[have] = '\0';
	line = strstr(answer, "\nswitchboard_offline_stored");
	if (!line)
		die("/metrics", "no count of stored messages");
	return strtoull(strchr(line, ' ') + 1, NULL, 10);
}

static void run_store(void)
{
	uint32_t each = opt.messages / opt.users;
	struct user away = { 0 };
	uint64_t begin;

	begin_chat();
	begin = now_us();
	for (uint32_t k = 0; k < each; k++)
		for (uint32_t i = 0; i < opt.users; i++) {
			snprintf(away.jid, sizeof(away.jid), "u%u@%s", opt.users + i, opt.domain);
			client_chat(&users[i], &away);
		}
	while (stored() < (uint64_t)each * opt.users)
		client_turn(20);
	printf("stored_per_s %.0f\n", (double)each * opt.users * 1e6 / (double)(now_us() - begin));
}

static int position(const char *name, const char *names)
{
	size_t n = strlen(name);
	int at = 0;

	for (const char *next = names; next; at++) {
		if (strncmp(next, name, n) == 0 && (next[n] == '\0' || next[n] == '|'))
			return at;
		next = strchr(next, '|');
		next = next ? next + 1 : NULL;
	}
	die("usage: one of", names);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },      { "domain", required_argument, NULL, 'd' },
		{ "users", required_argument, NULL, 'u' },     { "window", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' },   { "rate", required_argument, NULL, 'r' },
		{ "messages", required_argument, NULL, 'm' },  { "receivers", required_argument, NULL, 'c' },
		{ "transport", required_argument, NULL, 't' }, { "mechanism", required_argument, NULL, 'a' },
		{ "http-port", required_argument, NULL, 'h' }, { "raw", no_argument, NULL, 'x' },
		{ "roster", no_argument, NULL, 'o' },	       { "probe", no_argument, NULL, 'b' },
		{ "crowd", required_argument, NULL, 'q' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint32_t value = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'p': opt.port = (uint16_t)value; break;
		case 'd': opt.domain = optarg; break;
		case 'u': opt.users = value & ~1u; break;
		case 'w': opt.window = value; break;
		case 's': opt.seconds = value; break;
		case 'r': opt.rate = value; break;
		case 'm': opt.messages = value; break;
		case 'c': opt.receivers = value; break;
		case 't': opt.transport = (enum transport)position(optarg, "tcp|tls|bosh|websocket"); break;
		case 'a': opt.mechanism = (enum mechanism)position(optarg, "anonymous|plain|scram-sha-1|scram-sha-256"); break;
		case 'q': opt.crowd = value; break;
		case 'h': opt.http_port = (uint16_t)value; break;
		case 'x': opt.raw = true; break;
		case 'o': opt.roster = true; break;
		case 'b': opt.probe = true; break;
		default: die("usage", "see the top of tests/bench/loadgen.c");
		}
	}
	if (optind != argc - 1 || opt.users <= opt.receivers)
		die("usage", "one mode: login, idle, chat, offer, storm or store");
	opt.mode = argv[optind];
}

int main(int argc, char **argv)
{
	static void (*const modes[])(void) = { NULL, run_idle, run_closed_loop, run_offered, run_store, run_storm };
	struct rlimit files;
	uint64_t begin;
	int mode;

	parse(argc, argv);
	mode = position(opt.mode, "login|idle|chat|offer|store|storm");
	signal(SIGPIPE, SIG_IGN); /* a server that went away is reported by name */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	users = calloc((size_t)opt.users + 2u + opt.crowd, sizeof(*users));
	wire_setup();
	client_setup();
	begin = now_us();
	log_in(users, opt.users);
	printf("logins_per_s %.0f\n", (double)opt.users * 1e6 / (double)(now_us() - begin));
	if (modes[mode])
		modes[mode]();
	return 0;
}
