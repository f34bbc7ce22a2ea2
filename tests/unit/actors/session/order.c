/* Random lives of a receiver against steady senders, many seeds: nothing is lost, nothing is invented, nothing comes
 * twice to one client, and what one sender says is read in the order in which it was said. */
#include "world.h"

#define SENDERS 3u
#define STEPS 60u
#define SEEDS 60u

struct life {
	struct world *w;
	uint64_t random;
	unsigned senders[SENDERS], said[SENDERS], heard[SENDERS];
	bool seen[SENDERS][STEPS * 2];
	unsigned out[2];   /* the receiver's clients */
	bool here[2];
	unsigned logins;
};

static unsigned draw(struct life *l, unsigned below)
{
	l->random = l->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(l->random >> 33) % below;
}

/* Reads what a client got. strict: never older than what was heard before. */
static void read_log(struct life *l, unsigned client, bool strict)
{
	const char *log = client_log(l->w, client);
	bool here[SENDERS][STEPS * 2] = { 0 };

	for (const char *p = log; (p = strstr(p, "<body>")); p++) {
		unsigned sender, number;

		assert_int_equal(sscanf(p, "<body>%u %u<", &sender, &number), 2);
		assert_true(sender < SENDERS && number < l->said[sender]);
		assert_false(here[sender][number]); /* twice to one client */
		here[sender][number] = true;
		if (strict && !l->seen[sender][number]) {
			assert_true(number >= l->heard[sender]);
			l->heard[sender] = number;
		}
		l->seen[sender][number] = true;
	}
}

static void say(struct life *l, bool crossing)
{
	unsigned s = draw(l, SENDERS);
	char xml[128];

	(void)snprintf(xml, sizeof(xml), "<message to='romeo@localhost' type='chat'><body>%u %u</body></message>", s, l->said[s]++);
	client_send_later(l->w, l->senders[s], xml);
	if (!crossing)
		world_run(l->w);
}

static void come(struct life *l, unsigned k)
{
	char resource[16];

	if (l->here[k] || l->w->client_count == WORLD_CLIENTS - 1) /* one is for the end */
		return;
	(void)snprintf(resource, sizeof(resource), "r%u", l->logins++);
	l->out[k] = client_new(l->w, "romeo@localhost", resource);
	l->w->clients[l->out[k]].slow = draw(l, 2);
	client_send(l->w, l->out[k], "<presence/>");
	l->here[k] = true;
}

static void go(struct life *l, unsigned k, bool strict)
{
	if (!l->here[k])
		return;
	client_drop(l->w, l->out[k], CLOSE_SOCKET_LOST);
	read_log(l, l->out[k], strict);
	l->here[k] = false;
}

/* Logs in for the last time and takes everything. */
static void take_all(struct life *l, bool strict)
{
	unsigned last;

	go(l, 0, strict);
	go(l, 1, strict);
	world_run(l->w);
	last = client_new(l->w, "romeo@localhost", "last");
	client_send(l->w, last, "<presence/>");
	read_log(l, last, strict);
	for (unsigned s = 0; s < SENDERS; s++) {
		for (unsigned i = 0; i < l->said[s]; i++)
			if (!l->seen[s][i])
				fail_msg("message %u of sender %u is lost", i, s);
		assert_log(l->w, l->senders[s], ""); /* and none was bounced */
	}
	assert_int_equal(world_offline_rows(l->w, "romeo@localhost"), 0);
}

/* One client at a time when `clients` is 1: order is strict then. */
static void live(uint64_t seed, unsigned clients, bool crossing)
{
	static const char *const names[SENDERS] = { "alice@localhost", "carol@localhost", "dave@localhost" };
	struct life l = { .w = world_new_seeded("amp/store-limit[L]=0\n", seed), .random = seed };
	bool strict = clients == 1 && !crossing;

	for (unsigned s = 0; s < SENDERS; s++)
		l.senders[s] = client_online(l.w, names[s], "s");
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned k = draw(&l, clients);

		switch (draw(&l, 10)) {
		case 0: case 1:
			come(&l, k);
			break;
		case 2:
			go(&l, k, strict);
			break;
		case 3:
			if (l.here[k])
				client_writes(l.w, l.out[k]);
			break;
		default:
			say(&l, crossing);
		}
	}
	take_all(&l, strict);
	world_free(l.w);
}

static void one_client_at_a_time_reads_everything_in_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		live(seed, 1, false);
}

static void two_clients_lose_nothing_between_them(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		live(seed, 2, false);
}

/* Messages under way when a connection ends. */
static void nothing_is_lost_at_a_crossing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		live(seed, 1 + seed % 2, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_client_at_a_time_reads_everything_in_order),
		cmocka_unit_test(two_clients_lose_nothing_between_them),
		cmocka_unit_test(nothing_is_lost_at_a_crossing),
	};

	return RUN(tests);
}
