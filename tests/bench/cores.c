/* How the work of routing spreads over W workers, on a machine that has not got so many cores: the whole server under the seeded
 * engine, anonymous users in pairs over memory connections, one message outstanding for each user, and a count of the messages
 * that the pinned actors of each worker handle. No time is measured, so the result is a function of the seed.
 *
 *   cores [--users N] [--messages M] [--seed S] [--check]     M: of each user
 *
 * A row is one W. "handled" is what one chat message costs in actor messages: when it does not grow with W, no worker makes
 * work for another one. "bound" is all work divided by that of the busiest worker: no schedule with W cores is faster than
 * that. The other bound, the longest chain of messages of which each waits for the one before, is the number of users, for
 * each has one message on its way. --check: handled stays within 2 % of one worker's, and the bound at 16 is 12 or more. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/topology.h"
#include "runtime/actor/engine.h"
#include "runtime/io/conn.h"
#include "runtime/io/listener.h"
#include "runtime/log.h"

#define PORT 5222
#define HEADER \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"

enum stage { GREETING, AUTHENTICATING, REGREETING, BINDING, READY };

struct user {
	struct conn *conn;
	struct buf in;
	enum stage stage;
	char jid[128];
	uint32_t sent, received;
};

static struct {
	uint32_t users, messages;
	uint64_t seed;
	bool check;
} opt = { .users = 10000, .messages = 10, .seed = 1 };

static struct user *users;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "cores: %s: %s\n", what, why);
	exit(1);
}

/* --- the users' end of the connections: bytes are noted down, answers come between two runs of the engine --- */

static size_t on_bytes(void *ctx, struct span bytes)
{
	struct user *u = ctx;

	buf_add_span(&u->in, bytes);
	return bytes.n;
}

static void on_closed(void *ctx)
{
	struct user *u = ctx;

	u->conn = NULL;
}

static void say(struct user *u, const char *text)
{
	if (!u->conn)
		die("a connection was closed", u->jid);
	conn_memory_feed(u->conn, span_of(text));
}

static void chat(struct user *u)
{
	const struct user *to = &users[(size_t)(u - users) ^ 1u];
	char text[320];

	(void)snprintf(text, sizeof(text), "<message to='%s' type='chat'><body>%u from %u</body></message>", to->jid,
		       (unsigned)u->sent, (unsigned)(u - users));
	u->sent++;
	say(u, text);
}

/* True when `word` has come; everything up to its end is taken off. */
static bool take(struct user *u, const char *word)
{
	struct span in = buf_span(&u->in);
	const char *at = in.n ? memmem(in.p, in.n, word, strlen(word)) : NULL;

	if (at)
		buf_consume(&u->in, (size_t)(at - in.p) + strlen(word));
	return at != NULL;
}

static void bound(struct user *u)
{
	struct span in = buf_span(&u->in);
	const char *end = memmem(in.p, in.n, "</jid>", 6);

	if (!end || (size_t)(end - in.p) >= sizeof(u->jid))
		die("no address after binding", SERVER_NAME);
	memcpy(u->jid, in.p, (size_t)(end - in.p));
	u->jid[end - in.p] = '\0';
	u->stage = READY;
	say(u, "<presence/>");
}

