/* A load generator for XMPP over plain TCP: one thread, epoll, anonymous users. It measures from outside what a server
 * does: logins per second, messages per second in a closed loop, latency at an offered rate, and it can hold idle
 * sessions while somebody looks at the server's memory.
 *
 *   loadgen --port P --domain D --users N [--window W] login            connect and log in N users, report logins/s
 *   …       chat  --seconds S      pairs of users, one message outstanding each: messages/s and latency
 *   …       offer --seconds S --rate R   R messages/s spread over the pairs: latency
 *   …       idle                   log in, print "idle", wait for end of input
 *   … --raw chat|offer             no login: the peer is tests/bench/relay, which knows no XMPP
 *
 * One result a line: "name value". Body of a message: its send time, so that latency needs no table. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum stage { IDLE, CONNECTING, GREETING, AUTHENTICATING, REGREETING, BINDING, READY };

#define IN_MAX 8192

struct user {
	int fd;
	enum stage stage;
	uint32_t in_len;
	char jid[192];
	char *in; /* bytes not yet understood; only while there are some */
};

struct options {
	const char *domain, *mode;
	uint16_t port;
	uint32_t users, window, seconds, rate;
};

static struct options opt = { .domain = "localhost", .mode = "login", .port = 5222, .users = 1000, .window = 64, .seconds = 5 };
static struct user *users;
static int epoll_fd;
static uint32_t started, ready;
static uint64_t received, sent;
static bool chatting, raw;

/* Latency in microseconds: exact below 64, then 32 steps for each power of two (3 % wide). */
#define EXACT 64u
#define STEPS 32u
#define CELLS (EXACT + 40u * STEPS)
static uint64_t histogram[CELLS];

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "loadgen: %s: %s\n", what, why);
	exit(1);
}

static void record(uint64_t us)
{
	unsigned power;

	if (us < EXACT) {
		histogram[us]++;
		return;
	}
	power = 63u - (unsigned)__builtin_clzll(us) - 5u; /* us >> power is in 32..63 */
	histogram[EXACT + (power - 1) * STEPS + ((us >> power) - STEPS)]++;
}

static uint64_t cell_us(size_t cell)
{
	if (cell < EXACT)
		return cell;
	return (STEPS + (cell - EXACT) % STEPS) << ((cell - EXACT) / STEPS + 1);
}

static double percentile_ms(double p)
{
	uint64_t total = 0, seen = 0;

	for (size_t i = 0; i < CELLS; i++)
		total += histogram[i];
	for (size_t i = 0; i < CELLS; i++) {
		seen += histogram[i];
		if (total && (double)seen >= (double)total * p)
			return (double)cell_us(i) / 1000.0;
	}
	return 0;
}

static void put(struct user *u, const char *text, size_t n)
{
	ssize_t done = send(u->fd, text, n, MSG_NOSIGNAL);

	if (done != (ssize_t)n)
		die("send", done < 0 ? strerror(errno) : "the socket is full");
}

static void put_text(struct user *u, const char *text)
{
	put(u, text, strlen(text));
}

static void greet(struct user *u)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
		 "to='%s' version='1.0'>", opt.domain);
	put_text(u, text);
}

static void chat(struct user *from)
{
	struct user *to = &users[(size_t)(from - users) ^ 1u];
	char text[512];
	int n = snprintf(text, sizeof(text), "<message to='%s' type='chat' id='m'><body>t%llu</body></message>", to->jid,
			 (unsigned long long)now_us());

	put(from, text, (size_t)n);
	sent++;
}

static void start_user(struct user *u)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = u };
	int one = 1;

	/* one loopback address has some 28,000 ports: spread over source addresses */
	struct sockaddr_in source = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(u - users) / 20000u) };

	u->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0)
		die("socket", strerror(errno));
	setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(u->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof(one));
	if (opt.users > 20000 && bind(u->fd, (struct sockaddr *)&source, sizeof(source)) != 0)
		die("bind", strerror(errno));
	if (connect(u->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		die("connect", strerror(errno));
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, u->fd, &event);
	u->stage = CONNECTING;
	started++;
}

static void take_message(const char *body)
{
	if (!body)
		return;
	record(now_us() - strtoull(body + 7, NULL, 10));
	received++;
}

/* Looks for the end of what this stage waits for; returns how many bytes are done with. */
static size_t understand(struct user *u, char *in, size_t n)
{
	char *end;

	switch (u->stage) {
	case GREETING:
		if (!(end = memmem(in, n, "</stream:features>", 18)))
			return 0;
		put_text(u, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
		u->stage = AUTHENTICATING;
		return (size_t)(end - in) + 18;
	case AUTHENTICATING:
		if (memmem(in, n, "<failure", 8))
			die("login refused", in);
		if (!(end = memmem(in, n, "<success", 8)) || !(end = memchr(end, '>', n - (size_t)(end - in))))
			return 0;
		greet(u);
		u->stage = REGREETING;
		return (size_t)(end - in) + 1;
	case REGREETING:
		if (!(end = memmem(in, n, "</stream:features>", 18)))
			return 0;
		put_text(u, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
		u->stage = BINDING;
		return (size_t)(end - in) + 18;
	case BINDING: {
		char *jid = memmem(in, n, "<jid>", 5);

		if (!(end = memmem(in, n, "</iq>", 5)))
			return 0;
		if (!jid)
			die("bind refused", in);
		jid += 5;
		memcpy(u->jid, jid, (size_t)((char *)memchr(jid, '<', n - (size_t)(jid - in)) - jid));
		put_text(u, "<presence/>");
		u->stage = READY;
		ready++;
		return (size_t)(end - in) + 5;
	}
	case READY:
		if (!(end = memmem(in, n, "</message>", 10)))
			return 0;
		take_message(memmem(in, (size_t)(end - in), "<body>t", 7));
		if (chatting && opt.rate == 0)
			chat(u);
		return (size_t)(end - in) + 10;
	default:
		return 0;
	}
}

static void on_readable(struct user *u)
{
	static char scratch[IN_MAX * 8];
	size_t have = u->in_len, used = 0, step;
	ssize_t n;

	if (have)
		memcpy(scratch, u->in, have);
	n = recv(u->fd, scratch + have, sizeof(scratch) - have - 1, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		die("the server closed a connection", n < 0 ? strerror(errno) : scratch);
	if (n < 0)
		return;
	have += (size_t)n;
	scratch[have] = '\0';
	while (used < have && (step = understand(u, scratch + used, have - used)) > 0)
		used += step;
	have -= used;
	if (have > IN_MAX)
		die("answer too long", "8 KiB without an end");
	if (have) {
		u->in = realloc(u->in, have);
		memcpy(u->in, scratch + used, have);
	} else {
		free(u->in);
		u->in = NULL;
	}
	u->in_len = (uint32_t)have;
}

static void turn(int wait_ms)
{
	struct epoll_event events[512];
	int n = epoll_wait(epoll_fd, events, 512, wait_ms);

	for (int i = 0; i < n; i++) {
		struct user *u = events[i].data.ptr;

		if (u->stage == CONNECTING) {
			struct epoll_event in = { .events = EPOLLIN, .data.ptr = u };

			epoll_ctl(epoll_fd, EPOLL_CTL_MOD, u->fd, &in);
			if (raw) {
				strcpy(u->jid, "v-2345672345672345672345@localhost/abcdefghij"); /* as long as a real one */
				u->stage = READY;
				ready++;
				continue;
			}
			greet(u);
			u->stage = GREETING;
		} else {
			on_readable(u);
		}
	}
}

static void log_in_all(void)
{
	uint64_t begin = now_us();

	while (ready < opt.users) {
		while (started < opt.users && started - ready < opt.window)
			start_user(&users[started]);
		turn(1000);
	}
	printf("logins_per_s %.0f\n", (double)opt.users * 1e6 / (double)(now_us() - begin));
}

static void report_chat(uint64_t begin)
{
	printf("messages_per_s %.0f\n", (double)received * 1e6 / (double)(now_us() - begin));
	printf("latency_p50_ms %.3f\nlatency_p99_ms %.3f\nlatency_max_ms %.3f\n", percentile_ms(0.50), percentile_ms(0.99),
	       percentile_ms(1.0));
}

static void run_closed_loop(void)
{
	uint64_t begin, end;

	chatting = true;
	for (uint32_t i = 0; i < opt.users; i++)
		chat(&users[i]);
	begin = now_us();
	end = begin + opt.seconds * 1000000ull;
	received = 0;
	memset(histogram, 0, sizeof(histogram));
	puts("chatting");
	fflush(stdout);
	while (now_us() < end)
		turn(10);
	report_chat(begin);
}

static void run_offered(void)
{
	uint64_t begin = now_us(), end = begin + opt.seconds * 1000000ull;
	uint32_t next = 0;

	chatting = true;
	puts("chatting");
	fflush(stdout);
	while (now_us() < end) {
		uint64_t due = (now_us() - begin) * opt.rate / 1000000u;

		for (; sent < due; next = (next + 1) % opt.users)
			chat(&users[next]);
		turn(1);
	}
	for (uint64_t patience = now_us() + 2000000; received < sent && now_us() < patience;)
		turn(10);
	printf("lost %lld\n", (long long)(sent - received));
	report_chat(begin);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },    { "domain", required_argument, NULL, 'd' },
		{ "users", required_argument, NULL, 'u' },   { "window", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' }, { "rate", required_argument, NULL, 'r' },
		{ "raw", no_argument, NULL, 'x' },	     { 0 },
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
		case 'x': raw = true; break;
		default: die("usage", "see the top of tests/bench/loadgen.c");
		}
	}
	if (optind != argc - 1 || opt.users == 0)
		die("usage", "one mode: login, chat, offer or idle");
	opt.mode = argv[optind];
}

int main(int argc, char **argv)
{
	struct rlimit files;

	parse(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	users = calloc(opt.users, sizeof(*users));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	log_in_all();
	if (strcmp(opt.mode, "chat") == 0)
		run_closed_loop();
	else if (strcmp(opt.mode, "offer") == 0)
		run_offered();
	else if (strcmp(opt.mode, "idle") == 0) {
		puts("idle");
		fflush(stdout);
		while (getchar() != EOF)
			;
	} else if (strcmp(opt.mode, "login") != 0) {
		die("unknown mode", opt.mode);
	}
	return 0;
}