/* One step of a login, or all messages that have come; true when there was something to do. */
static bool advance(struct user *u)
{
	bool any = false;

	switch (u->stage) {
	case GREETING:
		if (!take(u, "</stream:features>"))
			return false;
		u->stage = AUTHENTICATING;
		say(u, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
		return true;
	case AUTHENTICATING:
		if (!take(u, "<success"))
			return false;
		u->stage = REGREETING;
		say(u, HEADER);
		return true;
	case REGREETING:
		if (!take(u, "</stream:features>"))
			return false;
		u->stage = BINDING;
		say(u, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
		return true;
	case BINDING:
		if (!take(u, "<jid>"))
			return false;
		bound(u);
		return true;
	case READY:
		for (; take(u, "</message>"); any = true) {
			u->received++;
			if (u->sent < opt.messages)
				chat(u);
		}
		return any;
	}
	return false;
}

static void run_until_quiet(void)
{
	bool any;

	do {
		engine_sim_run(0);
		any = false;
		for (uint32_t i = 0; i < opt.users; i++)
			any |= advance(&users[i]);
	} while (any);
}

/* --- one W --- */

struct result {
	uint64_t total, most;
};

static void log_in_all(unsigned workers)
{
	static const struct address from = { .ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 }, .port = 40000 };
	static const struct conn_memory_peer peer = { on_bytes, on_closed };

	for (uint32_t i = 0; i < opt.users; i++) {
		users[i] = (struct user){ .in = BUF_INIT };
		users[i].conn = listener_memory_connect(PORT, i % workers, &from, &peer, &users[i]);
		if (!users[i].conn)
			die("connecting", "refused");
		say(&users[i], HEADER);
		if (i % 64 == 63)
			run_until_quiet();
	}
	run_until_quiet();
	for (uint32_t i = 0; i < opt.users; i++)
		if (users[i].stage != READY)
			die("a login did not end", buf_len(&users[i].in) ? "stopped half-way" : "no answer");
}

static void chat_all(void)
{
	for (uint32_t i = 0; i < opt.users; i++)
		chat(&users[i]);
	run_until_quiet();
	for (uint32_t i = 0; i < opt.users; i++)
		if (users[i].received != opt.messages)
			die("messages are missing", users[i].jid);
}

static struct result measure(unsigned workers)
{
	struct config *conf = config_for_test("--c2s-ports=5222\n--sm-plugins=-starttls\n"
					      "message-router/components/msg-receivers/id-names[s]=c2s,sess-man\n"
					      "--new-connections-throttling=5222:0\n"
					      "sess-man/limits/unauthenticated-total[I]=0\n"
					      "sess-man/limits/visitor/byte-rate[I]=0\n"
					      "sess-man/limits/visitor/stanza-rate[I]=0\n");
	struct server server;
	struct result r = { 0 };
	uint64_t before[SERVER_WORKERS_MAX];
	char *error;

	free(conf->user_db_uri);
	conf->user_db_uri = xstrdup("memory:cores");
	engine_init(&(struct engine_options){ .workers = workers, .simulate = true, .seed = opt.seed });
	error = topology_raise(conf, NULL, &server);
	if (error)
		die("the server does not start", error);
	engine_sim_run(0);
	log_in_all(workers);
	for (unsigned i = 0; i < workers; i++)
		before[i] = engine_sim_handled(i);
	chat_all();
	for (unsigned i = 0; i < workers; i++) {
		uint64_t own = engine_sim_handled(i) - before[i];

		r.total += own;
		r.most = own > r.most ? own : r.most;
	}
	engine_stop();
	topology_lower(&server);
	for (uint32_t i = 0; i < opt.users; i++)
		buf_fini(&users[i].in);
	config_free(conf);
	return r;
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--check") == 0)
			opt.check = true;
		else if (value && strcmp(argv[i], "--users") == 0)
			opt.users = (uint32_t)strtoul(argv[++i], NULL, 10) & ~1u;
		else if (value && strcmp(argv[i], "--messages") == 0)
			opt.messages = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (value && strcmp(argv[i], "--seed") == 0)
			opt.seed = strtoull(argv[++i], NULL, 0);
		else
			die("usage", "cores [--users N] [--messages M] [--seed S] [--check]");
	}
	if (opt.users < 2 || opt.messages < 1)
		die("usage", "two users and one message are the least");
}

int main(int argc, char **argv)
{
	static const unsigned counts[] = { 1, 2, 4, 8, 16 };
	double one = 0;
	bool good = true;

	parse(argc, argv);
	log_set_level(LOG_LEVEL_WARNING);
	users = xcalloc(opt.users, sizeof(*users));
	printf("%u users, %u messages each, seed %" PRIu64 "\n\n", opt.users, opt.messages, opt.seed);
	puts("| workers | handled for a message | busiest worker, times the mean | bound: times one worker |\n|---|---|---|---|");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct result r = measure(counts[i]);
		double each = (double)r.total / ((double)opt.users * opt.messages), speed = (double)r.total / (double)r.most;

		one = i == 0 ? each : one;
		printf("| %u | %.3f | %.3f | %.2f |\n", counts[i], each, counts[i] / speed, speed);
		good &= each <= one * 1.02 && (counts[i] != 16 || speed >= 12);
	}
	free(users);
	if (opt.check && !good)
		die("check", "a message costs more with more workers, or 16 workers cannot be 12 times one");
	return 0;
}
